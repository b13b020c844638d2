/* Waits, signals and work in the streams of contexts, and the older kinds of objects there. */
#include "gpu_device.h"

/* A fence that nobody signals holds back; the other context's signal shows that time went on. */
static void kmt177(void)
{
    D3DKMT_HANDLE device = make_device(), held = make_context(device, 0),
                  free = make_context(device, 0);
    struct fence gate = make_fence(device, 0, 0), mine = make_fence(device, 0, 0),
                 others = make_fence(device, 0, 0);

    good(wait_gpu(held, gate.handle, 1));
    good(signal_gpu(held, mine.handle, 1));
    good(submit(free, MS));
    good(signal_gpu(free, others.handle, 1));
    good(wait_cpu(device, others.handle, 1, NULL));
    same("held back", *mine.value, 0);
    good(signal_cpu(device, gate.handle, 1));
    good(wait_cpu(device, mine.handle, 1, NULL));
    same("goes on", *mine.value, 1);
    good(drop_device(device));
}

static void kmt178(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    struct fence one = make_fence(device, 0, 0), other = make_fence(device, 0, 0);
    unsigned i;

    for (i = 1; i <= 3; i++) {
        good(submit(context, 5 * MS));
        good(signal_gpu(context, one.handle, i));
        good(submit(context, 5 * MS));
        good(signal_gpu(context, other.handle, i));
    }
    for (i = 1; i <= 3; i++) {
        good(wait_cpu(device, other.handle, i, NULL));
        ok("the earlier one is there", *one.value >= i);
    }
    good(drop_device(device));
}

/* Ten virtual seconds of another context pass, the timeout is two. */
static void kmt179(void)
{
    D3DKMT_HANDLE device = make_device(), held = make_context(device, 0),
                  busy = make_context(device, 0);
    struct fence gate = make_fence(device, 0, 0), mine = make_fence(device, 0, 0),
                 time = make_fence(device, 0, 0);
    unsigned i;

    good(wait_gpu(held, gate.handle, 1));
    good(submit(held, MS));
    good(signal_gpu(held, mine.handle, 1));
    for (i = 0; i < 10; i++)
        good(submit(busy, 1000 * MS));
    good(signal_gpu(busy, time.handle, 1));
    good(wait_cpu(device, time.handle, 1, NULL));
    same("not hung", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("still waits", *mine.value, 0);
    good(signal_cpu(device, gate.handle, 1));
    good(wait_cpu(device, mine.handle, 1, NULL));
    good(drop_device(device));
}

static void kmt180(void)
{
    D3DKMT_HANDLE device = make_device();
    const D3DKMT_HANDLE contexts[2] = {make_context(device, 0), make_context(device, 0)};
    struct fence gate = make_fence(device, 0, 0), fence = make_fence(device, 0, 0),
                 passed = make_fence(device, 0, 0);
    const ULONG64 value = 5;
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 signal = {.ObjectCount = 1,
                                                               .ObjectHandleArray = &fence.handle,
                                                               .BroadcastContextCount = 2,
                                                               .BroadcastContextArray = contexts,
                                                               .MonitoredFenceValueArray = &value};

    good(wait_gpu(contexts[1], gate.handle, 1));
    good(D3DKMTSignalSynchronizationObjectFromGpu2(&signal));
    good(signal_gpu(contexts[0], passed.handle, 1));
    good(wait_cpu(device, passed.handle, 1, NULL));
    same("one is missing", *fence.value, 0);
    good(signal_cpu(device, gate.handle, 1));
    good(wait_cpu(device, fence.handle, 5, NULL));
    same("both were there", *fence.value, 5);
    good(drop_device(device));
}

static NTSTATUS put_event(D3DKMT_HANDLE context, HANDLE event, unsigned count,
                          const D3DKMT_HANDLE *objects)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 signal = {
        .ObjectCount = count,
        .ObjectHandleArray = objects,
        .Flags = {D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent},
        .BroadcastContextCount = 1,
        .BroadcastContextArray = &context,
        .CpuEventHandle = event};
    return D3DKMTSignalSynchronizationObjectFromGpu2(&signal);
}

static void kmt181(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    struct fence gate = make_fence(device, 0, 0), done = make_fence(device, 0, 0);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    good(wait_gpu(context, gate.handle, 1));
    good(submit(context, 5 * MS));
    good(signal_gpu(context, done.handle, 1));
    good(put_event(context, event, 0, NULL));
    same("too early", WaitForSingleObject(event, 60), WAIT_TIMEOUT);
    good(signal_cpu(device, gate.handle, 1));
    same("set", WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
    same("work before it", *done.value, 1);
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt182(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    D3DKMT_HANDLE old = make_object(device, D3DDDI_FENCE, 0);
    struct fence fence = make_fence(device, 0, 0);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 older = {.hContext = context,
                                                 .ObjectCount = 1,
                                                 .Flags = {D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent},
                                                 .CpuEventHandle = event};

    bad(put_event(context, event, 1, &fence.handle));
    older.ObjectHandleArray[0] = old;
    bad(D3DKMTSignalSynchronizationObject2(&older));
    same("not set", WaitForSingleObject(event, 60), WAIT_TIMEOUT);
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt183(void)
{
    D3DKMT_HANDLE device = make_device(), one = make_context(device, 0),
                  other = make_context(device, 1);
    struct fence first = make_fence(device, 0, 0), second = make_fence(device, 0, 0);

    good(submit(one, 20 * MS));
    good(signal_gpu(one, first.handle, 1));
    good(submit(other, 70 * MS));
    good(signal_gpu(other, second.handle, 1));
    good(wait_idle(device));
    same("first", *first.value, 1);
    same("second", *second.value, 1);
    good(drop_device(device));
}

static void kmt190(void)
{
    D3DKMT_HANDLE device = make_device();
    unsigned type;

    for (type = 0; type <= D3DDDI_SYNCHRONIZATION_TYPE_LIMIT; type++) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT create = {.hDevice = device, .hSyncObject = 0x1234};
        int may = type == D3DDDI_SYNCHRONIZATION_MUTEX || type == D3DDDI_SEMAPHORE;
        create.Info.Type = type;
        if (type != D3DDDI_SYNCHRONIZATION_MUTEX)
            create.Info.Semaphore.MaxCount = create.Info.Semaphore.InitialCount = 1;
        gives(may ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER,
              D3DKMTCreateSynchronizationObject(&create));
        ok("handle", (create.hSyncObject != 0x1234) == may);
    }
    good(drop_device(device));
}

static void kmt191(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};

    create.Info.Semaphore.MaxCount = 2;
    create.Info.Semaphore.InitialCount = 3;
    bad(try_object(&create, device, D3DDDI_SEMAPHORE, 0));
    same("none", create.hSyncObject, 0x1234);
    create.Info.Semaphore.InitialCount = 2;
    good(try_object(&create, device, D3DDDI_SEMAPHORE, 0));
    good(drop_device(device));
}

static void kmt192(void)
{
    D3DKMT_HANDLE device = make_device(), waits = make_context(device, 0),
                  signals = make_context(device, 0);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT wait = {.hContext = waits, .ObjectCount = 1};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT signal = {.hContext = signals, .ObjectCount = 1};
    struct fence done = make_fence(device, 0, 0), passed = make_fence(device, 0, 0);

    wait.ObjectHandleArray[0] = signal.ObjectHandleArray[0] =
        make_object(device, D3DDDI_SEMAPHORE, 0);
    good(D3DKMTWaitForSynchronizationObject(&wait));
    good(signal_gpu(waits, done.handle, 1));
    good(submit(signals, MS));
    good(signal_gpu(signals, passed.handle, 1));
    good(wait_cpu(device, passed.handle, 1, NULL));
    same("waits", *done.value, 0);
    good(D3DKMTSignalSynchronizationObject(&signal));
    good(wait_cpu(device, done.handle, 1, NULL));
    good(drop_device(device));
}

static void kmt193(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0};
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    create.Info.CPUNotification.Event = event;
    good(try_object(&create, device, D3DDDI_CPU_NOTIFICATION, 0));
    same("too early", WaitForSingleObject(event, 60), WAIT_TIMEOUT);
    good(signal_old(context, create.hSyncObject, 0));
    same("set", WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt194(void)
{
    D3DKMT_HANDLE device = make_device(), waits = make_context(device, 0),
                  signals = make_context(device, 0), gate = make_object(device, D3DDDI_FENCE, 0);
    struct fence done = make_fence(device, 0, 0), passed = make_fence(device, 0, 0);
    unsigned i;

    good(wait_old(waits, gate, 2));
    good(signal_gpu(waits, done.handle, 1));
    good(wait_old(waits, gate, 5));
    good(signal_gpu(waits, done.handle, 2));
    for (i = 1; i <= 2; i++) { /* 1 is too little for both; 9 is more than either waits for */
        good(signal_old(signals, gate, i == 1 ? 1 : 9));
        good(submit(signals, MS));
        good(signal_gpu(signals, passed.handle, i));
        good(wait_cpu(device, passed.handle, i, NULL));
        same("goes on", *done.value, i == 1 ? 0 : 2);
    }
    good(drop_device(device));
}

const struct statement stream_statements[] = {
    S(177), S(178), S(179), S(180), S(181), S(182), S(183),
    S(190), S(191), S(192), S(193), S(194), END,
};
