/* The handles of calls that put something into streams. */
#include "d3dkmt/streamed.h"

#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"

struct kmt_context *streamed_begin(D3DKMT_HANDLE handle)
{
    struct kmt_context *context = kmt_find(handle, KMT_CONTEXT);
    if (context)
        clock_call(context->mm);
    return context;
}

NTSTATUS streamed_find_contexts(struct streamed *call, const D3DKMT_HANDLE *handles, uint32_t count)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < count; i++) {
        struct kmt_context *context = kmt_find(handles[i], KMT_CONTEXT);
        if (!context || (call->contexts && context->mm->adapter != call->context[0]->mm->adapter))
            return STATUS_INVALID_PARAMETER;
        call->context[call->contexts++] = context;
        if (status == STATUS_SUCCESS)
            status = kmt_device_state(context->device);
    }
    return status;
}

NTSTATUS streamed_find_objects(struct streamed *call, const D3DKMT_HANDLE *handles, uint32_t count,
                               const struct streamed_rule *rule)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < count; i++) {
        const struct kmt_sync *sync = kmt_find(handles[i], KMT_SYNC);
        if (!sync || !(rule->kinds & SYNC_KIND(sync->core->type)))
            return STATUS_INVALID_PARAMETER;
        if (sync->flags & rule->denied)
            status = STATUS_ACCESS_DENIED;
        call->target[call->objects++] =
            (struct sync_target){sync->core, rule->values ? rule->values[i] : rule->value};
    }
    return status;
}

void streamed_drive(const struct streamed *call)
{
    engine_settle();
    if (ticker_is_on())
        return;
    for (uint32_t i = 0; i < call->contexts; i++)
        while (!context_is_idle(call->context[i]) && clock_step_all())
            engine_settle();
}

bool streamed_is_monitored(const D3DKMT_HANDLE *handles)
{
    const struct kmt_sync *sync = kmt_find(handles[0], KMT_SYNC);
    return sync && sync->core->type == D3DDDI_MONITORED_FENCE;
}

NTSTATUS streamed_event(HANDLE handle, struct object **ret_event)
{
    NTSTATUS status = handle_lookup(handle, OBJECT_EVENT, EVENT_MODIFY_STATE, ret_event);
    if (status == STATUS_SUCCESS || status == STATUS_ACCESS_DENIED)
        return status;
    return STATUS_INVALID_HANDLE;
}
