/*
 * Displays, which no adapter has: the calls whose parameters decide what they answer. Those that
 * answer the same always are "refused" in spec/kmt_display.toml.
 */
#include <assert.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "faces.h"
#include "memoryapi/base.h"
#include "memoryapi/object.h"

/* STATUS_SUCCESS: the adapter runs. */
static NTSTATUS check_adapter(D3DKMT_HANDLE handle)
{
    const struct vidmm *mm;
    kmt_lock();
    NTSTATUS status = adapter_use(handle, &mm);
    kmt_unlock();
    return status;
}

/* STATUS_SUCCESS: the device works. */
static NTSTATUS check_device(D3DKMT_HANDLE handle)
{
    struct kmt_device *device;
    kmt_lock();
    NTSTATUS status = kmt_use_device(handle, &device);
    if (status == STATUS_SUCCESS) {
        clock_call(device->mm);
        status = kmt_device_state(device);
    }
    kmt_unlock();
    return status;
}

/* `answer` to a structure of `size` bytes that begins with an adapter. */
static NTSTATUS of_adapter(const void *data, size_t size, NTSTATUS answer)
{
    uint32_t copy[32];
    assert(size <= sizeof copy);
    NTSTATUS status = caller_read(data, copy, size);
    if (status == STATUS_SUCCESS)
        status = check_adapter(copy[0]);
    return status == STATUS_SUCCESS ? answer : status;
}

NTSTATUS kmt_GetDisplayModeList(D3DKMT_GETDISPLAYMODELIST *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_GRAPHICS_NO_AVAILABLE_VIDPN_TARGET);
}

NTSTATUS kmt_GetMultisampleMethodList(D3DKMT_GETMULTISAMPLEMETHODLIST *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

NTSTATUS kmt_GetRuntimeData(const D3DKMT_GETRUNTIMEDATA *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

NTSTATUS kmt_GetSharedPrimaryHandle(D3DKMT_GETSHAREDPRIMARYHANDLE *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

NTSTATUS kmt_CheckVidPnExclusiveOwnership(const D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE);
}

NTSTATUS kmt_GetScanLine(D3DKMT_GETSCANLINE *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

NTSTATUS kmt_WaitForVerticalBlankEvent(const D3DKMT_WAITFORVERTICALBLANKEVENT *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

NTSTATUS kmt_WaitForVerticalBlankEvent2(const D3DKMT_WAITFORVERTICALBLANKEVENT2 *pData)
{
    return of_adapter(pData, sizeof *pData, STATUS_INVALID_PARAMETER);
}

/* Of its structure nothing but the adapter is looked at. */
NTSTATUS kmt_GetPresentHistory(D3DKMT_GETPRESENTHISTORY *pData)
{
    return of_adapter(pData, sizeof(D3DKMT_HANDLE), STATUS_NOT_SUPPORTED);
}

NTSTATUS kmt_GetPresentQueueEvent(D3DKMT_HANDLE hAdapter, HANDLE *phEvent)
{
    (void)phEvent;
    NTSTATUS status = check_adapter(hAdapter);
    return status == STATUS_SUCCESS ? STATUS_NOT_SUPPORTED : status;
}

NTSTATUS kmt_InvalidateActiveVidPn(const D3DKMT_INVALIDATEACTIVEVIDPN *pData)
{
    D3DKMT_INVALIDATEACTIVEVIDPN data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    status = check_adapter(data.hAdapter);
    if (status == STATUS_INVALID_PARAMETER)
        return STATUS_GRAPHICS_INVALID_DISPLAY_ADAPTER;
    return status == STATUS_SUCCESS ? STATUS_NOT_SUPPORTED : status;
}

/* There is no output to ask, neither of one adapter nor of all. */
NTSTATUS kmt_PollDisplayChildren(const D3DKMT_POLLDISPLAYCHILDREN *pData)
{
    const UINT known = D3DKMT_POLLDISPLAYCHILDREN_BITS_NonDestructiveOnly |
                       D3DKMT_POLLDISPLAYCHILDREN_BITS_SynchronousPolling |
                       D3DKMT_POLLDISPLAYCHILDREN_BITS_DisableModeReset |
                       D3DKMT_POLLDISPLAYCHILDREN_BITS_PollAllAdapters |
                       D3DKMT_POLLDISPLAYCHILDREN_BITS_PollInterruptible;
    D3DKMT_POLLDISPLAYCHILDREN data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags & ~known)
        return STATUS_INVALID_PARAMETER;
    if (data.Flags & D3DKMT_POLLDISPLAYCHILDREN_BITS_PollAllAdapters && !data.hAdapter)
        return STATUS_SUCCESS;
    return check_adapter(data.hAdapter);
}

NTSTATUS kmt_SetDisplayMode(const D3DKMT_SETDISPLAYMODE *pData)
{
    D3DKMT_SETDISPLAYMODE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = check_device(data.hDevice);
    return status == STATUS_SUCCESS ? STATUS_GRAPHICS_NOT_EXCLUSIVE_MODE_OWNER : status;
}

NTSTATUS kmt_CreateOverlay(D3DKMT_CREATEOVERLAY *pData)
{
    D3DKMT_CREATEOVERLAY data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = check_device(data.hDevice);
    return status == STATUS_SUCCESS ? STATUS_INVALID_PARAMETER : status;
}

/* No window, no destination and no primary is there; of the structure only the context is looked at. */
NTSTATUS kmt_Present(D3DKMT_PRESENT *pData)
{
    D3DKMT_HANDLE handle;
    NTSTATUS status = caller_read(pData, &handle, sizeof handle);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_context *context = kmt_find(handle, KMT_CONTEXT);
    status = STATUS_INVALID_PARAMETER;
    if (context) {
        clock_call(context->mm);
        if (kmt_device_state(context->device) != STATUS_SUCCESS)
            status = context->device->in_error ? STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE
                                               : STATUS_DEVICE_REMOVED;
    }
    kmt_unlock();
    return status;
}

/* Owners for a list of display sources: none to give back is fine, any to take is not there. */
static NTSTATUS set_owner(const D3DKMT_SETVIDPNSOURCEOWNER *data)
{
    D3DKMT_VIDPNSOURCEOWNER_TYPE room[8];
    void *types;
    NTSTATUS status = check_device(data->hDevice);
    if (status != STATUS_SUCCESS ||
        (!data->VidPnSourceCount && !data->pType == !data->pVidPnSourceId))
        return status;
    if (!data->VidPnSourceCount || !data->pType || !data->pVidPnSourceId)
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(data->pType, data->VidPnSourceCount, sizeof *room, room,
                           array_length(room), &types);
    if (status != STATUS_SUCCESS)
        return status;
    status = STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE;
    for (UINT i = 0; i < data->VidPnSourceCount; i++)
        if (((D3DKMT_VIDPNSOURCEOWNER_TYPE *)types)[i] > D3DKMT_VIDPNSOURCEOWNER_EMULATED)
            status = STATUS_INVALID_PARAMETER;
    kmt_free_list(types, room);
    return status;
}

NTSTATUS kmt_SetVidPnSourceOwner(const D3DKMT_SETVIDPNSOURCEOWNER *pData)
{
    D3DKMT_SETVIDPNSOURCEOWNER data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? set_owner(&data) : status;
}

static bool are_flags_known(D3DKMT_VIDPNSOURCEOWNER_FLAGS flags)
{
    return !(flags.Value & ~(UINT)(D3DKMT_VIDPNSOURCEOWNER_FLAGS_AllowOutputDuplication |
                                   D3DKMT_VIDPNSOURCEOWNER_FLAGS_DisableDWMVirtualMode |
                                   D3DKMT_VIDPNSOURCEOWNER_FLAGS_UseNtHandles));
}

NTSTATUS kmt_SetVidPnSourceOwner1(const D3DKMT_SETVIDPNSOURCEOWNER1 *pData)
{
    D3DKMT_SETVIDPNSOURCEOWNER1 data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    return are_flags_known(data.Flags) ? set_owner(&data.Version0) : STATUS_INVALID_PARAMETER;
}

NTSTATUS kmt_SetVidPnSourceOwner2(const D3DKMT_SETVIDPNSOURCEOWNER2 *pData)
{
    D3DKMT_SETVIDPNSOURCEOWNER2 data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    return are_flags_known(data.Version1.Flags) ? set_owner(&data.Version1.Version0)
                                                : STATUS_INVALID_PARAMETER;
}

/* It has nothing to give back. */
NTSTATUS kmt_ReleaseProcessVidPnSourceOwners(HANDLE hProcess)
{
    struct object *process;
    if (handle_lookup(hProcess, OBJECT_PROCESS, 0, &process) != STATUS_SUCCESS)
        return STATUS_INVALID_HANDLE;
    object_unref(process);
    return STATUS_SUCCESS;
}

BOOLEAN kmt_CheckExclusiveOwnership(void)
{
    return FALSE;
}

/* Bytes of a pixel of those that a device context may have; 0: of no other. D3DDDIFORMAT */
static uint32_t bytes_of_format(uint32_t format)
{
    switch (format) {
    case 20: /* R8G8B8 */
        return 3;
    case 21: /* A8R8G8B8 */
    case 22: /* X8R8G8B8 */
        return 4;
    case 23: /* R5G6B5 */
    case 24: /* X1R5G5B5 */
    case 25: /* A1R5G5B5 */
    case 26: /* A4R4G4B4 */
    case 30: /* X4R4G4B4 */
        return 2;
    case 41: /* P8 */
        return 1;
    default:
        return 0;
    }
}

NTSTATUS kmt_CreateDCFromMemory(D3DKMT_CREATEDCFROMMEMORY *pData)
{
    D3DKMT_CREATEDCFROMMEMORY data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    uint64_t pixel = bytes_of_format(data.Format);
    if (!pixel || !data.Width || !data.Height || data.Pitch < data.Width * pixel)
        return STATUS_INVALID_PARAMETER;
    return STATUS_NOT_SUPPORTED;
}
