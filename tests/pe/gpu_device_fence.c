/* Monitored fences, and the waits of the CPU. */
#include "gpu_device.h"

static void kmt163(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 42, 0);
    same("aligned", (ULONG64)fence.value % 8, 0);
    same("reads", probe_read(fence.value, PROBE_ONCE).count, 0);
    same("first value", *fence.value, 42);
    good(drop_device(device));
}

static void kmt164(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 42, 0);
    struct probe met = probe_write((void *)fence.value, PROBE_ONCE);
    same("exception", met.first, (DWORD)STATUS_ACCESS_VIOLATION);
    same("of a write", met.kind, 1);
    same("address", met.address, (ULONG64)fence.value);
    same("value", *fence.value, 42);
    good(drop_device(device));
}

static void kmt165(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    good(signal_cpu(device, fence.handle, 7));
    good(wait_cpu(device, fence.handle, 7, NULL));
    same("value", *fence.value, 7);
    good(drop_device(device));
}

static void kmt166(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 100, 0);
    good(signal_cpu(device, fence.handle, 7));
    same("value", *fence.value, 7);
    good(drop_device(device));
}

static void kmt167(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 5, 0);
    good(wait_cpu(device, fence.handle, 5, NULL));
    good(wait_cpu(device, fence.handle, 1, NULL));
    good(wait_cpu(device, fence.handle, 0, NULL));
    good(drop_device(device));
}

/* A thread that waits for a fence without an event. */
struct waiter {
    D3DKMT_HANDLE device, fence;
    ULONG64 value;
    volatile LONG over;
    NTSTATUS status;
};

static DWORD WINAPI wait_in_thread(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = wait_cpu(waiter->device, waiter->fence, waiter->value, NULL);
    InterlockedExchange(&waiter->over, 1);
    return 0;
}

static void kmt168(void)
{
    static struct waiter waiter;
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    HANDLE thread;

    waiter = (struct waiter){.device = device, .fence = fence.handle, .value = 3};
    thread = CreateThread(NULL, 0, wait_in_thread, &waiter, 0, NULL);
    Sleep(60);
    same("too early", waiter.over, 0);
    good(signal_cpu(device, fence.handle, 2));
    Sleep(60);
    same("too little", waiter.over, 0);
    good(signal_cpu(device, fence.handle, 3));
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    good(waiter.status);
    CloseHandle(thread);
    good(drop_device(device));
}

static NTSTATUS wait_many(D3DKMT_HANDLE device, unsigned count, const D3DKMT_HANDLE *fences,
                          const ULONG64 *values, unsigned flags, HANDLE event)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = count,
                                                             .ObjectHandleArray = fences,
                                                             .FenceValueArray = values,
                                                             .hAsyncEvent = event,
                                                             .Flags = {flags}};
    return D3DKMTWaitForSynchronizationObjectFromCpu(&wait);
}

static int is_set(HANDLE event, DWORD milliseconds)
{
    return WaitForSingleObject(event, milliseconds) == WAIT_OBJECT_0;
}

static void kmt169(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence one = make_fence(device, 0, 0), other = make_fence(device, 0, 0);
    const D3DKMT_HANDLE both[2] = {one.handle, other.handle};
    const ULONG64 values[2] = {1, 1};
    HANDLE all = CreateEventW(NULL, TRUE, FALSE, NULL), any = CreateEventW(NULL, TRUE, FALSE, NULL);

    good(wait_many(device, 2, both, values, 0, all));
    good(wait_many(device, 2, both, values,
                   D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny, any));
    ok("none", !is_set(any, 0) && !is_set(all, 0));
    good(signal_cpu(device, other.handle, 1));
    ok("any", is_set(any, 5000));
    ok("not all", !is_set(all, 60));
    good(signal_cpu(device, one.handle, 1));
    ok("all", is_set(all, 5000));
    CloseHandle(all);
    CloseHandle(any);
    good(drop_device(device));
}

static void kmt170(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);

    good(wait_cpu(device, fence.handle, 2, event));
    ok("too early", !is_set(event, 60));
    good(signal_cpu(device, fence.handle, 1));
    ok("too little", !is_set(event, 60));
    good(signal_cpu(device, fence.handle, 2));
    ok("set", is_set(event, 5000));
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt171(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 9, 0);
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    good(wait_cpu(device, fence.handle, 8, event));
    ok("set", is_set(event, 5000));
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt172(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    good(wait_cpu(device, fence.handle, 5, event));
    good(signal_cpu(device, fence.handle, 5));
    good(signal_cpu(device, fence.handle, 1));
    ok("set", is_set(event, 5000));
    same("value", *fence.value, 1);
    CloseHandle(event);
    good(drop_device(device));
}

static NTSTATUS signal_many(D3DKMT_HANDLE device, unsigned count, const D3DKMT_HANDLE *fences,
                            const ULONG64 *values)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = count,
                                                              .ObjectHandleArray = fences,
                                                              .FenceValueArray = values};
    return D3DKMTSignalSynchronizationObjectFromCpu(&signal);
}

static NTSTATUS stream_wait_many(D3DKMT_HANDLE context, unsigned count, const D3DKMT_HANDLE *fences,
                                 const ULONG64 *values)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = context,
                                                             .ObjectCount = count,
                                                             .ObjectHandleArray = fences,
                                                             .MonitoredFenceValueArray = values};
    return D3DKMTWaitForSynchronizationObjectFromGpu(&wait);
}

static void kmt173(void)
{
    static D3DKMT_HANDLE many[33];
    static ULONG64 values[33];
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    struct fence fence = make_fence(device, 0, 0);
    unsigned i;

    for (i = 0; i < 33; i++)
        many[i] = fence.handle;
    bad(wait_many(device, 0, many, values, 0, NULL));
    bad(wait_many(device, 33, many, values, 0, NULL));
    bad(signal_many(device, 0, many, values));
    bad(signal_many(device, 33, many, values));
    bad(stream_wait_many(context, 0, many, values));
    bad(stream_wait_many(context, 33, many, values));
    good(wait_many(device, 32, many, values, 0, NULL));
    good(signal_many(device, 32, many, values));
    good(stream_wait_many(context, 32, many, values));
    good(drop_device(device));
}

static void kmt174(void)
{
    D3DKMT_HANDLE device = make_device();
    struct fence silent = make_fence(device, 1, FLAG(NoSignal)),
                 deaf = make_fence(device, 1, FLAG(NoWait));
    gives(STATUS_ACCESS_DENIED, signal_cpu(device, silent.handle, 2));
    same("value", *silent.value, 1);
    good(wait_cpu(device, silent.handle, 1, NULL));
    gives(STATUS_ACCESS_DENIED, wait_cpu(device, deaf.handle, 1, NULL));
    good(signal_cpu(device, deaf.handle, 2));
    same("value", *deaf.value, 2);
    good(drop_device(device));
}

static void kmt175(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};
    bad(try_object(&create, device, D3DDDI_MONITORED_FENCE, FLAG(NoSignal) | FLAG(NoWait)));
    same("none", create.hSyncObject, 0x1234);
    good(drop_device(device));
}

static void kmt176(void)
{
    static const unsigned monitored[] = {FLAG(NoSignal), FLAG(NoWait), FLAG(NoSignalMaxValueOnTdr),
                                         FLAG(NoGPUAccess), FLAG(TopOfPipeline)};
    D3DKMT_HANDLE device = make_device();
    unsigned i;

    for (i = 0; i < sizeof monitored / sizeof monitored[0]; i++) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};
        bad(try_object(&create, device, D3DDDI_FENCE, monitored[i]));
        create.Info.Semaphore.MaxCount = 1;
        bad(try_object(&create, device, D3DDDI_SEMAPHORE, monitored[i]));
        same("none", create.hSyncObject, 0x1234);
    }
    good(drop_device(device));
}

const struct statement fence_statements[] = {
    S(163), S(164), S(165), S(166), S(167), S(168), S(169), S(170),
    S(171), S(172), S(173), S(174), S(175), S(176), END,
};
