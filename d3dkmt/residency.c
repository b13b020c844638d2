/* References, and what they bring to a place and let go again. */
#include "d3dkmt/residency.h"

#include "d3dkmt/order.h"
#include "d3dkmt/room.h"

/* Demoted ones that do not fit are passed over so often, so that a call stays short. */
#define RESTORE_MISSES 64u

/* Puts it there. pre: it is nowhere. False: there is no room, nothing changed. */
static bool put(const struct vidmm *mm, uint32_t index, unsigned place, struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    struct order_was was;
    if (!mm->places[place]->take(&mm->adapter->segments[place], allocation->size))
        return false;
    order_leave(mm, index, &was);
    allocation->place = (uint8_t)place;
    order_enter(mm, index, &was, ORDER_YOUNG);
    paging->in[place] += allocation->size;
    vidmm_arrives(mm, index, paging->timed ? paging->start + vidmm_moving_time(mm, paging) : 0);
    mm->adapter->usage[allocation->owner].paged_in_bytes += allocation->size;
    mm->adapter->paged_in_bytes += allocation->size;
    vidmm_event(mm, VID_EVENT_PAGE_IN, index, allocation->owner, allocation->size, (uint8_t)place);
    return true;
}

/* What may still be given out while a request is planned; nothing is taken before all of it fits. */
struct plan {
    unsigned flags;
    int64_t room[VID_PLACES];       /* without taking what anybody holds */
    uint64_t others[VID_PLACES];    /* what others hold over their budgets; with VIDMM_MUST: all */
    uint64_t protected[VID_PLACES]; /* of that: the request itself has it */
};

static void plan_begin(const struct vidmm *mm, unsigned flags, struct plan *plan)
{
    *plan = (struct plan){.flags = flags};
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        plan->room[place] = room_easy(mm, place);
        plan->others[place] = room_of_others(mm, mm->process, place, flags & VIDMM_MUST);
    }
}

/* Whether its owner holds no more than he may, with `cost` bytes more. */
static bool within_budget(const struct vidmm *mm, const struct vid_allocation *allocation,
                          unsigned place, uint64_t cost)
{
    const struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    return usage->referenced[place] + usage->planned[place] + cost <= usage->budget[place];
}

/*
 * Where it could come: the place it should have, then the other it may have. First where there is
 * room without taking from anybody, then where room can be made; beyond the budget only if the
 * caller may. VID_NOWHERE: there is no room.
 */
static unsigned choose(const struct vidmm *mm, const struct vid_allocation *allocation,
                       const struct plan *plan)
{
    unsigned passes = plan->flags & VIDMM_OVER_BUDGET ? 4 : 2;
    for (unsigned pass = 0; pass < passes; pass++)
        for (unsigned i = 0; i < 2; i++) {
            unsigned place = i == 0 ? allocation->wanted : VID_PLACES - allocation->wanted;
            uint64_t cost, more = 0;
            if (!(allocation->allowed & 1u << place))
                continue;
            cost = order_cost(mm, allocation, place);
            if (pass < 2 && !within_budget(mm, allocation, place, cost))
                continue;
            if (pass == 1 || (pass == 3 && plan->flags & VIDMM_MUST))
                more = plan->others[place] > plan->protected[place]
                           ? plan->others[place] - plan->protected[place]
                           : 0;
            if (plan->room[place] + (int64_t)more >= (int64_t)cost)
                return place;
        }
    return VID_NOWHERE;
}

unsigned residency_choose(const struct vidmm *mm, const struct vid_allocation *allocation,
                          unsigned flags)
{
    struct plan plan;
    plan_begin(mm, flags, &plan);
    return choose(mm, allocation, &plan);
}

bool residency_bring_in(const struct vidmm *mm, uint32_t index, unsigned flags,
                        struct vid_paging *paging)
{
    const struct vid_allocation *allocation = &mm->allocations[index];
    unsigned place = residency_choose(mm, allocation, flags);
    return place &&
           room_make(mm, mm->process, place, order_cost(mm, allocation, place), flags & VIDMM_MUST,
                     paging) &&
           put(mm, index, place, paging);
}

/* Those that are placed already: what they take becomes held. False: beyond the budget. */
static bool plan_placed(const struct vidmm *mm, struct vid_allocation *allocation,
                        struct plan *plan)
{
    unsigned place = allocation->place;
    uint64_t cost = order_cost(mm, allocation, place);
    allocation->planned = VID_PLACES;
    if (allocation->references) {
        if (allocation->owner != mm->process)
            plan->protected[place] += cost;
        return true;
    }
    if (!(plan->flags & VIDMM_OVER_BUDGET) && !within_budget(mm, allocation, place, cost))
        return false;
    plan->room[place] -= (int64_t)cost;
    mm->adapter->usage[allocation->owner].planned[place] += cost;
    return true;
}

static bool plan_absent(const struct vidmm *mm, struct vid_allocation *allocation,
                        struct plan *plan)
{
    unsigned place = choose(mm, allocation, plan);
    uint64_t cost;
    if (!place)
        return false;
    cost = order_cost(mm, allocation, place);
    allocation->planned = (uint8_t)place;
    plan->room[place] -= (int64_t)cost;
    mm->adapter->usage[allocation->owner].planned[place] += cost;
    return true;
}

/* Whether all of the list can come, and where to; it is noted in the records. */
static bool plan_list(const struct vidmm *mm, const uint32_t *openings, uint32_t count,
                      unsigned flags)
{
    struct plan plan;
    plan_begin(mm, flags, &plan);
    for (uint32_t i = 0; i < count; i++) {
        struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        if (allocation->place && !allocation->planned && !plan_placed(mm, allocation, &plan))
            return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        if (!allocation->planned && !plan_absent(mm, allocation, &plan))
            return false;
    }
    return true;
}

static void forget_plan(const struct vidmm *mm, const uint32_t *openings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
        allocation->planned = 0;
        usage->planned[VID_LOCAL] = usage->planned[VID_NONLOCAL] = 0;
    }
}

/* What the process has to evict before the list comes to the places it should have. */
static uint64_t missing(const struct vidmm *mm, const uint32_t *openings, uint32_t count)
{
    const struct vid_usage *usage = &mm->adapter->usage[mm->process];
    uint64_t cost[VID_PLACES] = {0}, worst = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        unsigned place = allocation->place ? allocation->place : allocation->wanted;
        if (!allocation->planned && !(allocation->place && allocation->references))
            cost[place] += order_cost(mm, allocation, place);
        allocation->planned = VID_PLACES;
    }
    forget_plan(mm, openings, count);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t held = usage->referenced[place] + cost[place];
        uint64_t over = held > usage->budget[place] ? held - usage->budget[place] : 0;
        int64_t lack = (int64_t)cost[place] - room_easy(mm, place);
        if (cost[place])
            worst += (int64_t)over > lack ? over : (uint64_t)lack;
    }
    return worst;
}

static void add_reference(const struct vidmm *mm, uint32_t opening)
{
    uint32_t index = mm->openings[opening].allocation;
    struct order_was was;
    order_leave(mm, index, &was);
    mm->openings[opening].references++;
    mm->allocations[index].references++;
    order_enter(mm, index, &was, ORDER_YOUNG);
}

static void drop_reference(const struct vidmm *mm, uint32_t opening)
{
    uint32_t index = mm->openings[opening].allocation;
    struct order_was was;
    order_leave(mm, index, &was);
    mm->openings[opening].references--;
    mm->allocations[index].references--;
    order_enter(mm, index, &was, mm->allocations[index].offered ? ORDER_SAME : ORDER_YOUNG);
}

/* First those that have their places, so that they are nobody's victims. */
static bool carry_out(const struct vidmm *mm, const uint32_t *openings, uint32_t count,
                      unsigned flags, struct vid_paging *paging)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < count; i++)
        if (vidmm_of(mm, openings[i])->planned == VID_PLACES) {
            vidmm_await(mm, mm->openings[openings[i]].allocation, paging);
            add_reference(mm, openings[i]);
        }
    for (; done < count; done++) {
        uint32_t index = mm->openings[openings[done]].allocation;
        const struct vid_allocation *allocation = &mm->allocations[index];
        unsigned place = allocation->planned;
        if (place == VID_PLACES)
            continue;
        if (!allocation->place &&
            (!room_make(mm, mm->process, place, order_cost(mm, allocation, place),
                        flags & VIDMM_MUST, paging) ||
             !put(mm, index, place, paging)))
            break;
        add_reference(mm, openings[done]);
    }
    if (done == count)
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (i < done || vidmm_of(mm, openings[i])->planned == VID_PLACES)
            drop_reference(mm, openings[i]);
    return false;
}

NTSTATUS vidmm_make_resident(const struct vidmm *mm, const uint32_t *openings, uint32_t count,
                             unsigned flags, struct vid_paging *paging, uint64_t *ret_missing)
{
    bool done;
    for (uint32_t i = 0; i < count; i++) {
        const struct vid_allocation *allocation = vidmm_of(mm, openings[i]);
        vidmm_ahead(mm, openings, i, count);
        if (allocation->offered || allocation->decommitted ||
            allocation->references > UINT32_MAX - count)
            return STATUS_INVALID_PARAMETER;
    }
    done = plan_list(mm, openings, count, flags) && carry_out(mm, openings, count, flags, paging);
    forget_plan(mm, openings, count);
    if (done)
        return STATUS_SUCCESS;
    *ret_missing = missing(mm, openings, count);
    return STATUS_NO_MEMORY;
}

NTSTATUS vidmm_evict(const struct vidmm *mm, uint32_t opening, unsigned flags,
                     struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    if (!mm->openings[opening].references)
        return STATUS_INVALID_PARAMETER;
    drop_reference(mm, opening);
    if (allocation->references)
        return STATUS_SUCCESS;
    if (flags & VIDMM_CLEAN)
        allocation->written = 0;
    if (allocation->place && !allocation->offered && !(flags & VIDMM_ONLY_IF_NEEDED))
        vidmm_put_out(mm, index, paging);
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_use(const struct vidmm *mm, uint32_t opening, struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    const struct vid_allocation *allocation = &mm->allocations[index];
    struct order_was was;
    if (allocation->offered || allocation->decommitted)
        return STATUS_INVALID_PARAMETER;
    if (!allocation->place)
        return residency_bring_in(mm, index, VIDMM_OVER_BUDGET, paging) ? STATUS_SUCCESS
                                                                        : STATUS_NO_MEMORY;
    vidmm_await(mm, index, paging);
    order_leave(mm, index, &was);
    order_enter(mm, index, &was, ORDER_YOUNG);
    return STATUS_SUCCESS;
}

/* What is held at `place` and should be at the other one goes there. */
static void bring_home(const struct vidmm *mm, unsigned place, struct vid_paging *paging)
{
    const struct vid_usage *usage = &mm->adapter->usage[mm->process];
    unsigned home = VID_PLACES - place, misses = 0;
    uint64_t left = usage->displaced[place];
    for (unsigned class = VID_CLASSES; class --&&left;) {
        uint32_t index = usage->held[place][class].first, next;
        for (; index && left && misses < RESTORE_MISSES; index = next) {
            const struct vid_allocation *allocation = &mm->allocations[index];
            uint64_t cost = order_cost(mm, allocation, home);
            next = allocation->next;
            if (allocation->wanted == place)
                continue;
            left -= order_cost(mm, allocation, place);
            if (!within_budget(mm, allocation, home, cost) || room_easy(mm, home) < (int64_t)cost) {
                misses++;
                continue;
            }
            vidmm_put_out(mm, index, paging);
            residency_bring_in(mm, index, 0, paging);
        }
    }
}

void vidmm_restore(const struct vidmm *mm, struct vid_paging *paging)
{
    uint32_t index = mm->adapter->usage[mm->process].demoted.first, next;
    for (unsigned misses = 0; index && misses < RESTORE_MISSES; index = next) {
        next = mm->allocations[index].next;
        misses += !residency_bring_in(mm, index, 0, paging);
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        bring_home(mm, place, paging);
}
