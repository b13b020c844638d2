/* The region map: find, insert, remove, split, merge. */
#include "memoryapi/region.h"

#include <assert.h>
#include <stdio.h>
#include "memoryapi/base.h"
#include "memoryapi/region_gap.h"

#define GRANULE ALLOCATION_GRANULARITY

static struct region *region_of(struct itree_node *node)
{
    return node ? container_of(node, struct region, node) : NULL;
}

static struct run *run_of(struct itree_node *node)
{
    return node ? container_of(node, struct run, node) : NULL;
}

static bool same_state(const struct run_state *a, const struct run_state *b)
{
    return a->committed == b->committed && a->protect == b->protect && a->locked == b->locked &&
           a->priority == b->priority && a->reset == b->reset && a->offer == b->offer;
}

void region_map_init(struct region_map *map, const struct region_index *index)
{
    *map = (struct region_map){
        .region_pool.node_size = sizeof(struct region),
        .run_pool.node_size = sizeof(struct run),
        .end = {.node = {.key = SPACE_END}, .size = GRANULE, .barrier = true},
    };
    if (index) {
        map->index = *index;
        pool_add(&map->region_pool, index->arena, index->size);
    }
    itree_insert(&map->regions, &map->end.node);
    region_set_gap(map, &map->end, SPACE_END - MM_LOWEST_ADDRESS);
}

#define LINE 64u

static uint32_t number_of(const struct region_map *map, const struct region *region)
{
    return (uint32_t)(((uint64_t)region - (uint64_t)map->index.arena) / LINE + 1);
}

static struct region *of_number(const struct region_map *map, uint32_t number)
{
    return (struct region *)(map->index.arena + (number - UINT64_C(1)) * LINE);
}

/* What the index says of the granule at `address`. */
static struct region *indexed(const struct region_map *map, uint64_t address)
{
    uint32_t number = map->index.numbers && address < SPACE_END
                          ? map->index.numbers[address >> GRANULE_SHIFT]
                          : 0;
    return number ? of_number(map, number) : NULL;
}

struct region *region_find(const struct region_map *map, uint64_t address)
{
    struct region *region = indexed(map, address);
    __builtin_prefetch((char *)region + LINE);
    if (region) /* the last granule may be used only in part */
        return address - region_base(region) < region->size ? region : NULL;
    region = region_of(itree_at_or_before(&map->regions, address));
    return region && address - region_base(region) < region->size ? region : NULL;
}

static struct region *lower(struct region *a, struct region *b)
{
    return !a || (b && region_base(b) < region_base(a)) ? b : a;
}

/*
 * The first region that begins after `address`, which is in no region, or the last of one. One that
 * is in the index follows on a gap, or is in the next granule.
 */
static struct region *first_after(const struct region_map *map, uint64_t address)
{
    struct itree_node *gap = itree_after(&map->gaps, address);
    struct region *next = region_of(itree_after(&map->regions, address));
    next = lower(next, gap ? region_of_gap(gap) : NULL);
    return lower(next, indexed(map, round_down(address, GRANULE) + GRANULE));
}

/*
 * A region that is alone in its granules and one next to it find each other by the index, without a
 * walk through a tree.
 */
struct region *region_next(const struct region_map *map, const struct region *region)
{
    struct region *next =
        region->exact ? NULL : indexed(map, round_up(region_end(region), GRANULE));
    return next ? next : first_after(map, region_end(region) - 1);
}

struct region *region_next_from(const struct region_map *map, uint64_t address)
{
    struct region *region = region_find(map, address);
    return region ? region : first_after(map, address);
}

bool region_is_free(const struct region_map *map, uint64_t base, uint64_t size)
{
    struct region *next = region_next_from(map, base);
    return next && region_base(next) >= base && region_gap_end(next) - base >= size;
}

static uint64_t granules(const struct region *region)
{
    return round_up(region->size, GRANULE) >> GRANULE_SHIFT;
}

static bool is_indexed(const struct region_map *map, const struct region *region)
{
    return map->index.numbers && !region->barrier && !region->exact &&
           granules(region) <= INDEX_LIMIT &&
           (uint64_t)region - (uint64_t)map->index.arena < map->index.size;
}

static void set_index(struct region_map *map, const struct region *region, uint32_t number)
{
    uint32_t *first = &map->index.numbers[region_base(region) >> GRANULE_SHIFT];
    for (uint64_t i = 0, count = granules(region); i < count; i++)
        first[i] = number;
}

/* Into the index or the tree; out of it. In between, size and `exact` may change. */
static void place(struct region_map *map, struct region *region)
{
    if (is_indexed(map, region))
        set_index(map, region, number_of(map, region));
    else
        itree_insert(&map->regions, &region->node);
}

static void displace(struct region_map *map, struct region *region)
{
    if (is_indexed(map, region))
        set_index(map, region, 0);
    else
        itree_remove(&map->regions, &region->node);
}

/* The free whole granules from `from`, where a region ends or a gap begins, to `region`. */
static uint64_t gap_from(uint64_t from, const struct region *region)
{
    from = round_up(from, GRANULE);
    return region_gap_end(region) > from ? region_gap_end(region) - from : 0;
}

/* A new region divides the gap that it is in. */
static void link_region(struct region_map *map, struct region *region)
{
    struct region *next = region_next(map, region);
    if (next) {
        uint64_t from = region_gap_end(next) - region_gap(next);
        region_set_gap(map, next, gap_from(region_end(region), next));
        region_set_gap(map, region, gap_from(from, region));
    }
    place(map, region);
}

/* Where what is free without the region begins: its gap, or the end of who shares its granule. */
static uint64_t free_from(const struct region *region)
{
    const struct region *before = region->exact ? region_of(itree_previous(&region->node)) : NULL;
    return before && region_end(before) > region_gap_end(region)
               ? region_end(before)
               : region_gap_end(region) - region_gap(region);
}

static void unlink_region(struct region_map *map, struct region *region)
{
    struct region *next = region_next(map, region);
    uint64_t from = free_from(region);
    displace(map, region);
    region_set_gap(map, region, 0);
    if (next)
        region_set_gap(map, next, gap_from(from, next));
}

struct region *region_insert(struct region_map *map, uint64_t base, uint64_t size,
                             const struct run_state *state)
{
    struct region *region = pool_take(&map->region_pool);
    region->node.key = base;
    region->size = size;
    region->inline_used = true;
    region->inline_run = (struct run){.node.key = base, .size = size, .state = *state};
    itree_insert(&region->runs, &region->inline_run.node);
    region->committed = state->committed ? size / PAGE_SIZE : 0;
    link_region(map, region);
    map->count++;
    return region;
}

struct region *region_insert_barrier(struct region_map *map, uint64_t base, uint64_t size)
{
    struct region *region = pool_take(&map->region_pool);
    region->node.key = base;
    region->size = size;
    region->barrier = true;
    link_region(map, region);
    return region;
}

static struct run *take_run(struct region_map *map, struct region *region)
{
    if (region->inline_used)
        return pool_take(&map->run_pool);
    region->inline_used = true;
    return &region->inline_run;
}

static void give_run(struct region_map *map, struct region *region, struct run *run)
{
    itree_remove(&region->runs, &run->node);
    if (run == &region->inline_run)
        region->inline_used = false;
    else
        pool_give(&map->run_pool, run);
}

void region_remove(struct region_map *map, struct region *region)
{
    struct run *run;
    while ((run = run_of(region->runs.root))) {
        map->locked -= run->state.locked ? run->size / PAGE_SIZE : 0;
        give_run(map, region, run);
    }
    unlink_region(map, region);
    map->count -= !region->barrier;
    pool_give(&map->region_pool, region);
}

struct run *run_find(const struct region *region, uint64_t address)
{
    const struct run *only = &region->inline_run;
    if (region->runs.root == &only->node && only->size == region->size)
        return (struct run *)only;
    return run_of(itree_at_or_before(&region->runs, address));
}

struct run *run_next(const struct run *run)
{
    return run_of(itree_next(&run->node));
}

/* Makes a border at `address` inside the region. */
static void split_at(struct region_map *map, struct region *region, uint64_t address)
{
    struct run *run = run_find(region, address), *rest;
    if (run_start(run) == address || address == region_end(region))
        return;
    rest = take_run(map, region);
    *rest = (struct run){.node.key = address, .size = run_end(run) - address, .state = run->state};
    run->size = address - run_start(run);
    itree_insert(&region->runs, &rest->node);
}

/* Joins `run` with its successor when they are alike; returns the run that now ends there. */
static struct run *merge_with_next(struct region_map *map, struct region *region, struct run *run)
{
    struct run *next = run_next(run);
    if (!next || !same_state(&run->state, &next->state))
        return next;
    run->size += next->size;
    give_run(map, region, next);
    return run;
}

void region_change(struct region_map *map, struct region *region, uint64_t start, uint64_t end,
                   void (*change)(struct run_state *state, void *context), void *context)
{
    struct run *run, *before;
    split_at(map, region, start);
    split_at(map, region, end);
    run = run_find(region, start);
    before = run_of(itree_previous(&run->node));
    for (struct run *each = run; each && run_start(each) < end; each = run_next(each)) {
        uint64_t pages = each->size / PAGE_SIZE;
        region->committed -= each->state.committed ? pages : 0;
        map->locked -= each->state.locked ? pages : 0;
        change(&each->state, context);
        region->committed += each->state.committed ? pages : 0;
        map->locked += each->state.locked ? pages : 0;
    }
    if (before)
        run = before;
    while (run && run_start(run) < end)
        run = merge_with_next(map, region, run);
}

static void assign(struct run_state *state, void *context)
{
    *state = *(const struct run_state *)context;
}

void region_set(struct region_map *map, struct region *region, uint64_t start, uint64_t end,
                const struct run_state *state)
{
    region_change(map, region, start, end, assign, (void *)state);
}

void region_set_exact(struct region_map *map, struct region *region, bool exact)
{
    displace(map, region);
    region->exact = exact;
    place(map, region);
}

/* The run goes over to another region, into the node that this has of its own when that is free. */
static void move_run(struct region_map *map, struct region *from, struct region *to,
                     struct run *run)
{
    struct run copy = {.node.key = run->node.key, .size = run->size, .state = run->state};
    uint64_t pages = copy.state.committed ? copy.size / PAGE_SIZE : 0;
    give_run(map, from, run);
    run = take_run(map, to);
    *run = copy;
    itree_insert(&to->runs, &run->node);
    from->committed -= pages;
    to->committed += pages;
}

struct region *region_split(struct region_map *map, struct region *region, uint64_t at)
{
    struct region *right = pool_take(&map->region_pool);
    bool exact = region->exact || !is_aligned(at, GRANULE);
    struct run *run;

    right->node.key = at;
    right->size = region_end(region) - at;
    right->protect = region->protect;
    right->kind = region->kind;
    right->touched = region->touched;
    right->placeholder = region->placeholder;
    right->numa = region->numa;
    right->exact = exact;
    split_at(map, region, at);
    while ((run = run_of(itree_last(&region->runs))) && run_start(run) >= at)
        move_run(map, region, right, run);
    displace(map, region);
    region->size = at - region_base(region);
    region->exact = exact;
    place(map, region);
    place(map, right); /* no gap between the two, and the one behind stays */
    map->count++;
    return right;
}

void region_join(struct region_map *map, struct region *left, struct region *right)
{
    struct run *run = run_of(itree_last(&left->runs));
    uint64_t size = right->size;
    struct region *next;

    assert(region_end(left) == region_base(right) && left->exact && right->exact);
    left->touched |= right->touched;
    left->committed += right->committed;
    region_remove(map, right);
    left->size += size;
    run->size += size;
    next = region_next(map, left);
    if (next)
        region_set_gap(map, next, gap_from(region_end(left), next));
}

static bool runs_are_valid(const struct region *region, uint64_t *locked)
{
    uint64_t at = region_base(region), committed = 0;
    const struct run *before = NULL;
    if (!itree_is_valid(&region->runs))
        return false;
    for (const struct run *run = run_of(itree_first(&region->runs)); run;
         before = run, run = run_next(run)) {
        if (run_start(run) != at || run->size == 0 || !is_aligned(run->size, PAGE_SIZE) ||
            (before && same_state(&before->state, &run->state)))
            return false;
        if (run->state.locked && !run->state.committed)
            return false;
        committed += run->state.committed ? run->size / PAGE_SIZE : 0;
        *locked += run->state.locked ? run->size / PAGE_SIZE : 0;
        at = run_end(run);
    }
    return at == region_end(region) && committed == region->committed;
}

/* In the index or in the tree, and not in both. */
static bool index_is_valid(const struct region_map *map, const struct region *region)
{
    uint64_t first = region_base(region) >> GRANULE_SHIFT, count = granules(region);
    const struct itree_node *there = itree_at_or_before(&map->regions, region_base(region));
    bool inside = is_indexed(map, region);
    if ((there == &region->node) == inside)
        return false;
    if (!map->index.numbers || region == &map->end)
        return true;
    for (uint64_t i = 0; i < count && i <= INDEX_LIMIT; i++)
        if (map->index.numbers[first + i] != (inside ? number_of(map, region) : 0))
            return false;
    return true;
}

/* A granule is one region's alone, but for regions that are exact both. */
static bool place_is_valid(const struct region *region, const struct region *before)
{
    uint64_t from = before ? region_end(before) : MM_LOWEST_ADDRESS;
    if (before && !(before->exact && region->exact))
        from = round_up(from, GRANULE);
    return region_base(region) >= from &&
           is_aligned(region_base(region), region->exact ? PAGE_SIZE : GRANULE);
}

/* In the tree of gaps are `count` regions, each of which has one. */
static bool gaps_are_valid(const struct region_map *map, uint64_t count)
{
    for (struct itree_node *node = itree_first(&map->gaps); node; node = itree_next(node)) {
        const struct region *region = region_of_gap(node);
        if (region->gap.weight == 0 || node->key != region_gap_end(region))
            return false;
        count--;
    }
    return count == 0 && itree_is_valid_weighted(&map->gaps);
}

/* In the tree of the others are `count`. */
static bool tree_is_valid(const struct region_map *map, uint64_t count)
{
    for (struct itree_node *node = itree_first(&map->regions); node; node = itree_next(node))
        count--;
    return count == 0 && itree_is_valid(&map->regions);
}

bool region_map_is_valid(const struct region_map *map)
{
    const struct region *before = NULL;
    uint64_t count = 0, locked = 0, gaps = 0, others = 0;
    for (const struct region *region = region_next_from(map, 0); region;
         before = region, region = region_next(map, region)) {
        uint64_t from = before ? region_end(before) : MM_LOWEST_ADDRESS;
        if (!place_is_valid(region, before) || region_gap(region) != gap_from(from, region) ||
            !index_is_valid(map, region) || (!region->barrier && !runs_are_valid(region, &locked)))
            return false;
        count += !region->barrier;
        gaps += region->gap.weight != 0;
        others += !is_indexed(map, region);
    }
    return before == &map->end && count == map->count && locked == map->locked &&
           count + 1 <= map->region_pool.in_use + 1 && gaps_are_valid(map, gaps) &&
           tree_is_valid(map, others);
}

void region_map_dump(const struct region_map *map, int fd)
{
    for (const struct region *region = region_next_from(map, 0); region;
         region = region_next(map, region)) {
        dprintf(fd, "%012lx-%012lx %s protect %#x committed %lu pages\n", region_base(region),
                region_end(region), region->barrier ? "barrier" : "region", region->protect,
                region->committed);
        for (const struct run *run = run_of(itree_first(&region->runs)); run; run = run_next(run))
            dprintf(fd, "    %012lx-%012lx %s %#x%s%s%s\n", run_start(run), run_end(run),
                    run->state.committed ? "commit " : "reserve", run->state.protect,
                    run->state.locked ? " locked" : "", run->state.priority ? " offered" : "",
                    run->state.reset == RESET_ASLEEP  ? " reset"
                    : run->state.reset == RESET_AWAKE ? " reset and awake"
                    : run->state.reset == RESET_LOST  ? " reset and lost"
                                                      : "");
    }
}
