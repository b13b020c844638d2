/* Contexts: D3DKMTCreateContext, CreateContextVirtual, DestroyContext. */
#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/streamed.h"
#include "faces.h"

#define KNOWN_FLAGS 0x3Fu

/* The simulated driver reads nothing of its private data, which has to be there all the same. */
static NTSTATUS check_driver_data(const void *data, uint32_t size)
{
    void *copy;
    NTSTATUS status = kmt_copy_data(data, size, &copy);
    if (status == STATUS_SUCCESS)
        free(copy);
    return status;
}

/* `affinity` has the bit of the one physical adapter, or 0. */
static NTSTATUS create(D3DKMT_HANDLE handle, uint32_t affinity, const struct context_wish *wish,
                       struct kmt_context **ret_context)
{
    struct kmt_device *device = kmt_find(handle, KMT_DEVICE);
    if (!device || wish->node >= KMT_NODES || affinity > 1 || wish->flags & ~KNOWN_FLAGS)
        return STATUS_INVALID_PARAMETER;
    clock_call(device->mm);
    NTSTATUS status = kmt_device_state(device);
    return status == STATUS_SUCCESS ? context_create(device, wish, ret_context) : status;
}

NTSTATUS kmt_CreateContext(D3DKMT_CREATECONTEXT *pData)
{
    D3DKMT_CREATECONTEXT data;
    struct kmt_context *context;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = check_driver_data(data.pPrivateDriverData, data.PrivateDriverDataSize);
    if (status != STATUS_SUCCESS)
        return status;
    const struct context_wish wish = {
        .node = data.NodeOrdinal, .flags = data.Flags.Value, .hint = data.ClientHint};
    kmt_lock();
    status = create(data.hDevice, data.EngineAffinity, &wish, &context);
    if (status == STATUS_SUCCESS) {
        data.hContext = context->object.handle;
        data.pCommandBuffer = context->buffers.commands;
        data.CommandBufferSize = CONTEXT_COMMANDS;
        data.pAllocationList = context->buffers.allocations;
        data.AllocationListSize = CONTEXT_ALLOCATIONS;
        data.pPatchLocationList = context->buffers.patches;
        data.PatchLocationListSize = CONTEXT_PATCHES;
        data.CommandBuffer = 0;
    }
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_CreateContextVirtual(D3DKMT_CREATECONTEXTVIRTUAL *pData)
{
    D3DKMT_CREATECONTEXTVIRTUAL data;
    struct kmt_context *context;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = check_driver_data(data.pPrivateDriverData, data.PrivateDriverDataSize);
    if (status != STATUS_SUCCESS)
        return status;
    const struct context_wish wish = {.node = data.NodeOrdinal,
                                      .flags = data.Flags.Value,
                                      .hint = data.ClientHint,
                                      .is_virtual = true};
    kmt_lock();
    status = create(data.hDevice, data.EngineAffinity, &wish, &context);
    if (status == STATUS_SUCCESS)
        data.hContext = context->object.handle;
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_DestroyContext(const D3DKMT_DESTROYCONTEXT *pData)
{
    D3DKMT_DESTROYCONTEXT data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_context *context = streamed_begin(data.hContext);
    if (context) {
        context_destroy(context);
        engine_settle();
    }
    kmt_unlock();
    return context ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
