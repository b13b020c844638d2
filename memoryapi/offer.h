/*
 * Offered and reset memory: what is remembered of its contents. Inside memoryapi/ only; by whoever
 * has the region claimed.
 *
 * HOW RECLAIM KNOWS. The pages are made inaccessible first, so nothing changes in them any more.
 * Then, for each page, the offset of one nonzero word is noted, its witness; a page of zeros has
 * none. Then the kernel may drop pages (MADV_FREE). A dropped page reads as zeros. At reclaim each
 * witness is written to without a change of it, and read, in one atomic step: the page is dirty
 * then, and the kernel does not drop it any more; zero means that it was dropped. A page without a
 * witness reads the same either way, so it was not lost, whenever it goes. Nothing is ever written into offered pages, hence there is no race in
 * which a program's write and a mark of ours could meet, and the answer is never wrong.
 *
 * Memory that is reset (reset.c) may be read and written meanwhile. There the pages are made
 * unwritable instead, and wake when they are written. When they are offered before an undo, asleep
 * or not, reclaim and undo both tell what was lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run_state;

#define WITNESS_WORD  0x03FFu /* offset of the word / 8 */
#define WITNESS_NONE  0x03FFu /* the page is all zero */
#define WITNESS_LOST  0x8000u /* reset and lost: remembered until MEM_RESET_UNDO has told */
#define WITNESS_RESET 0x4000u /* reset, and then offered: its loss is the undo's to tell */

enum offer_stage {
    OFFER_HELD,   /* everything is there, and no witness noted */
    OFFER_GIVEN,  /* witnesses noted; pages may be gone */
    OFFER_DROPPED /* witnesses noted; all pages are gone */
};

struct offer {
    uint64_t base;         /* address of the first page */
    uint64_t pages;        /* in `witness` */
    uint64_t left;         /* pages that runs still speak of; 0 frees the offer */
    uint64_t age;          /* rises with each offer */
    struct offer *next;    /* of the same call, while it is at work; of those to be freed */
    struct offer *rest_of; /* what a cut makes it a part of, while that is at work */
    bool taken_over;       /* from an offer of another priority */
    bool lost;             /* some of it, as far as somebody has looked */
    uint8_t priority;      /* 0: of memory that is reset */
    uint8_t stage;         /* enum offer_stage */
    uint64_t offered;      /* pages, in the order until it is 0 (offer_order.h); under books */
    struct offer *older;   /* under books */
    struct offer *newer;
    uint16_t witness[];
};

/* Of [start, end), nothing noted yet; NULL: no memory. */
struct offer *offer_create(uint64_t start, uint64_t end);
void offer_destroy(struct offer *offer); /* no run speaks of it */
/* Notes the witnesses of a part. pre: readable, and written by nobody. */
void offer_note(struct offer *offer, uint64_t start, uint64_t end);
/* `pages` of this run are not offered any more; it may still speak of them (RESET_LOST). */
void offer_end(const struct run_state *state, uint64_t pages);
/* `pages` of this run are neither offered nor reset any more (decommit, release, reclaim). */
void offer_forget(struct run_state *state, uint64_t pages);
/* The same from a signal handler. */
void offer_forget_later(struct run_state *state, uint64_t pages);
/* Pages that are offered and the kernel may have dropped; takes no lock. */
uint64_t offer_given(void);
/* Pages of all regions that sleep (reset.c). */
uint64_t reset_sleepers(void);
/* Pages begin to sleep; end it without being forgotten, which ends it too. */
void reset_begin_sleep(uint64_t pages);
void reset_end_sleep(uint64_t pages);
/* Drops what WINMEM_OFFER_DISCARD says. */
void offer_discard_for_test(const struct offer *offer, uint32_t priority);

/*
 * Marks the pages of [start, end) whose witness is gone; true: some are there with theirs. pre:
 * readable, and written by nobody.
 */
bool offer_mark_lost(struct offer *offer, uint64_t start, uint64_t end);
/* Some are marked. */
bool offer_has_lost(const struct offer *offer, uint64_t start, uint64_t end);
/* What was lost and is all zero still is not what it was before the first reset. pre: noted. */
void offer_keep_lost(struct offer *offer, const struct offer *reset);
/*
 * Pages that were reset are offered awake: what is remembered of the reset stays so (NULL: nothing
 * was lost), and what is lost from now on is remembered too. pre: noted.
 */
void offer_take_reset(struct offer *offer, const struct offer *reset);
/*
 * Pages that sleep are offered, with the witnesses of the reset: what is gone by now was not the
 * offer's. pre: copied; readable, and written by nobody.
 */
void offer_take_sleepers(struct offer *offer);
/* Both are reclaimed: what went meanwhile (`all`: everything did), the reset has lost. */
void offer_return_reset(struct offer *offer, uint64_t start, uint64_t end, bool all);
/* A part of `from`, with what is known of it. */
void offer_copy(struct offer *offer, const struct offer *from);
/*
 * An offer is of one region: what follows a cut at `start` becomes one of its own, with the same
 * age; no run speaks of it yet. NULL: no memory.
 */
struct offer *offer_rest(struct offer *offer, uint64_t start);
/* Some page was not all zero. pre: noted. */
bool offer_had_contents(const struct offer *offer, uint64_t start, uint64_t end);
/*
 * Makes those with a witness dirty, so that the kernel drops them no more; the others read the same
 * if it does. True: no page lost its witness since it was offered. pre: writable.
 */
bool offer_take_back(const struct offer *offer, uint64_t start, uint64_t end);
/*
 * Makes those with a witness dirty, which keeps their contents, also what another thread writes at
 * the moment. pre: writable.
 */
void offer_dirty(const struct offer *offer, uint64_t start, uint64_t end);
