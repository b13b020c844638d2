/* Placeholders: made, cut, joined, replaced; private memory given back; part of it released. */
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define ALL      WORLD_PAGES
#define RW       PAGE_READWRITE
#define RO       PAGE_READONLY
#define REPLACED (MEM_RESERVE | MEM_REPLACE_PLACEHOLDER)

/* As VirtualAlloc2 asks; a: type, b: protection */
static NTSTATUS do_allocate2(const struct step *step)
{
    struct mm_request request = {.base = step_start(step),
                                 .size = step_size(step),
                                 .type = step->a,
                                 .protect = step->b,
                                 .placeholders = true};
    return mm_allocate(&request);
}

#define PLACEHOLDER(page, count)                                                                   \
    {                                                                                              \
        do_allocate2, page, count, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS, 0         \
    }
#define REPLACE(page, count, type, access)                                                         \
    {                                                                                              \
        do_allocate2, page, count, REPLACED | (type), access, 0                                    \
    }
#define PRESERVE(page, count)                                                                      \
    {                                                                                              \
        do_free, page, count, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER, 0, 0                         \
    }
#define COALESCE(page, count)                                                                      \
    {                                                                                              \
        do_free, page, count, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS, 0, 0                        \
    }
#define RELEASE_PART(page, count)                                                                  \
    {                                                                                              \
        do_free, page, count, MEM_RELEASE, 0, 0                                                    \
    }

const struct scenario placeholder_scenarios[] = {
    {"a placeholder and its end", "", {PLACEHOLDER(0, 40), RELEASE(0)}},
    {"a placeholder where memory was",
     "",
     {BOTH(0, 100, RW), FILL(0, 100), RELEASE(0), PLACEHOLDER(0, 100), RELEASE(0), BOTH(0, 100, RW),
      EXPECT_ZERO(0, 100)}},
    {"cut and joined",
     "",
     {PLACEHOLDER(0, 40), PRESERVE(3, 5), PRESERVE(0, 1), PRESERVE(30, 10), COALESCE(1, 7),
      COALESCE(0, 40), RELEASE(0)}},
    {"replaced piece by piece",
     "",
     {PLACEHOLDER(0, 40), PRESERVE(3, 5), REPLACE(3, 5, MEM_COMMIT, RW), EXPECT_ZERO(3, 5),
      FILL(3, 5), REPLACE(0, 3, MEM_COMMIT, RO), REPLACE(8, 32, 0, RW), COMMIT(10, 9, RW),
      FILL(10, 9), EXPECT(3, 5), RELEASE(8)}},
    {"replaced as a whole",
     "",
     {PLACEHOLDER(0, ALL), REPLACE(0, ALL, MEM_COMMIT, PAGE_EXECUTE_READ), EXPECT_ZERO(0, ALL),
      PRESERVE(0, ALL), REPLACE(0, ALL, 0, RW), COMMIT(500, 40, RW), EXPECT_ZERO(500, 40)}},
    {"committed, decommitted and committed beside a neighbour",
     "",
     {PLACEHOLDER(0, 32), PRESERVE(0, 7), REPLACE(0, 7, 0, RW), REPLACE(7, 25, MEM_COMMIT, RW),
      FILL(7, 25), COMMIT(2, 3, RO), COMMIT(0, 7, RW), DECOMMIT(1, 4), COMMIT(0, 5, RW),
      EXPECT_ZERO(0, 7), EXPECT(7, 25)}},
    {"a part of memory becomes a placeholder",
     "",
     {BOTH(0, 50, RW), FILL(0, 50), PROTECT(20, 4, RO, RW), PRESERVE(13, 20), EXPECT(0, 13),
      EXPECT(33, 17), REPLACE(13, 20, MEM_COMMIT, RW), EXPECT_ZERO(13, 20)}},
    {"the start and the end become placeholders",
     "",
     {BOTH(0, 50, RW), FILL(0, 50), PRESERVE(0, 16), PRESERVE(45, 5), EXPECT(16, 29), RELEASE(16),
      PLACEHOLDER(16, 16), COALESCE(0, 32)}},
    {"memory in part committed becomes a placeholder",
     "",
     {RESERVE(0, ALL), COMMIT(3, 4, RW), FILL(3, 4), COMMIT(700, 4, RW), PRESERVE(5, 600),
      EXPECT(3, 2), COMMIT(606, 30, RW), EXPECT_ZERO(606, 30), RELEASE(605)}},
    {"offered memory becomes a placeholder",
     "",
     {BOTH(0, 32, RW), FILL(0, 32), OFFER(4, 8), PRESERVE(6, 20), RECLAIM(4, 2), EXPECT(0, 6)}},
    {"an offer is cut in two",
     "",
     {BOTH(0, 32, RW), FILL(0, 32), OFFER(2, 28), PRESERVE(8, 4), RECLAIM(2, 6), RECLAIM(12, 18),
      EXPECT(0, 8), EXPECT(12, 20)}},
    {"an offer is cut by a release, and again",
     "",
     {BOTH(0, 48, RW), FILL(0, 48), OFFER(0, 48), RELEASE_PART(16, 4), RELEASE_PART(4, 2),
      RELEASE_PART(30, 18), RECLAIM(0, 4), RECLAIM(6, 10), RECLAIM(20, 10), EXPECT(6, 10)}},
    {"what was reset is cut in two",
     "",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_allocate, 2, 28, MEM_RESET, RW, 0},
      PRESERVE(8, 4),
      {do_allocate, 12, 18, MEM_RESET_UNDO, RW, 0},
      EXPECT(0, 8),
      EXPECT(12, 20)}},
    {"a part of memory is released",
     "",
     {BOTH(0, 50, RW), FILL(0, 50), RELEASE_PART(13, 20), EXPECT(0, 13), EXPECT(33, 17),
      RELEASE_PART(0, 1), RELEASE_PART(40, 10), RELEASE(1), RELEASE(33), BOTH(0, 50, RW),
      EXPECT_ZERO(0, 50)}},
    {"refused",
     "",
     {PLACEHOLDER(0, 40),
      {do_allocate, 0, 4, MEM_COMMIT, RW, STATUS_CONFLICTING_ADDRESSES},
      {do_allocate2, 0, 4, REPLACED, RW, STATUS_CONFLICTING_ADDRESSES},
      {do_free, 0, 50, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS, 0, STATUS_CONFLICTING_ADDRESSES},
      {do_free, 0, 50, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER, 0, STATUS_CONFLICTING_ADDRESSES},
      {do_free, 50, 1, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER, 0, STATUS_MEMORY_NOT_ALLOCATED},
      {do_free, 4, 4, MEM_RELEASE, 0, STATUS_UNABLE_TO_FREE_VM}}},
    {0},
};
