/* Write watch: telling and forgetting what was written, and what other calls mean for it. */
#include "memoryapi/watch.h"

#include <errno.h>
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"
#include "memoryapi/host.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch_marks.h"

/*
 * Stretches of written pages taken at a time: the results leave for the caller's memory with
 * nothing claimed, through the caller's stack, which may be small.
 */
#define STRETCHES 120u
#define ADDRESSES 64u

static uint32_t marked; /* atomic: regions with marks of our own */

bool watch_by_marks(void)
{
    return __atomic_load_n(&marked, __ATOMIC_RELAXED) != 0;
}

NTSTATUS watch_start(struct region *region)
{
    int error = region->watched ? host->watch_begin(region_base(region), region->size) : 0;
    if (!error)
        return STATUS_SUCCESS;
    region->marks = marks_create(region);
    if (!region->marks)
        return STATUS_NO_MEMORY;
    __atomic_fetch_add(&marked, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&gate_closed_memory, 1, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

void watch_stop(struct region *region)
{
    if (!region->watched)
        return;
    if (region->marks) {
        __atomic_fetch_sub(&marked, 1, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&gate_closed_memory, 1, __ATOMIC_RELAXED);
    } else {
        host->watch_end(region_base(region), region->size);
    }
    free(region->marks);
    region->marks = NULL;
}

int watch_committed(const struct region *region, uint64_t start, uint64_t end)
{
    /* guard markers leave the mapping, and with it the watch, as it is */
    return region->watched && !region->marks && !host_caps.guard
               ? host->watch_begin(start, end - start)
               : 0;
}

void watch_forget(const struct region *region, uint64_t start, uint64_t end)
{
    if (region->marks)
        marks_set(region, start, end, false);
}

void watch_written(const struct region *region, uint64_t start, uint64_t end)
{
    if (region->marks)
        marks_set(region, start, end, true);
    else if (region->watched)
        host->watch_mark(start, end - start);
}

void watch_dropped(const struct region *region, uint64_t start, uint64_t end)
{
    /* pages that cannot be closed to writes stay marked: told once too often, but not missed */
    if (region->marks && host->protect(start, end - start, HOST_READ) == 0)
        marks_set(region, start, end, false);
}

int watch_protect(const struct region *region, uint64_t start, uint64_t size, unsigned access)
{
    uint64_t end = start + size;
    int error = 0;
    if (!region->marks || !(access & HOST_WRITE))
        return host->protect(start, size, access);
    for (uint64_t at = start, to; at < end && !error; at = to) {
        bool written;
        to = marks_alike(region, at, end, &written);
        error = host->protect(at, to - at, written ? access : access & ~(unsigned)HOST_WRITE);
    }
    return error;
}

/*
 * Every page opened alone may cost a mapping, of which there are so many: at the limit all of the
 * run is opened, and marked.
 */
bool watch_fault(const struct region *region, uint64_t page)
{
    const struct run *run = run_find(region, page);
    unsigned access = prot_host_access(run->state.protect);
    if (!region->marks)
        return false;
    if (host->protect(page, PAGE_SIZE, access) == 0) {
        marks_set(region, page, page + PAGE_SIZE, true);
        return true;
    }
    if (host->protect(run_start(run), run->size, access) != 0)
        return false;
    marks_set(region, run_start(run), run_end(run), true);
    return true;
}

/*
 * Opens what is closed only because of its marks; where the host refuses, the first write does. pre:
 * by marks.
 */
static void expect(const struct region *region, uint64_t start, uint64_t end)
{
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        unsigned access = prot_host_access(run->state.protect);
        run_clip(run, start, end, &from, &to);
        if (!run->state.committed || run->state.priority || !(access & HOST_WRITE))
            continue;
        host->protect(from, to - from, access);
        marks_set(region, from, to, true);
    }
}

void mm_watch_expect(void *start, uint64_t size)
{
    uint64_t at = (uint64_t)start, end;
    if (!watch_by_marks() || size == 0 || add_overflows(at, size, &end) || end > SPACE_END)
        return;
    for (at = round_down(at, PAGE_SIZE), end = round_up(end, PAGE_SIZE); at < end;) {
        struct region *region = space_claim(at);
        if (!region) /* somebody else's memory, or a hole: granules of both are whole */
            at = round_down(at, ALLOCATION_GRANULARITY) + ALLOCATION_GRANULARITY;
        if (!region)
            continue;
        uint64_t to = region_end(region) < end ? region_end(region) : end;
        if (region->marks)
            expect(region, at, to);
        space_release(region);
        at = to;
    }
}

/* What one call has to look at, and how far it is. */
struct walk {
    uint64_t start, end, at;
    uint64_t left; /* pages that may still be told */
    bool reset;
    uint32_t count;
    struct host_written list[STRETCHES];
};

/* Whole pages, within one watched region. *ret_region is claimed on success. */
static NTSTATUS claim_watched(uint64_t start, uint64_t end, struct region **ret_region)
{
    struct region *region = space_claim(start);
    if (!region)
        return STATUS_INVALID_PARAMETER;
    if (!region->watched || region_end(region) < end) {
        space_release(region);
        return STATUS_INVALID_PARAMETER;
    }
    *ret_region = region;
    return STATUS_SUCCESS;
}

/* The first committed pages at or after `at`; false when there are none before `end`. */
static bool next_committed(const struct region *region, uint64_t at, uint64_t end,
                           uint64_t *ret_from, uint64_t *ret_to)
{
    const struct run *run = at < end ? run_find(region, at) : NULL;
    while (run && run_start(run) < end && !run->state.committed)
        run = run_next(run);
    if (!run || run_start(run) >= end)
        return false;
    *ret_from = run_start(run) > at ? run_start(run) : at;
    for (*ret_to = run_end(run); *ret_to < end; *ret_to = run_end(run)) {
        run = run_next(run);
        if (!run || !run->state.committed)
            break;
    }
    *ret_to = *ret_to < end ? *ret_to : end;
    return true;
}

static int collect(const struct region *region, struct host_collect *part)
{
    int error;
    if (region->marks)
        return marks_collect(region, part);
    error = host->watch_collect(part);
    if (error != -EPERM)
        return error;
    /*
     * this is a forked child, or the program mapped behind our back. A part may have been reset
     * before that was noticed: what has contents counts as written
     */
    error = host->watch_begin(part->start, part->end - part->start);
    if (!error && part->reset)
        error = host->watch_mark(part->start, part->end - part->start);
    return error ? error : host->watch_collect(part);
}

/* Fills the list from walk->at on. pre: the list is empty. */
static NTSTATUS collect_some(struct walk *walk)
{
    struct region *region;
    uint64_t from, to;
    int error = 0;
    NTSTATUS status = claim_watched(walk->start, walk->end, &region);

    if (status != STATUS_SUCCESS)
        return status;
    walk->count = 0;
    while (!error && walk->left && walk->count < STRETCHES) {
        if (!next_committed(region, walk->at, walk->end, &from, &to)) {
            walk->at = walk->end;
            break;
        }
        struct host_collect part = {.start = from,
                                    .end = to,
                                    .reset = walk->reset,
                                    .most = walk->left,
                                    .list = walk->list + walk->count,
                                    .capacity = STRETCHES - walk->count};
        error = collect(region, &part);
        if (error)
            break;
        for (uint32_t i = 0; i < part.count; i++)
            walk->left -= (part.list[i].end - part.list[i].start) / PAGE_SIZE;
        walk->count += part.count;
        walk->at = part.stopped;
    }
    space_release(region);
    return status_from_errno(error);
}

/* After a failure: what this call reset counts as written again. */
static void mark_back(const struct walk *walk)
{
    struct region *region;
    uint64_t from, to = walk->start;
    if (!walk->reset || claim_watched(walk->start, walk->end, &region) != STATUS_SUCCESS)
        return;
    while (next_committed(region, to, walk->end, &from, &to)) {
        watch_written(region, from, to);
        if (region->marks)
            expect(region, from, to);
    }
    space_release(region);
}

static NTSTATUS begin(struct walk *walk, uint64_t base, uint64_t size)
{
    struct region *region;
    uint64_t end;
    NTSTATUS status;
    if (size == 0 || add_overflows(base, size, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    walk->start = walk->at = round_down(base, PAGE_SIZE);
    walk->end = round_up(end, PAGE_SIZE);
    walk->left = (walk->end - walk->start) / PAGE_SIZE;
    status = space_init();
    if (status == STATUS_SUCCESS)
        status = claim_watched(walk->start, walk->end, &region);
    if (status == STATUS_SUCCESS)
        space_release(region);
    return status;
}

/* Whether all of the results will find a place, before anything is forgotten. */
static bool is_writable(char *addresses, uint64_t count)
{
    uint64_t size = count * sizeof(uint64_t);
    if (!count)
        return true;
    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        if (!guarded_touch(addresses + at))
            return false;
    return guarded_touch(addresses + size - 1);
}

/* Writes the addresses of the pages in the list. */
static bool tell(const struct walk *walk, char *addresses, uint64_t *count)
{
    uint64_t pages[ADDRESSES];
    unsigned filled = 0;
    for (uint32_t i = 0; i < walk->count; i++)
        for (uint64_t page = walk->list[i].start; page < walk->list[i].end; page += PAGE_SIZE) {
            pages[filled++] = page;
            if (filled < ADDRESSES && (i + 1 < walk->count || page + PAGE_SIZE < walk->list[i].end))
                continue;
            if (!guarded_copy(addresses + *count * sizeof pages[0], pages,
                              filled * sizeof pages[0]))
                return false;
            *count += filled;
            filled = 0;
        }
    return true;
}

NTSTATUS mm_watch_get(struct mm_watch_query *query)
{
    struct walk walk;
    uint64_t count = 0;
    NTSTATUS status;

    if (query->flags & ~(uint32_t)WRITE_WATCH_FLAG_RESET)
        return STATUS_INVALID_PARAMETER_2;
    if (query->capacity == 0) /* could not tell anything */
        return STATUS_INVALID_PARAMETER;
    status = begin(&walk, query->base, query->size);
    if (status != STATUS_SUCCESS)
        return status;
    walk.reset = query->flags & WRITE_WATCH_FLAG_RESET;
    walk.left = query->capacity < walk.left ? query->capacity : walk.left;
    if (!is_writable(query->addresses, walk.left))
        return STATUS_ACCESS_VIOLATION;
    while (status == STATUS_SUCCESS && walk.at < walk.end && walk.left) {
        status = collect_some(&walk);
        if (status == STATUS_SUCCESS && !tell(&walk, query->addresses, &count))
            status = STATUS_ACCESS_VIOLATION;
    }
    if (status == STATUS_SUCCESS)
        query->ret_count = count;
    else
        mark_back(&walk);
    return status;
}

NTSTATUS mm_watch_reset(uint64_t base, uint64_t size)
{
    struct walk walk;
    NTSTATUS status = begin(&walk, base, size);
    walk.reset = true;
    while (status == STATUS_SUCCESS && walk.at < walk.end) {
        walk.left = (walk.end - walk.at) / PAGE_SIZE;
        status = collect_some(&walk);
        if (status != STATUS_SUCCESS)
            mark_back(&walk);
    }
    return status;
}
