/* Placeholders, and what else cuts regions. */
#include "memoryapi/placeholder.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/offer.h"
#include "memoryapi/offer_order.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

#define GRANULE ALLOCATION_GRANULARITY
/* Two cuts take two regions and two runs each; setting the part between them two more. */
#define CUT_REGIONS 2
#define CUT_RUNS    6

static const struct run_state reserved_state;

void placeholder_mark(struct region *region)
{
    region->placeholder = true;
    region->protect = PAGE_NOACCESS;
    region->kind = MM_PRIVATE;
    region->numa = 0;
    region_set_exact(&space.map, region, true);
}

NTSTATUS placeholder_begin(struct region *region)
{
    NTSTATUS status = backing_close(region);
    if (status == STATUS_SUCCESS) {
        space_release(region);
    } else {
        reserve_return(region->size);
        space_remove(region);
    }
    return status;
}

NTSTATUS placeholder_claim(uint64_t base, uint64_t size, uint32_t numa, struct region **ret_region)
{
    struct region *region = space_claim(base);
    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    if (!region->placeholder || region_base(region) != base || region->size != size) {
        space_release(region);
        return STATUS_CONFLICTING_ADDRESSES;
    }
    books_lock();
    region->numa = (uint16_t)numa;
    books_unlock();
    *ret_region = region;
    return STATUS_SUCCESS;
}

/*
 * Private memory that has its granules to itself is like any other from now on, unless markers may
 * be left in its pages.
 */
void placeholder_become(struct region *region, enum mm_region_kind kind, uint32_t protect,
                        const struct run_state *state)
{
    bool plain = kind == MM_PRIVATE && !region->touched &&
                 is_aligned(region_base(region), GRANULE) &&
                 is_aligned(region_end(region), GRANULE);
    books_lock();
    region_set(&space.map, region, region_base(region), region_end(region), state);
    region->placeholder = false;
    region->protect = protect;
    region->kind = kind;
    region->touched |= state->committed;
    if (plain) {
        region_set_exact(&space.map, region, false);
        backing_leave_exact(region);
    }
    books_unlock();
    space_release(region);
}

void placeholder_give_up(struct region *region)
{
    bool clean = host->reset(region_base(region), region->size) == 0;
    if (!clean)
        host->close_guards(region_base(region), region->size);
    books_lock();
    region->numa = 0;
    region->touched |= !clean;
    books_unlock();
    space_release(region);
}

/* What is known of the pages that go: offers, and what was charged for them. */
static void forget(struct region *region, uint64_t start, uint64_t end)
{
    uint64_t from, to, pages = 0;
    for (struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        run_clip(run, start, end, &from, &to);
        offer_forget(&run->state, (to - from) / PAGE_SIZE);
        pages += run->state.committed ? (to - from) / PAGE_SIZE : 0;
    }
    if (region->kind == MM_PRIVATE)
        commit_return(pages);
}

static struct offer *find_rest(struct offer *rests, const struct offer *offer)
{
    while (rests && rests->rest_of != offer)
        rests = rests->next;
    return rests;
}

static void destroy_rests(struct offer *rests)
{
    while (rests) {
        struct offer *next = rests->next;
        offer_destroy(rests);
        rests = next;
    }
}

/* *ret_rests: what offers that reach over a cut at `end` become behind it. False: no memory. */
static bool make_rests(const struct region *region, uint64_t end, struct offer **ret_rests)
{
    *ret_rests = NULL;
    for (const struct run *run = end < region_end(region) ? run_find(region, end) : NULL; run;
         run = run_next(run)) {
        struct offer *offer = run->state.offer, *rest;
        if (!offer || offer->base >= end || find_rest(*ret_rests, offer))
            continue;
        rest = offer_rest(offer, end);
        if (!rest) {
            destroy_rests(*ret_rests);
            *ret_rests = NULL;
            return false;
        }
        rest->next = *ret_rests;
        *ret_rests = rest;
    }
    return true;
}

static void become_rest(struct run_state *state, void *context)
{
    struct offer *rest = state->offer ? find_rest(context, state->offer) : NULL;
    if (rest)
        state->offer = rest;
}

/* The runs from `end` on speak of the rests. pre: a run prepared. */
static void hand_over(struct region *region, uint64_t end, struct offer *rests)
{
    if (!rests)
        return;
    for (struct offer *rest = rests; rest; rest = rest->next) {
        struct run_state old = {.offer = rest->rest_of};
        uint64_t offered = 0;
        for (const struct run *run = run_find(region, end); run; run = run_next(run)) {
            uint64_t from, to;
            run_clip(run, end, region_end(region), &from, &to);
            if (run->state.offer != rest->rest_of)
                continue;
            rest->left += (to - from) / PAGE_SIZE;
            offered += run->state.priority ? (to - from) / PAGE_SIZE : 0;
        }
        if (offered) {
            offer_end(&old, offered);
            offer_enlist(rest, offered);
        }
    }
    space_change(region, end, region_end(region), become_rest, rests);
    for (struct offer *rest = rests; rest; rest = rest->next) {
        struct run_state old = {.offer = rest->rest_of};
        offer_forget(&old, rest->left);
    }
}

/* What is left of a region that had its granules to itself, as backing_carve left them. */
static void keep_granules(struct region *rest, bool whole)
{
    if (whole)
        region_set_exact(&space.map, rest, false);
    else
        rest->touched = true; /* markers in granules that are not open any more */
}

/*
 * Under books. Makes a region of its own of [start, end), all reserved, and returns it.
 */
static struct region *cut_out(struct region *region, uint64_t start, uint64_t end)
{
    struct region *right = NULL, *middle = region;
    bool exact = region->exact;
    region_set(&space.map, region, start, end, &reserved_state);
    if (end < region_end(region))
        right = region_split(&space.map, region, end);
    if (start > region_base(region))
        middle = region_split(&space.map, region, start);
    if (!exact && right)
        keep_granules(right, is_aligned(end, GRANULE));
    if (!exact && middle != region)
        keep_granules(region, is_aligned(start, GRANULE));
    return middle;
}

/* Ends the claim. `keep`: as a placeholder, else the part is free. */
static NTSTATUS carve(struct region *region, uint64_t start, uint64_t end, bool keep)
{
    struct offer *rests = NULL;
    struct region *part;
    int error;

    if (!make_rests(region, end, &rests) || !space_prepare(CUT_REGIONS, CUT_RUNS)) {
        destroy_rests(rests);
        space_release(region);
        return STATUS_NO_MEMORY;
    }
    error = backing_carve(region, start, end);
    if (error) {
        destroy_rests(rests);
        space_settle(CUT_REGIONS, CUT_RUNS);
        space_release(region);
        return status_from_errno(error);
    }
    forget(region, start, end);
    hand_over(region, end, rests);
    books_lock();
    part = cut_out(region, start, end);
    part->touched = false;
    if (keep)
        placeholder_mark(part);
    else if (part != region)
        region_remove(&space.map, part);
    books_unlock();
    space_settle(CUT_REGIONS, CUT_RUNS);
    if (!keep)
        reserve_return(end - start);
    if (keep || part != region)
        space_release(region);
    else
        space_remove(region);
    return STATUS_SUCCESS;
}

NTSTATUS placeholder_return(struct region *region)
{
    return carve(region, region_base(region), region_end(region), true);
}

NTSTATUS region_release_part(struct region *region, uint64_t start, uint64_t end)
{
    return carve(region, start, end, false);
}

/* Cuts a placeholder; ends the claim. */
static NTSTATUS split(struct region *region, uint64_t start, uint64_t end)
{
    bool ready = space_prepare(CUT_REGIONS, CUT_RUNS);
    if (ready) {
        books_lock();
        if (end < region_end(region))
            region_split(&space.map, region, end);
        if (start > region_base(region))
            region_split(&space.map, region, start);
        books_unlock();
        space_settle(CUT_REGIONS, CUT_RUNS);
    }
    space_release(region);
    return ready ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS check_preserve(const struct region *region, uint64_t end)
{
    if (region->adopted || region->secured || region->kind != MM_PRIVATE || region->physical ||
        region->large || region->watched)
        return STATUS_UNABLE_TO_FREE_VM;
    return end > region_end(region) ? STATUS_CONFLICTING_ADDRESSES : STATUS_SUCCESS;
}

NTSTATUS placeholder_preserve(uint64_t base, uint64_t size)
{
    uint64_t end = base + size;
    struct region *region;
    NTSTATUS status;

    if (size == 0 || !is_aligned(base, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE))
        return STATUS_INVALID_PARAMETER;
    region = space_claim(base);
    if (!region)
        return STATUS_MEMORY_NOT_ALLOCATED;
    status = check_preserve(region, end);
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    return region->placeholder ? split(region, base, end) : carve(region, base, end, true);
}

/* Under books. */
static bool is_covered(uint64_t start, uint64_t end)
{
    uint64_t at = start;
    while (at < end) {
        const struct region *region = region_find(&space.map, at);
        if (!region || !region->placeholder || region_base(region) != at)
            return false;
        at = region_end(region);
    }
    return at == end;
}

NTSTATUS placeholder_coalesce(uint64_t base, uint64_t size)
{
    uint64_t end = base + size;
    if (size == 0 || !is_aligned(base, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE))
        return STATUS_INVALID_PARAMETER;
    space_claim_range(base, end);
    books_lock();
    bool covered = is_covered(base, end);
    if (covered)
        space_join_locked(base, end);
    books_unlock();
    space_release_range(base, end);
    return covered ? STATUS_SUCCESS : STATUS_CONFLICTING_ADDRESSES;
}
