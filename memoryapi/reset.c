/*
 * MEM_RESET and MEM_RESET_UNDO: contents that the program can do without, and whether they survived.
 *
 *   awake or not reset --MEM_RESET--> asleep --first write, VirtualProtect...--> awake, or lost
 *   each of them --MEM_RESET_UNDO--> not reset
 *
 * ASLEEP pages are readable and not writable, their witnesses are noted (offer.h), and the kernel
 * may drop them. A write faults and wakes a part of them. Waking must tell which pages are gone
 * before another thread can write to them, and no page may go afterwards: while the pages are still
 * unwritable they are pinned; then nothing is dropped any more and the witnesses are read; then the
 * pages become writable and are made dirty, and the pin ends. Where pinning fails in the middle of
 * a fault, the pages are dropped: lost for certain is an answer, perhaps lost is none.
 *
 * AWAKE pages are as any other, but they were reset: a write wakes its surroundings, which nobody has
 * written, so when an offer loses them (offer.h), the undo has to tell. Where nothing can sleep, pages
 * are awake from the start.
 *
 * LOST pages are awake, and remembered until MEM_RESET_UNDO has told. A new MEM_RESET before that
 * remembers those which are still all zero; in the others the program has put something new.
 *
 * Pages that cannot be written, that are locked, and those of large-page, watched and AWE memory
 * keep their contents: then an undo always finds everything.
 */
#include "memoryapi/reset.h"

#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/gate.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/offer.h"
#include "memoryapi/offer_setting.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

/* So much is woken by one write; within what any account may lock. */
#define CHUNK (2ull << 20)
/* Where an account may not even pin that. */
#define SMALL_CHUNK (64ull << 10)

/* How a part is woken. */
struct waking {
    bool in_fault; /* from a signal handler */
    bool may_drop; /* what cannot be pinned; else waking fails */
    bool lost;     /* out */
};

/* What stayed pinned could not be decommitted any more. */
static void unpin(uint64_t from, uint64_t size)
{
    for (unsigned tries = 0; tries < 3 && host->unpin(from, size) != 0; tries++)
        ;
}

/* The pages are held; or they are dropped, where they cannot be. */
static int pin_or_drop(uint64_t from, uint64_t size, bool may_drop, bool *ret_pinned)
{
    int error = host->pin(from, size);
    *ret_pinned = error == 0;
    if (error) {
        unpin(from, size);
        error = may_drop && size <= SMALL_CHUNK ? host->drop(from, size) : error;
    }
    return error;
}

static void become_awake(struct run_state *state, void *context)
{
    const struct waking *waking = context;
    state->reset = waking->lost ? RESET_LOST : RESET_AWAKE;
    if (!waking->lost)
        state->offer = NULL;
}

/* pre: [from, to) sleeps and is of one run; two runs prepared. */
static int wake_part(struct region *region, uint64_t from, uint64_t to, struct waking *waking)
{
    struct run *run = run_find(region, from);
    struct offer *offer = run->state.offer;
    uint64_t size = to - from;
    bool pinned = false;
    int error = 0;

    if (offer_mark_lost(offer, from, to)) {
        error = pin_or_drop(from, size, waking->may_drop, &pinned);
        if (error)
            return error;
        offer_mark_lost(offer, from, to);
    }
    error = host->protect(from, size, prot_host_access(run->state.protect));
    if (!error)
        offer_dirty(offer, from, to);
    if (pinned)
        unpin(from, size);
    if (error) {
        host->protect(from, size, backing_access(&run->state)); /* it may have done a part */
        return error;
    }
    waking->lost = offer_has_lost(offer, from, to);
    if (!waking->lost && waking->in_fault)
        offer_forget_later(&run->state, size / PAGE_SIZE);
    else if (!waking->lost)
        offer_forget(&run->state, size / PAGE_SIZE);
    else
        reset_end_sleep(size / PAGE_SIZE);
    space_change(region, from, to, become_awake, waking);
    return 0;
}

/* The part of [start, end) in the same piece of `chunk` bytes as `page`. */
static void clip_chunk(uint64_t page, uint64_t chunk, uint64_t *start, uint64_t *end)
{
    uint64_t from = round_down(page, chunk);
    *start = from > *start ? from : *start;
    *end = from + chunk < *end ? from + chunk : *end;
}

bool reset_wake_for_fault(struct region *region, uint64_t page)
{
    static const uint64_t sizes[] = {CHUNK, SMALL_CHUNK, SPACE_END};
    for (unsigned i = 0; i < array_length(sizes); i++) {
        /* all of the run in the end: at the limit of mappings it may be the only way */
        struct waking waking = {.in_fault = true, .may_drop = true};
        struct run *run = run_find(region, page);
        uint64_t start = run_start(run), end = run_end(run);
        clip_chunk(page, sizes[i], &start, &end);
        if (wake_part(region, start, end, &waking) == 0)
            return true;
    }
    return false;
}

static NTSTATUS wake_run(struct region *region, uint64_t start, uint64_t end, bool may_drop)
{
    struct waking waking = {.may_drop = may_drop};
    if (!space_prepare(0, 2))
        return STATUS_NO_MEMORY;
    int error = wake_part(region, start, end, &waking);
    space_settle(0, 2);
    return status_from_errno(error);
}

static NTSTATUS wake(struct region *region, uint64_t start, uint64_t end, bool may_drop)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (uint64_t at = start, to; at < end && status == STATUS_SUCCESS; at = to) {
        const struct run *run = run_find(region, at);
        uint64_t from = at;
        to = run_end(run) < end ? run_end(run) : end;
        if (run->state.reset != RESET_ASLEEP)
            continue;
        clip_chunk(at, CHUNK, &from, &to);
        status = wake_run(region, at, to, may_drop);
        if (status != STATUS_SUCCESS && to - at > SMALL_CHUNK) {
            clip_chunk(at, SMALL_CHUNK, &from, &to);
            status = wake_run(region, at, to, may_drop);
        }
    }
    return status;
}

NTSTATUS reset_wake(struct region *region, uint64_t start, uint64_t end)
{
    return reset_sleepers() ? wake(region, start, end, true) : STATUS_SUCCESS;
}

void mm_will_write(uint64_t address, uint64_t size)
{
    uint64_t end;
    if (!reset_sleepers() || add_overflows(address, size, &end))
        return;
    for (uint64_t at = round_down(address, PAGE_SIZE); at < end;) {
        struct region *region = space_claim(at);
        if (!region)
            return; /* whoever writes there is told so by the kernel */
        uint64_t limit = round_up(end, PAGE_SIZE) < region_end(region) ? round_up(end, PAGE_SIZE)
                                                                       : region_end(region);
        wake(region, at, limit, true);
        space_release(region);
        at = limit;
    }
}

void mm_will_push(uint64_t address, uint64_t size)
{
    struct region *region = reset_sleepers() ? space_claim(round_down(address, PAGE_SIZE)) : NULL;
    if (!region)
        return;
    uint64_t start = round_down(address - size, PAGE_SIZE);
    wake(region, start > region_base(region) ? start : region_base(region),
         round_down(address, PAGE_SIZE) + PAGE_SIZE, true);
    space_release(region);
}

/* Whether an offer can lose its contents. */
static bool can_be_offered(const struct region *region)
{
    return region->kind == MM_PRIVATE && !region->adopted && !region->secured && !region->large &&
           !region->physical;
}

static bool can_sleep(const struct region *region, const struct run_state *state)
{
    return can_be_offered(region) && !region->watched && !state->locked &&
           state->reset != RESET_ASLEEP &&
           (prot_host_access(state->protect) & HOST_READ_WRITE) == HOST_READ_WRITE;
}

/* A stack must be writable whenever its thread runs our code, also one of the program's making. */
static bool is_stack(uint64_t start, uint64_t end)
{
    const struct mm_stack *stack = mm_thread_stack;
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    if (start < here + GATE_ROOM && end > here - GATE_ROOM)
        return true;
    return stack && start < stack->base && end > stack->floor;
}

/* Makes it unwritable and notes the witnesses; on failure everything is as before. */
static NTSTATUS close_part(uint64_t from, uint64_t to, const struct run_state *state,
                           struct offer **ret_offer)
{
    unsigned access = prot_host_access(state->protect);
    struct offer *offer = offer_create(from, to);
    int error;

    if (!offer)
        return STATUS_NO_MEMORY;
    error = host->protect(from, to - from, access & ~(unsigned)HOST_WRITE);
    if (error) {
        host->protect(from, to - from, access);
        offer_destroy(offer);
        return status_from_errno(error);
    }
    offer_note(offer, from, to);
    if (state->reset == RESET_LOST)
        offer_keep_lost(offer, state->offer);
    *ret_offer = offer;
    return STATUS_SUCCESS;
}

static void become_asleep(struct run_state *state, void *context)
{
    state->offer = context;
    state->reset = RESET_ASLEEP;
}

/* context: what awake and lost pages become. */
static void become_unreset(struct run_state *state, void *context)
{
    const uint8_t *reset = context;
    if (state->reset == RESET_ASLEEP)
        return;
    if (state->reset == RESET_LOST)
        state->offer = NULL;
    state->reset = *reset;
}

static void become_awake_if_not(struct run_state *state, void *context)
{
    (void)context;
    if (state->reset == RESET_NOT)
        state->reset = RESET_AWAKE;
}

/*
 * What was lost is told, or noted elsewhere; what still sleeps goes on with what it knows. pre: two
 * runs prepared.
 */
static void forget_lost(struct region *region, uint64_t start, uint64_t end, uint8_t reset)
{
    for (struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.reset == RESET_LOST)
            offer_forget(&run->state, (to - from) / PAGE_SIZE);
    }
    space_change(region, start, end, become_unreset, &reset);
}

/* All that can sleep, closed: *ret_offers in the order of addresses, also after a failure. */
static NTSTATUS close_all(const struct region *region, uint64_t start, uint64_t end,
                          struct offer **ret_offers)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (const struct run *run = run_find(region, start);
         run && run_start(run) < end && status == STATUS_SUCCESS; run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!can_sleep(region, &run->state) || is_stack(from, to))
            continue;
        status = close_part(from, to, &run->state, ret_offers);
        if (status == STATUS_SUCCESS)
            ret_offers = &(*ret_offers)->next;
    }
    *ret_offers = NULL;
    return status;
}

static void reopen(const struct region *region, struct offer *offers)
{
    for (struct offer *offer = offers, *next; offer; offer = next) {
        next = offer->next;
        host->protect(offer->base, offer->pages * PAGE_SIZE,
                      backing_access(&run_find(region, offer->base)->state));
        offer_destroy(offer);
    }
}

/* Puts to sleep what can, all or nothing, and lets the kernel, or a test, have its contents. */
static NTSTATUS fall_asleep(struct region *region, uint64_t start, uint64_t end,
                            enum return_mode mode)
{
    struct offer *offers = NULL;
    NTSTATUS status = close_all(region, start, end, &offers);
    if (status != STATUS_SUCCESS) {
        reopen(region, offers);
        return status;
    }
    for (struct offer *offer = offers; offer; offer = offer->next) {
        uint64_t size = offer->pages * PAGE_SIZE;
        forget_lost(region, offer->base, offer->base + size, RESET_NOT);
        offer->age = __atomic_add_fetch(&space.offer_age, 1, __ATOMIC_RELAXED);
        space_change(region, offer->base, offer->base + size, become_asleep, offer);
        reset_begin_sleep(offer->pages);
        offer_discard_for_test(offer, NO_PRIORITY);
        if (mode == RETURN_LAZY)
            host->offer(offer->base, size);
        else if (mode == RETURN_NOW)
            host->drop(offer->base, size);
    }
    if (can_be_offered(region))
        space_change(region, start, end, become_awake_if_not, NULL);
    return STATUS_SUCCESS;
}

static NTSTATUS reset_pages(struct region *region, uint64_t start, uint64_t end)
{
    enum return_mode mode = offer_return_mode(space.owned ? RETURN_LAZY : RETURN_KEEP);
    struct discard_policy policy = offer_discard_policy();
    bool loses = policy.kind == DISCARD_ALL || policy.kind == DISCARD_SEED;
    NTSTATUS status = STATUS_SUCCESS;

    if (mode == RETURN_LAZY && !(host_caps.lazyfree && host_caps.pin))
        mode = RETURN_KEEP;
    if (mode != RETURN_LAZY || loses)
        status = reset_wake(region, start, end);
    if (status != STATUS_SUCCESS)
        return status;
    if (!space_prepare(0, 2))
        return STATUS_NO_MEMORY;
    if (mode == RETURN_KEEP && !loses)
        forget_lost(region, start, end, can_be_offered(region) ? RESET_AWAKE : RESET_NOT);
    else
        status = fall_asleep(region, start, end, mode);
    space_settle(0, 2);
    /* what cannot be woken now wakes when it is written */
    if (status == STATUS_SUCCESS && mode != RETURN_LAZY)
        reset_wake(region, start, end);
    return status;
}

static NTSTATUS undo(struct region *region, uint64_t start, uint64_t end)
{
    NTSTATUS status = reset_sleepers() ? wake(region, start, end, false) : STATUS_SUCCESS;
    bool lost = false;

    if (status == STATUS_SUCCESS && !space_prepare(0, 2))
        status = STATUS_NO_MEMORY;
    if (status != STATUS_SUCCESS)
        return status;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.reset == RESET_LOST)
            lost |= offer_has_lost(run->state.offer, from, to);
    }
    forget_lost(region, start, end, RESET_NOT);
    space_settle(0, 2);
    return lost ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

static NTSTATUS check_reset(const struct region *region, uint64_t start, uint64_t end)
{
    if (region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind == MM_IMAGE)
        return STATUS_INVALID_PARAMETER;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
        if (run->state.priority)
            return STATUS_CONFLICTING_ADDRESSES;
    }
    return STATUS_SUCCESS;
}

NTSTATUS mm_reset(struct mm_request *request)
{
    uint64_t start = round_down(request->base, PAGE_SIZE),
             end = round_up(request->base + request->size, PAGE_SIZE);
    struct region *region = request->base ? space_claim(start) : NULL;
    NTSTATUS status;

    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    status = check_reset(region, start, end);
    if (status == STATUS_SUCCESS)
        status =
            request->type & MEM_RESET ? reset_pages(region, start, end) : undo(region, start, end);
    space_release(region);
    if (status == STATUS_SUCCESS) {
        request->base = start;
        request->size = end - start;
    }
    return status;
}
