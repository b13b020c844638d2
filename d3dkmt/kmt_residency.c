/* MakeResident, Evict, and who is resident where. */
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/state.h"
#include "d3dkmt/targets.h"
#include "faces.h"
#include "memoryapi/guarded.h"

#define MAKE_RESIDENT_MOST 10240u

static unsigned make_resident_flags(uint32_t flags)
{
    return (flags & D3DDDI_MAKERESIDENT_FLAGS_CantTrimFurther ? VIDMM_OVER_BUDGET : 0) |
           (flags & D3DDDI_MAKERESIDENT_FLAGS_MustSucceed ? VIDMM_MUST : 0);
}

/* pre: kmt_lock. *ret_missing: bytes to trim, with STATUS_NO_MEMORY. */
static NTSTATUS make_resident(struct kmt_paging_queue *queue, struct targets *targets,
                              uint32_t flags, uint64_t *ret_fence, uint64_t *ret_missing)
{
    struct kmt_device *device = queue->device;
    struct vid_paging moved;
    uint32_t *openings = NULL;
    NTSTATUS status = targets_find(targets, device);
    *ret_missing = 0;
    if (status >= 0 && !(openings = targets_openings(targets)))
        status = STATUS_NO_MEMORY;
    if (status < 0)
        return status;
    clock_call(device->mm);
    paging_begin(queue, &moved);
    do { /* what a dead process still has is to be had */
        vidmm_lock(device->mm);
        status = vidmm_make_resident(device->mm, openings, targets->count,
                                     make_resident_flags(flags), &moved, ret_missing);
        if (status >= 0)
            vidmm_restore(device->mm, &moved);
        vidmm_unlock(device->mm);
    } while (status == STATUS_NO_MEMORY && gpu_sweep_dead(device->mm));
    free(openings);
    if (status >= 0)
        return paging_enqueue(queue, &moved, ret_fence);
    if (status == STATUS_NO_MEMORY && flags & D3DDDI_MAKERESIDENT_FLAGS_MustSucceed)
        device->in_error = true;
    return status;
}

NTSTATUS kmt_MakeResident(D3DDDI_MAKERESIDENT *pData)
{
    D3DDDI_MAKERESIDENT data;
    struct targets targets;
    struct kmt_paging_queue *queue;
    uint64_t missing = 0;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.NumAllocations > MAKE_RESIDENT_MOST || data.Flags.Value > 3 ||
        data.Flags.Value == D3DDDI_MAKERESIDENT_FLAGS_MustSucceed)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy(&targets, NULL, data.AllocationList, data.NumAllocations);
    if (status < 0)
        return status;
    kmt_lock();
    status = paging_find(data.hPagingQueue, &queue);
    if (status >= 0)
        status = make_resident(queue, &targets, data.Flags.Value, &data.PagingFenceValue, &missing);
    kmt_unlock();
    targets_free(&targets);
    if (status == STATUS_NO_MEMORY) {
        data.NumAllocations = 0;
        guarded_write(&pData->NumAllocations, &data.NumAllocations, sizeof data.NumAllocations);
        guarded_write(&pData->NumBytesToTrim, &missing, sizeof missing);
    }
    if (status >= 0)
        guarded_write(&pData->PagingFenceValue, &data.PagingFenceValue,
                      sizeof data.PagingFenceValue);
    return status;
}

/* Every one has a reference for each time it stands in the list: all or none. pre: vidmm_lock */
static NTSTATUS evict(const struct vidmm *mm, const struct targets *targets, unsigned flags,
                      struct vid_paging *moved)
{
    uint32_t done = 0;
    while (done < targets->count && mm->openings[targets->list[done]->opening].references) {
        mm->openings[targets->list[done]->opening].references--;
        done++;
    }
    for (uint32_t i = 0; i < done; i++)
        mm->openings[targets->list[i]->opening].references++;
    if (done < targets->count)
        return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < targets->count; i++)
        vidmm_evict(mm, targets->list[i]->opening, flags, moved);
    return STATUS_SUCCESS;
}

NTSTATUS kmt_Evict(D3DKMT_EVICT *pData)
{
    D3DKMT_EVICT data;
    struct targets targets;
    struct kmt_device *device;
    struct vid_paging moved;
    unsigned flags;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.Flags.Value > 3)
        return STATUS_INVALID_PARAMETER;
    flags =
        (data.Flags.Value & D3DDDI_EVICT_FLAGS_EvictOnlyIfNecessary ? VIDMM_ONLY_IF_NEEDED : 0) |
        (data.Flags.Value & D3DDDI_EVICT_FLAGS_NotWrittenTo ? VIDMM_CLEAN : 0);
    status = targets_copy(&targets, NULL, data.AllocationList, data.NumAllocations);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_of(&targets, data.hDevice, &device);
    if (status >= 0) {
        clock_call(device->mm);
        paging_begin_now(device->mm, &moved);
        vidmm_lock(device->mm);
        status = evict(device->mm, &targets, flags, &moved);
        vidmm_restore(device->mm, &moved); /* what had to go for want of budget */
        data.NumBytesToTrim = vidmm_to_trim(device->mm, device->mm->process);
        vidmm_unlock(device->mm);
        paging_wait(device->mm, &moved);
    }
    kmt_unlock();
    targets_free(&targets);
    if (status >= 0)
        guarded_write(&pData->NumBytesToTrim, &data.NumBytesToTrim, sizeof data.NumBytesToTrim);
    return status;
}

static uint32_t residency_of(const struct vid_allocation *allocation)
{
    if (!allocation->place || allocation->offered)
        return D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT;
    return allocation->place == VID_LOCAL ? D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY
                                          : D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY;
}

NTSTATUS kmt_QueryAllocationResidency(const D3DKMT_QUERYALLOCATIONRESIDENCY *pData)
{
    D3DKMT_QUERYALLOCATIONRESIDENCY data;
    struct targets targets;
    struct kmt_device *device;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (!data.pResidencyStatus)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy_resource(&targets, data.hResource, data.phAllocationList,
                                   data.AllocationCount);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_usable(&targets, data.hDevice, &device);
    if (status >= 0) {
        /* the answers take the place of the handles; the values grow with the distance */
        memset(targets.handles, 0, targets.handle_count * sizeof *targets.handles);
        clock_call(device->mm);
        vidmm_lock(device->mm);
        for (uint32_t i = 0; i < targets.count; i++) {
            uint32_t *answer = &targets.handles[targets_owner(&targets, i)];
            uint32_t residency = residency_of(vidmm_of(device->mm, targets.list[i]->opening));
            *answer = residency > *answer ? residency : *answer;
        }
        vidmm_unlock(device->mm);
    }
    kmt_unlock();
    if (status >= 0)
        status = targets_answer(&targets, data.pResidencyStatus);
    targets_free(&targets);
    return status;
}
