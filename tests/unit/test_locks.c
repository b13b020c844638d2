/* Slim locks, condition variables, critical sections, one-time initialization, waiting on
 * addresses, lists. */
#include <check.h>
#include <pthread.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "tests/unit/suite.h"

#define THREADS 4
#define ROUNDS  20000

static SRWLOCK srw;
static CRITICAL_SECTION section;
static CONDITION_VARIABLE condition;
static long counter, mirror;
static int torn;

static void run(void *(*function)(void *))
{
    pthread_t thread[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, function, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
}

static void *use_srw(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + (intptr_t)number) % 3 == 0) {
            k32_AcquireSRWLockExclusive(&srw);
            counter++;
            mirror++;
            k32_ReleaseSRWLockExclusive(&srw);
        } else {
            k32_AcquireSRWLockShared(&srw);
            if (counter != mirror)
                __atomic_store_n(&torn, 1, __ATOMIC_RELAXED);
            k32_ReleaseSRWLockShared(&srw);
        }
    }
    return NULL;
}

START_TEST(srw_excludes)
{
    run(use_srw);
    ck_assert_int_eq(torn, 0);
    long expected = 0;
    for (int n = 0; n < THREADS; n++)
        for (int i = 0; i < ROUNDS; i++)
            expected += (i + n) % 3 == 0;
    ck_assert_int_eq(counter, expected);
    ck_assert_uint_eq(srw.Ptr, 0);
}
END_TEST

START_TEST(srw_try)
{
    ck_assert_uint_eq(k32_TryAcquireSRWLockShared(&srw), 1);
    ck_assert_uint_eq(k32_TryAcquireSRWLockShared(&srw), 1);
    ck_assert_uint_eq(k32_TryAcquireSRWLockExclusive(&srw), 0);
    k32_ReleaseSRWLockShared(&srw);
    k32_ReleaseSRWLockShared(&srw);
    ck_assert_uint_eq(k32_TryAcquireSRWLockExclusive(&srw), 1);
    ck_assert_uint_eq(k32_TryAcquireSRWLockShared(&srw), 0);
    ck_assert_uint_eq(k32_TryAcquireSRWLockExclusive(&srw), 0);
    k32_ReleaseSRWLockExclusive(&srw);
    ck_assert_uint_eq(srw.Ptr, 0);
}
END_TEST

static uint32_t writer_in;

static void *write_once(void *unused)
{
    k32_AcquireSRWLockExclusive(&srw);
    __atomic_store_n(&writer_in, 1, __ATOMIC_SEQ_CST);
    k32_ReleaseSRWLockExclusive(&srw);
    return NULL;
}

START_TEST(srw_writer_comes_before_new_readers)
{
    pthread_t thread;
    k32_AcquireSRWLockShared(&srw);
    pthread_create(&thread, NULL, write_once, NULL);
    usleep(50000);
    ck_assert_uint_eq(writer_in, 0);
    ck_assert_uint_eq(k32_TryAcquireSRWLockShared(&srw), 0);
    k32_ReleaseSRWLockShared(&srw);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(writer_in, 1);
}
END_TEST

static void *use_section(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        k32_EnterCriticalSection(&section);
        k32_EnterCriticalSection(&section);
        counter++;
        k32_LeaveCriticalSection(&section);
        k32_LeaveCriticalSection(&section);
    }
    return NULL;
}

static void *try_section(void *unused)
{
    return (void *)(intptr_t)k32_TryEnterCriticalSection(&section);
}

START_TEST(critical_section_excludes)
{
    static const CRITICAL_SECTION as_macros_write_it = {(PVOID)-1, -1, 0, 0, 0, 0};
    if (_i)
        section = as_macros_write_it;
    else
        k32_InitializeCriticalSection(&section);
    run(use_section);
    ck_assert_int_eq(counter, THREADS * ROUNDS);
    ck_assert_int_eq(section.LockCount, -1);
    ck_assert_ptr_null(section.OwningThread);
    ck_assert_int_eq(k32_TryEnterCriticalSection(&section), TRUE);
    ck_assert_int_eq(k32_TryEnterCriticalSection(&section), TRUE);
    pthread_t thread;
    void *entered;
    pthread_create(&thread, NULL, try_section, NULL);
    pthread_join(thread, &entered);
    ck_assert_ptr_null(entered);
    k32_LeaveCriticalSection(&section);
    k32_LeaveCriticalSection(&section);
    k32_DeleteCriticalSection(&section);
}
END_TEST

static int items, consumed;

static void *consumer(void *number)
{
    bool slim = (intptr_t)number & 1;
    for (int i = 0; i < 500; i++) {
        k32_AcquireSRWLockExclusive(&srw);
        while (items == 0)
            k32_SleepConditionVariableSRW(&condition, &srw, slim ? INFINITE : 5000, 0);
        items--;
        consumed++;
        k32_ReleaseSRWLockExclusive(&srw);
    }
    return NULL;
}

START_TEST(condition_loses_no_wake)
{
    pthread_t thread[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, consumer, (void *)i);
    for (int i = 0; i < THREADS * 500; i++) {
        k32_AcquireSRWLockExclusive(&srw);
        items++;
        k32_ReleaseSRWLockExclusive(&srw);
        k32_WakeConditionVariable(&condition);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(consumed, THREADS * 500);
    ck_assert_uint_eq(condition.Ptr >> 32, 0);
    k32_InitializeCriticalSection(&section);
    k32_EnterCriticalSection(&section);
    ck_assert_int_eq(k32_SleepConditionVariableCS(&condition, &section, 20), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_TIMEOUT);
    ck_assert_int_eq(section.RecursionCount, 1);
    k32_LeaveCriticalSection(&section);
}
END_TEST

static INIT_ONCE once;
static int initialized, fail_first;

static __attribute__((ms_abi)) BOOL initialize(PINIT_ONCE self, PVOID parameter, PVOID *context)
{
    usleep(20000);
    initialized++;
    *context = (PVOID)0x1000;
    return !(fail_first && initialized == 1);
}

static void *initialize_once(void *unused)
{
    LPVOID context = NULL;
    if (!k32_InitOnceExecuteOnce(&once, initialize, NULL, &context))
        return NULL;
    return context == (LPVOID)0x1000 ? NULL : "wrong context";
}

START_TEST(init_once_runs_once)
{
    fail_first = _i;
    run(initialize_once);
    ck_assert_int_eq(initialized, 1 + _i);
    BOOL pending = 7;
    LPVOID context = NULL;
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&once, 1, &pending, &context), TRUE);
    ck_assert_int_eq(pending, FALSE);
    ck_assert_ptr_eq(context, (LPVOID)0x1000);
}
END_TEST

START_TEST(init_once_async)
{
    INIT_ONCE mine = {0};
    BOOL pending = FALSE;
    LPVOID context = NULL;
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&mine, 1, &pending, NULL), FALSE);
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&mine, 2, &pending, NULL), TRUE);
    ck_assert_int_eq(pending, TRUE);
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&mine, 2, &pending, NULL), TRUE);
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&mine, 0, &pending, NULL), FALSE);
    ck_assert_int_eq(k32_InitOnceComplete(&mine, 2, (LPVOID)1), FALSE);
    ck_assert_int_eq(k32_InitOnceComplete(&mine, 2, (LPVOID)0x20), TRUE);
    ck_assert_int_eq(k32_InitOnceComplete(&mine, 2, (LPVOID)0x40), FALSE);
    ck_assert_int_eq(k32_InitOnceBeginInitialize(&mine, 0, &pending, &context), TRUE);
    ck_assert_ptr_eq(context, (LPVOID)0x20);
}
END_TEST

static uint8_t values[8];

static void *wait_for_change(void *number)
{
    uint8_t zero = 0;
    while (__atomic_load_n(&values[(intptr_t)number], __ATOMIC_ACQUIRE) == 0)
        if (!k32_WaitOnAddress(&values[(intptr_t)number], &zero, 1, 10000))
            return "timeout";
    return NULL;
}

START_TEST(addresses)
{
    pthread_t thread[THREADS];
    void *failed;
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, wait_for_change,
                       (void *)(i / 2)); /* two on each of two bytes */
    usleep(30000);
    for (int i = 0; i < 2; i++) {
        __atomic_store_n(&values[i], 1, __ATOMIC_RELEASE);
        if (i)
            k32_WakeByAddressAll(&values[i]);
        else
            for (int n = 0; n < 2; n++)
                k32_WakeByAddressSingle(&values[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &failed);
        ck_assert_ptr_null(failed);
    }
    uint64_t value = 5, same = 5;
    ck_assert_int_eq(k32_WaitOnAddress(&value, &same, 8, 20), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_TIMEOUT);
    same = 5 | 1ull << 40;
    ck_assert_int_eq(k32_WaitOnAddress(&value, &same, 8, 0), TRUE);
    ck_assert_int_eq(k32_WaitOnAddress(&value, &same, 3, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
}
END_TEST

static uint32_t baton;

static void *pass_baton(void *number)
{
    uint32_t mine = (uint32_t)(intptr_t)number;
    for (int i = 0; i < 1000; i++) {
        uint32_t now;
        while ((now = __atomic_load_n(&baton, __ATOMIC_ACQUIRE)) % THREADS != mine)
            k32_WaitOnAddress(&baton, &now, 4, INFINITE);
        __atomic_store_n(&baton, now + 1, __ATOMIC_RELEASE);
        k32_WakeByAddressAll(&baton);
    }
    return NULL;
}

START_TEST(no_wake_by_address_is_lost)
{
    run(pass_baton);
    ck_assert_uint_eq(baton, THREADS * 1000);
}
END_TEST

static SLIST_HEADER list;
static SLIST_ENTRY entries[THREADS * 4];

static void *churn(void *number)
{
    for (int n = 0; n < 4; n++)
        k32_InterlockedPushEntrySList(&list, &entries[(intptr_t)number * 4 + n]);
    for (int i = 0; i < ROUNDS; i++) {
        PSLIST_ENTRY entry = k32_InterlockedPopEntrySList(&list);
        if (entry)
            k32_InterlockedPushEntrySList(&list, entry);
    }
    return NULL;
}

START_TEST(lists)
{
    k32_InitializeSListHead(&list);
    ck_assert_ptr_null(k32_InterlockedPopEntrySList(&list));
    ck_assert_ptr_null(k32_InterlockedPushEntrySList(&list, &entries[0]));
    ck_assert_ptr_eq(k32_InterlockedPushEntrySList(&list, &entries[1]), &entries[0]);
    ck_assert_uint_eq(k32_QueryDepthSList(&list), 2);
    ck_assert_ptr_eq(k32_InterlockedPopEntrySList(&list), &entries[1]);
    ck_assert_ptr_eq(k32_InterlockedFlushSList(&list), &entries[0]);
    ck_assert_uint_eq(k32_QueryDepthSList(&list), 0);
    run(churn);
    ck_assert_uint_eq(k32_QueryDepthSList(&list), THREADS * 4);
    unsigned found = 0;
    for (PSLIST_ENTRY at = k32_InterlockedFlushSList(&list); at; at = at->Next)
        found++;
    ck_assert_uint_eq(found, THREADS * 4);
}
END_TEST

static SYNCHRONIZATION_BARRIER barrier;
static int arrivals, lasts;

static void *cross(void *unused)
{
    for (int i = 1; i <= 500; i++) {
        __atomic_fetch_add(&arrivals, 1, __ATOMIC_SEQ_CST);
        if (k32_EnterSynchronizationBarrier(&barrier, 0))
            __atomic_fetch_add(&lasts, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&arrivals, __ATOMIC_SEQ_CST) < i * THREADS)
            __atomic_store_n(&torn, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

START_TEST(barriers)
{
    ck_assert_int_eq(k32_InitializeSynchronizationBarrier(&barrier, 0, -1), FALSE);
    ck_assert_int_eq(k32_InitializeSynchronizationBarrier(&barrier, THREADS, -1), TRUE);
    run(cross);
    ck_assert_int_eq(torn, 0);
    ck_assert_int_eq(lasts, 500);
    ck_assert_int_eq(k32_DeleteSynchronizationBarrier(&barrier), TRUE);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("locks");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, srw_excludes);
    tcase_add_test(tcase, srw_try);
    tcase_add_test(tcase, srw_writer_comes_before_new_readers);
    tcase_add_loop_test(tcase, critical_section_excludes, 0, 2);
    tcase_add_test(tcase, condition_loses_no_wake);
    tcase_add_loop_test(tcase, init_once_runs_once, 0, 2);
    tcase_add_test(tcase, init_once_async);
    tcase_add_test(tcase, addresses);
    tcase_add_test(tcase, no_wake_by_address_is_lost);
    tcase_add_test(tcase, lists);
    tcase_add_test(tcase, barriers);
    return suite_run("locks", tcase);
}
