/*
 * The address space of the process: who works on what, the books, and what the host has behind the
 * pages. Inside memoryapi/ only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/base.h"
#include "memoryapi/futex.h"
#include "memoryapi/region.h"

/* In all of the address space a program may use. */
#define SPACE_GRANULES ((MM_HIGHEST_ADDRESS + 1) / ALLOCATION_GRANULARITY)
/*
 * Room for the nodes of regions that the index knows, in bytes. Further ones are found by the tree.
 * A leak checker reads all of it, and the thread sanitizer leaves little room.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPACE_NODES (16ull << 20)
#else
#define SPACE_NODES (16ull << 30)
#endif

struct mm_space {
    struct futex_lock books; /* short; never across a host call */
    struct futex_lock grow;  /* before books: arenas are being taken */
    /* under books; a claimed region's runs are read by its claimer without */
    struct region_map map;
    uint32_t claims;   /* regions claimed now */
    uint32_t waiters;  /* threads that wait for a claim to end */
    uint32_t released; /* rises when a claim ends and somebody waits; what they sleep on */
    /* atomic */
    /* a bit per granule: mapped read-write, with guard markers where nothing is committed */
    uint64_t *open;
    uint64_t offer_age;
    uint64_t changes; /* claims so far */
    /* constant after start */
    bool dense;  /* under books: there are so many regions that their books are in huge pages */
    bool owned;  /* the lower address space is ours */
    bool usable; /* bookkeeping memory was to be had */
};

extern struct mm_space space;

/*
 * First use from anywhere; cheap afterwards. STATUS_NO_MEMORY when there is no bookkeeping memory.
 */
NTSTATUS space_init(void);
void books_lock(void);
void books_unlock(void);

/*
 * The region that holds `address`, claimed; NULL when there is none (a barrier is none). Waits for
 * whoever has it. While a thread has a claim it claims nothing else, but with space_claim_range.
 */
struct region *space_claim(uint64_t address);
struct region *space_claim_for_fault(uint64_t address); /* not counted as a change */
/* Every region that has a part in [start, end), all at once. pre: start < end. */
void space_claim_range(uint64_t start, uint64_t end);
/*
 * The regions that hold these addresses, all at once; ret_regions[i] holds addresses[i]. False when
 * one of them is in none: nothing is claimed then.
 */
bool space_claim_set(const uint64_t *addresses, uint32_t count, struct region **ret_regions);
void space_release_set(struct region **regions, uint32_t count);
void space_release(struct region *region);
void space_release_range(uint64_t start, uint64_t end); /* what the same range claimed */
/* Under books: placeholders that cover the range, all claimed, become one, which stays claimed. */
void space_join_locked(uint64_t start, uint64_t end);
/* Under books: a region of the caller's own making is claimed from the start. */
void space_claim_new(struct region *region);
/* The region leaves the books, and the claim ends. */
void space_remove(struct region *region);

/*
 * Promises nodes for what the caller will do to the books; false: no bookkeeping memory. Settled
 * once, whatever was taken, when the caller changes the books no more.
 */
bool space_prepare(uint32_t regions, uint32_t runs);
/* The same under books, which are given up while the host is asked. */
bool space_prepare_locked(uint32_t regions, uint32_t runs);
void space_settle(uint32_t regions, uint32_t runs);
/* region_change, under books. pre: claimed, two runs prepared. */
void space_change(struct region *region, uint64_t start, uint64_t end,
                  void (*change)(struct run_state *state, void *context), void *context);
/* space_change, the end of a promise of two runs, and of the claim. */
void space_finish(struct region *region, uint64_t start, uint64_t end,
                  void (*change)(struct run_state *state, void *context), void *context);
/* All of a region, which needs no nodes, becomes `state`, and the claim ends. */
void space_finish_new(struct region *region, const struct run_state *state);
/* The end of a promise of two runs and of the claim: nothing was changed. */
void space_give_up(struct region *region);

/* Nobody works on anything until space_go: fork, and tests. */
void space_stop(void);
void space_go(void);

/*
 * A place in the books for a region: free, granule-aligned, and the host's no more. The host is
 * asked for address space when the request needs it. STATUS_SUCCESS: with books held, and one
 * region promised that region_insert will take; to be settled by the caller.
 */
NTSTATUS space_find_place(const struct region_request *request, uint64_t *ret_base);
/* The same for a given place. STATUS_CONFLICTING_ADDRESSES: somebody is there. */
NTSTATUS space_open_place(uint64_t base, uint64_t size);

/*
 * Backing. Only for a claimed region; none touches the books. Pages of a closed granule are
 * PROT_NONE but for exact regions; of an open granule they are accessible as their run says, or
 * guard-marked.
 */
/* enum host_access bits: what the host gives for committed pages of such a run. */
unsigned backing_access(const struct run_state *state);
/*
 * Makes the reserved pages of [start, end) accessible read-write. `stretch`: how much may be opened
 * ahead. Undoes itself on failure.
 */
NTSTATUS backing_commit(const struct region *region, uint64_t start, uint64_t end);
/* The same for the granules only: no page becomes accessible. On failure some stay open. */
NTSTATUS backing_open(const struct region *region, uint64_t start, uint64_t end);
/*
 * Drops pages: they fault from then on, and read zero when committed again. pre: read-write by
 * protect.
 */
int backing_decommit(const struct region *region, uint64_t start, uint64_t end);
/* The granules of a region with nothing committed become closed. */
NTSTATUS backing_close(const struct region *region);
/* The bytes from the region's base to the end of its last granule. */
uint64_t backing_size(const struct region *region);
/* The whole region goes back to reserved space. */
NTSTATUS backing_release(const struct region *region);
/*
 * An exact region, closed, has its granules to itself from now on. pre: all committed, or none and
 * untouched.
 */
void backing_leave_exact(const struct region *region);
/*
 * [start, end) goes back to reserved space before the region is cut there: what is left of it is
 * exact where a cut is in a granule. 0 or -errno.
 */
int backing_carve(const struct region *region, uint64_t start, uint64_t end);
