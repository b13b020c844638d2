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

/* Whether its owner holds no more than he may, with `cost` bytes more. */
static bool within_budget(const struct vidmm *mm, const struct vid_allocation *allocation,
                          unsigned place, uint64_t cost)
{
    const struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    return usage->referenced[place] + cost <= usage->budget[place];
}

/*
 * To the place it should have, then to the others it may have. First where there is room without
 * taking from anybody, then where room can be made; beyond the budget only if the caller may.
 */
static bool bring_in(const struct vidmm *mm, uint32_t index, unsigned flags,
                     struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    for (unsigned pass = 0; pass < (flags & VIDMM_OVER_BUDGET ? 4u : 2u); pass++)
        for (unsigned i = 0; i < VID_PLACES - 1; i++) {
            unsigned place = i == 0 ? allocation->wanted : VID_PLACES - allocation->wanted;
            uint64_t cost;
            if (!(allocation->allowed & 1u << place))
                continue;
            cost = order_cost(mm, allocation, place);
            if (pass < 2 && !within_budget(mm, allocation, place, cost))
                continue;
            if (pass % 2 == 0 && easy_room(mm, place) < cost)
                continue;
            if (vidmm_make_room(mm, place, cost, flags, paging) && put(mm, index, place, paging))
                return true;
        }
    return false;
}

/* What the owner has to evict before the `count` come to the places they should have. */
static uint64_t missing(const struct vidmm *mm, const uint32_t *openings, uint32_t count)
{
    const struct vid_usage *usage = &mm->adapter->usage[mm->process];
    uint64_t cost[VID_PLACES] = {0}, worst = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        if (!allocation->references)
            cost[allocation->wanted] += order_cost(mm, allocation, allocation->wanted);
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t held = usage->referenced[place] + cost[place], room = easy_room(mm, place);
        uint64_t over = held > usage->budget[place] ? held - usage->budget[place] : 0;
        uint64_t lack = cost[place] > room ? cost[place] - room : 0;
        if (cost[place])
            worst += over > lack ? over : lack;
    }
    return worst;
}

static NTSTATUS add_reference(const struct vidmm *mm, uint32_t opening, unsigned flags,
                              struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (mm->openings[opening].references == UINT32_MAX || allocation->references == UINT32_MAX)
        return STATUS_INVALID_PARAMETER;
    if (!allocation->place && !bring_in(mm, index, flags, paging))
        return STATUS_NO_MEMORY;
    if (!allocation->references && !(flags & VIDMM_OVER_BUDGET) &&
        !within_budget(mm, allocation, allocation->place,
                       order_cost(mm, allocation, allocation->place)))
        return STATUS_NO_MEMORY;
    order_leave(mm, index);
    mm->openings[opening].references++;
    allocation->references++;
    order_enter(mm, index);
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_make_resident(const struct vidmm *mm, const uint32_t *openings, uint32_t count,
                             unsigned flags, struct vid_paging *paging, uint64_t *ret_missing)
{
    NTSTATUS status = STATUS_SUCCESS;
    uint32_t done = 0;
    for (uint32_t i = 0; i < count; i++)
        if (vidmm_of(mm, openings[i])->offered)
            return STATUS_INVALID_PARAMETER;
    while (done < count && status >= 0) {
        status = add_reference(mm, openings[done], flags, paging);
        done += status >= 0;
    }
    if (status >= 0)
        return status;
    while (done)
        vidmm_evict(mm, openings[--done], VIDMM_ONLY_IF_NEEDED, paging);
    *ret_missing = missing(mm, openings, count);
    return status;
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
        return bring_in(mm, index, VIDMM_OVER_BUDGET, paging) ? STATUS_SUCCESS : STATUS_NO_MEMORY;
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
