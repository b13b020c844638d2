/* Creating and destroying, priorities: KMT-301 to KMT-306, 317 to 325, 368, 369, 379. */
#include "gpu_memory.h"

#define FLAG(name) D3DKMT_CREATEALLOCATIONFLAGS_##name

PROVE(301)
{
    D3DKMT_HANDLE one[1] = {77}, resource = 0, share = 0;
    same("no resource", create(0, one, 1, FLAG(CreateShared), &resource, &share), BAD);
    same("not shared",
         create(0, one, 1, FLAG(CreateResource) | FLAG(NtSecuritySharing), &resource, &share), BAD);
    same("neither", create(0, one, 1, FLAG(NtSecuritySharing), &resource, &share), BAD);
    same("no handle", one[0], 0);
    same("no share", share, 0xABCD); /* as it was */
}

PROVE(302)
{
    D3DKMT_HANDLE one[1] = {0}, resource = 0;
    same("empty", create(0, NULL, 0, FLAG(CreateResource), &resource, NULL), OK);
    ok("resource", resource);
    resource = 0;
    same("alone", create(0, one, 1, 0, &resource, NULL), OK);
    ok("allocation", one[0]);
    same("no resource", resource, 0);
    same("nothing at all", create(0, NULL, 0, 0, &resource, NULL), BAD);
}

PROVE(304)
{
    static D3DKMT_HANDLE list[1025];
    struct winmem_gpu_allocation good = {MIB, LOCAL, LOCAL}, wrong = {0, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO infos[2] = {
        {.pPrivateDriverData = &good, .PrivateDriverDataSize = sizeof good},
        {.pPrivateDriverData = &wrong, .PrivateDriverDataSize = sizeof wrong}};
    D3DKMT_CREATEALLOCATION data = {
        .hDevice = device, .NumAllocations = 2, .pAllocationInfo = infos};
    same("1025", create(0, list, 1025, 0, NULL, NULL), BAD);
    same("nothing", list[0], 0);
    same("1024", create(0, list, 1024, 0, NULL, NULL), OK);
    ok("all", list[0] && list[1023] && list[0] != list[1023]);
    same("usable", lock_status(list[1023]), OK);
    ok("one is wrong", D3DKMTCreateAllocation(&data) != OK);
    same("no handle", infos[0].hAllocation | infos[1].hAllocation, 0);
}

PROVE(305)
{
    D3DKMT_HANDLE a = make(MIB), b;
    ok("zeros", is_zero(a, MIB));
    fill(a, MIB, 1);
    same("destroy", destroy(a), OK);
    b = make(MIB);
    ok("zeros again", is_zero(b, MIB));
    same("make resident", resident(b), OK);
    ok("zeros still", is_zero(b, MIB));
}

/*
 * --- priorities
 */

PROVE(317)
{
    D3DKMT_HANDLE parts[3], resource = make_resource(parts, 3, 0);
    UINT priority = 0xA0000000, read = 0;
    D3DKMT_SETALLOCATIONPRIORITY set = {
        .hDevice = device, .hResource = resource, .pPriorities = &priority};
    D3DKMT_GETALLOCATIONPRIORITY get = {
        .hDevice = device, .hResource = resource, .pPriorities = &read};
    same("set", D3DKMTSetAllocationPriority(&set), OK);
    for (unsigned i = 0; i < 3; i++)
        same("each", priority_of(parts[i]), 0xA0000000);
    same("get", D3DKMTGetAllocationPriority(&get), OK);
    same("of the resource", read, 0xA0000000);
}

PROVE(318)
{
    const UINT some[] = {0x78000001, 0, 1, 0xFFFFFFFF, 0x28000000, 0xC8000000};
    D3DKMT_HANDLE a = make(MIB);
    for (unsigned i = 0; i < COUNT_OF(some); i++) {
        same("set", set_priority(a, some[i]), OK);
        same("reads back", priority_of(a), some[i]);
    }
}

PROVE(319)
{
    struct winmem_gpu_allocation wanted = {MIB, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted,
                                   .Flags.Value = D3DDDI_ALLOCATIONINFO_FLAGS_OverridePriority,
                                   .Priority = 0x50000007};
    D3DKMT_CREATEALLOCATION data = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    same("normal", priority_of(make(MIB)), 0x78000000);
    same("create", D3DKMTCreateAllocation2(&data), OK);
    same("its own", priority_of(info.hAllocation), 0x50000007);
}

/*
 * --- destroying
 */

PROVE(320)
{
    D3DKMT_HANDLE parts[3], resource = make_resource(parts, 3, 0);
    D3DKMT_DESTROYALLOCATION data = {.hDevice = device, .hResource = resource};
    same("destroy", D3DKMTDestroyAllocation(&data), OK);
    for (unsigned i = 0; i < 3; i++)
        same("gone", lock_status(parts[i]), BAD);
    same("again", D3DKMTDestroyAllocation(&data), BAD);
}

PROVE(321)
{
    D3DKMT_HANDLE one[1], resource = make_resource(one, 1, 0);
    D3DKMT_DESTROYALLOCATION old = {device, resource, one, 1};
    D3DKMT_DESTROYALLOCATION2 both = {
        .hDevice = device, .hResource = resource, .phAllocationList = one, .AllocationCount = 1};
    same("DestroyAllocation", D3DKMTDestroyAllocation(&old), BAD);
    same("DestroyAllocation2", D3DKMTDestroyAllocation2(&both), BAD);
    same("it lives", lock_status(one[0]), OK);
}

PROVE(322)
{
    D3DKMT_HANDLE first[2], second[1], mixed[2];
    D3DKMT_DESTROYALLOCATION old = {device, 0, mixed, 2};
    D3DKMT_DESTROYALLOCATION2 data = {
        .hDevice = device, .phAllocationList = mixed, .AllocationCount = 2};
    make_resource(first, 2, 0);
    make_resource(second, 1, 0);
    mixed[0] = first[0];
    mixed[1] = second[0];
    same("of two resources", D3DKMTDestroyAllocation2(&data), BAD);
    same("of two resources", D3DKMTDestroyAllocation(&old), BAD);
    mixed[1] = make(MIB);
    same("of none", D3DKMTDestroyAllocation2(&data), BAD);
    same("all live", lock_status(first[0]) | lock_status(second[0]) | lock_status(mixed[1]), OK);
    mixed[1] = first[1];
    same("of one", D3DKMTDestroyAllocation2(&data), OK);
}

PROVE(323)
{
    D3DKMT_HANDLE a = make(20 * MIB), b = make(20 * MIB);
    same("make resident", resident_all(&b, 1, 0, NULL), BUSY);
    same("destroy", destroy(a), OK);
    same("destroy what is on its way", destroy(b), OK);
    same("its handle", lock_status(a), BAD);
    same("its handle", lock_status(b), BAD);
    same("its handle", destroy(a), BAD);
    same("its handle", place_of(b), 0);
}

PROVE(324)
{
    for (unsigned i = 0; i < 6; i++) {
        D3DKMT_HANDLE a = make(40 * MIB);
        D3DKMT_DESTROYALLOCATION2 data = {.hDevice = device,
                                          .phAllocationList = &a,
                                          .AllocationCount = 1,
                                          .Flags.Value =
                                              D3DDDICB_DESTROYALLOCATION2FLAGS_SynchronousDestroy};
        same("there is room", resident(a), OK);
        same("destroy", D3DKMTDestroyAllocation2(&data), OK);
        same("usage", memory(0).CurrentUsage, 0);
    }
}

PROVE(325)
{
    D3DKMT_HANDLE a = make(MIB), one[1], resource = make_resource(one, 1, 0);
    D3DKMT_DESTROYALLOCATION old = {.hDevice = device, .hResource = resource};
    remove_device();
    same("removed", lock_status(a), GONE);
    same("DestroyAllocation2", destroy(a), OK);
    same("DestroyAllocation", D3DKMTDestroyAllocation(&old), OK);
}

/*
 * --- parameters
 */

PROVE(368)
{
    same("offer", D3DKMTOfferAllocations(NULL), BAD);
    same("reclaim", D3DKMTReclaimAllocations2(NULL), BAD);
    same("make resident", D3DKMTMakeResident(NULL), BAD);
    same("evict", D3DKMTEvict(NULL), BAD);
    same("create", D3DKMTCreateAllocation(NULL), BAD);
    same("create", D3DKMTCreateAllocation2(NULL), BAD);
    same("destroy", D3DKMTDestroyAllocation2(NULL), BAD);
    same("lock", D3DKMTLock2(NULL), BAD);
    same("unlock", D3DKMTUnlock2(NULL), BAD);
    same("memory", D3DKMTQueryVideoMemoryInfo(NULL), BAD);
}

static BOOL equal(const void *a, const void *b, SIZE_T size)
{
    const char *p = a, *q = b;
    while (size && *p == *q)
        p++, q++, size--;
    return !size;
}

PROVE(369)
{
    D3DKMT_HANDLE list[] = {make(40 * MIB), 77};
    D3DDDI_MAKERESIDENT data = {.hPagingQueue = queue,
                                .NumAllocations = 2,
                                .AllocationList = list,
                                .PagingFenceValue = 0x1234,
                                .NumBytesToTrim = 0x5678},
                        before = data;
    D3DKMT_LOCK2 locks = {.hDevice = device, .hAllocation = 77, .pData = (void *)0x1234},
                 locks_before = locks;
    same("a wrong handle", D3DKMTMakeResident(&data), BAD);
    ok("nothing is written", equal(&data, &before, sizeof data));
    list[1] = make(40 * MIB);
    same("no memory", D3DKMTMakeResident(&data), FULL);
    ok("the two", data.NumAllocations == 0 && data.NumBytesToTrim != 0x5678);
    same("not the fence", data.PagingFenceValue, 0x1234);
    same("lock", D3DKMTLock2(&locks), BAD);
    ok("nothing is written", equal(&locks, &locks_before, sizeof locks));
}

const struct statement create_statements[] = {S(301), S(302), S(304), S(305), S(317), S(318),
                                              S(319), S(320), S(321), S(322), S(323), S(324),
                                              S(325), S(368), S(369), END};
