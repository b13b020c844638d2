/* Work for contexts: D3DKMTRender, SubmitCommand, WaitForIdle. */
#include <string.h>
#include <winmem/gpu.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/streamed.h"
#include "faces.h"

#define RENDER_FLAGS 0x7Fu
#define SUBMIT_FLAGS 7u

/* A device that can do no more says why: its own fault, or the adapter's. */
static NTSTATUS check_device(const struct kmt_device *device)
{
    const struct vid_adapter *adapter = device->mm->adapter;
    NTSTATUS status = kmt_device_state(device);
    bool faulted = device->in_error && device->ended != D3DKMT_DEVICEEXECUTION_STOPPED &&
                   __atomic_load_n(&adapter->running, __ATOMIC_RELAXED) == VID_RUNNING &&
                   __atomic_load_n(&adapter->resets, __ATOMIC_RELAXED) == device->resets;
    return status != STATUS_SUCCESS && faulted ? STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE : status;
}

/* The driver's private data, as far as there is some: how long the work takes. */
static NTSTATUS read_work(const void *data, uint32_t size, struct winmem_gpu_work *ret_work)
{
    memset(ret_work, 0, sizeof *ret_work);
    if (!size)
        return STATUS_SUCCESS;
    if (size < sizeof *ret_work)
        return STATUS_INVALID_PARAMETER;
    return caller_read(data, ret_work, sizeof *ret_work);
}

static uint64_t duration_of(const struct kmt_context *context, bool null,
                            const struct winmem_gpu_work *work)
{
    if (null || context->made.flags & D3DDDI_CREATECONTEXTFLAGS_NullRendering)
        return 0;
    return work->duration ? work->duration : context->mm->adapter->work_cost;
}

/* What was put out comes back, and what is used comes in. STATUS_INVALID_HANDLE, STATUS_NO_MEMORY. */
static NTSTATUS bring_in(struct kmt_device *device, const D3DDDI_ALLOCATIONLIST *list,
                         uint32_t count, struct vid_paging *moved)
{
    const struct vidmm *mm = device->mm;
    NTSTATUS status = STATUS_SUCCESS;
    paging_begin_now(mm, moved);
    for (uint32_t i = 0; i < count; i++)
        if (!kmt_find_allocation(device, list[i].hAllocation))
            return STATUS_INVALID_HANDLE;
    vidmm_lock(mm);
    vidmm_restore(mm, moved);
    for (uint32_t i = 0; status == STATUS_SUCCESS && i < count; i++) {
        const struct kmt_allocation *allocation = kmt_find(list[i].hAllocation, KMT_ALLOCATION);
        status = vidmm_use(mm, allocation->opening, moved);
    }
    vidmm_unlock(mm);
    return status == STATUS_INVALID_PARAMETER ? STATUS_GRAPHICS_ALLOCATION_INVALID : status;
}

/* The work, behind the moving of memory that it needs. */
static NTSTATUS put_work(const struct streamed *call, const struct vid_paging *moved, bool null,
                         const struct winmem_gpu_work *work)
{
    struct kmt_context *first = call->context[0];
    uint64_t moving = paging_cost(first->mm, moved);
    uint64_t duration = duration_of(first, null, work);
    NTSTATUS status = STATUS_SUCCESS;
    if (moving)
        status = context_put_moving(first, moving);
    if (status == STATUS_SUCCESS)
        status = context_put_work(call->context, call->contexts, duration);
    engine_settle();
    return status;
}

/* A render call; lists are copied. */
struct render {
    D3DKMT_RENDER data;
    struct winmem_gpu_work work;
    struct kmt_context *context;
    const struct context_buffers *buffers;
};

static struct kmt_context *find_render_context(D3DKMT_HANDLE handle)
{
    struct kmt_context *context = kmt_find(handle, KMT_CONTEXT);
    const struct kmt_device *device = kmt_find(handle, KMT_DEVICE);
    return context ? context : device ? device->context : NULL;
}

/* The contexts, of which the first has buffers. */
static NTSTATUS find_contexts(const D3DKMT_RENDER *data, struct streamed *call)
{
    struct kmt_context *context = find_render_context(data->hContext);
    if (!context || context->made.is_virtual ||
        (uint64_t)data->CommandOffset + data->CommandLength > CONTEXT_COMMANDS ||
        data->AllocationCount > CONTEXT_ALLOCATIONS || data->PatchLocationCount > CONTEXT_PATCHES)
        return STATUS_INVALID_PARAMETER;
    call->context[call->contexts++] = context;
    if (streamed_find_contexts(call, data->BroadcastContext, data->BroadcastContextCount) ==
        STATUS_INVALID_PARAMETER)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; status == STATUS_SUCCESS && i < call->contexts; i++)
        status = check_device(call->context[i]->device);
    return status;
}

static uint32_t queued(const struct kmt_context *context)
{
    uint32_t count = 0;
    for (const struct context_step *step = context->first; step; step = step->next)
        count += step->kind == STEP_WORK;
    return count;
}

/* The commands were taken over, so the same buffers are the next ones. */
static void fill_render(const struct kmt_context *context, D3DKMT_RENDER *data)
{
    data->pNewCommandBuffer = context->buffers.commands;
    data->NewCommandBufferSize = CONTEXT_COMMANDS;
    data->pNewAllocationList = context->buffers.allocations;
    data->NewAllocationListSize = CONTEXT_ALLOCATIONS;
    data->pNewPatchLocationList = context->buffers.patches;
    data->NewPatchLocationListSize = CONTEXT_PATCHES;
    data->NewCommandBuffer = 0;
    data->QueuedBufferCount = queued(context);
}

static NTSTATUS render_locked(D3DKMT_RENDER *data, const struct winmem_gpu_work *work,
                              const D3DDDI_ALLOCATIONLIST *list)
{
    struct streamed call = {0};
    struct vid_paging moved;
    NTSTATUS status = find_contexts(data, &call);
    if (status == STATUS_SUCCESS)
        status = bring_in(call.context[0]->device, list, data->AllocationCount, &moved);
    if (status == STATUS_SUCCESS)
        status =
            put_work(&call, &moved, data->Flags.Value & D3DKMT_RENDERFLAGS_NullRendering, work);
    if (status == STATUS_SUCCESS)
        fill_render(call.context[0], data);
    return status;
}

NTSTATUS kmt_Render(D3DKMT_RENDER *pData)
{
    D3DKMT_RENDER data;
    struct winmem_gpu_work work;
    D3DDDI_ALLOCATIONLIST room[32];
    void *list = room;
    const void *from = NULL;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~RENDER_FLAGS ||
        data.BroadcastContextCount > D3DDDI_MAX_BROADCAST_CONTEXT)
        return STATUS_INVALID_PARAMETER;
    status = read_work(data.pPrivateDriverData, data.PrivateDriverDataSize, &work);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_context *context = find_render_context(data.hContext);
    if (context) {
        clock_call(context->mm);
        from = context->buffers.allocations;
    }
    kmt_unlock();
    if (!from || data.AllocationCount > CONTEXT_ALLOCATIONS)
        return STATUS_INVALID_PARAMETER;
    if (data.AllocationCount)
        status = kmt_copy_list(from, data.AllocationCount, sizeof room[0], room, array_length(room),
                               &list);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = render_locked(&data, &work, list);
    kmt_unlock();
    kmt_free_list(list, room);
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

static bool are_of_device(const struct kmt_device *device, const D3DKMT_HANDLE *handles,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!kmt_find_allocation(device, handles[i]))
            return false;
    return true;
}

static NTSTATUS submit_locked(const D3DKMT_SUBMITCOMMAND *data, const struct winmem_gpu_work *work,
                              const D3DKMT_HANDLE *history)
{
    struct streamed call = {0};
    struct vid_paging moved;
    streamed_begin(data->BroadcastContext[0]);
    NTSTATUS status =
        streamed_find_contexts(&call, data->BroadcastContext, data->BroadcastContextCount);
    if (status == STATUS_INVALID_PARAMETER)
        return status;
    for (uint32_t i = 0; i < call.contexts; i++)
        if (!call.context[i]->made.is_virtual)
            return STATUS_INVALID_PARAMETER;
    struct kmt_device *device = call.context[0]->device;
    if (!are_of_device(device, data->WrittenPrimaries, data->NumPrimaries) ||
        !are_of_device(device, history, data->NumHistoryBuffers))
        return STATUS_INVALID_PARAMETER;
    status = STATUS_SUCCESS;
    for (uint32_t i = 0; status == STATUS_SUCCESS && i < call.contexts; i++)
        status = check_device(call.context[i]->device);
    if (status == STATUS_SUCCESS)
        status = bring_in(device, NULL, 0, &moved);
    return status == STATUS_SUCCESS
               ? put_work(&call, &moved,
                          data->Flags.Value & D3DKMT_SUBMITCOMMANDFLAGS_NullRendering, work)
               : status;
}

NTSTATUS kmt_SubmitCommand(const D3DKMT_SUBMITCOMMAND *pData)
{
    D3DKMT_SUBMITCOMMAND data;
    struct winmem_gpu_work work;
    D3DKMT_HANDLE room[32];
    void *history = room;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~SUBMIT_FLAGS || !data.BroadcastContextCount ||
        data.BroadcastContextCount > D3DDDI_MAX_BROADCAST_CONTEXT ||
        data.NumPrimaries > D3DDDI_MAX_WRITTEN_PRIMARIES)
        return STATUS_INVALID_PARAMETER;
    status = read_work(data.pPrivateDriverData, data.PrivateDriverDataSize, &work);
    if (status == STATUS_SUCCESS && data.NumHistoryBuffers)
        status = kmt_copy_list(data.HistoryBufferArray, data.NumHistoryBuffers, sizeof room[0],
                               room, array_length(room), &history);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = submit_locked(&data, &work, history);
    kmt_unlock();
    kmt_free_list(history, room);
    return status;
}

static bool is_idle(const struct kmt_device *device)
{
    if (kmt_device_state(device) != STATUS_SUCCESS)
        return true;
    link_each(at, &device->contexts) if (!context_is_idle(container_of(at, struct kmt_context,
                                                                       link))) return false;
    link_each(at, &device->paging_queues)
    {
        const struct kmt_paging_queue *queue = container_of(at, struct kmt_paging_queue, link);
        if (sync_value(queue->fence->core) < queue->last)
            return false;
    }
    return true;
}

NTSTATUS kmt_WaitForIdle(const D3DKMT_WAITFORIDLE *pData)
{
    D3DKMT_WAITFORIDLE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_device *device = kmt_begin_device(data.hDevice);
    if (!device)
        status = STATUS_INVALID_PARAMETER;
    while (device && !is_idle(device)) {
        sync_let_time_pass(device->mm, NULL, 0);
        device = kmt_find(data.hDevice, KMT_DEVICE);
    }
    kmt_unlock();
    return status;
}
