/* Making room: who has to go, in the order that vidmm.h tells. */
#include "d3dkmt/order.h"

static void release_place(const struct vidmm *mm, struct vid_allocation *allocation)
{
    mm->places[allocation->place]->give(&mm->adapter->segments[allocation->place],
                                        allocation->size);
}

void vidmm_put_out(const struct vidmm *mm, uint32_t index, struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    uint8_t place = allocation->place;
    order_leave(mm, index);
    release_place(mm, allocation);
    if (allocation->written)
        paging->out[place] += allocation->size;
    allocation->written = 0;
    allocation->place = VID_NOWHERE;
    order_enter(mm, index);
    mm->adapter->evictions++;
    mm->adapter->usage[allocation->owner].evicted_bytes += allocation->size;
    vidmm_event(mm, VID_EVENT_EVICT, index, allocation->owner, allocation->size, place);
}

void vidmm_lose(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    if (allocation->lost)
        return;
    order_leave(mm, index);
    allocation->lost = 1;
    if (allocation->place)
        release_place(mm, allocation);
    allocation->place = VID_NOWHERE;
    allocation->written = 0;
    order_enter(mm, index);
    mm->adapter->discards++;
    mm->adapter->usage[allocation->owner].discarded_bytes += allocation->size;
    vidmm_event(mm, VID_EVENT_DISCARD, index, allocation->owner, allocation->size,
                allocation->offered);
}

uint64_t vidmm_over_budget(const struct vidmm *mm, uint16_t process, enum vid_place place)
{
    const struct vid_usage *usage = &mm->adapter->usage[process];
    return usage->referenced[place] > usage->budget[place]
               ? usage->referenced[place] - usage->budget[place]
               : 0;
}

/* The next active process from `process` on; VID_PROCESSES: none. */
static unsigned next_active(const struct vid_adapter *adapter, unsigned process)
{
    while (process < VID_PROCESSES) {
        uint64_t rest = adapter->active[process / 64] >> process % 64;
        if (rest)
            return process + (unsigned)__builtin_ctzll(rest);
        process = (process / 64 + 1) * 64;
    }
    return VID_PROCESSES;
}

/* The oldest of the lowest class in one process's lists. */
static uint32_t lowest(struct vid_list lists[VID_CLASSES], uint32_t classes)
{
    return classes ? lists[__builtin_ctz(classes)].first : VID_NONE;
}

static bool goes_before(const struct vidmm *mm, uint32_t a, uint32_t b)
{
    const struct vid_allocation *first = &mm->allocations[a], *second = &mm->allocations[b];
    unsigned class_a = order_class(first), class_b = order_class(second);
    return class_a != class_b ? class_a < class_b : first->stamp < second->stamp;
}

/*
 * Among processes, the one that is furthest over its budget loses first; with nobody over it, the
 * least important allocation of all. `held`: of other processes only; `over_only`: of those over
 * their budget only.
 */
static uint32_t victim_of_processes(const struct vidmm *mm, enum vid_place place, bool held,
                                    bool over_only)
{
    struct vid_adapter *adapter = mm->adapter;
    uint32_t best = VID_NONE;
    uint64_t best_over = 0;
    for (unsigned p = next_active(adapter, 1); p < VID_PROCESSES; p = next_active(adapter, p + 1)) {
        struct vid_usage *usage = &adapter->usage[p];
        uint32_t candidate = held ? lowest(usage->held[place], usage->held_classes[place])
                                  : lowest(usage->idle[place], usage->idle_classes[place]);
        uint64_t over = vidmm_over_budget(mm, (uint16_t)p, place);
        if (!candidate || (held && p == mm->process) || (over_only && !over))
            continue;
        if (!best || over > best_over || (over == best_over && goes_before(mm, candidate, best))) {
            best = candidate;
            best_over = over;
        }
    }
    return best;
}

static uint32_t victim(const struct vidmm *mm, enum vid_place place, bool over, bool must)
{
    for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS; offer++)
        if (mm->adapter->offered[place][offer].first)
            return mm->adapter->offered[place][offer].first;
    uint32_t index = victim_of_processes(mm, place, false, false);
    if (!index && over)
        index = victim_of_processes(mm, place, true, true);
    if (!index && must)
        index = victim_of_processes(mm, place, true, false);
    return index;
}

/* What other processes hold in the place: beyond their budgets, or in all. */
static uint64_t held_by_others(const struct vidmm *mm, enum vid_place place, bool all)
{
    uint64_t sum = 0;
    for (unsigned p = next_active(mm->adapter, 1); p < VID_PROCESSES;
         p = next_active(mm->adapter, p + 1)) {
        const struct vid_usage *usage = &mm->adapter->usage[p];
        uint64_t held = 0, over = vidmm_over_budget(mm, (uint16_t)p, place);
        if (p == mm->process || !usage->held_classes[place])
            continue;
        for (unsigned class = 0; class < VID_CLASSES; class ++)
            for (uint32_t i = usage->held[place][class].first; i && (all || held < over);
                 i = mm->allocations[i].next)
                held += order_cost(mm, &mm->allocations[i], place);
        sum += held;
    }
    return sum;
}

bool vidmm_make_room(const struct vidmm *mm, enum vid_place place, uint64_t bytes, unsigned flags,
                     struct vid_paging *paging)
{
    const struct vid_segment_ops *manager = mm->places[place];
    struct vid_segment *segment = &mm->adapter->segments[place];
    const struct vid_usage *usage = &mm->adapter->usage[mm->process];
    uint64_t room = manager->room(segment), have = room + mm->adapter->easy[place];
    bool must = flags & VIDMM_MUST, over = false;
    if (room >= bytes)
        return true;
    /* pressure that came over placed memory has to be worked off first */
    if (segment->used + segment->pressure > manager->most(segment)) {
        uint64_t debt = segment->used + segment->pressure - manager->most(segment);
        have = have > debt ? have - debt : 0;
    }
    if (have < bytes) {
        over = usage->referenced[place] + bytes <= usage->budget[place];
        if (over || must)
            have += held_by_others(mm, place, must);
    }
    if (have < bytes)
        return false;
    while (manager->room(segment) < bytes) {
        uint32_t index = victim(mm, place, over, must);
        if (!index)
            return false;
        mm->adapter->decisions++;
        if (mm->allocations[index].offered)
            vidmm_lose(mm, index);
        else
            vidmm_put_out(mm, index, paging);
    }
    return true;
}

void vidmm_discard_offers(const struct vidmm *mm, uint64_t most)
{
    for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS; offer++)
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
            struct vid_list *list = &mm->adapter->offered[place][offer];
            while (list->first && mm->adapter->offered_bytes > most)
                vidmm_lose(mm, list->first);
        }
}

bool vidmm_press(const struct vidmm *mm, enum vid_place place, uint64_t bytes)
{
    const struct vid_segment_ops *manager = mm->places[place];
    struct vid_segment *segment = &mm->adapter->segments[place];
    struct vid_paging paging = {0};
    segment->pressure = bytes;
    vidmm_event(mm, VID_EVENT_PRESSURE, VID_NONE, mm->process, bytes, place);
    vidmm_share_budgets(mm);
    while (segment->used + segment->pressure > manager->most(segment)) {
        uint32_t index = victim(mm, place, true, false);
        if (!index)
            return false;
        if (mm->allocations[index].offered)
            vidmm_lose(mm, index);
        else
            vidmm_put_out(mm, index, &paging);
    }
    return true;
}
