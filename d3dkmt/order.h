/*
 * What is derived of one allocation's state: its list and its part of the sums. A change of an
 * allocation is always
 *
 *     order_leave(mm, index); change its primary fields; order_enter(mm, index);
 *
 * so that no other code knows the lists. pre: the adapter's lock is held.
 */
#pragma once

#include "d3dkmt/vidmm.h"

void order_leave(const struct vidmm *mm, uint32_t index);
/* At the young end of its list, with a new stamp. */
void order_enter(const struct vidmm *mm, uint32_t index);
/* With the stamp it has. pre: entered in the order of stamps. */
void order_enter_again(const struct vidmm *mm, uint32_t index);
/* The list where it has to be, NULL: none. */
struct vid_list *order_list(const struct vidmm *mm, const struct vid_allocation *allocation);

static inline unsigned order_class(const struct vid_allocation *allocation)
{
    return allocation->priority >> 28;
}

/* What it takes of the place where it is. */
static inline uint64_t order_cost(const struct vidmm *mm, const struct vid_allocation *allocation,
                                  unsigned place)
{
    return mm->places[place]->cost(&mm->adapter->segments[place], allocation->size);
}
