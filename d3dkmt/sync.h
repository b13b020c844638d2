/*
 * Synchronisation objects. A kmt_sync is what a handle names: one opening, with the limits of its
 * device. Behind it is the object itself (sync_core), which lives while openings, queued steps of
 * contexts and waits use it.
 *
 * Each kind is one number of 64 bits:
 *     fence, monitored fence      its value
 *     semaphore, mutex            how often it can be taken now; a mutex that is owned: 0
 *     CPU notification            unused; a signal sets its event
 * A monitored fence and everything shared have their number in the machine (gpu_fence_take), where
 * all processes see it; a program reads it through a mapping of its own that it cannot write. What is
 * shared has a second one, its record, that tells the rest: the global handle names it.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/kmt.h"
#include "memoryapi/object.h"

struct sync_core {
    uint32_t users;
    uint8_t type;            /* D3DDDI_SYNCHRONIZATIONOBJECT_TYPE */
    uint32_t flags;          /* D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_* it was made with */
    uint32_t most;           /* a mutex: 1; a semaphore: its count; else 0 */
    const struct vidmm *mm;  /* the adapter it was made on */
    volatile uint64_t *at;   /* the number; atomic */
    uint64_t own;            /* where `at` points when nobody else sees it */
    uint32_t fence, record;  /* in the machine; VID_NONE: none */
    struct object *event;    /* of a CPU notification */
    struct sync_core *known; /* next of those that other openings may find by their record */
};

/* What may be set for one opening alone. */
#define SYNC_LIMITS                                                                                \
    (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal | D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait |     \
     D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignalMaxValueOnTdr)

struct kmt_sync {
    struct kmt_object object;
    struct kmt_device *device; /* NULL: opened without one */
    struct kmt_link link;      /* in the device */
    struct sync_core *core;
    uint32_t flags; /* of SYNC_LIMITS */
    bool queue;     /* goes with its paging queue, not by itself */
};

struct sync_wish {
    uint8_t type;
    uint32_t flags, most;
    uint64_t first;
    struct object *event; /* a reference that is taken over on success */
};

/* One object of a wait or a signal, with its value when it is a fence. */
struct sync_target {
    struct sync_core *core;
    uint64_t value;
};

/* sync.c */
/* In the child of a fork: nothing is known, nobody waits. */
void sync_begin_child(void);
void sync_wait_begin_child(void);
struct sync_core *sync_ref(struct sync_core *core);
void sync_unref(struct sync_core *core);
static inline uint64_t sync_value(const struct sync_core *core)
{
    return __atomic_load_n(core->at, __ATOMIC_ACQUIRE);
}
static inline bool sync_is_fence(const struct sync_core *core)
{
    return core->type == D3DDDI_FENCE || core->type == D3DDDI_MONITORED_FENCE;
}
/* A new object with one opening. STATUS_NO_MEMORY. */
NTSTATUS sync_create(struct kmt_device *device, const struct sync_wish *wish,
                     struct kmt_sync **ret_sync);
/* Where the program reads a monitored fence; NULL: no memory. */
const void *sync_address(const struct sync_core *core);
void sync_destroy(struct kmt_sync *sync);
/* Its global handle, made at the first time; 0: no memory. pre: made with Shared */
D3DKMT_HANDLE sync_share(struct sync_core *core);
/* Another opening, with its own limits in `flags`. STATUS_INVALID_PARAMETER: no such handle. */
NTSTATUS sync_open(D3DKMT_HANDLE global, uint32_t flags, struct kmt_device *device,
                   struct kmt_sync **ret_sync);
/* Where commands of the GPU write a monitored fence; 0: nowhere. */
D3DGPU_VIRTUAL_ADDRESS sync_gpu_address(const struct sync_core *core);

/*
 * For NT handles (D3DKMTShareObjects). The object behind `handle` of this process as a global name,
 * which sync_open and keyed_open take; STATUS_INVALID_PARAMETER: it was not made for NT handles. An
 * NT handle keeps it alive by an opening of its own (sync_open without a device, keyed_open), which
 * it closes in the end.
 */
NTSTATUS sync_name_for_nt(D3DKMT_HANDLE handle, D3DKMT_HANDLE *ret_name);
NTSTATUS keyed_name_for_nt(D3DKMT_HANDLE handle, D3DKMT_HANDLE *ret_name);
/*
 * A signal arrives. A fence takes the value: `rewind` says that it may be smaller than the one it
 * has, else that is left. Who waits for it is woken; engine_settle lets contexts go on.
 */
void sync_signal(struct sync_core *core, uint64_t value, bool rewind);
/* Whether a wait for all of them would be over now; with `take` mutexes and semaphores are taken. */
bool sync_is_over(const struct sync_target *targets, uint32_t count, bool any, bool take);
/* Its monitored fences tell that the device is gone. */
void sync_device_ended(const struct kmt_device *device);

/* sync_wait.c: waits of the CPU. */
struct sync_wait_request {
    D3DKMT_HANDLE device;
    uint32_t count;
    const D3DKMT_HANDLE *handles;
    const uint64_t *values;
    bool any;
};
/* Blocks. pre: kmt_lock is not held */
NTSTATUS sync_wait(const struct sync_wait_request *request);
/* Sets the event when it is over; takes a reference. STATUS_NO_MEMORY. pre: kmt_lock */
NTSTATUS sync_wait_later(const struct sync_wait_request *request, struct object *event);
/* Waits that are over now are told. */
void sync_wait_settle(void);
/* Those by this opening end. */
void sync_wait_forget(const struct kmt_sync *sync);
bool sync_wait_is_pending(void);
/*
 * Sleeps until something was signaled or destroyed, for `most_ms` at most. kmt_lock is held before and
 * after, not meanwhile. With targets: until one of them changes, by other processes too. pre:
 * `targets` are referenced
 */
#define SYNC_LOOK_AGAIN_MS 100u /* what other processes do to an adapter tells nobody */
void sync_sleep(const struct sync_target *targets, uint32_t count, uint32_t most_ms);
/* Something that is under way becomes complete, on this adapter if possible; else as sync_sleep. */
void sync_let_time_pass(const struct vidmm *mm, const struct sync_target *targets, uint32_t count);
/* Somebody may be sleeping for this. */
void sync_wake(const struct sync_core *core);
