/* Residency and paging queues: KMT-047 to KMT-075, KMT-089 to KMT-093. */
#include "gpu_memory.h"

#define TRIMMED     D3DDDI_MAKERESIDENT_FLAGS_CantTrimFurther
#define MUST        D3DDDI_MAKERESIDENT_FLAGS_MustSucceed
#define IF_NEEDED   D3DDDI_EVICT_FLAGS_EvictOnlyIfNecessary
#define NOT_WRITTEN D3DDDI_EVICT_FLAGS_NotWrittenTo

PROVE(047)
{
    D3DKMT_HANDLE a = make(MIB);
    same("new", place_of(a), NOWHERE);
    lock(a);
    same("locked", place_of(a), NOWHERE);
    unlock(a);
    same("make resident", resident(a), OK);
    same("then", place_of(a), ON_GPU);
}

PROVE(048)
{
    D3DKMT_HANDLE a = make(MIB);
    for (unsigned i = 0; i < 3; i++)
        same("make resident", resident(a), OK);
    for (unsigned i = 0; i < 3; i++) {
        same("still there", place_of(a), ON_GPU);
        same("evict", evict(a, 0), OK);
    }
    same("gone", place_of(a), NOWHERE);
}

PROVE(049)
{
    D3DKMT_HANDLE a = make(MIB), twice[] = {a, a};
    same("make resident", resident_all(twice, 2, 0, NULL) & ~BUSY, OK);
    same("evict", evict(a, 0), OK);
    same("still there", place_of(a), ON_GPU);
    same("evict", evict(a, 0), OK);
    same("gone", place_of(a), NOWHERE);
    same("make resident", resident_all(twice, 2, 0, NULL) & ~BUSY, OK);
    same("evict twice in one list", evict_all(twice, 2, 0, NULL), OK);
    same("gone", place_of(a), NOWHERE);
}

PROVE(050)
{
    D3DKMT_HANDLE a = make(20 * MIB);
    D3DDDI_MAKERESIDENT data;
    same("paged in", resident_all(&a, 1, 0, &data), BUSY);
    ok("a value that is not reached yet", data.PagingFenceValue > 0);
    ok("is reached", reached(data.PagingFenceValue));
    same("there already", resident_all(&a, 1, 0, &data), OK);
    ok("reached", *fence >= data.PagingFenceValue);
}

PROVE(051)
{
    D3DKMT_HANDLE a = make(20 * MIB);
    D3DDDI_MAKERESIDENT data;
    same("paged in", resident_all(&a, 1, 0, &data), BUSY);
    ok("reached", reached(data.PagingFenceValue));
    same("resident", place_of(a), ON_GPU);
}

PROVE(052)
{
    UINT64 last = 0;
    for (unsigned i = 0; i < 6; i++) {
        D3DKMT_HANDLE a = make(MIB);
        D3DDDI_MAKERESIDENT data;
        same("paged in", resident_all(&a, 1, 0, &data) & ~BUSY, OK);
        ok("not less than before", data.PagingFenceValue >= last);
        last = data.PagingFenceValue;
    }
    ok("it moved", last > 0);
}

PROVE(053)
{
    D3DKMT_HANDLE list[] = {make(MIB), make(MIB), make(MIB)};
    D3DDDI_MAKERESIDENT data;
    same("make resident", resident_all(list, 3, 0, &data) & ~BUSY, OK);
    same("as asked", data.NumAllocations, 3);
}

PROVE(054)
{
    D3DKMT_HANDLE list[] = {make(MIB), make(40 * MIB), make(40 * MIB)};
    D3DDDI_MAKERESIDENT data;
    same("make one resident", resident(list[0]), OK);
    same("too much", resident_all(list, 3, 0, &data), FULL);
    same("none", data.NumAllocations, 0);
    same("the second", place_of(list[1]), NOWHERE);
    same("the third", place_of(list[2]), NOWHERE);
    same("no count", evict(list[1], 0), BAD);
    same("one count", evict(list[0], 0), OK);
    same("no second one", evict(list[0], 0), BAD);
}

PROVE(055)
{
    D3DKMT_HANDLE a = make(40 * MIB), b = make(40 * MIB);
    D3DDDI_MAKERESIDENT data;
    same("make resident", resident(a), OK);
    same("too much", resident_all(&b, 1, 0, &data), FULL);
    same("how far", data.NumBytesToTrim, 80 * MIB - memory(0).Budget);
}

PROVE(056)
{
    D3DKMT_HANDLE some[10], big = make(50 * MIB);
    D3DDDI_MAKERESIDENT data;
    UINT64 left;
    unsigned i = 0;
    for (unsigned j = 0; j < 10; j++)
        some[j] = make(4 * MIB);
    same("make resident", resident_all(some, 10, 0, NULL) & ~BUSY, OK);
    same("too much", resident_all(&big, 1, 0, &data), FULL);
    for (left = data.NumBytesToTrim; (INT64)left > 0 && i < 10; left -= 4 * MIB)
        same("evict", evict(some[i++], 0), OK);
    ok("not all had to go", i < 10);
    same("again", resident(big), OK);
}

PROVE(057)
{
    D3DKMT_HANDLE a = make(40 * MIB), b = make(22 * MIB), c = make(20 * MIB);
    UINT64 budget = memory(0).Budget;
    ok("between the budget and the memory", budget < 62 * MIB);
    same("make resident", resident(a), OK);
    same("not so", resident(b), FULL);
    same("over the budget", resident_all(&b, 1, TRIMMED, NULL) & ~BUSY, OK);
    ok("usage", memory(0).CurrentUsage > budget);
    same("more than there is", resident_all(&c, 1, TRIMMED, NULL), FULL);
}

PROVE(058)
{
    D3DKMT_HANDLE a = make(MIB);
    same("MustSucceed", resident_all(&a, 1, MUST, NULL), BAD);
    same("nothing", place_of(a), NOWHERE);
    same("both", resident_all(&a, 1, MUST | TRIMMED, NULL) & ~BUSY, OK);
}

PROVE(059)
{
    D3DKMT_HANDLE a = make(40 * MIB), b = make(40 * MIB);
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    same("make resident", resident(a), OK);
    same("cannot be met", resident_all(&b, 1, MUST | TRIMMED, NULL), FULL);
    D3DKMTGetDeviceState(&state);
    ok("in error", state.ExecutionState != D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("nothing goes on", resident(a), GONE);
}

PROVE(060)
{
    D3DKMT_HANDLE other = make_device(), list[] = {make(MIB), 0};
    list[1] = make_on(other, MIB, LOCAL, LOCAL);
    same("make resident", resident_all(list, 2, 0, NULL), BAD);
    same("nothing", place_of(list[0]), NOWHERE);
    same("make the own one resident", resident(list[0]), OK);
    same("evict", evict_all(list, 2, 0, NULL), BAD);
    same("still there", place_of(list[0]), ON_GPU);
    same("destroy", destroy_device(other), OK);
}

PROVE(061)
{
    D3DKMT_HANDLE a = make(MIB);
    D3DDDI_MAKERESIDENT data = {.hPagingQueue = queue,
                                .NumAllocations = 1,
                                .AllocationList = &a,
                                .PriorityList = (const UINT *)8};
    same("not looked at", D3DKMTMakeResident(&data) & ~BUSY, OK);
    data.PriorityList = NULL;
    same("may be NULL", D3DKMTMakeResident(&data) & ~BUSY, OK);
}

PROVE(062)
{
    static D3DKMT_HANDLE list[10241];
    list[0] = make(MIB);
    for (unsigned i = 1; i < COUNT_OF(list); i++)
        list[i] = list[0];
    same("one more", resident_all(list, 10241, 0, NULL), BAD);
    same("nothing", place_of(list[0]), NOWHERE);
    same("10240", resident_all(list, 10240, 0, NULL) & ~BUSY, OK);
    same("evict all but one", evict_all(list, 10239, 0, NULL), OK);
    same("still there", place_of(list[0]), ON_GPU);
    same("the last", evict(list[0], 0), OK);
    same("gone", place_of(list[0]), NOWHERE);
}

PROVE(063)
{
    D3DKMT_HANDLE a = make(MIB), b = make(MIB), list[] = {a, b}, twice[] = {a, a};
    same("never made resident", evict(a, 0), BAD);
    same("make resident", resident(a), OK);
    same("one of them", evict_all(list, 2, 0, NULL), BAD);
    same("more often", evict_all(twice, 2, 0, NULL), BAD);
    same("no count went", place_of(a), ON_GPU);
    same("evict", evict(a, 0), OK);
    same("again", evict(a, 0), BAD);
}

PROVE(064)
{
    D3DKMT_HANDLE a = make(40 * MIB), b = make(22 * MIB), c = make(MIB);
    UINT64 trim = 77;
    same("make resident", resident(a), OK);
    same("make resident", resident(c), OK);
    same("over the budget", resident_all(&b, 1, TRIMMED, NULL) & ~BUSY, OK);
    same("evict", evict_all(&c, 1, 0, &trim), OK);
    same("still over", trim, 62 * MIB - memory(0).Budget);
    same("evict", evict_all(&b, 1, 0, &trim), OK);
    same("within", trim, 0);
}

PROVE(065)
{
    D3DKMT_HANDLE a = make(MIB);
    same("make resident", resident(a), OK);
    same("evict", evict(a, 0), OK);
    same("at once", place_of(a), NOWHERE);
}

PROVE(066)
{
    D3DKMT_HANDLE a = make(20 * MIB);
    same("make resident", resident(a), OK);
    same("evict", evict(a, IF_NEEDED), OK);
    press(2);
    same("there is room", place_of(a), ON_GPU);
    press(1);
    same("the room is needed", place_of(a), NOWHERE);
}

PROVE(067)
{
    D3DKMT_HANDLE a = make(20 * MIB);
    same("make resident", resident(a), OK);
    same("make resident", resident(a), OK);
    same("evict", evict(a, IF_NEEDED), OK);
    press(2);
    same("no room for a third", resident(make(20 * MIB)), FULL);
    same("it stays", place_of(a), ON_GPU);
    same("evict", evict(a, 0), OK);
    same("gone", place_of(a), NOWHERE);
}

PROVE(068)
{
    D3DKMT_HANDLE a = make(3 * MIB);
    fill(a, 3 * MIB, 8);
    same("make resident", resident(a), OK);
    same("evict", evict(a, 0), OK);
    press(3);
    ok("while it is out", holds(a, 3 * MIB, 8));
    begin();
    a = make(3 * MIB);
    fill(a, 3 * MIB, 8);
    same("make resident", resident(a), OK);
    same("evict", evict(a, 0), OK);
    same("make resident", resident(a), OK);
    ok("back", holds(a, 3 * MIB, 8));
}

PROVE(071)
{
    D3DKMT_HANDLE low = make(20 * MIB), old = make(20 * MIB), young = make(20 * MIB);
    same("priority", set_priority(low, 0x28000000), OK);
    same("make resident", resident(old), OK);
    same("make resident", resident(young), OK);
    same("make resident", resident(low), OK);
    same("evict", evict(old, IF_NEEDED), OK);
    same("evict", evict(young, IF_NEEDED), OK);
    same("evict", evict(low, IF_NEEDED), OK);
    press(1);
    same("the lower priority went", place_of(low), NOWHERE);
    same("the old one did not", place_of(old), ON_GPU);
    press(1);
    same("the old one went", place_of(old), NOWHERE);
    same("the young one did not", place_of(young), ON_GPU);
}

PROVE(072)
{
    D3DKMT_HANDLE local = make_in(MIB, LOCAL, LOCAL);
    D3DKMT_HANDLE shared = make_in(MIB, NONLOCAL, NONLOCAL), none = make(MIB);
    same("make resident", resident(local), OK);
    same("make resident", resident(shared), OK);
    same("local", place_of(local), ON_GPU);
    same("system memory", place_of(shared), IN_SHARED);
    same("neither", place_of(none), NOWHERE);
}

PROVE(073)
{
    D3DKMT_HANDLE parts[3], resource = make_resource(parts, 3, 0);
    same("make two resident", resident_all(parts, 2, 0, NULL) & ~BUSY, OK);
    same("one is not", place_of_resource(resource), NOWHERE);
    same("make the third resident", resident(parts[2]), OK);
    same("all are", place_of_resource(resource), ON_GPU);
}

PROVE(074)
{
    struct winmem_gpu_allocation wanted[2] = {{MIB, LOCAL, LOCAL}, {MIB, NONLOCAL, NONLOCAL}};
    D3DDDI_ALLOCATIONINFO infos[2] = {
        {.pPrivateDriverData = &wanted[0], .PrivateDriverDataSize = sizeof wanted[0]},
        {.pPrivateDriverData = &wanted[1], .PrivateDriverDataSize = sizeof wanted[1]}};
    D3DKMT_CREATEALLOCATION data = {.hDevice = device,
                                    .NumAllocations = 2,
                                    .pAllocationInfo = infos,
                                    .Flags.Value = D3DKMT_CREATEALLOCATIONFLAGS_CreateResource};
    D3DKMT_HANDLE list[2];
    same("create", D3DKMTCreateAllocation(&data), OK);
    for (unsigned i = 0; i < 2; i++)
        list[i] = infos[i].hAllocation;
    same("make resident", resident_all(list, 2, 0, NULL) & ~BUSY, OK);
    same("one", place_of(list[0]), ON_GPU);
    same("other", place_of(list[1]), IN_SHARED);
    same("both", place_of_resource(data.hResource), IN_SHARED);
}

PROVE(075)
{
    D3DKMT_HANDLE one[1], resource = make_resource(one, 1, 0);
    UINT answer = 77, priority = 0x78000005;
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = device,
                                             .hResource = resource,
                                             .phAllocationList = one,
                                             .AllocationCount = 1,
                                             .pResidencyStatus = &answer};
    D3DKMT_SETALLOCATIONPRIORITY set = {device, resource, one, 1, &priority};
    D3DKMT_GETALLOCATIONPRIORITY get = {device, resource, one, 1, &answer};
    same("query", D3DKMTQueryAllocationResidency(&query), BAD);
    same("set", D3DKMTSetAllocationPriority(&set), BAD);
    same("get", D3DKMTGetAllocationPriority(&get), BAD);
    query.phAllocationList = NULL;
    set.phAllocationList = get.phAllocationList = NULL;
    same("query with a count", D3DKMTQueryAllocationResidency(&query), BAD);
    same("set with a count", D3DKMTSetAllocationPriority(&set), BAD);
    same("get with a count", D3DKMTGetAllocationPriority(&get), BAD);
    same("nothing is written", answer, 77);
    same("nothing is set", priority_of(one[0]), 0x78000000);
}

/*
 * --- paging queues
 */

PROVE(089)
{
    D3DKMT_HANDLE a = make(20 * MIB);
    D3DDDI_MAKERESIDENT data;
    UINT64 before = *fence;
    struct probe met = probe_write((volatile void *)fence, PROBE_ONCE);
    same("a write", met.code, 0xC0000005); /* STATUS_ACCESS_VIOLATION */
    same("nothing was written", *fence, before);
    same("make resident", resident_all(&a, 1, 0, &data), BUSY);
    ok("the value comes", reached(data.PagingFenceValue));
}

PROVE(090)
{
    const volatile UINT64 *first = fence;
    D3DKMT_HANDLE old = queue, a = make(20 * MIB), b = make(20 * MIB);
    UINT64 before;
    queue = make_queue(device);
    ok("a second one", queue && queue != old && fence != first);
    before = *first;
    same("make resident", resident(a), OK);
    ok("its fence moved", *fence > 0);
    same("the other's did not", *first, before);
    queue = old;
    fence = first;
    same("make resident", resident(b), OK);
    ok("it moves, too", *first > before);
}

PROVE(091)
{
    D3DKMT_CREATEPAGINGQUEUE data = {.hDevice = device, .hPagingQueue = 77};
    data.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)-2;
    same("-2", D3DKMTCreatePagingQueue(&data), BAD);
    data.Priority = 2;
    same("2", D3DKMTCreatePagingQueue(&data), BAD);
    same("nothing is written", data.hPagingQueue, 77);
    for (int priority = -1; priority <= 1; priority++) {
        data.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)priority;
        same("-1 to 1", D3DKMTCreatePagingQueue(&data), OK);
    }
}

PROVE(092)
{
    D3DKMT_HANDLE a = make(40 * MIB);
    D3DDDI_DESTROYPAGINGQUEUE destroy = {.hPagingQueue = queue};
    D3DDDI_MAKERESIDENT data;
    same("make resident", resident_all(&a, 1, 0, &data), BUSY);
    same("destroy", D3DKMTDestroyPagingQueue(&destroy), OK);
    same("done", place_of(a), ON_GPU);
    same("again", D3DKMTDestroyPagingQueue(&destroy), BAD);
    same("its handle", resident(a), BAD);
}

PROVE(093)
{
    D3DKMT_HANDLE a = make(MIB), old = queue;
    D3DDDI_DESTROYPAGINGQUEUE destroy = {.hPagingQueue = old};
    same("make resident", resident(a), OK);
    same("destroy the device", destroy_device(device), OK);
    device = 0;
    same("its queue", D3DKMTDestroyPagingQueue(&destroy), BAD);
    same("its allocations", resident(a), BAD);
}

const struct statement residency_statements[] = {
    S(047), S(048), S(049), S(050), S(051), S(052), S(053), S(054), S(055), S(056), S(057),
    S(058), S(059), S(060), S(061), S(062), S(063), S(064), S(065), S(066), S(067), S(068),
    S(071), S(072), S(073), S(074), S(075), S(089), S(090), S(091), S(092), S(093), END};
