/*
 * What the parts of the program of video memory share. Each gpu_memory_<topic>.c proves the
 * statements of one topic of spec/kmt_behaviour.toml and ends in their table. Every statement has a
 * device and a paging queue of its own, which go with all that it made. The adapter is a small one:
 * 64 MiB of its own, 64 MiB of system memory.
 */
#ifndef GPU_MEMORY_H
#define GPU_MEMORY_H

#include "gpu.h"

#define KIB  (1024ull)
#define MIB  (1024 * KIB)
#define OK   0
#define BAD  ((NTSTATUS)0xC000000D) /* STATUS_INVALID_PARAMETER */
#define FULL ((NTSTATUS)0xC0000017) /* STATUS_NO_MEMORY */
#define GONE ((NTSTATUS)0xC00002B6) /* STATUS_DEVICE_REMOVED */
#define BUSY ((NTSTATUS)0x00000103) /* STATUS_PENDING */

#define LOCAL           WINMEM_GPU_LOCAL
#define NONLOCAL        WINMEM_GPU_NONLOCAL
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What D3DKMTQueryAllocationResidency answers. */
enum { ON_GPU = 1, IN_SHARED, NOWHERE };

/* The function of one statement, between its device's making and its end. */
#define PROVE(number)                                                                              \
    static void prove##number(void);                                                               \
    static void kmt##number(void)                                                                  \
    {                                                                                              \
        begin();                                                                                   \
        prove##number();                                                                           \
        end();                                                                                     \
    }                                                                                              \
    static void prove##number(void)
extern const struct statement offer_statements[], reclaim_statements[], residency_statements[],
    budget_statements[], create_statements[], lock_statements[], life_statements[],
    address_statements[], share_statements[], property_statements[], stream_statements[],
    handle_statements[];

extern D3DKMT_HANDLE adapter, device, queue;
/* The first of the two; FALSE: they are not those that the program needs. */
BOOL open_adapter(void);
extern LUID luid;
extern const volatile UINT64 *fence; /* of the queue */

/* A new device and queue; what there was before goes. */
void begin(void);
void end(void);
D3DKMT_HANDLE make_device(void);
NTSTATUS destroy_device(D3DKMT_HANDLE which);
D3DKMT_HANDLE make_queue(D3DKMT_HANDLE on);
void remove_device(void);
/* Waits until the queue has reached it; FALSE: it does not. */
BOOL reached(UINT64 value);

/* An allocation of local memory, or 0. */
D3DKMT_HANDLE make(UINT64 size);
D3DKMT_HANDLE make_in(UINT64 size, UINT segments, UINT preferred);
D3DKMT_HANDLE make_on(D3DKMT_HANDLE on, UINT64 size, UINT segments, UINT preferred);
/* Allocations of 1 MiB of local memory; 0 where it failed. */
D3DKMT_HANDLE make_resource(D3DKMT_HANDLE *allocations, UINT count, UINT flags);
NTSTATUS create(D3DKMT_HANDLE resource, D3DKMT_HANDLE *allocations, UINT count, UINT flags,
                D3DKMT_HANDLE *ret_resource, D3DKMT_HANDLE *ret_share);
NTSTATUS destroy(D3DKMT_HANDLE allocation);

NTSTATUS resident(D3DKMT_HANDLE allocation);
NTSTATUS resident_all(const D3DKMT_HANDLE *list, UINT count, UINT flags, D3DDDI_MAKERESIDENT *data);
NTSTATUS evict(D3DKMT_HANDLE allocation, UINT flags);
NTSTATUS evict_all(const D3DKMT_HANDLE *list, UINT count, UINT flags, UINT64 *ret_trim);
/* ON_GPU, IN_SHARED, NOWHERE; 0: the question was refused. */
UINT place_of(D3DKMT_HANDLE allocation);
UINT place_of_resource(D3DKMT_HANDLE resource);

NTSTATUS offer(D3DKMT_HANDLE allocation, UINT priority, UINT flags);
NTSTATUS offer_all(const D3DKMT_HANDLE *list, UINT count, UINT priority, UINT flags);
/* D3DDDI_RECLAIM_RESULT_*; 99: the call failed. */
UINT reclaim(D3DKMT_HANDLE allocation);
NTSTATUS reclaim_all(const D3DKMT_HANDLE *list, UINT count, UINT *results);

void *lock(D3DKMT_HANDLE allocation);
NTSTATUS lock_status(D3DKMT_HANDLE allocation);
NTSTATUS unlock(D3DKMT_HANDLE allocation);
/* Every 8 bytes get another number, made of `seed`. */
void fill(D3DKMT_HANDLE allocation, UINT64 size, UINT64 seed);
BOOL holds(D3DKMT_HANDLE allocation, UINT64 size, UINT64 seed);
BOOL is_zero(D3DKMT_HANDLE allocation, UINT64 size);

NTSTATUS set_priority(D3DKMT_HANDLE allocation, UINT priority);
UINT priority_of(D3DKMT_HANDLE allocation);

D3DKMT_QUERYVIDEOMEMORYINFO memory(UINT group);
NTSTATUS reserve(UINT group, UINT64 bytes);

/* So many allocations of 20 MiB are made resident, to need the room. */
void press(unsigned count);

#endif
