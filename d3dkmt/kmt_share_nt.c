/* NT handles: D3DKMTShareObjects, OpenNtHandleFromName, OpenSyncObjectNtHandleFromName. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/share_nt.h"
#include "d3dkmt/state.h"
#include "faces.h"

#define MOST         3u          /* D3DKMT_MAX_OBJECTS_PER_HANDLE */
#define KNOWN_ACCESS 0xF31F0003u /* of the objects, standard, MAXIMUM_ALLOWED, generic, SACL */

/* A resource that was made for NT handles. */
static NTSTATUS add_resource(const struct kmt_resource *resource, struct share_parts *parts)
{
    const struct kmt_share *share = resource->share;
    if (parts->id || !share || !(share->flags & D3DKMT_CREATEALLOCATIONFLAGS_NtSecuritySharing))
        return STATUS_INVALID_PARAMETER;
    parts->record = share->record;
    parts->id = share->id;
    return STATUS_SUCCESS;
}

/* One of each kind at most. pre: kmt_lock */
static NTSTATUS add(D3DKMT_HANDLE handle, struct share_parts *parts,
                    struct kmt_resource **ret_resource)
{
    struct kmt_resource *resource = kmt_find(handle, KMT_RESOURCE);
    if (resource) {
        *ret_resource = resource;
        return add_resource(resource, parts);
    }
    if (kmt_find(handle, KMT_SYNC))
        return parts->sync ? STATUS_INVALID_PARAMETER : sync_name_for_nt(handle, &parts->sync);
    return parts->keyed ? STATUS_INVALID_PARAMETER : keyed_name_for_nt(handle, &parts->keyed);
}

static NTSTATUS share_locked(const D3DKMT_HANDLE *handles, uint32_t count,
                             const struct share_name *name, struct share_nt **ret_nt)
{
    struct share_parts parts = {0};
    struct kmt_resource *resource = NULL;
    uint32_t record = VID_NONE;
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < count && status == STATUS_SUCCESS; i++)
        status = add(handles[i], &parts, &resource);
    if (status != STATUS_SUCCESS)
        return status;
    if (count == 2 || (count == 1 && parts.keyed))
        return STATUS_INVALID_PARAMETER;
    clock_call(resource ? resource->device->mm : gpu_adapter(0));
    if (name->any)
        status = share_name_enter(name, &parts, &record);
    if (status == STATUS_SUCCESS)
        status = share_nt_create(&parts, record, ret_nt);
    if (status != STATUS_SUCCESS)
        gpu_record_give(record);
    else if (parts.keyed)
        resource->keyed = true;
    return status;
}

/* The handle that the caller gets; takes the reference over. */
static NTSTATUS give_handle(struct share_nt *nt, uint32_t access, bool inherit, HANDLE *ret_handle)
{
    HANDLE handle;
    NTSTATUS status = handle_create(&nt->object, access, inherit, &handle);
    object_unref(&nt->object);
    if (status == STATUS_SUCCESS && !guarded_write(ret_handle, &handle, sizeof handle)) {
        handle_close(handle);
        status = STATUS_ACCESS_VIOLATION;
    }
    return status;
}

NTSTATUS kmt_ShareObjects(UINT cObjects, const D3DKMT_HANDLE *hObjects,
                          POBJECT_ATTRIBUTES pObjectAttributes, DWORD dwDesiredAccess,
                          HANDLE *phSharedNtHandle)
{
    D3DKMT_HANDLE handles[MOST];
    struct share_name name;
    struct share_nt *nt;
    NTSTATUS status;
    if (!cObjects || cObjects > MOST || !hObjects || !phSharedNtHandle)
        return STATUS_INVALID_PARAMETER;
    if (!guarded_copy(handles, hObjects, cObjects * sizeof *handles) ||
        !kmt_can_write(phSharedNtHandle, sizeof *phSharedNtHandle))
        return STATUS_ACCESS_VIOLATION;
    status = share_name_read(pObjectAttributes, &name);
    if (status == STATUS_SUCCESS && dwDesiredAccess & ~KNOWN_ACCESS)
        status = STATUS_ACCESS_DENIED;
    if (status == STATUS_SUCCESS)
        status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = share_locked(handles, cObjects, &name, &nt);
    kmt_unlock();
    return status == STATUS_SUCCESS
               ? give_handle(nt, dwDesiredAccess, name.inherit, phSharedNtHandle)
               : status;
}

static NTSTATUS open_locked(const struct share_name *name, bool resource, struct share_nt **ret_nt)
{
    struct share_parts parts;
    uint32_t record;
    NTSTATUS status = share_name_find(name, &parts, &record);
    if (status != STATUS_SUCCESS)
        return status;
    if (resource ? !parts.id : !parts.sync)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    else
        status = share_nt_create(&parts, record, ret_nt);
    if (status == STATUS_SUCCESS)
        return status;
    gpu_record_give(record);
    /* what it named is gone, and so is the name */
    return status == STATUS_INVALID_PARAMETER ? STATUS_OBJECT_NAME_NOT_FOUND : status;
}

static NTSTATUS open_name(const OBJECT_ATTRIBUTES *attributes, uint32_t access, bool resource,
                          HANDLE *ret_handle)
{
    struct share_name name;
    struct share_nt *nt;
    NTSTATUS status = share_name_read(attributes, &name);
    if (status == STATUS_SUCCESS && !name.any)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    clock_call(gpu_adapter(0));
    status = open_locked(&name, resource, &nt);
    kmt_unlock();
    if (status == STATUS_SUCCESS && access & ~KNOWN_ACCESS) {
        object_unref(&nt->object);
        status = STATUS_ACCESS_DENIED;
    }
    return status == STATUS_SUCCESS ? give_handle(nt, access, name.inherit, ret_handle) : status;
}

NTSTATUS kmt_OpenNtHandleFromName(D3DKMT_OPENNTHANDLEFROMNAME *pData)
{
    D3DKMT_OPENNTHANDLEFROMNAME data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    return status == STATUS_SUCCESS
               ? open_name(data.pObjAttrib, data.dwDesiredAccess, true, &pData->hNtHandle)
               : status;
}

NTSTATUS kmt_OpenSyncObjectNtHandleFromName(D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME *pData)
{
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    return status == STATUS_SUCCESS
               ? open_name(data.pObjAttrib, data.dwDesiredAccess, false, &pData->hNtHandle)
               : status;
}

/* Windows has them up to 10 1709, and nobody says what their structures look like. */
static NTSTATUS refuse(const void *data)
{
    char first;
    if (!data)
        return STATUS_INVALID_PARAMETER;
    return guarded_copy(&first, data, 1) ? STATUS_NOT_SUPPORTED : STATUS_ACCESS_VIOLATION;
}

NTSTATUS kmt_CreateBundleObject(D3DKMT_CREATEBUNDLEOBJECT *pData)
{
    return refuse(pData);
}

NTSTATUS kmt_ExtractBundleObject(D3DKMT_EXTRACTBUNDLEOBJECT *pData)
{
    return refuse(pData);
}
