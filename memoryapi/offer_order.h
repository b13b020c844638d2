/*
 * All offers in the order in which they are given up: lowest priority first, then oldest first. Each
 * function takes the books lock for a moment.
 */
#pragma once

#include "memoryapi/mm.h"
#include "memoryapi/offer.h"

/*
 * How to find an offer again: it may be gone, and its memory too, but in one region its number does
 * not return.
 */
struct offer_key {
    uint64_t base, size, age;
    uint32_t priority;
};

/* So many of its pages are offered from now on. */
void offer_enlist(struct offer *offer, uint64_t pages);
/* By whoever has its region claimed. */
void offer_set_stage(struct offer *offer, enum offer_stage stage);

/* Which offers: those that are not dropped, and */
struct offer_filter {
    bool held;         /* no others than held ones */
    uint32_t priority; /* of at most this */
    uint64_t age;      /* at most so late */
};
/* The first of those in the order. */
bool offer_first(const struct offer_filter *filter, struct offer_key *ret_key);
/*
 * The last ones in the order that are given, of at least `priority`, from the end; at most `room`.
 * `whole`: without those of which something is known to be lost.
 */
unsigned offer_last_given(uint32_t priority, bool whole, struct offer_key *ret_keys, unsigned room);
