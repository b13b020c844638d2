/* What D3DKMTEscape forces on an adapter. Most is for administrators: who may debug others. */
#include "gpu_device.h"

#define SIZE (1u << 20)

static NTSTATUS escape(unsigned type, D3DKMT_HANDLE device, void *data, unsigned size)
{
    const D3DKMT_ESCAPE call = {.hAdapter = adapter(),
                                .hDevice = device,
                                .Type = type,
                                .pPrivateDriverData = data,
                                .PrivateDriverDataSize = size};
    return D3DKMTEscape(&call);
}

static NTSTATUS force(unsigned control, unsigned node)
{
    D3DKMT_TDRDBGCTRL_ESCAPE data = {control, node};
    return escape(D3DKMT_ESCAPE_TDRDBGCTRL, 0, &data, sizeof data);
}

static unsigned timeouts(void)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_ADAPTER, NULL, 0, &result));
    return result.AdapterInformation.TdrDetectedCount;
}

static NTSTATUS set_limit(unsigned count)
{
    D3DKMT_VIDSCH_ESCAPE data = {.Type = D3DKMT_VIDSCHESCAPETYPE_CONFIGURE_TDR_LIMIT,
                                 .TdrLimit = {count, 60}};
    return escape(D3DKMT_ESCAPE_VIDSCH, 0, &data, sizeof data);
}

/* Without the privilege there is nothing to see but that it is refused. */
static int is_administrator(void)
{
    if (allowed(DEBUG_PRIVILEGE))
        return 1;
    gives(STATUS_ACCESS_DENIED, force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0));
    gives(STATUS_ACCESS_DENIED, set_limit(5));
    return 0;
}

static void kmt221(void)
{
    D3DKMT_HANDLE one, other;
    unsigned before;

    if (!is_administrator())
        return;
    one = make_device();
    other = make_device();
    before = timeouts();
    good(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0));
    ok("one", state_of(one) != D3DKMT_DEVICEEXECUTION_ACTIVE);
    ok("the other", state_of(other) != D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("counted", timeouts(), before + 1);
    good(drop_device(one));
    good(drop_device(other));
    same("a new one", state_of(one = make_device()), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(one));
}

static void kmt222(void)
{
    D3DKMT_HANDLE busy, elsewhere, idle, context;
    struct fence done;
    unsigned i;

    if (!is_administrator())
        return;
    busy = make_device();
    elsewhere = make_device();
    idle = make_device();
    context = make_context(busy, 1);
    for (i = 0; i < 200; i++) /* it is not done before the call, however long that takes to come */
        good(submit(context, 1500 * MS));
    context = make_context(elsewhere, 0);
    done = make_fence(elsewhere, 0, 0);
    good(submit(context, 1500 * MS));
    good(signal_gpu(context, done.handle, 1));
    good(force(D3DKMT_TDRDBGCTRLTYPE_ENGINETDR, 1));
    ok("with work on it", state_of(busy) != D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("with work elsewhere", state_of(elsewhere), D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("without work", state_of(idle), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(wait_cpu(elsewhere, done.handle, 1, NULL));
    good(drop_device(busy));
    good(drop_device(elsewhere));
    good(drop_device(idle));
}

/* More than the six that a minute has otherwise, and then fewer; this stops the adapter. */
static void kmt223(void)
{
    D3DKMT_HANDLE device;
    unsigned i;

    if (!is_administrator())
        return;
    good(set_limit(100));
    for (i = 0; i < 9; i++)
        good(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0));
    same("goes on", state_of(device = make_device()), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(set_limit(2));
    good(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0));
    same("stopped", state_of(device), D3DKMT_DEVICEEXECUTION_STOPPED);
    good(drop_device(device));
}

/* Memory of the adapter, resident and full of a byte. */
struct memory {
    D3DKMT_HANDLE device, queue, allocation, arrived;
};

static void await(const struct memory *memory, NTSTATUS status, ULONG64 value)
{
    ok("begun", status == STATUS_SUCCESS || status == STATUS_PENDING);
    good(wait_cpu(memory->device, memory->arrived, value, NULL));
}

static void bring_in(const struct memory *memory)
{
    D3DDDI_MAKERESIDENT resident = {
        .hPagingQueue = memory->queue, .NumAllocations = 1, .AllocationList = &memory->allocation};
    NTSTATUS status = D3DKMTMakeResident(&resident);
    await(memory, status, resident.PagingFenceValue);
}

/* The first byte of its contents; with `fill` all are set first. */
static unsigned contents(const struct memory *memory, int fill)
{
    D3DKMT_LOCK2 lock = {.hDevice = memory->device, .hAllocation = memory->allocation};
    const D3DKMT_UNLOCK2 unlock = {memory->device, memory->allocation};
    unsigned found = 0x100;

    good(D3DKMTLock2(&lock));
    if (lock.pData) {
        if (fill)
            memset(lock.pData, fill, SIZE);
        found = *(volatile unsigned char *)lock.pData;
        good(D3DKMTUnlock2(&unlock));
    }
    return found;
}

static struct memory make_memory(void)
{
    struct winmem_gpu_allocation wanted = {.size = SIZE, .segments = WINMEM_GPU_LOCAL};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {.NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = 0};
    struct memory memory = {.device = make_device()};

    create.hDevice = queue.hDevice = memory.device;
    good(D3DKMTCreateAllocation2(&create));
    good(D3DKMTCreatePagingQueue(&queue));
    memory.allocation = info.hAllocation;
    memory.queue = queue.hPagingQueue;
    memory.arrived = queue.hSyncObject;
    bring_in(&memory);
    same("filled", contents(&memory, 0x5A), 0x5A);
    return memory;
}

static NTSTATUS set_fault(D3DKMT_HANDLE device, unsigned fault)
{
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_SETFAULT, .SetFault = {fault}};
    return escape(D3DKMT_ESCAPE_VIDMM, device, &data, sizeof data);
}

/* Offered and reclaimed: what the reclaim tells. */
static unsigned offer_and_reclaim(const struct memory *memory)
{
    D3DDDI_RECLAIM_RESULT result = 0x77;
    const D3DKMT_OFFERALLOCATIONS offer = {.hDevice = memory->device,
                                           .HandleList = &memory->allocation,
                                           .NumAllocations = 1,
                                           .Priority = D3DKMT_OFFER_PRIORITY_LOW,
                                           .Flags = {D3DKMT_OFFER_FLAGS_OfferImmediately}};
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = memory->queue,
                                          .NumAllocations = 1,
                                          .HandleList = &memory->allocation,
                                          .pResults = &result};
    NTSTATUS status;

    good(D3DKMTOfferAllocations(&offer));
    status = D3DKMTReclaimAllocations2(&reclaim);
    await(memory, status, reclaim.PagingFenceValue);
    return result;
}

static void kmt224(void)
{
    struct memory memory;

    if (!is_administrator())
        return;
    memory = make_memory();
    good(set_fault(memory.device, D3DKMT_VIDMM_ESCAPE_SETFAULT_NeverDiscardOfferedAllocation));
    same("never", offer_and_reclaim(&memory), D3DDDI_RECLAIM_RESULT_OK);
    same("contents", contents(&memory, 0), 0x5A);
    good(set_fault(memory.device, D3DKMT_VIDMM_ESCAPE_SETFAULT_AlwaysDiscardOfferedAllocation));
    same("always", offer_and_reclaim(&memory), D3DDDI_RECLAIM_RESULT_DISCARDED);
    ok("contents lost", contents(&memory, 0) != 0x5A);
    good(set_fault(memory.device, 0));
    good(drop_device(memory.device));
}

static unsigned residency(const struct memory *memory)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status = 0;
    const D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = memory->device,
                                                   .phAllocationList = &memory->allocation,
                                                   .AllocationCount = 1,
                                                   .pResidencyStatus = &status};
    good(D3DKMTQueryAllocationResidency(&query));
    return status;
}

static void kmt225(void)
{
    struct memory memory = make_memory();
    D3DKMT_VIDMM_ESCAPE evict = {.Type = D3DKMT_VIDMMESCAPETYPE_EVICT};

    evict.Evict.hProcess = GetCurrentProcess();
    same("before", residency(&memory), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    good(escape(D3DKMT_ESCAPE_VIDMM, 0, &evict, sizeof evict));
    same("evicted", residency(&memory), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    bring_in(&memory);
    same("back", residency(&memory), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    same("contents", contents(&memory, 0), 0x5A);
    good(drop_device(memory.device));
}

static ULONG64 budget(D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = adapter(), .MemorySegmentGroup = group};
    good(D3DKMTQueryVideoMemoryInfo(&info));
    return info.Budget;
}

static void kmt226(void)
{
    D3DKMT_VIDMM_ESCAPE set = {.Type = D3DKMT_VIDMMESCAPETYPE_SET_BUDGET,
                               .SetBudget = {12 * SIZE, 17 * SIZE}};
    D3DKMT_HANDLE device;

    for (unsigned i = 0; i < 3; i++) { /* before, with, and after a device */
        if (i == 1)
            device = make_device();
        if (i == 0)
            good(escape(D3DKMT_ESCAPE_VIDMM, 0, &set, sizeof set));
        same("local", budget(D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL), 12 * SIZE);
        same("not local", budget(D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL), 17 * SIZE);
        if (i == 1)
            good(drop_device(device));
    }
    set.SetBudget.LocalMemoryBudget = set.SetBudget.SystemMemoryBudget = 0; /* as it was */
    good(escape(D3DKMT_ESCAPE_VIDMM, 0, &set, sizeof set));
    ok("as it was", budget(D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL) != 12 * SIZE);
}

static void kmt227(void)
{
    char data[64];
    gives(STATUS_NOT_SUPPORTED, escape(D3DKMT_ESCAPE_DRIVERPRIVATE, 0, data, sizeof data));
    gives(STATUS_NOT_SUPPORTED, escape(0x7777, 0, data, sizeof data));
    gives(STATUS_NOT_SUPPORTED, escape(0xFFFFFFFF, 0, data, sizeof data));
}

const struct statement escape_statements[] = {
    S(221), S(222), S(224), S(225), S(226), S(227), S(223), END,
};
