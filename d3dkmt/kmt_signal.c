/* Signals: D3DKMTSignalSynchronizationObject, 2, FromCpu, FromGpu, FromGpu2. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/streamed.h"
#include "faces.h"

#define MOST        D3DDDI_MAX_OBJECT_SIGNALED
#define NO_SIGNAL   D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal
#define EVENT       D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent
#define REWIND      D3DDDICB_SIGNALFLAGS_AllowFenceRewind
#define EARLY       D3DDDICB_SIGNALFLAGS_SignalAtSubmission
#define KNOWN_FLAGS (EARLY | EVENT | REWIND)

/* A signal for streams; all lists are ours. */
struct order {
    uint32_t contexts;
    const D3DKMT_HANDLE *context;
    uint32_t objects;
    const D3DKMT_HANDLE *object;
    uint32_t flags;
    HANDLE event; /* with EVENT */
};

static bool are_counts(uint32_t objects, uint32_t flags)
{
    return flags & EVENT ? !objects : objects && objects <= MOST;
}

static NTSTATUS find(struct streamed *call, const struct order *order,
                     const struct streamed_rule *rule)
{
    NTSTATUS gone = streamed_find_contexts(call, order->context, order->contexts);
    if (gone == STATUS_INVALID_PARAMETER)
        return gone;
    NTSTATUS status = streamed_find_objects(call, order->object, order->objects, rule);
    return status == STATUS_SUCCESS ? gone : status;
}

static NTSTATUS put_signal(const struct order *order, const struct streamed_rule *rule)
{
    struct streamed call = {0};
    struct object *event = NULL;
    NTSTATUS status = order->flags & EVENT ? streamed_event(order->event, &event) : STATUS_SUCCESS;
    kmt_lock();
    streamed_begin(order->context[0]);
    NTSTATUS found = find(&call, order, rule);
    if (found == STATUS_INVALID_PARAMETER || status == STATUS_SUCCESS)
        status = found;
    if (status == STATUS_SUCCESS) {
        const struct context_signal signal = {.count = call.objects,
                                              .targets = call.target,
                                              .event = event,
                                              .at_submission = order->flags & EARLY,
                                              .rewind = order->flags & REWIND};
        status = context_put_signal(call.context, call.contexts, &signal);
        bool tells = event;
        for (uint32_t i = 0; i < call.objects; i++)
            tells |= call.target[i].core->event != NULL;
        if (tells)
            streamed_drive(&call);
    }
    engine_settle();
    kmt_unlock();
    object_unref(event);
    return status;
}

NTSTATUS kmt_SignalSynchronizationObject(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT *pData)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT data;
    const struct streamed_rule rule = {.kinds = SYNC_TAKEN | SYNC_NOTICE};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~(KNOWN_FLAGS & ~EVENT) || !are_counts(data.ObjectCount, 0))
        return STATUS_INVALID_PARAMETER;
    const struct order order = {.contexts = 1,
                                .context = &data.hContext,
                                .objects = data.ObjectCount,
                                .object = data.ObjectHandleArray,
                                .flags = data.Flags.Value};
    return put_signal(&order, &rule);
}

NTSTATUS kmt_SignalSynchronizationObject2(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 *pData)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 data;
    D3DKMT_HANDLE contexts[1 + D3DDDI_MAX_BROADCAST_CONTEXT];
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~KNOWN_FLAGS || !are_counts(data.ObjectCount, data.Flags.Value) ||
        data.BroadcastContextCount > D3DDDI_MAX_BROADCAST_CONTEXT)
        return STATUS_INVALID_PARAMETER;
    contexts[0] = data.hContext;
    for (uint32_t i = 0; i < data.BroadcastContextCount; i++)
        contexts[1 + i] = data.BroadcastContext[i];
    const struct order order = {.contexts = 1 + data.BroadcastContextCount,
                                .context = contexts,
                                .objects = data.ObjectCount,
                                .object = data.ObjectHandleArray,
                                .flags = data.Flags.Value,
                                .event = data.CpuEventHandle};
    const struct streamed_rule rule = {.kinds = SYNC_VALUED | SYNC_NOTICE,
                                       .value = data.Fence.FenceValue};
    return put_signal(&order, &rule);
}

/* Both lists, to where there is room for MOST. */
static NTSTATUS copy_lists(const D3DKMT_HANDLE *handles, const UINT64 *values, uint32_t count,
                           D3DKMT_HANDLE *ret_handles, uint64_t *ret_values)
{
    void *list;
    NTSTATUS status = kmt_copy_list(handles, count, sizeof *ret_handles, ret_handles, MOST, &list);
    return status == STATUS_SUCCESS
               ? kmt_copy_list(values, count, sizeof *ret_values, ret_values, MOST, &list)
               : status;
}

NTSTATUS
kmt_SignalSynchronizationObjectFromGpu(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *pData)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU data;
    D3DKMT_HANDLE handles[MOST];
    uint64_t values[MOST];
    const struct streamed_rule rule = {
        .kinds = SYNC_MONITORED, .denied = NO_SIGNAL, .values = values};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!are_counts(data.ObjectCount, 0))
        return STATUS_INVALID_PARAMETER;
    status = copy_lists(data.ObjectHandleArray, data.MonitoredFenceValueArray, data.ObjectCount,
                        handles, values);
    if (status != STATUS_SUCCESS)
        return status;
    const struct order order = {
        .contexts = 1, .context = &data.hContext, .objects = data.ObjectCount, .object = handles};
    return put_signal(&order, &rule);
}

NTSTATUS
kmt_SignalSynchronizationObjectFromGpu2(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *pData)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 data;
    D3DKMT_HANDLE handles[MOST], contexts[D3DDDI_MAX_BROADCAST_CONTEXT];
    uint64_t values[MOST];
    void *list;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~KNOWN_FLAGS || !are_counts(data.ObjectCount, data.Flags.Value) ||
        !data.BroadcastContextCount || data.BroadcastContextCount > D3DDDI_MAX_BROADCAST_CONTEXT)
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(data.BroadcastContextArray, data.BroadcastContextCount, sizeof *contexts,
                           contexts, D3DDDI_MAX_BROADCAST_CONTEXT, &list);
    if (status == STATUS_SUCCESS && data.ObjectCount)
        status = kmt_copy_list(data.ObjectHandleArray, data.ObjectCount, sizeof *handles, handles,
                               MOST, &list);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    bool monitored = data.ObjectCount && streamed_is_monitored(handles);
    kmt_unlock();
    if (monitored)
        status = kmt_copy_list(data.MonitoredFenceValueArray, data.ObjectCount, sizeof *values,
                               values, MOST, &list);
    if (status != STATUS_SUCCESS)
        return status;
    const struct order order = {.contexts = data.BroadcastContextCount,
                                .context = contexts,
                                .objects = data.ObjectCount,
                                .object = handles,
                                .flags = data.Flags.Value,
                                .event = data.CpuEventHandle};
    const struct streamed_rule rule = {.kinds =
                                           monitored ? SYNC_MONITORED : SYNC_VALUED | SYNC_NOTICE,
                                       .denied = NO_SIGNAL,
                                       .values = monitored ? values : NULL,
                                       .value = data.FenceValue};
    return put_signal(&order, &rule);
}

static NTSTATUS signal_now(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *data,
                           const D3DKMT_HANDLE *handles, const uint64_t *values)
{
    const struct streamed_rule rule = {
        .kinds = SYNC_MONITORED, .denied = NO_SIGNAL, .values = values};
    struct streamed call = {0};
    const struct kmt_device *device = kmt_begin_device(data->hDevice);
    if (!device)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS gone = kmt_device_state(device);
    NTSTATUS status = streamed_find_objects(&call, handles, data->ObjectCount, &rule);
    if (status == STATUS_SUCCESS)
        status = gone;
    for (uint32_t i = 0; status == STATUS_SUCCESS && i < call.objects; i++)
        sync_signal(call.target[i].core, call.target[i].value, true);
    engine_settle();
    return status;
}

NTSTATUS
kmt_SignalSynchronizationObjectFromCpu(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *pData)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU data;
    D3DKMT_HANDLE handles[MOST];
    uint64_t values[MOST];
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Flags.Value & ~REWIND || !are_counts(data.ObjectCount, 0))
        return STATUS_INVALID_PARAMETER;
    status =
        copy_lists(data.ObjectHandleArray, data.FenceValueArray, data.ObjectCount, handles, values);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = signal_now(&data, handles, values);
    kmt_unlock();
    return status;
}
