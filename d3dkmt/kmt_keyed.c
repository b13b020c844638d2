/*
 * Keyed mutexes: D3DKMTCreateKeyedMutex, Open, Acquire, Release, each also with 2, and Destroy. What
 * the first form takes is the beginning of what the second takes; without the rest there is no
 * private data. So each function here works with the second one's, of which `size` bytes are the
 * caller's.
 */
#include <stdlib.h>
#include <time.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/keyed.h"
#include "d3dkmt/state.h"
#include "faces.h"

#define FOREVER    UINT64_MAX
#define EPOCH_1601 116444736000000000ull /* 100 ns from 1601 to 1970 */

#define BEGINS(first, second)                                                                      \
    _Static_assert(sizeof(first) == offsetof(second, pPrivateRuntimeData), "one begins the other")
BEGINS(D3DKMT_CREATEKEYEDMUTEX, D3DKMT_CREATEKEYEDMUTEX2);
BEGINS(D3DKMT_OPENKEYEDMUTEX, D3DKMT_OPENKEYEDMUTEX2);
BEGINS(D3DKMT_ACQUIREKEYEDMUTEX, D3DKMT_ACQUIREKEYEDMUTEX2);
BEGINS(D3DKMT_RELEASEKEYEDMUTEX, D3DKMT_RELEASEKEYEDMUTEX2);

/* The machine is there and an adapter works. STATUS_DEVICE_REMOVED, or as gpu_attach. */
static NTSTATUS check_machine(void)
{
    NTSTATUS status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++)
        if (adapter_runs(gpu_adapter(i)))
            return STATUS_SUCCESS;
    return STATUS_DEVICE_REMOVED;
}

/* A call begins: the machine works, and its time goes on. pre: kmt_lock */
static NTSTATUS begin(void)
{
    NTSTATUS status = check_machine();
    if (status == STATUS_SUCCESS)
        clock_call(gpu_adapter(0));
    return status;
}

static NTSTATUS create(void *pData, size_t size)
{
    D3DKMT_CREATEKEYEDMUTEX2 data = {0};
    struct keyed_data private = {NULL, 0};
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = caller_open(pData, &data, size);
    bool nt = data.Flags.Value & D3DKMT_CREATEKEYEDMUTEX2_FLAGS_NtSecuritySharing;
    if (status == STATUS_SUCCESS &&
        data.Flags.Value & ~D3DKMT_CREATEKEYEDMUTEX2_FLAGS_NtSecuritySharing)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = keyed_read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = begin();
    if (status == STATUS_SUCCESS)
        status = keyed_create(data.InitialValue, nt, &private, &mutex);
    if (status == STATUS_SUCCESS) {
        data.hKeyedMutex = mutex->object.handle;
        data.hSharedHandle = nt ? 0 : keyed_global(mutex->keyed);
    }
    kmt_unlock();
    free(private.bytes);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, size) : status;
}

NTSTATUS kmt_CreateKeyedMutex(D3DKMT_CREATEKEYEDMUTEX *pData)
{
    return create(pData, sizeof *pData);
}

NTSTATUS kmt_CreateKeyedMutex2(D3DKMT_CREATEKEYEDMUTEX2 *pData)
{
    return create(pData, sizeof *pData);
}

static NTSTATUS open(void *pData, size_t size)
{
    D3DKMT_OPENKEYEDMUTEX2 data = {0};
    struct keyed_data private = {NULL, 0};
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = caller_open(pData, &data, size);
    if (status == STATUS_SUCCESS)
        status = keyed_read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = begin();
    if (status == STATUS_SUCCESS)
        status = keyed_open(data.hSharedHandle, &private, &mutex);
    if (status == STATUS_SUCCESS)
        data.hKeyedMutex = mutex->object.handle;
    kmt_unlock();
    free(private.bytes);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, size) : status;
}

NTSTATUS kmt_OpenKeyedMutex(D3DKMT_OPENKEYEDMUTEX *pData)
{
    return open(pData, sizeof *pData);
}

NTSTATUS kmt_OpenKeyedMutex2(D3DKMT_OPENKEYEDMUTEX2 *pData)
{
    return open(pData, sizeof *pData);
}

NTSTATUS kmt_DestroyKeyedMutex(const D3DKMT_DESTROYKEYEDMUTEX *pData)
{
    D3DKMT_DESTROYKEYEDMUTEX data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_keyed_mutex *mutex = kmt_find(data.hKeyedMutex, KMT_KEYED_MUTEX);
    if (mutex) {
        clock_call(gpu_adapter(0));
        keyed_close(mutex);
    }
    kmt_unlock();
    return mutex ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static uint64_t clock_in(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* When to give up, in monotonic nanoseconds; 0: at once. */
static NTSTATUS read_deadline(const LARGE_INTEGER *at, uint64_t *ret_deadline)
{
    LARGE_INTEGER timeout;
    *ret_deadline = FOREVER;
    if (!at)
        return STATUS_SUCCESS;
    NTSTATUS status = caller_read(at, &timeout, sizeof timeout);
    int64_t units = timeout.QuadPart, left;
    if (status != STATUS_SUCCESS)
        return status;
    if (units > 0) {
        int64_t now = (int64_t)(clock_in(CLOCK_REALTIME) / 100 + EPOCH_1601);
        left = units > now ? units - now : 0;
    } else {
        left = units == INT64_MIN ? INT64_MAX : -units;
    }
    if (left == 0)
        *ret_deadline = 0;
    else if ((uint64_t)left < UINT64_MAX / 200)
        *ret_deadline = clock_in(CLOCK_MONOTONIC) + (uint64_t)left * 100;
    return STATUS_SUCCESS;
}

/* What an acquisition is to bring. */
struct acquisition {
    D3DKMT_HANDLE mutex;
    uint64_t key, deadline;
    uint64_t fence; /* out */
    bool has_data;  /* the private data is wanted too */
    uint32_t room;  /* bytes for it */
    struct keyed_data data;
};

/* Room for the private data as it is now. STATUS_BUFFER_TOO_SMALL, STATUS_NO_MEMORY */
static NTSTATUS prepare_data(struct keyed *keyed, struct acquisition *wanted)
{
    const void *bytes = keyed_data(keyed, &wanted->data.size);
    if (!wanted->has_data || !wanted->data.size)
        return STATUS_SUCCESS;
    if (wanted->data.size > wanted->room)
        return STATUS_BUFFER_TOO_SMALL;
    wanted->data.bytes = bytes ? malloc(wanted->data.size) : NULL;
    return wanted->data.bytes ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static void copy_data(struct keyed *keyed, struct acquisition *wanted)
{
    uint32_t size;
    const char *bytes = keyed_data(keyed, &size);
    for (uint32_t i = 0; wanted->data.bytes && i < wanted->data.size; i++)
        ((char *)wanted->data.bytes)[i] = bytes[i];
}

static void sleep_until(const struct kmt_keyed_mutex *mutex, uint64_t deadline)
{
    const struct sync_target target = {&mutex->keyed->state, 0};
    uint64_t now = clock_in(CLOCK_MONOTONIC), most = SYNC_LOOK_AGAIN_MS;
    if (deadline != FOREVER && (deadline - now) / 1000000 + 1 < most)
        most = (deadline - now) / 1000000 + 1;
    sync_sleep(&target, 1, (uint32_t)most);
}

/* Called and left with the lock held, which is not held in between. */
static NTSTATUS acquire_locked(struct acquisition *wanted)
{
    struct kmt_keyed_mutex *mutex = kmt_find(wanted->mutex, KMT_KEYED_MUTEX);
    NTSTATUS status = mutex ? begin() : STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return status;
    status = prepare_data(mutex->keyed, wanted);
    if (status != STATUS_SUCCESS)
        return status;
    while ((status = keyed_try(mutex, wanted->key)) == STATUS_TIMEOUT) {
        if (!wanted->deadline || clock_in(CLOCK_MONOTONIC) >= wanted->deadline)
            return status;
        sleep_until(mutex, wanted->deadline);
        mutex = kmt_find(wanted->mutex, KMT_KEYED_MUTEX);
        if (!mutex)
            return STATUS_INVALID_PARAMETER;
        if (check_machine() != STATUS_SUCCESS)
            return STATUS_DEVICE_REMOVED;
    }
    wanted->fence = keyed_number(mutex->keyed, KEYED_FENCE);
    copy_data(mutex->keyed, wanted);
    return status;
}

static NTSTATUS acquire(void *pData, size_t size)
{
    D3DKMT_ACQUIREKEYEDMUTEX2 data = {0};
    struct acquisition wanted = {0};
    NTSTATUS status = caller_open(pData, &data, size);
    if (status == STATUS_SUCCESS)
        status = read_deadline(data.pTimeout, &wanted.deadline);
    if (status == STATUS_SUCCESS && data.PrivateRuntimeDataSize) {
        if (!data.pPrivateRuntimeData)
            status = STATUS_INVALID_PARAMETER;
        else if (!kmt_can_write(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize))
            status = STATUS_ACCESS_VIOLATION;
    }
    if (status != STATUS_SUCCESS)
        return status;
    wanted.mutex = data.hKeyedMutex;
    wanted.key = data.Key;
    wanted.has_data = data.pPrivateRuntimeData;
    wanted.room = data.PrivateRuntimeDataSize;
    kmt_lock();
    status = acquire_locked(&wanted);
    kmt_unlock();
    if (status == STATUS_SUCCESS || status == STATUS_ABANDONED_WAIT_0) {
        data.FenceValue = wanted.fence;
        if (wanted.data.bytes)
            caller_write(data.pPrivateRuntimeData, wanted.data.bytes, wanted.data.size);
        caller_write(pData, &data, size);
    }
    free(wanted.data.bytes);
    return status;
}

NTSTATUS kmt_AcquireKeyedMutex(D3DKMT_ACQUIREKEYEDMUTEX *pData)
{
    return acquire(pData, sizeof *pData);
}

NTSTATUS kmt_AcquireKeyedMutex2(D3DKMT_ACQUIREKEYEDMUTEX2 *pData)
{
    return acquire(pData, sizeof *pData);
}

static NTSTATUS release_locked(const D3DKMT_RELEASEKEYEDMUTEX2 *data,
                               const struct keyed_data *private)
{
    uint32_t size;
    struct kmt_keyed_mutex *mutex = kmt_find(data->hKeyedMutex, KMT_KEYED_MUTEX);
    NTSTATUS status = mutex ? begin() : STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return status;
    keyed_data(mutex->keyed, &size);
    if (!keyed_is_held_by(mutex) || private->size > size)
        return STATUS_INVALID_PARAMETER;
    status = keyed_set_data(mutex->keyed, private);
    if (status == STATUS_SUCCESS)
        keyed_release(mutex, data->Key, data->FenceValue);
    return status;
}

static NTSTATUS release(const void *pData, size_t size)
{
    D3DKMT_RELEASEKEYEDMUTEX2 data = {0};
    struct keyed_data private = {NULL, 0};
    NTSTATUS status = caller_read(pData, &data, size);
    if (status == STATUS_SUCCESS)
        status = keyed_read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = release_locked(&data, &private);
    kmt_unlock();
    free(private.bytes);
    return status;
}

NTSTATUS kmt_ReleaseKeyedMutex(D3DKMT_RELEASEKEYEDMUTEX *pData)
{
    return release(pData, sizeof *pData);
}

NTSTATUS kmt_ReleaseKeyedMutex2(D3DKMT_RELEASEKEYEDMUTEX2 *pData)
{
    return release(pData, sizeof *pData);
}
