/* Allocating, committing, protecting and giving back, at the engine's own door. */
#include <sys/mman.h>
#include <unistd.h>
#include "memoryapi/fault.h"
#include "memoryapi/gate.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"
#include "tests/sanitized.h"

#define ALL WORLD_PAGES
#define RW  PAGE_READWRITE
#define RO  PAGE_READONLY

/*
 * Reserved throughout, with committed pages of several protections: 0-3 and 8-11 read-write, 4-7
 * read-only, 12 no access, 16 alone.
 */
#define MIXED                                                                                      \
    RESERVE(0, ALL), COMMIT(0, 13, RW), COMMIT(16, 1, RW), FILL(0, 13), PROTECT(4, 4, RO, RW),     \
        PROTECT(12, 1, PAGE_NOACCESS, RW)

static struct mm_stack stack;

/* The calling thread's stack: all of it reserved, a page at the top committed, and a guard page. */
static NTSTATUS do_stack(const struct step *step)
{
    uint64_t base = step_start(step) + step_size(step);
    stack = (struct mm_stack){.base = base, .limit = base - PAGE_SIZE, .floor = step_start(step)};
    mm_thread_stack = &stack;
    return STATUS_SUCCESS;
}

/* It grows down to the page, or (a) overflows there. */
static NTSTATUS do_grow(const struct step *step)
{
    uint64_t limit = stack.limit;
    enum mm_fault_result result = mm_fault(step_start(step), FAULT_WRITE);
    bool grown = stack.limit != limit;
    CHECK(grown ? result == (step->a ? MM_FAULT_STACK : MM_FAULT_RESUME)
                : result == MM_FAULT_STACK || result == MM_FAULT_DENIED);
    return grown ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* Each fault wakes a part of what another thread has put to sleep below the stack. */
static NTSTATUS do_grow_asleep(const struct step *step)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    for (unsigned tries = 0; tries < 3 && status != STATUS_SUCCESS; tries++) {
        uint64_t limit = stack.limit;
        enum mm_fault_result result = mm_fault(step_start(step), FAULT_WRITE);
        status = stack.limit != limit ? STATUS_SUCCESS : STATUS_NO_MEMORY;
        CHECK(status != STATUS_SUCCESS || result == MM_FAULT_RESUME);
    }
    return status;
}

static void end_stack(void)
{
    mm_thread_stack = NULL;
    gate_self.stack_limit = 0;
}

#define STACK                                                                                      \
    RESERVE(0, 64), COMMIT(63, 1, RW), COMMIT(62, 1, RW | PAGE_GUARD),                             \
    {                                                                                              \
        do_stack, 0, 64, 0, 0, 0                                                                   \
    }

/* A release that fails is made again, so that the step as a whole has changed nothing. */
static NTSTATUS release_for_sure(uint64_t base)
{
    uint64_t size = 0;
    NTSTATUS status = mm_free(&base, &size, MEM_RELEASE);
    CHECK(status == STATUS_SUCCESS || mm_free(&base, &size, MEM_RELEASE) == STATUS_SUCCESS);
    return status;
}

/* Anywhere: the engine chooses the place, and takes an arena when the request does not fit. */
static NTSTATUS do_allocate_anywhere(const struct step *step)
{
    struct mm_request request = {.size = (uint64_t)step->count * PAGE_SIZE,
                                 .type = step->a,
                                 .protect = PAGE_READWRITE,
                                 .alignment = step->b};
    NTSTATUS status = mm_allocate(&request);
    if (status != STATUS_SUCCESS)
        return status;
    CHECK(!step->b || is_aligned(request.base, step->b));
    return release_for_sure(request.base);
}

static NTSTATUS do_allocate_below(const struct step *step)
{
    struct mm_request request = {.size = (uint64_t)step->count * PAGE_SIZE,
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_READWRITE,
                                 .lowest = 0x20000000,
                                 .highest = 0x7FFFFFFF};
    NTSTATUS status = mm_allocate(&request);
    if (status != STATUS_SUCCESS)
        return status;
    CHECK(request.base >= 0x20000000 && request.base + request.size <= 0x80000000);
    return release_for_sure(request.base);
}

/* Every page of a range apart, so that the books need many nodes. */
static NTSTATUS do_protect_every_second(const struct step *step)
{
    for (uint32_t i = 0; i < step->count; i += 2) {
        uint64_t start = step_start(step) + (uint64_t)i * PAGE_SIZE, size = PAGE_SIZE;
        uint32_t old;
        if (mm_protect(&start, &size, step->a, &old) != STATUS_SUCCESS) {
            for (uint32_t back = 0; back < i; back += 2) {
                start = step_start(step) + (uint64_t)back * PAGE_SIZE;
                size = PAGE_SIZE;
                CHECK(mm_protect(&start, &size, PAGE_READWRITE, &old) == STATUS_SUCCESS);
            }
            return STATUS_NO_MEMORY;
        }
    }
    return STATUS_SUCCESS;
}

/* A page of the process's own cannot be given back: each success takes another place. */
static NTSTATUS do_share_page(const struct step *step)
{
    static uint64_t next = 0x10000000;
    void *writable = NULL;
    NTSTATUS status = mm_share_page(next, &writable);
    (void)step;
    CHECK((status == STATUS_SUCCESS) == (writable != NULL));
    if (status == STATUS_SUCCESS) {
        *(volatile uint32_t *)writable = 7;
        CHECK(*(volatile uint32_t *)next == 7);
        next += ALLOCATION_GRANULARITY;
    }
    return status;
}

/* What is mapped is the file's; a place that is given back is as good as any other. */
static NTSTATUS do_map_shared(const struct step *step)
{
    static int file;
    uint64_t base = 0, size = (uint64_t)step->count * PAGE_SIZE;
    uint32_t number = 0;
    NTSTATUS status, unmapped;
    if (!file) {
        file = memfd_create("shared", MFD_CLOEXEC);
        CHECK(file >= 0 && ftruncate(file, (off_t)size) == 0);
    }
    status = mm_map_shared(file, 0, size, true, &base);
    CHECK((status == STATUS_SUCCESS) == (base != 0));
    if (status != STATUS_SUCCESS)
        return status;
    *(volatile uint32_t *)base = ++number;
    CHECK(pread(file, &number, sizeof number, 0) == sizeof number && number == 1);
    unmapped = mm_unmap_shared(base);
    if (unmapped != STATUS_SUCCESS) { /* is there still */
        CHECK(*(volatile uint32_t *)base == 1);
        CHECK(mm_unmap_shared(base) == STATUS_SUCCESS);
    }
    CHECK(mm_unmap_shared(base) == STATUS_MEMORY_NOT_ALLOCATED);
    return unmapped;
}

const struct scenario virtual_scenarios[] = {
    {"reserve, commit, write, release",
     "",
     {RESERVE(0, 16), COMMIT(0, 16, RW), FILL(0, 16), EXPECT(0, 16), RELEASE(0)}},
    {"reserve and commit at once", "", {BOTH(0, 16, RW), FILL(0, 16), RELEASE(0)}},
    {"reserve and commit read-only", "", {BOTH(0, ALL, RO), EXPECT_ZERO(0, ALL), RELEASE(0)}},
    {"reserve and commit, no access", "", {BOTH(0, 100, PAGE_NOACCESS), RELEASE(0)}},
    {"reserve twice",
     "",
     {RESERVE(0, 16),
      {do_allocate, 8, 16, MEM_RESERVE, RW, STATUS_CONFLICTING_ADDRESSES},
      RESERVE(16, 16),
      RELEASE(16),
      RELEASE(0)}},
    {"first commit", "", {RESERVE(0, ALL), COMMIT(600, 7, RW), FILL(600, 7)}},
    {"commit again", "", {BOTH(0, 8, RW), FILL(0, 8), COMMIT(0, 8, RW), EXPECT(0, 8)}},
    {"commit in two places",
     "",
     {RESERVE(0, ALL), COMMIT(0, 4, RW), COMMIT(900, 4, RO), COMMIT(450, 300, RW)}},
    {"commit everything over several protections", "", {MIXED, COMMIT(0, ALL, RO)}},
    {"commit over several protections", "", {MIXED, COMMIT(2, 20, RW), EXPECT(2, 11)}},
    {"commit without access", "", {MIXED, COMMIT(3, 12, PAGE_NOACCESS)}},
    {"commit guard pages", "", {MIXED, COMMIT(3, 12, RW | PAGE_GUARD)}},
    {"commit outside of the region",
     "",
     {RESERVE(0, 16), {do_allocate, 10, 10, MEM_COMMIT, RW, STATUS_CONFLICTING_ADDRESSES}}},
    {"commit what is not reserved",
     "",
     {{do_allocate, 10, 10, MEM_COMMIT, RW, STATUS_CONFLICTING_ADDRESSES}}},
    {"decommit", "", {MIXED, DECOMMIT(2, 11), COMMIT(2, 11, RW), EXPECT_ZERO(2, 11)}},
    {"decommit two stretches",
     "",
     {RESERVE(0, ALL), COMMIT(0, 4, RW), COMMIT(900, 4, RW), DECOMMIT(0, 1000)}},
    {"decommit two stretches with contents",
     "",
     {RESERVE(0, ALL), COMMIT(0, 4, RW), COMMIT(900, 4, RW), FILL(0, 4), FILL(900, 4),
      DECOMMIT(2, 1000), EXPECT(0, 2), COMMIT(0, 4, RW), EXPECT_ZERO(2, 2), COMMIT(900, 4, RW),
      EXPECT_ZERO(900, 4)}},
    {"decommit all by size 0", "", {MIXED, DECOMMIT(0, 0), COMMIT(0, 4, RW), EXPECT_ZERO(0, 4)}},
    {"decommit twice", "", {MIXED, DECOMMIT(0, 20), DECOMMIT(0, 20)}},
    {"decommit read-only pages", "", {BOTH(0, 64, RO), DECOMMIT(10, 20), DECOMMIT(0, 64)}},
    {"release several protections", "", {MIXED, RELEASE(0)}},
    {"release small", "", {BOTH(0, 16, RW), FILL(0, 16), RELEASE(0)}},
    {"release small and reserve again",
     "",
     {BOTH(0, 16, RW), FILL(0, 16), RELEASE(0), BOTH(0, 16, RW), EXPECT_ZERO(0, 16)}},
    {"release what was never committed", "", {RESERVE(0, ALL), RELEASE(0)}},
    {"release everything committed", "", {BOTH(0, ALL, RW), FILL(0, ALL), RELEASE(0)}},
    {"free what is free",
     "",
     {{do_free, 4, 4, MEM_RELEASE, 0, STATUS_MEMORY_NOT_ALLOCATED},
      {do_free, 4, 4, MEM_DECOMMIT, 0, STATUS_MEMORY_NOT_ALLOCATED}}},
    {"protect",
     "",
     {MIXED, PROTECT(0, 13, PAGE_EXECUTE_READ, RW), PROTECT(0, 13, RW, PAGE_EXECUTE_READ),
      EXPECT(0, 13)}},
    {"protect reserved pages is refused",
     "",
     {MIXED, {do_protect, 8, 9, RO, 0xABCD, STATUS_NOT_COMMITTED}}},
    {"protect all that is committed one by one",
     "",
     {BOTH(0, 64, RW), {do_protect_every_second, 0, 64, RO, 0, 0}, PROTECT(0, 64, RW, RO)}},
    {"make guard pages", "", {MIXED, PROTECT(5, 5, RW | PAGE_GUARD, RO)}},
    {"meet a guard page",
     "",
     {BOTH(0, 8, RW),
      FILL(0, 8),
      PROTECT(3, 2, RW | PAGE_GUARD, RW),
      {do_meet_guard, 3, 1, 0, 0, 0},
      EXPECT(3, 1),
      {do_meet_guard, 4, 1, 0, 0, 0},
      EXPECT(0, 8)}},
    {"a stack grows and overflows",
     "",
     {STACK,
      {do_grow, 62, 1, 0, 0, 0},
      {do_query, 61, 1, MEM_COMMIT, RW | PAGE_GUARD, 0},
      FILL(62, 2),
      {do_grow, 30, 1, 0, 0, 0},
      FILL(30, 32),
      EXPECT(62, 2),
      {do_grow, 2, 1, 1, 0, 0},
      EXPECT(30, 34)},
     end_stack},
    {"a stack grows through what was reset",
     "",
     {STACK,
      COMMIT(40, 20, RW),
      FILL(40, 20),
      {do_allocate, 40, 20, MEM_RESET, RW, 0},
      {do_grow_asleep, 38, 1, 0, 0, 0},
      {do_expect, 40, 20, 0, 0, 0},
      {do_allocate, 40, 20, MEM_RESET_UNDO, RW, 0},
      {do_grow, 36, 1, 0, 0, 0}},
     end_stack,
     .varies = true},
    {"meet a read-only guard page",
     "",
     {BOTH(0, 8, RW),
      FILL(0, 8),
      PROTECT(3, 1, RO | PAGE_GUARD, RW),
      {do_meet_guard, 3, 1, 0, 0, 0},
      EXPECT(0, 8)}},
    {"query in between",
     "",
     {MIXED,
      {do_query, 4, 4, MEM_COMMIT, RO, 0},
      {do_query, 17, ALL - 17, MEM_RESERVE, 0, 0},
      DECOMMIT(4, 4),
      {do_query, 4, 4, MEM_RESERVE, 0, 0}}},
    {"reset and undo",
     "",
     {BOTH(0, 16, RW),
      FILL(0, 16),
      {do_allocate, 0, 16, MEM_RESET, RW, 0},
      {do_allocate, 0, 16, MEM_RESET_UNDO, RW, 0},
      EXPECT(0, 16)}},
    {"anywhere, small", "", {{do_allocate_anywhere, 0, 16, MEM_RESERVE | MEM_COMMIT, 0, 0}}},
    {"anywhere, a terabyte and more",
     "",
     {{do_allocate_anywhere, 0, NARROW ? 0x1000000 : 0x18000000, MEM_RESERVE, 0, 0}}},
    {"anywhere, from the top",
     "",
     {{do_allocate_anywhere, 0, 300, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, 0, 0}}},
    {"anywhere, aligned", "", {{do_allocate_anywhere, 0, 300, MEM_RESERVE, 1u << 30, 0}}},
    {"below two gigabytes", "", {{do_allocate_below, 0, 16, 0, 0, 0}}},
    {"a file that processes share", "", {{do_map_shared, 0, 5, 0, 0, 0}}},
    {"a page of the process's own", "", {{do_share_page, 0, 1, 0, 0, 0}}, .remains = true},
    {0},
};
