/* Offer, reclaim and discard, and what other calls do to offered pages. */
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW PAGE_READWRITE
#define RO PAGE_READONLY

/* As in the other scenarios, in fewer steps: 0-11 hold data, 4-7 are read-only, 12 has no access. */
#define MIXED  BOTH(0, 16, RW), FILL(0, 16), PROTECT(4, 4, RO, RW), PROTECT(12, 1, PAGE_NOACCESS, RW)
#define FILLED BOTH(0, 16, RW), FILL(0, 16)
#define RESET(page, count)                                                                         \
    {                                                                                              \
        do_allocate, page, count, MEM_RESET, RW, 0                                                 \
    }
#define UNDO(page, count)                                                                          \
    {                                                                                              \
        do_allocate, page, count, MEM_RESET_UNDO, RW, 0                                            \
    }
#define OFFERED MIXED, OFFER(2, 4)

const struct scenario offer_scenarios[] = {
    {"offer and reclaim", "", {MIXED, OFFER(0, 16), RECLAIM(0, 16), EXPECT(0, 12)}},
    {"offer in each priority",
     "",
     {MIXED,
      {do_offer, 0, 4, 1, 0, 0},
      {do_offer, 4, 4, 2, 0, 0},
      {do_offer, 8, 4, 3, 0, 0},
      {do_offer, 12, 4, 4, 0, 0},
      RECLAIM(0, 16),
      EXPECT(0, 12)}},
    {"offer again", "", {OFFERED, {do_offer, 0, 16, 4, 0, 0}, RECLAIM(0, 16), EXPECT(0, 12)}},
    {"offer pages of zeros", "", {BOTH(0, 1000, RW), OFFER(0, 1000), RECLAIM(0, 1000)}},
    /* a loss on purpose that the host refuses is no loss, and is not reported as one */
    {"offer and lose",
     "",
     {MIXED,
      {do_offer, 0, 12, 1, 1, 0},
      {do_reclaim, 0, 12, EITHER, 0, 0},
      {do_expect, 0, 12, EITHER, 0, 0},
      FILL(0, 4)},
     .varies = true},
    {"offer reserved pages is refused",
     "",
     {RESERVE(0, 16), COMMIT(0, 8, RW), {do_offer, 4, 8, 2, 0, STATUS_NOT_COMMITTED}}},
    {"offer what is free is refused", "", {{do_offer, 4, 8, 2, 0, STATUS_CONFLICTING_ADDRESSES}}},
    {"reclaim a part", "", {OFFERED, RECLAIM(3, 1), RECLAIM(0, 16), EXPECT(0, 12)}},
    {"reclaim what is not offered", "", {MIXED, RECLAIM(0, 16), EXPECT(0, 12)}},
    {"reclaim after loss, in parts",
     "",
     {MIXED,
      {do_offer, 0, 8, 1, 1, 0},
      {do_reclaim, 0, 3, EITHER, 0, 0},
      {do_reclaim, 3, 5, EITHER, 0, 0}},
     .varies = true},
    {"commit over offered", "", {OFFERED, COMMIT(0, 16, RW), RECLAIM(0, 16), EXPECT(0, 12)}},
    {"commit over offered, read-only", "", {OFFERED, COMMIT(3, 13, RO), RECLAIM(0, 16)}},
    {"decommit offered",
     "",
     {OFFERED, DECOMMIT(1, 12), COMMIT(1, 12, RW), EXPECT_ZERO(1, 12), EXPECT(0, 1)}},
    {"decommit a part of an offer", "", {OFFERED, DECOMMIT(3, 1), RECLAIM(2, 1), RECLAIM(4, 2)}},
    {"release offered", "", {OFFERED, RELEASE(0)}},
    {"protect offered",
     "",
     {OFFERED, PROTECT(0, 16, PAGE_EXECUTE_READ, RW), RECLAIM(0, 16), EXPECT(0, 12)}},
    {"offer guard pages",
     "",
     {MIXED, PROTECT(8, 2, RW | PAGE_GUARD, RW), OFFER(0, 16), RECLAIM(0, 16)}},
    {"discard", "", {BOTH(0, 16, RW), FILL(0, 16), {do_discard, 0, 4, 0, 0, 0}}},
    {"discard read-only pages is refused",
     "",
     {MIXED, {do_discard, 4, 2, 0, 0, STATUS_INVALID_PAGE_PROTECTION}, EXPECT(0, 12)}},
    {"discard offered pages is refused",
     "",
     {OFFERED, {do_discard, 0, 4, 0, 0, STATUS_INVALID_PAGE_PROTECTION}}},
    {"offer with another priority",
     "",
     {OFFERED,
      {do_offer, 3, 4, 4, 0, 0},
      {do_offer, 0, 4, 1, 0, 0},
      {do_offer, 1, 1, 3, 0, 0},
      RECLAIM(0, 16),
      EXPECT(0, 12)}},
    {"reset and undo",
     "",
     {FILLED, RESET(0, 16), EXPECT(0, 16), UNDO(0, 16), EXPECT(0, 16), FILL(0, 16)}},
    {"reset over several protections", "", {MIXED, RESET(0, 16), RESET(2, 9), RELEASE(0)}},
    {"write to what was reset", "", {FILLED, RESET(0, 16), FILL(3, 1)}, .varies = true},
    {"decommit what was reset",
     "",
     {FILLED, RESET(0, 16), DECOMMIT(3, 4), COMMIT(3, 4, RW), EXPECT_ZERO(3, 4)}},
    {"offer what was reset",
     "",
     {FILLED,
      RESET(2, 10),
      OFFER(0, 8),
      {do_offer, 6, 4, 4, 0, 0},
      RECLAIM(0, 12),
      EXPECT(0, 16),
      UNDO(0, 16),
      FILL(0, 16)}},
    {"offer what was reset, and lose it",
     "",
     {FILLED,
      RESET(2, 10),
      {do_offer, 0, 8, 1, 1, 0},
      {do_reclaim, 0, 8, EITHER, 0, 0},
      FILL(0, 12)},
     .varies = true},
    {"reset what is offered is refused",
     "",
     {OFFERED, {do_allocate, 0, 12, MEM_RESET, RW, STATUS_CONFLICTING_ADDRESSES}}},
    {0},
};
