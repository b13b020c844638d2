/* Offers of video memory, and their way back. */
#include "d3dkmt/order.h"
#include "d3dkmt/residency.h"

#define PRIORITY_NORMAL 0x78000000u /* D3DDDI_ALLOCATIONPRIORITY_NORMAL */

/* D3DKMT_OFFER_PRIORITY_LOW, _NORMAL, _HIGH, _AUTO; VID_NOT_OFFERED: no such priority. */
static enum vid_offer offer_of(uint32_t priority, const struct vid_allocation *allocation)
{
    static const uint8_t offers[] = {VID_NOT_OFFERED, VID_OFFER_LOW, VID_OFFER_NORMAL,
                                     VID_OFFER_HIGH};
    if (priority < 4)
        return offers[priority];
    if (priority > 4)
        return VID_NOT_OFFERED;
    if (allocation->priority == PRIORITY_NORMAL)
        return VID_OFFER_NORMAL;
    return allocation->priority < PRIORITY_NORMAL ? VID_OFFER_LOW : VID_OFFER_HIGH;
}

bool vidmm_is_locked(const struct vidmm *mm, uint32_t opening)
{
    const struct vid_allocation *allocation = vidmm_of(mm, opening);
    for (uint32_t i = allocation->first_opening; i; i = mm->openings[i].next)
        if (mm->openings[i].locks)
            return true;
    return false;
}

NTSTATUS vidmm_offer(const struct vidmm *mm, uint32_t opening, uint32_t priority, bool decommit)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    enum vid_offer offer = offer_of(priority, allocation);
    struct order_was was;
    if (!offer || allocation->decommitted || vidmm_is_locked(mm, opening))
        return STATUS_INVALID_PARAMETER;
    order_leave(mm, index, &was);
    allocation->decommit = decommit;
    allocation->offered = (uint8_t)offer;
    order_enter(mm, index, &was, ORDER_YOUNG);
    vidmm_event(mm, VID_EVENT_OFFER, index, allocation->owner, allocation->size,
                allocation->offered);
    if (mm->adapter->offers == VID_OFFERS_LOSE)
        vidmm_lose(mm, index);
    return STATUS_SUCCESS;
}

void vidmm_recommit(const struct vidmm *mm, uint32_t opening)
{
    vidmm_of(mm, opening)->decommitted = 0;
}

enum vidmm_reclaimed vidmm_reclaim(const struct vidmm *mm, uint32_t opening,
                                   struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    bool lost = allocation->lost;
    struct order_was was;
    if (allocation->offered) {
        order_leave(mm, index, &was);
        /* in this order: who dies in between leaves a lost one, which rebuild offers again */
        __atomic_store_n(&allocation->offered, VID_NOT_OFFERED, __ATOMIC_RELEASE);
        __atomic_store_n(&allocation->lost, 0, __ATOMIC_RELEASE);
        allocation->decommit = 0;
        order_enter(mm, index, &was, ORDER_YOUNG);
        vidmm_event(mm, VID_EVENT_RECLAIM, index, allocation->owner, allocation->size, lost);
    }
    if (allocation->decommitted)
        return VIDMM_NOT_COMMITTED;
    if (allocation->place)
        vidmm_await(mm, index, paging);
    else if (allocation->references)
        residency_bring_in(mm, index, VIDMM_OVER_BUDGET, paging);
    return lost ? VIDMM_DISCARDED : VIDMM_INTACT;
}
