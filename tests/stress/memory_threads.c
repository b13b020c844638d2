/*
 * Threads that change, query and touch the same memory at once. What must hold: a query never shows
 * what no call made, a guard page is met by exactly one thread, memory of one's own keeps what was
 * written, placeholders that are split, replaced and joined leave no hole, frames are not lost with
 * a window, and in the end the books are sound and agree with the kernel.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/guarded.h"
#include "memoryapi/lock.h"
#include "memoryapi/mm.h"
#include "memoryapi/residency.h"

#define THREADS 4u
#define STEPS   15000u
#define PAGES   24u
#define ROUNDS  3000u

#define RC      (MEM_RESERVE | MEM_COMMIT)
#define SLOTS   16u /* granules of the place with placeholders */
#define FRAMES  16u
#define KEEP    (MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
#define JOIN    (MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)
#define REPLACE (MEM_RESERVE | MEM_REPLACE_PLACEHOLDER)

#define READERS 2u
#define FORKS   20u

static uint64_t shared;    /* one region that every thread changes */
static uint64_t contested; /* a place where threads reserve and release */
static uint64_t slots;     /* a placeholder at first */
static uint64_t window;    /* of frames; released and reserved again */
static ULONG_PTR frames[FRAMES];
static bool done;      /* atomic */
static uint8_t *guard; /* one page */
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

/* What a thread does to a few pages of the shared region; any of it may be refused. */
struct target {
    uint64_t base, size;
    uint32_t number, protect;
};

static void try_commit(struct target target)
{
    allocate(&target.base, target.size, MEM_COMMIT, target.protect);
}

static void try_decommit(struct target target)
{
    give_back(target.base, target.size, MEM_DECOMMIT);
}

static void try_protect(struct target target)
{
    uint32_t old;
    mm_protect(&target.base, &target.size, target.protect, &old);
}

static void try_offer(struct target target)
{
    mm_offer(target.base, target.size, 1 + target.number % 4);
}

static void try_reclaim(struct target target)
{
    bool discarded;
    mm_reclaim(target.base, target.size, &discarded);
}

static void try_discard(struct target target)
{
    mm_discard(target.base, target.size);
}

static void try_reset(struct target target)
{
    allocate(&target.base, target.size, target.number % 2 ? MEM_RESET : MEM_RESET_UNDO,
             PAGE_READWRITE);
}

static void try_write(struct target target)
{
    uint64_t value = 1;
    guarded_write((void *)target.base, &value, sizeof value);
}

/* The quota is for all threads: it is what refuses most. */
static void try_lock(struct target target)
{
    bool before;
    mm_lock(&target.base, &target.size, &before);
}

static void try_unlock(struct target target)
{
    mm_unlock(&target.base, &target.size);
}

/* What is in memory is told one page after the other, and every page is within what was asked. */
static void try_look(struct target target)
{
    uint64_t at = target.base, count, entries[4], last = at - 1;
    PSAPI_WORKING_SET_EX_INFORMATION page = {.VirtualAddress = (PVOID)target.base};
    CHECK(mm_working_set(&at, entries, array_length(entries), &count) == STATUS_SUCCESS);
    for (unsigned i = 0; i < count; i++) {
        CHECK(entries[i] > last);
        last = entries[i] | 0xFFF;
    }
    CHECK(mm_working_set_ex(&page, 1) == STATUS_SUCCESS);
    CHECK(page.VirtualAttributes.Valid || !page.VirtualAttributes.Locked);
}

static void try_query(struct target target)
{
    check_query(target.base);
}

/*
 * Another place, which any thread may reserve, and release while others are at work in it: whose
 * memory it is can change between any two calls.
 */
static void try_reserve_contested(struct target target)
{
    uint64_t base = contested;
    allocate(&base, target.size * 4, target.number % 2 ? RC : MEM_RESERVE, target.protect);
}

static void try_release_contested(struct target target)
{
    give_back(contested, 0, MEM_RELEASE);
    (void)target;
}

static void try_anything_contested(struct target target)
{
    void (*const each[])(struct target) = {try_commit,  try_decommit, try_protect, try_offer,
                                           try_reclaim, try_discard,  try_reset,   try_write,
                                           try_lock,    try_unlock,   try_look};
    target.base = contested + (target.base - shared);
    each[target.number % array_length(each)](target);
}

static void try_query_contested(struct target target)
{
    MEMORY_BASIC_INFORMATION info;
    uint64_t address = contested + (target.base - shared);
    CHECK(mm_query(address, &info) == STATUS_SUCCESS);
    CHECK(info.State == MEM_FREE || (uint64_t)info.AllocationBase == contested);
    CHECK(info.State != MEM_FREE || !info.AllocationBase);
}

/* Granules that begin and end as the pages of `target` do, in the place with placeholders. */
static struct target of_slots(struct target target)
{
    uint64_t first = (target.base - shared) / PAGE_SIZE % SLOTS;
    uint64_t count = 1 + target.number / 64 % 4;
    target.base = slots + first * ALLOCATION_GRANULARITY;
    target.size = (first + count > SLOTS ? SLOTS - first : count) * ALLOCATION_GRANULARITY;
    return target;
}

/* Splits a placeholder, or makes memory that has just this extent one again. */
static void try_keep(struct target target)
{
    target = of_slots(target);
    give_back(target.base, target.size, KEEP);
}

static void try_join(struct target target)
{
    target = of_slots(target);
    give_back(target.base, target.size, JOIN);
}

static void try_replace(struct target target)
{
    target = of_slots(target);
    struct mm_request request = {.base = target.base,
                                 .size = target.size,
                                 .type = REPLACE | (target.number % 2 ? MEM_COMMIT : 0),
                                 .protect = PAGE_READWRITE,
                                 .placeholders = true};
    mm_allocate(&request);
}

/* What is there, or not, in the middle of being split and joined. */
static void try_anything_in_slots(struct target target)
{
    void (*const each[])(struct target) = {try_commit, try_decommit, try_protect, try_write,
                                           try_lock,   try_unlock,   try_reset,   try_offer};
    MEMORY_BASIC_INFORMATION info;
    target = of_slots(target);
    CHECK(mm_query(target.base, &info) == STATUS_SUCCESS && info.State != MEM_FREE);
    CHECK((uint64_t)info.AllocationBase >= slots && (uint64_t)info.AllocationBase <= target.base);
    target.size = PAGE_SIZE;
    each[target.number % array_length(each)](target);
}

/* Frames are shown, hidden and written; the window itself comes and goes. */
static void try_frames(struct target target)
{
    uint64_t page = (target.base - shared) / PAGE_SIZE % FRAMES, base = window;
    uint64_t count = 1 + target.number / 64 % (FRAMES - page);
    switch (target.number % 16) {
    case 0:
        give_back(window, 0, MEM_RELEASE);
        break;
    case 1:
    case 2:
        allocate(&base, FRAMES * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
        break;
    case 3:
    case 4:
    case 5:
        awe_map(window + page * PAGE_SIZE, count, NULL);
        break;
    default:
        awe_map(window + page * PAGE_SIZE, count,
                frames + target.number / 256 % (FRAMES - count + 1));
        target.base = window + page * PAGE_SIZE;
        try_write(target);
    }
}

static void (*const operations[])(struct target) = {try_commit,
                                                    try_decommit,
                                                    try_protect,
                                                    try_offer,
                                                    try_reclaim,
                                                    try_discard,
                                                    try_reset,
                                                    try_write,
                                                    try_query,
                                                    try_lock,
                                                    try_unlock,
                                                    try_look,
                                                    try_reserve_contested,
                                                    try_release_contested,
                                                    try_anything_contested,
                                                    try_anything_contested,
                                                    try_query_contested,
                                                    try_keep,
                                                    try_join,
                                                    try_replace,
                                                    try_anything_in_slots,
                                                    try_frames};

static void act_on_shared(uint64_t *random)
{
    static const uint32_t each[] = {PAGE_READWRITE, PAGE_READONLY, PAGE_READWRITE | PAGE_GUARD};
    unsigned first = next_random(random) % PAGES, count = 1 + next_random(random) % 6;
    struct target target = {.base = shared + first * PAGE_SIZE,
                            .number = next_random(random),
                            .protect = each[next_random(random) % 3]};
    target.size = (first + count > PAGES ? PAGES - first : count) * PAGE_SIZE;
    operations[next_random(random) % array_length(operations)](target);
}

/* Queries and nothing else, as fast as it goes, until the others are done. */
static void *watch(void *argument)
{
    uint64_t random = (uint64_t)argument;
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        struct target target = {.base = shared + next_random(&random) % PAGES * PAGE_SIZE};
        try_query(target);
        try_query_contested(target);
    }
    return NULL;
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

/* A child finds books in which nobody is at work, and can go on alone. */
static void fork_now(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        uint64_t page = 0;
        bool good = mm_space_is_valid() &&
                    allocate(&page, PAGE_SIZE, RC, PAGE_READWRITE) == STATUS_SUCCESS &&
                    give_back(page, 0, MEM_RELEASE) == STATUS_SUCCESS;
        _exit(!good);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *work(void *argument)
{
    uint64_t number = (uint64_t)argument, random = number * 77 + 1;
    for (unsigned i = 0; i < STEPS; i++) {
        act_on_shared(&random);
        if (i % 16 == 0)
            act_on_own(number, &random);
        if (number == 0 && i % (STEPS / FORKS) == 0)
            fork_now();
    }
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < ROUNDS; i++)
        meet_guard(number == 0);
    return NULL;
}

static void prepare_places(void)
{
    struct mm_request request = {.size = SLOTS * ALLOCATION_GRANULARITY,
                                 .type = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                                 .protect = PAGE_NOACCESS,
                                 .placeholders = true};
    uint64_t got;
    CHECK(mm_allocate(&request) == STATUS_SUCCESS);
    slots = request.base;
    CHECK(awe_allocate(FRAMES, frames, &got) == STATUS_SUCCESS && got == FRAMES);
    /* from the top, as the contested place */
    CHECK(allocate(&window, FRAMES * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL | MEM_TOP_DOWN,
                   PAGE_READWRITE) == STATUS_SUCCESS);
}

/* The pieces cover the place without a hole, and are one placeholder again when all are joined. */
static void check_places(void)
{
    MEMORY_BASIC_INFORMATION info;
    uint64_t end = slots + SLOTS * ALLOCATION_GRANULARITY, got = 0;
    unsigned pieces = 0;
    for (uint64_t at = slots, next; at < end; at = next, pieces++) {
        CHECK(mm_query(at, &info) == STATUS_SUCCESS && (uint64_t)info.AllocationBase == at);
        for (next = at; next < end && (uint64_t)info.AllocationBase == at;) {
            next += info.RegionSize;
            CHECK(mm_query(next, &info) == STATUS_SUCCESS);
        }
        CHECK(next <= end);
        give_back(at, next - at, KEEP); /* refused where it is a placeholder already */
    }
    CHECK(pieces == 1 || give_back(slots, end - slots, JOIN) == STATUS_SUCCESS);
    CHECK(give_back(slots, 0, MEM_RELEASE) == STATUS_SUCCESS);
    CHECK(mm_query(slots, &info) == STATUS_SUCCESS && info.State == MEM_FREE);
    give_back(window, 0, MEM_RELEASE); /* it may not be there */
    CHECK(awe_is_valid());
    CHECK(awe_free(FRAMES, frames, &got) == STATUS_SUCCESS && got == FRAMES);
    CHECK(awe_is_valid());
}

int main(void)
{
    pthread_t threads[THREADS], readers[READERS];
    uint64_t page = 0;

    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    fault_init();
    CHECK(allocate(&shared, PAGES * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE) == STATUS_SUCCESS);
    /* from the top, where no search for any place comes while it is free */
    CHECK(allocate(&contested, PAGES * 4 * PAGE_SIZE, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE) ==
          STATUS_SUCCESS);
    prepare_places();
    CHECK(allocate(&page, PAGE_SIZE, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    guard = (uint8_t *)page;
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (uint64_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (uint64_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&readers[i], NULL, watch, (void *)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    __atomic_store_n(&done, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < READERS; i++)
        CHECK(pthread_join(readers[i], NULL) == 0);
    CHECK(mm_space_is_valid());
    check_places();
    give_back(contested, 0, MEM_RELEASE);
    CHECK(give_back(shared, 0, MEM_RELEASE) == STATUS_SUCCESS);
    CHECK(mm_space_is_valid());
    printf("memory_threads: %u threads, %u steps each, %u operations, %u readers, %u forks, "
           "%u guard pages met\n",
           THREADS, STEPS, (unsigned)array_length(operations), READERS, FORKS, ROUNDS);
    return 0;
}
