/* What of the file lists is memory in use. */
#include "memoryapi/lazyfree.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t lazyfree_stuck(const struct file_lists *lists, uint64_t given, uint64_t *ret_given)
{
    uint64_t listed = lists->active + lists->inactive;
    uint64_t beyond = listed > lists->cache ? listed - lists->cache : 0;
    *ret_given = least(beyond, given);
    return beyond - *ret_given;
}

/* Of `listed` bytes of file cache, as many can be had (Linux, si_mem_available). */
static uint64_t can_be_had(uint64_t listed, uint64_t low)
{
    return listed - least(listed / 2, low);
}

uint64_t lazyfree_available(uint64_t available, const struct file_lists *lists, uint64_t stuck,
                            uint64_t low)
{
    uint64_t listed = lists->active + lists->inactive;
    uint64_t less = can_be_had(listed, low) - can_be_had(listed - stuck, low);
    return available - least(less, available);
}
