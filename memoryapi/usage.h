/* What the process itself uses, of memory and of its address space. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mm_memory; /* pressure.h */

/* In bytes, as the host counts: of everything in the process, ours or not. */
struct mm_resident {
    uint64_t now, peak;                   /* in memory */
    uint64_t anonymous, shared, of_files; /* parts of `now`: private, shared memory, files */
    uint64_t swapped;                     /* private, in the swap space */
};
/* False: the host does not tell; *ret_resident is untouched. */
bool mm_resident_now(struct mm_resident *ret_resident);

/*
 * Bytes that can be had: what the host calls available, and offered memory that it does not know of
 * as such. No more than is pretended, when it is.
 */
uint64_t mm_available(const struct mm_memory *memory);

/*
 * The user address space, and what of it is neither reserved nor committed, in bytes; a chosen limit
 * is all there is.
 */
struct mm_address_space {
    uint64_t total, available;
};
void mm_address_space(struct mm_address_space *ret_space);

/*
 * Commit as Windows counts it for the system, in bytes: `limit` less `total` is what this process
 * can still commit. Linux does not charge memory until it is touched, so that what other processes
 * committed is taken to be what they use. A chosen limit counts for this process alone: beside it,
 * the others take from what the machine has. One that is higher than that is what the machine has.
 */
struct mm_system_commit {
    uint64_t limit, total;
};
bool mm_system_commit(const struct mm_memory *memory, struct mm_system_commit *ret_commit);
