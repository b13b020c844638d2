/* Offers of video memory, and their way back. */
#include "d3dkmt/order.h"

/* D3DKMT_OFFER_PRIORITY_LOW, _NORMAL, _HIGH, _AUTO. */
static const uint8_t offers[] = {
    [1] = VID_OFFER_LOW, VID_OFFER_NORMAL, VID_OFFER_HIGH, VID_OFFER_NORMAL};

static bool is_locked(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    for (uint32_t i = allocation->first_opening; i; i = mm->openings[i].next)
        if (mm->openings[i].locks)
            return true;
    return false;
}

NTSTATUS vidmm_offer(const struct vidmm *mm, uint32_t opening, uint32_t priority, bool now,
                     bool decommit)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (priority < 1 || priority > 4 || is_locked(mm, allocation))
        return STATUS_INVALID_PARAMETER;
    order_leave(mm, index);
    allocation->decommitted = decommit;
    allocation->offered = offers[priority];
    order_enter(mm, index);
    vidmm_event(mm, VID_EVENT_OFFER, index, allocation->owner, allocation->size,
                allocation->offered);
    if (now)
        vidmm_lose(mm, index);
    return STATUS_SUCCESS;
}

enum vidmm_reclaimed vidmm_reclaim(const struct vidmm *mm, uint32_t opening,
                                   struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    bool lost = allocation->lost;
    if (!allocation->offered)
        return VIDMM_INTACT;
    order_leave(mm, index);
    allocation->lost = 0;
    allocation->offered = VID_NOT_OFFERED;
    allocation->decommitted = 0;
    order_enter(mm, index);
    vidmm_event(mm, VID_EVENT_RECLAIM, index, allocation->owner, allocation->size, lost);
    if (allocation->references && !allocation->place)
        vidmm_restore(mm, paging);
    return lost ? VIDMM_DISCARDED : VIDMM_INTACT;
}
