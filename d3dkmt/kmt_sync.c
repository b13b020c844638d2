/* Synchronisation objects: D3DKMTCreateSynchronizationObject, 2, Open, Destroy. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/state.h"
#include "d3dkmt/streamed.h"
#include "faces.h"

#define FLAG(name)  D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_##name
#define KNOWN_FLAGS 0xFFu /* all but SignalByKmd, which is the driver's to say */
#define MONITORED_FLAGS                                                                            \
    (FLAG(TopOfPipeline) | FLAG(NoSignal) | FLAG(NoWait) | FLAG(NoSignalMaxValueOnTdr) |           \
     FLAG(NoGPUAccess))

static NTSTATUS check_counts(uint32_t type, uint32_t most, uint32_t first)
{
    return type == D3DDDI_SEMAPHORE && (!most || first > most) ? STATUS_INVALID_PARAMETER
                                                               : STATUS_SUCCESS;
}

static NTSTATUS create_locked(D3DKMT_HANDLE handle, const struct sync_wish *wish,
                              struct kmt_sync **ret_sync)
{
    struct kmt_device *device = kmt_begin_device(handle);
    NTSTATUS status = device ? kmt_device_state(device) : STATUS_INVALID_PARAMETER;
    return status == STATUS_SUCCESS ? sync_create(device, wish, ret_sync) : status;
}

NTSTATUS kmt_CreateSynchronizationObject(D3DKMT_CREATESYNCHRONIZATIONOBJECT *pData)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT data;
    struct sync_wish wish = {.most = 1};
    struct kmt_sync *sync;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    wish.type = (uint8_t)data.Info.Type;
    if (data.Info.Type == D3DDDI_SYNCHRONIZATION_MUTEX) {
        wish.first = !data.Info.SynchronizationMutex.InitialState;
    } else if (data.Info.Type == D3DDDI_SEMAPHORE) {
        wish.most = data.Info.Semaphore.MaxCount;
        wish.first = data.Info.Semaphore.InitialCount;
        status = check_counts(wish.type, wish.most, data.Info.Semaphore.InitialCount);
    } else {
        status = STATUS_INVALID_PARAMETER;
    }
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = create_locked(data.hDevice, &wish, &sync);
    if (status == STATUS_SUCCESS)
        data.hSyncObject = sync->object.handle;
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

static NTSTATUS check_flags(uint32_t type, uint32_t flags)
{
    bool shared = flags & FLAG(Shared);
    if (flags & ~KNOWN_FLAGS || (flags & FLAG(NoSignal) && flags & FLAG(NoWait)) ||
        (!shared && flags & (FLAG(NtSecuritySharing) | FLAG(CrossAdapter))) ||
        (type != D3DDDI_MONITORED_FENCE && flags & MONITORED_FLAGS) ||
        (type == D3DDDI_CPU_NOTIFICATION && shared)) /* the event is this process's */
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* Everything but the flags. */
static NTSTATUS read_wish(const D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info, struct sync_wish *wish)
{
    wish->type = (uint8_t)info->Type;
    wish->flags = info->Flags.Value;
    switch (info->Type) {
    case D3DDDI_SYNCHRONIZATION_MUTEX:
        wish->most = 1;
        wish->first = !info->SynchronizationMutex.InitialState;
        return STATUS_SUCCESS;
    case D3DDDI_SEMAPHORE:
        wish->most = info->Semaphore.MaxCount;
        wish->first = info->Semaphore.InitialCount;
        return check_counts(wish->type, wish->most, info->Semaphore.InitialCount);
    case D3DDDI_FENCE:
        wish->first = info->Fence.FenceValue;
        return STATUS_SUCCESS;
    case D3DDDI_CPU_NOTIFICATION:
        return STATUS_SUCCESS;
    case D3DDDI_MONITORED_FENCE:
        wish->first = info->MonitoredFence.InitialFenceValue;
        return info->MonitoredFence.EngineAffinity > 1 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    default: /* PERIODIC_MONITORED_FENCE too: no adapter displays */
        return STATUS_INVALID_PARAMETER;
    }
}

/* What comes back. STATUS_NO_MEMORY */
static NTSTATUS tell(const struct kmt_sync *sync, D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *data)
{
    const struct sync_core *core = sync->core;
    data->hSyncObject = sync->object.handle;
    data->Info.SharedHandle = 0;
    if (core->flags & FLAG(Shared) && !(core->flags & FLAG(NtSecuritySharing))) {
        data->Info.SharedHandle = sync_share(sync->core);
        if (!data->Info.SharedHandle)
            return STATUS_NO_MEMORY;
    }
    if (core->type == D3DDDI_MONITORED_FENCE) {
        data->Info.MonitoredFence.FenceValueCPUVirtualAddress = (PVOID)sync_address(core);
        data->Info.MonitoredFence.FenceValueGPUVirtualAddress = sync_gpu_address(core);
        if (!data->Info.MonitoredFence.FenceValueCPUVirtualAddress)
            return STATUS_NO_MEMORY;
    }
    return STATUS_SUCCESS;
}

NTSTATUS kmt_CreateSynchronizationObject2(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *pData)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 data;
    struct sync_wish wish = {0};
    struct kmt_sync *sync;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = read_wish(&data.Info, &wish);
    if (status == STATUS_SUCCESS)
        status = check_flags(wish.type, wish.flags);
    if (status == STATUS_SUCCESS && wish.type == D3DDDI_CPU_NOTIFICATION)
        status = streamed_event(data.Info.CPUNotification.Event, &wish.event);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = create_locked(data.hDevice, &wish, &sync);
    if (status == STATUS_SUCCESS) {
        wish.event = NULL; /* it is the object's */
        status = tell(sync, &data);
        if (status != STATUS_SUCCESS)
            sync_destroy(sync);
    }
    kmt_unlock();
    object_unref(wish.event);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_OpenSynchronizationObject(D3DKMT_OPENSYNCHRONIZATIONOBJECT *pData)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT data;
    struct kmt_sync *sync;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = sync_open(data.hSharedHandle, 0, NULL, &sync);
    if (status == STATUS_SUCCESS) {
        data.hSyncObject = sync->object.handle;
        clock_call(sync->core->mm);
    }
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_DestroySynchronizationObject(const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *pData)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_sync *sync = kmt_find(data.hSyncObject, KMT_SYNC);
    if (sync && !sync->queue) {
        clock_call(sync->core->mm);
        sync_destroy(sync);
    } else {
        status = STATUS_INVALID_PARAMETER;
    }
    engine_settle();
    kmt_unlock();
    return status;
}
