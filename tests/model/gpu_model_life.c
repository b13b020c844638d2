/* Operations on one allocation: it comes, is opened, prioritised, moved, locked, and goes. */
#include "tests/model/gpu_model.h"

int random_handle(bool own)
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
        if (allowed >> place & 1 && size <= size_of[place] &&
            oracle_cost(&thing, place) <= size_of[place])
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

void try_create(void)
{
    struct vid_wish wish = {.size = 1 + below(below(4) ? 300000 : 1500000),
                            .priority = random_priority(),
                            .handle = below(3),
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

void try_open(void)
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

void close_handle(unsigned h, bool ages)
{
    struct thing *thing = &things[handles[h].thing];
    uint64_t before = oracle_queue(thing);
    handles[h].live = false;
    settle_owner(thing);
    if (thing->live && ages)
        oracle_grow_old(thing, before, false);
}

void try_close(void)
{
    int h = random_handle(true);
    bool gone;
    if (h < 0)
        return;
    gone = vidmm_close(mm, handles[h].opening);
    close_handle((unsigned)h, true);
    CHECK(gone == !things[handles[h].thing].live);
}

void try_priority(void)
{
    int h = random_handle(true);
    if (h < 0)
        return;
    struct thing *thing = &things[handles[h].thing];
    uint64_t before = oracle_queue(thing);
    thing->priority = random_priority();
    oracle_grow_old(thing, before, false);
    vidmm_set_priority(mm, handles[h].opening, thing->priority);
}

static void move(struct thing *thing)
{
    bool stays = thing->allowed >> thing->place & 1;
    struct outlook outlook;
    if (!thing->place || thing->place == thing->wanted || (thing->offered && stays))
        return;
    oracle_look(&outlook, 0);
    if (stays && oracle_where(&outlook, thing, 0) != thing->wanted)
        return;
    uint64_t before = oracle_queue(thing);
    oracle_put_out(thing);
    oracle_grow_old(thing, before, false);
    if (!thing->offered)
        oracle_bring_in(thing, VIDMM_OVER_BUDGET);
}

void try_places(void)
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

void try_lock(void)
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

void try_unlock(void)
{
    int h = random_handle(true);
    if (h < 0)
        return;
    bool good = handles[h].locks > 0;
    CHECK(vidmm_unlock_cpu(mm, handles[h].opening) ==
          (good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    handles[h].locks -= good;
}
