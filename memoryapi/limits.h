/*
 * What a process may take, and how much of it is taken: commit charge and address space. Windows
 * charges memory when it is committed, not when it is touched; what passes the limit fails with
 * STATUS_COMMITMENT_LIMIT, and nothing is promised that is not there.
 *
 * The limits are the machine's (its memory and swap space) or its container's when that is lower,
 * as it is when the charge first passes 16 MiB. Or others, for tests:
 *   WINMEM_COMMIT_LIMIT=SIZE   at most so much committed
 *   WINMEM_ADDRESS_SPACE=SIZE  at most so much reserved (committed or not)
 * SIZE: a number with an optional K, M, G or T. They hold from the start of the program on; what was
 * taken to set it up counts, and is the least that they can be.
 *
 * And allocations that fail although nothing is short, so that a program's own handling is tried:
 *   WINMEM_FAIL_ALLOCATION=SEED[:N]  one in N (16) of the program's allocations fails
 * Which ones depends on the seed and their number alone: with one thread, a run repeats.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads the limits; before anything is charged. */
void limits_init(void);

/*
 * Charges `pages`; false: the limit would be passed, and nothing was charged. Atomic. May read files
 * of the kernel once.
 */
bool commit_charge(uint64_t pages);
/*
 * Whatever the limit is: for what a thread needs to hear of it. The charge may be above the limit
 * afterwards.
 */
void commit_charge_beyond(uint64_t pages);
void commit_return(uint64_t pages);

/* The same for reserved address space, in bytes. */
bool reserve_charge(uint64_t size);
void reserve_return(uint64_t size);

/*
 * Counts one allocation of the program, and says whether it is to fail: a commit with
 * STATUS_COMMITMENT_LIMIT, anything else with STATUS_NO_MEMORY.
 */
bool limits_refuse(void);
/* While a loader is at work, before the program runs, nothing fails, and chosen limits wait. */
void limits_exempt(bool exempt);
/* More is taken already than a chosen limit allows. */
struct limit_passed {
    const char *setting; /* the variable that gives it */
    uint64_t taken;      /* bytes: the least that works */
};
bool limits_too_small(struct limit_passed *ret_passed);

/* SEED or SEED:N, decimal or 0x; N from 1. */
bool limits_read_failing(const char *text, uint64_t *ret_seed, uint64_t *ret_one_in);

/* Bytes charged now, the most there ever were, and the limit, which somebody chose or not. */
struct mm_commit {
    uint64_t charge, peak, limit;
    bool chosen;
};
void mm_commit_state(struct mm_commit *ret_state);
/* The same for address space; `limit` UINT64_MAX: as much as there is. In bytes. */
struct mm_reserve {
    uint64_t charge, limit;
};
void mm_reserve_state(struct mm_reserve *ret_state);
