/*
 * What is derived of one allocation's state: its list and its part of the sums. A change of an
 * allocation is always
 *
 *     order_leave(mm, index, &was); change its primary fields; order_enter(mm, index, &was, ...);
 *
 * so that no other code knows the lists. pre: the adapter's lock is held.
 */
#pragma once

#include "d3dkmt/vidmm.h"

/* Where it was before the change. */
struct order_was {
    struct vid_list *list; /* NULL: none; it is linked there until it enters again */
    uint32_t *classes;     /* the word that has a bit for the list, NULL: none */
    uint64_t cost;         /* of the place */
    uint8_t place, class;
};

/* How it enters: at the young end of its list, or where it was if that is the same list. */
enum order_age { ORDER_YOUNG, ORDER_SAME };

void order_leave(const struct vidmm *mm, uint32_t index, struct order_was *ret_was);
void order_enter(const struct vidmm *mm, uint32_t index, const struct order_was *was,
                 enum order_age age);
/* It goes for good. pre: left */
void order_drop(const struct vidmm *mm, uint32_t index, const struct order_was *was);
/* With the stamp it has. pre: in no list; those before it in its list are older. */
void order_enter_again(const struct vidmm *mm, uint32_t index);
/* The list where it has to be, NULL: none. */
struct vid_list *order_list(const struct vidmm *mm, const struct vid_allocation *allocation);

static inline unsigned order_class(const struct vid_allocation *allocation)
{
    return allocation->priority >> 28;
}

/* Of D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS: bounded by the D3DDDI_ALLOCATIONPRIORITYs. */
static inline unsigned order_band(const struct vid_allocation *allocation)
{
    uint32_t priority = allocation->priority;
    return (priority > 0x28000000u) + (priority > 0x50000000u) + (priority > 0x78000000u) +
           (priority > 0xA0000000u);
}

/* With references, but put out: it stands in its owner's list of such. */
static inline bool order_is_demoted(const struct vid_allocation *allocation)
{
    return !allocation->place && allocation->references && !allocation->offered &&
           !allocation->decommitted;
}

/* Its process does not need it at any place. */
static inline bool order_is_easy(const struct vid_allocation *allocation)
{
    return allocation->offered || !allocation->references;
}

/* VID_NOWHERE: it may be at both. */
static inline unsigned order_only_place(const struct vid_allocation *allocation)
{
    bool both = allocation->allowed & 1u << VID_LOCAL && allocation->allowed & 1u << VID_NONLOCAL;
    return both ? VID_NOWHERE : allocation->wanted;
}

/* What it takes of the place where it is. */
static inline uint64_t order_cost(const struct vidmm *mm, const struct vid_allocation *allocation,
                                  unsigned place)
{
    return mm->places[place]->cost(&mm->adapter->segments[place], allocation->size);
}
