/* Allocations that are there: D3DKMTDestroyAllocation, 2, and their priority, set and told. */
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/targets.h"
#include "faces.h"
#include "memoryapi/guarded.h"

/* Whether a handle of the list stands there twice, or some are of a resource and others not. */
static bool is_mixed(const struct targets *targets)
{
    const struct kmt_resource *resource = targets->list[0]->resource;
    bool mixed = false;
    uint32_t marked = 0;
    while (marked < targets->count && !mixed) {
        struct kmt_allocation *allocation = targets->list[marked];
        mixed = allocation->marked || allocation->resource != resource;
        if (!mixed) {
            allocation->marked = true;
            marked++;
        }
    }
    while (marked)
        targets->list[--marked]->marked = false;
    return mixed;
}

static NTSTATUS destroy(D3DKMT_HANDLE device_handle, D3DKMT_HANDLE resource_handle,
                        const D3DKMT_HANDLE *list, uint32_t count)
{
    struct targets targets;
    struct kmt_device *device;
    struct kmt_resource *resource = NULL;
    NTSTATUS status;
    if (!resource_handle == !list)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy_resource(&targets, resource_handle, list, resource_handle ? 0 : count);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_of(&targets, device_handle, &device);
    if (status >= 0 && !resource_handle && is_mixed(&targets))
        status = STATUS_INVALID_PARAMETER;
    if (status >= 0 && resource_handle)
        resource = kmt_find_resource(device, resource_handle);
    if (resource)
        kmt_resource_destroy(resource);
    for (uint32_t i = 0; status >= 0 && !resource && i < targets.count; i++)
        kmt_allocation_destroy(targets.list[i]);
    kmt_unlock();
    targets_free(&targets);
    return status;
}

NTSTATUS kmt_DestroyAllocation(const D3DKMT_DESTROYALLOCATION *pData)
{
    D3DKMT_DESTROYALLOCATION data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return destroy(data.hDevice, data.hResource, data.phAllocationList, data.AllocationCount);
}

/* Nothing here is ever in use by the GPU beyond the call, so that every destruction is synchronous. */
NTSTATUS kmt_DestroyAllocation2(const D3DKMT_DESTROYALLOCATION2 *pData)
{
    D3DKMT_DESTROYALLOCATION2 data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.Flags.Value & ~(D3DDDICB_DESTROYALLOCATION2FLAGS_AssumeNotInUse |
                             D3DDDICB_DESTROYALLOCATION2FLAGS_SynchronousDestroy))
        return STATUS_INVALID_PARAMETER;
    return destroy(data.hDevice, data.hResource, data.phAllocationList, data.AllocationCount);
}

NTSTATUS kmt_SetAllocationPriority(const D3DKMT_SETALLOCATIONPRIORITY *pData)
{
    D3DKMT_SETALLOCATIONPRIORITY data;
    struct targets targets;
    struct kmt_device *device;
    uint32_t room[TARGETS_ROOM], *priorities = room;
    void *list;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = targets_copy_resource(&targets, data.hResource, data.phAllocationList,
                                   data.AllocationCount);
    if (status >= 0)
        status = kmt_copy_list(data.pPriorities, targets.handle_count, sizeof *room, room,
                               TARGETS_ROOM, &list);
    if (status < 0) {
        targets_free(&targets);
        return status;
    }
    priorities = list;
    kmt_lock();
    status = targets_find_usable(&targets, data.hDevice, &device);
    if (status >= 0) {
        vidmm_lock(device->mm);
        for (uint32_t i = 0; i < targets.count; i++)
            vidmm_set_priority(device->mm, targets.list[i]->opening,
                               priorities[targets_owner(&targets, i)]);
        vidmm_unlock(device->mm);
    }
    kmt_unlock();
    kmt_free_list(priorities, room);
    targets_free(&targets);
    return status;
}

NTSTATUS kmt_GetAllocationPriority(const D3DKMT_GETALLOCATIONPRIORITY *pData)
{
    D3DKMT_GETALLOCATIONPRIORITY data;
    struct targets targets;
    struct kmt_device *device;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (!data.pPriorities)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy_resource(&targets, data.hResource, data.phAllocationList,
                                   data.AllocationCount);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_usable(&targets, data.hDevice, &device);
    /* the handles are not needed any more: the answers take their place */
    if (status >= 0) {
        vidmm_lock(device->mm);
        for (uint32_t i = targets.count; i-- > 0;)
            targets.handles[targets_owner(&targets, i)] =
                vidmm_of(device->mm, targets.list[i]->opening)->priority;
        vidmm_unlock(device->mm);
    }
    kmt_unlock();
    if (status >= 0)
        status = targets_answer(&targets, data.pPriorities);
    targets_free(&targets);
    return status;
}
