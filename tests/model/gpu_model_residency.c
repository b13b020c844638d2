/* Operations that bring allocations in, put them out, offer and reclaim them. */
#include "tests/model/gpu_model.h"

/* What would have to be evicted, at the places where it is or should be. */
static uint64_t lacks(const unsigned *list, unsigned count)
{
    uint64_t sum = 0, costs[VID_PLACES] = {0};
    bool seen[THINGS] = {false};
    for (unsigned i = 0; i < count; i++) {
        const struct thing *thing = &things[handles[list[i]].thing];
        unsigned place = thing->place ? thing->place : thing->wanted;
        if (!seen[handles[list[i]].thing] && oracle_kind(thing) != 2)
            costs[place] += oracle_cost(thing, place);
        seen[handles[list[i]].thing] = true;
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        int64_t beyond = (int64_t)(oracle_held(mm->process, place) + costs[place]) -
                         (int64_t)members[mm->process].budget[place];
        int64_t lack = (int64_t)costs[place] - oracle_to_be_had(place), most = beyond;
        most = lack > most ? lack : most;
        if (costs[place] && most > 0)
            sum += (uint64_t)most;
    }
    return sum;
}

/* Where each of the list goes, VID_PLACES: it is there already. False: not all of them can come. */
static bool plan(const unsigned *list, unsigned count, unsigned flags, unsigned *places)
{
    struct outlook outlook;
    bool seen[THINGS] = {false};
    oracle_look(&outlook, flags);
    for (unsigned i = 0; i < count; i++) {
        unsigned t = handles[list[i]].thing, place = things[t].place;
        places[i] = VID_PLACES;
        if (!place || seen[t])
            continue;
        seen[t] = true;
        if (oracle_kind(&things[t]) == 2) {
            if (things[t].owner != mm->process)
                outlook.others[place] -= (int64_t)oracle_cost(&things[t], place);
            continue;
        }
        if (!(flags & VIDMM_OVER_BUDGET) && !oracle_affords(&outlook, &things[t], place))
            return false;
        outlook.room[place] -= (int64_t)oracle_cost(&things[t], place);
        outlook.coming[things[t].owner][place] += oracle_cost(&things[t], place);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned t = handles[list[i]].thing;
        if (things[t].place || seen[t])
            continue;
        seen[t] = true;
        places[i] = oracle_where(&outlook, &things[t], flags);
        if (!places[i])
            return false;
        outlook.room[places[i]] -= (int64_t)oracle_cost(&things[t], places[i]);
        outlook.coming[things[t].owner][places[i]] += oracle_cost(&things[t], places[i]);
    }
    return true;
}

static void reference(unsigned h)
{
    handles[h].references++;
    things[handles[h].thing].age = ++age;
}

static void carry_out(const unsigned *list, unsigned count, unsigned flags, const unsigned *places)
{
    bool came[THINGS] = {false};
    memset(planned, 0, sizeof planned);
    for (unsigned i = 0; i < count; i++) {
        planned[handles[list[i]].thing] = true;
        if (places[i] != VID_PLACES)
            came[handles[list[i]].thing] = true;
    }
    for (unsigned i = 0; i < count; i++)
        if (!came[handles[list[i]].thing])
            reference(list[i]);
    for (unsigned i = 0; i < count; i++)
        if (came[handles[list[i]].thing]) {
            if (places[i] != VID_PLACES)
                oracle_come(&things[handles[list[i]].thing], places[i], flags);
            reference(list[i]);
        }
    memset(planned, 0, sizeof planned);
}

void try_make_resident(void)
{
    unsigned list[LIST], places[LIST], count = 1 + below(below(2) ? 1 : LIST);
    uint32_t openings[LIST];
    unsigned flags = below(3) ? 0 : below(2) ? VIDMM_OVER_BUDGET : VIDMM_OVER_BUDGET | VIDMM_MUST;
    uint64_t missing = ~0ull;
    NTSTATUS expected = STATUS_SUCCESS, status;
    for (unsigned i = 0; i < count; i++) {
        int h = random_handle(true);
        if (h < 0)
            return;
        if (i && below(10) == 0)
            h = (int)list[below(i)];
        list[i] = (unsigned)h;
        openings[i] = handles[h].opening;
        if (things[handles[h].thing].offered || things[handles[h].thing].decommitted) {
            if (below(10)) { /* most lists shall be good */
                i--;
                count--;
                continue;
            }
            expected = STATUS_INVALID_PARAMETER;
        }
    }
    uint64_t expected_missing = lacks(list, count);
    if (!expected && !plan(list, count, flags, places))
        expected = STATUS_NO_MEMORY;
    status = vidmm_make_resident(mm, openings, count, flags, &paging, &missing);
    counts[status == 0 ? 30 : 31]++;
    CHECK(status == expected);
    CHECK(missing == (status == STATUS_NO_MEMORY ? expected_missing : ~0ull));
    if (!status)
        carry_out(list, count, flags, places);
}

void try_evict(void)
{
    int h = random_handle(true);
    unsigned flags = below(3) ? 0 : below(2) ? VIDMM_ONLY_IF_NEEDED : VIDMM_CLEAN;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    bool good = handles[h].references > 0;
    uint64_t before = oracle_queue(thing);
    CHECK(vidmm_evict(mm, handles[h].opening, flags, &paging) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (!good)
        return;
    handles[h].references--;
    oracle_grow_old(thing, before, !thing->offered);
    if (oracle_references(thing))
        return;
    if (flags & VIDMM_CLEAN)
        thing->written = false;
    if (oracle_kind(thing) == 3 && !(flags & VIDMM_ONLY_IF_NEEDED))
        oracle_put_out(thing);
}

void try_use(void)
{
    int h = random_handle(true);
    NTSTATUS expected = STATUS_SUCCESS, status;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    status = vidmm_use(mm, handles[h].opening, &paging);
    if (thing->offered || thing->decommitted)
        expected = STATUS_INVALID_PARAMETER;
    else if (thing->place)
        thing->age = ++age;
    else if (!oracle_bring_in(thing, VIDMM_OVER_BUDGET))
        expected = STATUS_NO_MEMORY;
    CHECK(status == expected);
}

/* What is held elsewhere than it wants, the most important first. */
static void go_home(unsigned place)
{
    unsigned home = VID_LOCAL + VID_NONLOCAL - place, misses = 0;
    bool seen[THINGS] = {false};
    while (misses < 64) {
        struct thing *next = NULL;
        for (unsigned i = 0; i < THINGS; i++) {
            struct thing *thing = &things[i];
            if (!thing->live || thing->owner != mm->process || oracle_kind(thing) != 2 ||
                thing->place != place || thing->wanted == place || seen[i])
                continue;
            if (!next || thing->priority >> 28 > next->priority >> 28 ||
                (thing->priority >> 28 == next->priority >> 28 && thing->age < next->age))
                next = thing;
        }
        if (!next)
            return;
        seen[next - things] = true;
        uint64_t cost = oracle_cost(next, home);
        if (oracle_held(mm->process, home) + cost > members[mm->process].budget[home] ||
            oracle_to_be_had(home) < (int64_t)cost) {
            misses++;
            continue;
        }
        oracle_put_out(next);
        oracle_come(next, home, 0);
    }
}

static void come_back(void)
{
    uint64_t since = 0, until = age;
    for (unsigned misses = 0; misses < 64;) {
        struct thing *next = NULL;
        for (unsigned i = 0; i < THINGS; i++)
            if (things[i].live && things[i].owner == mm->process && oracle_kind(&things[i]) == 4 &&
                things[i].age > since && things[i].age <= until &&
                (!next || things[i].age < next->age))
                next = &things[i];
        if (!next)
            return;
        since = next->age;
        misses += !oracle_bring_in(next, 0);
    }
}

void try_restore(void)
{
    vidmm_restore(mm, &paging);
    come_back();
    go_home(VID_LOCAL);
    go_home(VID_NONLOCAL);
}

void try_offer(void)
{
    int h = random_handle(true);
    unsigned priority = below(20) ? 1 + below(4) : below(2) ? 0 : 5 + below(3);
    bool now = below(8) == 0, decommit = below(3) == 0, good;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    good = priority >= 1 && priority <= 4 && !thing->decommitted;
    for (unsigned i = 0; i < HANDLES; i++)
        if (handles[i].live && &things[handles[i].thing] == thing && handles[i].locks)
            good = false;
    CHECK(vidmm_offer(mm, handles[h].opening, priority, decommit) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (!good)
        return;
    thing->offered = priority < 4                    ? priority
                     : thing->priority < 0x78000000  ? 1
                     : thing->priority == 0x78000000 ? 2
                                                     : 3;
    thing->decommit = decommit;
    thing->age = ++age;
    if (now) {
        vidmm_lose(mm, thing->index);
        oracle_lose(thing);
    }
}

void try_reclaim(void)
{
    int h = random_handle(true);
    enum vidmm_reclaimed result, expected;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    CHECK(vidmm_is_lost(mm, handles[h].opening) == thing->lost);
    if (thing->offered && thing->decommitted && below(2)) {
        vidmm_recommit(mm, handles[h].opening);
        thing->decommitted = false;
    }
    result = vidmm_reclaim(mm, handles[h].opening, &paging);
    expected = thing->decommitted ? VIDMM_NOT_COMMITTED
               : thing->lost      ? VIDMM_DISCARDED
                                  : VIDMM_INTACT;
    CHECK(result == expected);
    if (thing->offered) {
        thing->offered = 0;
        thing->lost = thing->decommit = false;
        thing->age = ++age;
    }
    if (oracle_kind(thing) == 4)
        oracle_bring_in(thing, VIDMM_OVER_BUDGET);
}

static struct thing *first_offer(bool decommit)
{
    struct thing *best = NULL;
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && oracle_kind(&things[i]) == 1 &&
            (!decommit || (things[i].decommit && things[i].owner == mm->process)) &&
            (!best || oracle_goes_before(&things[i], best, 1)))
            best = &things[i];
    return best;
}

void try_decommit(void)
{
    uint64_t bytes = below(2000000), done = 0, real = vidmm_decommit(mm, bytes);
    struct thing *thing;
    while (done < bytes && (thing = first_offer(true))) {
        thing->decommitted = true;
        oracle_lose(thing);
        done += thing->size;
    }
    CHECK(real == done);
}

void try_discard(void)
{
    uint64_t most = below(4000000), sum = 0;
    vidmm_discard_offers(mm, most);
    for (unsigned i = 0; i < THINGS; i++)
        sum += things[i].live && oracle_kind(&things[i]) == 1 ? things[i].size : 0;
    while (sum > most) {
        struct thing *thing = first_offer(false);
        sum -= thing->size;
        oracle_lose(thing);
    }
}
