/*
 * What a Windows program can see of video memory, statement by statement: it calls gdi32.dll and
 * prints the same lines as conformance.exe (kit.h).
 *
 *     gpu_memory.exe [PREFIX]
 *     gpu_memory.exe +VERB [ARGUMENTS]     what a child of it is to do (gpu_memory_life.c)
 */
#include "gpu_memory.h"

#define PATIENCE 10000 /* ms */
#define SKIPPED  77    /* exit code: nothing was proved */

D3DKMT_HANDLE adapter, device, queue;
LUID luid;
const volatile UINT64 *fence;

/*
 * --- devices
 */

D3DKMT_HANDLE make_device(void)
{
    D3DKMT_CREATEDEVICE data = {.hAdapter = adapter};
    return D3DKMTCreateDevice(&data) == OK ? data.hDevice : 0;
}

NTSTATUS destroy_device(D3DKMT_HANDLE which)
{
    D3DKMT_DESTROYDEVICE data = {.hDevice = which};
    return D3DKMTDestroyDevice(&data);
}

D3DKMT_HANDLE make_queue(D3DKMT_HANDLE on)
{
    D3DKMT_CREATEPAGINGQUEUE data = {.hDevice = on};
    if (D3DKMTCreatePagingQueue(&data) != OK)
        return 0;
    if (on == device)
        fence = data.FenceValueCPUVirtualAddress;
    return data.hPagingQueue;
}

void begin(void)
{
    end();
    device = make_device();
    queue = make_queue(device);
    ok("a device and its queue", device && queue);
}

void end(void)
{
    if (device)
        destroy_device(device);
    device = queue = 0;
}

/* As a program's own driver would find it broken. */
void remove_device(void)
{
    D3DKMT_MARKDEVICEASERROR data = {device, D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    same("the device is marked", D3DKMTMarkDeviceAsError(&data), OK);
}

BOOL reached(UINT64 value)
{
    for (unsigned i = 0; i < PATIENCE && *fence < value; i++)
        Sleep(1);
    return *fence >= value;
}

/*
 * --- allocations
 */

D3DKMT_HANDLE make_on(D3DKMT_HANDLE on, UINT64 size, UINT segments, UINT preferred)
{
    struct winmem_gpu_allocation wanted = {size, segments, preferred};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION data = {.hDevice = on, .NumAllocations = 1, .pAllocationInfo2 = &info};
    NTSTATUS status = D3DKMTCreateAllocation2(&data);
    same("an allocation is made", status, OK);
    return status == OK ? info.hAllocation : 0;
}

D3DKMT_HANDLE make_in(UINT64 size, UINT segments, UINT preferred)
{
    return make_on(device, size, segments, preferred);
}

D3DKMT_HANDLE make(UINT64 size)
{
    return make_in(size, LOCAL, LOCAL);
}

NTSTATUS create(D3DKMT_HANDLE resource, D3DKMT_HANDLE *allocations, UINT count, UINT flags,
                D3DKMT_HANDLE *ret_resource, D3DKMT_HANDLE *ret_share)
{
    static D3DDDI_ALLOCATIONINFO infos[1025]; /* one more than a call takes */
    struct winmem_gpu_allocation wanted = {count > 64 ? 4 * KIB : MIB, LOCAL, LOCAL};
    D3DKMT_CREATEALLOCATION data = {.hDevice = device,
                                    .hResource = resource,
                                    .hGlobalShare = 0xABCD,
                                    .NumAllocations = count,
                                    .pAllocationInfo = count ? infos : NULL,
                                    .Flags.Value = flags};
    NTSTATUS status;
    memset(infos, 0, sizeof infos);
    for (UINT i = 0; i < count && i < COUNT_OF(infos); i++) {
        infos[i].pPrivateDriverData = &wanted;
        infos[i].PrivateDriverDataSize = sizeof wanted;
    }
    status = D3DKMTCreateAllocation(&data);
    for (UINT i = 0; allocations && i < count; i++)
        allocations[i] = infos[i].hAllocation;
    if (ret_resource)
        *ret_resource = data.hResource;
    if (ret_share)
        *ret_share = data.hGlobalShare;
    return status;
}

D3DKMT_HANDLE make_resource(D3DKMT_HANDLE *allocations, UINT count, UINT flags)
{
    D3DKMT_HANDLE resource = 0;
    NTSTATUS status = create(0, allocations, count,
                             flags | D3DKMT_CREATEALLOCATIONFLAGS_CreateResource, &resource, NULL);
    same("a resource is made", status, OK);
    return resource;
}

NTSTATUS destroy(D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 data = {
        .hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    return D3DKMTDestroyAllocation2(&data);
}

/*
 * --- residency
 */

NTSTATUS resident_all(const D3DKMT_HANDLE *list, UINT count, UINT flags, D3DDDI_MAKERESIDENT *data)
{
    D3DDDI_MAKERESIDENT own;
    if (!data)
        data = &own;
    memset(data, 0, sizeof *data);
    data->hPagingQueue = queue;
    data->NumAllocations = count;
    data->AllocationList = list;
    data->Flags.Value = flags;
    return D3DKMTMakeResident(data);
}

NTSTATUS resident(D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT data;
    NTSTATUS status = resident_all(&allocation, 1, 0, &data);
    if (status == BUSY && reached(data.PagingFenceValue))
        return OK;
    return status;
}

NTSTATUS evict_all(const D3DKMT_HANDLE *list, UINT count, UINT flags, UINT64 *ret_trim)
{
    D3DKMT_EVICT data = {.hDevice = device,
                         .NumAllocations = count,
                         .AllocationList = list,
                         .Flags.Value = flags,
                         .NumBytesToTrim = 77};
    NTSTATUS status = D3DKMTEvict(&data);
    if (ret_trim)
        *ret_trim = data.NumBytesToTrim;
    return status;
}

NTSTATUS evict(D3DKMT_HANDLE allocation, UINT flags)
{
    return evict_all(&allocation, 1, flags, NULL);
}

UINT place_of(D3DKMT_HANDLE allocation)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status = 0;
    D3DKMT_QUERYALLOCATIONRESIDENCY data = {.hDevice = device,
                                            .phAllocationList = &allocation,
                                            .AllocationCount = 1,
                                            .pResidencyStatus = &status};
    return D3DKMTQueryAllocationResidency(&data) == OK ? status : 0;
}

UINT place_of_resource(D3DKMT_HANDLE resource)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status = 0;
    D3DKMT_QUERYALLOCATIONRESIDENCY data = {
        .hDevice = device, .hResource = resource, .pResidencyStatus = &status};
    return D3DKMTQueryAllocationResidency(&data) == OK ? status : 0;
}

/*
 * --- offers
 */

NTSTATUS offer_all(const D3DKMT_HANDLE *list, UINT count, UINT priority, UINT flags)
{
    D3DKMT_OFFERALLOCATIONS data = {.hDevice = device,
                                    .HandleList = list,
                                    .NumAllocations = count,
                                    .Priority = priority,
                                    .Flags.Value = flags};
    return D3DKMTOfferAllocations(&data);
}

NTSTATUS offer(D3DKMT_HANDLE allocation, UINT priority, UINT flags)
{
    return offer_all(&allocation, 1, priority, flags);
}

NTSTATUS reclaim_all(const D3DKMT_HANDLE *list, UINT count, UINT *results)
{
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = count, .HandleList = list, .pResults = results};
    NTSTATUS status = D3DKMTReclaimAllocations2(&data);
    if (status == BUSY && reached(data.PagingFenceValue))
        return OK;
    return status;
}

UINT reclaim(D3DKMT_HANDLE allocation)
{
    UINT result = 98;
    return reclaim_all(&allocation, 1, &result) == OK ? result : 99;
}

/*
 * --- contents
 */

static void *lock_on(D3DKMT_HANDLE allocation, NTSTATUS *ret_status)
{
    D3DKMT_LOCK2 data = {.hDevice = device, .hAllocation = allocation};
    *ret_status = D3DKMTLock2(&data);
    return *ret_status == OK ? data.pData : NULL;
}

void *lock(D3DKMT_HANDLE allocation)
{
    NTSTATUS status;
    void *address = lock_on(allocation, &status);
    same("lock", status, OK);
    return address;
}

/* Leaves no lock. */
NTSTATUS lock_status(D3DKMT_HANDLE allocation)
{
    NTSTATUS status;
    lock_on(allocation, &status);
    if (status == OK)
        unlock(allocation);
    return status;
}

NTSTATUS unlock(D3DKMT_HANDLE allocation)
{
    D3DKMT_UNLOCK2 data = {.hDevice = device, .hAllocation = allocation};
    return D3DKMTUnlock2(&data);
}

void fill(D3DKMT_HANDLE allocation, UINT64 size, UINT64 seed)
{
    UINT64 *at = lock(allocation);
    for (UINT64 i = 0; at && i < size / 8; i++)
        at[i] = (seed << 32) + i;
    same("unlock", unlock(allocation), OK);
}

BOOL holds(D3DKMT_HANDLE allocation, UINT64 size, UINT64 seed)
{
    const UINT64 *at = lock(allocation);
    UINT64 wrong = !at;
    for (UINT64 i = 0; at && i < size / 8; i++)
        wrong += at[i] != (seed << 32) + i;
    unlock(allocation);
    return !wrong;
}

BOOL is_zero(D3DKMT_HANDLE allocation, UINT64 size)
{
    const UINT64 *at = lock(allocation);
    UINT64 sum = !at;
    for (UINT64 i = 0; at && i < size / 8; i++)
        sum |= at[i];
    unlock(allocation);
    return !sum;
}

/*
 * --- priorities and budgets
 */

NTSTATUS set_priority(D3DKMT_HANDLE allocation, UINT priority)
{
    D3DKMT_SETALLOCATIONPRIORITY data = {.hDevice = device,
                                         .phAllocationList = &allocation,
                                         .AllocationCount = 1,
                                         .pPriorities = &priority};
    return D3DKMTSetAllocationPriority(&data);
}

UINT priority_of(D3DKMT_HANDLE allocation)
{
    UINT priority = 0;
    D3DKMT_GETALLOCATIONPRIORITY data = {.hDevice = device,
                                         .phAllocationList = &allocation,
                                         .AllocationCount = 1,
                                         .pPriorities = &priority};
    return D3DKMTGetAllocationPriority(&data) == OK ? priority : 0;
}

D3DKMT_QUERYVIDEOMEMORYINFO memory(UINT group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO data = {.hAdapter = adapter, .MemorySegmentGroup = group};
    same("video memory is told", D3DKMTQueryVideoMemoryInfo(&data), OK);
    return data;
}

NTSTATUS reserve(UINT group, UINT64 bytes)
{
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION data = {
        .hAdapter = adapter, .MemorySegmentGroup = group, .Reservation = bytes};
    return D3DKMTChangeVideoMemoryReservation(&data);
}

void press(unsigned count)
{
    while (count--)
        same("what presses is resident", resident(make(20 * MIB)), OK);
}

/*
 * --- the program
 */

static const struct statement *const tables[] = {
    offer_statements,
    reclaim_statements,
    residency_statements,
    budget_statements,
    create_statements,
    lock_statements,
    address_statements,
    share_statements,
    life_statements,
    property_statements,
    stream_statements,
    handle_statements,
    NULL,
};

static BOOL has_memory(D3DKMT_HANDLE which, UINT64 local, UINT64 nonlocal)
{
    D3DKMT_SEGMENTSIZEINFO sizes = {0};
    const D3DKMT_QUERYADAPTERINFO question = {which, KMTQAITYPE_GETSEGMENTSIZE, &sizes,
                                              sizeof sizes};
    return D3DKMTQueryAdapterInfo(&question) == OK && sizes.DedicatedVideoMemorySize == local &&
           sizes.SharedSystemMemorySize == nonlocal;
}

/* The first one is used; what is proved counts on the sizes of both. */
BOOL open_adapter(void)
{
    D3DKMT_ADAPTERINFO found[16];
    D3DKMT_ENUMADAPTERS2 data = {.NumAdapters = COUNT_OF(found), .pAdapters = found};
    if (D3DKMTEnumAdapters2(&data) != OK || data.NumAdapters < 2)
        return FALSE;
    adapter = found[0].hAdapter;
    luid = found[0].AdapterLuid;
    return has_memory(adapter, 64 * MIB, 64 * MIB) &&
           has_memory(found[1].hAdapter, 32 * MIB, 32 * MIB);
}

UINT run_verb(const char *text);

void start(void)
{
    const char *command = GetCommandLineA(), *only = NULL;

    if (!open_adapter()) {
        kit_print("skipped: gpu_memory.exe needs WINMEM_GPU='adapter local=64M nonlocal=64M; "
                  "adapter local=32M nonlocal=32M'\r\n");
        ExitProcess(SKIPPED);
    }
    for (; *command; command++) {
        if (command[0] == ' ' && command[1] == '+')
            ExitProcess(run_verb(command + 2));
        if (command[0] == ' ' && (command[1] == 'K' || command[1] == 'G'))
            only = command + 1;
    }
    ExitProcess((UINT)kit_run_tables(tables, only));
}
