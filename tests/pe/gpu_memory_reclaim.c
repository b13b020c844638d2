/* The way back from offers, and commitment: KMT-026, KMT-030 to KMT-046, KMT-096, 099, 100. */
#include "gpu_memory.h"

enum { LOW = 1, NORMAL, HIGH };
enum { INTACT, LOST, UNCOMMITTED };
#define NOW      D3DKMT_OFFER_FLAGS_OfferImmediately
#define DECOMMIT D3DKMT_OFFER_FLAGS_AllowDecommit

/* Resident and offered, with contents. */
static D3DKMT_HANDLE offered(UINT64 size, UINT64 seed, UINT priority)
{
    D3DKMT_HANDLE allocation = make(size);
    fill(allocation, size, seed);
    same("made resident", resident(allocation), OK);
    same("offered", offer(allocation, priority, 0), OK);
    return allocation;
}

static D3DKMT_QUERYPROCESSOFFERINFO offer_info(void)
{
    D3DKMT_QUERYPROCESSOFFERINFO info = {.cbSize = sizeof info};
    same("offers are told", D3DKMTQueryProcessOfferInfo(&info), OK);
    return info;
}

static UINT64 trim(UINT64 wanted, UINT flags)
{
    D3DKMT_TRIMPROCESSCOMMITMENT data = {.cbSize = sizeof data,
                                         .Flags.Value = flags,
                                         .DecommitRequested = wanted,
                                         .NumBytesDecommitted = 77};
    same("trim", D3DKMTTrimProcessCommitment(&data), OK);
    return data.NumBytesDecommitted;
}

PROVE(030)
{
    D3DKMT_HANDLE low = offered(20 * MIB, 1, LOW), high = offered(20 * MIB, 2, HIGH);
    D3DKMT_HANDLE never = make(MIB), list[3] = {never, low, high};
    UINT results[4] = {77, 77, 77, 77};
    press(2);
    same("reclaim", reclaim_all(list, 3, results), OK);
    same("the first", results[0], INTACT);
    same("the second", results[1], LOST);
    same("the third", results[2], INTACT);
    same("no fourth", results[3], 77);
}

PROVE(031)
{
    D3DKMT_HANDLE a = offered(3 * MIB, 5, LOW), b = make(64 * KIB);
    fill(b, 64 * KIB, 9);
    same("offer of one that is nowhere", offer(b, LOW, 0), OK);
    same("reclaim", reclaim(a), INTACT);
    ok("every byte", holds(a, 3 * MIB, 5));
    same("reclaim", reclaim(b), INTACT);
    ok("every byte", holds(b, 64 * KIB, 9));
}

/* Pressed out by others that have gone when the content is looked at. */
static D3DKMT_HANDLE lost_one(void)
{
    D3DKMT_HANDLE a = offered(20 * MIB, 3, LOW), more[3];
    for (unsigned i = 0; i < 3; i++) {
        more[i] = make(20 * MIB);
        same("press", resident(more[i]), OK);
    }
    for (unsigned i = 0; i < 3; i++)
        same("destroy", destroy(more[i]), OK);
    same("lost", reclaim(a), LOST);
    return a;
}

PROVE(032)
{
    D3DKMT_HANDLE a = lost_one();
    ok("its content is gone", !holds(a, 20 * MIB, 3));
    fill(a, 20 * MIB, 4);
    ok("it takes another", holds(a, 20 * MIB, 4));
    same("it is resident", place_of(a), ON_GPU);
    same("told once", reclaim(a), INTACT);
}

PROVE(033)
{
    ok("zeros", is_zero(lost_one(), 20 * MIB));
}

PROVE(036)
{
    D3DKMT_HANDLE low = offered(20 * MIB, 1, LOW), high = offered(20 * MIB, 2, HIGH);
    D3DKMT_HANDLE list[] = {high, low};
    BOOL lost[2] = {77, 77};
    D3DKMT_RECLAIMALLOCATIONS data = {
        .hDevice = device, .HandleList = list, .pDiscarded = lost, .NumAllocations = 2};
    press(2);
    same("reclaim", D3DKMTReclaimAllocations(&data), OK);
    same("stands", (UINT)lost[0], FALSE);
    same("is lost", (UINT)lost[1], TRUE);
}

PROVE(037)
{
    D3DKMT_HANDLE a = offered(MIB, 1, LOW), b = offered(MIB, 2, LOW);
    D3DKMT_RECLAIMALLOCATIONS old = {.hDevice = device, .HandleList = &b, .NumAllocations = 1};
    same("ReclaimAllocations2", reclaim_all(&a, 1, NULL), OK);
    same("ReclaimAllocations", D3DKMTReclaimAllocations(&old), OK);
    same("usable", lock_status(a), OK);
    same("usable", lock_status(b), OK);
}

PROVE(038)
{
    D3DKMT_HANDLE a = make(MIB);
    BOOL lost = 77;
    D3DKMT_RECLAIMALLOCATIONS old = {
        .hDevice = device, .HandleList = &a, .pDiscarded = &lost, .NumAllocations = 1};
    fill(a, MIB, 6);
    same("ReclaimAllocations2", reclaim(a), INTACT);
    same("ReclaimAllocations", D3DKMTReclaimAllocations(&old), OK);
    same("intact", (UINT)lost, FALSE);
    ok("content", holds(a, MIB, 6));
}

PROVE(039)
{
    D3DKMT_HANDLE parts[3], resource = make_resource(parts, 3, 0);
    UINT results[2] = {77, 77};
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .pResources = &resource, .pResults = results};
    same("resident", resident_all(parts, 3, 0, NULL), BUSY);
    same("offer one", offer(parts[1], LOW, 0), OK);
    same("make it lost", resident(make(60 * MIB - 2 * MIB)), OK);
    same("and more", resident_all((D3DKMT_HANDLE[]){make(4 * MIB)}, 1, 1, NULL) & ~BUSY, OK);
    D3DKMTReclaimAllocations2(&data);
    same("the worst", results[0], LOST);
    same("one answer", results[1], 77);
}

PROVE(040)
{
    D3DKMT_HANDLE a = offered(20 * MIB, 1, LOW);
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .HandleList = &a};
    press(3);
    same("evicting one", D3DKMTReclaimAllocations2(&data) & ~BUSY, OK);
    same("lock at once", lock_status(a), OK);
}

PROVE(041)
{
    D3DKMT_HANDLE a = offered(20 * MIB, 1, LOW), more = make(20 * MIB);
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .HandleList = &a};
    press(2);
    same("the third one", resident(more), OK);
    same("evict it", evict(more, 0), OK);
    same("reclaim", D3DKMTReclaimAllocations2(&data), BUSY);
    ok("a fence value", data.PagingFenceValue > 0);
    ok("is reached", reached(data.PagingFenceValue));
    same("then it is there", place_of(a), ON_GPU);
}

PROVE(042)
{
    D3DKMT_HANDLE a = offered(MIB, 1, LOW), b = make(MIB);
    D3DKMT_HANDLE list[] = {a, b};
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 2, .HandleList = list};
    same("reclaim", D3DKMTReclaimAllocations2(&data), OK);
    ok("reached already", *fence >= data.PagingFenceValue);
}

PROVE(043)
{
    UINT64 before = offer_info().DecommittableBytes;
    D3DKMT_HANDLE a = make(2 * MIB), b = make(MIB), c = make(MIB);
    same("offer", offer(a, LOW, DECOMMIT), OK);
    same("offer", offer(b, LOW, DECOMMIT), OK);
    same("offer", offer(c, LOW, 0), OK);
    same("decommittable", offer_info().DecommittableBytes - before, 3 * MIB);
    same("reclaim", reclaim(b), INTACT);
    same("decommittable", offer_info().DecommittableBytes - before, 2 * MIB);
    same("trim", trim(1, 0), 2 * MIB);
    same("lost", offer_info().DecommittableBytes, before);
}

PROVE(044)
{
    D3DKMT_HANDLE a = make(MIB), b = make(MIB);
    UINT64 before = offer_info().DecommitUniqueness;
    same("offer", offer(a, LOW, DECOMMIT), OK);
    same("offer", offer(b, LOW, 0), OK);
    same("not yet", offer_info().DecommitUniqueness, before);
    same("trim", trim(MIB, 0), MIB);
    ok("it grew", offer_info().DecommitUniqueness > before);
    before = offer_info().DecommitUniqueness;
    same("nothing left", trim(MIB, 0), 0);
    same("it did not grow", offer_info().DecommitUniqueness, before);
}

PROVE(045)
{
    D3DKMT_HANDLE low = make(MIB), high = make(MIB), older = make(MIB), never = make(MIB);
    same("offer", offer(high, HIGH, DECOMMIT), OK);
    same("offer", offer(older, LOW, DECOMMIT), OK);
    same("offer", offer(low, LOW, DECOMMIT), OK);
    same("offer", offer(never, LOW, 0), OK);
    same("a part of one", trim(1, 0), MIB);
    same("the older of the low ones", reclaim(older), LOST);
    same("the rest, not all of them", trim(MIB, 0), MIB);
    same("the low one", reclaim(low), LOST);
    same("the high one", reclaim(high), INTACT);
    same("more than there is", trim(100 * MIB, 0), 0);
    same("not allowed to", reclaim(never), INTACT);
}

PROVE(046)
{
    D3DKMT_QUERYPROCESSOFFERINFO info = {.cbSize = sizeof info - 1, .DecommittableBytes = 77};
    D3DKMT_TRIMPROCESSCOMMITMENT data = {.cbSize = 0, .NumBytesDecommitted = 77};
    same("smaller", D3DKMTQueryProcessOfferInfo(&info), BAD);
    info.cbSize = sizeof info + 8;
    same("bigger", D3DKMTQueryProcessOfferInfo(&info), BAD);
    same("nothing is written", info.DecommittableBytes, 77);
    same("zero", D3DKMTTrimProcessCommitment(&data), BAD);
    data.cbSize = sizeof data + 8;
    same("bigger", D3DKMTTrimProcessCommitment(&data), BAD);
    same("nothing is written", data.NumBytesDecommitted, 77);
}

PROVE(096)
{
    D3DKMT_HANDLE a = make(MIB);
    same("offer", offer(a, LOW, DECOMMIT), OK);
    same("it stands", trim(MIB, D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS_OnlyRepurposed), 0);
    same("reclaim", reclaim(a), INTACT);
}

PROVE(099)
{
    D3DKMT_HANDLE a = offered(20 * MIB, 1, LOW), b = make(20 * MIB);
    UINT64 over = 0;
    press(2);
    same("the third", resident(b), OK);
    ok("reclaimed", reclaim(a) <= LOST);
    same("evict", evict_all(&b, 1, 0, &over), OK);
    ok("usage within the memory", memory(0).CurrentUsage <= 64 * MIB);
    same("within the budget again", over, 0);
}

PROVE(100)
{
    D3DKMT_HANDLE a = offered(20 * MIB, 1, LOW);
    press(3);
    same("there is memory for it", reclaim(a), LOST);
    fill(a, 20 * MIB, 2);
    ok("all of it", holds(a, 20 * MIB, 2));
}

/*
 * Everything that may be committed is, by the program itself, so that nothing is left for what was
 * decommitted. Needs a limit of commitment. Returns what is to be released, linked.
 */
static void **take_all_commitment(void)
{
    void **chain = NULL;
    for (SIZE_T size = 64 * MIB; size >= 64 * KIB; size /= 2)
        for (void **p; (p = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));) {
            *p = chain;
            chain = p;
        }
    return chain;
}

static void release(void **chain)
{
    while (chain) {
        void **next = *chain;
        VirtualFree(chain, 0, MEM_RELEASE);
        chain = next;
    }
}

static BOOL is_limited(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    if (GlobalMemoryStatusEx(&status) && status.ullTotalPageFile <= 1024 * MIB)
        return TRUE;
    kit_skip("no limit of commitment of at most 1 GiB");
    return FALSE;
}

/* Offers two, decommits what may be, and reclaims while there is no commitment left. */
static void reclaim_without_commitment(D3DKMT_HANDLE may, D3DKMT_HANDLE may_not, UINT *results)
{
    D3DKMT_HANDLE list[] = {may, may_not};
    void **all;
    same("offer", offer(may, LOW, DECOMMIT), OK);
    same("offer", offer(may_not, LOW, 0), OK);
    same("trim", trim(100 * MIB, 0), 16 * MIB);
    all = take_all_commitment();
    same("reclaim", reclaim_all(list, 2, results), OK);
    release(all);
}

PROVE(026)
{
    D3DKMT_HANDLE may = make(16 * MIB), may_not = make(16 * MIB);
    UINT results[2] = {77, 77};
    if (!is_limited())
        return;
    fill(may, 16 * MIB, 1);
    fill(may_not, 16 * MIB, 2);
    reclaim_without_commitment(may, may_not, results);
    same("with AllowDecommit", results[0], UNCOMMITTED);
    same("without", results[1], INTACT);
}

PROVE(034)
{
    D3DKMT_HANDLE may = make(16 * MIB), may_not = make(16 * MIB);
    UINT results[2] = {77, 77};
    if (!is_limited())
        return;
    fill(may, 16 * MIB, 1);
    reclaim_without_commitment(may, may_not, results);
    same("not committed", results[0], UNCOMMITTED);
    same("lock", lock_status(may), BAD);
    same("make resident", resident(may), BAD);
    same("destroy", destroy(may), OK);
}

PROVE(035)
{
    D3DKMT_HANDLE may = make(16 * MIB), may_not = make(16 * MIB);
    UINT results[2] = {77, 77};
    if (!is_limited())
        return;
    fill(may, 16 * MIB, 1);
    reclaim_without_commitment(may, may_not, results);
    same("not committed", results[0], UNCOMMITTED);
    same("again, with memory for it", reclaim(may), UNCOMMITTED);
}

const struct statement reclaim_statements[] = {
    S(026), S(030), S(031), S(032), S(033), S(034), S(035), S(036), S(037), S(038), S(039),
    S(040), S(041), S(042), S(043), S(044), S(045), S(046), S(096), S(099), S(100), END};
