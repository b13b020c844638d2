/* What the process itself uses, of memory and of its address space. */
#include "memoryapi/usage.h"

#include "memoryapi/base.h"
#include "memoryapi/limits.h"
#include "memoryapi/pressure.h"
#include "memoryapi/space.h"
#include "memoryapi/kept_file.h"

#define BATCH 256u /* regions counted while others wait for the books */

bool mm_resident_now(struct mm_resident *ret_resident)
{
    struct mm_resident resident = {0};
    static struct kept_file file; /* under its lock */
    const struct text_key keys[] = {
        {"VmHWM:", &resident.peak},        {"VmRSS:", &resident.now},
        {"RssAnon:", &resident.anonymous}, {"RssFile:", &resident.of_files},
        {"RssShmem:", &resident.shared},   {"VmSwap:", &resident.swapped},
    };
    kept_lock();
    bool told = kept_numbers(&file, "/proc/self/status", keys, array_length(keys));
    kept_unlock();
    if (!told || resident.now == 0)
        return false;
    for (unsigned i = 0; i < array_length(keys); i++)
        *keys[i].ret_value <<= 10; /* from KiB */
    /* the kernel counts the peak in steps, and may be behind */
    if (resident.peak < resident.now)
        resident.peak = resident.now;
    *ret_resident = resident;
    return true;
}

uint64_t mm_available(const struct mm_memory *memory)
{
    struct mm_offers offers;
    if (memory->pretended)
        return memory->available;
    mm_offer_state(&offers);
    uint64_t used = memory->total - memory->available;
    return memory->available + (offers.held < used ? offers.held : used);
}

/* What is in use of the next regions from *at on, which moves behind them. */
static uint64_t count_batch(uint64_t *at)
{
    uint64_t sum = 0;
    books_lock();
    for (unsigned i = 0; i < BATCH && *at < SPACE_END; i++) {
        const struct region *region = region_next_from(&space.map, *at);
        uint64_t start = region_base(region) > *at ? region_base(region) : *at;
        /* in a host program, what is not ours counts as free, as in a query */
        if (start < SPACE_END && (!region->barrier || space.owned))
            sum += region_end(region) - start;
        *at = start < SPACE_END ? region_end(region) : SPACE_END;
    }
    books_unlock();
    return sum;
}

static uint64_t less_or_zero(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void mm_address_space(struct mm_address_space *ret_space)
{
    const uint64_t whole = SPACE_END - MM_LOWEST_ADDRESS;
    struct mm_reserve reserve;
    uint64_t used = 0;
    if (space_init() != STATUS_SUCCESS)
        used = whole;
    for (uint64_t at = MM_LOWEST_ADDRESS; at < SPACE_END && used < whole;)
        used += count_batch(&at);
    mm_reserve_state(&reserve);
    ret_space->total = least(whole, reserve.limit);
    ret_space->available = least(whole - used, less_or_zero(reserve.limit, reserve.charge));
}

bool mm_system_commit(const struct mm_memory *memory, struct mm_system_commit *ret_commit)
{
    struct mm_resident resident;
    struct mm_commit commit;
    if (space_init() != STATUS_SUCCESS || !mm_resident_now(&resident))
        return false;
    mm_commit_state(&commit);
    uint64_t machine = memory->total + memory->swap_total;
    if (memory->commit_strict)
        machine = least(machine, memory->commit_limit);
    uint64_t limit = commit.chosen ? commit.limit : least(commit.limit, machine);
    machine = machine < limit ? limit : machine;
    uint64_t in_use = memory->total - memory->available + memory->swap_total - memory->swap_free;
    uint64_t own = resident.anonymous + resident.shared + resident.swapped;
    uint64_t others = less_or_zero(in_use, less_or_zero(own, memory->given));
    /* what is promised beyond the limit cannot be told from what is not there */
    uint64_t left =
        least(less_or_zero(limit, commit.charge), less_or_zero(machine, commit.charge + others));
    *ret_commit = (struct mm_system_commit){limit, limit - left};
    return true;
}
