/*
 * What a process may take, and how much of it is taken: commit charge and address space. Windows
 * charges memory when it is committed, not when it is touched; what passes the limit fails with
 * STATUS_COMMITMENT_LIMIT, and nothing is promised that is not there.
 *
 * The limits are the machine's (its memory and swap space), or smaller ones for tests:
 *   WINMEM_COMMIT_LIMIT=SIZE   at most so much committed
 *   WINMEM_ADDRESS_SPACE=SIZE  at most so much reserved (committed or not)
 * SIZE: a number with an optional K, M, G or T.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads the limits; before anything is charged. */
void limits_init(void);

/* Charges `pages`; false: the limit would be passed, and nothing was charged. Atomic. */
bool commit_charge(uint64_t pages);
void commit_return(uint64_t pages);

/* The same for reserved address space, in bytes. */
bool reserve_charge(uint64_t size);
void reserve_return(uint64_t size);

/* Bytes charged now, the most there ever were, and the limit. */
struct mm_commit {
    uint64_t charge, peak, limit;
};
void mm_commit_state(struct mm_commit *ret_state);
