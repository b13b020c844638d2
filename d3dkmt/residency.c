/* References, and what they bring to a place and let go again. */
#include "d3dkmt/order.h"
#include "memoryapi/base.h"

/* Puts it there. pre: it is nowhere. False: there is no room, nothing changed. */
static bool put(const struct vidmm *mm, uint32_t index, unsigned place, struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    if (!mm->places[place]->take(&mm->adapter->segments[place], allocation->size))
        return false;
    order_leave(mm, index);
    allocation->place = (uint8_t)place;
    order_enter(mm, index);
    paging->in[place] += allocation->size;
    mm->adapter->usage[allocation->owner].paged_in_bytes += allocation->size;
    vidmm_event(mm, VID_EVENT_PAGE_IN, index, allocation->owner, allocation->size, (uint8_t)place);
    return true;
}

/* What can be had there without taking it from anybody. */
static uint64_t easy_room(const struct vidmm *mm, unsigned place)
{
    return mm->places[place]->room(&mm->adapter->segments[place]) + mm->adapter->easy[place];
}

/*
 * To the place it should have, if there is room; to another one that has room; to the first one
 * where room can be made.
 */
static bool bring_in(const struct vidmm *mm, uint32_t index, unsigned flags,
                     struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    unsigned wanted = allocation->wanted, others = allocation->allowed & ~(1u << wanted);
    if (put(mm, index, wanted, paging))
        return true;
    if (easy_room(mm, wanted) >= order_cost(mm, allocation, wanted) &&
        vidmm_make_room(mm, wanted, order_cost(mm, allocation, wanted), 0, paging) &&
        put(mm, index, wanted, paging))
        return true;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (others & 1u << place && put(mm, index, place, paging))
            return true;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (allocation->allowed & 1u << place &&
            vidmm_make_room(mm, place, order_cost(mm, allocation, place), flags, paging) &&
            put(mm, index, place, paging))
            return true;
    return false;
}

/* What is missing where it should go, without taking from anybody. */
static uint64_t missing(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    unsigned place = allocation->wanted;
    uint64_t cost = order_cost(mm, allocation, place);
    uint64_t have = easy_room(mm, place);
    return have < cost ? cost - have : cost;
}

NTSTATUS vidmm_make_resident(const struct vidmm *mm, uint32_t opening, unsigned flags,
                             struct vid_paging *paging, uint64_t *ret_missing)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (mm->openings[opening].references == UINT32_MAX || allocation->references == UINT32_MAX)
        return STATUS_INVALID_PARAMETER;
    if (!allocation->place && !allocation->offered && !bring_in(mm, index, flags, paging)) {
        *ret_missing = missing(mm, allocation);
        return STATUS_NO_MEMORY;
    }
    order_leave(mm, index);
    mm->openings[opening].references++;
    allocation->references++;
    order_enter(mm, index);
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_evict(const struct vidmm *mm, uint32_t opening, unsigned flags,
                     struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (!mm->openings[opening].references)
        return STATUS_INVALID_PARAMETER;
    order_leave(mm, index);
    mm->openings[opening].references--;
    allocation->references--;
    if (flags & VIDMM_CLEAN)
        allocation->written = 0;
    order_enter(mm, index);
    if (!allocation->references && allocation->place && !allocation->offered &&
        !(flags & VIDMM_ONLY_IF_NEEDED))
        vidmm_put_out(mm, index, paging);
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_use(const struct vidmm *mm, uint32_t opening, struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (allocation->offered)
        return STATUS_INVALID_PARAMETER;
    if (!allocation->place)
        return bring_in(mm, index, 0, paging) ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    order_leave(mm, index);
    order_enter(mm, index);
    return STATUS_SUCCESS;
}

void vidmm_restore(const struct vidmm *mm, struct vid_paging *paging)
{
    struct vid_list *demoted = &mm->adapter->usage[mm->process].demoted;
    for (uint32_t index = demoted->first, next; index; index = next) {
        next = mm->allocations[index].next;
        if (!bring_in(mm, index, 0, paging))
            return;
    }
}
