/*
 * Write watch: which pages of a region reserved with MEM_WRITE_WATCH were written.
 *
 * The host tells (host.h, watch_collect), or, where it cannot, marks of our own do: pages that are
 * not marked are not writable, the first write faults, is marked and let through (mm_fault). Both
 * ways the same holds:
 *   1. a page counts as written from the first write on, of the program or of a system call for it,
 *      until it is told with reset, reset, decommitted or discarded
 *   2. a page that was only read, and a committed page that nobody touched, does not
 *   3. a page that was reclaimed after an offer does: it may have lost its contents
 *   4. telling with reset takes the page and its mark in one step: a write falls into one answer or
 *      the next
 *   5. a call that fails loses no mark; pages it had reset already may count as written again,
 *      written or not
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/mm.h"

struct mm_watch_query {
    uint32_t flags;     /* WRITE_WATCH_FLAG_RESET or 0 */
    uint64_t base;      /* bytes; any part of a page stands for the page */
    uint64_t size;      /* bytes */
    void *addresses;    /* the caller's, 8 bytes each */
    uint64_t capacity;  /* elements of `addresses` */
    uint64_t ret_count; /* elements written, with success */
};

/*
 * The lowest `capacity` written pages, ascending; only those are reset. STATUS_INVALID_PARAMETER_2
 * (flags), STATUS_INVALID_PARAMETER (not within one watched region, room for none),
 * STATUS_ACCESS_VIOLATION.
 */
NTSTATUS mm_watch_get(struct mm_watch_query *query);
NTSTATUS mm_watch_reset(uint64_t base, uint64_t size);

/*
 * A system call is about to write there for the program. By marks, the kernel would find pages
 * closed to writes, and stop: they are opened and count as written. Nothing to do where the host
 * watches. Pages may be reset again before the call is made: whoever gets -EFAULT, or less than
 * there is, calls again while watch_by_marks says that this may be why.
 */
void mm_watch_expect(void *start, uint64_t size);
bool watch_by_marks(void);

struct region;

/* For those who work on a claimed region; each does nothing when it is not watched. */
/* A new region. Failure: the region cannot be watched. */
NTSTATUS watch_start(struct region *region);
void watch_stop(struct region *region);
/* The backing of these pages is there again, perhaps made anew. 0 or -errno. */
int watch_committed(const struct region *region, uint64_t start, uint64_t end);
/* Everything in the range is not written: its contents are gone. pre: not accessible. */
void watch_forget(const struct region *region, uint64_t start, uint64_t end);
/* The same for pages that are accessible. */
void watch_dropped(const struct region *region, uint64_t start, uint64_t end);
/* Everything in the range counts as written. pre: the host lets it be written, or nothing at all. */
void watch_written(const struct region *region, uint64_t start, uint64_t end);
/*
 * host->protect, but for pages whose first write has to be seen. On failure a part may have
 * changed, as there.
 */
int watch_protect(const struct region *region, uint64_t start, uint64_t size, unsigned access);
/*
 * A write to a page that the books allow was refused: marks it and opens it. False when the host
 * does not let it.
 */
bool watch_fault(const struct region *region, uint64_t page);
