/* What the process itself uses, of memory and of its address space. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* In bytes, as the host counts: of everything in the process, ours or not. */
struct mm_resident {
    uint64_t now, peak;                   /* in memory */
    uint64_t anonymous, shared, of_files; /* parts of `now`: private, shared memory, files */
    uint64_t swapped;                     /* private, in the swap space */
    uint64_t faults;                      /* page faults so far; a number */
};
/* False: the host does not tell; *ret_resident is untouched. */
bool mm_resident_now(struct mm_resident *ret_resident);

/*
 * Bytes that can be had: what the host calls available, and offered memory that it does not know of
 * as such. No more than is pretended, when it is.
 */
struct mm_memory;
uint64_t mm_available(const struct mm_memory *memory);

/* Bytes of the user address space that are neither reserved nor committed. */
uint64_t mm_unreserved(void);

/*
 * Commit as Windows counts it for the system, in bytes. Linux does not charge memory until it is
 * touched, so that what other processes committed is taken to be what they use.
 */
struct mm_system_commit {
    uint64_t limit, total;
};
bool mm_system_commit(struct mm_system_commit *ret_commit);
