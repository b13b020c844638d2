/* What an NT handle shares: D3DKMTOpenSyncObjectFromNtHandle, 2, OpenKeyedMutexFromNtHandle. */
#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/share_nt.h"
#include "d3dkmt/state.h"
#include "faces.h"

/* What the handle shares. STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, or as gpu_attach. */
static NTSTATUS look(HANDLE handle, struct share_parts *ret_parts)
{
    struct share_nt *nt;
    NTSTATUS status = share_nt_lookup(handle, &nt);
    if (status != STATUS_SUCCESS)
        return status;
    *ret_parts = nt->parts;
    object_unref(&nt->object);
    return gpu_attach(); /* the child of a fork may have the handle alone */
}

/* The synchronisation object that the handle shares, by its global name. */
static NTSTATUS look_sync(HANDLE handle, D3DKMT_HANDLE *ret_sync)
{
    struct share_parts parts;
    NTSTATUS status = look(handle, &parts);
    if (status == STATUS_SUCCESS && !parts.sync)
        return STATUS_OBJECT_TYPE_MISMATCH;
    *ret_sync = parts.sync;
    return status;
}

NTSTATUS kmt_OpenSyncObjectFromNtHandle(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE *pData)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE data;
    D3DKMT_HANDLE global = 0;
    struct kmt_sync *sync;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = look_sync(data.hNtHandle, &global);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = sync_open(global, 0, NULL, &sync);
    if (status == STATUS_SUCCESS) {
        data.hSyncObject = sync->object.handle;
        clock_call(sync->core->mm);
    }
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

static NTSTATUS open_locked(D3DKMT_HANDLE global, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *data)
{
    struct kmt_device *device = kmt_begin_device(data->hDevice);
    struct kmt_sync *sync;
    if (!device)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = kmt_device_state(device);
    if (status == STATUS_SUCCESS)
        status = sync_open(global, data->Flags.Value, device, &sync);
    if (status != STATUS_SUCCESS)
        return status;
    const void *address =
        sync->core->type == D3DDDI_MONITORED_FENCE ? sync_address(sync->core) : NULL;
    if (!address) {
        status = sync->core->type == D3DDDI_MONITORED_FENCE ? STATUS_NO_MEMORY
                                                            : STATUS_INVALID_PARAMETER;
        sync_destroy(sync);
        return status;
    }
    data->hSyncObject = sync->object.handle;
    data->MonitoredFence.FenceValueCPUVirtualAddress = (PVOID)address;
    data->MonitoredFence.FenceValueGPUVirtualAddress = sync_gpu_address(sync->core);
    return STATUS_SUCCESS;
}

NTSTATUS kmt_OpenSyncObjectFromNtHandle2(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *pData)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 data;
    D3DKMT_HANDLE global = 0;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = look_sync(data.hNtHandle, &global);
    if (status != STATUS_SUCCESS)
        return status;
    uint32_t flags = data.Flags.Value;
    if (flags & ~SYNC_LIMITS || data.MonitoredFence.EngineAffinity > 1 ||
        (flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal &&
         flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait))
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    status = open_locked(global, &data);
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_OpenKeyedMutexFromNtHandle(D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE *pData)
{
    D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE data;
    struct share_parts parts;
    struct keyed_data private = {NULL, 0};
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = look(data.hNtHandle, &parts);
    if (status == STATUS_SUCCESS && !parts.keyed)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    if (status == STATUS_SUCCESS)
        status = keyed_read_data(data.pPrivateRuntimeData, data.PrivateRuntimeDataSize, &private);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    clock_call(gpu_adapter(0));
    status = keyed_open(parts.keyed, &private, &mutex);
    if (status == STATUS_SUCCESS)
        data.hKeyedMutex = mutex->object.handle;
    kmt_unlock();
    free(private.bytes);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}
