/*
 * Threads that change, query and touch the same memory at once. What must hold: a query never shows
 * what no call made, a guard page is met by exactly one thread, memory of one's own keeps what was
 * written, and in the end the books are sound and agree with the kernel.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"

#define THREADS 4u
#define STEPS   15000u
#define PAGES   24u
#define ROUNDS  3000u

static uint64_t shared; /* one region that every thread changes */
static uint8_t *guard;  /* one page */
static pthread_barrier_t barrier;
static unsigned met; /* guard exceptions of a round; atomic */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "memory_threads: line %d: %s\n", __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(*state >> 33);
}

static NTSTATUS allocate(uint64_t *base, uint64_t size, uint32_t type, uint32_t protect)
{
    struct mm_request request = {.base = *base, .size = size, .type = type, .protect = protect};
    NTSTATUS status = mm_allocate(&request);
    if (status == STATUS_SUCCESS)
        *base = request.base;
    return status;
}

static NTSTATUS give_back(uint64_t base, uint64_t size, uint32_t type)
{
    return mm_free(&base, &size, type);
}

/* Only what some thread asks for may be seen. */
static void check_query(uint64_t address)
{
    MEMORY_BASIC_INFORMATION info;
    CHECK(mm_query(address, &info) == STATUS_SUCCESS);
    CHECK((uint64_t)info.BaseAddress == address && info.RegionSize != 0);
    CHECK((uint64_t)info.AllocationBase == shared && info.AllocationProtect == PAGE_READWRITE);
    CHECK(address + info.RegionSize <= shared + PAGES * PAGE_SIZE);
    if (info.State == MEM_RESERVE)
        CHECK(info.Protect == 0);
    else
        CHECK(info.Protect == PAGE_READWRITE || info.Protect == PAGE_READONLY ||
              info.Protect == (PAGE_READWRITE | PAGE_GUARD));
}

/* One change or look somewhere in the shared region; any of them may be refused. */
static void act_on_shared(uint64_t *random)
{
    static const uint32_t each[] = {PAGE_READWRITE, PAGE_READONLY, PAGE_READWRITE | PAGE_GUARD};
    unsigned first = next_random(random) % PAGES, count = 1 + next_random(random) % 6;
    uint64_t base = shared + first * PAGE_SIZE, size, value = 1;
    uint32_t protect = each[next_random(random) % 3], old;
    bool discarded;

    count = first + count > PAGES ? PAGES - first : count;
    size = count * PAGE_SIZE;
    switch (next_random(random) % 8) {
    case 0:
        allocate(&base, size, MEM_COMMIT, protect);
        break;
    case 1:
        give_back(base, size, MEM_DECOMMIT);
        break;
    case 2:
        mm_protect(&base, &size, protect, &old);
        break;
    case 3:
        mm_offer(base, size, 1 + first % 4);
        break;
    case 4:
        mm_reclaim(base, size, &discarded);
        break;
    case 5:
        mm_discard(base, size);
        break;
    case 6:
        guarded_write((void *)base, &value, sizeof value);
        break;
    default:
        check_query(base);
    }
}

/* Memory that only this thread has: others' work beside it must not be seen in it. */
static void act_on_own(uint64_t number, uint64_t *random)
{
    uint64_t own = 0, size = (1 + next_random(random) % 40) * PAGE_SIZE;
    bool discarded = false;
    CHECK(allocate(&own, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    for (uint64_t at = own; at < own + size; at += PAGE_SIZE) {
        CHECK(*(uint64_t *)at == 0);
        *(uint64_t *)at = number ^ at;
    }
    CHECK(mm_offer(own, size, 4) == STATUS_SUCCESS);
    CHECK(mm_reclaim(own, size, &discarded) == STATUS_SUCCESS);
    for (uint64_t at = own; at < own + size && !discarded; at += PAGE_SIZE)
        CHECK(*(uint64_t *)at == (number ^ at));
    CHECK(give_back(own, 0, MEM_RELEASE) == STATUS_SUCCESS);
}

/* All threads touch a guard page at once: one of them meets it, the others find plain memory. */
static void meet_guard(bool first)
{
    uint64_t at = (uint64_t)guard, size = PAGE_SIZE;
    uint32_t old;
    if (first) {
        __atomic_store_n(&met, 0, __ATOMIC_RELAXED);
        CHECK(mm_protect(&at, &size, PAGE_READWRITE | PAGE_GUARD, &old) == STATUS_SUCCESS);
    }
    pthread_barrier_wait(&barrier);
    if (!guarded_touch(guard))
        __atomic_add_fetch(&met, 1, __ATOMIC_RELAXED);
    pthread_barrier_wait(&barrier);
    CHECK(__atomic_load_n(&met, __ATOMIC_RELAXED) == 1);
    pthread_barrier_wait(&barrier);
}

static void *work(void *argument)
{
    uint64_t number = (uint64_t)argument, random = number * 77 + 1;
    for (unsigned i = 0; i < STEPS; i++) {
        act_on_shared(&random);
        if (i % 16 == 0)
            act_on_own(number, &random);
    }
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < ROUNDS; i++)
        meet_guard(number == 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    uint64_t page = 0;

    fault_init();
    CHECK(allocate(&shared, PAGES * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE) == STATUS_SUCCESS);
    CHECK(allocate(&page, PAGE_SIZE, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    guard = (uint8_t *)page;
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (uint64_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(mm_space_is_valid());
    CHECK(give_back(shared, 0, MEM_RELEASE) == STATUS_SUCCESS);
    CHECK(mm_space_is_valid());
    printf("memory_threads: %u threads, %u steps each, %u guard pages met\n", THREADS, STEPS,
           ROUNDS);
    return 0;
}
