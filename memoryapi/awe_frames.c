/* The frames of the process: taken from the host, given to the program, freed. */
#include "memoryapi/awe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/pressure.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

/* Frames filled at once: 64 MiB, then it is looked again how much memory there is. */
#define FILL_AT_ONCE 16384u
#define PIECE        AWE_PIECE /* numbers copied to or from the caller at once */
/* The least that the machine keeps for everything else. */
#define KEEP (64ull << 20)

struct awe awe;
static struct futex_lock opening; /* one thread makes the store and the table */

/* In the child of a fork: frames and what windows show are the parent's. */
static void forget_all(void)
{
    awe.lock = opening = (struct futex_lock){0};
    host_frames_forget();
    if (awe.places)
        memset(awe.places, 0, awe.top * sizeof *awe.places);
    awe.count = 0;
    commit_return(awe.owned);
    awe.owned = awe.top = 0;
    for (struct region *region = region_next_from(&space.map, 0); region;
         region = region_next(&space.map, region)) {
        if (!region->physical || !region->window->open)
            continue;
        /* the range may be a hole now, which reset fills */
        host->reset(region_base(region), backing_size(region));
        if (region->window->shown)
            memset(region->window->frames + region->window->low, 0,
                   (region->window->end - region->window->low) * sizeof(uint32_t));
        region->window->shown = 0;
        region->window->open = false;
    }
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_all);
}

/* Room for as many frames as the machine has memory; less when address space is limited. */
static NTSTATUS open_frames(void)
{
    struct mm_memory memory;
    void *places = awe.places;
    uint64_t count = pressure_read(&memory) ? memory.total / PAGE_SIZE : 1u << 20;
    int error = 0;

    if (count > INT32_MAX)
        count = INT32_MAX;
    if (!places &&
        (error = host->bookkeeping((count + 1) * sizeof *awe.places, false, &places)) != 0)
        return status_from_errno(error);
    awe.places = places;
    for (count++; (error = host->frames_open(count)) != 0 && count > FILL_AT_ONCE; count /= 2)
        ;
    if (error)
        return status_from_errno(error);
    awe.lowest = awe.top = 1;
    __atomic_store_n(&awe.count, (uint32_t)count, __ATOMIC_RELEASE);
    return STATUS_SUCCESS;
}

NTSTATUS awe_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    NTSTATUS status = space_init();
    if (status != STATUS_SUCCESS || __atomic_load_n(&awe.count, __ATOMIC_ACQUIRE))
        return status;
    pthread_once(&once, watch_forks);
    futex_lock(&opening);
    if (!awe.count)
        status = open_frames();
    futex_unlock(&opening);
    return status;
}

static bool is_free(uint64_t place)
{
    return place == FRAME_FREE || place == FRAME_STALE;
}

/*
 * Under lock: up to `wanted` free frames that follow one another; 0 when none is free. *ret_stale:
 * some have to be dropped first.
 */
static uint32_t take_run(uint32_t wanted, uint32_t *ret_first, bool *ret_stale)
{
    uint32_t at = awe.lowest, count = 0;
    while (at < awe.top && !is_free(awe.places[at]))
        at++;
    awe.lowest = at;
    *ret_stale = false;
    while (count < wanted && at + count < awe.count && is_free(awe.places[at + count])) {
        *ret_stale |= awe.places[at + count] == FRAME_STALE;
        awe.places[at + count++] = FRAME_PASSING;
    }
    awe.lowest += count;
    awe.owned += count;
    if (at + count > awe.top)
        awe.top = at + count;
    *ret_first = at;
    return count;
}

/* `place`: FRAME_FREE or FRAME_STALE. */
static void give_run(uint32_t first, uint32_t count, uint64_t place)
{
    futex_lock(&awe.lock);
    for (uint32_t i = 0; i < count; i++)
        awe.places[first + i] = place;
    awe.owned -= count;
    if (first < awe.lowest)
        awe.lowest = first;
    futex_unlock(&awe.lock);
    commit_return(count);
}

/* How many of `wanted` may be had now. */
static uint32_t affordable(uint64_t wanted)
{
    struct mm_memory memory;
    struct mm_commit commit;
    uint64_t most = wanted < FILL_AT_ONCE ? wanted : FILL_AT_ONCE;

    if (pressure_read(&memory)) {
        uint64_t keep = memory.total / 16 < KEEP ? memory.total / 16 : KEEP;
        uint64_t left = memory.available > keep ? (memory.available - keep) / PAGE_SIZE : 0;
        most = most < left ? most : left;
    }
    mm_commit_state(&commit);
    uint64_t left = commit.limit > commit.charge ? (commit.limit - commit.charge) / PAGE_SIZE : 0;
    return (uint32_t)(most < left ? most : left);
}

/* Frames that follow one another, filled and charged. 0: memory is short. */
static uint32_t get_run(uint64_t wanted, uint32_t *ret_first)
{
    uint32_t charged = affordable(wanted);
    bool stale;
    if (charged == 0 || !commit_charge(charged))
        return 0;
    futex_lock(&awe.lock);
    uint32_t count = take_run(charged, ret_first, &stale);
    futex_unlock(&awe.lock);
    commit_return(charged - count);
    if (count == 0)
        return 0;
    if ((!stale || host->frames_drop(*ret_first, count) == 0) &&
        host->frames_fill(*ret_first, count) == 0)
        return count;
    give_run(*ret_first, count, stale ? FRAME_STALE : FRAME_FREE);
    return 0;
}

/* Frames that nobody else can know of go back to the host, or are dropped before their next use. */
static void drop_run(uint32_t first, uint32_t count)
{
    give_run(first, count, host->frames_drop(first, count) == 0 ? FRAME_FREE : FRAME_STALE);
}

struct frame_run {
    uint32_t first, count;
};

/* What one call gets, in pieces. */
struct grant {
    struct frame_run *runs;
    uint32_t count, room;
    uint64_t frames;
};

static bool add_run(struct grant *grant, uint32_t first, uint32_t count)
{
    struct frame_run *last = grant->count ? &grant->runs[grant->count - 1] : NULL;
    if (last && last->first + last->count == first) {
        last->count += count;
    } else {
        if (grant->count == grant->room) {
            uint32_t room = grant->room ? grant->room * 2 : 16;
            struct frame_run *runs = realloc(grant->runs, room * sizeof *runs);
            if (!runs)
                return false;
            grant->runs = runs;
            grant->room = room;
        }
        grant->runs[grant->count++] = (struct frame_run){first, count};
    }
    grant->frames += count;
    return true;
}

static bool write_numbers(const struct grant *grant, uint64_t *array)
{
    uint64_t piece[PIECE];
    uint32_t filled = 0;
    bool written = true;
    for (uint32_t i = 0; i < grant->count && written; i++) {
        for (uint32_t j = 0; j < grant->runs[i].count && written; j++) {
            piece[filled++] = grant->runs[i].first + j;
            if (filled < PIECE)
                continue;
            written = guarded_write(array, piece, sizeof piece);
            array += PIECE;
            filled = 0;
        }
    }
    return written && (!filled || guarded_write(array, piece, filled * sizeof piece[0]));
}

/* The frames become the program's, or (not `given`) nobody's. */
static void settle_grant(const struct grant *grant, bool given)
{
    for (uint32_t i = 0; i < grant->count; i++) {
        const struct frame_run *run = &grant->runs[i];
        if (!given) {
            drop_run(run->first, run->count);
            continue;
        }
        futex_lock(&awe.lock);
        for (uint32_t j = 0; j < run->count; j++)
            awe.places[run->first + j] = FRAME_OWNED;
        futex_unlock(&awe.lock);
    }
}

NTSTATUS awe_allocate(uint64_t wanted, void *array, uint64_t *ret_count)
{
    struct grant grant = {0};
    NTSTATUS status = awe_init();
    if (status != STATUS_SUCCESS)
        return STATUS_INSUFFICIENT_RESOURCES;
    /* before the long work, and so that a failure leaves the array as it was */
    if (wanted > UINT64_MAX / sizeof(uint64_t) ||
        (wanted && !guarded_writable(array, wanted * sizeof(uint64_t))))
        return STATUS_ACCESS_VIOLATION;
    while (grant.frames < wanted) {
        uint32_t first, count = get_run(wanted - grant.frames, &first);
        if (count == 0)
            break;
        if (!add_run(&grant, first, count)) {
            drop_run(first, count);
            break;
        }
    }
    if (grant.frames == 0 && wanted > 0)
        status = STATUS_INSUFFICIENT_RESOURCES;
    else if (!write_numbers(&grant, array))
        status = STATUS_ACCESS_VIOLATION;
    settle_grant(&grant, status == STATUS_SUCCESS);
    free(grant.runs);
    if (status == STATUS_SUCCESS)
        *ret_count = grant.frames;
    return status;
}

/*
 * Under lock: the first of `count` numbers that are frames shown nowhere become PASSING; *ret_taken
 * how many. False: the next one is none of the process's frames (so for a repeated one).
 */
static bool take_back(const uint64_t *numbers, uint32_t count, uint32_t *ret_taken)
{
    uint32_t i;
    for (i = 0; i < count; i++) {
        uint64_t place = numbers[i] && numbers[i] < awe.count ? awe.places[numbers[i]] : FRAME_FREE;
        if (place != FRAME_OWNED)
            break;
        awe.places[numbers[i]] = FRAME_PASSING;
    }
    *ret_taken = i;
    if (i == count)
        return true;
    uint64_t place = numbers[i] && numbers[i] < awe.count ? awe.places[numbers[i]] : FRAME_FREE;
    return !is_free(place) && place != FRAME_PASSING;
}

/* Frames that are PASSING are free from then on. */
static void drop_taken(const uint64_t *numbers, uint32_t count)
{
    for (uint32_t done = 0, run; done < count; done += run) {
        run = 1;
        while (done + run < count && numbers[done + run] == numbers[done] + run)
            run++;
        drop_run((uint32_t)numbers[done], run);
    }
}

/* Frees one piece; *ret_count is how many of it. */
static NTSTATUS free_piece(const uint64_t *numbers, uint32_t count, uint32_t *ret_count)
{
    uint32_t frames[PIECE], taken;
    *ret_count = 0;
    while (*ret_count < count) {
        const uint64_t *rest = numbers + *ret_count;
        uint32_t left = count - *ret_count;
        futex_lock(&awe.lock);
        bool known = take_back(rest, left, &taken);
        futex_unlock(&awe.lock);
        drop_taken(rest, taken);
        *ret_count += taken;
        if (!known)
            return STATUS_INVALID_PARAMETER;
        if (taken == left)
            break;
        /* the next is shown: it, and those after it until one is not, have to be hidden first */
        for (uint32_t i = taken; i < left; i++)
            frames[i - taken] = rest[i] < awe.count ? (uint32_t)rest[i] : 0;
        NTSTATUS status = awe_hide_frames(frames, left - taken);
        if (status != STATUS_SUCCESS)
            return status;
    }
    return STATUS_SUCCESS;
}

NTSTATUS awe_free(uint64_t count, const void *array, uint64_t *ret_count)
{
    const uint64_t *numbers = array;
    uint64_t piece[PIECE], done = 0;
    NTSTATUS status = STATUS_SUCCESS;

    while (done < count && status == STATUS_SUCCESS) {
        uint32_t size = count - done < PIECE ? (uint32_t)(count - done) : PIECE, freed = 0;
        if (!guarded_read(numbers + done, piece, size * sizeof piece[0]))
            status = STATUS_ACCESS_VIOLATION;
        else
            status = free_piece(piece, size, &freed);
        done += freed;
    }
    *ret_count = done;
    return status;
}
