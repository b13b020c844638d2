/* Memory and the work of a context: KMT-363, 364, 367, 378, 391. */
#include "gpu_memory.h"

#define RANGE       (16 * 64 * KIB)
#define DO_NOT_WAIT D3DKMT_UPDATEGPUVIRTUALADDRESS_FLAGS_DoNotWait
#define LONG_WORK   1000000000ull /* ns of virtual time */

static D3DKMT_HANDLE make_context(void)
{
    D3DKMT_CREATECONTEXTVIRTUAL data = {.hDevice = device, .ClientHint = D3DKMT_CLIENTHINT_VULKAN};
    same("a context", D3DKMTCreateContextVirtual(&data), OK);
    return data.hContext;
}

static D3DKMT_HANDLE make_fence(const volatile UINT64 **ret_value)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 data = {.hDevice = device,
                                                .Info.Type = D3DDDI_MONITORED_FENCE};
    same("a fence", D3DKMTCreateSynchronizationObject2(&data), OK);
    *ret_value = data.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return data.hSyncObject;
}

static NTSTATUS signal(D3DKMT_HANDLE object, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU data = {.hDevice = device,
                                                      .ObjectCount = 1,
                                                      .ObjectHandleArray = &object,
                                                      .FenceValueArray = &value};
    return D3DKMTSignalSynchronizationObjectFromCpu(&data);
}

static BOOL gets(const volatile UINT64 *value, UINT64 wanted)
{
    for (unsigned i = 0; i < 5000 && *value < wanted; i++)
        Sleep(1);
    return *value == wanted;
}

/* Of GPU addresses in the state ZERO (1), or without access (0). */
static UINT64 reserve_range(UINT state)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {
        .hAdapter = adapter, .Size = RANGE, .ReservationType = state};
    same("reserve", D3DKMTReserveGpuVirtualAddress(&data), OK);
    return data.VirtualAddress;
}

static void free_range(UINT64 base)
{
    D3DKMT_FREEGPUVIRTUALADDRESS data = {adapter, base, RANGE};
    same("free", D3DKMTFreeGpuVirtualAddress(&data), OK);
}

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION map_operation(UINT64 base, D3DKMT_HANDLE allocation)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType =
                                                              D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP};
    operation.Map.BaseAddress = base;
    operation.Map.SizeInBytes = 64 * KIB;
    operation.Map.hAllocation = allocation;
    return operation;
}

struct parties {
    D3DKMT_HANDLE context, object;
};

static NTSTATUS update(struct parties parties, D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list,
                       UINT count, UINT64 value, UINT flags)
{
    D3DKMT_UPDATEGPUVIRTUALADDRESS data = {.hDevice = device,
                                           .hContext = parties.context,
                                           .hFenceObject = parties.object,
                                           .NumOperations = count,
                                           .Operations = list,
                                           .FenceValue = value,
                                           .Flags.Value = flags};
    return D3DKMTUpdateGpuVirtualAddress(&data);
}

PROVE(363)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 zero = reserve_range(1), other = reserve_range(1), closed = reserve_range(0);
    const UINT64 wrong[] = {other, closed, zero + RANGE - 4 * KIB, 1ull << 40};
    const volatile UINT64 *value;
    struct parties parties = {make_context(), make_fence(&value)};
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[] = {map_operation(zero, a),
                                                           map_operation(wrong[i], a)};
        same("one is outside", update(parties, list, 2, 0, DO_NOT_WAIT), BAD);
    }
    same("none is carried out", *value, 0);
    free_range(zero);
    free_range(other);
    free_range(closed);
}

PROVE(364)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 zero = reserve_range(1);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[] = {map_operation(zero, a)};
    const volatile UINT64 *value;
    struct parties parties = {make_context(), make_fence(&value)};
    same("update", update(parties, list, 1, 5, 0), OK);
    Sleep(20);
    same("waits", *value, 0);
    same("signal", signal(parties.object, 5), OK);
    ok("is done", gets(value, 6));
    same("update at once", update(parties, list, 1, 10, DO_NOT_WAIT), OK);
    ok("is done", gets(value, 11));
    free_range(zero);
}

static struct {
    struct parties parties;
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation;
    volatile LONG returned;
    NTSTATUS status;
} late;

static DWORD WINAPI one_more(void *unused)
{
    late.status = update(late.parties, &late.operation, 1, 5, 0);
    InterlockedExchange(&late.returned, 1);
    return 0;
}

PROVE(367)
{
    static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[129];
    D3DKMT_HANDLE a = make(MIB);
    UINT64 zero = reserve_range(1);
    const volatile UINT64 *value;
    struct parties parties = {make_context(), make_fence(&value)};
    HANDLE thread;
    for (unsigned i = 0; i < COUNT_OF(list); i++)
        list[i] = map_operation(zero, a);
    same("129 that wait", update(parties, list, 129, 5, 0), OK);
    late.parties = parties;
    late.operation = list[0];
    late.returned = 0;
    thread = CreateThread(NULL, 0, one_more, NULL, 0, NULL);
    Sleep(200);
    same("the caller of another waits", late.returned, 0);
    same("signal", signal(parties.object, 5), OK);
    same("it returns", WaitForSingleObject(thread, 10000), 0);
    same("with success", late.status, OK);
    CloseHandle(thread);
    free_range(zero);
}

PROVE(378)
{
    D3DKMT_HANDLE a = make(MIB), context = make_context(), object;
    const volatile UINT64 *value;
    struct winmem_gpu_work work = {LONG_WORK};
    D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 1,
                                    .pPrivateDriverData = &work,
                                    .PrivateDriverDataSize = sizeof work};
    UINT64 done = 1;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU behind = {.hContext = context,
                                                        .ObjectCount = 1,
                                                        .ObjectHandleArray = &object,
                                                        .MonitoredFenceValueArray = &done};
    command.BroadcastContext[0] = context;
    object = make_fence(&value);
    same("make resident", resident(a), OK);
    same("submit", D3DKMTSubmitCommand(&command), OK);
    same("and tell when it is done", D3DKMTSignalSynchronizationObjectFromGpu(&behind), OK);
    same("lock", lock_status(a), OK);
    same("the work goes on", *value, 0);
}

PROVE(391)
{
    D3DKMT_HANDLE a = make(MIB);
    UINT64 zero = reserve_range(1);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[] = {map_operation(zero, a)};
    const volatile UINT64 *value;
    struct parties parties = {make_context(), make_fence(&value)};
    same("of what is destroyed", update(parties, list, 1, 5, 0), OK);
    same("destroy", destroy(a), OK);
    same("signal", signal(parties.object, 5), OK);
    ok("is done", gets(value, 6));
    list[0] = map_operation(zero, make(MIB));
    same("of what is freed", update(parties, list, 1, 10, 0), OK);
    free_range(zero);
    same("signal", signal(parties.object, 10), OK);
    ok("is done", gets(value, 11));
}

const struct statement stream_statements[] = {S(363), S(364), S(367), S(378), S(391), END};
