/*
 * What becomes of offered memory. The kernel knows no priorities: what it may drop, it drops in an
 * order of its own. So
 *
 *   VeryLow       is HELD for a moment, in which a program may change its mind for little; what is
 *                 still offered then (0.1 s to 2 s later) is GIVEN to the kernel (MADV_FREE);
 *   the others    are HELD while there is memory to spare (mm_memory.spare): they cost nothing then,
 *                 not even to reclaim, and the kernel cannot drop them before the lowest.
 *   When there is less to spare, offers are GIVEN, lowest priority first, oldest first, and no more
 *   of them than it takes; so no offer makes memory run out, and the kernel meets the lowest first.
 *   Who was given before somebody lower came, or before there was plenty again, is taken back.
 *   When memory is low all the same, or offers pass the budget, whole offers are DROPPED in that
 *   order, until there is enough.
 *
 * Told by: pressure.h, from its own thread; WINMEM_OFFER_BUDGET and WINMEM_AVAILABLE=SIZE at each
 * offer, so that a run repeats: with the latter low priorities are given at once, and no thread
 * looks. Nothing is claimed by the caller, nor any lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Before an offer: whether it is held back. */
bool offer_is_held(uint32_t priority);
/* After an offer: what the budget and a pretended shortage ask for. */
void offer_apply_policy(void);
