/* Synchronisation objects: their life, their numbers, signals. */
#include "d3dkmt/sync.h"

#include <stdlib.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/state.h"

/*
 * A record, as one number: from the lowest bit 14 of the fence, 32 of `most`, 1 for the flag
 * NoSignalMaxValueOnTdr, 4 of the adapter, 3 of the type, 10 of mark.
 */
#define RECORD_MARK    0x3E5ull
#define RECORD_MOST    VID_FENCE_BITS
#define RECORD_KEEP    46
#define RECORD_ADAPTER 47
#define RECORD_TYPE    51
#define RECORD_MARKED  54
_Static_assert(RECORD_MOST + 32 == RECORD_KEEP, "a fence and `most` are below the flag");

/* Global handles have a highest bit of their own; no object's handle looks like one. */
#define GLOBAL_MARK   0x80000000u
#define GLOBAL_FACTOR 64u
#define GLOBAL_LOW    2u

#define KEEP_VALUE D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignalMaxValueOnTdr
/* Where fences lie in the GPU's addresses: above all that a program can reserve. */
#define GPU_ADDRESS 0x0000800000000000ull

#define SHARED D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared

static struct sync_core *known; /* those with a record; under kmt_lock */

struct sync_core *sync_ref(struct sync_core *core)
{
    core->users++;
    return core;
}

static void forget(struct sync_core *core)
{
    struct sync_core **at = &known;
    while (*at && *at != core)
        at = &(*at)->known;
    if (*at)
        *at = core->known;
}

void sync_unref(struct sync_core *core)
{
    if (!core || --core->users)
        return;
    if (core->record)
        forget(core);
    gpu_fence_give(core->record);
    gpu_fence_give(core->fence);
    object_unref(core->event);
    free(core);
}

static struct sync_core *make_core(const struct vidmm *mm, const struct sync_wish *wish)
{
    struct sync_core *core = calloc(1, sizeof *core);
    if (!core)
        return NULL;
    core->users = 1;
    core->type = wish->type;
    core->flags = wish->flags;
    core->most = wish->most;
    core->mm = mm;
    core->at = &core->own;
    if (wish->type == D3DDDI_MONITORED_FENCE || wish->flags & SHARED) {
        core->fence = gpu_fence_take();
        if (!core->fence) {
            free(core);
            return NULL;
        }
        core->at = gpu_fence_value(core->fence);
    }
    __atomic_store_n(core->at, wish->first, __ATOMIC_RELEASE);
    return core;
}

/* Takes over the reference to the core. */
static NTSTATUS open_core(struct sync_core *core, struct kmt_device *device, uint32_t flags,
                          struct kmt_sync **ret_sync)
{
    struct kmt_sync *sync = calloc(1, sizeof *sync);
    if (!sync || !kmt_handle_create(&sync->object, KMT_SYNC)) {
        free(sync);
        sync_unref(core);
        return STATUS_NO_MEMORY;
    }
    sync->core = core;
    sync->device = device;
    sync->flags = flags;
    link_init(&sync->link);
    if (device)
        link_add(&device->syncs, &sync->link);
    *ret_sync = sync;
    return STATUS_SUCCESS;
}

NTSTATUS sync_create(struct kmt_device *device, const struct sync_wish *wish,
                     struct kmt_sync **ret_sync)
{
    struct sync_core *core = make_core(device->mm, wish);
    NTSTATUS status = core ? open_core(core, device, wish->flags, ret_sync) : STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS)
        core->event = wish->event;
    return status;
}

const void *sync_address(const struct sync_core *core)
{
    return gpu_fence_address(core->fence);
}

void sync_destroy(struct kmt_sync *sync)
{
    sync_wait_forget(sync);
    kmt_handle_destroy(&sync->object);
    link_remove(&sync->link);
    sync_wake(sync->core);
    sync_unref(sync->core);
    free(sync);
}

static uint64_t record_of(const struct sync_core *core)
{
    return RECORD_MARK << RECORD_MARKED | (uint64_t)core->type << RECORD_TYPE |
           (uint64_t)vidmm_index(core->mm) << RECORD_ADAPTER |
           (uint64_t)(core->flags & KEEP_VALUE ? 1 : 0) << RECORD_KEEP |
           (uint64_t)core->most << RECORD_MOST | core->fence;
}

D3DKMT_HANDLE sync_share(struct sync_core *core)
{
    if (!core->record) {
        core->record = gpu_fence_take();
        if (!core->record)
            return 0;
        __atomic_store_n(gpu_fence_value(core->record), record_of(core), __ATOMIC_RELEASE);
        core->known = known;
        known = core;
    }
    return GLOBAL_MARK | core->record * GLOBAL_FACTOR | GLOBAL_LOW;
}

/* What another process described. NULL: *ret_status tells why. */
static struct sync_core *read_record(uint32_t record, NTSTATUS *ret_status)
{
    *ret_status = STATUS_INVALID_PARAMETER;
    if (!gpu_fence_hold(record))
        return NULL;
    uint64_t what = __atomic_load_n(gpu_fence_value(record), __ATOMIC_ACQUIRE);
    uint32_t fence = what & ((1u << RECORD_MOST) - 1), adapter = what >> RECORD_ADAPTER & 15;
    struct sync_core *core = NULL;
    if (what >> RECORD_MARKED == RECORD_MARK && adapter < gpu_adapter_count() &&
        gpu_fence_hold(fence)) {
        core = calloc(1, sizeof *core);
        *ret_status = core ? STATUS_SUCCESS : STATUS_NO_MEMORY;
        if (!core)
            gpu_fence_give(fence);
    }
    if (!core) {
        gpu_fence_give(record);
        return NULL;
    }
    core->users = 1;
    core->type = what >> RECORD_TYPE & 7;
    core->flags = SHARED | (what >> RECORD_KEEP & 1 ? KEEP_VALUE : 0);
    core->most = (uint32_t)(what >> RECORD_MOST);
    core->mm = gpu_adapter(adapter);
    core->fence = fence;
    core->record = record;
    core->at = gpu_fence_value(fence);
    core->known = known;
    known = core;
    return core;
}

NTSTATUS sync_open(D3DKMT_HANDLE global, uint32_t flags, struct kmt_device *device,
                   struct kmt_sync **ret_sync)
{
    uint32_t record = (global & ~GLOBAL_MARK) / GLOBAL_FACTOR;
    struct sync_core *core = known;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (!record || global != (GLOBAL_MARK | record * GLOBAL_FACTOR | GLOBAL_LOW))
        return status;
    while (core && core->record != record)
        core = core->known;
    core = core ? sync_ref(core) : read_record(record, &status);
    return core ? open_core(core, device, flags | (core->flags & ~SYNC_LIMITS), ret_sync) : status;
}

NTSTATUS sync_name_for_nt(D3DKMT_HANDLE handle, D3DKMT_HANDLE *ret_name)
{
    const struct kmt_sync *sync = kmt_find(handle, KMT_SYNC);
    if (!sync || !(sync->core->flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing))
        return STATUS_INVALID_PARAMETER;
    D3DKMT_HANDLE name = sync_share(sync->core);
    if (!name)
        return STATUS_NO_MEMORY;
    *ret_name = name;
    return STATUS_SUCCESS;
}

D3DGPU_VIRTUAL_ADDRESS sync_gpu_address(const struct sync_core *core)
{
    return core->flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoGPUAccess
               ? 0
               : GPU_ADDRESS + core->fence * sizeof core->own;
}

static void store(struct sync_core *core, uint64_t value, bool rewind)
{
    uint64_t old = sync_value(core);
    if (rewind)
        __atomic_store_n(core->at, value, __ATOMIC_RELEASE);
    while (!rewind && old < value &&
           !__atomic_compare_exchange_n(core->at, &old, value, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
        ;
}

/* One more can take it, up to `most`. */
static void let_in(struct sync_core *core)
{
    uint64_t old = sync_value(core);
    while (old < core->most && !__atomic_compare_exchange_n(core->at, &old, old + 1, true,
                                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

void sync_signal(struct sync_core *core, uint64_t value, bool rewind)
{
    if (core->type == D3DDDI_CPU_NOTIFICATION)
        core->event->ops->signal(core->event);
    else if (sync_is_fence(core))
        store(core, value, rewind);
    else
        let_in(core);
    engine_stir();
    sync_wake(core);
}

static bool take_one(struct sync_core *core)
{
    uint64_t old = sync_value(core);
    while (old && !__atomic_compare_exchange_n(core->at, &old, old - 1, true, __ATOMIC_ACQ_REL,
                                               __ATOMIC_ACQUIRE))
        ;
    return old != 0;
}

static bool is_reached(const struct sync_target *target)
{
    uint64_t value = sync_value(target->core);
    return sync_is_fence(target->core) ? value >= target->value : value != 0;
}

/* All or none. Another process may be faster. */
static bool take_all(const struct sync_target *targets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sync_is_fence(targets[i].core) || take_one(targets[i].core))
            continue;
        while (i--)
            if (!sync_is_fence(targets[i].core))
                let_in(targets[i].core);
        return false;
    }
    return true;
}

bool sync_is_over(const struct sync_target *targets, uint32_t count, bool any, bool take)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < count; i++)
        reached += is_reached(&targets[i]);
    if (any ? !reached : reached < count)
        return false;
    return !take || take_all(targets, count);
}

void sync_device_ended(const struct kmt_device *device)
{
    link_each(at, &device->syncs)
    {
        struct kmt_sync *sync = container_of(at, struct kmt_sync, link);
        bool signals = sync->queue || !(sync->flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal);
        if (sync->core->type == D3DDDI_MONITORED_FENCE && signals && !(sync->flags & KEEP_VALUE))
            sync_signal(sync->core, UINT64_MAX, false);
    }
}

void sync_begin_child(void)
{
    known = NULL;
    sync_wait_begin_child();
}
