/*
 * What the host has behind the pages. An open granule is mapped read-write once and for all; pages
 * in it that are not committed carry a guard marker, so committing and decommitting splits no
 * mapping. Granules are opened in stretches that grow with the region, so that a program that
 * commits page by page pays for few of them.
 *
 * Exact regions share granules, which are closed then: what is behind their pages is PROT_NONE, or
 * read-write with a guard marker, or what their runs say. Markers may be left anywhere in an exact
 * region that was touched, so its end maps its pages anew.
 */
#include "memoryapi/space.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/prot.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define GRANULE ALLOCATION_GRANULARITY
/* a region up to this is opened at once, and stays open when it is released */
#define SMALL   (2ull << 20)
#define LARGEST (64ull << 20) /* one stretch: 16 384 markers, 128 KiB of page tables */

/*
 * A word of the bitmap may speak of several regions, which are worked on at the same time: each
 * operation reads and changes the bits of its own region only.
 */
static uint64_t open_word(uint64_t granule)
{
    return __atomic_load_n(&space.open[granule / 64], __ATOMIC_RELAXED);
}

static bool is_open(uint64_t address)
{
    uint64_t granule = address / GRANULE;
    return open_word(granule) >> granule % 64 & 1;
}

static void set_open(uint64_t start, uint64_t end, bool open)
{
    for (uint64_t granule = start / GRANULE, limit = end / GRANULE; granule < limit;) {
        uint64_t first = granule % 64,
                 count = limit - granule < 64 - first ? limit - granule : 64 - first;
        uint64_t mask = (count == 64 ? ~0ull : (1ull << count) - 1) << first;
        /* a page of the map is not touched for nothing */
        if ((open_word(granule) & mask) != (open ? mask : 0)) {
            if (open)
                __atomic_fetch_or(&space.open[granule / 64], mask, __ATOMIC_RELAXED);
            else
                __atomic_fetch_and(&space.open[granule / 64], ~mask, __ATOMIC_RELAXED);
        }
        granule += count;
    }
}

/* The end of the run of granules from `at` that are all open or all closed, at most `end`. */
static uint64_t same_until(uint64_t at, uint64_t end)
{
    bool open = is_open(at);
    uint64_t here = at;
    while (here < end && is_open(here) == open) {
        uint64_t word = open_word(here / GRANULE);
        bool uniform = word == (open ? ~0ull : 0);
        here += here / GRANULE % 64 == 0 && uniform && end - here >= 64 * GRANULE ? 64 * GRANULE
                                                                                  : GRANULE;
    }
    return here < end ? here : end;
}

unsigned backing_access(const struct run_state *state)
{
    unsigned access = prot_host_access(state->protect);
    if (state->priority)
        return HOST_NONE;
    return state->reset == RESET_ASLEEP ? access & ~(unsigned)HOST_WRITE : access;
}

/* The end of what is the region's alone. */
static uint64_t region_limit(const struct region *region)
{
    return region->exact ? region_end(region) : round_up(region_end(region), GRANULE);
}

/*
 * How far to open when [start, end) is needed: all of a small region, else as much again as the
 * region has committed.
 */
static void choose_stretch(const struct region *region, uint64_t *start, uint64_t *end)
{
    uint64_t limit = region_limit(region), want = region->committed * PAGE_SIZE * 2;
    if (limit - region_base(region) <= SMALL) {
        while (*start > region_base(region) && !is_open(*start - GRANULE))
            *start -= GRANULE;
        want = SMALL;
    }
    want = want < SMALL ? SMALL : want > LARGEST ? LARGEST : want;
    if (*end - *start < want)
        *end = *start + want < limit ? *start + want : limit;
    *end = same_until(*start, *end);
}

/*
 * Opens the closed granules [from, to) and more; [start, end) becomes accessible, the rest of the
 * stretch is guarded. Guards come first: a thread that writes to reserved pages has to meet them,
 * and not a moment in which they take what it wrote.
 */
static int open_stretch(const struct region *region, uint64_t from, uint64_t to, uint64_t start,
                        uint64_t end)
{
    uint64_t low = from, high = to;
    int error = 0;
    choose_stretch(region, &low, &high);
    if (high < to)
        high = to;
    if (host_caps.guard && start > low)
        error = host->close_guards(low, start - low);
    if (host_caps.guard && !error && end < high)
        error = host->close_guards(end, high - end);
    if (!error && host_caps.guard)
        error = host->protect(low, high - low, HOST_READ_WRITE);
    else if (!error && start < end)
        error = host->protect(start, end - start, HOST_READ_WRITE);
    if (error) {
        host->reset(low, high - low);
        return error;
    }
    set_open(low, high, true);
    return 0;
}

/*
 * Undoes what was opened in [start, end): pages that were reserved get their guard back. Guard
 * markers leave committed pages alone; without them the access of those has to be put back.
 */
static void close_reserved(const struct region *region, uint64_t start, uint64_t end)
{
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.committed)
            host->close_guards(from, to - from);
        else if (!host_caps.guard)
            watch_protect(region, from, to - from, backing_access(&run->state));
    }
}

/*
 * All of the region, so that its mappings stay alike: what a reset took away comes back. A
 * preference that the host has nothing to satisfy with is none.
 */
static bool prefer_node(const struct region *region)
{
    bool mandatory = region->numa & MM_NODE_MANDATORY;
    uint32_t node = (region->numa & ~MM_NODE_MANDATORY) - mm_node(0);
    int error = host->prefer_node(region_base(region), region_limit(region) - region_base(region),
                                  node, mandatory);
    return !error || !mandatory || host_highest_node() == 0;
}

/* The reserved pages of [start, end) in an exact region. */
static NTSTATUS commit_exact(const struct region *region, uint64_t start, uint64_t end)
{
    uint64_t from, to;
    const struct run *run;
    int error = 0;

    for (run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        run_clip(run, start, end, &from, &to);
        if (run->state.committed)
            continue;
        error = host->protect(from, to - from, HOST_READ_WRITE);
        if (!error)
            error = host->open_guards(from, to - from);
    }
    if (!error)
        return STATUS_SUCCESS;
    for (run = run_find(region, start); run && run_start(run) < end; run = run_next(run)) {
        run_clip(run, start, end, &from, &to);
        if (!run->state.committed && host->reset(from, to - from) != 0)
            host->close_guards(from, to - from); /* the limit of mappings: a marker needs none */
    }
    return status_from_errno(error);
}

NTSTATUS backing_commit(const struct region *region, uint64_t start, uint64_t end)
{
    uint64_t at = round_down(start, GRANULE), limit = round_up(end, GRANULE);
    int error = 0;

    if (region->numa && !prefer_node(region))
        return STATUS_INSUFFICIENT_RESOURCES;
    if (region->exact)
        return commit_exact(region, start, end);
    while (at < limit && !error) {
        uint64_t to = same_until(at, limit);
        uint64_t first = start > at ? start : at, last = end < to ? end : to;
        error = is_open(at) ? host->open_guards(first, last - first)
                            : open_stretch(region, at, to, first, last);
        if (!error)
            at = to;
    }
    if (!error)
        return STATUS_SUCCESS;
    if (at > start)
        close_reserved(region, start, at < end ? at : end);
    return status_from_errno(error);
}

NTSTATUS backing_open(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    if (region->numa && !prefer_node(region))
        return STATUS_INSUFFICIENT_RESOURCES;
    if (region->exact) /* access is all its pages need */
        return STATUS_SUCCESS;
    for (uint64_t at = round_down(start, GRANULE), limit = round_up(end, GRANULE), to;
         at < limit && !error; at = to) {
        to = same_until(at, limit);
        if (!is_open(at))
            error = open_stretch(region, at, to, at, at);
    }
    return status_from_errno(error);
}

/*
 * A marker needs no more of the host than a page of tables, where none of the pages around was ever
 * touched. Once another stretch has lost its contents there is no way back, and more memory than that
 * is free: then a refusal is not the last word.
 */
#define TRIES 8u

int backing_decommit(const struct region *region, uint64_t start, uint64_t end)
{
    unsigned tries = 1;
    int error = 0;
    if (region->exact && !region->touched)
        return 0; /* nothing was ever there, and no marker is to be */
    if (!host_caps.guard || region->exact)
        return host->close_guards(start, end - start);
    /*
     * one call for each stretch of open granules: reserved pages in them are marked already, and
     * closed granules stay without markers
     */
    for (uint64_t at = start, to; at < end && !error; at = to) {
        to = same_until(round_down(at, GRANULE), round_up(end, GRANULE));
        to = to < end ? to : end;
        if (!is_open(at))
            continue;
        for (unsigned i = 0; i < tries && (i == 0 || error); i++)
            error = host->close_guards(at, to - at);
        tries = TRIES;
    }
    return error;
}

/* Marks every page of the open granules in [base, limit), whatever its access was. */
static int close_open(uint64_t base, uint64_t limit)
{
    int error = 0;
    for (uint64_t at = base, to; at < limit && !error; at = to) {
        to = same_until(at, limit);
        if (!is_open(at))
            continue;
        error = host->protect(at, to - at, HOST_READ_WRITE);
        if (!error)
            error = host->close_guards(at, to - at);
    }
    return error;
}

NTSTATUS backing_release(const struct region *region)
{
    uint64_t base = region_base(region), limit = region_limit(region);
    int error = 0;

    if (!region->touched)
        return STATUS_SUCCESS;
    if (region->exact || region->large)
        return status_from_errno(host->reset(base, limit - base));
    /* what had a node or a watch is mapped anew, which forgets it */
    if (limit - base <= SMALL && host_caps.guard && !region->watched && !region->numa) {
        bool plain = true;
        for (const struct run *run = run_find(region, base); run; run = run_next(run))
            plain = plain &&
                    (!run->state.committed || (run->state.protect == PAGE_READWRITE &&
                                               backing_access(&run->state) == HOST_READ_WRITE));
        for (uint64_t at = base, to; at < limit && plain && !error; at = to) {
            to = same_until(at, limit);
            if (is_open(at))
                error = host->close_guards(at, to - at);
        }
        if (plain && !error)
            return STATUS_SUCCESS;
    }
    error = host->reset(base, limit - base);
    if (!error) {
        set_open(base, limit, false);
        return STATUS_SUCCESS;
    }
    /*
     * at the limit of mappings a reset in the middle of one is refused: the granules then stay
     * open, with markers, which adds none
     */
    return host_caps.guard && close_open(base, limit) == 0 ? STATUS_SUCCESS
                                                           : status_from_errno(error);
}

uint64_t backing_size(const struct region *region)
{
    return region_limit(region) - region_base(region);
}

/* Maps the open granules of [start, end) anew; they are closed then. */
static int close_granules(uint64_t start, uint64_t end)
{
    int error = 0;
    for (uint64_t at = start, to; at < end && !error; at = to) {
        to = same_until(at, end);
        if (!is_open(at))
            continue;
        error = host->reset(at, to - at);
        if (!error)
            set_open(at, to, false);
    }
    return error;
}

NTSTATUS backing_close(const struct region *region)
{
    return status_from_errno(
        close_granules(region_base(region), round_up(region_end(region), GRANULE)));
}

void backing_leave_exact(const struct region *region)
{
    if (region->committed)
        set_open(region_base(region), region_end(region), true);
}

int backing_carve(const struct region *region, uint64_t start, uint64_t end)
{
    uint64_t base = region_base(region), last = region_end(region), limit = region_limit(region);
    bool left_exact = start > base && !is_aligned(start, GRANULE),
         right_exact = end < last && !is_aligned(end, GRANULE);
    int error = 0;

    if (region->exact)
        return region->touched ? host->reset(start, end - start) : 0;
    /* what follows the region in its last granule goes with the last page that owns the granule */
    if (right_exact && last < limit && is_open(limit - GRANULE))
        error = host->reset(last, limit - last);
    if (!error) {
        uint64_t to = end == last ? limit : end;
        error = host->reset(start, to - start);
        if (error && right_exact && last < limit && is_open(limit - GRANULE)) {
            host->protect(last, limit - last, HOST_READ_WRITE);
            host->close_guards(last, limit - last);
        }
    }
    if (error)
        return error;
    set_open(left_exact ? base : round_down(start, GRANULE),
             right_exact ? limit : round_up(end, GRANULE), false);
    return 0;
}
