/*
 * Locking pages into memory. The lock is the host's; the books know which pages have it, one lock
 * each however often it was asked for. What ends a lock otherwise (decommit, release, offer) does so
 * by the state of the pages alone.
 */
#include "memoryapi/lock.h"

#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"
#include "memoryapi/reset.h"
#include "memoryapi/space.h"
#include "memoryapi/workingset.h"

/* The range begins in one region and ends in another: each is split once at most, one is twice. */
#define RUNS 4
/* Of the minimum working set, what is not for locked pages: "a small overhead" (VirtualLock). */
#define OVERHEAD_PAGES 8
/* a stack may grow so often under a lock of its guard page before it counts as out of reach */
#define TRIES 64

/* Pages of one run, from `from` to `to`; region NULL: nothing is there. */
struct piece {
    struct region *region;
    const struct run *run;
    uint64_t from, to;
};

/* pre: the range is claimed. */
static struct piece piece_at(uint64_t at, uint64_t end)
{
    struct piece piece = {.from = at, .to = end};
    books_lock();
    struct region *next = region_next_from(&space.map, at);
    books_unlock();
    if (next->barrier || region_base(next) > at) {
        uint64_t to = next->barrier ? region_end(next) : region_base(next);
        piece.to = to < end ? to : end;
        return piece;
    }
    piece.region = next;
    piece.run = run_find(next, at);
    run_clip(piece.run, at, end, &piece.from, &piece.to);
    return piece;
}

/* What the first look at a page of the piece would find. */
static NTSTATUS check_access(const struct piece *piece)
{
    const struct run_state *state = piece->run ? &piece->run->state : NULL;
    if (!state)
        return STATUS_MEMORY_NOT_ALLOCATED;
    if (!state->committed || state->priority || (state->protect & PAGE_NOACCESS))
        return STATUS_ACCESS_VIOLATION;
    return state->protect & PAGE_GUARD ? STATUS_GUARD_PAGE_VIOLATION : STATUS_SUCCESS;
}

/* *ret_page: the first page that is in the way. *ret_pages: so many are not locked yet. */
static NTSTATUS check_lock(uint64_t start, uint64_t end, uint64_t *ret_page, uint64_t *ret_pages)
{
    *ret_pages = 0;
    for (uint64_t at = start; at < end;) {
        struct piece piece = piece_at(at, end);
        NTSTATUS status = check_access(&piece);
        *ret_page = at;
        if (status != STATUS_SUCCESS)
            return status;
        *ret_pages += piece.run->state.locked ? 0 : (piece.to - piece.from) / PAGE_SIZE;
        at = piece.to;
    }
    return STATUS_SUCCESS;
}

/* A locked page keeps its contents: what was reset is so no more. pre: the range is claimed. */
static NTSTATUS wake(uint64_t start, uint64_t end)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (uint64_t at = start; at < end && status == STATUS_SUCCESS;) {
        struct piece piece = piece_at(at, end);
        at = piece.to;
        if (piece.run->state.reset == RESET_ASLEEP)
            status = reset_wake(piece.region, piece.from, piece.to);
    }
    return status;
}

static uint64_t pending; /* pages that calls are about to lock; under books */

static bool take_quota(uint64_t pages)
{
    struct mm_working_set set;
    mm_working_set_limits(&set);
    uint64_t limit = set.minimum / PAGE_SIZE - OVERHEAD_PAGES;
    books_lock();
    bool fits = space.map.locked + pending + pages <= limit;
    pending += fits ? pages : 0;
    books_unlock();
    return fits;
}

/* What was locked of it is in the books now. */
static void settle_quota(uint64_t pages)
{
    books_lock();
    pending -= pages;
    books_unlock();
}

static void become_locked(struct run_state *state, void *context)
{
    state->locked = *(const bool *)context;
}

/* Under claims and a promise of RUNS: the pages of [start, end) are locked, or not, from now on. */
static void note(uint64_t start, uint64_t end, bool locked)
{
    for (uint64_t at = start; at < end;) {
        struct region *region = piece_at(at, end).region;
        uint64_t to = region_end(region) < end ? region_end(region) : end;
        space_change(region, at, to, become_locked, &locked);
        at = to;
    }
}

/*
 * Locks or unlocks at the host what the books say is not so; (`back`) what they say is so, which is
 * how [start, end) is undone. Stops at the first failure, *ret_at the end of the piece it was in.
 */
static int apply(uint64_t start, uint64_t end, bool locked, bool back, uint64_t *ret_at)
{
    uint64_t at = start;
    int error = 0;
    while (at < end && (!error || back)) {
        struct piece piece = piece_at(at, end);
        if (piece.run->state.locked != (locked != back))
            error = (locked ? host->lock : host->unlock)(piece.from, piece.to - piece.from);
        at = piece.to;
    }
    *ret_at = at;
    return error;
}

/* Changes what is not so yet, at the host and in the books, or nothing. */
static NTSTATUS change(uint64_t start, uint64_t end, bool locked, NTSTATUS refusal)
{
    uint64_t at, unused;
    NTSTATUS status = STATUS_SUCCESS;
    if (!space_prepare(0, RUNS))
        return STATUS_NO_MEMORY;
    if (apply(start, end, locked, false, &at) == 0) {
        note(start, end, locked);
    } else {
        apply(start, at, !locked, true, &unused);
        status = refusal;
    }
    space_settle(0, RUNS);
    return status;
}

/* As the touch of a page does: a guard is spent, the stack of the calling thread grows. */
static NTSTATUS touch_guard(uint64_t page)
{
    switch (mm_fault(page, FAULT_READ)) {
    case MM_FAULT_RESUME:
        return STATUS_SUCCESS;
    case MM_FAULT_GUARD:
        return STATUS_GUARD_PAGE_VIOLATION;
    case MM_FAULT_STACK:
        return STATUS_STACK_OVERFLOW;
    default:
        return STATUS_ACCESS_VIOLATION;
    }
}

static NTSTATUS lock_range(uint64_t start, uint64_t end, bool *ret_was_locked)
{
    NTSTATUS status = STATUS_ACCESS_VIOLATION;
    uint64_t page = start, pages = 0;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        space_claim_range(start, end);
        status = check_lock(start, end, &page, &pages);
        if (status == STATUS_SUCCESS)
            status = wake(start, end);
        if (status == STATUS_SUCCESS && !take_quota(pages)) {
            status = STATUS_WORKING_SET_QUOTA;
        } else if (status == STATUS_SUCCESS) {
            status = change(start, end, true, STATUS_WORKING_SET_QUOTA);
            settle_quota(pages);
        }
        space_release_range(start, end);
        if (status != STATUS_GUARD_PAGE_VIOLATION)
            break;
        status = touch_guard(page);
        if (status != STATUS_SUCCESS)
            break;
        status = STATUS_ACCESS_VIOLATION;
    }
    *ret_was_locked = status == STATUS_SUCCESS && pages < (end - start) / PAGE_SIZE;
    return status;
}

/* The pages that are not locked leave the working set; whether there were any. */
static bool trim_others(uint64_t start, uint64_t end)
{
    bool any = false;
    for (uint64_t at = start; at < end;) {
        struct piece piece = piece_at(at, end);
        if (!piece.run || !piece.run->state.locked) {
            any = true;
            if (piece.run && piece.run->state.committed && !piece.run->state.priority)
                host->hint(piece.from, piece.to - piece.from, HOST_PAGE_OUT);
        }
        at = piece.to;
    }
    return any;
}

static NTSTATUS check_range(uint64_t base, uint64_t size, uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t end;
    if (size == 0 || add_overflows(base, size, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    *ret_start = round_down(base, PAGE_SIZE);
    *ret_end = round_up(end, PAGE_SIZE);
    return space_init();
}

NTSTATUS mm_lock(uint64_t *base, uint64_t *size, bool *ret_was_locked)
{
    uint64_t start, end;
    NTSTATUS status = check_range(*base, *size, &start, &end);
    if (status == STATUS_SUCCESS)
        status = lock_range(start, end, ret_was_locked);
    if (status == STATUS_SUCCESS) {
        *base = start;
        *size = end - start;
    }
    return status;
}

NTSTATUS mm_unlock(uint64_t *base, uint64_t *size)
{
    uint64_t start, end;
    NTSTATUS status = check_range(*base, *size, &start, &end);
    if (status != STATUS_SUCCESS)
        return status;
    space_claim_range(start, end);
    status = trim_others(start, end) ? STATUS_NOT_LOCKED
                                     : change(start, end, false, STATUS_INSUFFICIENT_RESOURCES);
    space_release_range(start, end);
    if (status == STATUS_SUCCESS) {
        *base = start;
        *size = end - start;
    }
    return status;
}
