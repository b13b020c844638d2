/* Making room: who has to go, in the order that vidmm.h tells. */
#include "d3dkmt/room.h"

#include "d3dkmt/order.h"

#define NOBODY 0u /* a process that has nothing: room for it comes from all alike */

void vidmm_put_out(const struct vidmm *mm, uint32_t index, struct vid_paging *paging)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    uint8_t place = allocation->place;
    struct order_was was;
    order_leave(mm, index, &was);
    room_give(mm, allocation);
    if (allocation->written) {
        paging->out[place] += allocation->size;
        mm->adapter->copied_out_bytes += allocation->size;
    }
    allocation->written = 0;
    allocation->place = VID_NOWHERE;
    order_enter(mm, index, &was, ORDER_YOUNG);
    mm->adapter->evictions++;
    mm->adapter->evicted_bytes[place] += allocation->size;
    mm->adapter->usage[allocation->owner].evicted_bytes += allocation->size;
    vidmm_event(mm, VID_EVENT_EVICT, index, allocation->owner, allocation->size, place);
}

void vidmm_lose(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    struct order_was was;
    if (allocation->lost)
        return;
    order_leave(mm, index, &was);
    allocation->lost = 1;
    if (allocation->place)
        room_give(mm, allocation);
    allocation->place = VID_NOWHERE;
    allocation->written = 0;
    order_enter(mm, index, &was, ORDER_SAME);
    mm->adapter->discards++;
    mm->adapter->discarded_bytes += allocation->size;
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

uint64_t vidmm_to_trim(const struct vidmm *mm, uint16_t process)
{
    const struct vid_usage *usage = &mm->adapter->usage[process];
    uint64_t over = 0, left = 0, either = usage->missing_bytes[VID_NOWHERE];
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t wanted = usage->referenced[place] + usage->missing_bytes[place];
        if (wanted > usage->budget[place])
            over += wanted - usage->budget[place];
        else
            left += usage->budget[place] - wanted;
    }
    return over + (either > left ? either - left : 0);
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

/* The oldest of the lowest class in one process's lists, of what is not planned. */
static uint32_t lowest(const struct vidmm *mm, const struct vid_list lists[VID_CLASSES],
                       uint32_t classes)
{
    for (; classes; classes &= classes - 1)
        for (uint32_t i = lists[__builtin_ctz(classes)].first; i; i = mm->allocations[i].next)
            if (!mm->allocations[i].planned)
                return i;
    return VID_NONE;
}

static bool goes_before(const struct vidmm *mm, uint32_t a, uint32_t b)
{
    const struct vid_allocation *first = &mm->allocations[a], *second = &mm->allocations[b];
    unsigned class_a = order_class(first), class_b = order_class(second);
    return class_a != class_b ? class_a < class_b : first->stamp < second->stamp;
}

enum rule { IDLE, HELD_OVER_BUDGET, HELD };

/*
 * Among processes, the one that is furthest over its budget loses first; with nobody over it, the
 * least important allocation of all. What is held: not of `process`.
 */
static uint32_t victim_by(const struct vidmm *mm, unsigned process, unsigned place, enum rule rule)
{
    struct vid_adapter *adapter = mm->adapter;
    uint32_t best = VID_NONE;
    uint64_t best_over = 0;
    for (unsigned p = next_active(adapter, 1); p < VID_PROCESSES; p = next_active(adapter, p + 1)) {
        struct vid_usage *usage = &adapter->usage[p];
        uint32_t classes = rule == IDLE ? usage->idle_classes[place] : usage->held_classes[place];
        uint64_t over = vidmm_over_budget(mm, (uint16_t)p, (enum vid_place)place);
        uint32_t candidate;
        if (!classes || (best && over < best_over) || (rule != IDLE && p == process) ||
            (rule == HELD_OVER_BUDGET && !over))
            continue;
        candidate = lowest(mm, rule == IDLE ? usage->idle[place] : usage->held[place], classes);
        if (!candidate)
            continue;
        if (!best || over > best_over || goes_before(mm, candidate, best)) {
            best = candidate;
            best_over = over;
        }
    }
    return best;
}

static uint32_t oldest_offer(const struct vidmm *mm, unsigned place)
{
    for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS; offer++)
        if (mm->adapter->offered[place][offer].first)
            return mm->adapter->offered[place][offer].first;
    return VID_NONE;
}

/* Who comes after the next victim: fetched now, while there is something else to do. */
__attribute__((always_inline)) static inline void look_ahead(const struct vidmm *mm, uint32_t index)
{
    uint32_t next = mm->allocations[index].next;
    __builtin_prefetch(&mm->allocations[mm->allocations[next].next], 1);
}

/* One goes, by the first rule that has one. False: nobody is left. */
static bool one_goes(const struct vidmm *mm, unsigned process, unsigned place, enum rule last,
                     struct vid_paging *paging)
{
    uint32_t index = oldest_offer(mm, place);
    mm->adapter->decisions++;
    if (index && mm->adapter->offers == VID_OFFERS_KEEP) {
        look_ahead(mm, index);
        vidmm_put_out(mm, index, paging);
        return true;
    }
    if (index) {
        look_ahead(mm, index);
        vidmm_lose(mm, index);
        return true;
    }
    for (enum rule rule = IDLE; rule <= last; rule++) {
        index = victim_by(mm, process, place, rule);
        if (index) {
            look_ahead(mm, index);
            vidmm_put_out(mm, index, paging);
            return true;
        }
    }
    return false;
}

/* How far pressure came over what is placed. */
static uint64_t debt(const struct vidmm *mm, unsigned place)
{
    const struct vid_segment *segment = &mm->adapter->segments[place];
    uint64_t taken = segment->used + segment->pressure, most = mm->places[place]->most(segment);
    return taken > most ? taken - most : 0;
}

int64_t room_easy(const struct vidmm *mm, unsigned place)
{
    uint64_t room = mm->places[place]->room(&mm->adapter->segments[place]);
    return (int64_t)(room + mm->adapter->easy[place] - debt(mm, place));
}

uint64_t room_of_others(const struct vidmm *mm, unsigned process, unsigned place, bool all)
{
    struct vid_adapter *adapter = mm->adapter;
    uint64_t sum = 0;
    for (unsigned p = next_active(adapter, 1); p < VID_PROCESSES; p = next_active(adapter, p + 1))
        if (p != process)
            sum += all ? adapter->usage[p].referenced[place]
                       : vidmm_over_budget(mm, (uint16_t)p, (enum vid_place)place);
    return sum;
}

bool room_make(const struct vidmm *mm, unsigned process, unsigned place, uint64_t bytes, bool must,
               struct vid_paging *paging)
{
    const struct vid_segment *segment = &mm->adapter->segments[place];
    while (mm->places[place]->room(segment) < bytes)
        if (!one_goes(mm, process, place, must ? HELD : HELD_OVER_BUDGET, paging))
            return false;
    return true;
}

bool vidmm_make_room(const struct vidmm *mm, enum vid_place place, uint64_t bytes, unsigned flags,
                     struct vid_paging *paging)
{
    const struct vid_usage *usage = &mm->adapter->usage[mm->process];
    const struct vid_segment *segment = &mm->adapter->segments[place];
    int64_t have = room_easy(mm, place);
    bool must = flags & VIDMM_MUST;
    if (bytes > mm->places[place]->most(segment))
        return false;
    bytes = mm->places[place]->cost(segment, bytes);
    if (have < (int64_t)bytes && (must || usage->referenced[place] + bytes <= usage->budget[place]))
        have += (int64_t)room_of_others(mm, mm->process, place, must);
    return have >= (int64_t)bytes && room_make(mm, mm->process, place, bytes, must, paging);
}

/* The one that is discarded first, wherever it is. */
static uint32_t first_offer(const struct vidmm *mm)
{
    for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS; offer++) {
        uint32_t best = VID_NONE;
        for (unsigned place = VID_NOWHERE; place < VID_PLACES; place++) {
            uint32_t i = mm->adapter->offered[place][offer].first;
            if (i && (!best || mm->allocations[i].stamp < mm->allocations[best].stamp))
                best = i;
        }
        if (best)
            return best;
    }
    return VID_NONE;
}

void vidmm_discard_offers(const struct vidmm *mm, uint64_t most)
{
    uint32_t index;
    while (mm->adapter->offered_bytes > most && (index = first_offer(mm)) != VID_NONE)
        vidmm_lose(mm, index);
}

bool vidmm_press(const struct vidmm *mm, enum vid_place place, uint64_t bytes)
{
    struct vid_paging paging = {0};
    mm->adapter->segments[place].pressure = bytes;
    vidmm_event(mm, VID_EVENT_PRESSURE, VID_NONE, mm->process, bytes, (uint8_t)place);
    vidmm_share_budgets(mm);
    while (debt(mm, place))
        if (!one_goes(mm, NOBODY, place, HELD_OVER_BUDGET, &paging))
            return false;
    return true;
}

/* The next of a list that the process may see decommitted. */
static uint32_t next_decommittable(const struct vidmm *mm, uint32_t index)
{
    while (index &&
           (!mm->allocations[index].decommit || mm->allocations[index].owner != mm->process))
        index = mm->allocations[index].next;
    return index;
}

uint64_t vidmm_decommit(const struct vidmm *mm, uint64_t bytes)
{
    struct vid_usage *usage = &mm->adapter->usage[mm->process];
    uint64_t done = 0;
    if (mm->adapter->offers == VID_OFFERS_KEEP)
        return 0;
    for (unsigned offer = VID_OFFER_LOW; offer < VID_OFFERS && usage->decommittable; offer++) {
        uint32_t heads[VID_PLACES];
        for (unsigned place = VID_NOWHERE; place < VID_PLACES; place++)
            heads[place] = next_decommittable(mm, mm->adapter->offered[place][offer].first);
        while (done < bytes && usage->decommittable) {
            uint32_t *oldest = &heads[0], index;
            for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
                if (heads[place] && (!*oldest || mm->allocations[heads[place]].stamp <
                                                     mm->allocations[*oldest].stamp))
                    oldest = &heads[place];
            index = *oldest;
            if (!index)
                break;
            *oldest = next_decommittable(mm, mm->allocations[index].next);
            mm->allocations[index].decommitted = 1;
            vidmm_lose(mm, index);
            usage->decommits++;
            if (mm->decommitted)
                mm->decommitted(mm, index);
            done += mm->allocations[index].size;
        }
    }
    return done;
}
