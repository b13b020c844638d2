/* The order of offers: two lists per priority, each by age. */
#include "memoryapi/offer_order.h"

#include "memoryapi/base.h"
#include "memoryapi/space.h"

#define PRIORITIES 5 /* 1 to 4 */

struct list {
    struct offer *oldest, *newest;
};

/* under books */
static struct {
    struct list held[PRIORITIES], given[PRIORITIES];
    struct mm_offers pages; /* counted in pages */
} order;

static struct list *list_of(const struct offer *offer)
{
    return offer->stage == OFFER_HELD ? &order.held[offer->priority]
                                      : &order.given[offer->priority];
}

/* Nearly always at the end: ages rise. */
static void insert(struct offer *offer)
{
    struct list *list = list_of(offer);
    struct offer *older = list->newest;
    while (older && older->age > offer->age)
        older = older->older;
    offer->older = older;
    offer->newer = older ? older->newer : list->oldest;
    *(offer->newer ? &offer->newer->older : &list->newest) = offer;
    *(older ? &older->newer : &list->oldest) = offer;
}

static void take_out(struct offer *offer)
{
    struct list *list = list_of(offer);
    *(offer->older ? &offer->older->newer : &list->oldest) = offer->newer;
    *(offer->newer ? &offer->newer->older : &list->newest) = offer->older;
}

/* Those given are read without the lock. */
static void count(uint64_t *pages, uint64_t more)
{
    __atomic_store_n(pages, *pages + more, __ATOMIC_RELAXED);
}

static uint64_t *count_of(const struct offer *offer)
{
    return offer->stage == OFFER_HELD    ? &order.pages.held
           : offer->stage == OFFER_GIVEN ? &order.pages.given
                                         : &order.pages.dropped;
}

void offer_enlist(struct offer *offer, uint64_t pages)
{
    books_lock();
    offer->offered = pages;
    count(count_of(offer), offer->offered);
    if (offer->stage != OFFER_DROPPED)
        insert(offer);
    books_unlock();
}

void offer_set_stage(struct offer *offer, enum offer_stage stage)
{
    books_lock();
    count(count_of(offer), -offer->offered);
    if (offer->stage != OFFER_DROPPED)
        take_out(offer);
    if (stage == OFFER_DROPPED)
        order.pages.discards += offer->offered;
    offer->stage = (uint8_t)stage;
    count(count_of(offer), offer->offered);
    if (stage != OFFER_DROPPED)
        insert(offer);
    books_unlock();
}

void offer_end(const struct run_state *state, uint64_t pages)
{
    struct offer *offer = state->offer;
    books_lock();
    count(count_of(offer), -pages);
    offer->offered -= pages;
    if (offer->offered == 0 && offer->stage != OFFER_DROPPED)
        take_out(offer);
    books_unlock();
}

static struct offer_key key_of(const struct offer *offer)
{
    return (struct offer_key){offer->base, offer->pages * PAGE_SIZE, offer->age, offer->priority};
}

bool offer_first(const struct offer_filter *filter, struct offer_key *ret_key)
{
    const struct offer *first = NULL;
    books_lock();
    for (unsigned priority = 1; priority <= filter->priority && !first; priority++) {
        const struct offer *given = filter->held ? NULL : order.given[priority].oldest;
        first = order.held[priority].oldest;
        if (given && (!first || given->age < first->age))
            first = given;
        if (first && first->age > filter->age)
            first = NULL;
    }
    if (first)
        *ret_key = key_of(first);
    books_unlock();
    return first != NULL;
}

unsigned offer_last_given(uint32_t priority, bool whole, struct offer_key *ret_keys, unsigned room)
{
    unsigned count = 0;
    books_lock();
    for (unsigned each = PRIORITIES - 1; each >= priority; each--)
        for (const struct offer *offer = order.given[each].newest; offer && count < room;
             offer = offer->older)
            if (!whole || !offer->lost)
                ret_keys[count++] = key_of(offer);
    books_unlock();
    return count;
}

uint64_t offer_given(void)
{
    return __atomic_load_n(&order.pages.given, __ATOMIC_RELAXED);
}

void mm_offer_state(struct mm_offers *ret_offers)
{
    books_lock();
    *ret_offers = order.pages;
    books_unlock();
    ret_offers->held *= PAGE_SIZE;
    ret_offers->given *= PAGE_SIZE;
    ret_offers->dropped *= PAGE_SIZE;
    ret_offers->discards *= PAGE_SIZE;
}
