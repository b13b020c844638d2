/* Offer, reclaim, discard: the state machine. */
#include "memoryapi/offer.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/offer_order.h"
#include "memoryapi/offer_policy.h"
#include "memoryapi/offer_setting.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define LOWEST_PRIORITY  1u /* VmOfferPriorityVeryLow */
#define HIGHEST_PRIORITY 4u /* VmOfferPriorityNormal */

static void become_offered(struct run_state *state, void *context)
{
    struct offer *offer = context;
    state->offer = offer;
    state->priority = offer->priority;
    state->locked = false;
    if (state->reset != RESET_NOT)
        state->reset = RESET_LOST;
}

static void become_reclaimed(struct run_state *state, void *context)
{
    const bool *lost = context;
    if (!*lost && state->reset == RESET_LOST)
        state->reset = RESET_AWAKE;
    if (!*lost)
        state->offer = NULL;
    state->priority = 0;
}

/* With the witnesses noted: from now on pages may go. On failure the access may be any. */
static int close_and_note(struct offer *offer, uint64_t start, uint64_t end)
{
    int error = host->protect(start, end - start, HOST_READ);
    if (!error) {
        offer_note(offer, start, end);
        error = host->protect(start, end - start, HOST_NONE);
    }
    offer->stage = OFFER_GIVEN;
    return error;
}

/* What sleeps does not change, and its witnesses are known. */
static int close_sleepers(struct offer *offer, const struct offer *reset)
{
    offer_copy(offer, reset);
    offer_take_sleepers(offer);
    offer->stage = OFFER_GIVEN;
    return host->protect(offer->base, offer->pages * PAGE_SIZE, HOST_NONE);
}

/*
 * Closes one run's part, so that nothing changes in it any more, and notes the witnesses, unless it
 * is held: nothing is lost yet. Undone on failure. A guard page is offered like any other, and its
 * protection comes back with the reclaim; a locked page is unlocked.
 */
static NTSTATUS close_pages(const struct region *region, uint64_t start, uint64_t end,
                            const struct run *run, bool held, struct offer **ret_offer)
{
    struct offer *offer = offer_create(start, end);
    int error = 0;

    if (!offer)
        return STATUS_NO_MEMORY;
    if (run->state.locked)
        error = host->unlock(start, end - start);
    if (error) {
        offer_destroy(offer);
        return status_from_errno(error);
    }
    if (run->state.priority) {
        offer->taken_over = true;
        offer_copy(offer, run->state.offer);
        if (offer->stage == OFFER_HELD && !held)
            error = close_and_note(offer, start, end);
    } else if (run->state.reset == RESET_ASLEEP) {
        error = close_sleepers(offer, run->state.offer);
    } else if (held && run->state.reset == RESET_NOT) {
        error = host->protect(start, end - start, HOST_NONE);
    } else {
        error = close_and_note(offer, start, end);
        if (run->state.reset != RESET_NOT)
            offer_take_reset(offer, run->state.offer);
    }
    if (!error) {
        *ret_offer = offer;
        return STATUS_SUCCESS;
    }
    watch_protect(region, start, end - start, backing_access(&run->state));
    if (run->state.locked)
        host->lock(start, end - start);
    offer_destroy(offer);
    return status_from_errno(error);
}

/* The region of a page-aligned range all of whose pages are committed. */
static NTSTATUS check_committed(const struct region *region, uint64_t base, uint64_t size)
{
    if (region->adopted || region->secured || region_end(region) < base + size)
        return STATUS_CONFLICTING_ADDRESSES;
    for (const struct run *run = run_find(region, base); run && run_start(run) < base + size;
         run = run_next(run))
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
    return STATUS_SUCCESS;
}

/*
 * Claims it, with nodes for two splits; space_give_up ends both. What sleeps in it sleeps on, or is
 * offered asleep.
 */
static NTSTATUS claim_committed(uint64_t base, uint64_t size, struct region **ret_region)
{
    struct region *region = space_claim(base);
    NTSTATUS status = STATUS_CONFLICTING_ADDRESSES;
    if (region) {
        status = check_committed(region, base, size);
        if (status == STATUS_SUCCESS && !space_prepare(0, 2))
            status = STATUS_NO_MEMORY;
        if (status != STATUS_SUCCESS)
            space_release(region);
    }
    *ret_region = status == STATUS_SUCCESS ? region : NULL;
    return status;
}

static NTSTATUS check_range(uint64_t base, uint64_t size)
{
    uint64_t end;
    if (!is_aligned(base, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE) || size == 0 ||
        add_overflows(base, size, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    return space_init();
}

/* The host may have dropped some pages, and may go on. */
static bool is_given(const struct run *run)
{
    return run->state.priority && run->state.offer->stage == OFFER_GIVEN;
}

/* Pages that have to be there, to be told as written by a host that watches. */
static bool is_missed(const struct region *region, const struct run *run)
{
    return region->watched && !region->marks && run->state.priority &&
           run->state.offer->stage != OFFER_HELD;
}

/* Makes what was given to the host accessible. */
static int reach_pages(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!is_given(run) && !is_missed(region, run))
            continue;
        error = host->protect(from, to - from, HOST_READ_WRITE);
        if (!error && is_missed(region, run))
            error = host->keep(from, to - from);
    }
    return error;
}

/*
 * Whether the offer has lost something, and sees to it that nothing more is dropped. What a reset
 * has lost by it is noted.
 */
static bool take_back(const struct run *run, uint64_t from, uint64_t to)
{
    struct offer *offer = run->state.offer;
    bool lost = false;
    if (offer->stage == OFFER_GIVEN)
        lost = !offer_take_back(offer, from, to);
    else if (offer->stage == OFFER_DROPPED)
        lost = offer_had_contents(offer, from, to);
    if (lost && run->state.reset == RESET_LOST)
        offer_return_reset(offer, from, to, offer->stage == OFFER_DROPPED);
    return lost;
}

/* Takes the pages back and gives them their own access. */
static int open_pages(const struct region *region, uint64_t start, uint64_t end,
                      bool *ret_discarded)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        unsigned access = prot_host_access(run->state.protect);
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.priority)
            continue;
        *ret_discarded |= take_back(run, from, to);
        if (!is_given(run) || access != HOST_READ_WRITE)
            error = host->protect(from, to - from, access);
    }
    return error;
}

/* Under a promise of two runs for all the parts of a range. */
static void end_offer(struct region *region, struct run *run, uint64_t from, uint64_t to)
{
    bool lost = run->state.reset == RESET_LOST && offer_has_lost(run->state.offer, from, to);
    if (lost)
        offer_end(&run->state, (to - from) / PAGE_SIZE);
    else
        offer_forget(&run->state, (to - from) / PAGE_SIZE);
    watch_written(region, from, to);
    space_change(region, from, to, become_reclaimed, &lost);
}

/*
 * All of the range or nothing: an answer about one part that was given back would be lost with the
 * failure of another. The books come last.
 */
static NTSTATUS reclaim_pages(struct region *region, uint64_t start, uint64_t end,
                              bool *ret_discarded)
{
    int error = reach_pages(region, start, end);
    if (!error)
        error = open_pages(region, start, end, ret_discarded);
    for (uint64_t at = start, from, to; at < end; at = to) {
        struct run *run = run_find(region, at);
        run_clip(run, at, end, &from, &to);
        if (run->state.priority && error)
            host->protect(from, to - from, HOST_NONE);
        else if (run->state.priority)
            end_offer(region, run, from, to);
    }
    return status_from_errno(error);
}

/*
 * Closes what is not offered yet, and takes over what is offered with another priority:
 * *ret_offers is the list of it, in the order of addresses.
 */
static NTSTATUS close_all(const struct region *region, uint64_t start, uint64_t end,
                          uint8_t priority, bool held, struct offer **ret_offers)
{
    NTSTATUS status = STATUS_SUCCESS;
    *ret_offers = NULL;
    for (const struct run *run = run_find(region, start);
         run && run_start(run) < end && status == STATUS_SUCCESS; run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.priority == priority)
            continue;
        status = close_pages(region, from, to, run, held, ret_offers);
        if (status == STATUS_SUCCESS) {
            (*ret_offers)->priority = priority;
            ret_offers = &(*ret_offers)->next;
        }
    }
    return status;
}

static void reopen(const struct region *region, struct offer *offers)
{
    for (struct offer *offer = offers, *next; offer; offer = next) {
        next = offer->next;
        const struct run_state *state = &run_find(region, offer->base)->state;
        if (!offer->taken_over)
            watch_protect(region, offer->base, offer->pages * PAGE_SIZE, backing_access(state));
        if (state->locked)
            host->lock(offer->base, offer->pages * PAGE_SIZE);
        offer_destroy(offer);
    }
}

/* Now that its pages are offered: what the host gets of them. It may refuse without harm. */
static void give(struct offer *offer)
{
    enum return_mode mode = offer_return_mode(RETURN_LAZY);
    uint64_t size = offer->pages * PAGE_SIZE;

    if (offer->stage != OFFER_GIVEN)
        return;
    if (mode == RETURN_LAZY)
        host->offer(offer->base, size);
    offer_discard_for_test(offer, offer->priority);
    if (mode == RETURN_NOW && host->drop(offer->base, size) == 0)
        offer_set_stage(offer, OFFER_DROPPED);
}

/*
 * First, for the whole range, everything that can fail, and can be undone: access and witnesses.
 * Then the books; then the host gets what it may.
 */
static NTSTATUS offer_pages(struct region *region, uint64_t start, uint64_t end, uint8_t priority,
                            bool held)
{
    struct offer *offers;
    NTSTATUS status = close_all(region, start, end, priority, held, &offers);

    if (status != STATUS_SUCCESS) {
        reopen(region, offers);
        return status;
    }
    for (struct offer *offer = offers, *next; offer; offer = next) {
        next = offer->next;
        offer->age = __atomic_add_fetch(&space.offer_age, 1, __ATOMIC_RELAXED);
        /* of a reset, or of the other priority */
        offer_forget(&run_find(region, offer->base)->state, offer->pages);
        space_change(region, offer->base, offer->base + offer->pages * PAGE_SIZE, become_offered,
                     offer);
        offer_enlist(offer, offer->pages);
        give(offer);
    }
    return STATUS_SUCCESS;
}

NTSTATUS mm_offer(uint64_t base, uint64_t size, uint32_t priority)
{
    struct region *region;
    bool held;
    NTSTATUS status = check_range(base, size);
    if (status == STATUS_SUCCESS && (priority < LOWEST_PRIORITY || priority > HIGHEST_PRIORITY))
        status = STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return status;
    held = offer_is_held(priority);
    status = claim_committed(base, size, &region);
    if (status == STATUS_SUCCESS)
        status = region->kind == MM_PRIVATE && !region->physical &&
                         !region->large /* which stay in memory */
                     ? offer_pages(region, base, base + size, (uint8_t)priority, held)
                     : STATUS_INVALID_PARAMETER;
    if (region)
        space_give_up(region);
    if (status == STATUS_SUCCESS)
        offer_apply_policy();
    return status;
}

NTSTATUS mm_reclaim(uint64_t base, uint64_t size, bool *ret_discarded)
{
    struct region *region;
    bool discarded = false;
    NTSTATUS status = check_range(base, size);
    if (status != STATUS_SUCCESS)
        return status;
    status = claim_committed(base, size, &region);
    if (status == STATUS_SUCCESS)
        status = reclaim_pages(region, base, base + size, &discarded);
    if (region)
        space_give_up(region);
    if (status == STATUS_SUCCESS)
        *ret_discarded = discarded;
    return status;
}

/* The first pages at or after *at that are not locked, up to the next that are. */
static bool next_unlocked(const struct region *region, uint64_t *at, uint64_t end, uint64_t *ret_to)
{
    const struct run *run = *at < end ? run_find(region, *at) : NULL;
    while (run && run->state.locked)
        run = run_next(run);
    if (!run || run_start(run) >= end)
        return false;
    *at = run_start(run) > *at ? run_start(run) : *at;
    while (run && !run->state.locked && run_start(run) < end) {
        *ret_to = run_end(run) < end ? run_end(run) : end;
        run = run_next(run);
    }
    return true;
}

/*
 * What is locked stays in memory, and with it its contents: they are undefined, not gone. The same
 * holds for what the host does not drop after it has dropped something: only a call that dropped
 * nothing may fail.
 */
static int drop_unlocked(const struct region *region, uint64_t start, uint64_t end)
{
    bool dropped = false;
    int error = 0;
    for (uint64_t at = start, to = start; next_unlocked(region, &at, end, &to); at = to) {
        int failed = host->drop(at, to - at);
        if (!failed)
            watch_dropped(region, at, to);
        dropped |= !failed;
        error = failed ? failed : error;
    }
    return dropped ? 0 : error;
}

NTSTATUS mm_discard(uint64_t base, uint64_t size)
{
    struct region *region;
    NTSTATUS status = check_range(base, size);
    if (status != STATUS_SUCCESS)
        return status;
    status = claim_committed(base, size, &region);
    for (const struct run *run = status == STATUS_SUCCESS ? run_find(region, base) : NULL;
         run && run_start(run) < base + size; run = run_next(run))
        if (region->kind != MM_PRIVATE || region->physical || region->large ||
            run->state.protect != PAGE_READWRITE || run->state.priority)
            status = STATUS_INVALID_PAGE_PROTECTION;
    if (status == STATUS_SUCCESS)
        status = status_from_errno(drop_unlocked(region, base, base + size));
    if (region)
        space_give_up(region);
    return status;
}
