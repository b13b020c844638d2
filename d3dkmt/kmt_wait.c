/* Waits: D3DKMTWaitForSynchronizationObject, 2, FromCpu, FromGpu. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/streamed.h"
#include "faces.h"

#define MOST    D3DDDI_MAX_OBJECT_WAITED_ON
#define NO_WAIT D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait

static bool is_count(uint32_t count)
{
    return count && count <= MOST;
}

static NTSTATUS put_wait(D3DKMT_HANDLE context, const D3DKMT_HANDLE *handles, uint32_t count,
                         const struct streamed_rule *rule)
{
    struct streamed call = {0};
    kmt_lock();
    streamed_begin(context);
    NTSTATUS gone = streamed_find_contexts(&call, &context, 1);
    NTSTATUS status = gone == STATUS_INVALID_PARAMETER
                          ? gone
                          : streamed_find_objects(&call, handles, count, rule);
    if (status == STATUS_SUCCESS)
        status = gone;
    if (status == STATUS_SUCCESS)
        status = context_put_wait(call.context[0], call.target, call.objects);
    engine_settle();
    kmt_unlock();
    return status;
}

NTSTATUS kmt_WaitForSynchronizationObject(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT *pData)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT data;
    const struct streamed_rule rule = {.kinds = SYNC_TAKEN};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_count(data.ObjectCount))
        return STATUS_INVALID_PARAMETER;
    return put_wait(data.hContext, data.ObjectHandleArray, data.ObjectCount, &rule);
}

NTSTATUS kmt_WaitForSynchronizationObject2(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 *pData)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_count(data.ObjectCount))
        return STATUS_INVALID_PARAMETER;
    const struct streamed_rule rule = {.kinds = SYNC_VALUED, .value = data.Fence.FenceValue};
    return put_wait(data.hContext, data.ObjectHandleArray, data.ObjectCount, &rule);
}

NTSTATUS
kmt_WaitForSynchronizationObjectFromGpu(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *pData)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU data;
    D3DKMT_HANDLE handles[MOST];
    uint64_t values[MOST];
    void *list;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_count(data.ObjectCount))
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(data.ObjectHandleArray, data.ObjectCount, sizeof *handles, handles, MOST,
                           &list);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    bool monitored = streamed_is_monitored(handles);
    kmt_unlock();
    if (monitored)
        status = kmt_copy_list(data.MonitoredFenceValueArray, data.ObjectCount, sizeof *values,
                               values, MOST, &list);
    if (status != STATUS_SUCCESS)
        return status;
    const struct streamed_rule rule = {.kinds = monitored ? SYNC_MONITORED : SYNC_VALUED,
                                       .denied = NO_WAIT,
                                       .values = monitored ? values : NULL,
                                       .value = data.FenceValue};
    return put_wait(data.hContext, handles, data.ObjectCount, &rule);
}

static NTSTATUS wait_for_event(const struct sync_wait_request *request, HANDLE handle)
{
    struct object *event;
    NTSTATUS status = streamed_event(handle, &event);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    kmt_begin_device(request->device);
    status = sync_wait_later(request, event);
    kmt_unlock();
    object_unref(event);
    return status;
}

NTSTATUS
kmt_WaitForSynchronizationObjectFromCpu(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *pData)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU data;
    D3DKMT_HANDLE handles[MOST];
    uint64_t values[MOST];
    void *list;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_count(data.ObjectCount) ||
        data.Flags.Value & ~D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny)
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(data.ObjectHandleArray, data.ObjectCount, sizeof *handles, handles, MOST,
                           &list);
    if (status == STATUS_SUCCESS)
        status = kmt_copy_list(data.FenceValueArray, data.ObjectCount, sizeof *values, values, MOST,
                               &list);
    if (status != STATUS_SUCCESS)
        return status;
    const struct sync_wait_request request = {
        data.hDevice, data.ObjectCount, handles, values,
        data.Flags.Value & D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny};
    return data.hAsyncEvent ? wait_for_event(&request, data.hAsyncEvent) : sync_wait(&request);
}
