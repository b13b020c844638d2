/* Segments that change, and pins: KMT-326, 327, 370 to 374. */
#include "gpu_memory.h"

#define SUPPORTED D3DDDI_UPDATEALLOCPROPERTY_MASK_SetSupportedSegmentSet
#define PREFERRED D3DDDI_UPDATEALLOCPROPERTY_MASK_SetPreferredSegment
#define BOTH      3u /* the adapter's two segments, a bit each */

static NTSTATUS update(D3DKMT_HANDLE allocation, UINT mask, UINT supported, UINT preferred)
{
    D3DDDI_UPDATEALLOCPROPERTY data = {.hPagingQueue = queue,
                                       .hAllocation = allocation,
                                       .SupportedSegmentSet = supported,
                                       .PreferredSegment.Value = preferred,
                                       .PropertyMaskValue = mask};
    NTSTATUS status = D3DKMTUpdateAllocationProperty(&data);
    return status == BUSY && reached(data.PagingFenceValue) ? OK : status;
}

PROVE(326)
{
    D3DKMT_HANDLE a = make_in(MIB, LOCAL | NONLOCAL, LOCAL);
    fill(a, MIB, 1);
    same("make resident", resident(a), OK);
    same("before", place_of(a), ON_GPU);
    same("update", update(a, PREFERRED, 0, NONLOCAL), OK);
    same("moved", place_of(a), IN_SHARED);
    ok("content", holds(a, MIB, 1));
    same("update", update(a, PREFERRED, 0, LOCAL), OK);
    same("moved back", place_of(a), ON_GPU);
    ok("content", holds(a, MIB, 1));
}

PROVE(327)
{
    D3DKMT_HANDLE a = make_in(MIB, LOCAL | NONLOCAL, LOCAL);
    same("make resident", resident(a), OK);
    same("update", update(a, SUPPORTED | PREFERRED, BOTH, LOCAL), OK);
    same("not moved", place_of(a), ON_GPU);
}

PROVE(370)
{
    D3DKMT_HANDLE a = make_in(MIB, LOCAL | NONLOCAL, LOCAL);
    same("nothing", update(a, 0, BOTH, NONLOCAL), BAD);
    for (UINT bit = 4; bit < 32; bit++)
        same("reserved", update(a, PREFERRED | 1u << bit, BOTH, NONLOCAL), BAD);
    same("make resident", resident(a), OK);
    same("nothing is set", place_of(a), ON_GPU);
}

PROVE(371)
{
    D3DKMT_HANDLE a = make_in(MIB, LOCAL | NONLOCAL, LOCAL);
    same("none", update(a, SUPPORTED, 0, 0), BAD);
    same("no such segment", update(a, SUPPORTED, 0xC, 0), BAD);
    same("make resident", resident(a), OK);
    same("nothing is set", place_of(a), ON_GPU);
}

PROVE(372)
{
    D3DKMT_HANDLE a = make_in(MIB, LOCAL, LOCAL);
    same("update", update(a, SUPPORTED | PREFERRED, 1u << (NONLOCAL - 1), NONLOCAL), OK);
    same("not yet", place_of(a), NOWHERE);
    same("make resident", resident(a), OK);
    same("then", place_of(a), IN_SHARED);
}

/*
 * --- pins
 */

static NTSTATUS pin(D3DKMT_HANDLE resource)
{
    D3DKMT_PINRESOURCES data = {
        .hDevice = device, .ResourceCount = 1, .pResourceList = &resource, .hPagingQueue = queue};
    NTSTATUS status = D3DKMTPinResources(&data);
    return status == BUSY && reached(data.PagingFence) ? OK : status;
}

static NTSTATUS unpin(D3DKMT_HANDLE resource)
{
    D3DKMT_UNPINRESOURCES data = {
        .hDevice = device, .ResourceCount = 1, .pResourceList = &resource};
    return D3DKMTUnpinResources(&data);
}

PROVE(373)
{
    D3DKMT_HANDLE parts[2], resource = make_resource(parts, 2, 0);
    same("pin", pin(resource), OK);
    same("in memory", place_of_resource(resource), ON_GPU);
    same("make resident", resident(parts[0]), OK);
    same("evict", evict(parts[0], 0), OK);
    same("in memory", place_of_resource(resource), ON_GPU);
    press(2);
    same("room for others", resident_all((D3DKMT_HANDLE[]){make(30 * MIB)}, 1, 1, NULL), FULL);
    same("in memory", place_of_resource(resource), ON_GPU);
    same("no offer", offer(parts[0], 1, 0), BAD);
}

PROVE(374)
{
    D3DKMT_HANDLE parts[2], resource = make_resource(parts, 2, 0);
    same("pin", pin(resource), OK);
    same("pin", pin(resource), OK);
    same("unpin", unpin(resource), OK);
    same("still no offer", offer(parts[0], 1, 0), BAD);
    same("unpin", unpin(resource), OK);
    same("one too many", unpin(resource), BAD);
    same("an offer", offer(parts[0], 1, 0), OK);
}

const struct statement property_statements[] = {S(326), S(327), S(370), S(371),
                                                S(372), S(373), S(374), END};
