/*
 * What a dead process leaves: its openings are closed, and when it died while it changed an
 * adapter, everything derived is made anew from the primary fields.
 */
#include <string.h>
#include "d3dkmt/order.h"
#include "d3dkmt/records.h"

#define PLACES (1u << VID_LOCAL | 1u << VID_NONLOCAL)

static void forget_usage(const struct vidmm *mm, unsigned process)
{
    struct vid_usage *usage = &mm->adapter->usage[process];
    memset(usage, 0, sizeof *usage);
    mm->adapter->active[process / 64] &= ~(1ull << process % 64);
}

bool vidmm_sweep(const struct vidmm *mm, uint16_t process)
{
    struct vid_adapter *adapter = mm->adapter;
    bool any = adapter->usage[process].devices != 0;
    for (uint32_t i = 1; i < adapter->openings_used; i++)
        if (mm->openings[i].allocation && mm->openings[i].process == process)
            any |= vidmm_close(mm, i);
    if (any)
        vidmm_event_of_process(mm, VID_EVENT_LEAVE, process);
    adapter->usage[process].devices = 0;
    memset(adapter->usage[process].reservation, 0, sizeof adapter->usage[process].reservation);
    vidmm_share_budgets(mm);
    forget_usage(mm, process);
    return any;
}

static bool is_possible(const struct vid_allocation *allocation)
{
    return allocation->allowed && !(allocation->allowed & ~PLACES) &&
           allocation->place < VID_PLACES && allocation->offered < VID_OFFERS &&
           allocation->owner < VID_PROCESSES && allocation->size;
}

/* Primary fields of a change that somebody did not finish, made to agree. */
static void finish(struct vid_allocation *allocation)
{
    if (allocation->wanted >= VID_PLACES || !(allocation->allowed & 1u << allocation->wanted))
        allocation->wanted = (uint8_t)__builtin_ctz(allocation->allowed);
    if (allocation->lost && !allocation->offered)
        allocation->offered = VID_OFFER_LOW; /* a reclaim: nobody was told of the loss */
    if (allocation->lost || allocation->decommitted ||
        !(allocation->allowed & 1u << allocation->place))
        allocation->place = VID_NOWHERE;
    if (allocation->decommitted && allocation->offered)
        allocation->lost = 1;
}

/*
 * What is derived of a process. Not inlined: with the sanitizers gcc 12 takes the array of them for
 * an empty one.
 */
__attribute__((noinline)) static void clear_usage(struct vid_usage *usage)
{
    memset(usage->resident, 0, sizeof usage->resident);
    memset(usage->referenced, 0, sizeof usage->referenced);
    memset(usage->planned, 0, sizeof usage->planned);
    usage->offered = usage->decommittable = 0;
    memset(usage->placed, 0, sizeof usage->placed);
    memset(usage->demoted_bytes, 0, sizeof usage->demoted_bytes);
    memset(usage->missing_bytes, 0, sizeof usage->missing_bytes);
    memset(&usage->demoted, 0, sizeof usage->demoted);
    memset(usage->displaced, 0, sizeof usage->displaced);
    memset(usage->idle_classes, 0, sizeof usage->idle_classes);
    memset(usage->held_classes, 0, sizeof usage->held_classes);
    memset(usage->idle, 0, sizeof usage->idle);
    memset(usage->held, 0, sizeof usage->held);
}

/* Derived fields of every record to nothing; records with impossible primary fields are dropped. */
static void clear_derived(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    for (uint32_t i = 1; i < adapter->allocations_used; i++) {
        struct vid_allocation *allocation = &mm->allocations[i];
        allocation->first_opening = allocation->openings = allocation->references = 0;
        allocation->next = allocation->previous = VID_NONE;
        allocation->planned = 0;
        if (allocation->live && !is_possible(allocation))
            allocation->live = 0;
        if (allocation->live)
            finish(allocation);
    }
    memset(adapter->offered, 0, sizeof adapter->offered);
    memset(adapter->easy, 0, sizeof adapter->easy);
    memset(adapter->placed, 0, sizeof adapter->placed);
    memset(adapter->active, 0, sizeof adapter->active);
    adapter->offered_bytes = adapter->live = 0;
    adapter->allocations_free = adapter->openings_free = VID_NONE;
    for (unsigned place = 0; place < VID_PLACES; place++)
        adapter->segments[place].used = 0;
    for (unsigned p = 1; p < VID_PROCESSES; p++) {
        struct vid_usage *usage = &adapter->usage[p];
        clear_usage(usage);
        if (!usage->devices)
            continue;
        if (mm->is_alive && !mm->is_alive(mm, (uint16_t)p)) {
            vidmm_event_of_process(mm, VID_EVENT_LEAVE, (uint16_t)p);
            forget_usage(mm, p);
        } else
            adapter->active[p / 64] |= 1ull << p % 64;
    }
}

/* Openings of the living find their allocations again; the others are free. */
static void link_openings(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    for (uint32_t i = adapter->openings_used - 1; i >= 1; i--) {
        struct vid_opening *opening = &mm->openings[i];
        struct vid_allocation *allocation = &mm->allocations[opening->allocation];
        if (!opening->allocation || opening->allocation >= adapter->allocations_used ||
            !allocation->live || opening->process >= VID_PROCESSES ||
            !adapter->usage[opening->process].devices) {
            records_give_opening(mm, i);
            continue;
        }
        opening->next = allocation->first_opening;
        allocation->first_opening = i;
        allocation->openings++;
        allocation->references += opening->references;
    }
}

static uint32_t merge(const struct vidmm *mm, uint32_t a, uint32_t b)
{
    uint32_t first = VID_NONE, *link = &first;
    while (a && b) {
        uint32_t *older = mm->allocations[a].stamp <= mm->allocations[b].stamp ? &a : &b;
        *link = *older;
        link = &mm->allocations[*older].next;
        *older = *link;
    }
    *link = a ? a : b;
    return first;
}

/* All that live, chained by `next`, oldest stamp first; the others are freed. */
static uint32_t sorted(const struct vidmm *mm)
{
    uint32_t piles[32] = {VID_NONE}, all = VID_NONE; /* pile n has 1 << n of them or none */
    for (uint32_t i = mm->adapter->allocations_used - 1; i >= 1; i--) {
        struct vid_allocation *allocation = &mm->allocations[i];
        uint32_t chain = i;
        unsigned pile = 0;
        if (!allocation->live || !allocation->openings) {
            records_give_allocation(mm, i);
            continue;
        }
        allocation->next = VID_NONE;
        for (; piles[pile]; pile++) {
            chain = merge(mm, piles[pile], chain);
            piles[pile] = VID_NONE;
        }
        piles[pile] = chain;
    }
    for (unsigned pile = 0; pile < 32; pile++)
        all = merge(mm, piles[pile], all);
    return all;
}

void vidmm_rebuild(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    clear_derived(mm);
    link_openings(mm);
    for (uint32_t i = sorted(mm), next; i; i = next) {
        struct vid_allocation *allocation = &mm->allocations[i];
        next = allocation->next;
        allocation->next = VID_NONE;
        allocation->owner = records_owner(mm, allocation);
        if (allocation->place && !mm->places[allocation->place]->find(
                                     &adapter->segments[allocation->place], allocation->size))
            allocation->place = VID_NOWHERE;
        if (allocation->stamp > adapter->stamp)
            adapter->stamp = allocation->stamp;
        order_enter_again(mm, i);
        adapter->live++;
    }
    vidmm_share_budgets(mm);
}
