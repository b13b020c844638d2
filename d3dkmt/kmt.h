/*
 * What one process has of the graphics kernel: objects and the handles that name them.
 *
 *     adapter     one opening of an adapter (D3DKMTOpenAdapter...); every opening has its own handle
 *     device      made on an adapter; owns everything below. Outlives the adapter handle.
 *     context, paging queue, sync object, resource, allocation      made on a device
 *
 * A call (kmt_<family>.c, the faces):
 *   1. copies what the caller points to, lists too; nothing is locked
 *   2. kmt_lock(): finds the objects, checks them, lets the engine work (vidmm_lock inside)
 *   3. kmt_unlock(), then writes what the caller gets; where a failure to write must not lose
 *      anything, the place was tried before step 2
 * Objects are found, changed and destroyed under kmt_lock only, and caller's memory is never touched
 * under it. A wait that blocks holds a reference instead of the lock.
 *
 * LOCK ORDER: kmt_lock, then vidmm_lock, then the memory manager's locks.
 */
#pragma once

#include <winmem/d3dkmthk.h>
#include "d3dkmt/list.h"
#include "d3dkmt/vidmm.h"

#define KMT_NODES VID_NODES

enum kmt_type {
    KMT_FREE,
    KMT_ADAPTER,
    KMT_DEVICE,
    KMT_CONTEXT,
    KMT_PAGING_QUEUE,
    KMT_SYNC,
    KMT_KEYED_MUTEX,
    KMT_RESOURCE,
    KMT_ALLOCATION,
};

struct kmt_object {
    D3DKMT_HANDLE handle; /* 0: none */
    uint8_t type;         /* enum kmt_type */
};

struct kmt_adapter {
    struct kmt_object object;
    uint32_t arrival; /* of the adapter as it was opened: a later one is another */
    const struct vidmm *mm;
};

struct kmt_context;

struct kmt_device {
    struct kmt_object object;
    const struct vidmm *mm;
    uint32_t resets;        /* of the adapter as it was made: a later one made it lost */
    uint32_t flags;         /* D3DKMT_CREATEDEVICEFLAGS_* */
    uint32_t ended;         /* D3DKMT_DEVICEEXECUTION_*: how it was lost, once seen; 0: it works */
#define KMT_QUEUED_LIMIT 3u /* frames at first, as IDXGIDevice1::SetMaximumFrameLatency has it */
    uint32_t queued_limit;  /* D3DKMTSetQueuedLimit */
    bool in_error;          /* D3DKMTMarkDeviceAsError, or a call that was to succeed did not */
    struct kmt_context *context; /* its own, in legacy mode; else NULL */
    struct kmt_link contexts, paging_queues, syncs, resources; /* heads */
    struct kmt_link allocations;                               /* head: those without a resource */
};

struct kmt_resource {
    struct kmt_object object;
    struct kmt_device *device;
    struct kmt_link link;        /* in the device */
    struct kmt_link allocations; /* head */
    uint32_t count;
    bool keyed;                         /* shared together with a keyed mutex */
    struct kmt_share *share;            /* how others may open it; NULL: they cannot */
    uint32_t flags;                     /* D3DKMT_CREATEALLOCATIONFLAGS_* */
    uint32_t runtime_size, driver_size; /* bytes */
    void *runtime_data, *driver_data;   /* private data, malloc'd */
};

struct kmt_allocation {
    struct kmt_object object;
    uint32_t opening; /* in the device's adapter */
    uint32_t driver_size;
    struct kmt_device *device;
    struct kmt_resource *resource; /* NULL: it stands alone */
    struct kmt_link link;          /* in the resource, or in the device without one */
    struct kmt_link mapped;        /* pieces of GPU addresses (gpuva.h): head */
    void *contents;                /* where the CPU sees it; NULL: never was locked */
    void *driver_data; /* private data of the driver, for who opens it; malloc'd, or NULL */
    uint8_t kind;      /* enum kmt_contents */
    bool lost;         /* the contents are, until the CPU sees them again */
    bool primary;      /* D3DDDI_ALLOCATIONINFO: for a display */
    bool opened;       /* and made by another process */
    bool marked;       /* by a walk that looks for handles that stand twice */
    uint16_t pins;     /* D3DKMTPinResources */
};

/* a million of them are made: with what malloc adds no more than 96 bytes */
_Static_assert(sizeof(struct kmt_allocation) <= 88, "small");

/* kmt_handle.c */
void kmt_lock(void);
void kmt_unlock(void);
/*
 * A fork: nothing is half done meanwhile, and the child begins with no handles. The child has let go
 * of the machine before kmt_begin_child.
 */
void kmt_stop_for_fork(void);
void kmt_go_after_fork(void);
void kmt_begin_child(void);
extern uint32_t kmt_generation; /* counts forks that led to this process; under kmt_lock */
/* A new handle for the object. False: there are no more. */
bool kmt_handle_create(struct kmt_object *object, enum kmt_type type);
void kmt_handle_destroy(struct kmt_object *object);
/* NULL: no such object of that type. */
void *kmt_find(D3DKMT_HANDLE handle, enum kmt_type type);
/* Every object of a type, until `each` returns false. Objects may be destroyed meanwhile. */
void kmt_for_each(enum kmt_type type, bool (*each)(struct kmt_object *object, void *context),
                  void *context);

/* hProcess of a call: NULL, or this process. STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED. */
NTSTATUS kmt_check_process(HANDLE process);

/* kmt_copy.c: the caller's memory; nothing may be locked. */
/*
 * A list of `count` elements of `size` bytes: in `room` (of `room_count` elements) or malloc'd.
 * STATUS_ACCESS_VIOLATION, STATUS_NO_MEMORY, STATUS_INVALID_PARAMETER (no list, or too long).
 */
NTSTATUS kmt_copy_list(const void *list, uint32_t count, size_t size, void *room,
                       uint32_t room_count, void **ret_list);
void kmt_free_list(void *list, void *room);
/* Private data, malloc'd; NULL for none. STATUS_INVALID_PARAMETER: beyond KMT_DATA_MOST bytes. */
NTSTATUS kmt_copy_data(const void *data, uint32_t size, void **ret_data);
#define KMT_DATA_MOST (1u << 20)
/* Whether all of it can be written: before something is done that cannot be told otherwise. */
bool kmt_can_write(void *at, size_t size);
#define KMT_LIST_MOST (1u << 20) /* elements in one call */

/* device.c */
/* The device that a call is about; the call begins (clock_call). NULL: there is none. */
struct kmt_device *kmt_begin_device(D3DKMT_HANDLE handle);
struct kmt_device *kmt_device_create(const struct vidmm *mm, uint32_t flags);
/* With all that it owns. */
void kmt_device_destroy(struct kmt_device *device);
/* In legacy mode, before anybody knows the device. STATUS_NO_MEMORY. */
NTSTATUS kmt_device_add_context(struct kmt_device *device);
/*
 * It works no more, for a reason of D3DKMT_DEVICEEXECUTION_*: what it has under way is dropped, its
 * monitored fences have their largest value. Nothing changes when it is so already. pre: kmt_lock
 */
void device_end(struct kmt_device *device, uint32_t reason);
/*
 * STATUS_DEVICE_REMOVED when its adapter was stopped or removed, or reset since it was made, or it
 * was marked as in error; else STATUS_SUCCESS.
 */
NTSTATUS kmt_device_state(const struct kmt_device *device);
/* A device that can work: STATUS_INVALID_PARAMETER without one, or kmt_device_state. */
NTSTATUS kmt_use_device(D3DKMT_HANDLE handle, struct kmt_device **ret_device);
