/* When offered memory goes to the kernel, and when it is dropped (offer_policy.h). */
#include "memoryapi/offer_policy.h"

#include <errno.h>
#include <time.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/offer_order.h"
#include "memoryapi/offer_setting.h"
#include "memoryapi/pressure.h"
#include "memoryapi/space.h"

#define LAST_TO_GO 4u                     /* VmOfferPriorityNormal */
#define SHORT_HELD 1u                     /* VmOfferPriorityVeryLow */
#define LOW        2u                     /* VmOfferPriorityLow */
#define MOMENT     (100ull * 1000 * 1000) /* nanoseconds, at least */
#define SAME_FOR   (10ull * 1000 * 1000) /* nanoseconds for which a reading of the memory is good */
#define AT_ONCE    (32ull << 20)         /* bytes that are given or dropped between two readings */
#define LOOKED     64u                   /* offers that are looked into for pages that are there */
#define MOST_BACK  (256ull << 20)        /* bytes that come back to us at once */
#define CHUNK      (16ull << 20)         /* bytes that are noted before the host gets them */

/* Works on a part of an offer that is still offered; 0 or -errno. */
typedef int part_work(struct offer *offer, uint64_t from, uint64_t to);

static int read_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->protect(from, to - from, HOST_READ);
}

static int write_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->protect(from, to - from, HOST_READ_WRITE);
}

static int close_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->protect(from, to - from, HOST_NONE);
}

static int note_part(struct offer *offer, uint64_t from, uint64_t to)
{
    offer_note(offer, from, to);
    return 0;
}

/* A piece after the other, so that memory can be had soon. A refused hint does no harm. */
static int give_part(struct offer *offer, uint64_t from, uint64_t to)
{
    for (uint64_t at = from, next; at < to; at = next) {
        next = to - at > CHUNK ? at + CHUNK : to;
        offer_note(offer, at, next);
        host->offer(at, next - at);
    }
    return 0;
}

static int drop_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    return host->drop(from, to - from);
}

static int offer_part(struct offer *offer, uint64_t from, uint64_t to)
{
    (void)offer;
    host->offer(from, to - from);
    return 0;
}

/* -ENODATA: something is lost. What is there is the kernel's no more. */
static int take_part(struct offer *offer, uint64_t from, uint64_t to)
{
    return offer_take_back(offer, from, to) ? 0 : -ENODATA;
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

static struct offer *find_offer(const struct region *region, const struct offer_key *key)
{
    struct offer *offer;
    each_part(region, key, NULL, &offer);
    return offer;
}

/*
 * Notes the witnesses of a held offer by `work`. What can fail comes first: then it is held as
 * before. A page that stays readable is no harm.
 */
static int note(const struct region *region, const struct offer_key *key, struct offer *offer,
                part_work *work)
{
    if (offer->stage != OFFER_HELD)
        return 0;
    int error = each_part(region, key, read_part, &offer);
    if (!error) {
        each_part(region, key, work, &offer);
        offer_set_stage(offer, OFFER_GIVEN);
    }
    each_part(region, key, close_part, &offer);
    return error;
}

static int give(const struct region *region, const struct offer_key *key, struct offer *offer)
{
    return note(region, key, offer, give_part);
}

static int drop(const struct region *region, const struct offer_key *key, struct offer *offer)
{
    int error = note(region, key, offer, note_part);
    if (!error)
        error = each_part(region, key, drop_part, &offer);
    if (!error)
        offer_set_stage(offer, OFFER_DROPPED);
    return error;
}

/* All that was given is taken back, unless some of it is lost: then the kernel may have the rest. */
static int hold(const struct region *region, const struct offer_key *key, struct offer *offer)
{
    for (const struct run *run = run_find(region, offer->base);
         run && run_start(run) < key->base + key->size; run = run_next(run))
        if (run->state.offer == offer && run->state.reset != RESET_NOT)
            return -EBUSY; /* what is noted of a reset stays */
    if (region->watched || offer->stage != OFFER_GIVEN || offer->lost)
        return -EBUSY;
    int error = each_part(region, key, write_part, &offer);
    if (!error)
        error = each_part(region, key, take_part, &offer);
    if (!error) {
        offer_set_stage(offer, OFFER_HELD);
    } else {
        offer->lost = error == -ENODATA;
        each_part(region, key, offer_part, &offer);
    }
    each_part(region, key, close_part, &offer);
    return error;
}

/* False: it could not be done. An offer that is gone meanwhile needs nothing. */
static bool work_on(const struct offer_key *key,
                    int (*work)(const struct region *, const struct offer_key *, struct offer *))
{
    struct region *region = space_claim(key->base);
    struct offer *offer = region ? find_offer(region, key) : NULL;
    int error = offer ? work(region, key, offer) : 0;
    if (region)
        space_release(region);
    return !error;
}

/* The first in the order; false when there is none, or only the one that was found before. */
static bool find_first(const struct offer_filter *filter, struct offer_key *key)
{
    struct offer_key last = *key;
    return offer_first(filter, key) && (key->age != last.age || key->base != last.base);
}

/* All that is held, up to a priority and an age. */
static void give_all(uint32_t priority, uint64_t age)
{
    struct offer_filter filter = {true, priority, age};
    struct offer_key key = {0};
    while (find_first(&filter, &key)) /* met again: it cannot be given now */
        work_on(&key, give);
}

/* *key: the one before; an offer that is met again cannot be given, or dropped, now. */
static bool give_first(struct offer_key *key)
{
    static const struct offer_filter held = {true, LAST_TO_GO, UINT64_MAX};
    return find_first(&held, key) && work_on(key, give);
}

static bool drop_first(struct offer_key *key)
{
    static const struct offer_filter any = {false, LAST_TO_GO, UINT64_MAX};
    return find_first(&any, key) && work_on(key, drop);
}

static uint64_t offered_bytes(void)
{
    struct mm_offers offers;
    mm_offer_state(&offers);
    return offers.held + offers.given;
}

/* Bytes of given offers that are still there, at most about `enough`: the kernel takes others first. */
static uint64_t given_bytes(uint64_t enough)
{
    struct offer_key keys[LOOKED];
    unsigned count = offer_last_given(1, false, keys, LOOKED);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count && bytes < enough; i++)
        for (uint64_t at = keys[i].base, end = at + keys[i].size; at < end && bytes < enough;) {
            struct host_stretch found[16];
            int stretches = host->resident(&at, end, enough / PAGE_SIZE + 1, found, 16);
            if (stretches < 0)
                break;
            for (int j = 0; j < stretches; j++)
                bytes += found[j].end - found[j].start;
        }
    return bytes;
}

/*
 * What can be had at once. The numbers of a control group tell up to two seconds late what the
 * kernel may drop: of what was given, the page tables tell better.
 */
static uint64_t at_hand(const struct mm_memory *memory, uint64_t enough)
{
    uint64_t bytes;
    if (memory->pretended)
        return memory->available;
    bytes = memory->available > memory->given ? memory->available - memory->given : 0;
    bytes = bytes > memory->unused ? bytes : memory->unused;
    return bytes >= enough ? bytes : bytes + given_bytes(enough - bytes);
}

/* An offer that comes before given ones in the order may have come after them in time. */
static void give_lower(void)
{
    struct offer_key first = {0}, last;
    while (offer_last_given(SHORT_HELD + 1, true, &last, 1) &&
           find_first(&(struct offer_filter){true, last.priority - 1, UINT64_MAX}, &first) &&
           work_on(&first, give))
        ;
}

/*
 * The last ones in the order come back to us, as far as there is enough without them. Where one
 * cannot, those before it stay where they are.
 */
static void hold_last(const struct mm_memory *memory, uint64_t enough)
{
    struct offer_key keys[LOOKED];
    unsigned count = offer_last_given(SHORT_HELD + 1, true, keys, LOOKED);
    uint64_t now = count ? at_hand(memory, enough + MOST_BACK) : 0;
    for (unsigned i = 0; i < count && now >= enough + keys[i].size; i++) {
        if (!work_on(&keys[i], hold))
            break;
        now -= keys[i].size;
    }
}

/*
 * Sees to it that there is memory to spare: gives what is held, or drops what is offered when it is
 * nearly too late, or when the kernel shall get nothing; in the order, and no more than it takes.
 */
static void relieve(const struct mm_memory *first)
{
    struct mm_memory memory = *first;
    struct offer_key given = {0}, dropped = {0};
    bool lazy = offer_return_mode(RETURN_LAZY) == RETURN_LAZY, done = true;
    uint64_t least = lazy ? memory.spare : memory.low + memory.low / 2;
    uint64_t enough = least, now = at_hand(&memory, enough);
    if (lazy && now >= least) {
        give_lower();
        hold_last(&memory, least + least / 8);
    }
    for (; done && now < enough; now = at_hand(&memory, enough)) {
        bool urgent = !lazy || now < memory.low;
        uint64_t need = enough - now < AT_ONCE ? enough - now : AT_ONCE;
        for (uint64_t bytes = 0; done && bytes < need;) {
            struct offer_key *key = urgent ? &dropped : &given;
            done = urgent ? drop_first(key) : give_first(key);
            bytes += done ? key->size : 0;
        }
        enough = lazy ? least : least + least / 4;
        done = done && pressure_read(&memory);
    }
}

/*
 * A shortage that is pretended does not end. When it is low, so much is dropped as it would take to
 * be half-way to plenty.
 */
static void pretend(const struct mm_memory *memory)
{
    uint64_t enough = memory->low + (memory->high - memory->low) / 2, before = offered_bytes();
    struct offer_key last = {0};
    if (memory->level == MEMORY_LOW)
        for (uint64_t now = before;
             memory->available + before - now < enough && drop_first(&last);) {
            now = offered_bytes();
            before = now > before ? now : before; /* somebody offers at the same time */
        }
    else if (memory->level == MEMORY_MIDDLE && offer_return_mode(RETURN_LAZY) == RETURN_LAZY)
        give_all(LAST_TO_GO, UINT64_MAX);
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What was there at a look a moment ago has been held long enough when it is of low priority. */
static void give_after_a_moment(void)
{
    static uint64_t seen_age, seen_time; /* the thread's */
    uint64_t now = nanoseconds();
    if (now - seen_time < MOMENT)
        return;
    if (offer_return_mode(RETURN_LAZY) == RETURN_LAZY)
        give_all(SHORT_HELD, seen_age);
    seen_age = __atomic_load_n(&space.offer_age, __ATOMIC_RELAXED);
    seen_time = now;
}

/* The thread has looked. */
static void on_look(const struct mm_memory *memory)
{
    if (offer_shortage_is_pretended())
        return;
    if (memory->pretended)
        pretend(memory);
    else
        relieve(memory);
    give_after_a_moment();
}

/* Whether memory is short, as it was at most a moment ago. */
static bool is_short(void)
{
    static struct {
        uint64_t time, left; /* atomic; a torn pair is a reading of another moment */
    } last;
    struct mm_memory memory;
    uint64_t time = nanoseconds();
    if (time - __atomic_load_n(&last.time, __ATOMIC_RELAXED) > SAME_FOR) {
        uint64_t left = 0;
        if (pressure_read(&memory) && memory.available > memory.spare)
            left = memory.available - memory.spare;
        __atomic_store_n(&last.left, left, __ATOMIC_RELAXED);
        __atomic_store_n(&last.time, time, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&last.left, __ATOMIC_RELAXED) == 0;
}

bool offer_is_held(uint32_t priority)
{
    enum return_mode mode = offer_return_mode(RETURN_LAZY);
    /* a loss on purpose needs to know what was there */
    if (mode == RETURN_NOW || offer_discard_policy().kind != DISCARD_NONE)
        return false;
    if (offer_shortage_is_pretended())
        return mode == RETURN_KEEP || (priority > LOW && !is_short());
    return pressure_subscribe(on_look) == STATUS_SUCCESS || mode == RETURN_KEEP;
}

void offer_apply_policy(void)
{
    uint64_t budget = offer_budget();
    struct offer_key last = {0};
    struct mm_memory memory;
    while (offered_bytes() > budget && drop_first(&last))
        ;
    if (offer_shortage_is_pretended()) {
        if (pressure_read(&memory))
            pretend(&memory);
    } else if (is_short() && pressure_read(&memory)) {
        relieve(&memory);
    }
}
