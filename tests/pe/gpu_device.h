/*
 * What the parts of gpu_device.exe share. Each gpu_device_<topic>.c proves the statements of one
 * topic and ends in their table; gpu_device.c runs the tables in the order of its list. The
 * sentences behind the identities are in spec/kmt_behaviour_device.toml.
 */
#ifndef GPU_DEVICE_H
#define GPU_DEVICE_H

#include "gpu.h"

extern const struct statement adapter_statements[], info_statements[], usage_statements[],
    device_statements[], fence_statements[], stream_statements[], share_statements[],
    priority_statements[], mutex_statements[], display_statements[], escape_statements[],
    hang_statements[];

#define MS 1000000ull /* of virtual time, which is in nanoseconds */

/* Nobody's. */
#define NO_LUID ((LUID){0x77777777, 0x7777})

/* The adapter that most statements are about; the last one is stopped at the end. */
D3DKMT_HANDLE adapter(void);
LUID adapter_luid(void);
D3DKMT_HANDLE last_adapter(void);
LUID last_adapter_luid(void);
int same_luid(LUID a, LUID b);
NTSTATUS open_luid(LUID luid, D3DKMT_HANDLE *ret_adapter);
NTSTATUS close_adapter(D3DKMT_HANDLE handle);
NTSTATUS ask(D3DKMT_HANDLE handle, unsigned type, void *answer, unsigned size);
/* Statistics of the adapter with that LUID, with a number of what is asked for. */
NTSTATUS statistics(LUID luid, unsigned type, HANDLE process, unsigned number,
                    D3DKMT_QUERYSTATISTICS_RESULT *ret_result);

/* Each makes one, or fails the statement. */
D3DKMT_HANDLE make_device(void);
D3DKMT_HANDLE make_device_on(D3DKMT_HANDLE handle);
D3DKMT_HANDLE make_context(D3DKMT_HANDLE device, unsigned node);
NTSTATUS try_context(D3DKMT_HANDLE device, unsigned node, D3DKMT_HANDLE *ret_context);
NTSTATUS drop_device(D3DKMT_HANDLE device);
NTSTATUS drop_context(D3DKMT_HANDLE context);
/* 0: it cannot be read */
unsigned state_of(D3DKMT_HANDLE device);
NTSTATUS mark_failed(D3DKMT_HANDLE device);

struct fence {
    D3DKMT_HANDLE handle, global;
    const volatile ULONG64 *value;
};
#define FLAG(name) D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_##name
NTSTATUS try_object(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *create, D3DKMT_HANDLE device, int type,
                    unsigned flags);
struct fence make_fence(D3DKMT_HANDLE device, ULONG64 first, unsigned flags);
/* A fence of the second kind with its value, a semaphore of 3 or a mutex with its count. */
D3DKMT_HANDLE make_object(D3DKMT_HANDLE device, int type, unsigned first);
NTSTATUS drop_object(D3DKMT_HANDLE object);

NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, ULONG64 value);
NTSTATUS wait_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, ULONG64 value, HANDLE event);
NTSTATUS signal_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, ULONG64 value);
NTSTATUS wait_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, ULONG64 value);
/* The second kind of calls, for all objects that are not monitored fences. */
NTSTATUS signal_old(D3DKMT_HANDLE context, D3DKMT_HANDLE object, ULONG64 value);
NTSTATUS wait_old(D3DKMT_HANDLE context, D3DKMT_HANDLE object, ULONG64 value);
NTSTATUS submit(D3DKMT_HANDLE context, ULONG64 duration);
NTSTATUS wait_idle(D3DKMT_HANDLE device);

/* The program as the other process of a statement (gpu_device_usage.c); does not return. */
void be_the_other(void);

/* Enables a privilege by its number. 0: it is not held, and the statement is skipped. */
int allowed(DWORD privilege);
#define PRIORITY_PRIVILEGE 14u /* SeIncreaseBasePriorityPrivilege */
#define DEBUG_PRIVILEGE    20u /* SeDebugPrivilege */

#endif
