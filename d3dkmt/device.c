/* Devices: what they own, and whether they still work. */
#include <stdlib.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/kmt.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/trim.h"


struct kmt_device *kmt_begin_device(D3DKMT_HANDLE handle)
{
    struct kmt_device *device = kmt_find(handle, KMT_DEVICE);
    if (device)
        clock_call(device->mm);
    return device;
}

struct kmt_device *kmt_device_create(const struct vidmm *mm, uint32_t flags)
{
    struct kmt_device *device = calloc(1, sizeof *device);
    if (!device)
        return NULL;
    if (!kmt_handle_create(&device->object, KMT_DEVICE)) {
        free(device);
        return NULL;
    }
    device->mm = mm;
    device->flags = flags;
    device->queued_limit = KMT_QUEUED_LIMIT;
    link_init(&device->contexts);
    link_init(&device->paging_queues);
    link_init(&device->syncs);
    link_init(&device->resources);
    link_init(&device->allocations);
    vidmm_lock(mm);
    device->resets = __atomic_load_n(&mm->adapter->resets, __ATOMIC_RELAXED);
    vidmm_add_device(mm);
    vidmm_unlock(mm);
    return device;
}

NTSTATUS kmt_device_add_context(struct kmt_device *device)
{
    const struct context_wish wish = {0};
    return context_create(device, &wish, &device->context);
}

void device_end(struct kmt_device *device, uint32_t reason)
{
    if (device->ended)
        return;
    device->ended = reason;
    link_each(at, &device->contexts) context_drop(container_of(at, struct kmt_context, link));
    sync_device_ended(device);
    engine_stir();
}

void kmt_device_destroy(struct kmt_device *device)
{
    trim_forget_device(device);
    while (!link_is_empty(&device->contexts)) {
        struct kmt_context *context = link_first(&device->contexts, struct kmt_context, link);
        context_drop(context);
        context_destroy(context);
    }
    device->ended = D3DKMT_DEVICEEXECUTION_STOPPED; /* its queues have nothing to finish */
    while (!link_is_empty(&device->paging_queues))
        paging_destroy(link_first(&device->paging_queues, struct kmt_paging_queue, link));
    while (!link_is_empty(&device->syncs))
        sync_destroy(link_first(&device->syncs, struct kmt_sync, link));
    kmt_device_free_allocations(device);
    vidmm_lock(device->mm);
    vidmm_remove_device(device->mm);
    vidmm_unlock(device->mm);
    kmt_handle_destroy(&device->object);
    free(device);
    engine_settle();
}

NTSTATUS kmt_device_state(const struct kmt_device *device)
{
    const struct vid_adapter *adapter = device->mm->adapter;
    bool lost = __atomic_load_n(&adapter->running, __ATOMIC_RELAXED) != VID_RUNNING ||
                __atomic_load_n(&adapter->resets, __ATOMIC_RELAXED) != device->resets ||
                device->in_error || device->ended;
    return lost ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

NTSTATUS kmt_use_device(D3DKMT_HANDLE handle, struct kmt_device **ret_device)
{
    struct kmt_device *device = kmt_find(handle, KMT_DEVICE);
    if (!device)
        return STATUS_INVALID_PARAMETER;
    *ret_device = device;
    return kmt_device_state(device);
}
