/*
 * What the environment says about memory that is offered or reset. Read again at each call, so that
 * a test can change it.
 *
 * WINMEM_RETURN: how such memory goes back to the kernel.
 *   lazy  the kernel may drop it when it runs short (MADV_FREE); resident size falls then
 *   now   it is dropped at once: resident size falls at once, and the contents are lost
 *   keep  the kernel gets nothing; only our own policy discards (offer_policy.h), and nothing does
 *         what was reset
 * Not set: lazy; but keep for reset memory in a host program, whose own system calls would fail with
 * EFAULT where they write to memory that was reset lazily.
 *
 * WINMEM_OFFER_DISCARD: what is lost on purpose, at once: none, all, <=N (offers of priority 1 to
 * N), seed:NUMBER (half of the pages, the same ones each time).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum return_mode { RETURN_LAZY, RETURN_NOW, RETURN_KEEP };
/* `unset`: what counts when the variable is not set. */
enum return_mode offer_return_mode(enum return_mode unset);

/*
 * WINMEM_OFFER_BUDGET=SIZE: more is never offered and there; what is beyond is discarded in the
 * order of the policy. UINT64_MAX: not set.
 */
uint64_t offer_budget(void);

/* WINMEM_AVAILABLE=SIZE (pressure.h): shortage is looked for at each offer, so that a run repeats. */
bool offer_shortage_is_pretended(void);

#define NO_PRIORITY 0xFFu /* of memory that is reset, not offered */

struct discard_policy {
    enum { DISCARD_NONE, DISCARD_ALL, DISCARD_UP_TO, DISCARD_SEED } kind;
    uint64_t value;
};
struct discard_policy offer_discard_policy(void);
/* Whether it says that page number `page` of the offer numbered `age` is lost. */
bool discard_says(const struct discard_policy *policy, uint32_t priority, uint64_t age,
                  uint64_t page);
