/* The waiting functions of kernel32 and ntdll: handles and timeouts in, WAIT_* out. */
#include <sched.h>
#include "kernel32/face.h"
#include "kernel32/process/mutex.h"
#include "kernel32/process/wait.h"
#include "memoryapi/guarded.h"

static DWORD wait_result(NTSTATUS status)
{
    if (status >= 0)
        return (DWORD)status; /* WAIT_OBJECT_0, WAIT_ABANDONED, WAIT_IO_COMPLETION and WAIT_TIMEOUT
                                 have the same values */
    last_error_set(last_error_from_status(status));
    return WAIT_FAILED;
}

static NTSTATUS wait_one(HANDLE handle, bool alertable, uint64_t deadline)
{
    struct waitable *waitable;
    NTSTATUS status = wait_lookup(handle, &waitable);
    if (status != STATUS_SUCCESS)
        return status;
    status = wait_for(1, &waitable, false, alertable, deadline);
    object_unref(&waitable->object);
    return status;
}

DWORD k32_WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds)
{
    return wait_result(wait_one(hHandle, false, time_deadline(dwMilliseconds)));
}

DWORD k32_WaitForSingleObjectEx(HANDLE hHandle, DWORD dwMilliseconds, BOOL bAlertable)
{
    return wait_result(wait_one(hHandle, bAlertable, time_deadline(dwMilliseconds)));
}

static bool has_duplicates(unsigned count, struct waitable *const *objects)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            if (objects[i] == objects[j])
                return true;
    return false;
}

static NTSTATUS wait_several(DWORD count, const HANDLE *handles, bool all, bool alertable,
                             uint64_t deadline)
{
    struct waitable *objects[WAIT_MAXIMUM];
    NTSTATUS status = STATUS_SUCCESS;
    if (count == 0 || count > WAIT_MAXIMUM)
        return STATUS_INVALID_PARAMETER;
    unsigned found = 0;
    while (found < count &&
           (status = wait_lookup(handles[found], &objects[found])) == STATUS_SUCCESS)
        found++;
    if (status == STATUS_SUCCESS && all && has_duplicates(count, objects))
        status = STATUS_INVALID_PARAMETER_MIX;
    if (status == STATUS_SUCCESS)
        status = wait_for(count, objects, all, alertable, deadline);
    while (found > 0)
        object_unref(&objects[--found]->object);
    return status;
}

DWORD k32_WaitForMultipleObjectsEx(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll,
                                   DWORD dwMilliseconds, BOOL bAlertable)
{
    return wait_result(
        wait_several(nCount, lpHandles, bWaitAll, bAlertable, time_deadline(dwMilliseconds)));
}

DWORD k32_WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll,
                                 DWORD dwMilliseconds)
{
    return k32_WaitForMultipleObjectsEx(nCount, lpHandles, bWaitAll, dwMilliseconds, FALSE);
}

DWORD k32_SleepEx(DWORD dwMilliseconds, BOOL bAlertable)
{
    NTSTATUS status = wait_for(0, NULL, false, bAlertable, time_deadline(dwMilliseconds));
    if (dwMilliseconds == 0 && status == STATUS_TIMEOUT)
        sched_yield();
    return status == STATUS_USER_APC ? WAIT_IO_COMPLETION : 0;
}

void k32_Sleep(DWORD dwMilliseconds)
{
    k32_SleepEx(dwMilliseconds, FALSE);
}

BOOL k32_SwitchToThread(void)
{
    return sched_yield() == 0;
}

static NTSTATUS signal_object(HANDLE handle)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_ANY, 0, &object);
    if (status != STATUS_SUCCESS)
        return status;
    enum object_type type = object->ops->type;
    if (type == OBJECT_EVENT)
        status = nt_NtSetEvent(handle, NULL);
    else if (type == OBJECT_SEMAPHORE)
        status = semaphore_release(handle, 1, NULL);
    else if (type == OBJECT_MUTEX)
        status = mutex_release(object);
    else
        status = STATUS_OBJECT_TYPE_MISMATCH;
    object_unref(object);
    return status;
}

DWORD k32_SignalObjectAndWait(HANDLE hObjectToSignal, HANDLE hObjectToWaitOn, DWORD dwMilliseconds,
                              BOOL bAlertable)
{
    struct waitable *waitable;
    NTSTATUS status = wait_lookup(hObjectToWaitOn, &waitable);
    if (status != STATUS_SUCCESS)
        return wait_result(status);
    status = signal_object(hObjectToSignal);
    if (status == STATUS_SUCCESS)
        status = wait_for(1, &waitable, false, bAlertable, time_deadline(dwMilliseconds));
    object_unref(&waitable->object);
    return wait_result(status);
}

/* An optional timeout that the caller named; STATUS_ACCESS_VIOLATION when it cannot be read. */
static NTSTATUS read_timeout(const LARGE_INTEGER *timeout, uint64_t *ret_deadline)
{
    LARGE_INTEGER value;
    if (!timeout) {
        *ret_deadline = TIME_NEVER;
        return STATUS_SUCCESS;
    }
    if (!guarded_read(timeout, &value, sizeof value))
        return STATUS_ACCESS_VIOLATION;
    *ret_deadline = time_deadline_nt(&value);
    return STATUS_SUCCESS;
}

NTSTATUS nt_NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    uint64_t deadline;
    NTSTATUS status = read_timeout(Timeout, &deadline);
    return status == STATUS_SUCCESS ? wait_one(Handle, Alertable, deadline) : status;
}

NTSTATUS nt_NtDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER DelayInterval)
{
    uint64_t deadline;
    NTSTATUS status = read_timeout(DelayInterval, &deadline);
    if (status != STATUS_SUCCESS)
        return status;
    status = wait_for(0, NULL, false, Alertable, deadline);
    return status == STATUS_USER_APC ? STATUS_USER_APC : STATUS_SUCCESS;
}

NTSTATUS nt_NtYieldExecution(void)
{
    sched_yield();
    return STATUS_SUCCESS;
}
