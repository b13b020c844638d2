/*
 * Who waits for whom. A host call of one thread is held up; what other threads can do meanwhile is
 * the point: a query of the same region, and every call on another one. Each test is a process.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/space.h"
#include "tests/unit/suite.h"

#define P  4096u
#define G  65536u
#define RC (MEM_RESERVE | MEM_COMMIT)

static const struct host_ops *real;
static struct host_ops slow;
static uint64_t held_address; /* a protect that begins here waits */
static atomic_bool inside, may_go;

static int slow_protect(uint64_t address, uint64_t size, unsigned access)
{
    if (address == held_address) {
        atomic_store(&inside, true);
        while (!atomic_load(&may_go))
            usleep(100);
    }
    return real->protect(address, size, access);
}

static char *victim, *other;
static pthread_t worker;
static atomic_bool second_done;

static void *protect_victim(void *argument)
{
    DWORD old;
    (void)argument;
    return (void *)(uintptr_t)VirtualProtect(victim, P, PAGE_READONLY, &old);
}

static void *decommit_victim(void *argument)
{
    (void)argument;
    uintptr_t done = (uintptr_t)VirtualFree(victim + P, P, MEM_DECOMMIT);
    atomic_store(&second_done, true);
    return (void *)done;
}

/* Two regions; a thread is in the middle of protecting the first page of one. */
static void hold_up(void)
{
    victim = VirtualAlloc(NULL, 4 * P, RC, PAGE_READWRITE);
    other = VirtualAlloc(NULL, 4 * P, RC, PAGE_READWRITE);
    ck_assert(victim && other);
    real = host;
    slow = *real;
    slow.protect = slow_protect;
    held_address = (uint64_t)victim;
    host = &slow;
    ck_assert_int_eq(pthread_create(&worker, NULL, protect_victim, NULL), 0);
    while (!atomic_load(&inside))
        usleep(100);
}

static void let_go(void)
{
    void *result;
    atomic_store(&may_go, true);
    ck_assert_int_eq(pthread_join(worker, &result), 0);
    ck_assert_ptr_nonnull(result);
    ck_assert(mm_space_is_valid()); /* the table stays: other threads may be using it */
}

START_TEST(a_query_waits_for_nobody)
{
    MEMORY_BASIC_INFORMATION info;
    hold_up();
    ck_assert_uint_eq(VirtualQuery(victim, &info, sizeof info), sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE); /* as before the call that is under way */
    let_go();
    ck_assert_uint_eq(VirtualQuery(victim, &info, sizeof info), sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READONLY);
}
END_TEST

START_TEST(calls_on_another_region_do_not_wait)
{
    DWORD old;
    hold_up();
    ck_assert(VirtualProtect(other, P, PAGE_READONLY, &old));
    ck_assert(VirtualFree(other, P, MEM_DECOMMIT));
    ck_assert_ptr_nonnull(VirtualAlloc(other, P, MEM_COMMIT, PAGE_READWRITE));
    other[0] = 1;
    ck_assert_uint_eq(OfferVirtualMemory(other, P, VmOfferPriorityLow), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(other, P), 0);
    ck_assert(VirtualFree(other, 0, MEM_RELEASE));
    char *third = VirtualAlloc(NULL, G, RC, PAGE_READWRITE);
    ck_assert(third && VirtualFree(third, 0, MEM_RELEASE));
    ck_assert(!atomic_load(&may_go));
    let_go();
}
END_TEST

START_TEST(a_second_call_on_the_region_waits)
{
    pthread_t second;
    void *result;
    hold_up();
    ck_assert_int_eq(pthread_create(&second, NULL, decommit_victim, NULL), 0);
    usleep(20000);
    ck_assert(!atomic_load(&second_done));
    let_go();
    ck_assert_int_eq(pthread_join(second, &result), 0);
    ck_assert_ptr_nonnull(result);
}
END_TEST

/* The one who waits for a region finds another in its place, or none. */
static void *release_victim(void *argument)
{
    (void)argument;
    return (void *)(uintptr_t)VirtualFree(victim, 0, MEM_RELEASE);
}

START_TEST(of_two_who_release_one_succeeds)
{
    pthread_t threads[2];
    void *results[2];
    hold_up();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, release_victim, NULL), 0);
    usleep(20000);
    let_go();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], &results[i]), 0);
    ck_assert_int_eq((results[0] != NULL) + (results[1] != NULL), 1);
    ck_assert(mm_space_is_valid());
}
END_TEST

static void *let_go_soon(void *argument)
{
    (void)argument;
    usleep(20000);
    atomic_store(&may_go, true);
    return NULL;
}

START_TEST(a_child_finds_nobody_at_work)
{
    pthread_t helper;
    int status;
    hold_up();
    ck_assert_int_eq(pthread_create(&helper, NULL, let_go_soon, NULL), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        DWORD old;
        bool well = space.claims == 0 && VirtualProtect(victim, P, PAGE_READWRITE, &old) &&
                    old == PAGE_READONLY && VirtualFree(victim, 0, MEM_RELEASE) &&
                    mm_space_is_valid();
        _exit(well ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pthread_join(helper, NULL);
    let_go();
}
END_TEST

START_TEST(a_range_is_claimed_at_once_or_not_at_all)
{
    hold_up();
    uint64_t low = (uint64_t)(victim < other ? victim : other),
             high = (uint64_t)(victim < other ? other : victim) + P;
    pthread_t helper;
    ck_assert_int_eq(pthread_create(&helper, NULL, let_go_soon, NULL), 0);
    space_claim_range(low, high); /* waits for the victim */
    ck_assert(atomic_load(&may_go));
    ck_assert_uint_eq(space.claims, 2);
    ck_assert_uint_eq(region_find(&space.map, (uint64_t)victim)->claimer,
                      region_find(&space.map, (uint64_t)other)->claimer);
    space_release_range(low, high);
    ck_assert_uint_eq(space.claims, 0);
    pthread_join(helper, NULL);
    let_go();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("claim");
    tcase_add_test(tests, a_query_waits_for_nobody);
    tcase_add_test(tests, calls_on_another_region_do_not_wait);
    tcase_add_test(tests, a_second_call_on_the_region_waits);
    tcase_add_test(tests, of_two_who_release_one_succeeds);
    tcase_add_test(tests, a_child_finds_nobody_at_work);
    tcase_add_test(tests, a_range_is_claimed_at_once_or_not_at_all);
    return suite_run("claim", tests);
}
