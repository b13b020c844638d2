/*
 * The books: regions and the runs of pages in them. Pure: no host call, no lock of its own (mm.h
 * says who may do what).
 *
 * A region is what one reservation made. Its pages are covered without gap by runs; neighbouring
 * runs differ. A barrier is address space that is not ours: it keeps the free search away and is
 * never allocated.
 *
 * Invariants, walked by region_map_is_valid:
 *   1. regions do not overlap; bases are multiples of 64 KiB, those of exact regions of a page. A
 *      granule is one region's alone, or shared by exact regions
 *   2. weight of a region's gap == whole free granules between it and the region before; the gaps
 *      that are not 0 are in map->gaps by their end, which is the start of the region's granule
 *   3. the runs of a region cover it exactly, in order
 *   4. neighbouring runs differ in something
 *   5. committed == pages of committed runs
 *   6. map->locked == pages of locked runs, in all regions; locked pages are committed
 *   7. every granule of a region of at most INDEX_LIMIT granules that is not exact, and whose node
 *      has a number, is in the index, and nothing else is; all others are in map->regions
 *
 * Setting pages [a, b) to a new state splits at most two runs and needs at most two new ones:
 *
 *   picture 1   |....A....|       ->  |.A.|.B.|.A.|     inside one run: two new
 *   picture 2   |....A....|       ->  |.B.|...A...|     at its start: one new      (mirror: at its
 *                                                       end)
 *   picture 3   |....A....|       ->  |.....B.....|     all of it: none
 *   picture 4   |..A..|..C..|     ->  |.A.|.B.|.C.|     across a border: one new, none gone
 *   picture 5   |.A.|.C.|.D.|     ->  |.A|..B..|D.|     whole runs inside become one
 *   picture 6   |.B.|.A.|.B.|     ->  |.....B.....|     equal neighbours merge
 *
 * Regions are cut for placeholders and by partial release, and joined as placeholders only:
 *
 *   picture 7   |....A....|       ->  |.A.||.A'.|       exact both when the cut is in a granule, or
 *                                                       when they were
 *   picture 8   |.P.||.P'.|       ->  |....P....|       each one run, alike
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memoryapi/itree.h"
#include "memoryapi/mm.h"
#include "memoryapi/pool.h"

struct offer;
struct awe_window;
struct watch_marks;

struct run_state {
    uint32_t protect; /* PAGE_*; 0 for reserved pages */
    bool committed;
    bool locked;         /* VirtualLock */
    uint8_t priority;    /* of the offer; 0: not offered */
    uint8_t reset;       /* enum run_reset; while offered RESET_NOT or RESET_LOST */
    struct offer *offer; /* what is remembered of the contents while offered or reset */
};

/* MEM_RESET (reset.c). */
enum run_reset {
    RESET_NOT,
    RESET_ASLEEP, /* not writable; the host may drop pages */
    RESET_AWAKE,  /* as any other, and nothing was lost yet: an offer may still lose it */
    RESET_LOST    /* as any other, but some pages were lost, and MEM_RESET_UNDO has not told yet;
                     while offered: or may be */
};

struct run {
    struct run_state state;
    uint64_t size;          /* bytes */
    struct itree_node node; /* key: address of the first page */
};

/*
 * A query of a region with one run reads the first two cache lines, a search for free space the
 * third: with many regions, cache misses are what it costs.
 */
struct region {
    struct itree_node node; /* key: base */
    uint64_t size;          /* bytes, multiple of the page size */
    struct itree runs;
    uint32_t protect; /* AllocationProtect */
    uint8_t kind;     /* enum mm_region_kind */
    uint8_t large;    /* log2 of the size of its pages (large.h); 0: usual ones */
    bool touched;     /* something was committed: the host has to be asked at release */
    bool inline_used;
    bool barrier : 1;      /* not ours */
    bool adopted : 1;      /* mapped by somebody else of ours: never freed */
    bool secured : 1;      /* stays, readable and writable: mm_secure */
    bool physical : 1;     /* an AWE window (MEM_PHYSICAL) */
    bool watched : 1;      /* MEM_WRITE_WATCH */
    bool placeholder : 1;  /* MEM_RESERVE_PLACEHOLDER, not replaced yet */
    bool exact : 1;        /* shares a granule with a neighbour: the open bits do not speak of it */
    uint16_t numa;         /* mm_node() of where its memory should be, 0: anywhere */
    uint32_t claimer;      /* the thread that works on it (space.h); 0: nobody */
    struct run inline_run; /* the first run needs no node of its own */
    uint64_t committed;    /* pages */
    struct itree_weighted gap; /* the free granules before it */
    struct awe_window *window; /* of a physical region (awe.h) */
    struct watch_marks *marks; /* of a watched region that the host does not watch */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct region, inline_run) == 64 && offsetof(struct region, gap) == 128,
               "three cache lines");
_Static_assert(sizeof(struct region) <= 192, "with its place in the index less than 256 bytes");

#define INDEX_LIMIT 1024u /* granules */

/*
 * What is where, by granule, without a search. Among many regions a look into it is a cache miss of
 * its own, so it is small: a node that lies in `arena` has a number, from 1, which counts its lines
 * of 64 bytes from there.
 */
struct region_index {
    uint32_t *numbers; /* of each granule of the address space; NULL: do without */
    char *arena;       /* zeroed, for nodes of regions; at most 256 GiB */
    uint64_t size;     /* of the arena, bytes */
};

struct region_map {
    struct itree regions; /* that are not in the index */
    struct itree gaps;    /* weighted */
    struct region_index index;
    struct pool region_pool, run_pool;
    struct region end; /* barrier that closes the address space */
    uint64_t count;    /* regions, without barriers */
    uint64_t locked;   /* pages of locked runs, in all regions */
};

static inline uint64_t region_base(const struct region *region)
{
    return region->node.key;
}

static inline uint64_t region_end(const struct region *region)
{
    return region->node.key + region->size;
}

static inline uint64_t run_start(const struct run *run)
{
    return run->node.key;
}

static inline uint64_t run_end(const struct run *run)
{
    return run->node.key + run->size;
}

/* The part of [start, end) that the run covers. pre: there is one. */
static inline void run_clip(const struct run *run, uint64_t start, uint64_t end, uint64_t *ret_from,
                            uint64_t *ret_to)
{
    *ret_from = run_start(run) > start ? run_start(run) : start;
    *ret_to = run_end(run) < end ? run_end(run) : end;
}

/*
 * All of [MM_LOWEST_ADDRESS, MM_HIGHEST_ADDRESS] is free. The map takes over what is in `index`;
 * NULL: it does without.
 */
void region_map_init(struct region_map *map, const struct region_index *index);

/* The region (barriers too) that holds `address`, or NULL. */
struct region *region_find(const struct region_map *map, uint64_t address);
/* The first region or barrier at or after `address`; never NULL below the end. */
struct region *region_next_from(const struct region_map *map, uint64_t address);
/* The one behind it; NULL: that is map->end. */
struct region *region_next(const struct region_map *map, const struct region *region);

struct region_request {
    uint64_t size, alignment;
    uint64_t lowest, end; /* the range must lie in [lowest, end) */
    bool top_down;
};
/* The lowest (or highest) free range that fits, or 0. */
uint64_t region_find_free(const struct region_map *map, const struct region_request *request);
bool region_is_free(const struct region_map *map, uint64_t base, uint64_t size);

/* A new region with one run. pre: free, pools reserved (one region). */
struct region *region_insert(struct region_map *map, uint64_t base, uint64_t size,
                             const struct run_state *state);
struct region *region_insert_barrier(struct region_map *map, uint64_t base, uint64_t size);
void region_remove(struct region_map *map, struct region *region);

struct run *run_find(const struct region *region, uint64_t address);
struct run *run_next(const struct run *run);
/* Sets [start, end) to `state`. pre: inside the region, two runs reserved. */
void region_set(struct region_map *map, struct region *region, uint64_t start, uint64_t end,
                const struct run_state *state);
/* Changes the state of every run in [start, end) through `change`. pre: as region_set. */
void region_change(struct region_map *map, struct region *region, uint64_t start, uint64_t end,
                   void (*change)(struct run_state *state, void *context), void *context);

/*
 * Cuts a region in two at a page: `region` is the left one, the right one is returned, with the
 * same properties and nobody's claim. pre: inside the region, a region and two runs reserved.
 */
struct region *region_split(struct region_map *map, struct region *region, uint64_t at);
/* `left` takes over `right`. pre: exact, adjacent, one run each and these alike. */
void region_join(struct region_map *map, struct region *left, struct region *right);
/* pre: without `exact` the region is alone in its granules. */
void region_set_exact(struct region_map *map, struct region *region, bool exact);

bool region_map_is_valid(const struct region_map *map);
void region_map_dump(const struct region_map *map, int fd);
