/* D3DKMTUpdateAllocationProperty, D3DKMTFlushHeapTransitions: where an allocation may be. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "faces.h"
#include "memoryapi/guarded.h"

#define MASK(name)   D3DDDI_UPDATEALLOCPROPERTY_MASK_##name
#define KNOWN_MASK   0xFu
#define PREFERENCES  5 /* of five bits and one for the direction each, best first */
#define SEGMENT_BITS 6

/* Segment 1 is local, 2 non-local: the same numbers as enum vid_place. False: names no segment. */
static bool preferred_place(uint32_t preference, uint8_t *ret_place)
{
    for (unsigned i = 0; i < PREFERENCES; i++) {
        uint32_t segment = preference >> i * SEGMENT_BITS & 0x1F;
        if (segment >= VID_PLACES)
            return false;
        if (i == 0)
            *ret_place = (uint8_t)segment;
        if (!segment)
            break;
    }
    return !(preference >> PREFERENCES * SEGMENT_BITS);
}

/* pre: kmt_lock. Other properties than places have no meaning for memory that translates addresses. */
static NTSTATUS update(struct kmt_paging_queue *queue, const D3DDDI_UPDATEALLOCPROPERTY *data,
                       uint64_t *ret_fence)
{
    const struct vidmm *mm = queue->device->mm;
    struct kmt_allocation *allocation = kmt_find_allocation(queue->device, data->hAllocation);
    struct vid_paging moved;
    uint8_t wanted, allowed, first = 0;
    NTSTATUS status;
    if (!allocation)
        return STATUS_INVALID_PARAMETER;
    clock_call(mm);
    paging_begin(queue, &moved);
    vidmm_lock(mm);
    wanted = vidmm_of(mm, allocation->opening)->wanted;
    allowed = vidmm_of(mm, allocation->opening)->allowed;
    status = STATUS_SUCCESS;
    if (data->PropertyMaskValue & MASK(SetSupportedSegmentSet)) {
        if (!data->SupportedSegmentSet || data->SupportedSegmentSet >> (VID_PLACES - 1))
            status = STATUS_INVALID_PARAMETER;
        allowed = (uint8_t)(data->SupportedSegmentSet << VID_LOCAL);
    }
    if (data->PropertyMaskValue & MASK(SetPreferredSegment)) {
        if (!preferred_place(data->PreferredSegment.Value, &first))
            status = STATUS_INVALID_PARAMETER;
        if (first)
            wanted = first;
    } else if (!(allowed & 1u << wanted)) {
        wanted = allowed & 1u << VID_LOCAL ? VID_LOCAL : VID_NONLOCAL;
    }
    if (status >= 0)
        status = vidmm_set_places(mm, allocation->opening, wanted, allowed, &moved);
    if (status >= 0)
        vidmm_restore(mm, &moved);
    vidmm_unlock(mm);
    return status < 0 ? status : paging_enqueue(queue, &moved, ret_fence);
}

NTSTATUS kmt_UpdateAllocationProperty(D3DDDI_UPDATEALLOCPROPERTY *pData)
{
    D3DDDI_UPDATEALLOCPROPERTY data;
    struct kmt_paging_queue *queue;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (!data.PropertyMaskValue || data.PropertyMaskValue & ~KNOWN_MASK)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    status = paging_find(data.hPagingQueue, &queue);
    if (status >= 0)
        status = update(queue, &data, &data.PagingFenceValue);
    kmt_unlock();
    if (status >= 0)
        guarded_write(&pData->PagingFenceValue, &data.PagingFenceValue,
                      sizeof data.PagingFenceValue);
    return status;
}

/* Heaps change at once: nothing ever waits. */
NTSTATUS kmt_FlushHeapTransitions(D3DKMT_FLUSHHEAPTRANSITIONS *pData)
{
    D3DKMT_FLUSHHEAPTRANSITIONS data;
    const struct kmt_adapter *adapter;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    kmt_lock();
    adapter = kmt_find(data.hAdapter, KMT_ADAPTER);
    kmt_unlock();
    return adapter ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
