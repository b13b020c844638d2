/* Fences that are shared, by global and by NT handles. */
#include "gpu_device.h"

static NTSTATUS open_global(D3DKMT_HANDLE global, D3DKMT_HANDLE *ret_object)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = global};
    NTSTATUS status = D3DKMTOpenSynchronizationObject(&open);
    *ret_object = open.hSyncObject;
    return status;
}

static NTSTATUS share(D3DKMT_HANDLE object, HANDLE *ret_handle)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    *ret_handle = NULL;
    return D3DKMTShareObjects(1, &object, &attributes, D3DDDI_SYNC_OBJECT_ALL_ACCESS, ret_handle);
}

/* The opened one's own address goes to ret_fence. */
static NTSTATUS open_shared(HANDLE handle, D3DKMT_HANDLE device, struct fence *ret_fence)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = handle, .hDevice = device};
    NTSTATUS status = D3DKMTOpenSyncObjectFromNtHandle2(&open);
    ret_fence->handle = open.hSyncObject;
    if (status == STATUS_SUCCESS)
        ret_fence->value = open.MonitoredFence.FenceValueCPUVirtualAddress;
    return status;
}

#define FOR_NT (FLAG(Shared) | FLAG(NtSecuritySharing))

/* The value is seen through what waits for it: a fence of the second kind has no address. */
static void kmt184(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0), opened = 0;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0};
    struct fence done = make_fence(device, 0, 0);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    create.Info.Fence.FenceValue = 7;
    good(try_object(&create, device, D3DDDI_FENCE, FLAG(Shared)));
    ok("global handle", create.Info.SharedHandle != 0);
    good(open_global(create.Info.SharedHandle, &opened));
    ok("its own handle", opened && opened != create.hSyncObject);
    good(wait_old(context, opened, 7));
    good(signal_gpu(context, done.handle, 1));
    good(wait_cpu(device, done.handle, 1, NULL));
    good(wait_old(context, opened, 8)); /* it has no more than that */
    good(signal_gpu(context, done.handle, 2));
    good(wait_cpu(device, done.handle, 2, event));
    same("waits", WaitForSingleObject(event, 60), WAIT_TIMEOUT);
    good(signal_old(make_context(device, 0), create.hSyncObject, 8));
    same("signaled by the other handle", WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
    CloseHandle(event);
    good(drop_object(opened));
    good(drop_device(device));
}

static void kmt185(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, FOR_NT);
    same("global handle", fence.global, 0);
    good(drop_device(device));
}

static void kmt186(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};
    bad(try_object(&create, device, D3DDDI_MONITORED_FENCE, FLAG(NtSecuritySharing)));
    bad(try_object(&create, device, D3DDDI_FENCE, FLAG(NtSecuritySharing)));
    same("none", create.hSyncObject, 0x1234);
    good(drop_device(device));
}

static void kmt187(void)
{
    D3DKMT_HANDLE device = make_device(), other = make_device();
    struct fence fence = make_fence(device, 7, FOR_NT), opened = {.value = fence.value};
    HANDLE handle;

    good(share(fence.handle, &handle));
    good(open_shared(handle, other, &opened));
    ok("an address", opened.value != NULL);
    same("the same value", *opened.value, 7);
    good(signal_cpu(device, fence.handle, 9));
    same("after a signal", *opened.value, 9);
    good(signal_cpu(other, opened.handle, 11));
    same("and the other way", *fence.value, 11);
    ok("closed", CloseHandle(handle));
    good(drop_device(other));
    good(drop_device(device));
}

static void kmt188(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence alone = make_fence(device, 0, 0), global = make_fence(device, 0, FLAG(Shared));
    HANDLE handle;
    bad(share(alone.handle, &handle));
    bad(share(global.handle, &handle));
    good(drop_device(device));
}

static void kmt189(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 7, FOR_NT), opened = {.value = fence.value};
    HANDLE handle;

    good(share(fence.handle, &handle));
    good(open_shared(handle, device, &opened));
    ok("closed", CloseHandle(handle));
    good(drop_object(fence.handle));
    bad(signal_cpu(device, fence.handle, 8));
    good(signal_cpu(device, opened.handle, 8));
    same("alive", *opened.value, 8);
    good(drop_object(opened.handle));
    good(drop_device(device));
}

const struct statement share_statements[] = {
    S(184), S(185), S(186), S(187), S(188), S(189), END,
};
