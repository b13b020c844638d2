/*
 * GPU virtual addresses: KMT-016, KMT-070, KMT-340 to KMT-361, 379, 386, 389, 390. The address space is the
 * process's: what a statement reserves it frees.
 */
#include "gpu_memory_child.h"

#define UNIT      (64 * KIB)
#define WRITE     D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write
#define ZERO      D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Zero
#define NO_ACCESS D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_NoAccess
#define SYSTEM    D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_SystemUseOnly

static NTSTATUS reserve_in(UINT64 base, UINT64 minimum, UINT64 maximum, UINT64 size, UINT64 *ret)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {.hPagingQueue = queue,
                                            .BaseAddress = base,
                                            .MinimumAddress = minimum,
                                            .MaximumAddress = maximum,
                                            .Size = size};
    NTSTATUS status = D3DKMTReserveGpuVirtualAddress(&data);
    *ret = data.VirtualAddress;
    return status;
}

static UINT64 reserved(UINT64 size)
{
    UINT64 base;
    same("reserve", reserve_in(0, 0, 0, size, &base), OK);
    return base;
}

static NTSTATUS reserve_at(UINT64 base, UINT64 size)
{
    UINT64 got;
    NTSTATUS status = reserve_in(base, 0, 0, size, &got);
    if (status == OK)
        same("there", got, base);
    return status;
}

static NTSTATUS release(UINT64 base, UINT64 size)
{
    D3DKMT_FREEGPUVIRTUALADDRESS data = {adapter, base, size};
    return D3DKMTFreeGpuVirtualAddress(&data);
}

/* Whether nobody has the range: then it can be had. */
static BOOL is_free(UINT64 base, UINT64 size)
{
    return reserve_at(base, size) == OK && release(base, size) == OK;
}

struct mapping {
    D3DKMT_HANDLE allocation;
    UINT64 base, minimum, maximum, offset, pages;
    UINT protection;
};

static NTSTATUS map(struct mapping wish, UINT64 *ret_base)
{
    D3DDDI_MAPGPUVIRTUALADDRESS data = {.hPagingQueue = queue,
                                        .BaseAddress = wish.base,
                                        .MinimumAddress = wish.minimum,
                                        .MaximumAddress = wish.maximum,
                                        .hAllocation = wish.allocation,
                                        .OffsetInPages = wish.offset,
                                        .SizeInPages = wish.pages,
                                        .Protection.Value = wish.protection};
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&data);
    if (status == OK)
        same("done", data.PagingFenceValue, 0); /* KMT-354 */
    if (status == BUSY && reached(data.PagingFenceValue))
        status = OK;
    if (ret_base)
        *ret_base = data.VirtualAddress;
    return status;
}

/* 1 MiB at an address that the system chooses. */
static UINT64 mapped(D3DKMT_HANDLE allocation)
{
    UINT64 base = 0;
    same("map",
         map((struct mapping){.allocation = allocation, .pages = 256, .protection = WRITE}, &base),
         OK);
    return base;
}

static BOOL is_taken(UINT64 base)
{
    return !is_free(base / UNIT * UNIT, UNIT);
}

PROVE(016)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = mapped(a);
    same("offer", offer(a, 1, 0), OK);
    ok("still its own", is_taken(base));
    same("reclaim", reclaim(a), 0);
    ok("still its own", is_taken(base));
    same("free", release(base, MIB), OK);
}

PROVE(070)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = mapped(a);
    same("make resident", resident(a), OK);
    same("evict", evict(a, 0), OK);
    ok("still its own", is_taken(base));
    same("free", release(base, MIB), OK);
}

PROVE(340)
{
    UINT64 got;
    same("size", reserve_in(0, 0, 0, 4 * KIB, &got), BAD);
    same("size", reserve_in(0, 0, 0, UNIT + 4 * KIB, &got), BAD);
    same("no size", reserve_in(0, 0, 0, 0, &got), BAD);
    same("base", reserve_in(UNIT + 4 * KIB, 0, 0, UNIT, &got), BAD);
    same("minimum", reserve_in(0, 4 * KIB, 0, UNIT, &got), BAD);
    same("maximum", reserve_in(0, 0, 4 * UNIT + 4 * KIB, UNIT, &got), BAD);
    same("all even", reserve_in(0, UNIT, 64 * UNIT, UNIT, &got), OK);
    same("free", release(got, UNIT), OK);
}

PROVE(341)
{
    UINT64 base = reserved(4 * UNIT), got;
    same("free", release(base, 4 * UNIT), OK);
    same("limits do not count", reserve_in(base, base + 64 * UNIT, base + 99 * UNIT, UNIT, &got),
         OK);
    same("there", got, base);
    same("taken", reserve_in(base, 0, 0, UNIT, &got), BAD);
    same("free", release(base, UNIT), OK);
}

PROVE(342)
{
    UINT64 least = 1ull << 32, got[4];
    for (unsigned i = 0; i < 4; i++) {
        same("between", reserve_in(0, least, least + 4 * UNIT, UNIT, &got[i]), OK);
        ok("wholly", got[i] >= least && got[i] + UNIT <= least + 4 * UNIT);
    }
    ok("no more", reserve_in(0, least, least + 4 * UNIT, UNIT, &got[0]) != OK);
    for (unsigned i = 0; i < 4; i++)
        same("free", release(least + i * UNIT, UNIT), OK);
    same("no upper one", reserve_in(0, least, 0, UNIT, &got[0]), OK);
    ok("above", got[0] >= least);
    same("free", release(got[0], UNIT), OK);
}

PROVE(343)
{
    UINT64 base[8];
    for (unsigned i = 0; i < 8; i++) {
        base[i] = reserved((i + 1) * UNIT);
        for (unsigned j = 0; j < i; j++)
            ok("apart", base[i] >= base[j] + (j + 1) * UNIT || base[j] >= base[i] + (i + 1) * UNIT);
    }
    same("in the middle of one", reserve_at(base[7] + 2 * UNIT, UNIT), BAD);
    for (unsigned i = 0; i < 8; i++)
        same("free", release(base[i], (i + 1) * UNIT), OK);
}

PROVE(344)
{
    UINT64 base = reserved(UNIT), at = mapped(make(MIB));
    ok("reserved", base != 0);
    ok("mapped", at != 0);
    same("free", release(base, UNIT), OK);
}

PROVE(345)
{
    D3DKMT_HANDLE a = make(MIB);
    const struct mapping wrong[] = {{a, UNIT + 1, 0, 0, 0, 1, 0},
                                    {a, UNIT + 2048, 0, 0, 0, 1, 0},
                                    {a, 0, 2048, 0, 0, 1, 0},
                                    {a, 0, 0, UNIT + 2048, 0, 1, 0},
                                    {a, 0, 0, 0, 0, 0, 0}};
    UINT64 base;
    for (unsigned i = 0; i < COUNT_OF(wrong); i++)
        same("odd", map(wrong[i], NULL), BAD);
    same("one page", map((struct mapping){.allocation = a, .pages = 1}, &base), OK);
    same("a page of it", base % (4 * KIB), 0);
}

PROVE(346)
{
    D3DKMT_HANDLE a = make(MIB);
    same("a page more", map((struct mapping){.allocation = a, .pages = 257}, NULL), BAD);
    same("behind", map((struct mapping){.allocation = a, .offset = 1, .pages = 256}, NULL), BAD);
    same("at the end", map((struct mapping){.allocation = a, .offset = 256, .pages = 1}, NULL),
         BAD);
    same("far", map((struct mapping){.allocation = a, .offset = ~0ull, .pages = 2}, NULL), BAD);
    same("the last", map((struct mapping){.allocation = a, .offset = 255, .pages = 1}, NULL), OK);
}

PROVE(347)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = reserved(2 * UNIT);
    same("inside", map((struct mapping){.allocation = a, .base = base, .pages = 4}, NULL), OK);
    same("over its end",
         map((struct mapping){.allocation = a, .base = base + UNIT, .pages = 32}, NULL), BAD);
    same("free", release(base, 2 * UNIT), OK);
    same("free in part", map((struct mapping){.allocation = a, .base = base, .pages = 4}, NULL),
         OK);
    same("over its end", map((struct mapping){.allocation = a, .base = base, .pages = 8}, NULL),
         BAD);
    same("inside a mapping",
         map((struct mapping){.allocation = a, .base = base + 4 * KIB, .pages = 1}, NULL), OK);
}

/* What is replaced in full is not in the range any more: its end does not free it. */
PROVE(348)
{
    D3DKMT_HANDLE a = make(MIB), b = make(MIB);
    UINT64 base = mapped(a);
    same("replace", map((struct mapping){.allocation = b, .base = base, .pages = 256}, NULL), OK);
    same("destroy the old one", destroy(a), OK);
    ok("the new one is there", is_taken(base));
    same("destroy the new one", destroy(b), OK);
    ok("free", !is_taken(base));
}

PROVE(349)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base;
    same("Zero of one",
         map((struct mapping){.allocation = a, .pages = 1, .protection = ZERO}, NULL), BAD);
    same("NoAccess of one",
         map((struct mapping){.allocation = a, .pages = 1, .protection = NO_ACCESS}, NULL), BAD);
    same("of none", map((struct mapping){.pages = 1}, NULL), BAD);
    same("Write of none", map((struct mapping){.pages = 1, .protection = WRITE}, NULL), BAD);
    same("Zero", map((struct mapping){.pages = 16, .protection = ZERO}, &base), OK);
    same("free", release(base, UNIT), OK);
    same("NoAccess", map((struct mapping){.pages = 16, .protection = NO_ACCESS}, &base), OK);
    same("free", release(base, UNIT), OK);
}

PROVE(350)
{
    UINT64 base = mapped(make(MIB)), range = reserved(UNIT);
    const UINT kinds[] = {ZERO, NO_ACCESS};
    for (unsigned i = 0; i < 2; i++) {
        struct mapping wish = {.base = base, .pages = 16, .protection = kinds[i]};
        same("onto a mapping", map(wish, NULL), BAD);
        wish.base = range;
        same("onto a reservation", map(wish, NULL), OK);
    }
    same("free", release(range, UNIT), OK);
}

PROVE(351)
{
    D3DKMT_HANDLE a = make(MIB);
    same("SystemUseOnly",
         map((struct mapping){.allocation = a, .pages = 1, .protection = SYSTEM}, NULL), BAD);
    same("both", map((struct mapping){.pages = 1, .protection = ZERO | NO_ACCESS}, NULL), BAD);
}

PROVE(352)
{
    D3DKMT_HANDLE a = make(MIB);
    mapped(a);
    same("not resident", place_of(a), NOWHERE);
}

PROVE(353)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 one = mapped(a), other = mapped(a);
    ok("apart", one >= other + MIB || other >= one + MIB);
    same("free one", release(one, MIB), OK);
    ok("the other stays", is_taken(other));
}

PROVE(354)
{
    D3DKMT_HANDLE a = make(MIB);
    D3DDDI_MAPGPUVIRTUALADDRESS data = {
        .hPagingQueue = queue, .hAllocation = a, .SizeInPages = 1, .PagingFenceValue = 77};
    same("nothing to wait for", D3DKMTMapGpuVirtualAddress(&data), OK);
    same("done", data.PagingFenceValue, 0);
}

PROVE(355)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = mapped(a);
    ok("taken", is_taken(base));
    same("destroy", destroy(a), OK);
    ok("free", !is_taken(base));
    same("nothing to free", release(base, MIB), BAD);
}

PROVE(356)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = reserved(MIB);
    same("map", map((struct mapping){.allocation = a, .base = base, .pages = 256}, NULL), OK);
    same("destroy", destroy(a), OK);
    ok("reserved", is_taken(base));
    same("one to free", release(base, MIB), OK);
    ok("free", !is_taken(base));
}

PROVE(357)
{
    UINT64 base = reserved(UNIT);
    for (unsigned i = 0; i < 8; i++) {
        same("free", release(base, UNIT), OK);
        same("again", reserve_at(base, UNIT), OK);
    }
    same("free", release(base, UNIT), OK);
}

PROVE(358)
{
    UINT64 base = reserved(4 * UNIT);
    same("the beginning", release(base, UNIT), BAD);
    same("the end", release(base + 3 * UNIT, UNIT), BAD);
    same("more", release(base, 5 * UNIT), BAD);
    same("all there", reserve_at(base + UNIT, UNIT), BAD);
    same("just it", release(base, 4 * UNIT), OK);
}

PROVE(359)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 base = reserved(MIB);
    fill(a, MIB, 3);
    same("map", map((struct mapping){.allocation = a, .base = base, .pages = 256}, NULL), OK);
    same("free", release(base, MIB), OK);
    ok("free", !is_taken(base));
    ok("it lives", holds(a, MIB, 3));
}

PROVE(360)
{
    UINT64 base = reserved(UNIT);
    same("free", release(base, UNIT), OK);
    same("again", release(base, UNIT), BAD);
}

PROVE(361)
{
    struct child child;
    UINT64 base = reserved(UNIT);
    if (child_start_with(&child, "address", (UINT)(base / UNIT)))
        same("the child has it, too", child_end(&child), OK);
    same("taken here", reserve_at(base, UNIT), BAD);
    same("free", release(base, UNIT), OK);
}

PROVE(379)
{
    struct winmem_gpu_allocation wanted = {MIB, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted,
                                   .GpuVirtualAddress = 77};
    D3DKMT_CREATEALLOCATION data = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    same("create", D3DKMTCreateAllocation2(&data), OK);
    same("none", info.GpuVirtualAddress, 0);
    ok("until it is mapped", mapped(info.hAllocation) != 0);
}

PROVE(386)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 least = 1ull << 33, got;
    struct mapping wish = {.allocation = a, .minimum = least, .maximum = least + MIB, .pages = 200};
    same("map", map(wish, &got), OK);
    ok("wholly", got >= least && got + 200 * 4 * KIB <= least + MIB);
    ok("no more", map(wish, NULL) != OK);
}

PROVE(389)
{
    UINT64 base = reserved(UNIT);
    same("destroy the device", destroy_device(device), OK);
    device = 0;
    begin();
    ok("still reserved", is_taken(base));
    same("free", release(base, UNIT), OK);
}

PROVE(390)
{
    D3DKMT_HANDLE a = make(MIB), b = make(MIB);
    UINT64 base = mapped(a);
    same("into it", map((struct mapping){.allocation = b, .base = base + UNIT, .pages = 4}, NULL),
         OK);
    same("destroy", destroy(a), OK);
    ok("all of it is taken", is_taken(base) && is_taken(base + UNIT) && is_taken(base + 4 * UNIT));
    same("destroy the last", destroy(b), OK);
    ok("free", is_free(base, MIB));
}

const struct statement address_statements[] = {
    S(016), S(070), S(340), S(341), S(342), S(343), S(344), S(345), S(346), S(347),
    S(348), S(349), S(350), S(351), S(352), S(353), S(354), S(355), S(356), S(357),
    S(358), S(359), S(360), S(361), S(379), S(386), S(389), S(390), END};
