/* The process as an object: its handle, identity, times, priority; and of those it started, what
 * can be told of them (child.h). */
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/child.h"
#include "kernel32/process/filetime.h"
#include "kernel32/process/process.h"
#include "kernel32/process/processor.h"
#include "kernel32/process/started.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/wait.h"
#include "memoryapi/guarded.h"
#include "memoryapi/leave.h"

#define STILL_ACTIVE_CODE 259u /* STILL_ACTIVE */

static void destroy(struct object *object)
{
}

/* It is signalled when it has ended, and then nobody is left to see it. */
static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return false;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | PROCESS_QUERY_INFORMATION | PROCESS_VM_READ |
            PROCESS_QUERY_LIMITED_INFORMATION,
    .write =
        READ_CONTROL |
        0xBEA, /* PROCESS_CREATE_THREAD to PROCESS_SUSPEND_RESUME without the queries (winnt.h) */
    .execute = READ_CONTROL | SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE,
    .all = PROCESS_ALL_ACCESS,
};
static const struct object_ops ops = {OBJECT_PROCESS, "process", destroy, NULL, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, NULL, NULL};

static struct waitable this_process;
static uint64_t started; /* FILETIME; constant after process_init */

static uint32_t priority_class = 0x20; /* NORMAL_PRIORITY_CLASS; atomic */
static uint32_t boost_disabled;        /* atomic */

__attribute__((constructor)) static void process_init(void)
{
    waitable_init(&this_process, &ops, &wait_ops);
    object_current_process = &this_process.object;
    started = time_system();
}

_Noreturn void process_end(uint32_t code)
{
    started_report(code);
    leave_run();
    _exit(code & 0xFF || !code ? (int)(code & 0xFF) : 1);
}

HANDLE k32_GetCurrentProcess(void)
{
    return (HANDLE)-1;
}

DWORD k32_GetCurrentProcessId(void)
{
    return (DWORD)getpid();
}

DWORD k32_GetProcessId(HANDLE Process)
{
    struct child *child;
    NTSTATUS status = handle_is_current_process(Process, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS)
        return (DWORD)getpid();
    if (!face_bool(child_lookup(Process, PROCESS_QUERY_LIMITED_INFORMATION, &child)))
        return 0;
    DWORD id = child->id;
    child_unref(child);
    return id;
}

HANDLE k32_OpenProcess(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwProcessId)
{
    HANDLE handle;
    bool self = dwProcessId == (DWORD)getpid();
    struct child *child = self ? NULL : child_find(dwProcessId);
    if (!self && !child)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    /* win32 ProcThread/process-security-and-access-rights: the one brings the other */
    if (dwDesiredAccess & PROCESS_QUERY_INFORMATION)
        dwDesiredAccess |= PROCESS_QUERY_LIMITED_INFORMATION;
    NTSTATUS status = handle_create(self ? object_current_process : &child->process.object,
                                    dwDesiredAccess, bInheritHandle, &handle);
    if (child)
        child_unref(child);
    return face_pointer(status, status == STATUS_SUCCESS ? handle : NULL);
}

BOOL k32_GetExitCodeProcess(HANDLE hProcess, LPDWORD lpExitCode)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    DWORD code = STILL_ACTIVE_CODE;
    struct child *child;
    if (status != STATUS_SUCCESS) {
        status = child_lookup(hProcess, PROCESS_QUERY_LIMITED_INFORMATION, &child);
        if (status != STATUS_SUCCESS)
            return face_bool(status);
        code = __atomic_load_n(&child->exit_code, __ATOMIC_ACQUIRE);
        child_unref(child);
    }
    *lpExitCode = code;
    return TRUE;
}

static NTSTATUS terminate_child(HANDLE handle, uint32_t code)
{
    struct child *child;
    NTSTATUS status = child_lookup(handle, PROCESS_TERMINATE, &child);
    if (status != STATUS_SUCCESS)
        return status;
    status = child_terminate(child, code);
    child_unref(child);
    return status;
}

BOOL k32_TerminateProcess(HANDLE hProcess, UINT uExitCode)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_TERMINATE);
    if (status == STATUS_SUCCESS)
        process_end(uExitCode); /* no DLL is told: that is TerminateProcess */
    return face_bool(terminate_child(hProcess, uExitCode));
}

NTSTATUS nt_NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    /* NULL ends the other threads of the caller only, which nothing but the exit of a process asks
     * for. */
    NTSTATUS status = ProcessHandle ? handle_is_current_process(ProcessHandle, PROCESS_TERMINATE)
                                    : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS && ProcessHandle)
        process_end((uint32_t)ExitStatus);
    return ProcessHandle ? terminate_child(ProcessHandle, (uint32_t)ExitStatus)
                         : STATUS_NOT_SUPPORTED;
}

/*
 * The processor keeps instruction fetches coherent with writes; the call itself is the barrier a
 * compiler needs.
 */
BOOL k32_FlushInstructionCache(HANDLE hProcess, LPCVOID lpBaseAddress, SIZE_T dwSize)
{
    return face_bool(handle_is_current_process(hProcess, 0));
}

static uint64_t hundred_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 10000000 + (uint64_t)time.tv_usec * 10;
}

struct times {
    uint64_t created, exited, kernel, user; /* FILETIME; the last two in 100 ns */
};

static NTSTATUS times_of_child(HANDLE handle, struct times *ret)
{
    struct child *child;
    NTSTATUS status = child_lookup(handle, PROCESS_QUERY_LIMITED_INFORMATION, &child);
    if (status != STATUS_SUCCESS)
        return status;
    *ret = (struct times){.created = child->created};
    dispatcher_lock();
    bool ended = child->ended;
    dispatcher_unlock();
    if (!ended) {
        status = child_times(child, &ret->kernel, &ret->user);
    } else {
        ret->exited = child->exited;
        ret->kernel = hundred_ns(child->usage.ru_stime);
        ret->user = hundred_ns(child->usage.ru_utime);
    }
    child_unref(child);
    return status;
}

static NTSTATUS times_of(HANDLE handle, struct times *ret)
{
    struct rusage usage;
    NTSTATUS status = handle_is_current_process(handle, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_INVALID_HANDLE)
        return times_of_child(handle, ret);
    if (status == STATUS_SUCCESS && getrusage(RUSAGE_SELF, &usage) != 0)
        status = STATUS_UNSUCCESSFUL;
    if (status == STATUS_SUCCESS)
        *ret = (struct times){started, 0, hundred_ns(usage.ru_stime), hundred_ns(usage.ru_utime)};
    return status;
}

BOOL k32_GetProcessTimes(HANDLE hProcess, LPFILETIME lpCreationTime, LPFILETIME lpExitTime,
                         LPFILETIME lpKernelTime, LPFILETIME lpUserTime)
{
    struct times times;
    NTSTATUS status = times_of(hProcess, &times);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    *lpCreationTime = filetime(times.created);
    *lpExitTime = filetime(times.exited);
    *lpKernelTime = filetime(times.kernel);
    *lpUserTime = filetime(times.user);
    return TRUE;
}

BOOL k32_QueryProcessCycleTime(HANDLE ProcessHandle, PULONG64 CycleTime)
{
    struct timespec spent;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS && clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) != 0)
        status = STATUS_UNSUCCESSFUL;
    if (status == STATUS_SUCCESS)
        *CycleTime = (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
    return face_bool(status);
}

DWORD k32_GetPriorityClass(HANDLE hProcess)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    return face_bool(status) ? __atomic_load_n(&priority_class, __ATOMIC_RELAXED) : 0;
}

BOOL k32_SetPriorityClass(HANDLE hProcess, DWORD dwPriorityClass)
{
    static const DWORD classes[] = {0x20, 0x40, 0x80, 0x100, 0x4000, 0x8000};
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_SET_INFORMATION);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (dwPriorityClass == 0x100000 || dwPriorityClass == 0x200000)
        return TRUE; /* PROCESS_MODE_BACKGROUND_BEGIN and _END change no class */
    for (unsigned i = 0; i < array_length(classes); i++)
        if (classes[i] == dwPriorityClass) {
            __atomic_store_n(&priority_class, dwPriorityClass, __ATOMIC_RELAXED);
            return TRUE;
        }
    return face_bool(STATUS_INVALID_PARAMETER);
}

BOOL k32_SetProcessPriorityBoost(HANDLE hProcess, BOOL bDisablePriorityBoost)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_SET_INFORMATION);
    if (status == STATUS_SUCCESS)
        __atomic_store_n(&boost_disabled, bDisablePriorityBoost != 0, __ATOMIC_RELAXED);
    return face_bool(status);
}

BOOL k32_GetProcessPriorityBoost(HANDLE hProcess, PBOOL pDisablePriorityBoost)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS)
        *pDisablePriorityBoost = (BOOL)__atomic_load_n(&boost_disabled, __ATOMIC_RELAXED);
    return face_bool(status);
}

BOOL k32_IsWow64Process(HANDLE hProcess, PBOOL Wow64Process)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS)
        *Wow64Process = FALSE;
    return face_bool(status);
}

BOOL k32_IsWow64Process2(HANDLE hProcess, PUSHORT pProcessMachine, PUSHORT pNativeMachine)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    *pProcessMachine = 0; /* IMAGE_FILE_MACHINE_UNKNOWN: not emulated */
    if (pNativeMachine)
        *pNativeMachine = 0x8664; /* IMAGE_FILE_MACHINE_AMD64 */
    return TRUE;
}

#define DEP_POLICY     0u
#define MAXIMUM_POLICY 20u

BOOL k32_GetProcessMitigationPolicy(HANDLE hProcess, DWORD MitigationPolicy, PVOID lpBuffer,
                                    SIZE_T dwLength)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_INFORMATION);
    if (status == STATUS_SUCCESS &&
        (MitigationPolicy >= MAXIMUM_POLICY || dwLength < (MitigationPolicy ? 4 : 8)))
        status = STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    /* 64-bit programs always have DEP; no other policy is on */
    ((DWORD *)lpBuffer)[0] = MitigationPolicy == DEP_POLICY;
    if (MitigationPolicy == DEP_POLICY)
        ((DWORD *)lpBuffer)[1] = TRUE;
    return TRUE;
}

static NTSTATUS answer(const void *value, ULONG size, PVOID buffer, ULONG length, PULONG ret_length)
{
    if (ret_length && !guarded_write(ret_length, &size, sizeof size))
        return STATUS_ACCESS_VIOLATION;
    if (length != size)
        return STATUS_INFO_LENGTH_MISMATCH;
    return guarded_copy(buffer, value, size) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

/* ProcessBasicInformation: all but the address of its PEB, which is out of reach. */
static NTSTATUS answer_of_child(HANDLE handle, PVOID buffer, ULONG length, PULONG ret_length)
{
    struct child *child;
    NTSTATUS status = child_lookup(handle, PROCESS_QUERY_LIMITED_INFORMATION, &child);
    if (status != STATUS_SUCCESS)
        return status;
    PROCESS_BASIC_INFORMATION basic = {
        .ExitStatus = (NTSTATUS)__atomic_load_n(&child->exit_code, __ATOMIC_ACQUIRE),
        .AffinityMask = processor_mask(),
        .BasePriority = 8,
        .UniqueProcessId = child->id,
        .InheritedFromUniqueProcessId = (ULONG_PTR)getpid(),
    };
    child_unref(child);
    return answer(&basic, sizeof basic, buffer, length, ret_length);
}

NTSTATUS nt_NtQueryInformationProcess(HANDLE ProcessHandle, DWORD ProcessInformationClass,
                                      PVOID ProcessInformation, ULONG ProcessInformationLength,
                                      PULONG ReturnLength)
{
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_INVALID_HANDLE && ProcessInformationClass == 0)
        return answer_of_child(ProcessHandle, ProcessInformation, ProcessInformationLength,
                               ReturnLength);
    if (status != STATUS_SUCCESS)
        return status;
    uint64_t zero = 0;
    PROCESS_BASIC_INFORMATION basic = {
        .ExitStatus = STATUS_PENDING, /* the value of STILL_ACTIVE */
        .PebBaseAddress = process_peb,
        .AffinityMask = processor_mask(),
        .BasePriority = 8,
        .UniqueProcessId = (ULONG_PTR)getpid(),
        .InheritedFromUniqueProcessId = (ULONG_PTR)getppid(),
    };
    switch (ProcessInformationClass) {
    case 0: /* ProcessBasicInformation */
        return answer(&basic, sizeof basic, ProcessInformation, ProcessInformationLength,
                      ReturnLength);
    case 7:  /* ProcessDebugPort: no debugger */
    case 26: /* ProcessWow64Information: not emulated */
        return answer(&zero, 8, ProcessInformation, ProcessInformationLength, ReturnLength);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
