/* The life of the address space: first use, locks, fork, arenas. */
#include "memoryapi/space.h"

#include <errno.h>
#include <pthread.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/status.h"

#define SPACE_END (MM_HIGHEST_ADDRESS + 1)
#define GRANULES  (SPACE_END / ALLOCATION_GRANULARITY)
/*
 * Where the executable, its heap and the libraries of a position-independent Linux program begin.
 */
#define HOST_PLACES 0x550000000000ull
/* What a host program's arenas are taken in, as far as granted. */
#define ARENA_SIZE (1ull << 40)

struct mm_space space;

void space_lock(void)
{
    futex_lock(&space.lock);
    space.changes++;
}

void space_lock_for_fault(void)
{
    futex_lock(&space.lock);
}

void books_lock(void)
{
    futex_lock(&space.books);
}

/* A child gets a copy in which nobody is at work. */
static void lock_for_fork(void)
{
    space_lock();
    futex_lock(&space.books);
}

static void unlock_after_fork(void)
{
    futex_unlock(&space.books);
    futex_unlock(&space.lock);
}

void space_unlock(void)
{
    futex_unlock(&space.lock);
}

static void init_once(void)
{
    void *index = NULL, *open = NULL;
    host_init();
    /* without an index the tree alone serves; without the bitmap nothing can be committed */
    if (host->bookkeeping(GRANULES * sizeof(struct region *), &index) != 0)
        index = NULL;
    space.usable = host->bookkeeping(GRANULES / 8, &open) == 0;
    space.open = open;
    region_map_init(&space.map, index);
    /* in a host program everything is the host's until an arena is taken */
    if (space.usable && pool_reserve(&space.map.region_pool, 8))
        region_insert_barrier(&space.map, MM_LOWEST_ADDRESS, SPACE_END - MM_LOWEST_ADDRESS);
    else
        space.usable = false;
    pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
}

NTSTATUS space_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    return space.usable ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/*
 * Cuts [base, base + size) out of the barrier around it. pre: inside one barrier, two regions
 * reserved.
 */
static void open_barrier(struct region *barrier, uint64_t base, uint64_t size)
{
    uint64_t start = region_base(barrier), end = region_end(barrier);
    futex_lock(&space.books);
    region_remove(&space.map, barrier);
    if (base > start)
        region_insert_barrier(&space.map, start, base - start);
    if (base + size < end)
        region_insert_barrier(&space.map, base + size, end - base - size);
    futex_unlock(&space.books);
}

/* Takes over [base, base + size), which the host has just reserved for us. */
static void own(uint64_t base, uint64_t size)
{
    struct region *barrier = region_find(&space.map, base);
    if (barrier && barrier->barrier && region_end(barrier) >= base + size &&
        pool_reserve(&space.map.region_pool, 2))
        open_barrier(barrier, base, size);
    else
        host->unreserve(base, size);
}

/*
 * The lowest hole between the host's mappings (arenas are mappings too) that satisfies a request
 * with limits.
 */
static NTSTATUS take_hole(const struct region_request *request)
{
    uint64_t at = request->lowest, start, end;
    while (at < request->end) {
        uint64_t base = round_up(at, request->alignment);
        if (host_next_mapping(at, request->end, &start, &end) != 0)
            break;
        if (base < start && start - base >= request->size &&
            space_take_locked(base, request->size) == STATUS_SUCCESS)
            return STATUS_SUCCESS;
        if (start >= request->end)
            break;
        at = end;
    }
    return STATUS_NO_MEMORY;
}

NTSTATUS space_grow_locked(const struct region_request *request)
{
    uint64_t base, start, end;
    if (request->lowest > MM_LOWEST_ADDRESS || request->end < SPACE_END)
        return take_hole(request);
    for (uint64_t size = ARENA_SIZE; size >= request->size + request->alignment; size /= 2) {
        if (host->reserve(0, size, &base) != 0)
            continue;
        start = round_up(base, ALLOCATION_GRANULARITY);
        end = round_down(base + size, ALLOCATION_GRANULARITY);
        if (start != base)
            host->unreserve(base, start - base);
        if (end != base + size)
            host->unreserve(end, base + size - end);
        own(start, end - start);
        return region_find_free(&space.map, request) ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    return STATUS_NO_MEMORY;
}

/* Takes the part of [from, to) that lies in `barrier`. */
static NTSTATUS take_from(struct region *barrier, uint64_t from, uint64_t to)
{
    uint64_t got;
    int error;
    if (!barrier->barrier || space.owned)
        return STATUS_CONFLICTING_ADDRESSES;
    if (!pool_reserve(&space.map.region_pool, 2))
        return STATUS_NO_MEMORY;
    error = host->reserve(from, to - from, &got);
    if (error)
        return error == -EEXIST ? STATUS_CONFLICTING_ADDRESSES : status_from_errno(error);
    open_barrier(barrier, from, to - from);
    return STATUS_SUCCESS;
}

NTSTATUS space_take_locked(uint64_t base, uint64_t size)
{
    uint64_t at = base, end = round_up(base + size, ALLOCATION_GRANULARITY);

    /* the range may lie partly in arenas: only its barriers are taken */
    while (at < end) {
        struct region *region = region_next_from(&space.map, at);
        uint64_t from = region_base(region) > at ? region_base(region) : at;
        uint64_t to = region_end(region) < end ? region_end(region) : end;
        if (from >= end)
            break;
        NTSTATUS status = take_from(region, from, to);
        if (status != STATUS_SUCCESS)
            return status; /* what was taken so far stays ours, and free */
        at = to;
    }
    return STATUS_SUCCESS;
}

void mm_own_address_space(void)
{
    uint64_t at = MM_LOWEST_ADDRESS, start, end, got;
    if (space_init() != STATUS_SUCCESS)
        return;
    space_lock();
    while (at < HOST_PLACES) {
        if (host_next_mapping(at, HOST_PLACES, &start, &end) != 0)
            break;
        uint64_t from = round_up(at, ALLOCATION_GRANULARITY),
                 to = round_down(start, ALLOCATION_GRANULARITY);
        for (uint64_t size = to > from ? to - from : 0; size >= (1ull << 30); size /= 2) {
            size = round_down(size, ALLOCATION_GRANULARITY);
            if (host->reserve(from, size, &got) == 0) {
                own(from, size);
                space.owned = true;
                break;
            }
        }
        at = end;
        if (start == HOST_PLACES)
            break;
    }
    space_unlock();
}
