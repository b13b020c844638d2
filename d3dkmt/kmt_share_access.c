/*
 * Who may open a shared resource, and what can be asked of it: D3DKMTConfigureSharedResource,
 * CheckSharedResourceAccess, GetSharedResourceAdapterLuid, GetResourcePresentPrivateDriverData.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/share_nt.h"
#include "d3dkmt/state.h"
#include "faces.h"

static NTSTATUS process_of(const D3DKMT_CONFIGURESHAREDRESOURCE *data, uint32_t *ret_id)
{
    struct object *process;
    *ret_id = (uint32_t)getpid();
    if (data->IsDwm || handle_is_current_process(data->hProcess, 0) == STATUS_SUCCESS)
        return STATUS_SUCCESS;
    if (handle_lookup(data->hProcess, OBJECT_PROCESS, 0, &process) < 0)
        return STATUS_INVALID_HANDLE;
    *ret_id = object_process_id ? object_process_id(process) : 0;
    object_unref(process);
    return *ret_id ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS kmt_ConfigureSharedResource(const D3DKMT_CONFIGURESHAREDRESOURCE *pData)
{
    D3DKMT_CONFIGURESHAREDRESOURCE data;
    struct kmt_device *device;
    uint32_t process;
    NTSTATUS status = caller_read(pData, &data, sizeof data), other;
    if (status != STATUS_SUCCESS)
        return status;
    other = process_of(&data, &process);
    kmt_lock();
    status = kmt_use_device(data.hDevice, &device);
    if (status == STATUS_SUCCESS) {
        const struct kmt_resource *resource = kmt_find_resource(device, data.hResource);
        clock_call(device->mm);
        if (!resource || !resource->share)
            status = STATUS_INVALID_PARAMETER;
        else
            status = other < 0 ? other : share_allow(resource->share, process, data.AllowAccess);
    }
    kmt_unlock();
    return status;
}

NTSTATUS kmt_CheckSharedResourceAccess(const D3DKMT_CHECKSHAREDRESOURCEACCESS *pData)
{
    D3DKMT_CHECKSHAREDRESOURCEACCESS data;
    struct share_view view;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!data.ClientPid || data.ClientPid > INT32_MAX ||
        (kill((pid_t)data.ClientPid, 0) != 0 && errno == ESRCH))
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    const struct kmt_resource *resource = kmt_find(data.hResource, KMT_RESOURCE);
    status = resource && resource->share ? share_view(resource->share->record, &view)
                                         : STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS) {
        clock_call(resource->device->mm);
        if (!share_allows(view.head, data.ClientPid))
            status = STATUS_ACCESS_DENIED;
        share_view_free(&view);
    }
    kmt_unlock();
    return status;
}

static NTSTATUS find_global(D3DKMT_HANDLE global, LUID *ret_luid)
{
    struct share_view view;
    NTSTATUS status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    clock_call(gpu_adapter(0));
    gpu_sweep_dead(gpu_adapter(0));
    status = share_view_global(global, &view);
    if (status == STATUS_SUCCESS) {
        *ret_luid = adapter_luid(gpu_adapter(view.head->adapter));
        share_view_free(&view);
    }
    kmt_unlock();
    return status;
}

static NTSTATUS find_nt(HANDLE handle, LUID *ret_luid)
{
    struct share_nt *nt;
    NTSTATUS status = share_nt_lookup(handle, &nt);
    if (status != STATUS_SUCCESS)
        return status == STATUS_INVALID_HANDLE ? status : STATUS_INVALID_PARAMETER;
    if (nt->mm)
        *ret_luid = adapter_luid(nt->mm);
    else
        status = STATUS_INVALID_PARAMETER;
    object_unref(&nt->object);
    return status;
}

NTSTATUS kmt_GetSharedResourceAdapterLuid(D3DKMT_GETSHAREDRESOURCEADAPTERLUID *pData)
{
    D3DKMT_GETSHAREDRESOURCEADAPTERLUID data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS && !data.hGlobalShare == !data.hNtHandle)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = data.hNtHandle ? find_nt(data.hNtHandle, &data.AdapterLuid)
                                : find_global(data.hGlobalShare, &data.AdapterLuid);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

/* The driver attaches nothing to presents. */
NTSTATUS
kmt_GetResourcePresentPrivateDriverData(D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA *pData)
{
    D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_resource *resource = kmt_find(data.hResource, KMT_RESOURCE);
    if (resource)
        clock_call(resource->device->mm);
    kmt_unlock();
    if (!resource)
        return STATUS_INVALID_PARAMETER;
    data.PrivateDriverDataSize = 0;
    return caller_write(pData, &data, sizeof data);
}
