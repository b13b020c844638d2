/* When offered memory goes to the kernel, and when it is dropped (offer_policy.h). */
#include "memoryapi/offer_policy.h"

#include <time.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/offer_order.h"
#include "memoryapi/offer_setting.h"
#include "memoryapi/pressure.h"
#include "memoryapi/space.h"

#define LAST_TO_GO 4u /* VmOfferPriorityNormal */
#define SHORT_HELD 2u /* VmOfferPriorityLow, and what is below */
/*
 * Room that is left beside what is held, above where the level begins to fall: what a program may
 * use up before the watching thread has looked.
 */
#define MARGIN   (128ull << 20)
#define SAME_FOR (10ull * 1000 * 1000) /* nanoseconds for which a reading of the memory is good */

/* Works on a part of an offer that is still offered; 0 or -errno. */
typedef int part_work(struct offer *offer, uint64_t from, uint64_t to);

static int note_part(struct offer *offer, uint64_t from, uint64_t to)
{
    int error = host->protect(from, to - from, HOST_READ);
    if (!error)
        offer_note(offer, from, to);
    int closed = host->protect(from, to - from, HOST_NONE);
    return error ? error : closed;
}

static int give_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->offer(from, to - from);
}

static int drop_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->drop(from, to - from);
}

/* *ret_offer: NULL when the offer is gone. */
static int each_part(const struct region *region, const struct offer_key *key, part_work *work,
                     struct offer **ret_offer)
{
    int error = 0;
    uint64_t end =
        key->base + key->size < region_end(region) ? key->base + key->size : region_end(region);
    *ret_offer = NULL;
    for (const struct run *run = run_find(region, key->base); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        if (!run->state.priority || run->state.offer->age != key->age)
            continue;
        run_clip(run, key->base, end, &from, &to);
        *ret_offer = run->state.offer;
        if (work)
            error = work(run->state.offer, from, to);
    }
    return error;
}

/* Notes the witnesses, after which pages may go. */
static int note(const struct region *region, const struct offer_key *key)
{
    struct offer *offer;
    each_part(region, key, NULL, &offer);
    if (!offer || offer->stage != OFFER_HELD)
        return 0;
    int error = each_part(region, key, note_part, &offer);
    if (!error)
        offer_set_stage(offer, OFFER_GIVEN);
    return error;
}

/*
 * Gives the offer to the host, or drops it. False: it could not be done. An offer that is gone
 * meanwhile is as good as dropped.
 */
static bool give_up(const struct offer_key *key, bool drop)
{
    struct offer *offer = NULL;
    struct region *region = space_claim(key->base);
    int error = 0;
    if (!region)
        return true;
    error = note(region, key);
    if (!error)
        error = each_part(region, key, drop ? drop_part : give_part, &offer);
    /* a refused hint does no harm */
    if (!error && drop && offer)
        offer_set_stage(offer, OFFER_DROPPED);
    space_release(region);
    return !error || !drop;
}

/* The first in the order; false when there is none, or only the one that was found before. */
static bool find_first(const struct offer_filter *filter, struct offer_key *key)
{
    struct offer_key last = *key;
    return offer_first(filter, key) && (key->age != last.age || key->base != last.base);
}

/* All that is held, up to a priority and an age. */
static void give_held(uint32_t priority, uint64_t age)
{
    struct offer_filter filter = {true, priority, age};
    struct offer_key key = {0};
    while (find_first(&filter, &key)) { /* met again: it cannot be given now */
        give_up(&key, false);
    }
}

/* *key: the one before; an offer that is met again cannot be dropped now. */
static bool drop_first(struct offer_key *key)
{
    static const struct offer_filter any = {false, LAST_TO_GO, UINT64_MAX};
    return find_first(&any, key) && give_up(key, true);
}

static uint64_t offered_bytes(void)
{
    struct mm_offers offers;
    mm_offer_state(&offers);
    return offers.held + offers.given;
}

/* Until there is room half-way to plenty, as far as the books can tell. */
static void drop_for(const struct mm_memory *memory)
{
    uint64_t enough = memory->low + (memory->high - memory->low) / 2;
    struct offer_key last = {0};
    uint64_t before = offered_bytes();
    for (uint64_t now = before; memory->available + before - now < enough && drop_first(&last);) {
        now = offered_bytes();
        before = now > before ? now : before; /* somebody offers at the same time */
    }
}

static void on_level(const struct mm_memory *memory)
{
    if (memory->level == MEMORY_HIGH)
        return;
    if (memory->level == MEMORY_LOW)
        drop_for(memory);
    if (offer_return_mode(RETURN_LAZY) == RETURN_LAZY)
        give_held(LAST_TO_GO, UINT64_MAX);
}

/*
 * The thread has looked. What was offered with a low priority before it looked the last time has
 * been held long enough.
 */
static void on_look(const struct mm_memory *memory)
{
    static uint64_t last_age; /* the thread's */
    if (offer_shortage_is_pretended())
        return;
    on_level(memory);
    if (offer_return_mode(RETURN_LAZY) == RETURN_LAZY)
        give_held(SHORT_HELD, last_age);
    last_age = __atomic_load_n(&space.offer_age, __ATOMIC_RELAXED);
}

/* Room above the level at which memory stops being plenty; as it was at most a moment ago. */
static uint64_t room(void)
{
    static struct {
        uint64_t time, room; /* atomic; a torn pair is a reading of another moment */
    } last;
    struct timespec now;
    struct mm_memory memory;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (time - __atomic_load_n(&last.time, __ATOMIC_RELAXED) > SAME_FOR) {
        uint64_t left = 0;
        if (pressure_read(&memory) && memory.available > memory.high)
            left = memory.available - memory.high;
        __atomic_store_n(&last.room, left, __ATOMIC_RELAXED);
        __atomic_store_n(&last.time, time, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&last.room, __ATOMIC_RELAXED);
}

bool offer_is_held(uint64_t size, uint32_t priority)
{
    struct mm_offers offers;
    enum return_mode mode = offer_return_mode(RETURN_LAZY);
    /* a loss on purpose needs to know what was there */
    if (mode == RETURN_NOW || offer_discard_policy().kind != DISCARD_NONE)
        return false;
    bool pretended = offer_shortage_is_pretended(),
         watched = !pretended && pressure_subscribe(on_look) == STATUS_SUCCESS;
    if (mode == RETURN_KEEP)
        return true;
    if (!watched && !(pretended && priority > SHORT_HELD))
        return false;
    mm_offer_state(&offers);
    return room() >= offers.held + size + MARGIN;
}

void offer_apply_policy(void)
{
    uint64_t budget = offer_budget();
    struct offer_key last = {0};
    struct mm_memory memory;
    while (offered_bytes() > budget && drop_first(&last))
        ;
    if (offer_shortage_is_pretended() && pressure_read(&memory))
        on_level(&memory);
}
