/* Room at a place: how much there could be, and the making of it. Within the engine only. */
#pragma once

#include "d3dkmt/vidmm.h"

/*
 * Bytes to be had without taking what anybody holds. Below 0: pressure came over what is held, and
 * so much of it has to go first.
 */
int64_t room_easy(const struct vidmm *mm, unsigned place);
/* Bytes to be had from processes other than `process`: what they hold over their budgets, or all. */
uint64_t room_of_others(const struct vidmm *mm, unsigned process, unsigned place, bool all);
/* What it takes of its place is free again. pre: placed */
static inline void room_give(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    mm->places[allocation->place]->give(&mm->adapter->segments[allocation->place],
                                        allocation->size);
}
/*
 * Puts out until `bytes` are free. `must`: with rule 4. What is planned stays.
 * pre: the figures above say that it will do. False: a segment's manager broke its promise.
 */
bool room_make(const struct vidmm *mm, unsigned process, unsigned place, uint64_t bytes, bool must,
               struct vid_paging *paging);
