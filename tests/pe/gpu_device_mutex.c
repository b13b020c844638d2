/* Keyed mutexes. */
#include "gpu_device.h"

#define AT_ONCE 0
#define FOREVER 1

static D3DKMT_HANDLE make(ULONG64 key, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX create = {.InitialValue = key};
    good(D3DKMTCreateKeyedMutex(&create));
    if (ret_global)
        *ret_global = create.hSharedHandle;
    return create.hKeyedMutex;
}

static D3DKMT_HANDLE open_again(D3DKMT_HANDLE global)
{
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = global};
    good(D3DKMTOpenKeyedMutex(&open));
    return open.hKeyedMutex;
}

/* `time`: AT_ONCE, FOREVER, or negative as the call has it, in units of 100 ns. */
static NTSTATUS acquire_value(D3DKMT_HANDLE mutex, ULONG64 key, LONG64 time, ULONG64 *ret_value)
{
    LARGE_INTEGER timeout = {.QuadPart = time};
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {
        .hKeyedMutex = mutex, .Key = key, .pTimeout = time == FOREVER ? NULL : &timeout};
    NTSTATUS status = D3DKMTAcquireKeyedMutex(&acquire);
    if (ret_value)
        *ret_value = acquire.FenceValue;
    return status;
}

static NTSTATUS acquire(D3DKMT_HANDLE mutex, ULONG64 key)
{
    return acquire_value(mutex, key, AT_ONCE, NULL);
}

static NTSTATUS release_value(D3DKMT_HANDLE mutex, ULONG64 key, ULONG64 value)
{
    D3DKMT_RELEASEKEYEDMUTEX release = {mutex, key, value};
    return D3DKMTReleaseKeyedMutex(&release);
}

static NTSTATUS release(D3DKMT_HANDLE mutex, ULONG64 key)
{
    return release_value(mutex, key, 0);
}

static NTSTATUS drop(D3DKMT_HANDLE mutex)
{
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {mutex};
    return D3DKMTDestroyKeyedMutex(&destroy);
}

static void kmt203(void)
{
    D3DKMT_HANDLE mutex = make(42, NULL);
    gives(STATUS_TIMEOUT, acquire(mutex, 41));
    good(acquire(mutex, 42));
    good(release(mutex, 0));
    good(drop(mutex));
}

static void kmt204(void)
{
    D3DKMT_HANDLE mutex = make(1, NULL);
    ULONG64 begin = GetTickCount64();
    gives(STATUS_TIMEOUT, acquire(mutex, 2));
    ok("at once", GetTickCount64() - begin < 2000);
    good(drop(mutex));
}

static void kmt205(void)
{
    D3DKMT_HANDLE mutex = make(1, NULL);
    ULONG64 begin = GetTickCount64(), took;
    gives(STATUS_TIMEOUT, acquire_value(mutex, 2, -200 * 10000, NULL));
    took = GetTickCount64() - begin;
    ok("200 ms at least, but for a tick", took >= 180);
    ok("not much longer", took < 5000);
    good(drop(mutex));
}

struct waiter {
    D3DKMT_HANDLE mutex;
    ULONG64 key, value;
    NTSTATUS status;
};

static DWORD WINAPI acquire_in_thread(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = acquire_value(waiter->mutex, waiter->key, FOREVER, &waiter->value);
    return 0;
}

static void kmt206(void)
{
    static struct waiter waiter;
    D3DKMT_HANDLE global, mutex = make(0, &global);
    HANDLE thread;

    good(acquire(mutex, 0));
    waiter = (struct waiter){.mutex = open_again(global), .key = 5};
    thread = CreateThread(NULL, 0, acquire_in_thread, &waiter, 0, NULL);
    same("waits", WaitForSingleObject(thread, 60), WAIT_TIMEOUT);
    good(release(mutex, 4));
    same("not for this key", WaitForSingleObject(thread, 60), WAIT_TIMEOUT);
    good(acquire(mutex, 4));
    good(release(mutex, 5));
    same("for its key", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    good(waiter.status);
    good(release(waiter.mutex, 0));
    CloseHandle(thread);
    good(drop(waiter.mutex));
    good(drop(mutex));
}

static void kmt207(void)
{
    D3DKMT_HANDLE global, mutex = make(0, &global), other = open_again(global);
    ULONG64 value = 0;
    good(acquire(mutex, 0));
    good(release_value(mutex, 1, 0x123456789A));
    good(acquire_value(other, 1, AT_ONCE, &value));
    same("value", value, 0x123456789A);
    good(release(other, 0));
    good(drop(other));
    good(drop(mutex));
}

static void kmt208(void)
{
    D3DKMT_HANDLE global, mutex = make(0, &global), other = open_again(global);
    bad(release(mutex, 1));
    good(acquire(mutex, 0));
    bad(release(other, 1));
    good(release(mutex, 2));
    good(acquire(other, 2));
    good(release(other, 0));
    good(drop(other));
    good(drop(mutex));
}

static D3DKMT_HANDLE make_with(ULONG64 data, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX2 create = {.InitialValue = 0};
    if (data) {
        create.pPrivateRuntimeData = &data;
        create.PrivateRuntimeDataSize = sizeof data;
    }
    good(D3DKMTCreateKeyedMutex2(&create));
    *ret_global = create.hSharedHandle;
    return create.hKeyedMutex;
}

static ULONG64 acquire_data(D3DKMT_HANDLE mutex, ULONG64 key)
{
    LARGE_INTEGER timeout = {.QuadPart = 0};
    ULONG64 data = 0;
    D3DKMT_ACQUIREKEYEDMUTEX2 acquire = {.hKeyedMutex = mutex,
                                         .Key = key,
                                         .pTimeout = &timeout,
                                         .pPrivateRuntimeData = &data,
                                         .PrivateRuntimeDataSize = sizeof data};
    good(D3DKMTAcquireKeyedMutex2(&acquire));
    return data;
}

static void kmt209(void)
{
    D3DKMT_HANDLE global, mutex = make_with(0x1122334455667788, &global), other;
    other = open_again(global);
    good(acquire(other, 0));
    gives(STATUS_TIMEOUT, acquire(mutex, 1));
    good(release(other, 1));
    good(acquire(mutex, 1));
    good(release(mutex, 0));
    good(drop(other));
    good(drop(mutex));
}

static void kmt210(void)
{
    D3DKMT_HANDLE global, mutex = make_with(0x1111, &global), other = open_again(global);
    ULONG64 data = 0x2222;
    D3DKMT_RELEASEKEYEDMUTEX2 release_with = {.hKeyedMutex = mutex,
                                              .Key = 1,
                                              .pPrivateRuntimeData = &data,
                                              .PrivateRuntimeDataSize = sizeof data};
    same("the first", acquire_data(mutex, 0), 0x1111);
    good(D3DKMTReleaseKeyedMutex2(&release_with));
    same("the next", acquire_data(other, 1), 0x2222);
    good(release(other, 0));
    good(drop(other));
    good(drop(mutex));
}

static void kmt211(void)
{
    D3DKMT_HANDLE global, mutex = make(0, &global), other = open_again(global);
    good(acquire(mutex, 0));
    good(drop(mutex));
    gives(STATUS_ABANDONED_WAIT_0, acquire(other, 0));
    good(release(other, 3));
    good(acquire(other, 3));
    good(release(other, 0));
    good(drop(other));
}

static void kmt220(void)
{
    D3DKMT_HANDLE mutex = make(0, NULL);
    good(acquire(mutex, 0));
    ok("a second time", acquire(mutex, 0) != STATUS_SUCCESS);
    good(release(mutex, 1));
    good(acquire(mutex, 1));
    ok("a second time", acquire(mutex, 1) != STATUS_SUCCESS);
    good(release(mutex, 0));
    good(drop(mutex));
}

static D3DKMT_HANDLE open_with(D3DKMT_HANDLE global, ULONG64 data)
{
    D3DKMT_OPENKEYEDMUTEX2 open = {.hSharedHandle = global,
                                   .pPrivateRuntimeData = &data,
                                   .PrivateRuntimeDataSize = sizeof data};
    good(D3DKMTOpenKeyedMutex2(&open));
    return open.hKeyedMutex;
}

static void kmt228(void)
{
    D3DKMT_HANDLE global, with = make_with(0x1111, &global), other = open_with(global, 0x2222);
    same("keeps what it has", acquire_data(other, 0), 0x1111);
    good(release(other, 0));
    good(drop(other));
    good(drop(with));
    with = make_with(0, &global);
    other = open_with(global, 0x3333);
    same("gets what it lacks", acquire_data(other, 0), 0x3333);
    good(release(other, 0));
    good(drop(other));
    good(drop(with));
}

const struct statement mutex_statements[] = {
    S(203), S(204), S(205), S(206), S(207), S(208), S(209), S(210), S(211), S(220), S(228), END,
};
