/*
 * What becomes of offered memory. The kernel knows no priorities: what it may drop, it drops in an
 * order of its own. So
 *
 *   VeryLow, Low          are HELD for a moment, in which a program may change its mind for little;
 *                         what is still offered at the second look at the memory after it (20 ms
 *                         to 1 s each) is GIVEN to the kernel (MADV_FREE);
 *   BelowNormal, Normal   are HELD while there is ample room: they cost nothing then, not even to
 *                         reclaim, and the kernel cannot drop them before the others.
 *   When room shrinks all of them are GIVEN to the kernel, so that no offer ever makes memory run
 *   out.
 *   When memory is low, or offers pass the budget, whole offers are DROPPED: lowest priority first,
 *   oldest first, until there is enough.
 *
 * Told by: pressure.h, from its own thread; WINMEM_OFFER_BUDGET and WINMEM_AVAILABLE=SIZE at each
 * offer, so that a run repeats: with the latter low priorities are given at once, and no thread
 * looks. Nothing is claimed by the caller, nor any lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Before an offer: whether it is held back. */
bool offer_is_held(uint64_t size, uint32_t priority);
/* After an offer: what the budget and a pretended shortage ask for. */
void offer_apply_policy(void);
