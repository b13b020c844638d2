/* Waiting: events, semaphores, mutexes, timers, APCs. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/wait.h"
#include "memoryapi/gate.h"
#include "tests/unit/suite.h"

static uint64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(auto_reset_event_lets_one_go)
{
    HANDLE event = k32_CreateEventW(NULL, FALSE, TRUE, NULL);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    ck_assert_int_eq(k32_SetEvent(event), TRUE);
    ck_assert_int_eq(k32_SetEvent(event), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    uint64_t start = milliseconds();
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 30), WAIT_TIMEOUT);
    ck_assert_uint_ge(milliseconds() - start, 29);
    ck_assert_int_eq(k32_CloseHandle(event), TRUE);
    ck_assert_int_eq(k32_CloseHandle(event), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 0), WAIT_FAILED);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
}
END_TEST

START_TEST(manual_event_and_multiple)
{
    HANDLE h[3] = {k32_CreateEventW(NULL, TRUE, FALSE, NULL),
                   k32_CreateEventW(NULL, FALSE, FALSE, NULL),
                   k32_CreateSemaphoreW(NULL, 1, 2, NULL)};
    ck_assert_uint_eq(k32_WaitForMultipleObjects(3, h, FALSE, 0), WAIT_OBJECT_0 + 2);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(3, h, FALSE, 0), WAIT_TIMEOUT);
    k32_SetEvent(h[0]);
    k32_SetEvent(h[1]);
    /* all: nothing is taken while one is missing */
    ck_assert_uint_eq(k32_WaitForMultipleObjects(3, h, TRUE, 0), WAIT_TIMEOUT);
    LONG previous = -1;
    ck_assert_int_eq(k32_ReleaseSemaphore(h[2], 2, &previous), TRUE);
    ck_assert_int_eq(previous, 0);
    ck_assert_int_eq(k32_ReleaseSemaphore(h[2], 1, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_TOO_MANY_POSTS);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(3, h, TRUE, 0), WAIT_OBJECT_0);
    ck_assert_uint_eq(k32_WaitForSingleObject(h[1], 0), WAIT_TIMEOUT);
    ck_assert_uint_eq(k32_WaitForSingleObject(h[0], 0), WAIT_OBJECT_0);
    HANDLE twice[2] = {h[0], h[0]};
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, twice, TRUE, 0), WAIT_FAILED);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, twice, FALSE, 0), WAIT_OBJECT_0);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(0, h, FALSE, 0), WAIT_FAILED);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(65, h, FALSE, 0), WAIT_FAILED);
}
END_TEST

struct wait_job {
    HANDLE handles[3];
    unsigned count;
    BOOL all;
    DWORD result;
    uint32_t done;
};

static void *wait_thread(void *argument)
{
    struct wait_job *job = argument;
    job->result = k32_WaitForMultipleObjects(job->count, job->handles, job->all, 10000);
    __atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

START_TEST(waiters_go_when_all_is_there)
{
    HANDLE a = k32_CreateEventW(NULL, FALSE, FALSE, NULL),
           b = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    struct wait_job job = {{a, b}, 2, TRUE, 99, 0};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_thread, &job);
    usleep(20000);
    k32_SetEvent(a);
    usleep(20000);
    ck_assert_uint_eq(__atomic_load_n(&job.done, __ATOMIC_ACQUIRE), 0);
    /* the waiter has not taken `a` */
    ck_assert_uint_eq(k32_WaitForSingleObject(a, 0), WAIT_OBJECT_0);
    k32_SetEvent(b);
    usleep(20000);
    ck_assert_uint_eq(__atomic_load_n(&job.done, __ATOMIC_ACQUIRE), 0);
    k32_SetEvent(a);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(job.result, WAIT_OBJECT_0);
}
END_TEST

START_TEST(pulse_lets_present_waiters_go)
{
    HANDLE manual = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    struct wait_job job[2] = {{{manual}, 1, FALSE, 99, 0}, {{manual}, 1, FALSE, 99, 0}};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, wait_thread, &job[i]);
    usleep(50000);
    k32_PulseEvent(manual);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_uint_eq(job[i].result, WAIT_OBJECT_0);
    }
    ck_assert_uint_eq(k32_WaitForSingleObject(manual, 0), WAIT_TIMEOUT);
}
END_TEST

static void *take_and_die(void *mutex)
{
    ck_assert_uint_eq(k32_WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    return NULL;
}

START_TEST(mutexes_have_owners)
{
    HANDLE mutex = k32_CreateMutexW(NULL, TRUE, NULL);
    ck_assert_uint_eq(k32_WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    ck_assert_int_eq(k32_ReleaseMutex(mutex), TRUE);
    ck_assert_int_eq(k32_ReleaseMutex(mutex), TRUE);
    ck_assert_int_eq(k32_ReleaseMutex(mutex), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_OWNER);
    pthread_t thread;
    pthread_create(&thread, NULL, take_and_die, mutex);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(k32_WaitForSingleObject(mutex, 1000), WAIT_ABANDONED);
    ck_assert_uint_eq(k32_WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
}
END_TEST

START_TEST(names_are_shared)
{
    static const WCHAR name[] = {'a', 'b', 0},
                       local[] = {'L', 'o', 'c', 'a', 'l', '\\', 'a', 'b', 0};
    HANDLE first = k32_CreateEventW(NULL, TRUE, FALSE, name);
    ck_assert_uint_eq(last_error_get(), 0);
    HANDLE second = k32_CreateEventA(NULL, FALSE, TRUE, "Local\\ab");
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    ck_assert_int_eq(k32_CompareObjectHandles(first, second), TRUE);
    ck_assert_ptr_null(k32_CreateMutexW(NULL, FALSE, name));
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    HANDLE third = k32_OpenEventW(SYNCHRONIZE, FALSE, local);
    ck_assert_ptr_nonnull(third);
    ck_assert_int_eq(k32_SetEvent(third), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    k32_CloseHandle(first);
    k32_CloseHandle(second);
    k32_CloseHandle(third);
    ck_assert_ptr_null(k32_OpenEventA(SYNCHRONIZE, FALSE, "ab"));
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
}
END_TEST

static int apc_calls;
static uint64_t apc_seen[3];

static __attribute__((ms_abi)) void apc(uint64_t a, uint64_t b, uint64_t c)
{
    apc_calls++;
    apc_seen[0] = a;
    apc_seen[1] = b;
    apc_seen[2] = c;
}

START_TEST(apcs_run_in_alertable_waits_only)
{
    ck_assert_int_eq(wait_queue_apc(wait_self(), apc, 1, 2, 3), STATUS_SUCCESS);
    ck_assert_int_eq(wait_queue_apc(wait_self(), apc, 4, 5, 6), STATUS_SUCCESS);
    ck_assert_uint_eq(k32_SleepEx(0, FALSE), 0);
    ck_assert_int_eq(apc_calls, 0);
    ck_assert_uint_eq(k32_SleepEx(5000, TRUE), WAIT_IO_COMPLETION);
    ck_assert_int_eq(apc_calls, 2);
    ck_assert_uint_eq(apc_seen[0], 4);
    ck_assert_uint_eq(apc_seen[2], 6);
    ck_assert_uint_eq(k32_SleepEx(1, TRUE), 0);
}
END_TEST

static void *queue_later(void *state)
{
    usleep(30000);
    wait_queue_apc(state, apc, 7, 8, 9);
    return NULL;
}

START_TEST(apc_ends_a_wait)
{
    HANDLE event = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, queue_later, wait_self());
    ck_assert_uint_eq(k32_WaitForSingleObjectEx(event, 10000, TRUE), WAIT_IO_COMPLETION);
    ck_assert_int_eq(apc_calls, 1);
    ck_assert_uint_eq(apc_seen[1], 8);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(timers)
{
    HANDLE timer = k32_CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
                                              SYNCHRONIZE | TIMER_MODIFY_STATE);
    LARGE_INTEGER due = {.QuadPart = -300000}; /* 30 ms */
    uint64_t start = milliseconds();
    ck_assert_int_eq(k32_SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 5000), WAIT_OBJECT_0);
    ck_assert_uint_ge(milliseconds() - start, 29);
    ck_assert_uint_lt(milliseconds() - start, 1000);
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 60), WAIT_TIMEOUT);
    due.QuadPart = -100000;
    ck_assert_int_eq(k32_SetWaitableTimer(timer, &due, 10, NULL, NULL, FALSE), TRUE);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(k32_WaitForSingleObject(timer, 5000), WAIT_OBJECT_0);
    ck_assert_int_eq(k32_CancelWaitableTimer(timer), TRUE);
    k32_WaitForSingleObject(timer, 0);
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 40), WAIT_TIMEOUT);
    due.QuadPart = 0; /* long ago */
    ck_assert_int_eq(k32_SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 0), WAIT_OBJECT_0);
    ck_assert_int_eq(k32_SetWaitableTimer(timer, &due, -1, NULL, NULL, FALSE), FALSE);
    ck_assert_ptr_null(k32_CreateWaitableTimerExW(NULL, NULL, 4, SYNCHRONIZE));
}
END_TEST

START_TEST(timer_routine_runs_in_its_thread)
{
    HANDLE timer = k32_CreateWaitableTimerW(NULL, TRUE, NULL);
    LARGE_INTEGER due = {.QuadPart = -200000};
    ck_assert_int_eq(
        k32_SetWaitableTimer(timer, &due, 0, (PTIMERAPCROUTINE)(void *)apc, (PVOID)77, FALSE),
        TRUE);
    k32_Sleep(40);
    ck_assert_int_eq(apc_calls, 0);
    ck_assert_uint_eq(k32_SleepEx(5000, TRUE), WAIT_IO_COMPLETION);
    ck_assert_int_eq(apc_calls, 1);
    ck_assert_uint_eq(apc_seen[0], 77);
    ck_assert_int_eq(
        k32_SetWaitableTimer(timer, &due, 20, (PTIMERAPCROUTINE)(void *)apc, (PVOID)78, FALSE),
        TRUE);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(k32_SleepEx(5000, TRUE), WAIT_IO_COMPLETION);
    ck_assert_int_eq(apc_calls, 4);
    k32_CancelWaitableTimer(timer);
    ck_assert_uint_eq(k32_SleepEx(50, TRUE), 0);
}
END_TEST

static void *set_sooner(void *timer)
{
    LARGE_INTEGER due = {.QuadPart = -100000};
    usleep(30000);
    k32_SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
    return NULL;
}

START_TEST(timer_set_while_waited_for)
{
    HANDLE timer = k32_CreateWaitableTimerW(NULL, TRUE, NULL);
    LARGE_INTEGER due = {.QuadPart = -600000000};
    k32_SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
    pthread_t thread;
    pthread_create(&thread, NULL, set_sooner, timer);
    uint64_t start = milliseconds();
    ck_assert_uint_eq(k32_WaitForSingleObject(timer, 10000), WAIT_OBJECT_0);
    ck_assert_uint_lt(milliseconds() - start, 2000);
    pthread_join(thread, NULL);
}
END_TEST

static HANDLE ping, pong;

static void *player(void *rounds)
{
    for (intptr_t i = 0; i < (intptr_t)rounds; i++) {
        k32_WaitForSingleObject(ping, INFINITE);
        k32_SetEvent(pong);
    }
    return NULL;
}

START_TEST(no_wake_is_lost)
{
    ping = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    pong = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, player, (void *)5000);
    for (int i = 0; i < 5000; i++)
        ck_assert_uint_eq(k32_SignalObjectAndWait(ping, pong, 5000, FALSE), WAIT_OBJECT_0);
    pthread_join(thread, NULL);
}
END_TEST

static HANDLE contended;
static int counted;

static void *count_under_mutex(void *unused)
{
    for (int i = 0; i < 3000; i++) {
        if (k32_WaitForSingleObject(contended, i % 7 == 0 ? 1 : INFINITE) != WAIT_OBJECT_0) {
            i--;
            continue;
        }
        counted++;
        k32_ReleaseMutex(contended);
    }
    return NULL;
}

START_TEST(mutex_excludes)
{
    contended = k32_CreateMutexW(NULL, FALSE, NULL);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, count_under_mutex, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(counted, 12000);
}
END_TEST

START_TEST(duplicates)
{
    HANDLE event = k32_CreateEventW(NULL, TRUE, TRUE, NULL), copy, self = (HANDLE)-1;
    ck_assert_int_eq(k32_DuplicateHandle(self, event, self, &copy, SYNCHRONIZE, FALSE, 0), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(copy, 0), WAIT_OBJECT_0);
    ck_assert_int_eq(k32_SetEvent(copy), FALSE);
    HANDLE moved;
    ck_assert_int_eq(k32_DuplicateHandle(self, event, self, &moved, 0, TRUE,
                                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                     TRUE);
    ck_assert_int_eq(k32_SetEvent(moved), TRUE);
    DWORD flags = 0;
    ck_assert_int_eq(k32_GetHandleInformation(moved, &flags), TRUE);
    ck_assert_uint_eq(flags, HANDLE_FLAG_INHERIT);
    ck_assert_int_eq(k32_CloseHandle(event), FALSE);
    ck_assert_int_eq(
        k32_DuplicateHandle(self, event, self, &moved, 0, FALSE, DUPLICATE_SAME_ACCESS), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
}
END_TEST

/* A waiting thread as SuspendThread finds it: inside a gate, in the window that waiting opens. */
static uint32_t signals_in_window, signals_inside, parked;

static void on_signal(int number)
{
    __atomic_fetch_add(gate_self.depth ? &signals_inside : &signals_in_window, 1, __ATOMIC_SEQ_CST);
}

static void count_park(void)
{
    __atomic_fetch_add(&parked, 1, __ATOMIC_SEQ_CST);
    gate_self.pending = 0;
}

static void *wait_in_gate(void *argument)
{
    gate_enter();
    void *result = wait_thread(argument);
    gate_self.pending = 1;
    gate_leave();
    return result;
}

START_TEST(signals_do_not_end_a_wait)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    gate_park = count_park;
    HANDLE event = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    struct wait_job job = {{event}, 1, FALSE, 99, 0};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_in_gate, &job);
    usleep(50000);
    for (int i = 0; i < 20; i++) {
        pthread_kill(thread, SIGUSR1); /* one at a time: two that wait for delivery are one */
        for (int tries = 0;
             tries < 5000 &&
             __atomic_load_n(&signals_in_window, __ATOMIC_SEQ_CST) + signals_inside <= (uint32_t)i;
             tries++)
            usleep(200);
    }
    ck_assert_uint_eq(__atomic_load_n(&job.done, __ATOMIC_ACQUIRE), 0);
    ck_assert_uint_eq(signals_in_window, 20);
    ck_assert_uint_eq(signals_inside, 0);
    k32_SetEvent(event);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(job.result, WAIT_OBJECT_0);
    ck_assert_uint_eq(parked, 1);
}
END_TEST

START_TEST(native_events)
{
    HANDLE event;
    LONG before = 7;
    ck_assert_int_eq(nt_NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 1, 1), STATUS_SUCCESS);
    ck_assert_int_eq(nt_NtResetEvent(event, &before), STATUS_SUCCESS);
    ck_assert_int_eq(before, 1);
    ck_assert_int_eq(nt_NtSetEvent(event, &before), STATUS_SUCCESS);
    ck_assert_int_eq(before, 0);
    LARGE_INTEGER timeout = {.QuadPart = -10000};
    ck_assert_int_eq(nt_NtWaitForSingleObject(event, 0, &timeout), STATUS_WAIT_0);
    ck_assert_int_eq(nt_NtWaitForSingleObject(event, 0, &timeout), STATUS_TIMEOUT);
    ck_assert_int_eq(nt_NtClose(event), STATUS_SUCCESS);
    ck_assert_int_eq(nt_NtClose(event), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(nt_NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 2, 1),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(detached_thread_leaves_nothing)
{
    struct wait_state state = {0};
    HANDLE timer = k32_CreateWaitableTimerW(NULL, TRUE, NULL);
    LARGE_INTEGER due = {.QuadPart = -10};
    wait_attach(&state, 42);
    ck_assert_uint_eq(wait_self()->id, 42);
    ck_assert_int_eq(
        k32_SetWaitableTimer(timer, &due, 0, (PTIMERAPCROUTINE)(void *)apc, NULL, FALSE), TRUE);
    HANDLE mutex = k32_CreateMutexW(NULL, TRUE, NULL);
    ck_assert_int_eq(wait_queue_apc(&state, apc, 1, 2, 3), STATUS_SUCCESS);
    wait_detach(&state);
    ck_assert_ptr_null(state.timers);
    ck_assert_ptr_null(state.mutexes);
    ck_assert_ptr_null(state.apcs);
    ck_assert_uint_eq(k32_SleepEx(20, TRUE), 0); /* as a host thread again */
    ck_assert_int_eq(apc_calls, 0);
    ck_assert_uint_eq(k32_WaitForSingleObject(mutex, 0), WAIT_ABANDONED);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("wait");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, auto_reset_event_lets_one_go);
    tcase_add_test(tcase, manual_event_and_multiple);
    tcase_add_test(tcase, waiters_go_when_all_is_there);
    tcase_add_test(tcase, pulse_lets_present_waiters_go);
    tcase_add_test(tcase, mutexes_have_owners);
    tcase_add_test(tcase, names_are_shared);
    tcase_add_test(tcase, apcs_run_in_alertable_waits_only);
    tcase_add_test(tcase, apc_ends_a_wait);
    tcase_add_test(tcase, timers);
    tcase_add_test(tcase, timer_routine_runs_in_its_thread);
    tcase_add_test(tcase, timer_set_while_waited_for);
    tcase_add_test(tcase, no_wake_is_lost);
    tcase_add_test(tcase, mutex_excludes);
    tcase_add_test(tcase, duplicates);
    tcase_add_test(tcase, signals_do_not_end_a_wait);
    tcase_add_test(tcase, native_events);
    tcase_add_test(tcase, detached_thread_leaves_nothing);
    return suite_run("wait", tcase);
}
