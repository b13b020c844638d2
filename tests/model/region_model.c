/*
 * The region map against a plain array: random inserts, removals, run changes and searches in a
 * window of the address space, every answer compared with one computed page by page. The seed is
 * printed; WINMEM_SEED sets it, WINMEM_ROUNDS how many operations.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/region.h"

#define GRANULE_PAGES 16u
#define GRANULES      192u
#define PAGES         (GRANULES * GRANULE_PAGES)
#define ARENA         (16ull << 10) /* not enough nodes for all that may be there */
#define WINDOW        (1ull << 36)
#define WINDOW_END    (WINDOW + (uint64_t)PAGES * PAGE_SIZE)

struct page {
    uint32_t owner; /* 0: free, else the number of the region */
    bool committed;
    uint32_t protect;
    uint8_t priority;
};

static struct page model[PAGES];
static struct region_map map;
static uint64_t state;
static uint32_t next_owner = 1;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "region_model: line %d: %s\n", __LINE__, #condition);                  \
            region_map_dump(&map, 2);                                                              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

static uint64_t address_of(uint32_t page)
{
    return WINDOW + (uint64_t)page * PAGE_SIZE;
}

/* A new region has its granules to itself. pre: `page` begins one. */
static bool model_is_free(uint32_t page, uint32_t count)
{
    uint32_t end = (page + count + GRANULE_PAGES - 1) / GRANULE_PAGES * GRANULE_PAGES;
    for (uint32_t i = page; i < end; i++)
        if (i >= PAGES || model[i].owner)
            return false;
    return true;
}

static struct run_state random_state(void)
{
    static const uint32_t protections[] = {PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE};
    struct run_state result = {0};
    if (below(3)) {
        result.committed = true;
        result.protect = protections[below(3)];
        result.priority = below(6) ? 0 : (uint8_t)(1 + below(4));
    }
    return result;
}

static void model_set(uint32_t page, uint32_t count, uint32_t owner, const struct run_state *to)
{
    for (uint32_t i = page; i < page + count; i++)
        model[i] = (struct page){owner, to->committed, to->protect, to->priority};
}

static void try_insert(void)
{
    uint32_t granule = below(GRANULES), page = granule * GRANULE_PAGES;
    uint32_t count = 1 + (below(8) ? below(3 * GRANULE_PAGES) : below(40 * GRANULE_PAGES));
    struct run_state to = random_state();
    bool expected = model_is_free(page, count);
    if (page + count > PAGES)
        return;
    CHECK(region_is_free(&map, address_of(page), (uint64_t)count * PAGE_SIZE) == expected);
    if (!expected)
        return;
    CHECK(pool_reserve(&map.region_pool, 1));
    region_insert(&map, address_of(page), (uint64_t)count * PAGE_SIZE, &to);
    model_set(page, count, next_owner++, &to);
}

/* The pages of the region that holds `page`. */
static void model_extent(uint32_t page, uint32_t *ret_first, uint32_t *ret_end)
{
    uint32_t owner = model[page].owner, first = page, end = page;
    while (first > 0 && model[first - 1].owner == owner)
        first--;
    while (end < PAGES && model[end].owner == owner)
        end++;
    *ret_first = first;
    *ret_end = end;
}

static void try_find(void)
{
    uint32_t page = below(PAGES), first, end;
    struct region *region = region_find(&map, address_of(page));
    CHECK((region != NULL) == (model[page].owner != 0));
    if (!region)
        return;
    model_extent(page, &first, &end);
    CHECK(region_base(region) == address_of(first) && region_end(region) == address_of(end));
    struct run *run = run_find(region, address_of(page));
    CHECK(run->state.committed == model[page].committed &&
          run->state.protect == model[page].protect);
    CHECK(run->state.priority == model[page].priority);
    CHECK(run_start(run) <= address_of(page) && address_of(page) < run_end(run));
}

static void try_remove(void)
{
    uint32_t page = below(PAGES), first, end;
    static const struct run_state nothing;
    if (!model[page].owner)
        return;
    model_extent(page, &first, &end);
    region_remove(&map, region_find(&map, address_of(page)));
    model_set(first, end - first, 0, &nothing);
}

static void try_change(void)
{
    uint32_t page = below(PAGES), first, end, from, to;
    struct run_state wanted = random_state();
    if (!model[page].owner)
        return;
    model_extent(page, &first, &end);
    from = first + below(end - first);
    to = from + 1 + below(end - from);
    CHECK(pool_reserve(&map.run_pool, 2));
    region_set(&map, region_find(&map, address_of(page)), address_of(from), address_of(to),
               &wanted);
    model_set(from, to - from, model[page].owner, &wanted);
}

/* Cuts a region in two. */
static void try_split(void)
{
    uint32_t page = below(PAGES), first, end, cut;
    if (!model[page].owner)
        return;
    model_extent(page, &first, &end);
    if (end - first < 2)
        return;
    cut = first + 1 + below(end - first - 1);
    CHECK(pool_reserve(&map.region_pool, 1) && pool_reserve(&map.run_pool, 2));
    uint64_t in_use = map.run_pool.in_use;
    struct region *left = region_find(&map, address_of(page)), *right;
    bool exact = left->exact || cut % GRANULE_PAGES;
    right = region_split(&map, left, address_of(cut));
    CHECK(map.run_pool.in_use <= in_use + 2);
    CHECK(left->exact == exact && right->exact == exact && !right->claimer);
    CHECK(region_end(left) == address_of(cut) && region_base(right) == address_of(cut));
    for (uint32_t i = cut; i < end; i++)
        model[i].owner = next_owner;
    next_owner++;
}

static bool is_alike(uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i < to; i++)
        if (model[i].committed != model[from].committed ||
            model[i].protect != model[from].protect || model[i].priority != model[from].priority)
            return false;
    return true;
}

/* Joins a region with the one behind it, when there is one like it. */
static void try_join(void)
{
    uint32_t page = below(PAGES), first, end, next, next_end;
    if (!model[page].owner)
        return;
    model_extent(page, &first, &next);
    if (next == PAGES || !model[next].owner)
        return;
    model_extent(next, &next, &next_end);
    end = next_end;
    struct region *left = region_find(&map, address_of(first)),
                  *right = region_find(&map, address_of(next));
    if (!left->exact || !right->exact || !is_alike(first, end))
        return;
    region_join(&map, left, right);
    for (uint32_t i = next; i < end; i++)
        model[i].owner = model[first].owner;
}

/* An exact region that is alone in its granules may do without, and the other way. */
static void try_exact(void)
{
    uint32_t page = below(PAGES), first, end;
    if (!model[page].owner)
        return;
    model_extent(page, &first, &end);
    if (first % GRANULE_PAGES || end % GRANULE_PAGES)
        return;
    struct region *region = region_find(&map, address_of(page));
    region_set_exact(&map, region, !region->exact);
}

static void try_search(void)
{
    uint32_t count = 1 + below(6 * GRANULE_PAGES), align = GRANULE_PAGES << below(4);
    uint32_t lowest = below(PAGES), end = lowest + 1 + below(PAGES - lowest);
    struct region_request request = {.size = (uint64_t)count * PAGE_SIZE,
                                     .alignment = (uint64_t)align * PAGE_SIZE,
                                     .lowest = address_of(lowest),
                                     .end = address_of(end),
                                     .top_down = below(2)};
    uint64_t expected = 0;
    for (uint32_t page = 0; page + count <= PAGES; page += align) {
        if (page < lowest || page + count > end || !model_is_free(page, count))
            continue;
        if (!expected || request.top_down)
            expected = address_of(page);
    }
    CHECK(region_find_free(&map, &request) == expected);
}

static void check_everything(void)
{
    uint32_t page = 0, count = 0;
    CHECK(region_map_is_valid(&map));
    while (page < PAGES) {
        uint32_t first, end, committed = 0;
        model_extent(page, &first, &end);
        struct region *region = region_find(&map, address_of(page));
        CHECK((region != NULL) == (model[page].owner != 0));
        if (region) {
            for (uint32_t i = first; i < end; i++)
                committed += model[i].committed;
            CHECK(region->committed == committed);
            count++;
        }
        page = end;
    }
    CHECK(map.count == count);
}

static void run(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        switch (below(19)) {
        case 0:
        case 1:
        case 2:
            try_insert();
            break;
        case 3:
            try_remove();
            break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
        case 9:
            try_change();
            break;
        case 10:
            try_search();
            break;
        case 16:
            try_split();
            break;
        case 17:
            try_join();
            break;
        case 18:
            try_exact();
            break;
        default:
            try_find();
            break;
        }
        if (i % 512 == 0)
            check_everything();
    }
    check_everything();
    for (uint32_t page = 0; page < PAGES; page++) {
        struct region *region = region_find(&map, address_of(page));
        if (region)
            region_remove(&map, region);
    }
    CHECK(map.count == 0 && map.run_pool.in_use == 0 && region_map_is_valid(&map));
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL),
             count = rounds ? strtoull(rounds, NULL, 0) : 500000;
    void *numbers, *arena;
    printf("region_model: WINMEM_SEED=%lu\n", first);
    fflush(stdout);
    host_init();
    state = first;
    region_map_init(&map, NULL);
    run(count);
    CHECK(host->bookkeeping((MM_HIGHEST_ADDRESS + 1) / ALLOCATION_GRANULARITY * sizeof(uint32_t),
                            false, &numbers) == 0);
    CHECK(host->bookkeeping(ARENA, false, &arena) == 0);
    memset(model, 0, sizeof model);
    region_map_init(&map, &(struct region_index){numbers, arena, ARENA});
    run(count);
    return 0;
}
