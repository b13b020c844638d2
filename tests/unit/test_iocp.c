/* Completion ports and wait completion packets. */
#include <check.h>
#include <pthread.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/wait.h"
#include "tests/unit/suite.h"

static HANDLE port;

static void setup(void)
{
    port = k32_CreateIoCompletionPort((HANDLE)-1, NULL, 0, 0);
    ck_assert_ptr_nonnull(port);
}

static unsigned take(OVERLAPPED_ENTRY *entries, unsigned count, DWORD timeout)
{
    ULONG got = 99;
    if (!k32_GetQueuedCompletionStatusEx(port, entries, count, &got, timeout, FALSE)) {
        ck_assert_uint_eq(last_error_get(), WAIT_TIMEOUT);
        ck_assert_uint_eq(got, 0);
        return 0;
    }
    return got;
}

START_TEST(posts_come_in_order)
{
    DWORD bytes;
    ULONG_PTR key;
    LPOVERLAPPED overlapped = (LPOVERLAPPED)1;
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), WAIT_TIMEOUT);
    ck_assert_ptr_null(overlapped);
    for (uint64_t i = 1; i <= 5; i++)
        ck_assert_int_eq(
            k32_PostQueuedCompletionStatus(port, (DWORD)i, i * 10, (LPOVERLAPPED)(i * 100)), TRUE);
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), TRUE);
    ck_assert_uint_eq(bytes, 1);
    ck_assert_uint_eq(key, 10);
    ck_assert_ptr_eq(overlapped, (LPOVERLAPPED)100);
    OVERLAPPED_ENTRY entries[8];
    ck_assert_uint_eq(take(entries, 3, INFINITE), 3);
    ck_assert_uint_eq(entries[0].lpCompletionKey, 20);
    ck_assert_uint_eq(entries[2].dwNumberOfBytesTransferred, 4);
    ck_assert_uint_eq(take(entries, 8, 0), 1);
    ck_assert_uint_eq(entries[0].lpCompletionKey, 50);
    ck_assert_uint_eq(take(entries, 8, 10), 0);
}
END_TEST

START_TEST(failed_operations_say_so)
{
    struct object *object;
    DWORD bytes;
    ULONG_PTR key;
    LPOVERLAPPED overlapped;
    ck_assert_int_eq(handle_lookup(port, OBJECT_COMPLETION_PORT, 0, &object), STATUS_SUCCESS);
    ck_assert_int_eq(completion_port_post(object, 5, &key, STATUS_ACCESS_DENIED, 6),
                     STATUS_SUCCESS);
    object_unref(object);
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    ck_assert_ptr_eq(overlapped, (LPOVERLAPPED)&key);
    ck_assert_uint_eq(key, 5);
    ck_assert_uint_eq(bytes, 6);
}
END_TEST

static void *post_later(void *unused)
{
    usleep(30000);
    k32_PostQueuedCompletionStatus(port, 1, 2, NULL);
    return NULL;
}

START_TEST(a_post_wakes)
{
    pthread_t thread;
    OVERLAPPED_ENTRY entry;
    pthread_create(&thread, NULL, post_later, NULL);
    ck_assert_uint_eq(take(&entry, 1, 10000), 1);
    ck_assert_uint_eq(entry.lpCompletionKey, 2);
    pthread_join(thread, NULL);
}
END_TEST

static void *close_later(void *unused)
{
    usleep(30000);
    k32_CloseHandle(port);
    return NULL;
}

START_TEST(closing_ends_the_wait)
{
    pthread_t thread;
    OVERLAPPED_ENTRY entry;
    ULONG got;
    pthread_create(&thread, NULL, close_later, NULL);
    ck_assert_int_eq(k32_GetQueuedCompletionStatusEx(port, &entry, 1, &got, 10000, FALSE), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ABANDONED_WAIT_0);
    pthread_join(thread, NULL);
}
END_TEST

static HANDLE packet_create(void)
{
    HANDLE packet;
    ck_assert_int_eq(nt_NtCreateWaitCompletionPacket(&packet, GENERIC_ALL, NULL), STATUS_SUCCESS);
    return packet;
}

static void set(HANDLE timer, LONGLONG due)
{
    LARGE_INTEGER when = {.QuadPart = due};
    ck_assert_int_eq(k32_SetWaitableTimer(timer, &when, 0, NULL, NULL, FALSE), TRUE);
}

START_TEST(packet_posts_when_the_timer_is_due)
{
    HANDLE packet = packet_create(),
           timer = k32_CreateWaitableTimerExW(NULL, NULL, 2, SYNCHRONIZE | TIMER_MODIFY_STATE);
    OVERLAPPED_ENTRY entry;
    BOOLEAN already = 7;
    set(timer, -300000);
    ck_assert_int_eq(
        nt_NtAssociateWaitCompletionPacket(packet, port, timer, (PVOID)5, (PVOID)6, 0, 9, &already),
        0);
    ck_assert_uint_eq(already, 0);
    ck_assert_int_eq(
        nt_NtAssociateWaitCompletionPacket(packet, port, timer, (PVOID)5, (PVOID)6, 0, 9, &already),
        STATUS_INVALID_PARAMETER_1);
    ck_assert_uint_eq(take(&entry, 1, 0), 0);
    uint64_t start = time_monotonic();
    ck_assert_uint_eq(take(&entry, 1, 10000), 1);
    ck_assert_uint_lt(time_monotonic() - start, 10000000);
    ck_assert_uint_eq(entry.lpCompletionKey, 5);
    ck_assert_ptr_eq(entry.lpOverlapped, (LPOVERLAPPED)6);
    ck_assert_uint_eq(entry.dwNumberOfBytesTransferred, 9);
    /* the association ended with the post */
    ck_assert_int_eq(nt_NtCancelWaitCompletionPacket(packet, 1), STATUS_CANCELLED);
    set(timer, 0);
    ck_assert_int_eq(
        nt_NtAssociateWaitCompletionPacket(packet, port, timer, (PVOID)8, NULL, 0, 0, &already), 0);
    ck_assert_uint_eq(already, 1);
    ck_assert_int_eq(nt_NtCancelWaitCompletionPacket(packet, 0), STATUS_PENDING);
    ck_assert_int_eq(nt_NtCancelWaitCompletionPacket(packet, 1), STATUS_SUCCESS);
    ck_assert_uint_eq(take(&entry, 1, 0), 0);
    set(timer, -100000);
    ck_assert_int_eq(
        nt_NtAssociateWaitCompletionPacket(packet, port, timer, (PVOID)8, NULL, 0, 0, NULL), 0);
    ck_assert_int_eq(nt_NtCancelWaitCompletionPacket(packet, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(take(&entry, 1, 30), 0);
}
END_TEST

struct later {
    HANDLE packet, target;
    bool timer;
};

static void *associate_later(void *argument)
{
    struct later *later = argument;
    usleep(30000);
    if (later->timer)
        set(later->target, -100000);
    nt_NtAssociateWaitCompletionPacket(later->packet, port, later->target, (PVOID)3, NULL, 0, 0,
                                       NULL);
    if (!later->timer)
        k32_SetEvent(later->target);
    return NULL;
}

START_TEST(association_reaches_a_sleeping_waiter)
{
    struct later later = {packet_create(), k32_CreateWaitableTimerW(NULL, TRUE, NULL), true};
    OVERLAPPED_ENTRY entry;
    pthread_t thread;
    if (_i == 1) {
        later.target = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
        later.timer = false;
    }
    pthread_create(&thread, NULL, associate_later, &later);
    uint64_t start = time_monotonic();
    ck_assert_uint_eq(take(&entry, 1, 10000), 1);
    ck_assert_uint_lt(time_monotonic() - start, 20000000);
    ck_assert_uint_eq(entry.lpCompletionKey, 3);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(closing_a_port_frees_its_packets)
{
    HANDLE packet = packet_create(), timer = k32_CreateWaitableTimerW(NULL, TRUE, NULL);
    set(timer, -10000000);
    struct object *object;
    ck_assert_int_eq(
        nt_NtAssociateWaitCompletionPacket(packet, port, timer, NULL, NULL, 0, 0, NULL), 0);
    ck_assert_int_eq(handle_lookup(timer, OBJECT_TIMER, 0, &object), STATUS_SUCCESS);
    ck_assert_uint_eq(object->refs, 3);
    k32_CloseHandle(port);
    ck_assert_uint_eq(object->refs, 2);
    ck_assert_int_eq(nt_NtCancelWaitCompletionPacket(packet, 1), STATUS_CANCELLED);
    object_unref(object);
}
END_TEST

#define POSTS 4000
static uint32_t received;

static void *receiver(void *unused)
{
    OVERLAPPED_ENTRY entries[4];
    ULONG got;
    while (k32_GetQueuedCompletionStatusEx(port, entries, 4, &got, 10000, FALSE))
        for (unsigned i = 0; i < got; i++) {
            if (entries[i].lpCompletionKey == 1)
                return NULL;
            __atomic_fetch_add(&received, 1, __ATOMIC_RELAXED);
        }
    return NULL;
}

START_TEST(many_threads_miss_nothing)
{
    pthread_t thread[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, receiver, NULL);
    for (int i = 0; i < POSTS; i++)
        k32_PostQueuedCompletionStatus(port, 0, 2, NULL);
    while (__atomic_load_n(&received, __ATOMIC_RELAXED) != POSTS)
        usleep(1000);
    for (int i = 0; i < 3; i++) {
        k32_PostQueuedCompletionStatus(port, 0, 1, NULL);
        usleep(20000);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("iocp");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, posts_come_in_order);
    tcase_add_test(tcase, failed_operations_say_so);
    tcase_add_test(tcase, a_post_wakes);
    tcase_add_test(tcase, closing_ends_the_wait);
    tcase_add_test(tcase, packet_posts_when_the_timer_is_due);
    tcase_add_loop_test(tcase, association_reaches_a_sleeping_waiter, 0, 2);
    tcase_add_test(tcase, closing_a_port_frees_its_packets);
    tcase_add_test(tcase, many_threads_miss_nothing);
    return suite_run("iocp", tcase);
}
