/* Walks every invariant that machine.h numbers. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/order.h"

static const char *const place_names[] = {"nowhere", "local", "non-local"};

__attribute__((format(printf, 2, 3))) static bool broken(int fd, const char *format, ...)
{
    va_list arguments;
    if (fd < 0)
        return false;
    va_start(arguments, format);
    vdprintf(fd, format, arguments);
    va_end(arguments);
    dprintf(fd, "\n");
    return false;
}

/* M1, M2, M3, M14, M16 of one allocation. */
static bool openings_agree(const struct vidmm *mm, uint32_t index, int fd)
{
    const struct vid_allocation *allocation = &mm->allocations[index];
    uint32_t count = 0, references = 0;
    bool owned = false;
    for (uint32_t i = allocation->first_opening; i; i = mm->openings[i].next) {
        const struct vid_opening *opening = &mm->openings[i];
        if (opening->allocation != index || ++count > allocation->openings)
            return broken(fd, "M1: opening %u is not of allocation %u", i, index);
        if (!mm->adapter->usage[opening->process].devices)
            return broken(fd, "M14: process %u has opening %u and no device", opening->process, i);
        references += opening->references;
        owned |= opening->process == allocation->owner;
    }
    if (!count || count != allocation->openings)
        return broken(fd, "M2: allocation %u has %u openings, says %u", index, count,
                      allocation->openings);
    if (!owned)
        return broken(fd, "M16: process %u does not have allocation %u", allocation->owner, index);
    return references == allocation->references ||
           broken(fd, "M3: allocation %u has %u references, says %u", index, references,
                  allocation->references);
}

struct sums {
    uint64_t used[VID_PLACES], easy[VID_PLACES], offered, live, listed, openings;
    uint64_t resident[VID_PROCESSES][VID_PLACES], referenced[VID_PROCESSES][VID_PLACES];
    uint64_t offered_by[VID_PROCESSES], decommittable[VID_PROCESSES];
    uint64_t missing[VID_PROCESSES][VID_PLACES], displaced[VID_PROCESSES][VID_PLACES];
    uint64_t placed[VID_PLACES];
    struct vid_count placed_of[VID_PROCESSES][VID_PLACES][2];
    uint64_t demoted[VID_PROCESSES][VID_PLACES][VID_BANDS];
};

/* M18 of one allocation. */
static void add_statistics(const struct vid_allocation *allocation, struct sums *sums)
{
    static const uint32_t bounds[VID_BANDS - 1] = {0x28000000, 0x50000000, 0x78000000, 0xA0000000};
    unsigned place = allocation->place, band = 0;
    if (place) {
        struct vid_count *of =
            &sums->placed_of[allocation->owner][place][place != allocation->wanted];
        of->count++;
        of->bytes += allocation->size;
        sums->placed[place]++;
        return;
    }
    while (band < VID_BANDS - 1 && allocation->priority > bounds[band])
        band++;
    if (allocation->references && !allocation->offered && !allocation->decommitted)
        sums->demoted[allocation->owner][allocation->wanted][band] += allocation->size;
}

static bool add_up(const struct vidmm *mm, uint32_t index, struct sums *sums, int fd)
{
    const struct vid_allocation *allocation = &mm->allocations[index];
    unsigned place = allocation->place;
    sums->live++;
    sums->openings += allocation->openings;
    if (order_list(mm, allocation))
        sums->listed++;
    add_statistics(allocation, sums);
    if (allocation->offered && !allocation->lost) {
        sums->offered += allocation->size;
        sums->offered_by[allocation->owner] += allocation->size;
        sums->decommittable[allocation->owner] += allocation->decommit ? allocation->size : 0;
    }
    if ((allocation->lost && !allocation->offered) ||
        ((allocation->lost || allocation->decommitted) && place))
        return broken(fd, "M9: allocation %u is lost, offer %u, %s", index, allocation->offered,
                      place_names[place]);
    if ((place && !(allocation->allowed & 1u << place)) ||
        !(allocation->allowed & 1u << allocation->wanted))
        return broken(fd, "M15: allocation %u is %s, may be at %x, wants %u", index,
                      place_names[place], allocation->allowed, allocation->wanted);
    if (order_is_demoted(allocation))
        sums->missing[allocation->owner][order_only_place(allocation)] +=
            order_cost(mm, allocation, allocation->wanted);
    if (allocation->planned)
        return broken(fd, "M17: allocation %u is planned", index);
    if (place) {
        uint64_t cost = order_cost(mm, allocation, place);
        sums->used[place] += cost;
        if (!allocation->offered)
            sums->resident[allocation->owner][place] += cost;
        if (!order_is_easy(allocation) && allocation->wanted != place)
            sums->displaced[allocation->owner][place] += cost;
        if (!allocation->offered && allocation->references)
            sums->referenced[allocation->owner][place] += cost;
        else
            sums->easy[place] += cost;
    }
    return true;
}

/* M6, M7, M8: what stands in `list` belongs there, in order of stamps. Counts down *left. */
static bool list_is_valid(const struct vidmm *mm, const struct vid_list *list, uint64_t *left,
                          int fd)
{
    uint32_t previous = VID_NONE;
    for (uint32_t i = list->first; i; previous = i, i = mm->allocations[i].next) {
        const struct vid_allocation *allocation = &mm->allocations[i];
        if (!*left || !allocation->live || order_list(mm, allocation) != list)
            return broken(fd, "M6: allocation %u stands in a wrong list", i);
        if (allocation->previous != previous ||
            (previous && mm->allocations[previous].stamp > allocation->stamp))
            return broken(fd, "M8: allocation %u stands in a wrong order", i);
        --*left;
    }
    return list->last == previous ||
           broken(fd, "M8: a list ends with %u, says %u", previous, list->last);
}

static bool classes_are_valid(const struct vid_list lists[VID_CLASSES], uint32_t classes)
{
    for (unsigned class = 0; class < VID_CLASSES; class ++)
        if ((lists[class].first != 0) != (classes >> class & 1))
            return false;
    return true;
}

static bool usage_is_valid(const struct vidmm *mm, unsigned process, const struct sums *sums,
                           uint64_t *left, int fd)
{
    const struct vid_usage *usage = &mm->adapter->usage[process];
    if ((mm->adapter->active[process / 64] >> process % 64 & 1) != (usage->devices != 0))
        return broken(fd, "M14: process %u has %u devices", process, usage->devices);
    if (usage->offered != sums->offered_by[process] ||
        usage->decommittable != sums->decommittable[process])
        return broken(fd, "M13: process %u offers %lu, says %lu", process,
                      sums->offered_by[process], usage->offered);
    if (memcmp(usage->placed, sums->placed_of[process], sizeof usage->placed) != 0 ||
        memcmp(usage->demoted_bytes, sums->demoted[process], sizeof usage->demoted_bytes) != 0)
        return broken(fd, "M18: process %u counts %lu local, says %lu", process,
                      sums->placed_of[process][VID_LOCAL][0].count,
                      usage->placed[VID_LOCAL][0].count);
    if (usage->planned[VID_LOCAL] || usage->planned[VID_NONLOCAL])
        return broken(fd, "M17: process %u is planned for", process);
    if (memcmp(usage->missing_bytes, sums->missing[process], sizeof usage->missing_bytes) != 0 ||
        memcmp(usage->displaced, sums->displaced[process], sizeof usage->displaced) != 0)
        return broken(fd, "M19: sums of what is demoted or displaced of process %u", process);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        if (usage->resident[place] != sums->resident[process][place] ||
            usage->referenced[place] != sums->referenced[process][place])
            return broken(fd, "M5: process %u has %lu %s, says %lu", process,
                          sums->resident[process][place], place_names[place],
                          usage->resident[place]);
        if (!classes_are_valid(usage->idle[place], usage->idle_classes[place]) ||
            !classes_are_valid(usage->held[place], usage->held_classes[place]))
            return broken(fd, "M6: classes of process %u", process);
        for (unsigned class = 0; class < VID_CLASSES; class ++)
            if (!list_is_valid(mm, &usage->idle[place][class], left, fd) ||
                !list_is_valid(mm, &usage->held[place][class], left, fd))
                return false;
    }
    return list_is_valid(mm, &usage->demoted, left, fd);
}

static bool sums_are_valid(const struct vidmm *mm, const struct sums *sums, int fd)
{
    const struct vid_adapter *adapter = mm->adapter;
    uint64_t left = sums->listed;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        const struct vid_segment *segment = &adapter->segments[place];
        if (segment->used != sums->used[place] || segment->used > segment->size)
            return broken(fd, "M4: %lu of %lu used %s, says %lu", sums->used[place], segment->size,
                          place_names[place], segment->used);
        if (adapter->placed[place] != sums->placed[place])
            return broken(fd, "M18: %lu are %s, says %lu", sums->placed[place], place_names[place],
                          adapter->placed[place]);
        if (adapter->easy[place] != sums->easy[place])
            return broken(fd, "M11: %lu easy %s, says %lu", sums->easy[place], place_names[place],
                          adapter->easy[place]);
    }
    for (unsigned place = VID_NOWHERE; place < VID_PLACES; place++)
        for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS; offer++)
            if (!list_is_valid(mm, &adapter->offered[place][offer], &left, fd))
                return false;
    if (adapter->offered_bytes != sums->offered || adapter->live != sums->live)
        return broken(fd, "M13: %lu offered, %lu live; says %lu, %lu", sums->offered, sums->live,
                      adapter->offered_bytes, adapter->live);
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        if (!usage_is_valid(mm, p, sums, &left, fd))
            return false;
    return !left || broken(fd, "M6: %lu allocations are missing in their lists", left);
}

/* M10: what is not live is on the free chain, once. */
static bool free_chains_are_valid(const struct vidmm *mm, const struct sums *sums, int fd)
{
    const struct vid_adapter *adapter = mm->adapter;
    uint64_t free = 0, records = adapter->allocations_used - 1;
    for (uint32_t i = adapter->allocations_free; i; i = mm->allocations[i].next)
        if (mm->allocations[i].live || ++free > records)
            return broken(fd, "M10: allocation %u is live and free", i);
    if (sums->live + free != records)
        return broken(fd, "M10: %lu live and %lu free of %lu", sums->live, free, records);
    free = 0;
    records = adapter->openings_used - 1;
    for (uint32_t i = adapter->openings_free; i; i = mm->openings[i].next)
        if (mm->openings[i].allocation || ++free > records)
            return broken(fd, "M10: opening %u is live and free", i);
    return sums->openings + free == records ||
           broken(fd, "M10: %lu openings live and %lu free of %lu", sums->openings, free, records);
}

bool vidmm_is_valid(const struct vidmm *mm, int fd)
{
    struct sums *sums = calloc(1, sizeof *sums);
    bool valid = sums != NULL;
    for (uint32_t i = 1; i < mm->adapter->allocations_used && valid; i++)
        if (mm->allocations[i].live)
            valid = openings_agree(mm, i, fd) && add_up(mm, i, sums, fd);
    valid = valid && sums_are_valid(mm, sums, fd) && free_chains_are_valid(mm, sums, fd);
    free(sums);
    return valid;
}

void vidmm_dump(const struct vidmm *mm, int fd)
{
    for (uint32_t i = 1; i < mm->adapter->allocations_used; i++) {
        const struct vid_allocation *a = &mm->allocations[i];
        if (a->live)
            dprintf(fd, "%6u %12lu bytes %-9s owner %u priority 0x%08x offer %u%s references %u\n",
                    i, a->size, place_names[a->place], a->owner, a->priority, a->offered,
                    a->lost ? " lost" : "", a->references);
    }
}
