/* Budgets, reservations, usage and trim notifications: KMT-076 to KMT-088, 094, 095, 097, 387, 388. */
#include "gpu_memory.h"

#include "gpu_memory_child.h"

#define TRIMMED   D3DDDI_MAKERESIDENT_FLAGS_CantTrimFurther
#define IF_NEEDED D3DDDI_EVICT_FLAGS_EvictOnlyIfNecessary

PROVE(076)
{
    D3DKMT_HANDLE a = make(3 * MIB);
    UINT64 before = memory(0).CurrentUsage;
    same("make resident", resident(a), OK);
    same("grown", memory(0).CurrentUsage - before, 3 * MIB);
    same("evict", evict(a, 0), OK);
    same("shrunk", memory(0).CurrentUsage, before);
}

PROVE(077)
{
    D3DKMT_HANDLE a = make(3 * MIB);
    UINT64 before = memory(0).CurrentUsage;
    for (unsigned i = 0; i < 3; i++)
        same("make resident", resident(a), OK);
    same("once", memory(0).CurrentUsage - before, 3 * MIB);
    same("evict", evict(a, 0), OK);
    same("still", memory(0).CurrentUsage - before, 3 * MIB);
}

PROVE(078)
{
    D3DKMT_QUERYVIDEOMEMORYINFO own = {.hProcess = GetCurrentProcess(), .hAdapter = adapter}, null;
    same("make resident", resident(make(5 * MIB)), OK);
    same("by its handle", D3DKMTQueryVideoMemoryInfo(&own), OK);
    null = memory(0);
    same("usage", null.CurrentUsage, 5 * MIB);
    same("the same usage", null.CurrentUsage, own.CurrentUsage);
    same("the same budget", null.Budget, own.Budget);
}

PROVE(079)
{
    D3DKMT_QUERYVIDEOMEMORYINFO data = {.hAdapter = adapter, .Budget = 77};
    for (UINT group = 2; group < 5; group++) {
        data.MemorySegmentGroup = group;
        same("query", D3DKMTQueryVideoMemoryInfo(&data), BAD);
        same("reserve", reserve(group, 0), BAD);
    }
    data.MemorySegmentGroup = ~0u;
    same("query", D3DKMTQueryVideoMemoryInfo(&data), BAD);
    same("nothing is written", data.Budget, 77);
}

PROVE(080)
{
    same("reserve", reserve(0, 8 * MIB), OK);
    same("is set", memory(0).CurrentReservation, 8 * MIB);
    same("reserve", reserve(0, 4 * MIB), OK);
    same("is set anew", memory(0).CurrentReservation, 4 * MIB);
    same("give back", reserve(0, 0), OK);
    same("nothing", memory(0).CurrentReservation, 0);
}

PROVE(081)
{
    UINT64 available = memory(0).AvailableForReservation;
    same("reserve", reserve(0, MIB), OK);
    same("too much", reserve(0, available + 1), BAD);
    same("no change", memory(0).CurrentReservation, MIB);
    same("all of it", reserve(0, available), OK);
    same("reserved", memory(0).CurrentReservation, available);
    same("give back", reserve(0, 0), OK);
}

PROVE(082)
{
    struct child child;
    same("alone", memory(0).AvailableForReservation, 32 * MIB);
    same("reserve", reserve(0, 8 * MIB), OK);
    same("the own does not count", memory(0).AvailableForReservation, 32 * MIB);
    if (!child_start(&child, "reserve 10"))
        return;
    same("less the other's", memory(0).AvailableForReservation, 22 * MIB);
    same("too much now", reserve(0, 23 * MIB), BAD);
    same("the child ends", child_end(&child), 0);
    same("given back", memory(0).AvailableForReservation, 32 * MIB);
    same("give back", reserve(0, 0), OK);
}

PROVE(083)
{
    UINT64 before = memory(0).CurrentUsage;
    same("reserve", reserve(0, 16 * MIB), OK);
    same("usage", memory(0).CurrentUsage, before);
    same("give back", reserve(0, 0), OK);
}

PROVE(084)
{
    struct child children[3];
    unsigned count = 0;
    UINT64 alone;
    same("reserve", reserve(0, 30 * MIB), OK);
    alone = memory(0).Budget;
    while (count < 3 && child_start(&children[count], "device"))
        count++;
    ok("pressed down", memory(0).Budget < alone);
    ok("not below the reservation", memory(0).Budget >= 30 * MIB);
    while (count)
        child_end(&children[--count]);
    same("as before", memory(0).Budget, alone);
    same("give back", reserve(0, 0), OK);
}

/*
 * --- trimming
 */

static struct {
    unsigned calls;
    UINT64 bytes;
    UINT flags;
    void *context;
    D3DKMT_HANDLE evicts;
    NTSTATUS evicted;
} told;

static void CALLBACK on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    told.calls++;
    told.bytes = notification->NumBytesToTrim;
    told.flags |= notification->Flags.Value;
    told.context = notification->Context;
    if (told.evicts) {
        told.evicted = evict(told.evicts, 0);
        told.evicts = 0;
    }
}

static void *listen(void *context)
{
    D3DKMT_REGISTERTRIMNOTIFICATION data = {
        .AdapterLuid = luid, .hDevice = device, .Callback = on_trim, .Context = context};
    memset(&told, 0, sizeof told);
    same("register", D3DKMTRegisterTrimNotification(&data), OK);
    return data.Handle;
}

static NTSTATUS unlisten(void *handle)
{
    D3DKMT_UNREGISTERTRIMNOTIFICATION data = {.Handle = handle, .Callback = on_trim};
    return D3DKMTUnregisterTrimNotification(&data);
}

/* The budget falls by half: another process has a device, too. */
static void shrink(D3DKMT_HANDLE any)
{
    struct child child;
    if (!child_start(&child, "device"))
        return;
    place_of(any); /* a call: what is to be told is told there */
    child_end(&child);
}

PROVE(085)
{
    D3DKMT_HANDLE a = make(40 * MIB);
    void *handle = listen(&told);
    same("make resident", resident(a), OK);
    same("not yet", told.calls, 0);
    shrink(a);
    same("told", told.calls, 1);
    same("TrimToBudget", told.flags, D3DDDI_TRIMRESIDENCYSET_FLAGS_TrimToBudget);
    ok("bytes", told.bytes > 0 && told.bytes < 40 * MIB);
    same("unregister", unlisten(handle), OK);
}

PROVE(086)
{
    D3DKMT_HANDLE a = make(40 * MIB);
    void *handle = listen(&luid);
    same("make resident", resident(a), OK);
    told.evicts = a;
    told.evicted = 1;
    shrink(a);
    same("context", told.context == &luid, 1);
    same("evicted in the callback", told.evicted, OK);
    same("is out", place_of(a), NOWHERE);
    same("unregister", unlisten(handle), OK);
}

PROVE(087)
{
    D3DKMT_HANDLE a = make(40 * MIB);
    void *handle = listen(&told);
    same("make resident", resident(a), OK);
    same("unregister", unlisten(handle), OK);
    shrink(a);
    same("not told", told.calls, 0);
    same("its handle", unlisten(handle), BAD);
}

PROVE(088)
{
    D3DKMT_REGISTERTRIMNOTIFICATION data = {
        .AdapterLuid = luid, .hDevice = device, .Callback = on_trim, .Handle = &told};
    data.AdapterLuid.LowPart += 0x1234567;
    same("another LUID", D3DKMTRegisterTrimNotification(&data), BAD);
    same("nothing is written", data.Handle == &told, 1);
}

PROVE(098)
{
    D3DKMT_HANDLE a = make(40 * MIB), b = make_in(40 * MIB, NONLOCAL, NONLOCAL);
    void *handle = listen(&told);
    same("make resident", resident(a), OK);
    same("make resident", resident(b), OK);
    shrink(a);
    shrink(a);
    ok("told", told.calls > 0);
    same("nothing else", told.flags, D3DDDI_TRIMRESIDENCYSET_FLAGS_TrimToBudget);
    same("unregister", unlisten(handle), OK);
}

PROVE(094)
{
    UINT64 before = memory(0).Budget;
    same("reserve", reserve(0, 20 * MIB), OK);
    same("the budget", memory(0).Budget, before);
    same("give back", reserve(0, 0), OK);
}

PROVE(095)
{
    D3DKMT_HANDLE a = make_in(6 * MIB, NONLOCAL, NONLOCAL);
    UINT64 local = memory(0).CurrentUsage, budget = memory(0).Budget;
    same("make resident", resident(a), OK);
    same("non-local", memory(1).CurrentUsage, 6 * MIB);
    same("local", memory(0).CurrentUsage, local);
    same("reserve", reserve(1, 9 * MIB), OK);
    same("non-local", memory(1).CurrentReservation, 9 * MIB);
    same("local", memory(0).CurrentReservation, 0);
    same("give back", reserve(1, 0), OK);
    same("local budget", memory(0).Budget, budget);
    same("what is full", resident(make(50 * MIB)), OK);
    same("leaves the other", resident(make_in(50 * MIB, NONLOCAL, NONLOCAL)), OK);
}

/* What sizes of 1 byte, of a page, and of a byte more take. */
static void count_pages(UINT group, UINT segment, UINT64 page)
{
    const UINT64 sizes[] = {1, page, page + 1}, pages[] = {1, 1, 2};
    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        UINT64 before = memory(group).CurrentUsage;
        same("make resident", resident(make_in(sizes[i], segment, segment)), OK);
        same("pages", memory(group).CurrentUsage - before, pages[i] * page);
    }
}

PROVE(097)
{
    count_pages(0, LOCAL, 64 * KIB);
    count_pages(1, NONLOCAL, 4 * KIB);
}

PROVE(387)
{
    D3DKMT_HANDLE a = make(MIB);
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION set = {
        .hProcess = GetCurrentProcess(), .hAdapter = adapter, .Reservation = 2 * MIB};
    D3DKMT_QUERYPROCESSOFFERINFO info = {.cbSize = sizeof info, .hProcess = GetCurrentProcess()};
    D3DKMT_QUERYPROCESSOFFERINFO null = {.cbSize = sizeof null};
    D3DKMT_TRIMPROCESSCOMMITMENT trim = {.cbSize = sizeof trim, .DecommitRequested = MIB};
    same("offer", offer(a, 1, D3DKMT_OFFER_FLAGS_AllowDecommit), OK);
    same("reserve by NULL", reserve(0, MIB), OK);
    same("is there", memory(0).CurrentReservation, MIB);
    same("reserve by handle", D3DKMTChangeVideoMemoryReservation(&set), OK);
    same("is there", memory(0).CurrentReservation, 2 * MIB);
    same("give back", reserve(0, 0), OK);
    same("offers by handle", D3DKMTQueryProcessOfferInfo(&info), OK);
    same("offers by NULL", D3DKMTQueryProcessOfferInfo(&null), OK);
    same("the same", info.DecommittableBytes, null.DecommittableBytes);
    ok("some", null.DecommittableBytes >= MIB);
    same("trim by NULL", D3DKMTTrimProcessCommitment(&trim), OK);
    ok("trimmed", trim.NumBytesDecommitted >= MIB);
}

PROVE(388)
{
    D3DKMT_HANDLE a = make(6 * MIB);
    UINT64 before = memory(0).CurrentUsage;
    same("make resident", resident(a), OK);
    same("evict", evict(a, IF_NEEDED), OK);
    same("it is there", place_of(a), ON_GPU);
    same("it does not count", memory(0).CurrentUsage, before);
}

const struct statement budget_statements[] = {
    S(076), S(077), S(078), S(079), S(080), S(081), S(082), S(083), S(084), S(085),
    S(086), S(087), S(088), S(094), S(095), S(097), S(098), S(387), S(388), END};
