/* Offers: KMT-001 to KMT-029. */
#include "gpu_memory.h"

enum { LOW = 1, NORMAL, HIGH, AUTO };
enum { INTACT, LOST, UNCOMMITTED };
#define NOW      D3DKMT_OFFER_FLAGS_OfferImmediately
#define DECOMMIT D3DKMT_OFFER_FLAGS_AllowDecommit

/* Resident, with contents. */
static D3DKMT_HANDLE filled(UINT64 size, UINT64 seed)
{
    D3DKMT_HANDLE allocation = make(size);
    fill(allocation, size, seed);
    same("made resident", resident(allocation), OK);
    return allocation;
}

PROVE(001)
{
    D3DKMT_HANDLE one[1], resource = make_resource(one, 1, 0);
    D3DKMT_OFFERALLOCATIONS both = {.hDevice = device,
                                    .pResources = &resource,
                                    .HandleList = one,
                                    .NumAllocations = 1,
                                    .Priority = LOW};
    D3DKMT_OFFERALLOCATIONS none = {.hDevice = device, .NumAllocations = 1, .Priority = LOW};
    same("both", D3DKMTOfferAllocations(&both), BAD);
    same("neither", D3DKMTOfferAllocations(&none), BAD);
    same("nothing is offered", lock_status(one[0]), OK);
    both.pResources = NULL;
    same("allocations", D3DKMTOfferAllocations(&both), OK);
}

PROVE(002)
{
    D3DKMT_HANDLE a = make(MIB);
    same("no allocation", offer_all(&a, 0, LOW, 0), BAD);
}

PROVE(003)
{
    D3DKMT_HANDLE three[3], resource = make_resource(three, 3, 0);
    D3DKMT_OFFERALLOCATIONS data = {
        .hDevice = device, .pResources = &resource, .NumAllocations = 1, .Priority = NORMAL};
    same("offer", D3DKMTOfferAllocations(&data), OK);
    for (unsigned i = 0; i < 3; i++)
        same("is offered", lock_status(three[i]), BAD);
}

PROVE(004)
{
    D3DKMT_HANDLE a = make(MIB);
    for (UINT priority = LOW; priority <= AUTO; priority++) {
        same("offer", offer(a, priority, 0), OK);
        same("reclaim", reclaim(a), INTACT);
    }
    same("none", offer(a, 0, 0), BAD);
    same("five", offer(a, 5, 0), BAD);
    same("many", offer(a, ~0u, 0), BAD);
    same("is not offered", lock_status(a), OK);
}

PROVE(005)
{
    D3DKMT_HANDLE a = make(MIB);
    for (UINT bit = 2; bit < 32; bit++)
        same("a reserved bit", offer(a, LOW, 1u << bit), BAD);
    same("is not offered", lock_status(a), OK);
    same("both flags", offer(a, LOW, NOW | DECOMMIT), OK);
}

PROVE(006)
{
    D3DKMT_HANDLE list[] = {make(MIB), make(MIB), 0x7FFFFFC0};
    same("a wrong handle", offer_all(list, 3, LOW, 0), BAD);
    list[2] = device;
    same("a device", offer_all(list, 3, LOW, 0), BAD);
    same("the first", lock_status(list[0]), OK);
    same("the second", lock_status(list[1]), OK);
}

PROVE(007)
{
    D3DKMT_HANDLE list[] = {make(MIB), make(MIB)};
    lock(list[1]);
    same("offer", offer_all(list, 2, LOW, 0), BAD);
    same("the first is not offered", lock_status(list[0]), OK);
    unlock(list[1]);
    same("unlocked", offer_all(list, 2, LOW, 0), OK);
}

/* A primary, and memory of the program; pins are in gpu_memory_lock.c. */
PROVE(008)
{
    struct winmem_gpu_allocation wanted = {MIB, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO info = {.pPrivateDriverData = &wanted,
                                  .PrivateDriverDataSize = sizeof wanted,
                                  .Flags.Value = D3DDDI_ALLOCATIONINFO_FLAGS_Primary};
    D3DKMT_CREATEALLOCATION data = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo = &info};
    void *own = VirtualAlloc(NULL, MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    same("create a primary", D3DKMTCreateAllocation(&data), OK);
    same("offer it", offer(info.hAllocation, LOW, 0), BAD);
    info.Flags.Value = 0;
    info.pSystemMem = own;
    wanted.segments = wanted.preferred = NONLOCAL;
    data.Flags.Value = D3DKMT_CREATEALLOCATIONFLAGS_ExistingSysMem;
    same("create of own memory", D3DKMTCreateAllocation(&data), OK);
    same("offer it", offer(info.hAllocation, LOW, 0), BAD);
    same("destroy it", destroy(info.hAllocation), OK);
    VirtualFree(own, 0, MEM_RELEASE);
}

PROVE(009)
{
    D3DKMT_HANDLE one[1], resource;
    resource = make_resource(one, 1, D3DKMT_CREATEALLOCATIONFLAGS_CreateShared);
    ok("resource", resource);
    same("offer", offer(one[0], LOW, 0), BAD);
    same("is not offered", lock_status(one[0]), OK);
}

PROVE(011)
{
    D3DKMT_HANDLE a = make(MIB);
    D3DKMT_LOCK old = {
        .hDevice = device, .hAllocation = a, .Flags.Value = D3DDDICB_LOCKFLAGS_LockEntire};
    D3DKMT_UNLOCK unlock_old = {.hDevice = device, .NumAllocations = 1, .phAllocations = &a};
    same("offer", offer(a, HIGH, 0), OK);
    same("Lock2", lock_status(a), BAD);
    same("Lock", D3DKMTLock(&old), BAD);
    same("reclaim", reclaim(a), INTACT);
    same("Lock2", lock_status(a), OK);
    same("Lock", D3DKMTLock(&old), OK);
    same("Unlock", D3DKMTUnlock(&unlock_old), OK);
}

PROVE(012)
{
    D3DKMT_HANDLE a = filled(20 * MIB, 1);
    same("before", place_of(a), ON_GPU);
    same("offer", offer(a, LOW, 0), OK);
    same("still standing", place_of(a), NOWHERE);
    press(3);
    same("discarded", place_of(a), NOWHERE);
}

PROVE(013)
{
    D3DKMT_HANDLE a = make(8 * MIB);
    UINT64 before = memory(0).CurrentUsage;
    same("resident", resident(a), OK);
    same("usage", memory(0).CurrentUsage - before, 8 * MIB);
    same("offer", offer(a, LOW, 0), OK);
    same("usage", memory(0).CurrentUsage, before);
    same("reclaim", reclaim(a), INTACT);
    same("usage", memory(0).CurrentUsage - before, 8 * MIB);
}

PROVE(014)
{
    D3DKMT_HANDLE list[] = {make(MIB), make(MIB)};
    same("offer", offer(list[1], LOW, 0), OK);
    same("make resident", resident_all(list, 2, 0, NULL), BAD);
    same("the other one", place_of(list[0]), NOWHERE);
}

PROVE(015)
{
    D3DKMT_HANDLE a = filled(MIB, 1), b = make(MIB);
    same("offer", offer(a, LOW, 0), OK);
    same("offer of one that was not asked for", offer(b, LOW, 0), OK);
    same("reclaim", reclaim(a), INTACT);
    same("reclaim", reclaim(b), INTACT);
    same("is resident again", place_of(a), ON_GPU);
    same("is not", place_of(b), NOWHERE);
    same("one count", evict(a, 0), OK);
    same("no second one", evict(a, 0), BAD);
}

PROVE(017)
{
    D3DKMT_HANDLE low = filled(20 * MIB, 1), high = filled(20 * MIB, 2);
    same("offer", offer(high, LOW, 0), OK);
    same("offer", offer(low, HIGH, 0), OK);
    same("the other way", offer(high, HIGH, 0), OK);
    same("the other way", offer(low, LOW, 0), OK);
    press(2);
    same("high is not lost", reclaim(high), INTACT); /* first: the other one would take its room */
    same("low is", reclaim(low), LOST);
    same("one reclaim was enough", lock_status(high), OK);
}

PROVE(018)
{
    D3DKMT_HANDLE first = filled(20 * MIB, 1), second = filled(20 * MIB, 2);
    same("offer", offer(first, LOW, 0), OK);
    same("offer", offer(second, LOW, 0), OK);
    same("again", offer(first, LOW, 0), OK);
    press(2);
    same("the second is the older one now", offer(second, HIGH, 0), OK);
    same("the first stands", reclaim(first), INTACT);
    ok("with its content", holds(first, 20 * MIB, 1));
    same("lost, and lost it stays", reclaim(second), LOST);
}

/* Three of 20 MiB fit: so many more press so many out. */
static void discard_order(unsigned pressing)
{
    D3DKMT_HANDLE list[3];
    UINT results[3];
    for (unsigned i = 0; i < 3; i++)
        list[i] = filled(20 * MIB, i);
    same("offer high first", offer(list[2], HIGH, 0), OK);
    same("offer normal", offer(list[1], NORMAL, 0), OK);
    same("offer low last", offer(list[0], LOW, 0), OK);
    press(pressing);
    same("reclaim", reclaim_all(list, 3, results), OK);
    for (unsigned i = 0; i < 3; i++)
        same("lost", results[i], i < pressing ? LOST : INTACT);
}

PROVE(019)
{
    discard_order(1);
    begin();
    discard_order(2);
    begin();
    discard_order(3);
}

PROVE(020)
{
    D3DKMT_HANDLE list[3];
    UINT results[3];
    for (unsigned i = 0; i < 3; i++)
        list[i] = filled(20 * MIB, i);
    same("offer", offer(list[1], LOW, 0), OK);
    same("offer", offer(list[0], LOW, 0), OK);
    same("offer", offer(list[2], LOW, 0), OK);
    press(2);
    same("reclaim", reclaim_all(list, 3, results), OK);
    same("the oldest", results[1], LOST);
    same("the next", results[0], LOST);
    same("the youngest", results[2], INTACT);
}

/* AUTO against an offer of NORMAL that is younger, or older: who goes tells what AUTO is. */
static void auto_goes_by(UINT priority, BOOL auto_first, BOOL auto_is_lost)
{
    D3DKMT_HANDLE by_itself, other;
    begin();
    by_itself = filled(20 * MIB, 1);
    other = filled(20 * MIB, 2);
    same("priority", set_priority(by_itself, priority), OK);
    if (auto_first)
        same("offer", offer(by_itself, AUTO, 0), OK);
    same("offer", offer(other, NORMAL, 0), OK);
    if (!auto_first)
        same("offer", offer(by_itself, AUTO, 0), OK);
    press(2);
    same("stands", reclaim(auto_is_lost ? other : by_itself), INTACT);
    same("is lost", reclaim(auto_is_lost ? by_itself : other), LOST);
}

PROVE(021)
{
    auto_goes_by(0x77FFFFFF, FALSE, TRUE); /* lower: it goes although it is younger */
    auto_goes_by(0x78000001, TRUE, FALSE); /* higher: it stays although it is older */
    auto_goes_by(0x78000000, TRUE, TRUE);  /* the same: age decides */
    auto_goes_by(0x78000000, FALSE, FALSE);
}

PROVE(022)
{
    D3DKMT_HANDLE whole = filled(20 * MIB, 1), lost = filled(20 * MIB, 2);
    same("offer", offer(lost, LOW, 0), OK);
    same("offer", offer(whole, HIGH, 0), OK);
    resident(make(8 * MIB)); /* 4 MiB more than is free */
    resident(make(20 * MIB));
    same("intact", reclaim(whole), INTACT);
    ok("all of it", holds(whole, 20 * MIB, 1));
    same("lost", reclaim(lost), LOST);
    ok("nothing of it", is_zero(lost, 20 * MIB));
}

PROVE(023)
{
    D3DKMT_HANDLE idle = filled(20 * MIB, 1), offered = filled(20 * MIB, 2);
    same("evict", evict(idle, D3DDDI_EVICT_FLAGS_EvictOnlyIfNecessary), OK);
    same("offer", offer(offered, HIGH, 0), OK);
    press(2);
    same("what nobody asks for stays", place_of(idle), ON_GPU);
    same("what is offered goes", reclaim(offered), LOST);
}

PROVE(025)
{
    D3DKMT_HANDLE a = filled(20 * MIB, 1);
    same("offer", offer(a, HIGH, NOW), OK);
    press(3);
    same("reclaim", reclaim(a), LOST);
}

PROVE(027)
{
    D3DKMT_HANDLE a = filled(MIB, 1), b = make(MIB);
    UINT64 before;
    same("offer", offer(a, LOW, 0), OK);
    same("offer", offer(b, LOW, DECOMMIT), OK);
    before = memory(0).CurrentUsage;
    same("destroy", destroy(a), OK);
    same("destroy", destroy(b), OK);
    same("usage", memory(0).CurrentUsage, before);
    same("gone", reclaim(a), 99);
}

PROVE(028)
{
    D3DKMT_HANDLE a = make(MIB);
    remove_device();
    same("offer", offer(a, LOW, 0), GONE);
}

PROVE(029)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT result = 98;
    BOOL lost = 98;
    D3DKMT_RECLAIMALLOCATIONS old = {
        .hDevice = device, .HandleList = &a, .pDiscarded = &lost, .NumAllocations = 1};
    same("offer", offer(a, LOW, 0), OK);
    remove_device();
    same("ReclaimAllocations2", reclaim_all(&a, 1, &result), GONE);
    same("ReclaimAllocations", D3DKMTReclaimAllocations(&old), GONE);
    same("nothing is told", result + (UINT)lost, 98 + 98);
    same("destroy", destroy(a), OK);
}

const struct statement offer_statements[] = {S(001), S(002), S(003), S(004), S(005), S(006), S(007),
                                             S(008), S(009), S(011), S(012), S(013), S(014), S(015),
                                             S(017), S(018), S(019), S(020), S(021), S(022), S(023),
                                             S(025), S(027), S(028), S(029), END};
