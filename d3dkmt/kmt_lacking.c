/*
 * What the simulated adapters lack: scheduling by themselves, measured workloads, protected content.
 * Nothing of the kind can be made, so every handle of one is wrong.
 */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/streamed.h"
#include "faces.h"
#include "memoryapi/object.h"

#define WORKLOAD_CONTEXTS_MOST D3DDDI_MAX_BROADCAST_CONTEXT

/* A call whose structure names something that there is none of. */
#define NAMES_NONE(name, type)                                                                     \
    NTSTATUS kmt_##name(type *pData)                                                               \
    {                                                                                              \
        type data;                                                                                 \
        NTSTATUS status = caller_read(pData, (void *)&data, sizeof data);                          \
        return status == STATUS_SUCCESS ? STATUS_INVALID_PARAMETER : status;                       \
    }

NAMES_NONE(DestroyHwContext, const D3DKMT_DESTROYHWCONTEXT)
NAMES_NONE(CreateHwQueue, D3DKMT_CREATEHWQUEUE)
NAMES_NONE(DestroyHwQueue, const D3DKMT_DESTROYHWQUEUE)
NAMES_NONE(SubmitCommandToHwQueue, const D3DKMT_SUBMITCOMMANDTOHWQUEUE)
NAMES_NONE(SubmitWaitForSyncObjectsToHwQueue, const D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE)
NAMES_NONE(SubmitSignalSyncObjectsToHwQueue, const D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE)
NAMES_NONE(DestroyTrackedWorkload, const D3DKMT_DESTROYTRACKEDWORKLOAD)
NAMES_NONE(UpdateTrackedWorkload, D3DKMT_UPDATETRACKEDWORKLOAD)
NAMES_NONE(GetAvailableTrackedWorkloadIndex, D3DKMT_GETAVAILABLETRACKEDWORKLOADINDEX)
NAMES_NONE(GetTrackedWorkloadStatistics, D3DKMT_GETTRACKEDWORKLOADSTATISTICS)
NAMES_NONE(ResetTrackedWorkloadStatistics, const D3DKMT_RESETTRACKEDWORKLOADSTATISTICS)
NAMES_NONE(DestroyProtectedSession, D3DKMT_DESTROYPROTECTEDSESSION)
NAMES_NONE(QueryProtectedSessionStatus, D3DKMT_QUERYPROTECTEDSESSIONSTATUS)

/* STATUS_NOT_SUPPORTED on a device that works. */
static NTSTATUS refuse_on_device(D3DKMT_HANDLE handle)
{
    struct kmt_device *device;
    kmt_lock();
    NTSTATUS status = kmt_use_device(handle, &device);
    if (status != STATUS_INVALID_PARAMETER)
        clock_call(device->mm);
    kmt_unlock();
    return status == STATUS_SUCCESS ? STATUS_NOT_SUPPORTED : status;
}

NTSTATUS kmt_CreateHwContext(D3DKMT_CREATEHWCONTEXT *pData)
{
    D3DKMT_CREATEHWCONTEXT data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.NodeOrdinal >= KMT_NODES || data.EngineAffinity > 1 || data.Flags.Value)
        return STATUS_INVALID_PARAMETER;
    return refuse_on_device(data.hDevice);
}

static bool is_policy(const D3DKMT_CREATETRACKEDWORKLOAD *data)
{
    return data->cbSize == sizeof *data &&
           data->DeadlineType == D3DKMT_TRACKEDWORKLOADDEADLINETYPE_ABSOLUTE && /* no display */
           data->Policy <= D3DKMT_TRACKEDWORKLOADPOLICY_HIGH_SPEED && data->ContextCount &&
           data->ContextCount <= WORKLOAD_CONTEXTS_MOST;
}

NTSTATUS kmt_CreateTrackedWorkload(D3DKMT_CREATETRACKEDWORKLOAD *pData)
{
    D3DKMT_CREATETRACKEDWORKLOAD data;
    D3DKMT_HANDLE contexts[WORKLOAD_CONTEXTS_MOST];
    struct streamed call = {0};
    void *list;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_policy(&data))
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(data.ContextArray, data.ContextCount, sizeof *contexts, contexts,
                           WORKLOAD_CONTEXTS_MOST, &list);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    streamed_begin(contexts[0]);
    status = streamed_find_contexts(&call, contexts, data.ContextCount);
    kmt_unlock();
    return status == STATUS_INVALID_PARAMETER ? status : STATUS_NOT_SUPPORTED;
}

NTSTATUS kmt_CreateProtectedSession(D3DKMT_CREATEPROTECTEDSESSION *pData)
{
    D3DKMT_CREATEPROTECTEDSESSION data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    status = refuse_on_device(data.hDevice);
    return status == STATUS_INVALID_PARAMETER ? status : STATUS_NOT_SUPPORTED;
}

/* There are no sessions, so an open handle is one of something else. */
static NTSTATUS check_session(HANDLE handle)
{
    struct object *object;
    if (handle_lookup(handle, OBJECT_ANY, 0, &object) != STATUS_SUCCESS)
        return STATUS_INVALID_HANDLE;
    object_unref(object);
    return STATUS_OBJECT_TYPE_MISMATCH;
}

NTSTATUS
kmt_QueryProtectedSessionInfoFromNtHandle(D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE *pData)
{
    D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? check_session(data.hNtHandle) : status;
}

NTSTATUS kmt_OpenProtectedSessionFromNtHandle(D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE *pData)
{
    D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? check_session(data.hNtHandle) : status;
}

NTSTATUS kmt_SetHwProtectionTeardownRecovery(D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY *pData)
{
    D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    const struct kmt_adapter *adapter = kmt_find(data.hAdapter, KMT_ADAPTER);
    if (adapter)
        clock_call(adapter->mm);
    kmt_unlock();
    return adapter ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
}
