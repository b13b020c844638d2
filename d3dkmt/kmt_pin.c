/*
 * D3DKMTPinResources and its like: resident until they are unpinned. A pin is a reference of its own,
 * beside those of D3DKMTMakeResident.
 */
#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/targets.h"
#include "faces.h"
#include "memoryapi/guarded.h"

static bool may_be_pinned(const struct targets *targets)
{
    for (uint32_t i = 0; i < targets->count; i++)
        if (targets->list[i]->pins == UINT16_MAX)
            return false;
    return true;
}

/* All or none, behind what the queue has to do; NULL: at once. pre: kmt_lock */
static NTSTATUS pin(const struct kmt_device *device, const struct kmt_paging_queue *queue,
                    struct targets *targets, struct vid_paging *moved)
{
    const struct vidmm *mm = device->mm;
    uint32_t *openings = targets_openings(targets);
    uint64_t missing;
    NTSTATUS status;
    if (!openings)
        return STATUS_NO_MEMORY;
    clock_call(mm);
    if (queue)
        paging_begin(queue, moved);
    else
        paging_begin_now(mm, moved);
    vidmm_lock(mm);
    status = may_be_pinned(targets) ? vidmm_make_resident(mm, openings, targets->count,
                                                          VIDMM_OVER_BUDGET, moved, &missing)
                                    : STATUS_INVALID_PARAMETER;
    if (status >= 0)
        vidmm_restore(mm, moved);
    vidmm_unlock(mm);
    for (uint32_t i = 0; status >= 0 && i < targets->count; i++)
        targets->list[i]->pins++;
    free(openings);
    return status;
}

/* Every one is pinned as often as it stands in the list, or none is unpinned. pre: kmt_lock */
static NTSTATUS unpin(const struct kmt_device *device, struct targets *targets)
{
    struct vid_paging moved = {0};
    uint32_t done = 0;
    while (done < targets->count && targets->list[done]->pins)
        targets->list[done++]->pins--;
    if (done < targets->count) {
        while (done)
            targets->list[--done]->pins++;
        return STATUS_INVALID_PARAMETER;
    }
    clock_call(device->mm);
    vidmm_lock(device->mm);
    for (uint32_t i = 0; i < targets->count; i++)
        vidmm_evict(device->mm, targets->list[i]->opening, VIDMM_ONLY_IF_NEEDED, &moved);
    vidmm_unlock(device->mm);
    return STATUS_SUCCESS;
}

NTSTATUS kmt_PinResources(D3DKMT_PINRESOURCES *pData)
{
    D3DKMT_PINRESOURCES data;
    struct targets targets;
    struct kmt_device *device;
    struct kmt_paging_queue *queue;
    struct vid_paging moved = {0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.Flags.Value & ~D3DKMT_PINRESOURCEFLAGS_DirectFlipResources)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy(&targets, data.pResourceList, NULL, data.ResourceCount);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_of(&targets, data.hDevice, &device);
    if (status >= 0)
        status = paging_find(data.hPagingQueue, &queue);
    if (status >= 0 && queue->device != device)
        status = STATUS_INVALID_PARAMETER;
    if (status >= 0)
        status = pin(device, queue, &targets, &moved);
    if (status >= 0)
        status = paging_enqueue(queue, &moved, &data.PagingFence);
    kmt_unlock();
    targets_free(&targets);
    if (status >= 0)
        guarded_write(&pData->PagingFence, &data.PagingFence, sizeof data.PagingFence);
    return status;
}

static NTSTATUS change(D3DKMT_HANDLE device_handle, const D3DKMT_HANDLE *list, uint32_t count,
                       bool pins)
{
    struct targets targets;
    struct kmt_device *device;
    struct vid_paging moved = {0};
    NTSTATUS status = targets_copy(&targets, list, NULL, count);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_of(&targets, device_handle, &device);
    if (status >= 0)
        status = pins ? pin(device, NULL, &targets, &moved) : unpin(device, &targets);
    if (status >= 0)
        paging_wait(device->mm, &moved);
    kmt_unlock();
    targets_free(&targets);
    return status;
}

NTSTATUS kmt_UnpinResources(const D3DKMT_UNPINRESOURCES *pData)
{
    D3DKMT_UNPINRESOURCES data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return data.Reserved ? STATUS_INVALID_PARAMETER
                         : change(data.hDevice, data.pResourceList, data.ResourceCount, false);
}

NTSTATUS kmt_PinDirectFlipResources(const D3DKMT_PINDIRECTFLIPRESOURCES *pData)
{
    D3DKMT_PINDIRECTFLIPRESOURCES data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return change(data.hDevice, data.pResourceList, data.ResourceCount, true);
}

NTSTATUS kmt_UnpinDirectFlipResources(const D3DKMT_UNPINDIRECTFLIPRESOURCES *pData)
{
    D3DKMT_UNPINDIRECTFLIPRESOURCES data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return change(data.hDevice, data.pResourceList, data.ResourceCount, false);
}
