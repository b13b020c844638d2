/*
 * Whether the books are sound, and whether the kernel has behind each page what they say. For tests
 * and debugging.
 */
#include "memoryapi/mm.h"

#include <stdio.h>
#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/space.h"
#include "memoryapi/watch_marks.h"

/*
 * What may be seen behind a page of this run: reserved pages are closed, or read-write with guard
 * markers.
 */
static bool access_fits(const struct run_state *state, unsigned access)
{
    if (!state->committed)
        return access == HOST_NONE || (access == HOST_READ_WRITE && host_caps.guard);
    return access == backing_access(state);
}

/* Pages that are watched by marks may be closed to writes; those without a mark are. */
static bool watch_fits(const struct region *region, const struct run *run, uint64_t start,
                       uint64_t end, unsigned access)
{
    unsigned wanted = backing_access(&run->state);
    for (uint64_t at = start; at < end;) {
        bool written;
        at = marks_alike(region, at, end, &written);
        if (access != (wanted & ~(unsigned)HOST_WRITE) && !(written && access == wanted))
            return false;
    }
    return true;
}

/* Called for each mapping of the process, in order. */
static bool mapping_fits(uint64_t start, uint64_t end, unsigned access, void *context)
{
    uint64_t *covered = context; /* bytes of regions seen so far */
    for (uint64_t at = start; at < end && at <= MM_HIGHEST_ADDRESS;) {
        const struct region *region = region_next_from(&space.map, at);
        const struct run *run;
        if (region_base(region) >= end)
            break;
        if (region->barrier || region->adopted) {
            *covered +=
                region->adopted ? (region_end(region) < end ? region_end(region) : end) - at : 0;
            at = region_end(region);
            continue;
        }
        at = at > region_base(region) ? at : region_base(region);
        run = run_find(region, at);
        uint64_t to = run_end(run) < end ? run_end(run) : end;
        bool fits = region->marks && run->state.committed ? watch_fits(region, run, at, to, access)
                                                          : access_fits(&run->state, access);
        /* a window that something was mapped to is read-write, all or where a frame is */
        if (!fits && !(region->physical && region->window->open && access == HOST_READ_WRITE))
            return false;
        *covered += to - at;
        at = to;
    }
    return true;
}

/* *ret_charge: pages that count against the commit limit. */
static uint64_t bytes_of_regions(uint64_t *ret_charge)
{
    uint64_t sum = 0;
    *ret_charge = 0;
    for (const struct region *region = region_next_from(&space.map, 0); region;
         region = region_next(&space.map, region)) {
        sum += region->barrier ? 0 : region->size;
        if (region->kind == MM_PRIVATE && !region->adopted && !region->barrier)
            *ret_charge += region->committed;
    }
    return sum;
}

bool mm_space_is_valid(void)
{
    uint64_t covered = 0, charge;
    struct mm_commit commit;
    bool valid;
    if (space_init() != STATUS_SUCCESS)
        return false;
    space_stop();
    valid = region_map_is_valid(&space.map) && host_for_each_mapping(mapping_fits, &covered) &&
            covered == bytes_of_regions(&charge);
    mm_commit_state(&commit);
    valid = valid && commit.charge == (charge + awe.owned) * PAGE_SIZE;
    space_go();
    return valid;
}

void mm_space_dump(int fd)
{
    struct mm_offers offers;
    if (space_init() != STATUS_SUCCESS)
        return;
    space_stop();
    region_map_dump(&space.map, fd);
    space_go();
    mm_offer_state(&offers);
    dprintf(fd, "offered: %lu bytes held, %lu given to the kernel, %lu dropped\n", offers.held,
            offers.given, offers.dropped);
}
