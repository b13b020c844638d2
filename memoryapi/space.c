/* Where the address space comes from: first use, arenas, places for regions. */
#include "memoryapi/space.h"

#include <errno.h>
#include <pthread.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/status.h"

/*
 * Where the executable, its heap and the libraries of a position-independent Linux program begin.
 */
#define HOST_PLACES 0x550000000000ull
/* What a host program's arenas are taken in, as far as granted. */
#define ARENA_SIZE (1ull << 40)
/*
 * Where a search for any address begins: far from NULL, so that small wild pointers fault. Full, it
 * goes on below.
 */
#define USUAL_FLOOR (64ull << 30)
/* A new arena may be used up by other threads before the one that took it looks again. */
#define GROW_TRIES 4

static void init_once(void)
{
    void *numbers, *arena, *open = NULL;
    host_init();
    limits_init();
    /* without an index the tree alone serves; without the bitmap nothing can be committed */
    bool indexed = host->bookkeeping(SPACE_GRANULES * sizeof(uint32_t), false, &numbers) == 0 &&
                   host->bookkeeping(SPACE_NODES, false, &arena) == 0;
    space.usable = host->bookkeeping(SPACE_GRANULES / 8, false, &open) == 0;
    space.open = open;
    region_map_init(&space.map,
                    indexed ? &(struct region_index){numbers, arena, SPACE_NODES} : NULL);
    /* in a host program everything is the host's until an arena is taken */
    if (space.usable && pool_reserve(&space.map.region_pool, 8) &&
        pool_reserve(&space.map.run_pool, 8))
        region_insert_barrier(&space.map, MM_LOWEST_ADDRESS, SPACE_END - MM_LOWEST_ADDRESS);
    else
        space.usable = false;
    /* a child gets a copy in which nobody is at work */
    pthread_atfork(space_stop, space_go, space_go);
}

NTSTATUS space_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    return space.usable ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/*
 * Cuts [base, base + size) out of the barrier around it. pre: inside one barrier, two regions
 * prepared; settled here. Barriers change under grow only.
 */
static void open_barrier(struct region *barrier, uint64_t base, uint64_t size)
{
    uint64_t start = region_base(barrier), end = region_end(barrier);
    books_lock();
    region_remove(&space.map, barrier);
    if (base > start)
        region_insert_barrier(&space.map, start, base - start);
    if (base + size < end)
        region_insert_barrier(&space.map, base + size, end - base - size);
    pool_settle(&space.map.region_pool, 2);
    books_unlock();
}

static struct region *find(uint64_t address)
{
    books_lock();
    struct region *region = region_find(&space.map, address);
    books_unlock();
    return region;
}

/* Takes over [base, base + size), which the host has just reserved for us. */
static void own(uint64_t base, uint64_t size)
{
    struct region *barrier = find(base);
    if (barrier && barrier->barrier && region_end(barrier) >= base + size && space_prepare(2, 0))
        open_barrier(barrier, base, size);
    else
        host->unreserve(base, size);
}

/* Takes the part of [from, to) that lies in `barrier`. */
static NTSTATUS take_from(struct region *barrier, uint64_t from, uint64_t to)
{
    uint64_t got;
    int error;
    if (!barrier->barrier || space.owned)
        return STATUS_CONFLICTING_ADDRESSES;
    if (!space_prepare(2, 0))
        return STATUS_NO_MEMORY;
    error = host->reserve(from, to - from, &got);
    if (error) {
        space_settle(2, 0);
        return error == -EEXIST ? STATUS_CONFLICTING_ADDRESSES : status_from_errno(error);
    }
    open_barrier(barrier, from, to - from);
    return STATUS_SUCCESS;
}

/*
 * Makes [base, base + size) ours when it is still the host's. Under grow.
 * STATUS_CONFLICTING_ADDRESSES: somebody is there.
 */
static NTSTATUS take(uint64_t base, uint64_t size)
{
    uint64_t at = base, end = round_up(base + size, ALLOCATION_GRANULARITY);

    /* the range may lie partly in arenas: only its barriers are taken */
    while (at < end) {
        books_lock();
        struct region *region = region_next_from(&space.map, at);
        uint64_t from = region_base(region) > at ? region_base(region) : at;
        uint64_t to = region_end(region) < end ? region_end(region) : end;
        bool barrier = region->barrier;
        books_unlock();
        if (from >= end)
            break;
        NTSTATUS status = barrier ? take_from(region, from, to) : STATUS_CONFLICTING_ADDRESSES;
        if (status != STATUS_SUCCESS)
            return status; /* what was taken so far stays ours, and free */
        at = to;
    }
    return STATUS_SUCCESS;
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
            take(base, request->size) == STATUS_SUCCESS)
            return STATUS_SUCCESS;
        if (start >= request->end)
            break;
        at = end;
    }
    return STATUS_NO_MEMORY;
}

/* A new arena that can hold what is requested. */
static NTSTATUS take_arena(const struct region_request *request)
{
    uint64_t need = request->size + request->alignment, largest = ARENA_SIZE, base, start, end;
    while (largest < need && largest < SPACE_END)
        largest *= 2;
    for (uint64_t size = largest; size >= need; size /= 2) {
        if (host->reserve(0, size, &base) != 0)
            continue;
        start = round_up(base, ALLOCATION_GRANULARITY);
        end = round_down(base + size, ALLOCATION_GRANULARITY);
        if (start != base)
            host->unreserve(base, start - base);
        if (end != base + size)
            host->unreserve(end, base + size - end);
        own(start, end - start);
        return STATUS_SUCCESS;
    }
    return STATUS_NO_MEMORY;
}

/* Under books. A place far from NULL when there is one and the request has nothing against it. */
static uint64_t find_free(const struct region_request *request)
{
    struct region_request usual = *request;
    uint64_t base = 0;
    if (!request->top_down && request->lowest < USUAL_FLOOR) {
        usual.lowest = USUAL_FLOOR;
        base = region_find_free(&space.map, &usual);
    }
    return base ? base : region_find_free(&space.map, request);
}

static NTSTATUS grow(const struct region_request *request)
{
    NTSTATUS status = STATUS_SUCCESS;
    futex_lock(&space.grow);
    books_lock();
    uint64_t base = find_free(request); /* another thread may have grown meanwhile */
    books_unlock();
    if (!base)
        status = request->lowest > MM_LOWEST_ADDRESS || request->end < SPACE_END
                     ? take_hole(request)
                     : take_arena(request);
    futex_unlock(&space.grow);
    return status;
}

NTSTATUS space_find_place(const struct region_request *request, uint64_t *ret_base)
{
    books_lock();
    bool ready = space_prepare_locked(1, 0);
    for (unsigned tries = 0; ready; tries++) {
        *ret_base = find_free(request);
        if (*ret_base)
            return STATUS_SUCCESS;
        books_unlock();
        ready = !space.owned && tries < GROW_TRIES && grow(request) == STATUS_SUCCESS;
        books_lock();
        if (!ready)
            pool_settle(&space.map.region_pool, 1);
    }
    books_unlock();
    return STATUS_NO_MEMORY;
}

/* Under books. Whether the first thing in the way is a barrier, which may be taken. */
static bool barrier_in_the_way(uint64_t base, uint64_t size)
{
    const struct region *there = region_next_from(&space.map, base);
    return !space.owned && there->barrier && region_base(there) < base + size;
}

NTSTATUS space_open_place(uint64_t base, uint64_t size)
{
    NTSTATUS status = STATUS_SUCCESS;
    books_lock();
    if (!space_prepare_locked(1, 0)) {
        books_unlock();
        return STATUS_NO_MEMORY;
    }
    if (barrier_in_the_way(base, size)) {
        books_unlock();
        futex_lock(&space.grow);
        status = take(base, size);
        futex_unlock(&space.grow);
        books_lock();
    }
    if (status == STATUS_SUCCESS && region_is_free(&space.map, base, size))
        return STATUS_SUCCESS;
    pool_settle(&space.map.region_pool, 1);
    books_unlock();
    return status == STATUS_SUCCESS ? STATUS_CONFLICTING_ADDRESSES : status;
}

void mm_own_address_space(void)
{
    uint64_t at = MM_LOWEST_ADDRESS, start, end, got;
    if (space_init() != STATUS_SUCCESS)
        return;
    futex_lock(&space.grow);
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
    futex_unlock(&space.grow);
}
