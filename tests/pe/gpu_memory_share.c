/* Resources that others open by a global handle: KMT-303, 306, 328 to 334, 380, 381, and 010, 314. */
#include "gpu_memory_child.h"

#define FLAG(name) D3DKMT_CREATEALLOCATIONFLAGS_##name

/* A resource of two allocations of 1 MiB, with data of the runtime and of the driver. */
struct shared {
    D3DKMT_HANDLE resource, global, parts[2];
};

static struct shared make_shared(void)
{
    static const char runtime[] = "runtime's", driver[] = "driver";
    struct winmem_gpu_allocation wanted = {MIB, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO infos[2] = {
        {.pPrivateDriverData = &wanted, .PrivateDriverDataSize = sizeof wanted},
        {.pPrivateDriverData = &wanted, .PrivateDriverDataSize = sizeof wanted}};
    D3DKMT_CREATEALLOCATION data = {.hDevice = device,
                                    .pPrivateRuntimeData = runtime,
                                    .PrivateRuntimeDataSize = sizeof runtime,
                                    .pPrivateDriverData = driver,
                                    .PrivateDriverDataSize = sizeof driver,
                                    .NumAllocations = 2,
                                    .pAllocationInfo = infos,
                                    .Flags.Value = FLAG(CreateResource) | FLAG(CreateShared)};
    same("create", D3DKMTCreateAllocation(&data), OK);
    return (struct shared){
        data.hResource, data.hGlobalShare, {infos[0].hAllocation, infos[1].hAllocation}};
}

/* As another device has it. */
struct opened {
    D3DKMT_HANDLE resource, parts[2];
    char runtime[64], driver[64], total[256];
};

static NTSTATUS open_on(D3DKMT_HANDLE on, D3DKMT_HANDLE global, UINT count, UINT runtime_size,
                        struct opened *ret)
{
    D3DDDI_OPENALLOCATIONINFO2 infos[4] = {{0}};
    D3DKMT_OPENRESOURCE data = {.hDevice = on,
                                .hGlobalShare = global,
                                .NumAllocations = count,
                                .pOpenAllocationInfo2 = infos,
                                .pPrivateRuntimeData = ret->runtime,
                                .PrivateRuntimeDataSize = runtime_size,
                                .pResourcePrivateDriverData = ret->driver,
                                .ResourcePrivateDriverDataSize = sizeof ret->driver,
                                .pTotalPrivateDriverDataBuffer = ret->total,
                                .TotalPrivateDriverDataBufferSize = sizeof ret->total};
    NTSTATUS status;
    memset(ret, 0, sizeof *ret);
    status = D3DKMTOpenResource2(&data);
    ret->resource = data.hResource;
    ret->parts[0] = infos[0].hAllocation;
    ret->parts[1] = infos[1].hAllocation;
    return status;
}

/* The same statement's helpers work on the device and queue of the other side. */
static D3DKMT_HANDLE other_device, other_queue;

static void change_sides(void)
{
    D3DKMT_HANDLE was = device, was_queue = queue;
    static const volatile UINT64 *other_fence;
    const volatile UINT64 *was_fence = fence;
    if (!other_device) {
        device = make_device();
        queue = make_queue(device);
    } else {
        device = other_device;
        queue = other_queue;
        fence = other_fence;
    }
    other_device = was;
    other_queue = was_queue;
    other_fence = was_fence;
}

/* The creator's side is left; the other device goes. */
static void forget_other(void)
{
    destroy_device(other_device);
    other_device = other_queue = 0;
}

PROVE(303)
{
    D3DKMT_HANDLE one[1] = {0}, own = make_resource(NULL, 0, 0);
    struct shared shared = make_shared();
    same("add", create(own, one, 1, 0, NULL, NULL), OK);
    same("is of it", place_of_resource(own), NOWHERE);
    same("add to the shared one", create(shared.resource, one, 1, 0, NULL, NULL), BAD);
}

PROVE(306)
{
    D3DKMT_HANDLE one[1], resource, share = 0;
    UINT both = FLAG(CreateResource) | FLAG(CreateShared);
    same("shared", create(0, one, 1, both, &resource, &share), OK);
    ok("a global handle", share != 0 && share != 0xABCD);
    same("by NT handle", create(0, one, 1, both | FLAG(NtSecuritySharing), &resource, &share), OK);
    same("no global handle", share, 0);
}

PROVE(328)
{
    struct shared shared = make_shared();
    struct opened opened;
    D3DKMT_QUERYRESOURCEINFO info = {.hDevice = device, .hGlobalShare = shared.global};
    same("query", D3DKMTQueryResourceInfo(&info), OK);
    same("allocations", info.NumAllocations, 2);
    ok("sizes", info.ResourcePrivateDriverDataSize <= sizeof opened.driver &&
                    info.TotalPrivateDriverDataSize <= sizeof opened.total);
    change_sides();
    same("open", open_on(device, shared.global, 2, info.PrivateRuntimeDataSize, &opened), OK);
    change_sides();
    forget_other();
}

static BOOL begins(const char *text, const char *with, UINT size)
{
    while (size && *text == *with)
        text++, with++, size--;
    return !size;
}

PROVE(329)
{
    struct shared shared = make_shared();
    struct opened opened;
    same("open", open_on(device, shared.global, 2, 64, &opened), OK);
    ok("the runtime's", begins(opened.runtime, "runtime's", 10));
    ok("the driver's", begins(opened.driver, "driver", 7));
}

PROVE(330)
{
    struct shared shared = make_shared();
    struct opened opened;
    struct child child;
    fill(shared.parts[1], MIB, 1);
    change_sides();
    same("open", open_on(device, shared.global, 2, 64, &opened), OK);
    ok("new handles", opened.resource != shared.resource && opened.parts[0] != shared.parts[0]);
    ok("what the creator wrote", holds(opened.parts[1], MIB, 1));
    fill(opened.parts[1], MIB, 2);
    change_sides();
    ok("what the other wrote", holds(shared.parts[1], MIB, 2));
    forget_other();
    fill(shared.parts[0], MIB, 1);
    if (!child_start_with(&child, "open", shared.global))
        return;
    ok("what another process wrote", holds(shared.parts[0], MIB, 2));
    same("it ends", child_end(&child), OK);
    ok("it stays", holds(shared.parts[0], MIB, 2));
}

PROVE(331)
{
    struct shared shared = make_shared();
    struct opened opened;
    same("one", open_on(device, shared.global, 1, 64, &opened), BAD);
    same("three", open_on(device, shared.global, 3, 64, &opened), BAD);
    same("nothing is opened", opened.resource | opened.parts[0], 0);
}

PROVE(332)
{
    struct shared shared = make_shared();
    struct opened opened;
    same("make resident", resident(shared.parts[0]), OK);
    change_sides();
    same("open", open_on(device, shared.global, 2, 64, &opened), OK);
    same("no count of its own", evict(opened.parts[0], 0), BAD);
    same("make resident", resident(opened.parts[0]), OK);
    change_sides();
    same("evict", evict(shared.parts[0], 0), OK);
    same("the other one's count", evict(shared.parts[0], 0), BAD);
    change_sides();
    same("still there", place_of(opened.parts[0]), ON_GPU);
    same("evict", evict(opened.parts[0], 0), OK);
    change_sides();
    forget_other();
}

PROVE(333)
{
    struct shared shared = make_shared();
    struct opened opened;
    D3DKMT_DESTROYALLOCATION data = {.hDevice = device, .hResource = shared.resource};
    fill(shared.parts[0], MIB, 4);
    change_sides();
    same("open", open_on(device, shared.global, 2, 64, &opened), OK);
    same("destroy the creator's", D3DKMTDestroyAllocation(&data), OK);
    ok("the content lives", holds(opened.parts[0], MIB, 4));
    change_sides();
    forget_other();
}

PROVE(334)
{
    struct shared shared = make_shared();
    struct opened opened;
    D3DKMT_DESTROYALLOCATION data = {.hDevice = device, .hResource = shared.resource};
    change_sides();
    same("open", open_on(device, shared.global, 2, 64, &opened), OK);
    same("destroy the creator's", D3DKMTDestroyAllocation(&data), OK);
    same("open again", open_on(device, shared.global, 2, 64, &opened), OK);
    change_sides();
    forget_other();
    same("nobody has it", open_on(device, shared.global, 2, 64, &opened), BAD);
}

PROVE(314)
{
    struct shared shared = make_shared();
    struct child child;
    D3DKMT_LOCK data = {.hAllocation = shared.parts[0],
                        .hDevice = device,
                        .Flags.Value = D3DDDICB_LOCKFLAGS_LockEntire};
    D3DKMT_UNLOCK unlocks = {.hDevice = device, .NumAllocations = 1, .phAllocations = shared.parts};
    same("the creator", D3DKMTLock(&data), OK);
    same("the creator", D3DKMTUnlock(&unlocks), OK);
    if (child_start_with(&child, "lock", shared.global))
        same("another process", child_end(&child), OK);
}

PROVE(380)
{
    struct shared shared = make_shared();
    D3DKMT_QUERYRESOURCEINFO info = {.hDevice = device, .hGlobalShare = shared.global};
    same("query", D3DKMTQueryResourceInfo(&info), OK);
    same("its size", info.PrivateRuntimeDataSize, sizeof "runtime's");
}

PROVE(381)
{
    struct shared shared = make_shared();
    struct opened opened;
    char room[4];
    D3DKMT_QUERYRESOURCEINFO info = {.hDevice = device,
                                     .hGlobalShare = shared.global,
                                     .pPrivateRuntimeData = room,
                                     .PrivateRuntimeDataSize = sizeof room};
    same("query", D3DKMTQueryResourceInfo(&info), BAD);
    same("open", open_on(device, shared.global, 2, 4, &opened), BAD);
    same("nothing is opened", opened.resource | opened.parts[0], 0);
}

const struct statement share_statements[] = {S(303), S(306), S(314), S(328), S(329), S(330), S(331),
                                             S(332), S(333), S(334), S(380), S(381), END};
