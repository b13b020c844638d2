/* Devices and contexts, and devices that failed. */
#include "gpu_device.h"

static void kmt137(void)
{
    D3DKMT_HANDLE device = make_device();
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(device));
}

static void kmt138(void)
{
    D3DKMT_HANDLE one = make_device(), other = make_device();
    ok("different", one && other && one != other);
    good(drop_device(one));
    same("the other's", state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(other));
}

static void kmt139(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    good(drop_device(device));
    bad(drop_device(device));
    bad(D3DKMTGetDeviceState(&state));
}

static void kmt140(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    good(drop_device(device));
    bad(drop_context(context));
    bad(submit(context, 1));
}

static unsigned node_count(void)
{
    unsigned node = 0;
    D3DKMT_HANDLE device = make_device(), context;
    while (node < 64 && try_context(device, node, &context) == STATUS_SUCCESS)
        node++;
    good(drop_device(device));
    return node;
}

static void kmt141(void)
{
    D3DKMT_HANDLE device = make_device(), context = 0;
    unsigned nodes = node_count();
    D3DKMT_CREATECONTEXT older = {.hDevice = device, .NodeOrdinal = nodes, .hContext = 0x1234};

    ok("nodes", nodes > 0 && nodes < 64);
    bad(try_context(device, nodes, &context));
    bad(try_context(device, 0xFFFFFFFF, &context));
    same("no context", context, 0);
    bad(D3DKMTCreateContext(&older));
    same("untouched", older.hContext, 0x1234);
    older.NodeOrdinal = nodes - 1;
    good(D3DKMTCreateContext(&older));
    good(drop_device(device));
}

static void kmt142(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    good(drop_context(context));
    bad(drop_context(context));
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(device));
}

static void kmt143(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    D3DKMT_GETDEVICESTATE state = {.hDevice = context, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    D3DKMT_PHYSICAL_ADAPTER_COUNT behind;

    bad(ask(device, KMTQAITYPE_PHYSICALADAPTERCOUNT, &behind, sizeof behind));
    bad(close_adapter(device));
    bad(D3DKMTGetDeviceState(&state));
    bad(drop_device(adapter()));
    bad(drop_context(device));
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_context(context));
    good(drop_device(device));
}

static void kmt144(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_RESET};
    state.ResetState.Value = 0xEE;
    good(D3DKMTGetDeviceState(&state));
    same("bits", state.ResetState.Value, 0);
    good(drop_device(device));
}

static void kmt145(void)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_GETDEVICESTATE state = {.hDevice = device};
    static const unsigned none[] = {0, 7, 99, 0xFFFFFFFF};
    unsigned i;

    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        state.StateType = none[i];
        state.ExecutionState = 0x77;
        bad(D3DKMTGetDeviceState(&state));
        same("untouched", state.ExecutionState, 0x77);
    }
    good(drop_device(device));
}

static D3DKMT_HANDLE make_failed(D3DKMT_HANDLE *ret_context, struct fence *ret_fence)
{
    D3DKMT_HANDLE device = make_device();
    if (ret_context)
        *ret_context = make_context(device, 0);
    if (ret_fence)
        *ret_fence = make_fence(device, 0, 0);
    good(mark_failed(device));
    return device;
}

static void kmt146(void)
{
    D3DKMT_HANDLE device = make_failed(NULL, NULL);
    ok("not active", state_of(device) != D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(device));
}

static void kmt147(void)
{
    D3DKMT_HANDLE device = make_failed(NULL, NULL);
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
    good(drop_device(device));
}

static void kmt148(void)
{
    D3DKMT_HANDLE context, device = make_failed(&context, NULL);
    gives(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, submit(context, 1));
    good(drop_device(device));
}

static void kmt149(void)
{
    struct fence fence;
    D3DKMT_HANDLE context, more = 0, device = make_failed(&context, &fence);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0x1234};

    gives(STATUS_DEVICE_REMOVED, try_context(device, 0, &more));
    same("no context", more, 0);
    gives(STATUS_DEVICE_REMOVED, try_object(&create, device, D3DDDI_MONITORED_FENCE, 0));
    same("no object", create.hSyncObject, 0x1234);
    gives(STATUS_DEVICE_REMOVED, signal_gpu(context, fence.handle, 1));
    good(drop_device(device));
}

static void kmt150(void)
{
    D3DKMT_HANDLE device = make_failed(NULL, NULL), context;
    good(drop_device(device));
    device = make_device();
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    context = make_context(device, 0);
    good(submit(context, MS));
    good(wait_idle(device));
    good(drop_device(device));
}

static void kmt151(void)
{
    D3DKMT_HANDLE other = make_device(), context = make_context(other, 0);
    D3DKMT_HANDLE device = make_failed(NULL, NULL);
    same("the other's", state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(submit(context, MS));
    good(wait_idle(other));
    same("still", state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_device(device));
    good(drop_device(other));
}

const struct statement device_statements[] = {
    S(137), S(138), S(139), S(140), S(141), S(142), S(143), S(144),
    S(145), S(146), S(147), S(148), S(149), S(150), S(151), END,
};
