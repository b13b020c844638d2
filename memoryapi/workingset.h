/*
 * The working set: its limits, of which the lower is what VirtualLock may lock, and emptying it. The
 * host decides what is in memory; the limits are remembered.
 */
#pragma once

#include <stdint.h>
#include <winmem/windef.h>

/* Documented defaults: 50 and 345 pages; a minimum is at least 20, a maximum at least 13. */
#define WORKING_SET_MINIMUM       (50 * 4096ull)
#define WORKING_SET_MAXIMUM       (345 * 4096ull)
#define WORKING_SET_LEAST_MINIMUM (20 * 4096ull)
#define WORKING_SET_LEAST_MAXIMUM (13 * 4096ull)

struct mm_working_set {
    uint64_t minimum, maximum; /* bytes, whole pages */
    uint32_t flags;            /* QUOTA_LIMITS_HARDWS_*: of each pair, one is set */
};

void mm_working_set_limits(struct mm_working_set *ret_limits);
/*
 * Both UINT64_MAX: empties the working set instead. Sizes are rounded up to pages, and raised to the least ones. No flag of a pair: it stays as it
 * is. STATUS_INVALID_PARAMETER: 0, the minimum above the maximum, both flags of a pair or unknown
 * ones. STATUS_PRIVILEGE_NOT_HELD: a limit rises. STATUS_INSUFFICIENT_RESOURCES: the minimum rises
 * by more memory than is available.
 */
NTSTATUS mm_set_working_set_limits(uint64_t minimum, uint64_t maximum, uint32_t flags);
/* Pages that are locked or offered stay. */
NTSTATUS mm_empty_working_set(void);
