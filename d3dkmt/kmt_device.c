/* Devices: D3DKMTCreateDevice, DestroyDevice, GetDeviceState, MarkDeviceAsError, SetQueuedLimit. */
#include <string.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "faces.h"
#include "memoryapi/privilege.h"

#define KNOWN_FLAGS                                                                                \
    (D3DKMT_CREATEDEVICEFLAGS_LegacyMode | D3DKMT_CREATEDEVICEFLAGS_RequestVSync |                 \
     D3DKMT_CREATEDEVICEFLAGS_DisableGpuTimeout)
#define QUEUED_LIMIT_MOST 16u /* IDXGIDevice1::SetMaximumFrameLatency */

static NTSTATUS create_locked(D3DKMT_CREATEDEVICE *data)
{
    const struct kmt_adapter *adapter = kmt_find(data->hAdapter, KMT_ADAPTER);
    if (!adapter || data->Flags.Value & ~KNOWN_FLAGS)
        return STATUS_INVALID_PARAMETER;
    if (data->Flags.Value & D3DKMT_CREATEDEVICEFLAGS_DisableGpuTimeout &&
        !privilege_enabled(PRIVILEGE_INCREASE_BASE_PRIORITY))
        return STATUS_ACCESS_DENIED;
    if (!adapter_is_there(adapter))
        return STATUS_DEVICE_REMOVED;
    clock_call(adapter->mm);
    struct kmt_device *device = kmt_device_create(adapter->mm, data->Flags.Value);
    if (!device)
        return STATUS_NO_MEMORY;
    data->pCommandBuffer = NULL;
    data->pAllocationList = NULL;
    data->pPatchLocationList = NULL;
    data->CommandBufferSize = data->AllocationListSize = data->PatchLocationListSize = 0;
    if (data->Flags.Value & D3DKMT_CREATEDEVICEFLAGS_LegacyMode) {
        if (kmt_device_add_context(device) != STATUS_SUCCESS) {
            kmt_device_destroy(device);
            return STATUS_NO_MEMORY;
        }
        data->pCommandBuffer = device->context->buffers.commands;
        data->pAllocationList = device->context->buffers.allocations;
        data->pPatchLocationList = device->context->buffers.patches;
        data->CommandBufferSize = CONTEXT_COMMANDS;
        data->AllocationListSize = CONTEXT_ALLOCATIONS;
        data->PatchLocationListSize = CONTEXT_PATCHES;
    }
    data->hDevice = device->object.handle;
    return STATUS_SUCCESS;
}

NTSTATUS kmt_CreateDevice(D3DKMT_CREATEDEVICE *pData)
{
    D3DKMT_CREATEDEVICE data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = create_locked(&data);
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_DestroyDevice(const D3DKMT_DESTROYDEVICE *pData)
{
    D3DKMT_DESTROYDEVICE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_device *device = kmt_begin_device(data.hDevice);
    if (device)
        kmt_device_destroy(device);
    kmt_unlock();
    return device ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static D3DKMT_DEVICEEXECUTION_STATE execution_state(const struct kmt_device *device)
{
    if (!adapter_runs(device->mm))
        return D3DKMT_DEVICEEXECUTION_STOPPED;
    if (device->ended)
        return (D3DKMT_DEVICEEXECUTION_STATE)device->ended;
    return device->in_error ? D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY
                            : D3DKMT_DEVICEEXECUTION_ACTIVE;
}

static bool is_lost(const struct kmt_device *device)
{
    switch (execution_state(device)) {
    case D3DKMT_DEVICEEXECUTION_STOPPED:
    case D3DKMT_DEVICEEXECUTION_HUNG:
    case D3DKMT_DEVICEEXECUTION_RESET:
        return true;
    default:
        return false;
    }
}

/* No adapter displays, so no source can be asked about. */
static NTSTATUS read_state(const struct kmt_device *device, D3DKMT_GETDEVICESTATE *data)
{
    switch (data->StateType) {
    case D3DKMT_DEVICESTATE_EXECUTION:
        data->ExecutionState = execution_state(device);
        return STATUS_SUCCESS;
    case D3DKMT_DEVICESTATE_RESET:
        data->ResetState.Value = 0; /* there is no desktop to be switched */
        break;
    case D3DKMT_DEVICESTATE_PAGE_FAULT:
        memset(&data->PageFaultState, 0, sizeof data->PageFaultState); /* there was none */
        data->PageFaultState.FaultedPrimitiveAPISequenceNumber = UINT64_MAX;
        data->PageFaultState.FaultedBindTableEntry = UINT32_MAX;
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    return is_lost(device) ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

NTSTATUS kmt_GetDeviceState(D3DKMT_GETDEVICESTATE *pData)
{
    D3DKMT_GETDEVICESTATE data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_device *device = kmt_begin_device(data.hDevice);
    status = device ? read_state(device, &data) : STATUS_INVALID_PARAMETER;
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_MarkDeviceAsError(D3DKMT_MARKDEVICEASERROR *pData)
{
    D3DKMT_MARKDEVICEASERROR data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Reason != D3DKMT_DEVICE_ERROR_REASON_GENERIC &&
        data.Reason != D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    struct kmt_device *device = kmt_begin_device(data.hDevice);
    if (device && !device->in_error && !device->ended) {
        device->in_error = true;
        device_end(device, D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
        engine_settle();
    }
    kmt_unlock();
    return device ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS kmt_SetQueuedLimit(const D3DKMT_SETQUEUEDLIMIT *pData)
{
    D3DKMT_SETQUEUEDLIMIT data;
    struct kmt_device *device;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    bool set = data.Type == D3DKMT_SET_QUEUEDLIMIT_PRESENT;
    if ((!set && data.Type != D3DKMT_GET_QUEUEDLIMIT_PRESENT) ||
        (set && data.QueuedPresentLimit > QUEUED_LIMIT_MOST))
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    status = kmt_use_device(data.hDevice, &device);
    if (status == STATUS_SUCCESS) {
        clock_call(device->mm);
        if (set)
            device->queued_limit =
                data.QueuedPresentLimit ? data.QueuedPresentLimit : KMT_QUEUED_LIMIT;
        data.QueuedPresentLimit = device->queued_limit;
    }
    kmt_unlock();
    return status != STATUS_SUCCESS || set ? status
                                           : caller_write((void *)pData, &data, sizeof data);
}
