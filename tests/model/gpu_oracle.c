/*
 * The oracle: written from the text of d3dkmt/vidmm.h, without lists or sums. What is said of an
 * allocation, who goes, where to, what the budgets are; and the comparing with the engine.
 */
#include "tests/model/gpu_model.h"

struct thing things[THINGS];
struct handle handles[HANDLES];
struct member members[PROCESSES];
uint64_t size_of[VID_PLACES], page_of[VID_PLACES] = {1, 65536, 4096}, pressure[VID_PLACES];
uint64_t age, attempts;
bool dead[PROCESSES], planned[THINGS];

uint64_t oracle_cost(const struct thing *thing, unsigned place)
{
    return (thing->size + page_of[place] - 1) / page_of[place] * page_of[place];
}

uint64_t oracle_references(const struct thing *thing)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HANDLES; i++)
        if (handles[i].live && &things[handles[i].thing] == thing)
            sum += handles[i].references;
    return sum;
}

unsigned oracle_kind(const struct thing *thing)
{
    if (thing->offered)
        return thing->lost ? 0 : 1;
    if (thing->place)
        return oracle_references(thing) ? 2 : 3;
    return oracle_references(thing) && !thing->decommitted ? 4 : 0;
}

uint64_t oracle_queue(const struct thing *thing)
{
    unsigned k = oracle_kind(thing);
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

void oracle_grow_old(struct thing *thing, uint64_t queue_before, bool used)
{
    if (used || oracle_queue(thing) != queue_before)
        thing->age = ++age;
}

uint64_t oracle_held(unsigned process, unsigned place)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].owner == process && things[i].place == place &&
            oracle_kind(&things[i]) == 2)
            sum += oracle_cost(&things[i], place);
    return sum;
}

static uint64_t over(unsigned process, unsigned place)
{
    uint64_t sum = oracle_held(process, place);
    return sum > members[process].budget[place] ? sum - members[process].budget[place] : 0;
}

int64_t oracle_free_bytes(unsigned place)
{
    int64_t sum = (int64_t)(size_of[place] / page_of[place] * page_of[place]);
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].place == place)
            sum -= (int64_t)oracle_cost(&things[i], place);
    return sum - (int64_t)pressure[place];
}

/* As a manager tells it: whole pages. */
static int64_t room(unsigned place)
{
    int64_t bytes = oracle_free_bytes(place);
    return bytes < 0 ? bytes : bytes / (int64_t)page_of[place] * (int64_t)page_of[place];
}

int64_t oracle_to_be_had(unsigned place)
{
    int64_t sum = room(place);
    for (unsigned i = 0; i < THINGS; i++)
        if (things[i].live && things[i].place == place && oracle_kind(&things[i]) != 2)
            sum += (int64_t)oracle_cost(&things[i], place);
    return sum;
}

int64_t oracle_of_others(unsigned process, unsigned place, bool all)
{
    uint64_t sum = 0;
    for (unsigned p = 1; p < PROCESSES; p++)
        if (p != process)
            sum += all ? oracle_held(p, place) : over(p, place);
    return (int64_t)sum;
}

/* --- the oracle: who goes --- */

bool oracle_goes_before(const struct thing *a, const struct thing *b, unsigned rule)
{
    if (rule == 1)
        return a->offered != b->offered ? a->offered < b->offered : a->age < b->age;
    uint64_t over_a = over(a->owner, a->place), over_b = over(b->owner, b->place);
    if (over_a != over_b)
        return over_a > over_b;
    unsigned class_a = a->priority >> 28, class_b = b->priority >> 28;
    return class_a != class_b ? class_a < class_b : a->age < b->age;
}

struct thing *oracle_victim(unsigned process, unsigned place, unsigned last_rule)
{
    for (unsigned rule = 1; rule <= last_rule; rule++) {
        struct thing *best = NULL;
        for (unsigned i = 0; i < THINGS; i++) {
            struct thing *thing = &things[i];
            unsigned of_kind = rule == 1 ? 1 : rule == 2 ? 3 : 2;
            if (!thing->live || thing->place != place || oracle_kind(thing) != of_kind ||
                planned[i])
                continue;
            if (rule > 2 && thing->owner == process)
                continue;
            if (rule == 3 && !over(thing->owner, place))
                continue;
            if (!best || oracle_goes_before(thing, best, rule))
                best = thing;
        }
        if (best)
            return best;
    }
    return NULL;
}

void oracle_lose(struct thing *thing)
{
    uint64_t before = oracle_queue(thing);
    if (thing->lost)
        return;
    thing->lost = true;
    thing->place = VID_NOWHERE;
    thing->written = false;
    oracle_grow_old(thing, before, false);
}

void oracle_put_out(struct thing *thing)
{
    if (thing->written)
        expected_paging.out[thing->place] += thing->size;
    thing->written = false;
    thing->place = VID_NOWHERE;
    thing->age = ++age;
}

void oracle_goes(struct thing *thing)
{
    if (thing->offered)
        oracle_lose(thing);
    else
        oracle_put_out(thing);
}

void oracle_make_room(unsigned process, unsigned place, uint64_t bytes, bool must)
{
    while (room(place) < (int64_t)bytes) {
        struct thing *thing = oracle_victim(process, place, must ? 4 : 3);
        CHECK(thing);
        oracle_goes(thing);
    }
}

/* --- the oracle: where to --- */

void oracle_look(struct outlook *outlook, unsigned flags)
{
    memset(outlook, 0, sizeof *outlook);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        outlook->room[place] = oracle_to_be_had(place);
        outlook->others[place] = oracle_of_others(mm->process, place, flags & VIDMM_MUST);
    }
}

bool oracle_affords(const struct outlook *outlook, const struct thing *thing, unsigned place)
{
    return oracle_held(thing->owner, place) + outlook->coming[thing->owner][place] +
               oracle_cost(thing, place) <=
           members[thing->owner].budget[place];
}

unsigned oracle_where(const struct outlook *outlook, const struct thing *thing, unsigned flags)
{
    unsigned order[2] = {thing->wanted, thing->wanted == VID_LOCAL ? VID_NONLOCAL : VID_LOCAL};
    for (unsigned beyond = 0; beyond < (flags & VIDMM_OVER_BUDGET ? 2 : 1); beyond++)
        for (unsigned force = 0; force < 2; force++)
            for (unsigned i = 0; i < 2; i++) {
                unsigned place = order[i];
                int64_t have = outlook->room[place];
                if (!(thing->allowed >> place & 1) ||
                    (!beyond && !oracle_affords(outlook, thing, place)))
                    continue;
                if (force && (!beyond || flags & VIDMM_MUST) && outlook->others[place] > 0)
                    have += outlook->others[place];
                if (have >= (int64_t)oracle_cost(thing, place))
                    return place;
            }
    return VID_NOWHERE;
}

void oracle_come(struct thing *thing, unsigned place, unsigned flags)
{
    oracle_make_room(mm->process, place, oracle_cost(thing, place), flags & VIDMM_MUST);
    thing->place = place;
    thing->age = ++age;
    expected_paging.in[place] += thing->size;
}

bool oracle_bring_in(struct thing *thing, unsigned flags)
{
    struct outlook outlook;
    unsigned place;
    oracle_look(&outlook, flags);
    place = oracle_where(&outlook, thing, flags);
    if (place)
        oracle_come(thing, place, flags);
    return place != VID_NOWHERE;
}

/* --- the oracle: budgets --- */

void oracle_share(void)
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

void compare_thing(const struct thing *thing)
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
    CHECK(real->references == oracle_references(thing));
}

/* What its things would take beyond its budgets if all were placed. */
static uint64_t to_trim(unsigned process)
{
    uint64_t places[VID_PLACES] = {0}, either = 0, sum = 0, left = 0;
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &things[i];
        if (!thing->live || thing->owner != process || oracle_kind(thing) != 4)
            continue;
        if (thing->allowed == (1u << VID_LOCAL | 1u << VID_NONLOCAL))
            either += oracle_cost(thing, thing->wanted);
        else
            places[thing->wanted] += oracle_cost(thing, thing->wanted);
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t all = oracle_held(process, place) + places[place];
        uint64_t budget = members[process].budget[place];
        sum += all > budget ? all - budget : 0;
        left += all > budget ? 0 : budget - all;
    }
    return sum + (either > left ? either - left : 0);
}

void compare_sums(void)
{
    const struct vid_adapter *adapter = mm->adapter;
    uint64_t live = 0, offered = 0, decommittable[PROCESSES] = {0}, offers[PROCESSES] = {0};
    uint64_t resident[PROCESSES][VID_PLACES] = {{0}};
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &things[i];
        if (!thing->live)
            continue;
        live++;
        if (oracle_kind(thing) == 1) {
            offered += thing->size;
            offers[thing->owner] += thing->size;
            decommittable[thing->owner] += thing->decommit ? thing->size : 0;
        }
        if (!thing->offered)
            resident[thing->owner][thing->place] += oracle_cost(thing, thing->place);
    }
    CHECK(adapter->live == live && adapter->offered_bytes == offered);
    for (unsigned p = 1; p < PROCESSES; p++) {
        const struct vid_usage *usage = &adapter->usage[p];
        CHECK(usage->devices == members[p].devices);
        CHECK(usage->offered == offers[p] && usage->decommittable == decommittable[p]);
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
            CHECK(usage->resident[place] == resident[p][place]);
            CHECK(usage->referenced[place] == oracle_held(p, place));
            CHECK(usage->budget[place] == members[p].budget[place]);
            CHECK(vidmm_over_budget(mm, (uint16_t)p, place) == over(p, place));
        }
        CHECK(vidmm_to_trim(mm, (uint16_t)p) == to_trim(p));
        CHECK(usage->trims == members[p].trims && usage->trim == members[p].trim);
    }
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        CHECK((int64_t)(adapter->segments[place].size - adapter->segments[place].used) -
                  (int64_t)pressure[place] ==
              oracle_free_bytes(place));
}
