/*
 * Lazily freed pages (MADV_FREE: offered or reset memory) among the files.
 *
 * The kernel moves such a page to the list of files not used lately, where it counts as memory that
 * can be had, in MemAvailable and in the numbers of a group. Written again (reclaimed), it stays
 * there until memory is so short that the kernel looks at it: nothing shows any more that it is in
 * use. But what is on the file lists beyond the file cache is lazily freed, and of that, only what
 * is still offered or reset now can be had: of this process at least, for of others nobody can tell.
 * What is beyond both is STUCK.
 *
 * Files that are locked in memory are in the cache and on no list: as much of what is stuck is not
 * seen, at most. The kernel's counters are of slightly different moments.
 */
#pragma once

#include <stdint.h>

/* In bytes. */
struct file_lists {
    uint64_t active, inactive; /* the two lists */
    uint64_t cache;            /* files in memory, without shared memory and what is being swapped;
                                  UINT64_MAX: not told */
};

/*
 * Bytes on the lists that cannot be had. `given`: what this process has given to the kernel and not
 * taken back; *ret_given: as much of it is on the lists, or could be.
 */
uint64_t lazyfree_stuck(const struct file_lists *lists, uint64_t given, uint64_t *ret_given);
/*
 * What the kernel's MemAvailable is without these. It leaves half of the lists out, or `low` bytes
 * when that is less.
 */
uint64_t lazyfree_available(uint64_t available, const struct file_lists *lists, uint64_t stuck,
                            uint64_t low);
