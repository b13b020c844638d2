/* Write watch without the host's help: a bit for each page, and pages that are closed to writes. */
#include "memoryapi/watch_marks.h"

#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/prot.h"
#include "memoryapi/region.h"

#define WORD_BITS 64u

/* A large region costs what is touched of it: fresh memory from calloc is not. */
struct watch_marks *marks_create(const struct region *region)
{
    uint64_t pages = region->size / PAGE_SIZE;
    struct watch_marks *marks =
        calloc(1, sizeof *marks + (pages + WORD_BITS - 1) / WORD_BITS * sizeof marks->bits[0]);
    if (marks)
        marks->base = region_base(region);
    return marks;
}

/* The bits of one word that stand for pages from `page` to before `end`. */
static uint64_t mask_of(uint64_t page, uint64_t end, uint64_t *ret_count)
{
    uint64_t first = page % WORD_BITS, left = end - page;
    *ret_count = left < WORD_BITS - first ? left : WORD_BITS - first;
    return (*ret_count == WORD_BITS ? ~0ull : (1ull << *ret_count) - 1) << first;
}

void marks_set(const struct region *region, uint64_t start, uint64_t end, bool written)
{
    struct watch_marks *marks = region->marks;
    uint64_t page = (start - marks->base) / PAGE_SIZE, limit = (end - marks->base) / PAGE_SIZE;
    for (uint64_t count; page < limit; page += count) {
        uint64_t mask = mask_of(page, limit, &count), *word = &marks->bits[page / WORD_BITS];
        /* memory of the marks is not touched for nothing */
        if (written)
            *word |= mask;
        else if (*word & mask)
            *word &= ~mask;
    }
}

uint64_t marks_alike(const struct region *region, uint64_t start, uint64_t end, bool *ret_written)
{
    const struct watch_marks *marks = region->marks;
    uint64_t page = (start - marks->base) / PAGE_SIZE, limit = (end - marks->base) / PAGE_SIZE;
    bool written = marks->bits[page / WORD_BITS] >> page % WORD_BITS & 1;

    *ret_written = written;
    for (uint64_t count; page < limit; page += count) {
        uint64_t mask = mask_of(page, limit, &count), word = marks->bits[page / WORD_BITS];
        uint64_t other = (written ? ~word : word) & mask;
        if (other)
            return marks->base +
                   (page / WORD_BITS * WORD_BITS + (uint64_t)__builtin_ctzll(other)) * PAGE_SIZE;
    }
    return end;
}

/* Closes [start, end) to writes before the marks go: until then nothing was forgotten. */
static int restart(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from = run_start(run) > start ? run_start(run) : start,
                 to = run_end(run) < end ? run_end(run) : end;
        unsigned access = prot_host_access(run->state.protect);
        if ((access & HOST_WRITE) && !run->state.priority)
            error = host->protect(from, to - from, access & ~(unsigned)HOST_WRITE);
    }
    if (!error)
        marks_set(region, start, end, false);
    return error;
}

int marks_collect(const struct region *region, struct host_collect *collect)
{
    uint64_t at = collect->start, left = collect->most;
    collect->count = 0;
    while (at < collect->end && left && collect->count < collect->capacity) {
        bool written;
        uint64_t to = marks_alike(region, at, collect->end, &written);
        if (written) {
            if ((to - at) / PAGE_SIZE > left)
                to = at + left * PAGE_SIZE;
            int error = collect->reset ? restart(region, at, to) : 0;
            if (error)
                return error;
            collect->list[collect->count++] = (struct host_written){.start = at, .end = to};
            left -= (to - at) / PAGE_SIZE;
        }
        at = to;
    }
    collect->stopped = at;
    return 0;
}
