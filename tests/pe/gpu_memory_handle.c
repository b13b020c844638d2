/* Resources that others open by an NT handle or a name: KMT-010, 335 to 339, 382, 383. */
#include "gpu_memory_child.h"

#define FLAG(name) D3DKMT_CREATEALLOCATIONFLAGS_##name
#define SHARED     (FLAG(CreateResource) | FLAG(CreateShared))
#define ALL        0x10000000u            /* GENERIC_ALL */
#define NO_NAME    ((NTSTATUS)0xC0000034) /* STATUS_OBJECT_NAME_NOT_FOUND */

/* Of one allocation of 1 MiB. */
static D3DKMT_HANDLE make_shared(UINT flags, D3DKMT_HANDLE *allocation, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_HANDLE resource = 0;
    same("a shared resource", create(0, allocation, 1, SHARED | flags, &resource, ret_global), OK);
    return resource;
}

static D3DKMT_HANDLE make_nt(D3DKMT_HANDLE *allocation)
{
    D3DKMT_HANDLE global = 0, resource;
    resource = make_shared(FLAG(NtSecuritySharing), allocation, &global);
    same("no global handle", global, 0);
    return resource;
}

static D3DKMT_HANDLE make_mutex(void)
{
    D3DKMT_CREATEKEYEDMUTEX2 data = {.Flags.Value = 1}; /* NtSecuritySharing */
    same("a keyed mutex", D3DKMTCreateKeyedMutex2(&data), OK);
    return data.hKeyedMutex;
}

static D3DKMT_HANDLE make_fence(void)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 data = {
        .hDevice = device,
        .Info.Type = D3DDDI_MONITORED_FENCE,
        .Info.Flags.Value = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared |
                            D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing};
    same("a fence", D3DKMTCreateSynchronizationObject2(&data), OK);
    return data.hSyncObject;
}

static OBJECT_ATTRIBUTES *named(WCHAR *text)
{
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES all;
    USHORT length = 0;
    while (text[length])
        length++;
    string = (UNICODE_STRING){(USHORT)(length * 2), (USHORT)(length * 2), text};
    all = (OBJECT_ATTRIBUTES){.Length = sizeof all, .ObjectName = &string};
    return &all;
}

static NTSTATUS share(const D3DKMT_HANDLE *list, UINT count, WCHAR *name, HANDLE *ret_handle)
{
    return D3DKMTShareObjects(count, list, name ? named(name) : NULL, ALL, ret_handle);
}

static NTSTATUS open_on(D3DKMT_HANDLE on, HANDLE handle, D3DKMT_HANDLE *ret_allocation)
{
    static char runtime[64], driver[64], total[256];
    D3DDDI_OPENALLOCATIONINFO2 info = {0};
    D3DKMT_OPENRESOURCEFROMNTHANDLE data = {.hDevice = on,
                                            .hNtHandle = handle,
                                            .NumAllocations = 1,
                                            .pOpenAllocationInfo2 = &info,
                                            .pPrivateRuntimeData = runtime,
                                            .PrivateRuntimeDataSize = sizeof runtime,
                                            .pResourcePrivateDriverData = driver,
                                            .ResourcePrivateDriverDataSize = sizeof driver,
                                            .pTotalPrivateDriverDataBuffer = total,
                                            .TotalPrivateDriverDataBufferSize = sizeof total};
    NTSTATUS status = D3DKMTOpenResourceFromNtHandle(&data);
    *ret_allocation = info.hAllocation;
    return status;
}

static NTSTATUS lock_on(D3DKMT_HANDLE on, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 data = {.hDevice = on, .hAllocation = allocation};
    D3DKMT_UNLOCK2 unlocks = {on, allocation};
    NTSTATUS status = D3DKMTLock2(&data);
    if (status == OK)
        D3DKMTUnlock2(&unlocks);
    return status;
}

/* Only with a keyed mutex can what is shared be offered. */
PROVE(010)
{
    D3DKMT_HANDLE a, theirs, other = make_device(), other_queue = make_queue(other);
    D3DKMT_HANDLE list[3] = {make_nt(&a), make_mutex(), make_fence()};
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = other_queue, .NumAllocations = 1, .HandleList = &theirs};
    HANDLE handle = NULL;
    same("not yet", offer(a, 1, 0), BAD);
    same("share", share(list, 3, NULL, &handle), OK);
    same("open", open_on(other, handle, &theirs), OK);
    same("offer", offer(a, 1, 0), OK);
    same("offered for the other", lock_on(other, theirs), BAD);
    same("which reclaims it", D3DKMTReclaimAllocations2(&data), OK);
    same("for both", lock_status(a), OK);
    CloseHandle(handle);
    destroy_device(other);
}

PROVE(335)
{
    D3DKMT_HANDLE a, b, global, plain = make_shared(0, &a, &global), secured = make_nt(&b);
    HANDLE handle = (HANDLE)9;
    same("without NtSecuritySharing", share(&plain, 1, NULL, &handle), BAD);
    same("nothing is written", (ULONG64)handle, 9);
    same("with it", share(&secured, 1, NULL, &handle), OK);
    CloseHandle(handle);
}

PROVE(336)
{
    D3DKMT_HANDLE a, resource = make_nt(&a), mutex = make_mutex(), object = make_fence();
    const D3DKMT_HANDLE all[] = {resource, mutex, object}, two[] = {resource, object},
                        twice[] = {resource, object, object};
    HANDLE handle = NULL;
    same("a mutex", share(&mutex, 1, NULL, &handle), BAD);
    same("two", share(two, 2, NULL, &handle), BAD);
    same("two fences", share(twice, 3, NULL, &handle), BAD);
    same("no handle", (ULONG64)handle, 0);
    same("a resource", share(&resource, 1, NULL, &handle), OK);
    CloseHandle(handle);
    same("a fence", share(&object, 1, NULL, &handle), OK);
    CloseHandle(handle);
    same("three", share(all, 3, NULL, &handle), OK);
    CloseHandle(handle);
}

PROVE(337)
{
    static WCHAR name[] = L"\\BaseNamedObjects\\gpu_memory test";
    D3DKMT_HANDLE a, opened, resource = make_nt(&a);
    D3DKMT_OPENNTHANDLEFROMNAME data = {.dwDesiredAccess = ALL};
    HANDLE handle = NULL;
    data.pObjAttrib = named(name);
    same("unknown", D3DKMTOpenNtHandleFromName(&data), NO_NAME);
    same("share", share(&resource, 1, name, &handle), OK);
    data.pObjAttrib = named(name);
    same("known", D3DKMTOpenNtHandleFromName(&data), OK);
    same("open", open_on(device, data.hNtHandle, &opened), OK);
    CloseHandle(data.hNtHandle);
    CloseHandle(handle);
    same("unknown again", D3DKMTOpenNtHandleFromName(&data), NO_NAME);
}

PROVE(338)
{
    D3DKMT_HANDLE a, b, global = 0, resource = make_nt(&b);
    D3DKMT_GETSHAREDRESOURCEADAPTERLUID by_global = {0}, by_handle = {0};
    HANDLE handle = NULL;
    make_shared(0, &a, &global);
    by_global.hGlobalShare = global;
    same("share", share(&resource, 1, NULL, &handle), OK);
    by_handle.hNtHandle = handle;
    same("by global handle", D3DKMTGetSharedResourceAdapterLuid(&by_global), OK);
    same("by NT handle", D3DKMTGetSharedResourceAdapterLuid(&by_handle), OK);
    same("LUID", by_global.AdapterLuid.LowPart, luid.LowPart);
    same("LUID", by_handle.AdapterLuid.LowPart, luid.LowPart);
    CloseHandle(handle);
}

PROVE(339)
{
    D3DKMT_HANDLE a, global = 0, resource = make_shared(FLAG(RestrictSharedAccess), &a, &global);
    struct child child;
    DWORD written;
    D3DKMT_CONFIGURESHAREDRESOURCE data = {
        .hDevice = device, .hResource = resource, .AllowAccess = TRUE};
    if (!child_start_with(&child, "restricted", global))
        return;
    data.hProcess = child.process;
    same("allow", D3DKMTConfigureSharedResource(&data), OK);
    WriteFile(child.to, "!", 1, &written, NULL);
    same("it opens it then", child_end(&child), OK);
}

PROVE(382)
{
    D3DKMT_HANDLE a, list[4] = {make_nt(&a), make_mutex(), make_fence(), 0};
    HANDLE handle = NULL;
    list[3] = list[2];
    same("four", share(list, 4, NULL, &handle), BAD);
    same("no handle", (ULONG64)handle, 0);
}

PROVE(383)
{
    D3DKMT_HANDLE a, opened, other = make_device(), resource = make_nt(&a);
    HANDLE handle = NULL;
    same("share", share(&resource, 1, NULL, &handle), OK);
    same("open", open_on(other, handle, &opened), OK);
    same("close", CloseHandle(handle), TRUE);
    same("destroy the creator's", destroy(a), OK);
    same("it stays", lock_on(other, opened), OK);
    destroy_device(other);
}

const struct statement handle_statements[] = {S(010), S(335), S(336), S(337), S(338),
                                              S(339), S(382), S(383), END};
