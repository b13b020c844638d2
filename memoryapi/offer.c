/* Offer, reclaim, discard: the state machine, and the discards a test asks for. */
#include "memoryapi/offer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/prot.h"
#include "memoryapi/setting.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define SPACE_END        (MM_HIGHEST_ADDRESS + 1)
#define LOWEST_PRIORITY  1u /* VmOfferPriorityVeryLow */
#define HIGHEST_PRIORITY 4u /* VmOfferPriorityNormal */

/* WINMEM_OFFER_DISCARD: what is lost on purpose, decided when memory is offered. */
struct discard_policy {
    enum { DISCARD_NONE, DISCARD_ALL, DISCARD_UP_TO, DISCARD_SEED } kind;
    uint64_t value;
};

/* The whole text is one number, at most `highest`; strtoull alone takes signs and blanks. */
static bool read_whole(const char *text, uint64_t highest, uint64_t *ret_value)
{
    char *end;
    errno = 0;
    *ret_value = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret_value <= highest;
}

static struct discard_policy policy_from_environment(void)
{
    static const char name[] = "WINMEM_OFFER_DISCARD";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    struct discard_policy policy = {DISCARD_NONE, 0};
    const char *text = getenv(name);
    int kept = errno;
    if (!text || !*text || strcmp(text, "none") == 0)
        return policy;
    if (strcmp(text, "all") == 0)
        policy.kind = DISCARD_ALL;
    else if (strncmp(text, "<=", 2) == 0 && read_whole(text + 2, HIGHEST_PRIORITY, &policy.value))
        policy.kind = DISCARD_UP_TO;
    else if (strncmp(text, "seed:", 5) == 0 && read_whole(text + 5, UINT64_MAX, &policy.value))
        policy.kind = DISCARD_SEED;
    else
        setting_refuse(name, text, "none, all, <=N (a priority, 1 to 4), seed:NUMBER", &said);
    errno = kept;
    return policy;
}

/* A mistake is told at the start, not at the first offer, which may be hours away. */
__attribute__((constructor)) static void check_policy(void)
{
    policy_from_environment();
}

/* Of each page, by the number of its offer and its place in it, so that a run repeats. */
static bool seed_says(uint64_t seed, uint64_t age, uint64_t page)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15ull + age * 0xC2B2AE3D27D4EB4Full + page;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return (x ^ x >> 31) & 1;
}

static void discard_for_test(const struct offer *offer, uint32_t priority)
{
    struct discard_policy policy = policy_from_environment();
    if (policy.kind == DISCARD_ALL || (policy.kind == DISCARD_UP_TO && priority <= policy.value))
        host->drop(offer->base, offer->pages * PAGE_SIZE);
    for (uint64_t page = 0; policy.kind == DISCARD_SEED && page < offer->pages; page++)
        if (seed_says(policy.value, offer->age, page))
            host->drop(offer->base + page * PAGE_SIZE, PAGE_SIZE);
}

static uint16_t find_witness(const uint64_t *page)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        if (page[i])
            return (uint16_t)i;
    return WITNESS_NONE;
}

void offer_forget(struct run_state *state, uint64_t pages)
{
    struct offer *offer = state->offer;
    if (offer && (offer->left -= pages) == 0)
        free(offer);
}

struct offering {
    struct offer *offer;
    uint8_t priority;
};

static void become_offered(struct run_state *state, void *context)
{
    const struct offering *offering = context;
    state->offer = offering->offer;
    state->priority = offering->priority;
    state->locked = false;
}

static void become_reclaimed(struct run_state *state, void *context)
{
    (void)context;
    state->offer = NULL;
    state->priority = 0;
}

/* Undoes close_pages. */
static void reopen(const struct region *region, uint64_t start, uint64_t size,
                   const struct run_state *state)
{
    watch_protect(region, start, size, prot_host_access(state->protect));
    if (state->locked)
        host->lock(start, size);
}

/*
 * Closes one run's part and notes the witnesses: nothing is lost yet. Undone on failure. A guard
 * page is offered like any other, and its protection comes back with the reclaim; a locked page is
 * unlocked.
 */
static NTSTATUS close_pages(const struct region *region, uint64_t start, uint64_t end,
                            const struct run *run, struct offer **ret_offer)
{
    uint64_t pages = (end - start) / PAGE_SIZE;
    struct offer *offer = malloc(sizeof *offer + pages * sizeof offer->witness[0]);
    int error;

    if (!offer)
        return STATUS_NO_MEMORY;
    *offer = (struct offer){.base = start, .pages = pages, .left = pages};
    error = run->state.locked ? host->unlock(start, end - start) : 0;
    if (!error)
        error = host->protect(start, end - start, HOST_READ);
    if (!error) {
        for (uint64_t i = 0; i < pages; i++)
            offer->witness[i] = find_witness((const uint64_t *)(start + i * PAGE_SIZE));
        error = host->protect(start, end - start, HOST_NONE);
    }
    if (error) {
        reopen(region, start, end - start, &run->state);
        free(offer);
        return status_from_errno(error);
    }
    *ret_offer = offer;
    return STATUS_SUCCESS;
}

/* True when some page of [start, end), which has been kept, lost its witness. */
static bool lost(const struct offer *offer, uint64_t start, uint64_t end)
{
    for (uint64_t at = start; at < end; at += PAGE_SIZE) {
        uint16_t witness = offer->witness[(at - offer->base) / PAGE_SIZE];
        if (witness != WITNESS_NONE && ((const volatile uint64_t *)at)[witness] == 0)
            return true;
    }
    return false;
}

/* The region of a page-aligned range all of whose pages are committed. */
static NTSTATUS check_committed(const struct region *region, uint64_t base, uint64_t size)
{
    if (region->adopted || region_end(region) < base + size)
        return STATUS_CONFLICTING_ADDRESSES;
    for (const struct run *run = run_find(region, base); run && run_start(run) < base + size;
         run = run_next(run))
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
    return STATUS_SUCCESS;
}

/* Claims it, with nodes for two splits; space_give_up ends both. */
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

/* Makes what is offered in [start, end) accessible and sees to it that nothing more is dropped. */
static int keep_pages(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.priority)
            continue;
        error = host->protect(from, to - from, HOST_READ_WRITE);
        if (!error)
            error = host->keep(from, to - from);
    }
    return error;
}

/* Looks whether something was lost and gives the pages their own access. */
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
        *ret_discarded |= lost(run->state.offer, from, to);
        if (access != HOST_READ_WRITE)
            error = host->protect(from, to - from, access);
    }
    return error;
}

/*
 * All of the range or nothing: an answer about one part that was given back would be lost with the
 * failure of another. The books come last.
 */
static NTSTATUS reclaim_pages(struct region *region, uint64_t start, uint64_t end,
                              bool *ret_discarded)
{
    uint64_t from, to;
    int error = keep_pages(region, start, end);
    if (!error)
        error = open_pages(region, start, end, ret_discarded);
    for (struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        run_clip(run, start, end, &from, &to);
        if (error && run->state.priority)
            host->protect(from, to - from, HOST_NONE);
        else if (!error && run->state.priority) {
            offer_forget(&run->state, (to - from) / PAGE_SIZE);
            watch_written(region, from, to);
        }
    }
    if (error)
        return status_from_errno(error);
    space_change(region, start, end, become_reclaimed, NULL);
    return STATUS_SUCCESS;
}

static void take_priority(struct run_state *state, void *context)
{
    state->priority = *(const uint8_t *)context;
}

/* Closes what is not offered yet: *ret_offers is the list of it, in the order of addresses. */
static NTSTATUS close_all(const struct region *region, uint64_t start, uint64_t end,
                          struct offer **ret_offers)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (const struct run *run = run_find(region, start);
         run && run_start(run) < end && status == STATUS_SUCCESS; run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.priority)
            continue;
        status = close_pages(region, from, to, run, ret_offers);
        if (status == STATUS_SUCCESS)
            ret_offers = &(*ret_offers)->next;
    }
    *ret_offers = NULL;
    return status;
}

/*
 * First, for the whole range, everything that can fail, and can be undone: access and witnesses.
 * Then the books; then the hint that lets the kernel drop pages, which may be refused without harm.
 */
static NTSTATUS offer_pages(struct region *region, uint64_t start, uint64_t end, uint8_t priority)
{
    struct offer *offers, *next;
    NTSTATUS status = close_all(region, start, end, &offers);

    for (struct offer *offer = offers; offer; offer = next) {
        uint64_t size = offer->pages * PAGE_SIZE;
        next = offer->next;
        if (status != STATUS_SUCCESS) {
            reopen(region, offer->base, size, &run_find(region, offer->base)->state);
            free(offer);
            continue;
        }
        struct offering offering = {offer, priority};
        offer->age = __atomic_add_fetch(&space.offer_age, 1, __ATOMIC_RELAXED);
        space_change(region, offer->base, offer->base + size, become_offered, &offering);
        host->offer(offer->base, size);
        discard_for_test(offer, priority);
    }
    if (status == STATUS_SUCCESS)
        space_change(region, start, end, take_priority, &priority);
    return status;
}

NTSTATUS mm_offer(uint64_t base, uint64_t size, uint32_t priority)
{
    struct region *region;
    NTSTATUS status = check_range(base, size);
    if (status == STATUS_SUCCESS && (priority < LOWEST_PRIORITY || priority > HIGHEST_PRIORITY))
        status = STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return status;
    status = claim_committed(base, size, &region);
    if (status == STATUS_SUCCESS)
        status = region->kind == MM_PRIVATE && !region->large /* which stay in memory */
                     ? offer_pages(region, base, base + size, (uint8_t)priority)
                     : STATUS_INVALID_PARAMETER;
    if (region)
        space_give_up(region);
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

/* What is locked stays in memory, and with it its contents: they are undefined, not gone. */
static int drop_unlocked(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.locked)
            error = host->drop(from, to - from);
    }
    return error;
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
        if (region->kind != MM_PRIVATE || run->state.protect != PAGE_READWRITE ||
            run->state.priority)
            status = STATUS_INVALID_PAGE_PROTECTION;
    if (status == STATUS_SUCCESS)
        status = status_from_errno(drop_unlocked(region, base, base + size));
    if (status == STATUS_SUCCESS)
        watch_dropped(region, base, base + size);
    if (region)
        space_give_up(region);
    return status;
}
