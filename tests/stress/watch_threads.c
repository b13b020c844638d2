/*
 * Writers and a collector at the same watched memory. A writer counts up the tag of a page, and
 * again only once the collector, which takes written pages with reset, has been told of that page
 * and noted the tag. So a write that no answer told leaves a page behind for good.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"

#define WRITERS 3u
#define PAGES   64u   /* of each writer */
#define ANSWERS 4000u /* that the writers go on for */
#define ALL     (WRITERS * PAGES)

static uint64_t area;
static bool enough;        /* atomic */
static uint32_t seen[ALL]; /* atomic */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "watch_threads: line %d: %s\n", __LINE__, #condition);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t *tag_of(unsigned page)
{
    return (uint32_t *)(area + (uint64_t)page * PAGE_SIZE);
}

static void *write_pages(void *context)
{
    unsigned first = (unsigned)(uintptr_t)context * PAGES;
    uint64_t random = first + 1;
    while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        unsigned page = first + (unsigned)(random >> 33) % PAGES;
        uint32_t *tag = tag_of(page);
        if (__atomic_load_n(&seen[page], __ATOMIC_ACQUIRE) == *tag)
            __atomic_store_n(tag, *tag + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* One answer; how many pages it told. `most`: room for so many. */
static uint64_t collect(uint64_t most)
{
    uint64_t pages[ALL];
    struct mm_watch_query query = {.flags = WRITE_WATCH_FLAG_RESET,
                                   .base = area,
                                   .size = (uint64_t)ALL * PAGE_SIZE,
                                   .addresses = pages,
                                   .capacity = most};
    CHECK(mm_watch_get(&query) == STATUS_SUCCESS);
    for (uint64_t i = 0; i < query.ret_count; i++) {
        CHECK(i == 0 || pages[i] > pages[i - 1]);
        unsigned page = (unsigned)((pages[i] - area) / PAGE_SIZE);
        __atomic_store_n(&seen[page], __atomic_load_n(tag_of(page), __ATOMIC_ACQUIRE),
                         __ATOMIC_RELEASE);
    }
    return query.ret_count;
}

int main(void)
{
    struct mm_request request = {.size = (uint64_t)ALL * PAGE_SIZE,
                                 .type = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH,
                                 .protect = PAGE_READWRITE};
    pthread_t writers[WRITERS];
    uint64_t answers = 0, told = 0;

    CHECK(mm_allocate(&request) == STATUS_SUCCESS);
    area = request.base;
    for (uintptr_t i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&writers[i], NULL, write_pages, (void *)i) == 0);
    /* on a busy machine all of the answers may be given before a writer had its first turn */
    for (; answers < ANSWERS || told <= ALL; answers++) {
        told += collect(answers % 3 ? ALL : 5);
        sched_yield();
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    told += collect(ALL);
    for (unsigned page = 0; page < ALL; page++)
        if (seen[page] != *tag_of(page)) {
            fprintf(stderr, "watch_threads: page %u: write %u was not told, %u was\n", page,
                    *tag_of(page), seen[page]);
            return 1;
        }
    CHECK(collect(ALL) == 0);
    CHECK(mm_space_is_valid());
    printf("%lu answers told %lu pages\n", answers, told);
    return 0;
}
