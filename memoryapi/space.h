/*
 * The address space of the process: locks, books, and what the host has behind the pages. Inside
 * memoryapi/ only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/futex.h"
#include "memoryapi/region.h"

struct mm_space {
    struct futex_lock lock;  /* outermost: every call that changes something */
    struct futex_lock books; /* inside `lock`: reading the map, and writing it in apply */
    /* written under both, read under either */
    struct region_map map;
    /* under lock */
    /* a bit per granule: mapped read-write, with guard markers where nothing is committed */
    uint64_t *open;
    uint64_t offer_age;
    uint64_t changes; /* calls that may have changed something, so far */
    /* constant after start */
    bool owned;  /* the lower address space is ours */
    bool usable; /* bookkeeping memory was to be had */
};

extern struct mm_space space;

/*
 * First use from anywhere; cheap afterwards. STATUS_NO_MEMORY when there is no bookkeeping memory.
 */
NTSTATUS space_init(void);
void space_lock(void);
void space_lock_for_fault(void); /* not counted as a change */
void space_unlock(void);
void books_lock(void); /* for those who only read; released with futex_unlock */

/* A new arena that can hold `size` bytes for `request`. Under space->lock. */
NTSTATUS space_grow_locked(const struct region_request *request);
/*
 * Makes [base, base + size) ours when it is still the host's. STATUS_CONFLICTING_ADDRESSES:
 * somebody is there.
 */
NTSTATUS space_take_locked(uint64_t base, uint64_t size);

/*
 * Backing. All under space->lock; none touches the books. Pages of a closed granule are PROT_NONE;
 * of an open granule they are accessible as their run says, or guard-marked.
 */
/*
 * Makes the reserved pages of [start, end) accessible read-write. `stretch`: how much may be opened
 * ahead. Undoes itself on failure.
 */
NTSTATUS backing_commit(const struct region *region, uint64_t start, uint64_t end);
/*
 * Drops pages: they fault from then on, and read zero when committed again. pre: read-write by
 * protect.
 */
int backing_decommit(uint64_t start, uint64_t end);
/* The whole region goes back to reserved space. */
NTSTATUS backing_release(const struct region *region);
