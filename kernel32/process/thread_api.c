/* Threads as programs see them: creation, ending, handles, stopping. */
#include <unistd.h>
#include <sys/syscall.h>
#include "kernel32/face.h"
#include "kernel32/process/child.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/thread.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

#define STACK_SIZE_PARAM_IS_A_RESERVATION 0x10000u
#define MEGABYTE                          (1u << 20)
#define CREATE_SUSPENDED_FLAG             0x4u
/* NtCreateThreadEx's flag of the same meaning. */
#define THREAD_CREATE_FLAGS_CREATE_SUSPENDED 0x1u

static NTSTATUS start(PVOID routine, PVOID parameter, SIZE_T reserve, SIZE_T commit, bool suspended,
                      ACCESS_MASK access, bool inherit, HANDLE *ret_handle, uint32_t *ret_id)
{
    struct thread *thread;
    if (!process_peb)
        return STATUS_NOT_SUPPORTED; /* a host program has threads of its own */
    if (!routine)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = thread_create(routine, parameter, reserve, commit, true, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    status = handle_create(&thread->waitable.object, access, inherit, ret_handle);
    uint32_t previous;
    if (status != STATUS_SUCCESS)
        thread_terminate(thread, 0); /* it has not run yet */
    *ret_id = thread->id;
    if (!suspended)
        thread_resume(thread, &previous);
    object_unref(&thread->waitable.object);
    return status;
}

static HANDLE create(LPSECURITY_ATTRIBUTES attributes, SIZE_T size, PVOID routine, PVOID parameter,
                     DWORD flags, LPDWORD ret_id)
{
    HANDLE handle = NULL;
    uint32_t id = 0;
    if (flags & ~(CREATE_SUSPENDED_FLAG | STACK_SIZE_PARAM_IS_A_RESERVATION))
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    bool reservation = flags & STACK_SIZE_PARAM_IS_A_RESERVATION;
    /*
     * otherwise the size is what to commit, and the reservation grows with it when it is larger
     * (sdk-api CreateThread)
     */
    SIZE_T reserve = reservation                      ? size
                     : size >= thread_default_reserve ? round_up(size, MEGABYTE)
                                                      : 0;
    NTSTATUS status =
        start(routine, parameter, reserve, reservation ? 0 : size, flags & CREATE_SUSPENDED_FLAG,
              THREAD_ALL_ACCESS, attributes && attributes->bInheritHandle, &handle, &id);
    if (status == STATUS_SUCCESS && ret_id)
        *ret_id = id;
    return face_pointer(status, handle);
}

HANDLE k32_CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes, SIZE_T dwStackSize,
                        PVOID lpStartAddress, LPVOID lpParameter, DWORD dwCreationFlags,
                        LPDWORD lpThreadId)
{
    return create(lpThreadAttributes, dwStackSize, lpStartAddress, lpParameter, dwCreationFlags,
                  lpThreadId);
}

HANDLE k32_CreateRemoteThread(HANDLE hProcess, LPSECURITY_ATTRIBUTES lpThreadAttributes,
                              SIZE_T dwStackSize, PVOID lpStartAddress, LPVOID lpParameter,
                              DWORD dwCreationFlags, LPDWORD lpThreadId)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_CREATE_THREAD);
    if (status != STATUS_SUCCESS)
        return face_pointer(status, NULL);
    return create(lpThreadAttributes, dwStackSize, lpStartAddress, lpParameter, dwCreationFlags,
                  lpThreadId);
}

HANDLE k32_CreateRemoteThreadEx(HANDLE hProcess, LPSECURITY_ATTRIBUTES lpThreadAttributes,
                                SIZE_T dwStackSize, PVOID lpStartAddress, LPVOID lpParameter,
                                DWORD dwCreationFlags, PVOID lpAttributeList, LPDWORD lpThreadId)
{
    if (lpAttributeList)
        return face_pointer(STATUS_NOT_SUPPORTED, NULL);
    return k32_CreateRemoteThread(hProcess, lpThreadAttributes, dwStackSize, lpStartAddress,
                                  lpParameter, dwCreationFlags, lpThreadId);
}

NTSTATUS nt_NtCreateThreadEx(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess,
                             PVOID ObjectAttributes, HANDLE ProcessHandle, PVOID StartRoutine,
                             PVOID Argument, ULONG CreateFlags, SIZE_T ZeroBits, SIZE_T StackSize,
                             SIZE_T MaximumStackSize, PVOID AttributeList)
{
    HANDLE handle;
    uint32_t id;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_CREATE_THREAD);
    if (status != STATUS_SUCCESS)
        return status;
    if (CreateFlags & ~THREAD_CREATE_FLAGS_CREATE_SUSPENDED)
        return STATUS_NOT_SUPPORTED;
    status = start(StartRoutine, Argument, MaximumStackSize, StackSize,
                   CreateFlags & THREAD_CREATE_FLAGS_CREATE_SUSPENDED, DesiredAccess, false,
                   &handle, &id);
    if (status == STATUS_SUCCESS && !guarded_write(ThreadHandle, &handle, sizeof handle)) {
        handle_close(handle);
        status = STATUS_ACCESS_VIOLATION;
    }
    return status;
}

void k32_ExitThread(DWORD dwExitCode)
{
    if (!thread_self())
        pthread_exit(NULL);
    thread_exit(dwExitCode);
}

BOOL k32_TerminateThread(HANDLE hThread, DWORD dwExitCode)
{
    struct thread *thread;
    NTSTATUS status = thread_lookup(hThread, THREAD_TERMINATE, &thread);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (thread == thread_self())
        object_unref(&thread->waitable.object); /* it does not come back */
    status = thread_terminate(thread, dwExitCode);
    object_unref(&thread->waitable.object);
    return face_bool(status);
}

HANDLE k32_GetCurrentThread(void)
{
    return (HANDLE)-2;
}

DWORD k32_GetCurrentThreadId(void)
{
    struct thread *thread = thread_self();
    return thread ? thread->id : (DWORD)syscall(SYS_gettid);
}

HANDLE k32_OpenThread(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwThreadId)
{
    HANDLE handle = NULL;
    struct thread *thread = thread_find(dwThreadId);
    if (!thread)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    NTSTATUS status =
        handle_create(&thread->waitable.object, dwDesiredAccess, bInheritHandle, &handle);
    object_unref(&thread->waitable.object);
    return face_pointer(status, handle);
}

/* Of a child's first thread and of its process, which are the same number; 0: no such handle. */
static DWORD id_of_child(HANDLE thread)
{
    struct child *child;
    if (child_lookup_thread(thread, THREAD_QUERY_LIMITED_INFORMATION, &child) != STATUS_SUCCESS)
        return 0;
    DWORD id = child->id;
    child_unref(child);
    return id;
}

DWORD k32_GetThreadId(HANDLE Thread)
{
    struct thread *thread;
    DWORD id = id_of_child(Thread);
    if (id)
        return id;
    NTSTATUS status = thread_lookup(Thread, THREAD_QUERY_LIMITED_INFORMATION, &thread);
    if (!face_bool(status))
        return 0;
    id = thread->id;
    object_unref(&thread->waitable.object);
    return id;
}

DWORD k32_GetProcessIdOfThread(HANDLE Thread)
{
    DWORD id = id_of_child(Thread);
    if (id)
        return id;
    return k32_GetThreadId(Thread) ? (DWORD)getpid() : 0;
}

BOOL k32_GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode)
{
    struct thread *thread;
    struct child *child;
    if (child_lookup_thread(hThread, THREAD_QUERY_LIMITED_INFORMATION, &child) == STATUS_SUCCESS) {
        *lpExitCode = __atomic_load_n(&child->exit_code, __ATOMIC_ACQUIRE);
        child_unref(child);
        return TRUE;
    }
    NTSTATUS status = thread_lookup(hThread, THREAD_QUERY_LIMITED_INFORMATION, &thread);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    DWORD code = __atomic_load_n(&thread->exit_code, __ATOMIC_ACQUIRE);
    object_unref(&thread->waitable.object);
    *lpExitCode = code;
    return TRUE;
}

typedef NTSTATUS change_count(struct thread *thread, uint32_t *ret_previous);

static NTSTATUS change(HANDLE handle, change_count *how, uint32_t *ret_previous)
{
    struct thread *thread;
    struct child *child;
    NTSTATUS status = child_lookup_thread(handle, THREAD_SUSPEND_RESUME, &child);
    if (status == STATUS_SUCCESS) {
        status = how == thread_suspend ? child_suspend(child, ret_previous)
                                       : child_resume(child, ret_previous);
        child_unref(child);
        return status;
    }
    status = thread_lookup(handle, THREAD_SUSPEND_RESUME, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    status = how(thread, ret_previous);
    object_unref(&thread->waitable.object);
    return status;
}

static DWORD count_or_error(NTSTATUS status, uint32_t previous)
{
    return face_bool(status) ? previous : (DWORD)-1;
}

DWORD k32_SuspendThread(HANDLE hThread)
{
    uint32_t previous = 0;
    NTSTATUS status = change(hThread, thread_suspend, &previous);
    return count_or_error(status, previous);
}

DWORD k32_ResumeThread(HANDLE hThread)
{
    uint32_t previous = 0;
    NTSTATUS status = change(hThread, thread_resume, &previous);
    return count_or_error(status, previous);
}

static NTSTATUS change_nt(HANDLE handle, change_count *how, PULONG ret_previous)
{
    uint32_t previous = 0;
    NTSTATUS status = change(handle, how, &previous);
    if (status == STATUS_SUCCESS && ret_previous &&
        !guarded_write(ret_previous, &previous, sizeof previous))
        return STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_NtSuspendThread(HANDLE ThreadHandle, PULONG PreviousSuspendCount)
{
    return change_nt(ThreadHandle, thread_suspend, PreviousSuspendCount);
}

NTSTATUS nt_NtResumeThread(HANDLE ThreadHandle, PULONG PreviousSuspendCount)
{
    return change_nt(ThreadHandle, thread_resume, PreviousSuspendCount);
}

NTSTATUS nt_NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus)
{
    struct thread *thread = thread_self();
    NTSTATUS status = STATUS_SUCCESS;
    if (ThreadHandle)
        status = thread_lookup(ThreadHandle, THREAD_TERMINATE, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    if (!thread)
        return STATUS_NOT_SUPPORTED;
    if (ThreadHandle && thread == thread_self())
        object_unref(&thread->waitable.object);
    status = thread_terminate(thread, (uint32_t)ExitStatus);
    if (ThreadHandle)
        object_unref(&thread->waitable.object);
    return status;
}

DWORD k32_QueueUserAPC(PVOID pfnAPC, HANDLE hThread, ULONG_PTR dwData)
{
    struct thread *thread;
    NTSTATUS status = thread_lookup(hThread, THREAD_SET_CONTEXT, &thread);
    if (status == STATUS_SUCCESS) {
        status = thread->ended ? STATUS_UNSUCCESSFUL
                               : wait_queue_apc(&thread->wait, pfnAPC, dwData, 0, 0);
        object_unref(&thread->waitable.object);
    }
    return (DWORD)face_bool(status);
}

NTSTATUS nt_NtQueueApcThread(HANDLE ThreadHandle, PVOID ApcRoutine, PVOID ApcArgument1,
                             PVOID ApcArgument2, PVOID ApcArgument3)
{
    struct thread *thread;
    NTSTATUS status = thread_lookup(ThreadHandle, THREAD_SET_CONTEXT, &thread);
    if (status == STATUS_SUCCESS) {
        status = thread->ended ? STATUS_UNSUCCESSFUL
                               : wait_queue_apc(&thread->wait, ApcRoutine, (uint64_t)ApcArgument1,
                                                (uint64_t)ApcArgument2, (uint64_t)ApcArgument3);
        object_unref(&thread->waitable.object);
    }
    return status;
}

NTSTATUS nt_NtTestAlert(void)
{
    wait_run_apcs();
    return STATUS_SUCCESS;
}
