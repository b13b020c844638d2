/*
 * Offered memory: what is remembered of it. Inside memoryapi/ only; by whoever has the region claimed.
 *
 * HOW RECLAIM KNOWS. The pages are made inaccessible first, so nothing changes in them any more.
 * Then, for each page, the offset of one nonzero word is noted, its witness; a page of zeros has
 * none. Then the kernel may drop pages (MADV_FREE). A dropped page reads as zeros. At reclaim the
 * pages are first made dirty, after which the kernel drops nothing any more, and then each witness
 * is read: zero means that the page was dropped. A page without a witness reads the same either
 * way, so it was not lost. Nothing is ever written into offered pages, hence there is no race in
 * which a program's write and a mark of ours could meet, and the answer is never wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run_state;

#define WITNESS_NONE 0xFFFFu /* the page is all zero */

struct offer {
    uint64_t base;      /* address of the first page */
    uint64_t pages;     /* in `witness` */
    uint64_t left;      /* pages still offered; 0 frees the offer */
    uint64_t age;       /* rises with each offer */
    struct offer *next; /* of the same call, while it is at work */
    uint16_t witness[]; /* offset of the word / 8 */
};

/* `pages` of this run are offered no more (decommit, release, reclaim). */
void offer_forget(struct run_state *state, uint64_t pages);
