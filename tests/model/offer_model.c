/*
 * Offers and resets against an array of pages: random offers, reclaims, resets, undos, writes and
 * other calls, and between them the kernel is made to drop what it may (MADV_PAGEOUT drops clean
 * pages that were given to it, and nothing else where there is no swap space). What really is in
 * the pages is read around every protection, so the array knows what was lost: each answer must say
 * just that, and nothing may be lost that was neither offered nor reset. The seed is printed;
 * WINMEM_SEED sets it, WINMEM_ROUNDS how many operations.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/mm.h"

#define PAGES 96u

struct page {
    uint64_t word; /* what is at `place`; the rest is zero */
    uint32_t place;
    bool offered, offer_lost, reset, reset_lost;
    bool since; /* reset, and not undone: what an offer loses is the undo's to tell, too */
    uint32_t protect;
};

static struct page model[PAGES];
static uint64_t base, state, round_number, dropped, told, told_twice;
static int memory = -1; /* /proc/self/mem */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "offer_model: round %lu, line %d: %s\n", round_number, __LINE__,       \
                    #condition);                                                                   \
            mm_space_dump(2);                                                                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

static uint64_t address_of(uint32_t page)
{
    return base + (uint64_t)page * PAGE_SIZE;
}

static uint64_t actual(uint32_t page)
{
    uint64_t word = 0;
    CHECK(pread(memory, &word, 8, (off_t)(address_of(page) + model[page].place * 8ull)) == 8);
    return word;
}

/* What went since the last look must have been anybody's to take. */
static void look(void)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        struct page *page = &model[i];
        if (!page->word)
            continue;
        uint64_t word = actual(i);
        if (word == page->word)
            continue;
        CHECK(word == 0 && (page->offered || page->reset));
        page->offer_lost |= page->offered;
        page->reset_lost |= page->reset || page->since;
        page->word = 0;
        dropped++;
    }
}

static void do_pressure(uint32_t first, uint32_t count)
{
    madvise((void *)address_of(first), (uint64_t)count * PAGE_SIZE, MADV_PAGEOUT);
    look();
}

static void do_write(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct page *page = &model[i];
        if (page->offered || page->protect != PAGE_READWRITE || below(3) == 0)
            continue;
        uint32_t place = (page->place + 1 + below(511)) % 512;
        volatile uint64_t *words = (volatile uint64_t *)address_of(i);
        /* the first write wakes it: from then on nothing goes */
        words[place] = 1;
        page->reset = false;
        look(); /* what was lost before the write, or by it */
        words[page->place] = 0;
        words[place] = 0;
        page->place = place;
        page->word = below(4) ? (uint64_t)below(1u << 30) + 1 : 0;
        words[place] = page->word;
    }
}

static void do_offer(uint32_t first, uint32_t count)
{
    look();
    setenv("WINMEM_OFFER_BUDGET", below(8) ? "1G" : "64K", 1);
    CHECK(mm_offer(address_of(first), (uint64_t)count * PAGE_SIZE, 1 + below(4)) == STATUS_SUCCESS);
    for (uint32_t i = first; i < first + count; i++) {
        model[i].offered = true;
        model[i].reset = false;
    }
    look();
}

static void do_reclaim(uint32_t first, uint32_t count)
{
    bool discarded = false, lost = false, lost_of_reset = false;
    look();
    CHECK(mm_reclaim(address_of(first), (uint64_t)count * PAGE_SIZE, &discarded) == STATUS_SUCCESS);
    look();
    for (uint32_t i = first; i < first + count; i++) {
        lost |= model[i].offer_lost;
        lost_of_reset |= model[i].offer_lost && model[i].since;
        model[i].offered = model[i].offer_lost = false;
    }
    CHECK(discarded == lost);
    told += lost;
    told_twice += lost_of_reset;
}

static NTSTATUS allocate(uint32_t first, uint32_t count, uint32_t type)
{
    struct mm_request request = {.base = address_of(first),
                                 .size = (uint64_t)count * PAGE_SIZE,
                                 .type = type,
                                 .protect = PAGE_READWRITE};
    return mm_allocate(&request);
}

static bool any_offered(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (model[i].offered)
            return true;
    return false;
}

static void do_reset(uint32_t first, uint32_t count)
{
    bool refused = any_offered(first, count);
    look();
    NTSTATUS status = allocate(first, count, MEM_RESET);
    CHECK(status == (refused ? STATUS_CONFLICTING_ADDRESSES : STATUS_SUCCESS));
    for (uint32_t i = first; i < first + count && !refused; i++) {
        /* what is gone still stays so; something new is there else, unless it cannot sleep */
        if (model[i].word && model[i].protect == PAGE_READWRITE)
            model[i].reset_lost = false;
        model[i].reset = model[i].since = true;
    }
    look();
}

static void do_undo(uint32_t first, uint32_t count)
{
    bool refused = any_offered(first, count), lost = false;
    look();
    NTSTATUS status = allocate(first, count, MEM_RESET_UNDO);
    look();
    for (uint32_t i = first; i < first + count && !refused; i++) {
        lost |= model[i].reset_lost;
        model[i].reset = model[i].reset_lost = model[i].since = false;
    }
    CHECK(status == (refused ? STATUS_CONFLICTING_ADDRESSES
                     : lost  ? STATUS_UNSUCCESSFUL
                             : STATUS_SUCCESS));
    told += lost;
}

static void do_protect(uint32_t first, uint32_t count)
{
    static const uint32_t each[] = {PAGE_READWRITE, PAGE_READWRITE, PAGE_READONLY, PAGE_NOACCESS};
    uint64_t at = address_of(first), size = (uint64_t)count * PAGE_SIZE;
    uint32_t protect = each[below(array_length(each))], old;
    CHECK(mm_protect(&at, &size, protect, &old) == STATUS_SUCCESS);
    look();
    for (uint32_t i = first; i < first + count; i++)
        model[i].protect = protect;
}

static void do_decommit(uint32_t first, uint32_t count)
{
    uint64_t at = address_of(first), size = (uint64_t)count * PAGE_SIZE;
    CHECK(mm_free(&at, &size, MEM_DECOMMIT) == STATUS_SUCCESS);
    CHECK(allocate(first, count, MEM_COMMIT) == STATUS_SUCCESS);
    for (uint32_t i = first; i < first + count; i++)
        model[i] = (struct page){.protect = PAGE_READWRITE};
    look();
}

static void check(void)
{
    CHECK(mm_space_is_valid());
    for (uint32_t i = 0; i < PAGES; i++)
        CHECK(actual(i) == model[i].word);
}

int main(void)
{
    static void (*const operations[])(uint32_t first, uint32_t count) = {
        do_write, do_write, do_write,    do_offer,    do_reclaim,  do_reclaim, do_reset,   do_reset,
        do_undo,  do_undo,  do_pressure, do_pressure, do_pressure, do_protect, do_decommit};
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t count = rounds ? strtoull(rounds, NULL, 0) : 20000;
    struct mm_request request = {
        .size = PAGES * PAGE_SIZE, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};

    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("offer_model: WINMEM_SEED=%lu\n", state);
    fflush(stdout);
    setenv("WINMEM_RETURN", "lazy", 1);
    fault_init();
    memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    CHECK(memory >= 0 && mm_allocate(&request) == STATUS_SUCCESS);
    base = request.base;
    for (uint32_t i = 0; i < PAGES; i++)
        model[i].protect = PAGE_READWRITE;
    for (round_number = 0; round_number < count; round_number++) {
        uint32_t first = below(PAGES), length = 1 + below(below(4) ? 8 : PAGES - first);
        if (first + length > PAGES)
            length = PAGES - first;
        operations[below(array_length(operations))](first, length);
        if (round_number % 64 == 0)
            check();
    }
    check();
    printf("offer_model: %lu rounds, %lu pages dropped, %lu losses told, %lu to be told again\n",
           count, dropped, told, told_twice);
    return 0;
}
