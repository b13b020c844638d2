/* Devices: what they own, and whether they still work. */
#include <stdlib.h>
#include "d3dkmt/kmt.h"

static uint32_t devices_made; /* under kmt_lock */

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
    device->number = ++devices_made;
    device->flags = flags;
    link_init(&device->contexts);
    link_init(&device->paging_queues);
    link_init(&device->syncs);
    link_init(&device->resources);
    link_init(&device->allocations);
    vidmm_lock(mm);
    device->resets = mm->adapter->resets;
    vidmm_add_device(mm);
    vidmm_unlock(mm);
    return device;
}

void kmt_device_destroy(struct kmt_device *device)
{
    vidmm_lock(device->mm);
    vidmm_remove_device(device->mm);
    vidmm_unlock(device->mm);
    kmt_handle_destroy(&device->object);
    free(device);
}

NTSTATUS kmt_device_state(const struct kmt_device *device)
{
    const struct vid_adapter *adapter = device->mm->adapter;
    bool lost = __atomic_load_n(&adapter->running, __ATOMIC_RELAXED) != VID_RUNNING ||
                __atomic_load_n(&adapter->resets, __ATOMIC_RELAXED) != device->resets ||
                device->in_error;
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
