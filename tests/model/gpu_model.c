/*
 * The video memory manager against a plain oracle: arrays that are searched from end to end, written
 * from the text of d3dkmt/vidmm.h. Some processes share one adapter that is too small for them; each
 * answer, each allocation's state, and all sums are compared after every operation, and the engine
 * walks its invariants. The seed is printed; WINMEM_SEED sets it, WINMEM_ROUNDS how many operations;
 * without that it works for a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "d3dkmt/plan.h"
#include "d3dkmt/vidmm.h"

#define PROCESSES 6u /* 1 to 5 */
#define THINGS    160u
#define HANDLES   220u
#define SECONDS   12
#define LIST      12u

struct thing { /* an allocation */
    uint64_t size, age;
    uint32_t index, priority;
    unsigned owner, place, wanted, allowed, offered;
    bool live, lost, decommit, decommitted, written;
};

struct handle { /* an opening */
    uint32_t opening;
    unsigned process, thing;
    uint32_t references, locks;
    bool live;
};

struct member { /* a process */
    unsigned devices;
    bool background;
    uint64_t reservation[VID_PLACES], budget[VID_PLACES], trims, trim;
};

static struct thing things[THINGS];
static struct handle handles[HANDLES];
static struct member members[PROCESSES];
static uint64_t size_of[VID_PLACES], page_of[VID_PLACES] = {1, 65536, 4096}, pressure[VID_PLACES];
static uint64_t age, attempts;
static bool dead[PROCESSES];

static struct vidmm views[PROCESSES];
static const struct vidmm *mm; /* who asks */
static struct vid_paging paging, expected_paging;
static uint64_t state, round_number, counts[32];
static const char *what = "";

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            failed(__LINE__, #condition);                                                          \
    } while (0)

__attribute__((noreturn)) static void failed(int line, const char *condition)
{
    fprintf(stderr, "gpu_model: operation %lu (%s, process %u): line %d: %s\n", round_number, what,
            mm->process, line, condition);
    vidmm_is_valid(mm, 2);
    vidmm_dump(mm, 2);
    abort();
}

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

/* --- the oracle: what is said of an allocation --- */

static uint64_t cost(const struct thing *thing, unsigned place)
{
    return (thing->size + page_of[place] - 1) / page_of[place] * page_of[place];
}

static uint64_t references(const struct thing *thing)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HANDLES; i++)
        if (handles[i].live && &things[handles[i].thing] == thing)
            sum += handles[i].references;
    return sum;
}

/* offered: 1, held: 2, idle: 3, demoted: 4, else 0 */
static unsigned kind(const struct thing *thing)
{
    if (thing->offered)
        return thing->lost ? 0 : 1;
    if (thing->place)
        return references(thing) ? 2 : 3;
    return references(thing) && !thing->decommitted ? 4 : 0;
}

/* Those with the same number stand in the same order of age. */
static uint64_t queue(const struct thing *thing)
{
    unsigned k = kind(thing);
    uint64_t number = k;
    if (k == 1)
        number |= thing->offered << 4;
    if (k == 2 || k == 3)
        number |= (uint64_t)(thing->priority >> 28) << 8;
    if (k == 1 || k == 2 || k == 3)
        number |= thing->place << 16;
    if (k > 1)
        number |= thing->owner << 20;
    return number;
}

static void grow_old(struct thing *thing, uint64_t queue_before, bool used)
{
    if (used || queue(thing) != queue_before)
        thing->age = ++age;
}

static uint64_t held(unsigned process, unsigned place)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].owner == process && things[i].place == place &&
            kind(&things[i]) == 2)
            sum += cost(&things[i], place);
    return sum;
}

static uint64_t over(unsigned process, unsigned place)
{
    uint64_t sum = held(process, place);
    return sum > members[process].budget[place] ? sum - members[process].budget[place] : 0;
}

/* Free bytes; below 0 when pressure came over what is placed. */
static int64_t free_bytes(unsigned place)
{
    int64_t sum = (int64_t)(size_of[place] / page_of[place] * page_of[place]);
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].place == place)
            sum -= (int64_t)cost(&things[i], place);
    return sum - (int64_t)pressure[place];
}

/* As a manager tells it: whole pages. */
static int64_t room(unsigned place)
{
    int64_t bytes = free_bytes(place);
    return bytes < 0 ? bytes : bytes / (int64_t)page_of[place] * (int64_t)page_of[place];
}

static int64_t to_be_had(unsigned place)
{
    int64_t sum = room(place);
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].place == place && kind(&things[i]) != 2)
            sum += (int64_t)cost(&things[i], place);
    return sum;
}

static int64_t of_others(unsigned process, unsigned place, bool all)
{
    uint64_t sum = 0;
    for (unsigned p = 1; p < PROCESSES; p++)
        if (p != process)
            sum += all ? held(p, place) : over(p, place);
    return (int64_t)sum;
}

/* --- the oracle: who goes --- */

static bool planned[THINGS];

static bool goes_before(const struct thing *a, const struct thing *b, unsigned rule)
{
    if (rule == 1)
        return a->offered != b->offered ? a->offered < b->offered : a->age < b->age;
    uint64_t over_a = over(a->owner, a->place), over_b = over(b->owner, b->place);
    if (over_a != over_b)
        return over_a > over_b;
    unsigned class_a = a->priority >> 28, class_b = b->priority >> 28;
    return class_a != class_b ? class_a < class_b : a->age < b->age;
}

static struct thing *victim(unsigned process, unsigned place, unsigned last_rule)
{
    for (unsigned rule = 1; rule <= last_rule; rule++) {
        struct thing *best = NULL;
        for (unsigned i = 0; i < THINGS; i++) {
            struct thing *thing = &things[i];
            unsigned of_kind = rule == 1 ? 1 : rule == 2 ? 3 : 2;
            if (!thing->live || thing->place != place || kind(thing) != of_kind || planned[i])
                continue;
            if (rule > 2 && thing->owner == process)
                continue;
            if (rule == 3 && !over(thing->owner, place))
                continue;
            if (!best || goes_before(thing, best, rule))
                best = thing;
        }
        if (best)
            return best;
    }
    return NULL;
}

static void lose(struct thing *thing)
{
    uint64_t before = queue(thing);
    if (thing->lost)
        return;
    thing->lost = true;
    thing->place = VID_NOWHERE;
    thing->written = false;
    grow_old(thing, before, false);
}

static void put_out(struct thing *thing)
{
    if (thing->written)
        expected_paging.out[thing->place] += thing->size;
    thing->written = false;
    thing->place = VID_NOWHERE;
    thing->age = ++age;
}

static void goes(struct thing *thing)
{
    if (thing->offered)
        lose(thing);
    else
        put_out(thing);
}

static void make_room(unsigned process, unsigned place, uint64_t bytes, bool must)
{
    while (room(place) < (int64_t)bytes) {
        struct thing *thing = victim(process, place, must ? 4 : 3);
        CHECK(thing);
        goes(thing);
    }
}

/* --- the oracle: where to --- */

struct outlook {
    int64_t room[VID_PLACES], others[VID_PLACES];
    uint64_t coming[PROCESSES][VID_PLACES];
};

static void look(struct outlook *outlook, unsigned flags)
{
    memset(outlook, 0, sizeof *outlook);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        outlook->room[place] = to_be_had(place);
        outlook->others[place] = of_others(mm->process, place, flags & VIDMM_MUST);
    }
}

static bool affords(const struct outlook *outlook, const struct thing *thing, unsigned place)
{
    return held(thing->owner, place) + outlook->coming[thing->owner][place] + cost(thing, place) <=
           members[thing->owner].budget[place];
}

static unsigned where(const struct outlook *outlook, const struct thing *thing, unsigned flags)
{
    unsigned order[2] = {thing->wanted, thing->wanted == VID_LOCAL ? VID_NONLOCAL : VID_LOCAL};
    for (unsigned beyond = 0; beyond < (flags & VIDMM_OVER_BUDGET ? 2 : 1); beyond++)
        for (unsigned force = 0; force < 2; force++)
            for (unsigned i = 0; i < 2; i++) {
                unsigned place = order[i];
                int64_t have = outlook->room[place];
                if (!(thing->allowed >> place & 1) || (!beyond && !affords(outlook, thing, place)))
                    continue;
                if (force && (!beyond || flags & VIDMM_MUST) && outlook->others[place] > 0)
                    have += outlook->others[place];
                if (have >= (int64_t)cost(thing, place))
                    return place;
            }
    return VID_NOWHERE;
}

static void come(struct thing *thing, unsigned place, unsigned flags)
{
    make_room(mm->process, place, cost(thing, place), flags & VIDMM_MUST);
    thing->place = place;
    thing->age = ++age;
    expected_paging.in[place] += thing->size;
}

static bool bring_in(struct thing *thing, unsigned flags)
{
    struct outlook outlook;
    unsigned place;
    look(&outlook, flags);
    place = where(&outlook, thing, flags);
    if (place)
        come(thing, place, flags);
    return place != VID_NOWHERE;
}

/* --- the oracle: budgets --- */

static void share(void)
{
    uint64_t weights = 0;
    for (unsigned p = 1; p < PROCESSES; p++)
        weights += !members[p].devices ? 0 : members[p].background ? 1 : 4;
    for (unsigned p = 1; p < PROCESSES; p++) {
        bool told = false;
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
            uint64_t all = size_of[place] > pressure[place] ? size_of[place] - pressure[place] : 0;
            uint64_t reserved = 0, budget = 0, before = members[p].budget[place];
            all -= all / 20;
            for (unsigned q = 1; q < PROCESSES; q++)
                reserved += members[q].reservation[place];
            all = all > reserved ? all - reserved : 0;
            if (members[p].devices)
                budget =
                    members[p].reservation[place] + all * (members[p].background ? 1 : 4) / weights;
            members[p].budget[place] = budget;
            told |= budget < before && over(p, place);
        }
        if (told) {
            members[p].trims++;
            members[p].trim = over(p, VID_LOCAL) + over(p, VID_NONLOCAL);
        }
    }
}

/* --- comparing --- */

static void compare_thing(const struct thing *thing)
{
    const struct vid_allocation *real = &mm->allocations[thing->index];
    CHECK(real->live);
    CHECK(real->size == thing->size && real->priority == thing->priority);
    CHECK(real->owner == thing->owner);
    CHECK(real->place == thing->place);
    CHECK(real->wanted == thing->wanted && real->allowed == thing->allowed);
    CHECK(real->offered == thing->offered);
    CHECK((real->lost != 0) == thing->lost);
    CHECK((real->decommit != 0) == thing->decommit);
    CHECK((real->decommitted != 0) == thing->decommitted);
    CHECK((real->written != 0) == thing->written);
    CHECK(real->references == references(thing));
}

static void compare_sums(void)
{
    const struct vid_adapter *adapter = mm->adapter;
    uint64_t live = 0, offered = 0, decommittable[PROCESSES] = {0}, offers[PROCESSES] = {0};
    uint64_t resident[PROCESSES][VID_PLACES] = {{0}};
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &things[i];
        if (!thing->live)
            continue;
        live++;
        if (kind(thing) == 1) {
            offered += thing->size;
            offers[thing->owner] += thing->size;
            decommittable[thing->owner] += thing->decommit ? thing->size : 0;
        }
        if (!thing->offered)
            resident[thing->owner][thing->place] += cost(thing, thing->place);
    }
    CHECK(adapter->live == live && adapter->offered_bytes == offered);
    for (unsigned p = 1; p < PROCESSES; p++) {
        const struct vid_usage *usage = &adapter->usage[p];
        CHECK(usage->devices == members[p].devices);
        CHECK(usage->offered == offers[p] && usage->decommittable == decommittable[p]);
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
            CHECK(usage->resident[place] == resident[p][place]);
            CHECK(usage->referenced[place] == held(p, place));
            CHECK(usage->budget[place] == members[p].budget[place]);
            CHECK(vidmm_over_budget(mm, (uint16_t)p, place) == over(p, place));
        }
        CHECK(usage->trims == members[p].trims && usage->trim == members[p].trim);
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        CHECK((int64_t)(adapter->segments[place].size - adapter->segments[place].used) -
                  (int64_t)pressure[place] ==
              free_bytes(place));
}

/* --- operations: each on the engine and on the oracle --- */

static int random_handle(bool own)
{
    unsigned start = below(HANDLES);
    for (unsigned n = 0; n < HANDLES; n++) {
        unsigned i = (start + n) % HANDLES;
        if (handles[i].live && (!own || handles[i].process == mm->process))
            return (int)i;
    }
    return -1;
}

static int free_handle(void)
{
    for (unsigned i = 0; i < HANDLES; i++)
        if (!handles[i].live)
            return (int)i;
    return -1;
}

static int free_thing(void)
{
    for (unsigned i = 0; i < THINGS; i++)
        if (!things[i].live)
            return (int)i;
    return -1;
}

static uint32_t random_priority(void)
{
    static const uint32_t priorities[] = {0x28000000, 0x50000000, 0x78000000, 0x78000001,
                                          0xA0000000, 0xC8000000, 0,          0xFFFFFFFF};
    return priorities[below(8)];
}

static void random_places(uint8_t *ret_wanted, uint8_t *ret_allowed)
{
    static const uint8_t pairs[][2] = {{1, 2}, {1, 6}, {1, 6}, {2, 6}, {2, 4},
                                       {1, 4}, {2, 0}, {0, 6}, {1, 7}, {3, 14}};
    unsigned pick = below(below(6) ? 5 : 10);
    *ret_wanted = pairs[pick][0];
    *ret_allowed = pairs[pick][1];
}

static NTSTATUS places_status(uint64_t size, unsigned wanted, unsigned allowed, NTSTATUS never_fits)
{
    struct thing thing = {.size = size};
    if ((wanted != VID_LOCAL && wanted != VID_NONLOCAL) || allowed & ~6u ||
        !(allowed >> wanted & 1))
        return STATUS_INVALID_PARAMETER;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (allowed >> place & 1 && size <= size_of[place] && cost(&thing, place) <= size_of[place])
            return STATUS_SUCCESS;
    return never_fits;
}

/* Of mix64's text: the configured failure. */
static bool strikes(uint64_t seed, uint64_t one_in)
{
    uint64_t x = seed + attempts++;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return (x ^ x >> 31) % one_in == 0;
}

static void try_create(void)
{
    struct vid_wish wish = {.size = 1 + below(below(4) ? 300000 : 1500000),
                            .priority = random_priority(),
                            .device = below(3),
                            .share = below(4)};
    int h = free_handle(), t = free_thing();
    uint32_t opening = 0;
    NTSTATUS expected, status;
    if (h < 0 || t < 0 || !members[mm->process].devices)
        return;
    if (below(60) == 0)
        wish.size = below(2) ? 0 : (below(2) ? ~0ull - below(5000) : 1ull << (20 + below(40)));
    random_places(&wish.wanted, &wish.allowed);
    if (!wish.size || wish.size > ~0ull - 4095)
        expected = STATUS_INVALID_PARAMETER;
    else
        expected = places_status((wish.size + 4095) / 4096 * 4096, wish.wanted, wish.allowed,
                                 STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    if (!expected && strikes(7, 50))
        expected = STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    status = vidmm_create(mm, &wish, &opening);
    CHECK(status == expected && (status == 0) == (opening != 0));
    if (status)
        return;
    things[t] = (struct thing){.live = true,
                               .size = (wish.size + 4095) / 4096 * 4096,
                               .index = mm->openings[opening].allocation,
                               .priority = wish.priority,
                               .owner = mm->process,
                               .wanted = wish.wanted,
                               .allowed = wish.allowed};
    handles[h] = (struct handle){
        .live = true, .opening = opening, .process = mm->process, .thing = (unsigned)t};
}

static void try_open(void)
{
    int other = random_handle(false), h = free_handle();
    uint32_t opening;
    if (other < 0 || h < 0 || !members[mm->process].devices || below(3))
        return;
    CHECK(!vidmm_open(mm, things[handles[other].thing].index, below(3), &opening));
    handles[h] = (struct handle){
        .live = true, .opening = opening, .process = mm->process, .thing = handles[other].thing};
}

/* Who it belongs to after a handle went. */
static void settle_owner(struct thing *thing)
{
    unsigned best = HANDLES;
    for (unsigned i = 0; i < HANDLES; i++) {
        if (!handles[i].live || &things[handles[i].thing] != thing)
            continue;
        if (handles[i].process == thing->owner)
            return;
        if (best == HANDLES || handles[i].opening < handles[best].opening)
            best = i;
    }
    if (best == HANDLES)
        thing->live = false;
    else
        thing->owner = handles[best].process;
}

static void close_handle(unsigned h, bool ages)
{
    struct thing *thing = &things[handles[h].thing];
    uint64_t before = queue(thing);
    handles[h].live = false;
    settle_owner(thing);
    if (thing->live && ages)
        grow_old(thing, before, false);
}

static void try_close(void)
{
    int h = random_handle(true);
    bool gone;
    if (h < 0)
        return;
    gone = vidmm_close(mm, handles[h].opening);
    close_handle((unsigned)h, true);
    CHECK(gone == !things[handles[h].thing].live);
}

static void try_priority(void)
{
    int h = random_handle(true);
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    uint64_t before = queue(thing);
    thing->priority = random_priority();
    grow_old(thing, before, false);
    vidmm_set_priority(mm, handles[h].opening, thing->priority);
}

static void move(struct thing *thing)
{
    bool stays = thing->allowed >> thing->place & 1;
    struct outlook outlook;
    if (!thing->place || thing->place == thing->wanted || (thing->offered && stays))
        return;
    look(&outlook, 0);
    if (stays && where(&outlook, thing, 0) != thing->wanted)
        return;
    uint64_t before = queue(thing);
    put_out(thing);
    grow_old(thing, before, false);
    if (!thing->offered)
        bring_in(thing, VIDMM_OVER_BUDGET);
}

static void try_places(void)
{
    int h = random_handle(true);
    uint8_t wanted, allowed;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    random_places(&wanted, &allowed);
    NTSTATUS expected = places_status(thing->size, wanted, allowed, STATUS_NO_MEMORY);
    CHECK(vidmm_set_places(mm, handles[h].opening, wanted, allowed, &paging) == expected);
    if (expected)
        return;
    thing->wanted = wanted;
    thing->allowed = allowed;
    move(thing);
}

static void try_lock(void)
{
    int h = random_handle(true);
    bool write = below(2);
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    NTSTATUS expected =
        thing->offered || thing->decommitted ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    CHECK(vidmm_lock_cpu(mm, handles[h].opening, write) == expected);
    if (expected)
        return;
    handles[h].locks++;
    thing->written |= write;
}

static void try_unlock(void)
{
    int h = random_handle(true);
    if (h < 0)
        return;
    bool good = handles[h].locks > 0;
    CHECK(vidmm_unlock_cpu(mm, handles[h].opening) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    handles[h].locks -= good;
}

/* What would have to be evicted, at the places where it is or should be. */
static uint64_t lacks(const unsigned *list, unsigned count)
{
    uint64_t sum = 0, costs[VID_PLACES] = {0};
    bool seen[THINGS] = {false};
    for (unsigned i = 0; i < count; i++) {
        const struct thing *thing = &things[handles[list[i]].thing];
        unsigned place = thing->place ? thing->place : thing->wanted;
        if (!seen[handles[list[i]].thing] && kind(thing) != 2)
            costs[place] += cost(thing, place);
        seen[handles[list[i]].thing] = true;
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        int64_t beyond = (int64_t)(held(mm->process, place) + costs[place]) -
                         (int64_t)members[mm->process].budget[place];
        int64_t lack = (int64_t)costs[place] - to_be_had(place), most = beyond;
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
    look(&outlook, flags);
    for (unsigned i = 0; i < count; i++) {
        unsigned t = handles[list[i]].thing, place = things[t].place;
        places[i] = VID_PLACES;
        if (!place || seen[t])
            continue;
        seen[t] = true;
        if (kind(&things[t]) == 2) {
            if (things[t].owner != mm->process)
                outlook.others[place] -= (int64_t)cost(&things[t], place);
            continue;
        }
        if (!(flags & VIDMM_OVER_BUDGET) && !affords(&outlook, &things[t], place))
            return false;
        outlook.room[place] -= (int64_t)cost(&things[t], place);
        outlook.coming[things[t].owner][place] += cost(&things[t], place);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned t = handles[list[i]].thing;
        if (things[t].place || seen[t])
            continue;
        seen[t] = true;
        places[i] = where(&outlook, &things[t], flags);
        if (!places[i])
            return false;
        outlook.room[places[i]] -= (int64_t)cost(&things[t], places[i]);
        outlook.coming[things[t].owner][places[i]] += cost(&things[t], places[i]);
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
                come(&things[handles[list[i]].thing], places[i], flags);
            reference(list[i]);
        }
    memset(planned, 0, sizeof planned);
}

static void try_make_resident(void)
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

static void try_evict(void)
{
    int h = random_handle(true);
    unsigned flags = below(3) ? 0 : below(2) ? VIDMM_ONLY_IF_NEEDED : VIDMM_CLEAN;
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    bool good = handles[h].references > 0;
    uint64_t before = queue(thing);
    CHECK(vidmm_evict(mm, handles[h].opening, flags, &paging) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (!good)
        return;
    handles[h].references--;
    grow_old(thing, before, !thing->offered);
    if (references(thing))
        return;
    if (flags & VIDMM_CLEAN)
        thing->written = false;
    if (kind(thing) == 3 && !(flags & VIDMM_ONLY_IF_NEEDED))
        put_out(thing);
}

static void try_use(void)
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
    else if (!bring_in(thing, VIDMM_OVER_BUDGET))
        expected = STATUS_NO_MEMORY;
    CHECK(status == expected);
}

/* pre: fewer things than misses that end it */
static void try_restore(void)
{
    uint64_t since = 0, until = age;
    vidmm_restore(mm, &paging);
    for (unsigned misses = 0; misses < 64;) {
        struct thing *next = NULL;
        for (unsigned i = 0; i < THINGS; i++)
            if (things[i].live && things[i].owner == mm->process && kind(&things[i]) == 4 &&
                things[i].age > since && things[i].age <= until &&
                (!next || things[i].age < next->age))
                next = &things[i];
        if (!next)
            return;
        since = next->age;
        misses += !bring_in(next, 0);
    }
}

static void try_offer(void)
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
    CHECK(vidmm_offer(mm, handles[h].opening, priority, now, decommit) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (!good)
        return;
    thing->offered = priority < 4                    ? priority
                     : thing->priority < 0x78000000  ? 1
                     : thing->priority == 0x78000000 ? 2
                                                     : 3;
    thing->decommit = decommit;
    thing->age = ++age;
    if (now)
        lose(thing);
}

static void try_reclaim(void)
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
    if (kind(thing) == 4)
        bring_in(thing, VIDMM_OVER_BUDGET);
}

static struct thing *first_offer(bool decommit)
{
    struct thing *best = NULL;
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && kind(&things[i]) == 1 &&
            (!decommit || (things[i].decommit && things[i].owner == mm->process)) &&
            (!best || goes_before(&things[i], best, 1)))
            best = &things[i];
    return best;
}

static void try_decommit(void)
{
    uint64_t bytes = below(2000000), done = 0, real = vidmm_decommit(mm, bytes);
    struct thing *thing;
    while (done < bytes && (thing = first_offer(true))) {
        thing->decommitted = true;
        lose(thing);
        done += thing->size;
    }
    CHECK(real == done);
}

static void try_discard(void)
{
    uint64_t most = below(4000000), sum = 0;
    vidmm_discard_offers(mm, most);
    for (unsigned i = 0; i < THINGS; i++)
        sum += things[i].live && kind(&things[i]) == 1 ? things[i].size : 0;
    while (sum > most) {
        struct thing *thing = first_offer(false);
        sum -= thing->size;
        lose(thing);
    }
}

static void try_press(void)
{
    unsigned place = 1 + below(2);
    uint64_t bytes = below(2) ? 0 : below((uint32_t)(size_of[place] * 5 / 4));
    bool done = vidmm_press(mm, place, bytes);
    struct thing *thing = NULL;
    pressure[place] = bytes;
    share();
    while (free_bytes(place) < 0 && (thing = victim(0, place, 3)))
        goes(thing);
    memset(&expected_paging, 0, sizeof expected_paging); /* nobody waits for that */
    CHECK(done == (free_bytes(place) >= 0));
}

static void try_make_room(void)
{
    unsigned place = 1 + below(2), flags = below(4) ? 0 : VIDMM_MUST;
    uint64_t asked = below(1000000), bytes = cost(&(struct thing){.size = asked}, place);
    int64_t have = to_be_had(place);
    bool done = vidmm_make_room(mm, place, asked, flags, &paging);
    if (have < (int64_t)bytes &&
        (flags || held(mm->process, place) + bytes <= members[mm->process].budget[place]))
        have += of_others(mm->process, place, flags != 0);
    CHECK(done == (have >= (int64_t)bytes));
    if (done)
        make_room(mm->process, place, bytes, flags != 0);
}

static void try_reserve(void)
{
    unsigned place = 1 + below(2);
    uint64_t bytes = below(5) ? below((uint32_t)size_of[place] / 3) : 0, others = 0;
    if (!members[mm->process].devices)
        return;
    for (unsigned p = 1; p < PROCESSES; p++)
        others += p == mm->process ? 0 : members[p].reservation[place];
    uint64_t half = size_of[place] / 2, available = half > others ? half - others : 0;
    CHECK(vidmm_available_for_reservation(mm, mm->process, place) == available);
    CHECK(vidmm_reserve(mm, place, bytes) ==
          (bytes <= available ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (bytes > available)
        return;
    members[mm->process].reservation[place] = bytes;
    share();
}

static void try_device(void)
{
    struct member *member = &members[mm->process];
    if (member->devices > 1 || (member->devices && random_handle(true) < 0)) {
        vidmm_remove_device(mm);
        if (!--member->devices) {
            memset(member->reservation, 0, sizeof member->reservation);
            share();
        }
        return;
    }
    vidmm_add_device(mm);
    if (!member->devices++)
        share();
}

static void try_background(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    members[process].background = below(2);
    vidmm_set_background(mm, (uint16_t)process, members[process].background);
    share();
}

/* Its handles go, lowest first, and it has nothing. */
static void oracle_sweep(unsigned process, bool ages)
{
    for (;;) {
        unsigned best = HANDLES;
        for (unsigned i = 0; i < HANDLES; i++)
            if (handles[i].live && handles[i].process == process &&
                (best == HANDLES || handles[i].opening < handles[best].opening))
                best = i;
        if (best == HANDLES)
            break;
        close_handle(best, ages);
    }
    members[process] = (struct member){0};
    share();
}

static void try_sweep(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    if (below(4))
        return;
    bool had = members[process].devices != 0;
    CHECK(vidmm_sweep(mm, (uint16_t)process) == had);
    oracle_sweep(process, true);
}

static bool is_alive(const struct vidmm *unused, uint16_t process)
{
    (void)unused;
    return !dead[process];
}

static void try_rebuild(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    if (below(8) == 0) {
        dead[process] = true;
        vidmm_rebuild(mm);
        dead[process] = false;
        if (members[process].devices)
            oracle_sweep(process, false);
    } else {
        vidmm_rebuild(mm);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
    unsigned weight;
} operations[] = {
    {"create", try_create, 60},      {"open", try_open, 30},
    {"close", try_close, 12},        {"priority", try_priority, 10},
    {"places", try_places, 15},      {"lock", try_lock, 20},
    {"unlock", try_unlock, 40},      {"make resident", try_make_resident, 60},
    {"evict", try_evict, 60},        {"use", try_use, 25},
    {"restore", try_restore, 5},     {"offer", try_offer, 45},
    {"reclaim", try_reclaim, 45},    {"decommit", try_decommit, 1},
    {"discard", try_discard, 2},     {"press", try_press, 4},
    {"make room", try_make_room, 8}, {"reserve", try_reserve, 5},
    {"device", try_device, 6},       {"background", try_background, 3},
    {"sweep", try_sweep, 2},         {"rebuild", try_rebuild, 2},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static void one_operation(void)
{
    unsigned all = 0, pick;
    size_t i = 0;
    for (size_t n = 0; n < OPERATIONS; n++)
        all += operations[n].weight;
    for (pick = below(all); pick >= operations[i].weight; i++)
        pick -= operations[i].weight;
    mm = &views[1 + below(PROCESSES - 1)];
    what = operations[i].name;
    counts[i]++;
    memset(&paging, 0, sizeof paging);
    memset(&expected_paging, 0, sizeof expected_paging);
    operations[i].run();
    CHECK(memcmp(&paging, &expected_paging, sizeof paging) == 0);
    for (unsigned t = 0; t < THINGS; t++)
        if (things[t].live)
            compare_thing(&things[t]);
    for (unsigned h = 0; h < HANDLES; h++)
        if (handles[h].live) {
            const struct vid_opening *real = &mm->openings[handles[h].opening];
            CHECK(real->allocation == things[handles[h].thing].index);
            CHECK(real->references == handles[h].references && real->locks == handles[h].locks);
        }
    if (round_number % 8 == 0)
        compare_sums();
    if (round_number % 64 == 0)
        CHECK(vidmm_is_valid(mm, 2));
}

static void make_machine(void)
{
    static struct vid_plan machine_plan;
    struct vid_plan_wrong wrong;
    mm = &views[1];
    if (!vid_plan_parse("adapter local=6M nonlocal=3M fail=7:50", &machine_plan, &wrong))
        abort();
    struct vid_machine *machine =
        mmap(NULL, vid_machine_size(&machine_plan), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (machine == MAP_FAILED || !vid_machine_make(machine, &machine_plan))
        abort();
    for (unsigned p = 1; p < PROCESSES; p++) {
        vidmm_see(&views[p], machine, 0, (uint16_t)p);
        views[p].is_alive = is_alive;
    }
    size_of[VID_LOCAL] = 6u << 20;
    size_of[VID_NONLOCAL] = 3u << 20;
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t limit = rounds ? strtoull(rounds, NULL, 0) : 1000000;
    time_t end = rounds ? 0 : time(NULL) + SECONDS;
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("gpu_model: WINMEM_SEED=%lu\n", state);
    fflush(stdout);
    make_machine();
    for (; round_number < limit; round_number++) {
        one_operation();
        if (end && round_number % 256 == 0 && time(NULL) >= end)
            break;
    }
    compare_sums();
    CHECK(vidmm_is_valid(mm, 2));
    printf("gpu_model: %lu operations, %lu discards, %lu evictions;", round_number,
           mm->adapter->discards, mm->adapter->evictions);
    for (size_t i = 0; i < OPERATIONS; i++)
        printf(" %s %lu", operations[i].name, counts[i]);
    printf("; made resident %lu, refused %lu\n", counts[30], counts[31]);
    return 0;
}
