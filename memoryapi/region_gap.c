/* The gaps between regions, by address and size. */
#include "memoryapi/region_gap.h"

void region_set_gap(struct region_map *map, struct region *region, uint64_t size)
{
    uint32_t weight = (uint32_t)(size >> GRANULE_SHIFT), old = region->gap.weight;
    if (weight == old)
        return;
    region->gap.node.key = region_gap_end(region);
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
