/* Hints about pages that will be needed, or will not. */
#include "memoryapi/base.h"
#include "memoryapi/lock.h"
#include "memoryapi/space.h"

/* The first region with a part in [at, end), claimed; NULL: none. *ret_at: where its part begins. */
static struct region *claim_next(uint64_t at, uint64_t end, uint64_t *ret_at)
{
    while (at < end) {
        books_lock();
        const struct region *next = region_next_from(&space.map, at);
        uint64_t base = region_base(next), limit = region_end(next);
        bool barrier = next->barrier;
        books_unlock();
        at = base > at ? base : at;
        struct region *region = barrier || at >= end ? NULL : space_claim(at);
        if (region) {
            *ret_at = at;
            return region;
        }
        if (barrier)
            at = limit; /* else the region went meanwhile */
    }
    return NULL;
}

/* Pages that nobody can touch need nothing; locked ones stay where they are. */
static bool is_for(const struct run_state *state, enum host_hint hint)
{
    if (!state->committed || state->priority || (state->protect & (PAGE_NOACCESS | PAGE_GUARD)))
        return false;
    return !state->locked || hint == HOST_WILL_NEED || hint == HOST_MAKE_PRESENT;
}

NTSTATUS mm_hint(uint64_t start, uint64_t end, enum host_hint hint)
{
    struct region *region;
    uint64_t at;
    NTSTATUS status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    while ((region = claim_next(start < MM_LOWEST_ADDRESS ? MM_LOWEST_ADDRESS : start, end, &at))) {
        for (const struct run *run = run_find(region, at); run && run_start(run) < end;
             run = run_next(run)) {
            uint64_t from, to;
            run_clip(run, at, end, &from, &to);
            if (is_for(&run->state, hint))
                host->hint(from, to - from, hint);
        }
        start = region_end(region);
        space_release(region);
    }
    return STATUS_SUCCESS;
}
