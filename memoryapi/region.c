/* The region map: find, insert, remove, split, merge. */
#include "memoryapi/region.h"

#include <assert.h>
#include <stdio.h>
#include "memoryapi/base.h"

#define GRANULE       ALLOCATION_GRANULARITY
#define GRANULE_SHIFT 16

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

static struct region *region_of_gap(struct itree_node *node)
{
    return container_of(itree_weighted(node), struct region, gap);
}

/* The free space before a region ends with the last granule that the region has no part in. */
static uint64_t gap_end(const struct region *region)
{
    return round_down(region_base(region), GRANULE);
}

static void set_gap(struct region_map *map, struct region *region, uint64_t size)
{
    uint32_t weight = (uint32_t)(size >> GRANULE_SHIFT), old = region->gap.weight;
    if (weight == old)
        return;
    region->gap.node.key = gap_end(region);
    if (old && weight) {
        itree_set_weight(&region->gap, weight);
    } else if (old) {
        itree_remove_weighted(&map->gaps, &region->gap);
        region->gap.weight = 0;
    } else {
        region->gap.weight = weight;
        itree_insert_weighted(&map->gaps, &region->gap);
    }
}

void region_map_init(struct region_map *map, struct region **index)
{
    *map = (struct region_map){
        .index = index,
        .region_pool.node_size = sizeof(struct region),
        .run_pool.node_size = sizeof(struct run),
        .end = {.node = {.key = SPACE_END}, .size = GRANULE, .barrier = true},
    };
    itree_insert(&map->regions, &map->end.node);
    set_gap(map, &map->end, SPACE_END - MM_LOWEST_ADDRESS);
}

struct region *region_find(const struct region_map *map, uint64_t address)
{
    struct region *region;
    if (map->index && address < SPACE_END) {
        region = map->index[address >> GRANULE_SHIFT];
        __builtin_prefetch((char *)region + 64);
        if (region) /* the last granule may be used only in part */
            return address - region_base(region) < region->size ? region : NULL;
    }
    region = region_of(itree_at_or_before(&map->regions, address));
    return region && address - region_base(region) < region->size ? region : NULL;
}

struct region *region_next_from(const struct region_map *map, uint64_t address)
{
    struct itree_node *node = itree_at_or_before(&map->regions, address);
    struct region *region = region_of(node);
    if (region && address - region_base(region) < region->size)
        return region;
    return region_of(node ? itree_next(node) : itree_first(&map->regions));
}

static uint64_t bytes(uint32_t granules)
{
    return (uint64_t)granules << GRANULE_SHIFT;
}

/* Each search enters a subtree only when something in it may be large enough. */
static uint64_t find_low(const struct itree_node *node, const struct region_request *request)
{
    while (node) {
        const struct itree_weighted *gap = itree_weighted(node);
        uint64_t first = node->key - bytes(gap->weight), start, end, found;
        if (bytes(gap->left_max) >= request->size && first > request->lowest &&
            (found = find_low(node->left, request)))
            return found;
        start = round_up(first > request->lowest ? first : request->lowest, request->alignment);
        end = node->key < request->end ? node->key : request->end;
        if (start < end && end - start >= request->size)
            return start;
        if (bytes(gap->right_max) < request->size || node->key >= request->end)
            return 0;
        node = node->right;
    }
    return 0;
}

static uint64_t find_high(const struct itree_node *node, const struct region_request *request)
{
    while (node) {
        const struct itree_weighted *gap = itree_weighted(node);
        uint64_t first = node->key - bytes(gap->weight), lowest, end, found;
        if (bytes(gap->right_max) >= request->size && node->key < request->end &&
            (found = find_high(node->right, request)))
            return found;
        lowest = first > request->lowest ? first : request->lowest;
        end = node->key < request->end ? node->key : request->end;
        if (end > lowest && end - lowest >= request->size &&
            round_down(end - request->size, request->alignment) >= lowest)
            return round_down(end - request->size, request->alignment);
        if (bytes(gap->left_max) < request->size || first <= request->lowest)
            return 0;
        node = node->left;
    }
    return 0;
}

uint64_t region_find_free(const struct region_map *map, const struct region_request *request)
{
    return request->top_down ? find_high(map->gaps.root, request)
                             : find_low(map->gaps.root, request);
}

bool region_is_free(const struct region_map *map, uint64_t base, uint64_t size)
{
    struct region *next = region_next_from(map, base);
    return next && region_base(next) >= base && gap_end(next) - base >= size;
}

static void index_set(struct region_map *map, const struct region *region, struct region *value)
{
    uint64_t first = region_base(region) >> GRANULE_SHIFT,
             count = round_up(region->size, GRANULE) >> GRANULE_SHIFT;
    if (!map->index || region->barrier || region->exact || count > INDEX_LIMIT)
        return;
    for (uint64_t i = 0; i < count; i++)
        map->index[first + i] = value;
}

/* The free whole granules between two neighbours; `before` may be NULL. */
static uint64_t gap_between(const struct region *before, const struct region *region)
{
    uint64_t from = before ? round_up(region_end(before), GRANULE) : MM_LOWEST_ADDRESS;
    uint64_t end = gap_end(region);
    return end > from ? end - from : 0;
}

/*
 * What the index says of the granule at `address`. A region that is alone in its granules and one
 * next to it find each other so, without a walk through the tree.
 */
static struct region *indexed(const struct region_map *map, uint64_t address)
{
    return map->index && address < SPACE_END ? map->index[address >> GRANULE_SHIFT] : NULL;
}

/* The neighbours of a region; in the tree or not yet. Either may be NULL. */
static void find_neighbours(const struct region_map *map, const struct region *region, bool linked,
                            struct region **ret_before, struct region **ret_next)
{
    uint64_t base = region_base(region);
    struct region *before = region->exact ? NULL : indexed(map, base - 1);
    struct region *next =
        region->exact ? NULL : indexed(map, round_up(region_end(region), GRANULE));
    if (before)
        __builtin_prefetch(before);
    if (next)
        __builtin_prefetch(&next->gap);
    if (!before && linked)
        before = region_of(itree_previous(&region->node));
    else if (!before)
        before =
            region_of(next ? itree_previous(&next->node) : itree_at_or_before(&map->regions, base));
    if (!next)
        next = region_of(linked   ? itree_next(&region->node)
                         : before ? itree_next(&before->node)
                                  : itree_first(&map->regions));
    *ret_before = before;
    *ret_next = next;
}

static void link_region(struct region_map *map, struct region *region)
{
    struct region *before, *next;
    find_neighbours(map, region, false, &before, &next);
    itree_insert_between(&map->regions, &region->node, before ? &before->node : NULL,
                         next ? &next->node : NULL);
    if (next)
        set_gap(map, next, gap_between(region, next));
    set_gap(map, region, gap_between(before, region));
    index_set(map, region, region);
}

static void unlink_region(struct region_map *map, struct region *region)
{
    struct region *before, *next;
    find_neighbours(map, region, true, &before, &next);
    index_set(map, region, NULL);
    itree_remove(&map->regions, &region->node);
    set_gap(map, region, 0);
    if (next)
        set_gap(map, next, gap_between(before, next));
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
    index_set(map, region, NULL);
    region->exact = exact;
    index_set(map, region, region);
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
    index_set(map, region, NULL);
    region->size = at - region_base(region);
    region->exact = exact;
    index_set(map, region, region);
    link_region(map, right);
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
    next = region_of(itree_next(&left->node));
    if (next)
        set_gap(map, next, gap_between(left, next));
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

static bool index_is_valid(const struct region_map *map, const struct region *region)
{
    uint64_t first = region_base(region) >> GRANULE_SHIFT,
             count = round_up(region->size, GRANULE) >> GRANULE_SHIFT;
    bool inside = !region->barrier && !region->exact && count <= INDEX_LIMIT;
    if (!map->index || region == &map->end)
        return true;
    for (uint64_t i = 0; i < count && i <= INDEX_LIMIT; i++)
        if (map->index[first + i] != (inside ? region : NULL))
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

/* In the tree of gaps is every region that has one, and no other. */
static bool gaps_are_valid(const struct region_map *map)
{
    int64_t missing = 0;
    for (struct itree_node *node = itree_first(&map->regions); node; node = itree_next(node))
        missing += region_of(node)->gap.weight != 0;
    for (struct itree_node *node = itree_first(&map->gaps); node; node = itree_next(node)) {
        const struct region *region = region_of_gap(node);
        if (region->gap.weight == 0 || node->key != gap_end(region))
            return false;
        missing--;
    }
    return missing == 0 && itree_is_valid_weighted(&map->gaps);
}

bool region_map_is_valid(const struct region_map *map)
{
    const struct region *before = NULL;
    uint64_t count = 0, locked = 0;
    if (!itree_is_valid(&map->regions) || !gaps_are_valid(map))
        return false;
    for (struct itree_node *node = itree_first(&map->regions); node; node = itree_next(node)) {
        const struct region *region = region_of(node);
        if (!place_is_valid(region, before) ||
            bytes(region->gap.weight) != gap_between(before, region) ||
            !index_is_valid(map, region) || (!region->barrier && !runs_are_valid(region, &locked)))
            return false;
        before = region;
        count += !region->barrier;
    }
    return count == map->count && locked == map->locked && count + 1 <= map->region_pool.in_use + 1;
}

void region_map_dump(const struct region_map *map, int fd)
{
    for (struct itree_node *node = itree_first(&map->regions); node; node = itree_next(node)) {
        const struct region *region = region_of(node);
        dprintf(fd, "%012lx-%012lx %s protect %#x committed %lu pages\n", region_base(region),
                region_end(region), region->barrier ? "barrier" : "region", region->protect,
                region->committed);
        for (const struct run *run = run_of(itree_first(&region->runs)); run; run = run_next(run))
            dprintf(fd, "    %012lx-%012lx %s %#x%s%s%s\n", run_start(run), run_end(run),
                    run->state.committed ? "commit " : "reserve", run->state.protect,
                    run->state.locked ? " locked" : "", run->state.priority ? " offered" : "",
                    run->state.reset == RESET_ASLEEP ? " reset"
                    : run->state.reset == RESET_LOST ? " reset and lost"
                                                     : "");
    }
}
