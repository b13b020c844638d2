/*
 * The books of GPU addresses against a plain oracle: one entry for each page of a small address
 * space, written from the text of d3dkmt/gpuva.h and the statements KMT-340 to KMT-366. Every page
 * is compared after every operation, and the books walk their invariants. The seed is printed;
 * WINMEM_SEED sets it, WINMEM_ROUNDS how many operations; without that it works for a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "d3dkmt/gpuva.h"

#define FIRST    16u /* page of GPUVA_FIRST */
#define PAGES    160u
#define MEMORIES 6u
#define LIST     5u
#define SECONDS  6

struct page {
    unsigned range;  /* 0: free */
    unsigned memory; /* 0: a state */
    uint64_t offset; /* in pages */
    unsigned protection, state;
};

struct range { /* by number */
    unsigned start, end, state;
    bool reserved, goes;
};

#define RANGES (1u << 20)
static struct page pages[PAGES];
static struct range *ranges;
static unsigned last_range;
static struct kmt_link memories[MEMORIES + 1];
static struct gpuva space;
static uint64_t state, round_number, refused;
static const char *what = "";

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            failed(__LINE__, #condition);                                                          \
    } while (0)

__attribute__((noreturn)) static void failed(int line, const char *condition)
{
    fprintf(stderr, "gpuva_model: operation %lu (%s): line %d: %s\n", round_number, what, line,
            condition);
    gpuva_is_valid(&space, 2);
    abort();
}

static unsigned below(unsigned limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((state >> 33) % limit);
}

static void compare(void)
{
    CHECK(gpuva_is_valid(&space, 2));
    for (unsigned i = 0; i < PAGES; i++) {
        const struct page *page = &pages[i];
        struct gpuva_seen seen;
        bool there = gpuva_look(&space, i * PAGE_SIZE, &seen);
        CHECK(there == (page->range != 0));
        if (!there)
            continue;
        const struct range *range = &ranges[page->range];
        CHECK(seen.range_start == range->start * PAGE_SIZE);
        CHECK(seen.range_end == range->end * PAGE_SIZE);
        CHECK(seen.reserved == range->reserved);
        CHECK(seen.content.memory == (page->memory ? &memories[page->memory] : NULL));
        if (page->memory)
            CHECK(seen.content.offset == page->offset * PAGE_SIZE &&
                  seen.content.protection == page->protection);
        else
            CHECK(seen.content.state == page->state);
    }
}

static bool all_free(unsigned start, unsigned count)
{
    for (unsigned i = start; i < start + count; i++)
        if (i >= PAGES || pages[i].range)
            return false;
    return true;
}

/* The range that all these pages are of; 0: they are of several, or of none in part. */
static unsigned one_range(unsigned start, unsigned count)
{
    for (unsigned i = start; i < start + count; i++)
        if (i >= PAGES || pages[i].range != pages[start].range)
            return 0;
    return pages[start].range;
}

static unsigned find(unsigned count, unsigned low, unsigned high, unsigned unit)
{
    for (unsigned i = FIRST; i + count <= PAGES; i++)
        if (i >= low && i % unit == 0 && (!high || i + count <= high) && all_free(i, count))
            return i;
    return 0;
}

static unsigned add(unsigned start, unsigned count, bool reserved, unsigned range_state)
{
    unsigned number = ++last_range;
    CHECK(number < RANGES);
    ranges[number] = (struct range){start, start + count, range_state, reserved, false};
    for (unsigned i = start; i < start + count; i++)
        pages[i] = (struct page){.range = number, .state = range_state};
    return number;
}

static void drop(unsigned number)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (pages[i].range == number)
            pages[i] = (struct page){0};
}

/* Puts a content on pages of the oracle. */
static void fill(unsigned start, unsigned count, const struct gpuva_content *content)
{
    uint64_t offset = content->offset / PAGE_SIZE, period = content->period / PAGE_SIZE;
    for (unsigned i = 0; i < count; i++) {
        struct page *page = &pages[start + i];
        page->memory = content->memory ? (unsigned)(content->memory - memories) : 0;
        page->offset = offset + (period ? i % period : i);
        page->protection = content->protection;
        page->state = content->state;
    }
}

static struct gpuva_content some_content(bool may_be_state)
{
    if (may_be_state && below(3) == 0)
        return (struct gpuva_content){.state = (uint8_t)below(2)};
    return (struct gpuva_content){.memory = &memories[1 + below(MEMORIES)],
                                  .offset = below(4) * PAGE_SIZE,
                                  .protection = (uint8_t)below(2)};
}

static void some_wish(struct gpuva_wish *wish, unsigned unit)
{
    *wish = (struct gpuva_wish){.size = (1 + below(3)) * unit * PAGE_SIZE,
                                .alignment = unit * PAGE_SIZE};
    if (unit == 1)
        wish->size = (1 + below(12)) * PAGE_SIZE;
    if (below(2))
        wish->base = (unit + below(PAGES + 16) / unit * unit) * PAGE_SIZE;
    if (below(3) == 0)
        wish->minimum = below(PAGES) * PAGE_SIZE;
    if (below(3) == 0)
        wish->maximum = below(PAGES + 20) * PAGE_SIZE;
}

/* Where it goes; 0 with the status if nowhere. */
static unsigned expect_place(const struct gpuva_wish *wish, NTSTATUS *ret_status)
{
    unsigned count = (unsigned)(wish->size / PAGE_SIZE);
    unsigned start = (unsigned)(wish->base / PAGE_SIZE);
    *ret_status = STATUS_SUCCESS;
    if (!start) {
        start =
            find(count, (unsigned)(wish->minimum / PAGE_SIZE),
                 (unsigned)(wish->maximum / PAGE_SIZE), (unsigned)(wish->alignment / PAGE_SIZE));
        if (!start)
            *ret_status = STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    } else if (start + count > PAGES) {
        *ret_status = STATUS_INVALID_PARAMETER;
    }
    return start;
}

static void do_reserve(void)
{
    struct gpuva_wish wish;
    NTSTATUS expected;
    uint64_t address = 1;
    unsigned kind = below(4) ? GPUVA_ZERO : below(GPUVA_STATES);
    some_wish(&wish, 16);
    unsigned start = expect_place(&wish, &expected), count = (unsigned)(wish.size / PAGE_SIZE);
    if (expected == STATUS_SUCCESS && !all_free(start, count))
        expected = STATUS_INVALID_PARAMETER;
    CHECK(gpuva_reserve(&space, &wish, kind, &address) == expected);
    CHECK(address == (expected == STATUS_SUCCESS ? start * PAGE_SIZE : 1));
    refused += expected != STATUS_SUCCESS;
    if (expected == STATUS_SUCCESS)
        add(start, count, true, kind);
}

static void do_map(void)
{
    struct gpuva_wish wish;
    NTSTATUS expected;
    uint64_t address = 1;
    struct gpuva_content content = some_content(true);
    some_wish(&wish, 1);
    unsigned start = expect_place(&wish, &expected), count = (unsigned)(wish.size / PAGE_SIZE);
    unsigned range = 0;
    bool fresh = false;
    if (expected == STATUS_SUCCESS) {
        range = one_range(start, count);
        fresh = all_free(start, count);
        if (!fresh && (!range || (!content.memory && !ranges[range].reserved)))
            expected = STATUS_INVALID_PARAMETER;
    }
    CHECK(gpuva_map(&space, &wish, &content, &address) == expected);
    CHECK(address == (expected == STATUS_SUCCESS ? start * PAGE_SIZE : 1));
    refused += expected != STATUS_SUCCESS;
    if (expected != STATUS_SUCCESS)
        return;
    if (fresh) {
        range = add(start, count, false, content.memory ? GPUVA_NO_ACCESS : content.state);
        ranges[range].goes = content.memory;
    }
    fill(start, count, &content);
}

static void do_free(void)
{
    unsigned start = below(PAGES), count = 1 + below(20);
    unsigned number = pages[start].range;
    if (number && below(4)) {
        start = ranges[number].start;
        count = ranges[number].end - start;
    }
    number = pages[start].range;
    bool whole = number && ranges[number].start == start && ranges[number].end == start + count;
    CHECK(gpuva_free(&space, start * PAGE_SIZE, count * PAGE_SIZE) ==
          (whole ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (whole)
        drop(number);
}

static void do_forget(void)
{
    unsigned memory = 1 + below(MEMORIES);
    bool touched[PAGES] = {false};
    gpuva_forget(&space, &memories[memory]);
    for (unsigned i = 0; i < PAGES; i++) {
        if (pages[i].memory != memory)
            continue;
        touched[i] = true;
        pages[i].memory = 0;
        pages[i].state = ranges[pages[i].range].state;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        bool backed = false;
        if (!touched[i] || !pages[i].range || !ranges[pages[i].range].goes)
            continue;
        for (unsigned j = 0; j < PAGES; j++)
            backed |= pages[j].range == pages[i].range && pages[j].memory;
        if (!backed)
            drop(pages[i].range);
    }
}

/* A reservation in zero state, or 0. */
static unsigned some_zero_range(void)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        unsigned number = pages[below(PAGES)].range;
        if (number && ranges[number].reserved && ranges[number].state == GPUVA_ZERO)
            return number;
    }
    return 0;
}

static void update_one(struct gpuva_operation *operation, unsigned target, unsigned source)
{
    const struct range *to = &ranges[target], *from = &ranges[source];
    unsigned most = to->end - to->start, count = 1 + below(below(3) ? 6 : most);
    unsigned start = to->start + below(most - count + 1), origin = 0;
    *operation = (struct gpuva_operation){.address = start * PAGE_SIZE, .size = count * PAGE_SIZE};
    operation->copy = below(3) == 0 && from->end - from->start >= count;
    if (operation->copy) {
        static struct page copies[PAGES];
        origin = from->start + below(from->end - from->start - count + 1);
        operation->source = origin * PAGE_SIZE;
        memcpy(copies, &pages[origin], count * sizeof *copies);
        for (unsigned i = 0; i < count; i++) {
            pages[start + i] = copies[i];
            pages[start + i].range = target;
        }
        return;
    }
    operation->content = some_content(true);
    if (operation->content.memory && below(2)) {
        unsigned period = 1 + below(3);
        operation->content.period = period < count ? period * PAGE_SIZE : 0;
    }
    fill(start, count, &operation->content);
}

static void do_update(void)
{
    struct gpuva_operation list[LIST];
    unsigned target = some_zero_range(), source = some_zero_range(), count = 1 + below(LIST);
    if (!target || !source)
        return;
    for (unsigned i = 0; i < count; i++)
        update_one(&list[i], target, source);
    CHECK(gpuva_update(&space, list, count) == STATUS_SUCCESS);
}

static void do_one(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
        unsigned share;
    } operations[] = {{"reserve", do_reserve, 10},
                      {"map", do_map, 25},
                      {"free", do_free, 6},
                      {"forget", do_forget, 3},
                      {"update", do_update, 40}};
    unsigned pick = below(84);
    for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (pick < operations[i].share) {
            what = operations[i].name;
            operations[i].run();
            break;
        }
        pick -= operations[i].share;
    }
    compare();
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t limit = rounds ? strtoull(rounds, NULL, 0) : UINT64_MAX;
    time_t until = time(NULL) + SECONDS;
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %lu\n", state);
    fflush(stdout);
    ranges = calloc(RANGES, sizeof *ranges);
    CHECK(ranges);
    for (unsigned i = 0; i <= MEMORIES; i++)
        link_init(&memories[i]);
    gpuva_init(&space, PAGES * PAGE_SIZE);
    while (round_number < limit && last_range < RANGES - 1 &&
           (rounds || round_number % 256 || time(NULL) < until)) {
        round_number++;
        do_one();
    }
    gpuva_fini(&space);
    for (unsigned i = 0; i <= MEMORIES; i++)
        CHECK(link_is_empty(&memories[i]));
    free(ranges);
    printf("%lu operations, %u ranges, %lu refused\n", round_number, last_range, refused);
    return 0;
}
