/* Scheduling: the priority of contexts, and the class of the process. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/state.h"
#include "d3dkmt/streamed.h"
#include "faces.h"
#include "memoryapi/object.h"
#include "memoryapi/privilege.h"

#define ABSOLUTE D3DKMT_SETCONTEXTSCHEDULINGPRIORITY_ABSOLUTE
#define LEVELS   31 /* bits 0 to 4 of an absolute priority */

#define MOST_RELATIVE  7 /* IDXGIDevice::SetGPUThreadPriority */
#define NORMAL_LEVEL   1
#define REAL_TIME      16 /* absolute levels from here on; those between are reserved */
#define INTERNAL_LEVEL 31

static uint32_t process_class = D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL; /* under kmt_lock */

static NTSTATUS check_priority(int32_t priority)
{
    int32_t level = priority & LEVELS;
    if (priority < 0 || !(priority & ABSOLUTE))
        return priority < -MOST_RELATIVE || priority > MOST_RELATIVE ? STATUS_INVALID_PARAMETER
                                                                     : STATUS_SUCCESS;
    if (priority & ~(int32_t)(ABSOLUTE | LEVELS) || (level > NORMAL_LEVEL && level < REAL_TIME))
        return STATUS_INVALID_PARAMETER;
    if (level == INTERNAL_LEVEL ||
        (level >= REAL_TIME && !privilege_enabled(PRIVILEGE_INCREASE_BASE_PRIORITY)))
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

NTSTATUS kmt_SetContextSchedulingPriority(const D3DKMT_SETCONTEXTSCHEDULINGPRIORITY *pData)
{
    D3DKMT_SETCONTEXTSCHEDULINGPRIORITY data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_context *context = streamed_begin(data.hContext);
    status = context ? check_priority(data.Priority) : STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        context->priority = data.Priority;
    kmt_unlock();
    return status;
}

NTSTATUS kmt_GetContextSchedulingPriority(D3DKMT_GETCONTEXTSCHEDULINGPRIORITY *pData)
{
    D3DKMT_GETCONTEXTSCHEDULINGPRIORITY data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_context *context = streamed_begin(data.hContext);
    if (context)
        data.Priority = context->priority;
    kmt_unlock();
    return context ? caller_write(pData, &data, sizeof data) : STATUS_INVALID_PARAMETER;
}

NTSTATUS
kmt_SetContextInProcessSchedulingPriority(const D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY *pData)
{
    D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Priority != 0 && data.Priority != 1)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    struct kmt_context *context = streamed_begin(data.hContext);
    if (context)
        context->in_process = (uint32_t)data.Priority;
    kmt_unlock();
    return context ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS
kmt_GetContextInProcessSchedulingPriority(D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY *pData)
{
    D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_context *context = streamed_begin(data.hContext);
    if (context)
        data.Priority = (INT)context->in_process;
    kmt_unlock();
    return context ? caller_write(pData, &data, sizeof data) : STATUS_INVALID_PARAMETER;
}

/* STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED, STATUS_NOT_SUPPORTED: another process. */
static NTSTATUS check_process(HANDLE handle, ACCESS_MASK access)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_PROCESS, access, &object);
    if (status == STATUS_ACCESS_DENIED)
        return status;
    if (status != STATUS_SUCCESS)
        return STATUS_INVALID_HANDLE;
    bool is_ours = object == object_current_process;
    object_unref(object);
    return is_ours ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

NTSTATUS kmt_SetProcessSchedulingPriorityClass(HANDLE hProcess,
                                               D3DKMT_SCHEDULINGPRIORITYCLASS Priority)
{
    uint32_t wanted = (uint32_t)Priority;
    NTSTATUS status = check_process(hProcess, PROCESS_SET_INFORMATION);
    if (status != STATUS_SUCCESS)
        return status;
    if (wanted > D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME)
        return STATUS_INVALID_PARAMETER;
    if (wanted == D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME &&
        !privilege_enabled(PRIVILEGE_INCREASE_BASE_PRIORITY))
        return STATUS_ACCESS_DENIED;
    status = gpu_attach();
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    process_class = wanted;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        const struct vidmm *mm = gpu_adapter(i);
        clock_call(mm);
        vidmm_lock(mm);
        vidmm_set_background(mm, mm->process, wanted < D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
        vidmm_unlock(mm);
    }
    kmt_unlock();
    return STATUS_SUCCESS;
}

NTSTATUS kmt_GetProcessSchedulingPriorityClass(HANDLE hProcess,
                                               D3DKMT_SCHEDULINGPRIORITYCLASS *pPriority)
{
    NTSTATUS status = check_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status != STATUS_SUCCESS)
        return status;
    if (!pPriority)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    D3DKMT_SCHEDULINGPRIORITYCLASS value = (D3DKMT_SCHEDULINGPRIORITYCLASS)process_class;
    kmt_unlock();
    return caller_write(pPriority, &value, sizeof value);
}
