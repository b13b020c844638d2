/* What is remembered of the contents of offered and reset pages. */
#include "memoryapi/offer.h"

#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "memoryapi/host.h"
#include "memoryapi/offer_setting.h"
#include "memoryapi/space.h"

/* atomic */
static struct offer *to_be_freed;
static uint64_t sleepers; /* pages */

static void free_those(void)
{
    struct offer *offer;
    if (!__atomic_load_n(&to_be_freed, __ATOMIC_RELAXED))
        return;
    offer = __atomic_exchange_n(&to_be_freed, NULL, __ATOMIC_ACQUIRE);
    while (offer) {
        struct offer *next = offer->next;
        free(offer);
        offer = next;
    }
}

struct offer *offer_create(uint64_t start, uint64_t end)
{
    uint64_t pages = (end - start) / PAGE_SIZE;
    struct offer *offer;

    free_those();
    offer = malloc(sizeof *offer + pages * sizeof offer->witness[0]);
    if (offer)
        *offer = (struct offer){.base = start, .pages = pages, .left = pages};
    return offer;
}

void offer_destroy(struct offer *offer)
{
    free(offer);
}

uint64_t reset_sleepers(void)
{
    return __atomic_load_n(&sleepers, __ATOMIC_RELAXED);
}

void reset_begin_sleep(uint64_t pages)
{
    __atomic_fetch_add(&sleepers, pages, __ATOMIC_RELAXED);
    __atomic_fetch_add(&gate_closed_memory, pages, __ATOMIC_RELAXED);
}

void reset_end_sleep(uint64_t pages)
{
    __atomic_fetch_sub(&sleepers, pages, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&gate_closed_memory, pages, __ATOMIC_RELAXED);
}

/*
 * One line of each page is touched, which no prefetcher of the processor guesses: so far ahead, in
 * pages, it is asked for.
 */
#define AHEAD 16u

static uint16_t find_witness(const uint64_t *page)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        if (page[i])
            return (uint16_t)i;
    return WITNESS_NONE;
}

void offer_note(struct offer *offer, uint64_t start, uint64_t end)
{
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        __builtin_prefetch((const void *)(page + AHEAD * PAGE_SIZE));
        offer->witness[(page - offer->base) / PAGE_SIZE] = find_witness((const uint64_t *)page);
    }
}

void offer_copy(struct offer *offer, const struct offer *from)
{
    memcpy(offer->witness, &from->witness[(offer->base - from->base) / PAGE_SIZE],
           offer->pages * sizeof offer->witness[0]);
    offer->stage = from->stage;
}

struct offer *offer_rest(struct offer *offer, uint64_t start)
{
    struct offer *rest = offer_create(start, offer->base + offer->pages * PAGE_SIZE);
    if (rest) {
        offer_copy(rest, offer);
        rest->age = offer->age;
        rest->priority = offer->priority;
        rest->rest_of = offer;
        rest->left = 0;
    }
    return rest;
}

/* True when no run speaks of the offer any more. */
static bool forget(struct run_state *state, uint64_t pages)
{
    if (state->reset == RESET_ASLEEP)
        reset_end_sleep(pages);
    if (state->priority)
        offer_end(state, pages);
    return state->offer && (state->offer->left -= pages) == 0;
}

void offer_forget(struct run_state *state, uint64_t pages)
{
    if (forget(state, pages))
        free(state->offer);
    free_those();
}

void offer_forget_later(struct run_state *state, uint64_t pages)
{
    struct offer *offer = state->offer;
    if (!forget(state, pages))
        return;
    offer->next = __atomic_load_n(&to_be_freed, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&to_be_freed, &offer->next, offer, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
}

void offer_discard_for_test(const struct offer *offer, uint32_t priority)
{
    struct discard_policy policy = offer_discard_policy();
    if (policy.kind == DISCARD_NONE)
        return;
    for (uint64_t page = 0; page < offer->pages; page++)
        if (discard_says(&policy, priority, offer->age, page))
            host->drop(offer->base + page * PAGE_SIZE, PAGE_SIZE);
}

static uint16_t *witness_of(const struct offer *offer, uint64_t page)
{
    return (uint16_t *)&offer->witness[(page - offer->base) / PAGE_SIZE];
}

/* The page had something in it, which is not known to be lost. */
static bool is_expected(uint16_t witness)
{
    return !(witness & WITNESS_LOST) && witness != WITNESS_NONE;
}

static bool is_there(uint64_t page, uint16_t witness)
{
    return ((const volatile uint64_t *)page)[witness & WITNESS_WORD] != 0;
}

bool offer_mark_lost(struct offer *offer, uint64_t start, uint64_t end)
{
    bool some = false;
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        uint16_t *witness = witness_of(offer, page);
        if (!is_expected(*witness))
            continue;
        if (is_there(page, *witness))
            some = true;
        else
            *witness |= WITNESS_LOST;
    }
    return some;
}

bool offer_has_lost(const struct offer *offer, uint64_t start, uint64_t end)
{
    for (uint64_t page = start; page < end; page += PAGE_SIZE)
        if (*witness_of(offer, page) & WITNESS_LOST)
            return true;
    return false;
}

void offer_keep_lost(struct offer *offer, const struct offer *reset)
{
    for (uint64_t i = 0; i < offer->pages; i++)
        if ((offer->witness[i] & WITNESS_WORD) == WITNESS_NONE)
            offer->witness[i] |= *witness_of(reset, offer->base + i * PAGE_SIZE) & WITNESS_LOST;
}

void offer_take_reset(struct offer *offer, const struct offer *reset)
{
    for (uint64_t i = 0; i < offer->pages; i++) {
        if (reset)
            offer->witness[i] |= *witness_of(reset, offer->base + i * PAGE_SIZE) & WITNESS_LOST;
        if (is_expected(offer->witness[i]))
            offer->witness[i] |= WITNESS_RESET;
    }
}

void offer_take_sleepers(struct offer *offer)
{
    for (uint64_t i = 0; i < offer->pages; i++) {
        uint16_t *witness = &offer->witness[i];
        if (is_expected(*witness) && is_there(offer->base + i * PAGE_SIZE, *witness))
            *witness |= WITNESS_RESET;
        else if (*witness != WITNESS_NONE)
            *witness = WITNESS_NONE | WITNESS_LOST;
    }
}

void offer_return_reset(struct offer *offer, uint64_t start, uint64_t end, bool all)
{
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        uint16_t *witness = witness_of(offer, page);
        if ((*witness & WITNESS_RESET) && (all || !is_there(page, *witness)))
            *witness |= WITNESS_LOST;
    }
}

bool offer_had_contents(const struct offer *offer, uint64_t start, uint64_t end)
{
    for (uint64_t page = start; page < end; page += PAGE_SIZE)
        if ((*witness_of(offer, page) & WITNESS_WORD) != WITNESS_NONE)
            return true;
    return false;
}

/*
 * Makes the page dirty without changing it: an atomic "or" of nothing, which a concurrent writer
 * cannot lose a write to. True: what is at `address` is not zero.
 */
static bool make_dirty(uint64_t address)
{
    bool there;
    __asm__ volatile("lock orq $0, (%1)" : "=@ccnz"(there) : "r"(address) : "memory");
    return there;
}

bool offer_take_back(const struct offer *offer, uint64_t start, uint64_t end)
{
    const uint16_t *witness = witness_of(offer, start);
    uint64_t count = (end - start) / PAGE_SIZE;
    bool whole = true;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t ahead = i + AHEAD < count ? i + AHEAD : i, page = start + i * PAGE_SIZE;
        __builtin_prefetch(
            (const void *)(start + ahead * PAGE_SIZE + (witness[ahead] & WITNESS_WORD) * 8), 1);
        if ((witness[i] & WITNESS_WORD) != WITNESS_NONE)
            whole &= make_dirty(page + (witness[i] & WITNESS_WORD) * 8);
    }
    return whole;
}

void offer_dirty(const struct offer *offer, uint64_t start, uint64_t end)
{
    for (uint64_t page = start; page < end; page += PAGE_SIZE)
        if (is_expected(*witness_of(offer, page)))
            make_dirty(page);
}
