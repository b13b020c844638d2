/* Priorities of contexts and of the process, and the limit of queued presents. */
#include "gpu_device.h"

static NTSTATUS set(D3DKMT_HANDLE context, int priority)
{
    const D3DKMT_SETCONTEXTSCHEDULINGPRIORITY set = {context, priority};
    return D3DKMTSetContextSchedulingPriority(&set);
}

static int get(D3DKMT_HANDLE context)
{
    D3DKMT_GETCONTEXTSCHEDULINGPRIORITY get = {context, 0x77};
    good(D3DKMTGetContextSchedulingPriority(&get));
    return get.Priority;
}

static void kmt195(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    same("at first", get(context), 0);
    good(set(context, -7));
    same("read back", get(context), (ULONG64)-7);
    good(set(context, 7));
    same("read back", get(context), 7);
    good(drop_device(device));
}

static void kmt196(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    good(set(context, 3));
    bad(set(context, -8));
    bad(set(context, 8));
    same("the old one", get(context), 3);
    good(drop_device(device));
}

static NTSTATUS set_in_process(D3DKMT_HANDLE context, int priority)
{
    const D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY set = {context, priority};
    return D3DKMTSetContextInProcessSchedulingPriority(&set);
}

static int get_in_process(D3DKMT_HANDLE context)
{
    D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY get = {context, 0x77};
    good(D3DKMTGetContextInProcessSchedulingPriority(&get));
    return get.Priority;
}

static void kmt197(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    same("at first", get_in_process(context), 0);
    good(set_in_process(context, 1));
    same("read back", get_in_process(context), 1);
    bad(set_in_process(context, 2));
    same("the old one", get_in_process(context), 1);
    good(set_in_process(context, 0));
    same("read back", get_in_process(context), 0);
    good(drop_device(device));
}

static D3DKMT_SCHEDULINGPRIORITYCLASS class_of_process(void)
{
    D3DKMT_SCHEDULINGPRIORITYCLASS class = 0x77;
    good(D3DKMTGetProcessSchedulingPriorityClass(GetCurrentProcess(), &class));
    return class;
}

static NTSTATUS set_class(D3DKMT_SCHEDULINGPRIORITYCLASS class)
{
    return D3DKMTSetProcessSchedulingPriorityClass(GetCurrentProcess(), class);
}

static void kmt198(void)
{
    same("at first", class_of_process(), D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
    good(set_class(D3DKMT_SCHEDULINGPRIORITYCLASS_BELOW_NORMAL));
    same("read back", class_of_process(), D3DKMT_SCHEDULINGPRIORITYCLASS_BELOW_NORMAL);
    good(set_class(D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL));
    same("read back", class_of_process(), D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
}

static void kmt199(void)
{
    bad(set_class(D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME + 1));
    bad(set_class(0x7FFFFFFF));
    same("the old one", class_of_process(), D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
}

/* Before the program enables it, a privilege that is held does not count. */
static void kmt200(void)
{
    gives(STATUS_ACCESS_DENIED, set_class(D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME));
    same("the old one", class_of_process(), D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
}

/* Both may start at the same time, the lower one was put in first. */
static void kmt201(void)
{
    D3DKMT_HANDLE device = make_device(), low = make_context(device, 0),
                  high = make_context(device, 0);
    struct fence gate = make_fence(device, 0, 0), after_low = make_fence(device, 0, 0),
                 after_high = make_fence(device, 0, 0);

    good(set(high, 3));
    good(wait_gpu(low, gate.handle, 1));
    good(submit(low, 500 * MS));
    good(signal_gpu(low, after_low.handle, 1));
    good(wait_gpu(high, gate.handle, 1));
    good(submit(high, 500 * MS));
    good(signal_gpu(high, after_high.handle, 1));
    good(signal_cpu(device, gate.handle, 1));
    good(wait_cpu(device, after_low.handle, 1, NULL));
    same("the higher one was first", *after_high.value, 1);
    good(drop_device(device));
}

static NTSTATUS limit(D3DKMT_HANDLE device, unsigned type, unsigned *value)
{
    D3DKMT_SETQUEUEDLIMIT data = {.hDevice = device, .Type = type};
    NTSTATUS status;
    data.QueuedPresentLimit = *value;
    status = D3DKMTSetQueuedLimit(&data);
    *value = data.QueuedPresentLimit;
    return status;
}

static unsigned limit_of(D3DKMT_HANDLE device)
{
    unsigned value = 0x77;
    good(limit(device, D3DKMT_GET_QUEUEDLIMIT_PRESENT, &value));
    return value;
}

static void kmt202(void)
{
    D3DKMT_HANDLE device = make_device();
    unsigned two = 2, none = 0;
    same("at first", limit_of(device), 3);
    good(limit(device, D3DKMT_SET_QUEUEDLIMIT_PRESENT, &two));
    same("read back", limit_of(device), 2);
    good(limit(device, D3DKMT_SET_QUEUEDLIMIT_PRESENT, &none));
    same("back", limit_of(device), 3);
    good(drop_device(device));
}

const struct statement priority_statements[] = {
    S(195), S(196), S(197), S(198), S(199), S(200), S(201), S(202), END,
};
