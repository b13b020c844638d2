/* The free granules before each region: what a search for a place looks at. Of the region map. */
#pragma once

#include <stdint.h>
#include "memoryapi/base.h"
#include "memoryapi/region.h"

#define GRANULE_SHIFT 16

static inline struct region *region_of_gap(struct itree_node *node)
{
    return container_of(itree_weighted(node), struct region, gap);
}

/* The free space before a region ends with the last granule that the region has no part in. */
static inline uint64_t region_gap_end(const struct region *region)
{
    return round_down(region_base(region), ALLOCATION_GRANULARITY);
}

/* Its size in bytes. */
static inline uint64_t region_gap(const struct region *region)
{
    return (uint64_t)region->gap.weight << GRANULE_SHIFT;
}

void region_set_gap(struct region_map *map, struct region *region, uint64_t size);
