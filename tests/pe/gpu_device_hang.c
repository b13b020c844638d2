/*
 * Work that does not end: hung and reset devices, and an adapter that is stopped. Each hang is
 * counted for a minute of virtual time, so that the statements let one pass between them.
 */
#include "gpu_device.h"

#define TOO_LONG (3000 * MS) /* the timeout is two seconds */

/* A minute and more of work that is each short enough. */
static void let_pass(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    unsigned i;
    for (i = 0; i < 61; i++)
        good(submit(context, 1000 * MS));
    good(wait_idle(device));
    same("not hung", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(device));
}

/*
 * Until the device is hung, for thirty seconds at most. Time goes on for who makes no call for
 * 10 ms.
 */
static unsigned hang(D3DKMT_HANDLE device, D3DKMT_HANDLE context)
{
    unsigned i, state = D3DKMT_DEVICEEXECUTION_ACTIVE;
    good(submit(context, TOO_LONG));
    for (i = 0; i < 1000 && state == D3DKMT_DEVICEEXECUTION_ACTIVE; i++) {
        Sleep(30);
        state = state_of(device);
    }
    return state;
}

static void kmt152(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    good(submit(context, 1900 * MS));
    good(wait_idle(device));
    same("in time", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    same("too long", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    good(drop_device(device));
}

static void kmt153(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0), other = make_device();
    same("hung", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    same("the other's", state_of(other), D3DKMT_DEVICEEXECUTION_RESET);
    good(drop_device(device));
    good(drop_device(other));
}

static void kmt155(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0), other = make_device();
    D3DKMT_HANDLE lost[2] = {device, other}, more;
    unsigned i;

    let_pass();
    same("hung", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    for (i = 0; i < 2; i++) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};
        same("can be read", state_of(lost[i]),
             i ? D3DKMT_DEVICEEXECUTION_RESET : D3DKMT_DEVICEEXECUTION_HUNG);
        more = 0;
        gives(STATUS_DEVICE_REMOVED, try_context(lost[i], 0, &more));
        same("no context", more, 0);
        gives(STATUS_DEVICE_REMOVED, try_object(&create, lost[i], D3DDDI_MONITORED_FENCE, 0));
        same("no object", create.hSyncObject, 0x1234);
        good(drop_device(lost[i]));
    }
}

static void kmt156(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    struct fence fence = make_fence(device, 1, 0);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    good(wait_cpu(device, fence.handle, 1000, event));
    same("hung", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    same("value", *fence.value, ~0ull);
    same("the wait ends", WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
    CloseHandle(event);
    good(drop_device(device));
}

static void kmt157(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    struct fence fence = make_fence(device, 4, FLAG(NoSignalMaxValueOnTdr));
    let_pass();
    same("hung", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    same("value", *fence.value, 4);
    good(drop_device(device));
}

static void kmt158(void)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = adapter(),
                                  .Flags = {D3DKMT_CREATEDEVICEFLAGS_DisableGpuTimeout}};
    D3DKMT_HANDLE context;

    if (!allowed(PRIORITY_PRIVILEGE))
        return;
    good(D3DKMTCreateDevice(&create));
    context = make_context(create.hDevice, 0);
    good(submit(context, 2 * TOO_LONG));
    good(wait_idle(create.hDevice));
    same("state", state_of(create.hDevice), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(create.hDevice));
}

static unsigned resets(void)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_ADAPTER, NULL, 0, &result));
    return result.AdapterInformation.TdrDetectedCount;
}

static void kmt159(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    unsigned before = resets();
    same("hung", hang(device, context), D3DKMT_DEVICEEXECUTION_HUNG);
    same("one more", resets(), before + 1);
    good(drop_device(device));
}

/* Once it is stopped no device can be made, so that what follows looks at one from before. */
static D3DKMT_HANDLE stopped_handle, stopped_device;
static unsigned hangs; /* that it took */

/* FALSE: it is the only one, which other statements need. */
static BOOL stop_last_adapter(void)
{
    if (stopped_device)
        return TRUE;
    if (same_luid(adapter_luid(), last_adapter_luid())) {
        kit_skip("there is no adapter to stop besides the one that is needed");
        return FALSE;
    }
    good(open_luid(last_adapter_luid(), &stopped_handle));
    stopped_device = make_device_on(stopped_handle);
    for (; hangs < 10 && state_of(stopped_device) != D3DKMT_DEVICEEXECUTION_STOPPED; hangs++) {
        D3DKMT_HANDLE device = make_device_on(last_adapter());
        ok("hung or stopped",
           hang(device, make_context(device, 0)) != D3DKMT_DEVICEEXECUTION_ACTIVE);
        good(drop_device(device));
    }
    return TRUE;
}

static void kmt160(void)
{
    D3DKMT_HANDLE other;

    if (!stop_last_adapter())
        return;
    other = make_device();
    same("hangs", hangs, 7);
    same("the other adapter", state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(other));
}

static void kmt161(void)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = last_adapter(), .hDevice = 0x1234};
    D3DKMT_SEGMENTSIZEINFO sizes;

    if (!stop_last_adapter())
        return;
    same("its devices", state_of(stopped_device), D3DKMT_DEVICEEXECUTION_STOPPED);
    gives(STATUS_DEVICE_REMOVED, D3DKMTCreateDevice(&create));
    same("no device", create.hDevice, 0x1234);
    gives(STATUS_DEVICE_REMOVED,
          ask(last_adapter(), KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof sizes));
}

static void kmt392(void)
{
    D3DKMT_QUERYVIDEOMEMORYINFO told = {.hAdapter = last_adapter(), .Budget = 0x1234};
    const D3DKMT_CHANGEVIDEOMEMORYRESERVATION change = {.hAdapter = last_adapter(),
                                                        .Reservation = 4096};

    if (!stop_last_adapter())
        return;
    gives(STATUS_DEVICE_REMOVED, D3DKMTQueryVideoMemoryInfo(&told));
    same("no budget", told.Budget, 0x1234);
    gives(STATUS_DEVICE_REMOVED, D3DKMTChangeVideoMemoryReservation(&change));
}

static void kmt162(void)
{
    if (!stop_last_adapter())
        return;
    good(drop_device(stopped_device));
    good(close_adapter(stopped_handle));
    bad(close_adapter(stopped_handle));
}

const struct statement hang_statements[] = {
    S(152), S(153), S(155), S(156), S(157), S(158), S(159), S(160), S(161), S(392), S(162), END,
};
