/* Keyed mutexes of the simulated GPU. */
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

static D3DKMT_CREATEKEYEDMUTEX make_mutex(uint64_t key)
{
    D3DKMT_CREATEKEYEDMUTEX create = {.InitialValue = key};
    make_adapter();
    ck_assert_int_eq(kmt_CreateKeyedMutex(&create), STATUS_SUCCESS);
    return create;
}

static D3DKMT_HANDLE open_mutex(D3DKMT_HANDLE global)
{
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = global};
    ck_assert_int_eq(kmt_OpenKeyedMutex(&open), STATUS_SUCCESS);
    return open.hKeyedMutex;
}

static NTSTATUS take(D3DKMT_HANDLE mutex, uint64_t key, int64_t timeout, uint64_t *ret_fence)
{
    LARGE_INTEGER limit = {.QuadPart = timeout};
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {mutex, key, &limit, 99};
    NTSTATUS status = kmt_AcquireKeyedMutex(&acquire);
    if (ret_fence)
        *ret_fence = acquire.FenceValue;
    return status;
}

static NTSTATUS give(D3DKMT_HANDLE mutex, uint64_t key, uint64_t fence)
{
    D3DKMT_RELEASEKEYEDMUTEX release = {mutex, key, fence};
    return kmt_ReleaseKeyedMutex(&release);
}

static NTSTATUS close_mutex(D3DKMT_HANDLE mutex)
{
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {mutex};
    return kmt_DestroyKeyedMutex(&destroy);
}

static uint64_t milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

START_TEST(keys_let_in) /* KMT-203, 204, 207, 208 */
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    D3DKMT_HANDLE other = open_mutex(mutex.hSharedHandle);
    uint64_t fence;
    ck_assert_uint_ne(other, mutex.hKeyedMutex);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 4, 0, &fence), STATUS_TIMEOUT);
    ck_assert_uint_eq(fence, 99);
    ck_assert_int_eq(give(mutex.hKeyedMutex, 5, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, &fence), STATUS_SUCCESS);
    ck_assert_uint_eq(fence, 0);
    ck_assert_int_eq(take(other, 5, 0, NULL), STATUS_TIMEOUT);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, NULL), STATUS_TIMEOUT);
    ck_assert_int_eq(give(other, 6, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(give(mutex.hKeyedMutex, 6, 17), STATUS_SUCCESS);
    ck_assert_int_eq(take(other, 5, 0, NULL), STATUS_TIMEOUT);
    ck_assert_int_eq(take(other, 6, 0, &fence), STATUS_SUCCESS);
    ck_assert_uint_eq(fence, 17);
    ck_assert_int_eq(give(other, 1, 0), STATUS_SUCCESS);
    ck_assert_int_eq(close_mutex(other), STATUS_SUCCESS);
    ck_assert_int_eq(close_mutex(other), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(close_mutex(mutex.hKeyedMutex), STATUS_SUCCESS);
}
END_TEST

START_TEST(timeouts_are_kept) /* KMT-205 */
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    uint64_t start = milliseconds();
    ck_assert_int_eq(take(mutex.hKeyedMutex, 4, -600000, NULL), STATUS_TIMEOUT); /* 60 ms */
    ck_assert_uint_ge(milliseconds() - start, 59);
    ck_assert_uint_lt(milliseconds() - start, 2000);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t units = (int64_t)now.tv_sec * 10000000 + now.tv_nsec / 100 + 116444736000000000;
    start = milliseconds();
    ck_assert_int_eq(take(mutex.hKeyedMutex, 4, units + 600000, NULL), STATUS_TIMEOUT);
    ck_assert_uint_ge(milliseconds() - start, 40);
    start = milliseconds();
    ck_assert_int_eq(take(mutex.hKeyedMutex, 4, units - 10000000, NULL), STATUS_TIMEOUT);
    ck_assert_uint_lt(milliseconds() - start, 2000);
    close_mutex(mutex.hKeyedMutex);
}
END_TEST

static void *give_later(void *argument)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    ck_assert_int_eq(give(*(D3DKMT_HANDLE *)argument, 7, 3), STATUS_SUCCESS);
    return NULL;
}

START_TEST(a_release_lets_in_who_waits) /* KMT-206 */
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    D3DKMT_HANDLE other = open_mutex(mutex.hSharedHandle);
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {other, 7, NULL, 0};
    pthread_t thread;
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, NULL), STATUS_SUCCESS);
    pthread_create(&thread, NULL, give_later, &mutex.hKeyedMutex);
    ck_assert_int_eq(kmt_AcquireKeyedMutex(&acquire), STATUS_SUCCESS);
    ck_assert_uint_eq(acquire.FenceValue, 3);
    pthread_join(thread, NULL);
    close_mutex(other);
    close_mutex(mutex.hKeyedMutex);
}
END_TEST

START_TEST(a_holder_that_goes_abandons_it) /* KMT-211 */
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    D3DKMT_HANDLE other = open_mutex(mutex.hSharedHandle);
    ck_assert_int_eq(take(other, 5, 0, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(close_mutex(other), STATUS_SUCCESS);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 4, 0, NULL), STATUS_TIMEOUT);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, NULL), STATUS_ABANDONED_WAIT_0);
    ck_assert_int_eq(give(mutex.hKeyedMutex, 5, 0), STATUS_SUCCESS);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, NULL), STATUS_SUCCESS);
    close_mutex(mutex.hKeyedMutex);
}
END_TEST

START_TEST(other_processes_take_it_and_may_die)
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) { /* attaches anew; a process of its own to the machine */
        if (gpu_attach() != STATUS_SUCCESS)
            _exit(1);
        D3DKMT_HANDLE mine = open_mutex(mutex.hSharedHandle);
        _exit(take(mine, 5, 0, NULL) == STATUS_SUCCESS ? 0 : 2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, -50000000, NULL), STATUS_ABANDONED_WAIT_0);
    close_mutex(mutex.hKeyedMutex);
}
END_TEST

static NTSTATUS take_data(D3DKMT_HANDLE mutex, uint64_t key, void *data, uint32_t size)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    D3DKMT_ACQUIREKEYEDMUTEX2 acquire = {mutex, key, &none, 0, data, size};
    return kmt_AcquireKeyedMutex2(&acquire);
}

START_TEST(private_data_goes_from_holder_to_holder) /* KMT-209, 210, 228 */
{
    char bytes[4] = "abc", room[8] = "";
    D3DKMT_CREATEKEYEDMUTEX2 create = {
        .InitialValue = 1, .pPrivateRuntimeData = bytes, .PrivateRuntimeDataSize = 4};
    D3DKMT_RELEASEKEYEDMUTEX2 release = {
        .Key = 2, .pPrivateRuntimeData = "xyz", .PrivateRuntimeDataSize = 4};
    make_adapter();
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_SUCCESS);
    memset(bytes, 0, 4);
    D3DKMT_HANDLE mutex = create.hKeyedMutex, other = open_mutex(create.hSharedHandle);
    ck_assert_int_eq(take_data(mutex, 1, room, 3), STATUS_BUFFER_TOO_SMALL);
    ck_assert_int_eq(take_data(mutex, 1, NULL, 3), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(take_data(mutex, 1, (void *)64, 3), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(take_data(mutex, 1, room, 8), STATUS_SUCCESS);
    ck_assert_str_eq(room, "abc");
    release.hKeyedMutex = mutex;
    release.PrivateRuntimeDataSize = 5;
    ck_assert_int_eq(kmt_ReleaseKeyedMutex2(&release), STATUS_INVALID_PARAMETER);
    release.PrivateRuntimeDataSize = 4;
    ck_assert_int_eq(kmt_ReleaseKeyedMutex2(&release), STATUS_SUCCESS);
    ck_assert_int_eq(take_data(other, 2, room, 4), STATUS_SUCCESS);
    ck_assert_str_eq(room, "xyz");
    ck_assert_int_eq(give(other, 3, 0), STATUS_SUCCESS);
    ck_assert_int_eq(take_data(mutex, 3, NULL, 0), STATUS_SUCCESS);
    D3DKMT_OPENKEYEDMUTEX2 open = {.hSharedHandle = create.hSharedHandle,
                                   .pPrivateRuntimeData = "new",
                                   .PrivateRuntimeDataSize = 4};
    ck_assert_int_eq(kmt_OpenKeyedMutex2(&open), STATUS_SUCCESS);
    ck_assert_int_eq(give(mutex, 4, 0), STATUS_SUCCESS);
    ck_assert_int_eq(take_data(open.hKeyedMutex, 4, room, 4), STATUS_SUCCESS);
    ck_assert_str_eq(room, "xyz"); /* it had some */
    D3DKMT_CREATEKEYEDMUTEX bare = make_mutex(1);
    open.hSharedHandle = bare.hSharedHandle;
    ck_assert_int_eq(kmt_OpenKeyedMutex2(&open), STATUS_SUCCESS);
    ck_assert_int_eq(take_data(bare.hKeyedMutex, 1, room, 4), STATUS_SUCCESS);
    ck_assert_str_eq(room, "new");
    close_mutex(bare.hKeyedMutex);
    close_mutex(open.hKeyedMutex);
    close_mutex(other);
    close_mutex(mutex);
}
END_TEST

START_TEST(malformed_calls_are_refused)
{
    D3DKMT_CREATEKEYEDMUTEX mutex = make_mutex(5);
    D3DKMT_CREATEKEYEDMUTEX2 create = {.Flags = {2}, .hKeyedMutex = 9};
    D3DKMT_OPENKEYEDMUTEX open = {.hKeyedMutex = 9};
    D3DKMT_OPENKEYEDMUTEX2 open2 = {.hSharedHandle = mutex.hSharedHandle,
                                    .PrivateRuntimeDataSize = 4};
    ck_assert_int_eq(kmt_CreateKeyedMutex(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateKeyedMutex((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_CreateKeyedMutex2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateKeyedMutex2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_INVALID_PARAMETER);
    create.Flags.Value = 0;
    create.PrivateRuntimeDataSize = 4;
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_INVALID_PARAMETER);
    create.pPrivateRuntimeData = (void *)64;
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(create.hKeyedMutex, 9);
    create.PrivateRuntimeDataSize = 0;
    create.Flags.Value = D3DKMT_CREATEKEYEDMUTEX2_FLAGS_NtSecuritySharing;
    create.hSharedHandle = 9;
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_SUCCESS);
    ck_assert_uint_eq(create.hSharedHandle, 0);
    const D3DKMT_HANDLE wrong[] = {0, mutex.hKeyedMutex, 0x80000006, mutex.hSharedHandle ^ 4};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        open.hSharedHandle = wrong[i];
        ck_assert_int_eq(kmt_OpenKeyedMutex(&open), STATUS_INVALID_PARAMETER);
    }
    ck_assert_uint_eq(open.hKeyedMutex, 9);
    ck_assert_int_eq(kmt_OpenKeyedMutex(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenKeyedMutex((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_OpenKeyedMutex2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenKeyedMutex2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_OpenKeyedMutex2(&open2), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_AcquireKeyedMutex(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_AcquireKeyedMutex((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_AcquireKeyedMutex2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_AcquireKeyedMutex2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_ReleaseKeyedMutex(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_ReleaseKeyedMutex((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_ReleaseKeyedMutex2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_ReleaseKeyedMutex2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_DestroyKeyedMutex(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyKeyedMutex((void *)64), STATUS_ACCESS_VIOLATION);
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {mutex.hKeyedMutex, 5, (void *)64, 0};
    ck_assert_int_eq(kmt_AcquireKeyedMutex(&acquire), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(take(0, 5, 0, NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(give(0, 5, 0), STATUS_INVALID_PARAMETER);
    for (unsigned i = 0; i < gpu_adapter_count(); i++)
        gpu_adapter(i)->adapter->running = VID_STOPPED;
    ck_assert_int_eq(take(mutex.hKeyedMutex, 5, 0, NULL), STATUS_DEVICE_REMOVED);
    D3DKMT_CREATEKEYEDMUTEX more = {.InitialValue = 5};
    ck_assert_int_eq(kmt_CreateKeyedMutex(&more), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(close_mutex(mutex.hKeyedMutex), STATUS_SUCCESS);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gpu keyed");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, keys_let_in);
    tcase_add_test(cases, timeouts_are_kept);
    tcase_add_test(cases, a_release_lets_in_who_waits);
    tcase_add_test(cases, a_holder_that_goes_abandons_it);
    tcase_add_test(cases, other_processes_take_it_and_may_die);
    tcase_add_test(cases, private_data_goes_from_holder_to_holder);
    tcase_add_test(cases, malformed_calls_are_refused);
    return suite_run("gpu keyed", cases);
}
