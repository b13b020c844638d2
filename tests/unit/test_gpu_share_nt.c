/* NT handles to what is shared, and names for them: D3DKMTShareObjects and those that open. */
#include <signal.h>
#include "d3dkmt/resource.h"
#include "memoryapi/object.h"
#include "tests/unit/gpu_share_kit.h"

static OBJECT_ATTRIBUTES *attributes(const char *text)
{
    static WCHAR wide[300];
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES all;
    size_t length = strlen(text);
    for (size_t i = 0; i <= length; i++)
        wide[i] = (WCHAR)text[i];
    string = (UNICODE_STRING){(USHORT)(length * 2), (USHORT)(length * 2), wide};
    all = (OBJECT_ATTRIBUTES){.Length = sizeof all, .ObjectName = &string};
    return &all;
}

static NTSTATUS try_share(D3DKMT_HANDLE object, const char *name, HANDLE *ret_handle)
{
    return kmt_ShareObjects(1, &object, name ? attributes(name) : NULL, 0x10000000, ret_handle);
}

static HANDLE share(D3DKMT_HANDLE object, const char *name)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(try_share(object, name, &handle), STATUS_SUCCESS);
    ck_assert_ptr_nonnull(handle);
    return handle;
}

static NTSTATUS try_name(const char *name, HANDLE *ret_handle)
{
    D3DKMT_OPENNTHANDLEFROMNAME open = {.dwDesiredAccess = 0x10000000,
                                        .pObjAttrib = attributes(name)};
    NTSTATUS status = kmt_OpenNtHandleFromName(&open);
    *ret_handle = open.hNtHandle;
    return status;
}

static NTSTATUS try_open_nt(D3DKMT_HANDLE device, HANDLE handle,
                            D3DKMT_OPENRESOURCEFROMNTHANDLE *data, D3DDDI_OPENALLOCATIONINFO2 *list)
{
    *data = (D3DKMT_OPENRESOURCEFROMNTHANDLE){.hDevice = device,
                                              .hNtHandle = handle,
                                              .NumAllocations = COUNT,
                                              .pOpenAllocationInfo2 = list,
                                              .pPrivateRuntimeData = got_runtime,
                                              .PrivateRuntimeDataSize = sizeof got_runtime,
                                              .pResourcePrivateDriverData = got_driver,
                                              .ResourcePrivateDriverDataSize = sizeof got_driver,
                                              .pTotalPrivateDriverDataBuffer = got_total,
                                              .TotalPrivateDriverDataBufferSize = sizeof got_total,
                                              .hKeyedMutex = 5,
                                              .hSyncObject = 6};
    return kmt_OpenResourceFromNtHandle(data);
}

static D3DKMT_HANDLE make_fence(D3DKMT_HANDLE device, uint32_t flags)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {
        .hDevice = device, .Info = {.Type = D3DDDI_MONITORED_FENCE, .Flags = {.Value = flags}}};
    ck_assert_int_eq(kmt_CreateSynchronizationObject2(&create), STATUS_SUCCESS);
    return create.hSyncObject;
}

static D3DKMT_HANDLE make_mutex(bool nt)
{
    D3DKMT_CREATEKEYEDMUTEX2 create = {.InitialValue = 3,
                                       .pPrivateRuntimeData = (void *)runtime,
                                       .PrivateRuntimeDataSize = sizeof runtime,
                                       .Flags = {.Value = nt}};
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_SUCCESS);
    return create.hKeyedMutex;
}

#define NT_FENCE                                                                                   \
    (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared |                                                   \
     D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing)
#define NT_SHARED (SHARED | FLAG(NtSecuritySharing))

START_TEST(an_nt_handle_keeps_the_memory_without_any_device) /* KMT-333, 335, 338 */
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED), plain = make(device, SHARED);
    HANDLE handle = (HANDLE)9;
    ck_assert_int_eq(try_share(plain.resource, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(made.allocations[0], NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(0, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_ptr_eq(handle, (HANDLE)9);
    handle = share(made.resource, NULL);
    lock(device, made.allocations[1])[11] = 12;
    destroy_device(device);
    ck_assert_uint_eq(live(), COUNT);

    device = make_device();
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = device, .hNtHandle = handle};
    D3DKMT_GETSHAREDRESOURCEADAPTERLUID luid = {.hNtHandle = handle};
    ck_assert_int_eq(kmt_QueryResourceInfoFromNtHandle(&query), STATUS_SUCCESS);
    ck_assert_uint_eq(query.NumAllocations, COUNT);
    ck_assert_uint_eq(query.PrivateRuntimeDataSize, sizeof runtime);
    query.hNtHandle = (HANDLE)0x7770;
    ck_assert_int_eq(kmt_QueryResourceInfoFromNtHandle(&query), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(kmt_GetSharedResourceAdapterLuid(&luid), STATUS_SUCCESS);
    ck_assert_uint_eq(luid.AdapterLuid.LowPart, (uint32_t)kit_mm()->adapter->luid);
    luid.hGlobalShare = 1;
    ck_assert_int_eq(kmt_GetSharedResourceAdapterLuid(&luid), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_SUCCESS);
    ck_assert_uint_eq(open.hKeyedMutex, 0);
    ck_assert_uint_eq(open.hSyncObject, 0);
    ck_assert_str_eq(got_runtime, runtime);
    ck_assert_uint_eq(lock(device, list[1].hAllocation)[11], 12);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), COUNT);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_INVALID_HANDLE);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

/* What the child of a fork does with an NT handle of its parent, which is in its table, too. */
static HANDLE of_parent, fence_of_parent;

static int use_in_child(D3DKMT_HANDLE unused, int tell)
{
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE sync = {.hNtHandle = fence_of_parent};
    D3DKMT_HANDLE device = make_device();
    volatile uint32_t *contents;
    (void)unused;
    if (try_open_nt(device, of_parent, &open, list) != STATUS_SUCCESS ||
        kmt_OpenSyncObjectFromNtHandle(&sync) != STATUS_SUCCESS)
        return 1;
    contents = lock(device, list[1].hAllocation);
    if (contents[11] != 12)
        return 2;
    contents[11] = 13;
    unlock(device, list[1].hAllocation);
    destroy_device(device);
    if (handle_close(of_parent) != STATUS_SUCCESS ||
        try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_HANDLE)
        return 3;
    return write(tell, "", 1) != 1;
}

/* The parent has closed its handle and its device meanwhile: nothing is left of what it shared. */
static int use_too_late(D3DKMT_HANDLE gate, int tell)
{
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE sync = {.hNtHandle = fence_of_parent};
    D3DKMT_HANDLE device = make_device(), fence;
    char byte;
    if (write(tell, "", 1) != 1 || read((int)gate, &byte, 1) != 1)
        return 1;
    if (try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_PARAMETER)
        return 2;
    /* what took its place in the machine is not mistaken for it */
    struct made made = make(device, NT_SHARED);
    fence = make_fence(device, NT_FENCE);
    if (!fence || !made.resource ||
        try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_PARAMETER)
        return 3;
    NTSTATUS status = kmt_OpenSyncObjectFromNtHandle(&sync);
    if (status >= 0)
        return 4;
    if (handle_close(of_parent) != STATUS_SUCCESS ||
        handle_close(fence_of_parent) != STATUS_SUCCESS)
        return 5;
    return 0;
}

START_TEST(an_nt_handle_works_in_the_child_of_a_fork)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED);
    int told, gate[2];
    char byte;
    of_parent = share(made.resource, NULL);
    fence_of_parent = share(make_fence(device, NT_FENCE), NULL);
    volatile uint32_t *contents = lock(device, made.allocations[1]);
    contents[11] = 12;
    pid_t child = start(use_in_child, 0, &told);
    ck_assert_int_eq(finish(child, told), 0);
    ck_assert_uint_eq(contents[11], 13);
    ck_assert_uint_eq(live(), COUNT); /* the child's handle was its own */

    ck_assert_int_eq(pipe(gate), 0);
    child = start(use_too_late, (D3DKMT_HANDLE)gate[0], &told);
    ck_assert_int_eq(read(told, &byte, 1), 1);
    ck_assert_int_eq(handle_close(of_parent), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(fence_of_parent), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
    ck_assert_int_eq(write(gate[1], "", 1), 1);
    ck_assert_int_eq(finish(child, told), 0);
}
END_TEST

START_TEST(only_three_combinations_can_be_shared) /* KMT-336, 382, 009 */
{
    D3DKMT_HANDLE device = make_device(), mutex = make_mutex(true);
    struct made made = make(device, NT_SHARED);
    D3DKMT_HANDLE fence = make_fence(device, NT_FENCE), plain = make_fence(device, 0);
    D3DKMT_HANDLE list[4] = {made.resource, mutex, fence, fence};
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 elements[COUNT];
    HANDLE handle = NULL;
#define SHARE(count) kmt_ShareObjects(count, list, NULL, 0x10000000, &handle)
    ck_assert_int_eq(SHARE(0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(SHARE(2), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(SHARE(4), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(mutex, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(plain, NULL, &handle), STATUS_INVALID_PARAMETER);
    list[1] = fence;
    ck_assert_int_eq(SHARE(3), STATUS_INVALID_PARAMETER);
    list[1] = make_mutex(false);
    ck_assert_int_eq(SHARE(3), STATUS_INVALID_PARAMETER);
    list[1] = mutex;
    ck_assert_ptr_null(handle);
    kmt_lock();
    ck_assert(!((struct kmt_resource *)kmt_find(made.resource, KMT_RESOURCE))->keyed);
    kmt_unlock();
    ck_assert_int_eq(SHARE(3), STATUS_SUCCESS);
    kmt_lock();
    ck_assert(((struct kmt_resource *)kmt_find(made.resource, KMT_RESOURCE))->keyed);
    kmt_unlock();
    ck_assert_int_eq(try_open_nt(device, handle, &open, elements), STATUS_SUCCESS);
    ck_assert_uint_ne(open.hKeyedMutex, 0);
    ck_assert_uint_ne(open.hSyncObject, 0);
    char data[64] = "";
    open.pKeyedMutexPrivateRuntimeData = data;
    open.KeyedMutexPrivateRuntimeDataSize = sizeof runtime - 1;
    open.TotalPrivateDriverDataBufferSize = sizeof got_total;
    ck_assert_int_eq(kmt_OpenResourceFromNtHandle(&open), STATUS_INVALID_PARAMETER);
    open.KeyedMutexPrivateRuntimeDataSize = sizeof runtime;
    ck_assert_int_eq(kmt_OpenResourceFromNtHandle(&open), STATUS_SUCCESS);
    ck_assert_str_eq(data, runtime);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    /* a fence alone is no resource */
    handle = share(fence, NULL);
    ck_assert_int_eq(try_open_nt(device, handle, &open, elements), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(an_offer_holds_for_every_device_and_any_may_reclaim) /* KMT-009, 010 */
{
    D3DKMT_HANDLE device = make_device(), second = make_device();
    struct made made = make(device, NT_SHARED);
    const D3DKMT_HANDLE list[3] = {made.resource, make_mutex(true), make_fence(device, NT_FENCE)};
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 elements[COUNT];
    HANDLE handle = NULL;
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = device,
                                     .HandleList = made.allocations,
                                     .NumAllocations = COUNT,
                                     .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    ck_assert_int_eq(kmt_OfferAllocations(&offer), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_ShareObjects(3, list, NULL, 0x10000000, &handle), STATUS_SUCCESS);
    ck_assert_int_eq(try_open_nt(second, handle, &open, elements), STATUS_SUCCESS);
    const D3DKMT_HANDLE others[COUNT] = {elements[0].hAllocation, elements[1].hAllocation};
    lock(device, made.allocations[0])[2] = 22;
    unlock(device, made.allocations[0]);
    ck_assert_int_eq(kmt_OfferAllocations(&offer), STATUS_SUCCESS);
    D3DKMT_LOCK2 refused = {.hDevice = second, .hAllocation = others[0]};
    ck_assert_int_eq(kmt_Lock2(&refused), STATUS_INVALID_PARAMETER);
    vidmm_lock(kit_mm());
    vidmm_discard_offers(kit_mm(), 0);
    vidmm_unlock(kit_mm());
    BOOL discarded[COUNT] = {0};
    D3DKMT_RECLAIMALLOCATIONS reclaim = {
        .hDevice = second, .HandleList = others, .NumAllocations = COUNT, .pDiscarded = discarded};
    ck_assert_int_eq(kmt_ReclaimAllocations(&reclaim), STATUS_SUCCESS);
    ck_assert(discarded[0] && discarded[1]);
    ck_assert_uint_eq(lock(device, made.allocations[0])[2], 0);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    destroy_device(second);
    ck_assert_uint_eq(live(), 0);
}
END_TEST

static const char name[] = "\\BaseNamedObjects\\the thing";

START_TEST(a_name_is_found_while_a_handle_has_it) /* KMT-337 */
{
    D3DKMT_HANDLE device = make_device(), fence = make_fence(device, NT_FENCE);
    struct made made = make(device, NT_SHARED);
    HANDLE none, handle = share(made.resource, name), second, other;
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME sync = {.pObjAttrib = attributes(name)};
    ck_assert_int_eq(try_share(fence, name, &none), STATUS_OBJECT_NAME_COLLISION);
    ck_assert_int_eq(kmt_OpenSyncObjectNtHandleFromName(&sync), STATUS_OBJECT_TYPE_MISMATCH);
    ck_assert_int_eq(try_name(name, &second), STATUS_SUCCESS);
    ck_assert_ptr_ne(second, handle);
    ck_assert_int_eq(try_name("\\Sessions\\1\\BaseNamedObjects\\Global\\the thing", &other),
                     STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(other), STATUS_SUCCESS);
    ck_assert_int_eq(try_name("\\BaseNamedObjects\\THE thing", &none),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(try_name("\\Sessions\\1\\BaseNamedObjects\\the thing", &none),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(try_name("the thing", &none), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ck_assert_int_eq(try_name("\\Device\\the thing", &none), STATUS_OBJECT_PATH_NOT_FOUND);
    ck_assert_int_eq(try_name("\\BaseNamedObjects\\", &none), STATUS_OBJECT_NAME_INVALID);
    ck_assert_int_eq(try_name("", &none), STATUS_INVALID_PARAMETER);
    D3DKMT_OPENNTHANDLEFROMNAME any = {.pObjAttrib = attributes("\\BaseNamedObjects\\THE THING")};
    any.pObjAttrib->Attributes = 0x40; /* OBJ_CASE_INSENSITIVE */
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(any.hNtHandle), STATUS_SUCCESS);
    any.dwDesiredAccess = 0x8000;
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_ACCESS_DENIED);
    any.pObjAttrib = NULL;
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), COUNT); /* the second handle has it */
    ck_assert_int_eq(handle_close(second), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
    ck_assert_int_eq(try_name(name, &none), STATUS_OBJECT_NAME_NOT_FOUND);
}
END_TEST

static int open_by_name(D3DKMT_HANDLE unused, int tell)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    HANDLE handle;
    (void)unused;
    ck_assert_int_eq(try_name(name, &handle), STATUS_SUCCESS);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_SUCCESS);
    lock(device, list[0].hAllocation)[5] = 55;
    destroy_device(device);
    if (write(tell, "", 1) != 1)
        return 1;
    for (;;)
        pause();
    return 0;
}

START_TEST(a_name_is_the_machines_and_goes_with_the_dead)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED);
    HANDLE handle = share(made.resource, name), again;
    char byte;
    int told;
    pid_t child = start(open_by_name, 0, &told);
    ck_assert_int_eq(read(told, &byte, 1), 1);
    ck_assert_uint_eq(lock(device, made.allocations[0])[5], 55);
    destroy_device(device);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), COUNT);
    ck_assert_int_eq(try_name(name, &again), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(again), STATUS_SUCCESS);
    kill(child, SIGKILL);
    finish(child, told);
    ck_assert_int_eq(try_name(name, &again), STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

START_TEST(bundles_are_refused_and_presents_have_no_data)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA data = {.hResource = made.resource,
                                                       .PrivateDriverDataSize = 9};
    ck_assert_int_eq(kmt_GetResourcePresentPrivateDriverData(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.PrivateDriverDataSize, 0);
    data.hResource = device;
    ck_assert_int_eq(kmt_GetResourcePresentPrivateDriverData(&data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateBundleObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateBundleObject((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_ExtractBundleObject((void *)&data), STATUS_NOT_SUPPORTED);
    destroy_device(device);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("share nt");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_nt_handle_keeps_the_memory_without_any_device);
    tcase_add_test(tests, an_nt_handle_works_in_the_child_of_a_fork);
    tcase_add_test(tests, only_three_combinations_can_be_shared);
    tcase_add_test(tests, an_offer_holds_for_every_device_and_any_may_reclaim);
    tcase_add_test(tests, a_name_is_found_while_a_handle_has_it);
    tcase_add_test(tests, a_name_is_the_machines_and_goes_with_the_dead);
    tcase_add_test(tests, bundles_are_refused_and_presents_have_no_data);
    return suite_run("gpu_share_nt", tests);
}
