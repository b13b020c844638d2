/* Which pages are in memory, for the calls that list working sets. */
#pragma once

#include "memoryapi/mm.h"

/*
 * The pages of the working set from *at on, at most `room`, each as a PSAPI_WORKING_SET_BLOCK; *at
 * becomes where to go on. The end is reached when fewer than `room` came. `ret_entries` NULL: only
 * counted. Pages that come and go meanwhile may be missed.
 */
NTSTATUS mm_working_set(uint64_t *at, uint64_t *ret_entries, uint64_t room, uint64_t *ret_count);
/* Fills in VirtualAttributes of each; an address that is not ours is a page not in memory. */
NTSTATUS mm_working_set_ex(PSAPI_WORKING_SET_EX_INFORMATION *pages, unsigned count);
/*
 * Bytes of offered memory that are in memory still, for the host to drop or not: no part of the
 * working set, though the host counts them as such.
 */
uint64_t mm_offered_resident(void);
