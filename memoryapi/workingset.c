/* The limits of the working set, and emptying it. */
#include "memoryapi/workingset.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/pressure.h"
#include "memoryapi/privilege.h"
#include "memoryapi/space.h"

/* Pages that the system keeps for itself, whatever a process asks for (SetProcessWorkingSetSize). */
#define KEPT_BACK (512 * PAGE_SIZE)
#define MIN_PAIR  (QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE)
#define MAX_PAIR  (QUOTA_LIMITS_HARDWS_MAX_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE)

_Static_assert(WORKING_SET_MINIMUM == 50 * PAGE_SIZE, "whole pages");

static struct mm_working_set limits = {
    .minimum = WORKING_SET_MINIMUM,
    .maximum = WORKING_SET_MAXIMUM,
    .flags = QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE,
}; /* under books */

void mm_working_set_limits(struct mm_working_set *ret_limits)
{
    books_lock();
    *ret_limits = limits;
    books_unlock();
}

/* In whole pages, at least `least`; a size near the end of the address space stays below it. */
static uint64_t in_pages(uint64_t size, uint64_t least)
{
    if (size > SPACE_END)
        return SPACE_END;
    size = round_up(size, PAGE_SIZE);
    return size < least ? least : size;
}

static bool is_available(uint64_t more)
{
    struct mm_memory memory;
    return !pressure_read(&memory) ||
           (memory.available > KEPT_BACK && more <= memory.available - KEPT_BACK);
}

/* What `flags` makes of one pair of the old ones. */
static uint32_t choose(uint32_t old, uint32_t flags, uint32_t pair)
{
    return flags & pair ? flags & pair : old & pair;
}

static void enforce(uint32_t flags)
{
    books_lock();
    limits.flags = choose(limits.flags, flags, MIN_PAIR) | choose(limits.flags, flags, MAX_PAIR);
    books_unlock();
}

NTSTATUS mm_set_working_set_limits(uint64_t minimum, uint64_t maximum, uint32_t flags)
{
    struct mm_working_set now, wanted;
    if ((flags & ~(MIN_PAIR | MAX_PAIR)) || (flags & MIN_PAIR) == MIN_PAIR ||
        (flags & MAX_PAIR) == MAX_PAIR)
        return STATUS_INVALID_PARAMETER;
    if (minimum == UINT64_MAX && maximum == UINT64_MAX) {
        enforce(flags);
        return mm_empty_working_set();
    }
    if (minimum == 0 || minimum > maximum)
        return STATUS_INVALID_PARAMETER;
    mm_working_set_limits(&now);
    wanted.minimum = in_pages(minimum, WORKING_SET_LEAST_MINIMUM);
    wanted.maximum = in_pages(maximum, WORKING_SET_LEAST_MAXIMUM);
    if (wanted.maximum < wanted.minimum)
        wanted.maximum = wanted.minimum;
    if ((wanted.minimum > now.minimum || wanted.maximum > now.maximum) &&
        !privilege_held(PRIVILEGE_INCREASE_WORKING_SET))
        return STATUS_PRIVILEGE_NOT_HELD;
    if (wanted.minimum > now.minimum && !is_available(wanted.minimum - now.minimum))
        return STATUS_INSUFFICIENT_RESOURCES;
    books_lock();
    limits.minimum = wanted.minimum;
    limits.maximum = wanted.maximum;
    books_unlock();
    enforce(flags);
    return STATUS_SUCCESS;
}

/* The first address at or after `at` in a region with committed pages, or SPACE_END. */
static uint64_t next_committed(uint64_t at)
{
    books_lock();
    while (at < SPACE_END) {
        const struct region *region = region_next_from(&space.map, at);
        at = region_base(region) > at ? region_base(region) : at;
        if (!region->barrier && region->committed)
            break;
        at = region_end(region);
    }
    books_unlock();
    return at < SPACE_END ? at : SPACE_END;
}

static void empty_region(struct region *region, bool has_swap)
{
    for (const struct run *run = run_find(region, region_base(region));; run = run_next(run)) {
        /* what is not of a file has no place to go to without swap space */
        if (run->state.committed && !run->state.locked && !run->state.priority &&
            (has_swap || region->kind != MM_PRIVATE))
            host->hint(run_start(run), run->size, HOST_PAGE_OUT);
        if (run_end(run) == region_end(region))
            break;
    }
}

NTSTATUS mm_empty_working_set(void)
{
    struct mm_memory memory;
    NTSTATUS status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    bool has_swap = !pressure_read(&memory) || memory.swap_free;
    for (uint64_t at = next_committed(MM_LOWEST_ADDRESS); at < SPACE_END;) {
        struct region *region = space_claim(at);
        uint64_t end = at + PAGE_SIZE;
        if (region) {
            end = region_end(region);
            empty_region(region, has_swap);
            space_release(region);
        }
        at = next_committed(end);
    }
    return STATUS_SUCCESS;
}
