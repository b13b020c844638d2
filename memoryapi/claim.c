/* Who works on which region: claims, and the promises of nodes that go with the work. */
#include "memoryapi/space.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"

#define MANY_REGIONS 10000u /* whose nodes take 2 MiB */

struct mm_space space;

void books_lock(void)
{
    futex_lock(&space.books);
}

void books_unlock(void)
{
    futex_unlock(&space.books);
}

/* Under books, which are given up meanwhile. */
static void wait_for_release(void)
{
    uint32_t seen = __atomic_load_n(&space.released, __ATOMIC_RELAXED);
    space.waiters++;
    books_unlock();
    futex_wait_until(&space.released, seen, NULL);
    books_lock();
    space.waiters--;
}

/* The number of the calling thread, from 1. */
static uint32_t me(void)
{
    static uint32_t last;
    if (gate_self.claimer == 0)
        gate_self.claimer = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return gate_self.claimer;
}

static void take(struct region *region)
{
    region->claimer = me();
    space.claims++;
    gate_self.locks++;
}

/* Under books. True when somebody has to be woken once they are unlocked. */
static bool give_back(struct region *region)
{
    if (region)
        region->claimer = 0;
    space.claims--;
    gate_self.locks--;
    if (space.waiters)
        __atomic_store_n(&space.released, space.released + 1, __ATOMIC_RELAXED);
    return space.waiters != 0;
}

static void unlock_and_wake(bool wake)
{
    books_unlock();
    if (wake)
        futex_wake(&space.released, INT32_MAX);
}

static struct region *claim_locked(uint64_t address)
{
    struct region *region;
    while ((region = region_find(&space.map, address)) && region->claimer)
        wait_for_release();
    if (!region || region->barrier)
        return NULL;
    take(region);
    return region;
}

struct region *space_claim(uint64_t address)
{
    books_lock();
    struct region *region = claim_locked(address);
    __atomic_store_n(&space.changes, space.changes + 1, __ATOMIC_RELAXED);
    books_unlock();
    return region;
}

struct region *space_claim_for_fault(uint64_t address)
{
    books_lock();
    struct region *region = claim_locked(address);
    books_unlock();
    return region;
}

void space_claim_new(struct region *region)
{
    take(region);
    __atomic_store_n(&space.changes, space.changes + 1, __ATOMIC_RELAXED);
}

/* The first region, not a barrier, with a part in [at, end), or NULL. */
static struct region *next_in(uint64_t at, uint64_t end)
{
    struct region *region = at < end ? region_next_from(&space.map, at) : NULL;
    while (region && region_base(region) < end && region->barrier)
        region = region_end(region) < end ? region_next_from(&space.map, region_end(region)) : NULL;
    return region && region_base(region) < end ? region : NULL;
}

static bool all_are_free(uint64_t start, uint64_t end)
{
    for (struct region *region = next_in(start, end); region;
         region = next_in(region_end(region), end))
        if (region->claimer)
            return false;
    return true;
}

void space_claim_range(uint64_t start, uint64_t end)
{
    books_lock();
    while (!all_are_free(start, end))
        wait_for_release();
    for (struct region *region = next_in(start, end); region;
         region = next_in(region_end(region), end))
        take(region);
    __atomic_store_n(&space.changes, space.changes + 1, __ATOMIC_RELAXED);
    books_unlock();
}

/* Under books. False: an address is in no region. *ret_free: nobody has any of them. */
static bool find_set(const uint64_t *addresses, uint32_t count, struct region **ret_regions,
                     bool *ret_free)
{
    struct region *last = NULL;
    *ret_free = true;
    for (uint32_t i = 0; i < count; i++) {
        if (!last || addresses[i] < region_base(last) || addresses[i] >= region_end(last))
            last = region_find(&space.map, addresses[i]);
        if (!last || last->barrier)
            return false;
        if (last->claimer)
            *ret_free = false;
        ret_regions[i] = last;
    }
    return true;
}

bool space_claim_set(const uint64_t *addresses, uint32_t count, struct region **ret_regions)
{
    bool found, all_free;
    books_lock();
    while ((found = find_set(addresses, count, ret_regions, &all_free)) && !all_free)
        wait_for_release();
    for (uint32_t i = 0; i < count && found; i++)
        if (!ret_regions[i]->claimer)
            take(ret_regions[i]);
    __atomic_store_n(&space.changes, space.changes + 1, __ATOMIC_RELAXED);
    books_unlock();
    return found;
}

void space_release_set(struct region **regions, uint32_t count)
{
    bool wake = false;
    books_lock();
    for (uint32_t i = 0; i < count; i++)
        if (regions[i]->claimer == me())
            wake |= give_back(regions[i]);
    unlock_and_wake(wake);
}

/* Regions that came into the range meanwhile are their makers'. */
void space_release_range(uint64_t start, uint64_t end)
{
    bool wake = false;
    books_lock();
    for (struct region *region = next_in(start, end); region;
         region = next_in(region_end(region), end))
        if (region->claimer == me())
            wake |= give_back(region);
    unlock_and_wake(wake);
}

void space_join_locked(uint64_t start, uint64_t end)
{
    struct region *first = region_find(&space.map, start);
    while (region_end(first) < end) {
        region_join(&space.map, first, region_find(&space.map, region_end(first)));
        give_back(NULL); /* who waits for that one is woken with the first */
    }
}

void space_release(struct region *region)
{
    books_lock();
    unlock_and_wake(give_back(region));
}

void space_remove(struct region *region)
{
    books_lock();
    region_remove(&space.map, region);
    unlock_and_wake(give_back(NULL));
}

/* Under books, which are given up while the host is asked. */
static bool promise(struct pool *pool, uint32_t count)
{
    while (!pool_promise(pool, count)) {
        uint64_t size = pool_chunk_size(pool);
        void *chunk;
        books_unlock();
        int error = host->bookkeeping(size, true, &chunk);
        books_lock();
        if (error)
            return false;
        pool_add(pool, chunk, size);
    }
    return true;
}

/*
 * The first of many regions. Under books, which are given up meanwhile. What pages are behind the
 * nodes so far stay.
 */
static void make_dense(void)
{
    const struct region_index *index = &space.map.index;
    space.dense = true;
    if (!index->numbers)
        return;
    books_unlock();
    host_make_dense(index->numbers, SPACE_GRANULES * sizeof index->numbers[0]);
    host_make_dense(index->arena, index->size);
    books_lock();
}

bool space_prepare_locked(uint32_t regions, uint32_t runs)
{
    if (unlikely(!space.dense && space.map.count > MANY_REGIONS))
        make_dense();
    bool ready = promise(&space.map.region_pool, regions);
    if (ready && !promise(&space.map.run_pool, runs)) {
        pool_settle(&space.map.region_pool, regions);
        ready = false;
    }
    return ready;
}

bool space_prepare(uint32_t regions, uint32_t runs)
{
    books_lock();
    bool ready = space_prepare_locked(regions, runs);
    books_unlock();
    return ready;
}

void space_settle(uint32_t regions, uint32_t runs)
{
    books_lock();
    pool_settle(&space.map.region_pool, regions);
    pool_settle(&space.map.run_pool, runs);
    books_unlock();
}

void space_change(struct region *region, uint64_t start, uint64_t end,
                  void (*change)(struct run_state *state, void *context), void *context)
{
    books_lock();
    region_change(&space.map, region, start, end, change, context);
    books_unlock();
}

void space_finish(struct region *region, uint64_t start, uint64_t end,
                  void (*change)(struct run_state *state, void *context), void *context)
{
    books_lock();
    region_change(&space.map, region, start, end, change, context);
    pool_settle(&space.map.run_pool, 2);
    unlock_and_wake(give_back(region));
}

void space_finish_new(struct region *region, const struct run_state *state)
{
    books_lock();
    region_set(&space.map, region, region_base(region), region_end(region), state);
    unlock_and_wake(give_back(region));
}

void space_give_up(struct region *region)
{
    books_lock();
    pool_settle(&space.map.run_pool, 2);
    unlock_and_wake(give_back(region));
}

void space_stop(void)
{
    futex_lock(&space.grow);
    books_lock();
    while (space.claims)
        wait_for_release();
}

void space_go(void)
{
    books_unlock();
    futex_unlock(&space.grow);
}
