/* Keyed mutexes: D3DKMTCreateKeyedMutex, Open, Acquire, Release, each also with 2, and Destroy. */
#include <stdlib.h>
#include <time.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/keyed.h"
#include "d3dkmt/state.h"
#include "faces.h"

#define FOREVER    UINT64_MAX
#define EPOCH_1601 116444736000000000ull /* 100 ns from 1601 to 1970 */

/* The machine is there and an adapter works. STATUS_DEVICE_REMOVED, or as gpu_attach. */
static NTSTATUS check_machine(void)
{
    NTSTATUS status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++)
        if (__atomic_load_n(&gpu_adapter(i)->adapter->running, __ATOMIC_RELAXED) == VID_RUNNING)
            return STATUS_SUCCESS;
    return STATUS_DEVICE_REMOVED;
}

/* The private data that a call gives. */
static NTSTATUS read_data(const void *bytes, uint32_t size, struct keyed_data *ret_data)
{
    if (size && !bytes)
        return STATUS_INVALID_PARAMETER;
    ret_data->size = size;
    return kmt_copy_data(bytes, size, &ret_data->bytes);
}

static NTSTATUS create(uint64_t key, bool nt, const struct keyed_data *data,
                       D3DKMT_HANDLE *ret_mutex, D3DKMT_HANDLE *ret_global)
{
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = check_machine();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    clock_call(gpu_adapter(0));
    status = keyed_create(key, nt, data, &mutex);
    if (status == STATUS_SUCCESS) {
        *ret_mutex = mutex->object.handle;
        *ret_global = nt ? 0 : keyed_global(mutex->keyed);
    }
    kmt_unlock();
    return status;
}

NTSTATUS kmt_CreateKeyedMutex(D3DKMT_CREATEKEYEDMUTEX *pData)
{
    D3DKMT_CREATEKEYEDMUTEX data;
    const struct keyed_data none = {NULL, 0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = create(data.InitialValue, false, &none, &data.hKeyedMutex, &data.hSharedHandle);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_CreateKeyedMutex2(D3DKMT_CREATEKEYEDMUTEX2 *pData)
{
    D3DKMT_CREATEKEYEDMUTEX2 data;
    struct keyed_data private = {NULL, 0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS &&
        data.Flags.Value & ~D3DKMT_CREATEKEYEDMUTEX2_FLAGS_NtSecuritySharing)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status == STATUS_SUCCESS)
        status = create(data.InitialValue, data.Flags.Value, &private, &data.hKeyedMutex,
                        &data.hSharedHandle);
    free(private.bytes);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

static NTSTATUS open(D3DKMT_HANDLE global, const struct keyed_data *data, D3DKMT_HANDLE *ret_mutex)
{
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = check_machine();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    clock_call(gpu_adapter(0));
    status = keyed_open(global, data, &mutex);
    if (status == STATUS_SUCCESS)
        *ret_mutex = mutex->object.handle;
    kmt_unlock();
    return status;
}

NTSTATUS kmt_OpenKeyedMutex(D3DKMT_OPENKEYEDMUTEX *pData)
{
    D3DKMT_OPENKEYEDMUTEX data;
    const struct keyed_data none = {NULL, 0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = open(data.hSharedHandle, &none, &data.hKeyedMutex);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_OpenKeyedMutex2(D3DKMT_OPENKEYEDMUTEX2 *pData)
{
    D3DKMT_OPENKEYEDMUTEX2 data;
    struct keyed_data private = {NULL, 0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status == STATUS_SUCCESS)
        status = open(data.hSharedHandle, &private, &data.hKeyedMutex);
    free(private.bytes);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
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
    NTSTATUS status = mutex ? check_machine() : STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return status;
    clock_call(gpu_adapter(0));
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

NTSTATUS kmt_AcquireKeyedMutex(D3DKMT_ACQUIREKEYEDMUTEX *pData)
{
    D3DKMT_ACQUIREKEYEDMUTEX data;
    struct acquisition wanted = {0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = read_deadline(data.pTimeout, &wanted.deadline);
    if (status != STATUS_SUCCESS)
        return status;
    wanted.mutex = data.hKeyedMutex;
    wanted.key = data.Key;
    kmt_lock();
    status = acquire_locked(&wanted);
    kmt_unlock();
    if (status != STATUS_SUCCESS && status != STATUS_ABANDONED_WAIT_0)
        return status;
    data.FenceValue = wanted.fence;
    caller_write(pData, &data, sizeof data);
    return status;
}

NTSTATUS kmt_AcquireKeyedMutex2(D3DKMT_ACQUIREKEYEDMUTEX2 *pData)
{
    D3DKMT_ACQUIREKEYEDMUTEX2 data;
    struct acquisition wanted = {0};
    NTSTATUS status = caller_open(pData, &data, sizeof data);
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
        caller_write(pData, &data, sizeof data);
    }
    free(wanted.data.bytes);
    return status;
}

static NTSTATUS release(D3DKMT_HANDLE handle, uint64_t key, uint64_t fence,
                        const struct keyed_data *data)
{
    uint32_t size;
    kmt_lock();
    struct kmt_keyed_mutex *mutex = kmt_find(handle, KMT_KEYED_MUTEX);
    NTSTATUS status = mutex ? check_machine() : STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS) {
        clock_call(gpu_adapter(0));
        keyed_data(mutex->keyed, &size);
        if (!keyed_is_held_by(mutex) || data->size > size)
            status = STATUS_INVALID_PARAMETER;
        else
            status = keyed_set_data(mutex->keyed, data);
        if (status == STATUS_SUCCESS)
            keyed_release(mutex, key, fence);
    }
    kmt_unlock();
    return status;
}

NTSTATUS kmt_ReleaseKeyedMutex(D3DKMT_RELEASEKEYEDMUTEX *pData)
{
    D3DKMT_RELEASEKEYEDMUTEX data;
    const struct keyed_data none = {NULL, 0};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? release(data.hKeyedMutex, data.Key, data.FenceValue, &none)
                                    : status;
}

NTSTATUS kmt_ReleaseKeyedMutex2(D3DKMT_RELEASEKEYEDMUTEX2 *pData)
{
    D3DKMT_RELEASEKEYEDMUTEX2 data;
    struct keyed_data private = {NULL, 0};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status == STATUS_SUCCESS)
        status = release(data.hKeyedMutex, data.Key, data.FenceValue, &private);
    free(private.bytes);
    return status;
}
