/* Properties of threads: priority, affinity, times, names, stacks. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/filetime.h"
#include "kernel32/process/processor.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/thread.h"
#include "memoryapi/futex.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

#define PRIORITY_ERROR 0x7FFFFFFF /* THREAD_PRIORITY_ERROR_RETURN */
/* The host's clock of the processor time of one thread (linux/posix-timers.h). */
#define THREAD_CLOCK(id)  (clockid_t)((~(uint32_t)(id) << 3) | 6)
#define DESCRIPTION_LIMIT 0x7FFFu /* UTF-16 units, so that the byte count fits a UNICODE_STRING */

static struct futex_lock description_lock;

static bool priority_is_valid(int priority)
{
    return (priority >= -2 && priority <= 2) || priority == 15 || priority == -15;
}

BOOL k32_SetThreadPriority(HANDLE hThread, INT nPriority)
{
    struct thread *thread;
    NTSTATUS status = thread_lookup(hThread, THREAD_SET_LIMITED_INFORMATION, &thread);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    /* THREAD_MODE_BACKGROUND_BEGIN and _END change no priority */
    bool background = nPriority == 0x10000 || nPriority == 0x20000;
    if (!background && !priority_is_valid(nPriority))
        status = STATUS_INVALID_PARAMETER;
    else if (!background)
        thread->priority = nPriority;
    object_unref(&thread->waitable.object);
    return face_bool(status);
}

INT k32_GetThreadPriority(HANDLE hThread)
{
    struct thread *thread;
    if (!face_bool(thread_lookup(hThread, THREAD_QUERY_LIMITED_INFORMATION, &thread)))
        return PRIORITY_ERROR;
    INT priority = thread->priority;
    object_unref(&thread->waitable.object);
    return priority;
}

BOOL k32_SetThreadPriorityBoost(HANDLE hThread, BOOL bDisablePriorityBoost)
{
    struct thread *thread;
    if (!face_bool(thread_lookup(hThread, THREAD_SET_LIMITED_INFORMATION, &thread)))
        return FALSE;
    thread->boost_disabled = bDisablePriorityBoost != 0;
    object_unref(&thread->waitable.object);
    return TRUE;
}

BOOL k32_GetThreadPriorityBoost(HANDLE hThread, PBOOL pDisablePriorityBoost)
{
    struct thread *thread;
    if (!face_bool(thread_lookup(hThread, THREAD_QUERY_LIMITED_INFORMATION, &thread)))
        return FALSE;
    BOOL disabled = thread->boost_disabled;
    object_unref(&thread->waitable.object);
    *pDisablePriorityBoost = disabled;
    return TRUE;
}

/*
 * Bits are the processors this process may use, in the order of the host. Returns the mask before,
 * 0 on failure.
 */
ULONG_PTR k32_SetThreadAffinityMask(HANDLE hThread, ULONG_PTR dwThreadAffinityMask)
{
    struct thread *thread;
    cpu_set_t set;
    if (!face_bool(thread_lookup(hThread, THREAD_SET_LIMITED_INFORMATION, &thread)))
        return 0;
    uint64_t all = processor_mask(), before = thread->affinity ? thread->affinity : all;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (processor_host_set(dwThreadAffinityMask, &set) && !thread->ended &&
        sched_setaffinity((pid_t)thread->id, sizeof set, &set) == 0)
        status = STATUS_SUCCESS;
    if (status == STATUS_SUCCESS)
        thread->affinity = dwThreadAffinityMask;
    object_unref(&thread->waitable.object);
    return face_bool(status) ? before : 0;
}

BOOL k32_GetThreadTimes(HANDLE hThread, LPFILETIME lpCreationTime, LPFILETIME lpExitTime,
                        LPFILETIME lpKernelTime, LPFILETIME lpUserTime)
{
    struct thread *thread;
    struct timespec spent = {0};
    if (!face_bool(thread_lookup(hThread, THREAD_QUERY_LIMITED_INFORMATION, &thread)))
        return FALSE;
    if (!thread->ended)
        clock_gettime(THREAD_CLOCK(thread->id), &spent); /* fails when it ended meanwhile */
    uint64_t user = (uint64_t)spent.tv_sec * 10000000 + (uint64_t)spent.tv_nsec / 100;
    *lpCreationTime = filetime(thread->created);
    *lpExitTime = filetime(thread->exited);
    *lpKernelTime = filetime(0); /* the host counts a thread's time as one sum */
    *lpUserTime = filetime(user);
    object_unref(&thread->waitable.object);
    return TRUE;
}

HRESULT k32_SetThreadDescription(HANDLE hThread, LPCWSTR lpThreadDescription)
{
    struct thread *thread;
    size_t length = 0;
    NTSTATUS status = thread_lookup(hThread, THREAD_SET_LIMITED_INFORMATION, &thread);
    if (status != STATUS_SUCCESS)
        return (HRESULT)(status | 0x10000000); /* HRESULT_FROM_NT */
    while (lpThreadDescription && lpThreadDescription[length])
        length++;
    uint16_t *copy = length <= DESCRIPTION_LIMIT ? calloc(length + 1, sizeof *copy) : NULL;
    if (copy) {
        memcpy(copy, lpThreadDescription, length * sizeof *copy);
        futex_lock(&description_lock);
        uint16_t *old = thread->description;
        thread->description = copy;
        futex_unlock(&description_lock);
        free(old);
    }
    object_unref(&thread->waitable.object);
    return copy ? 0 : (HRESULT)0x8007000E; /* E_OUTOFMEMORY */
}

BOOL k32_SetThreadStackGuarantee(PULONG StackSizeInBytes)
{
    struct thread *thread = thread_self();
    if (!thread)
        return face_bool(STATUS_NOT_SUPPORTED);
    uint64_t wanted = round_up(*StackSizeInBytes, PAGE_SIZE), before = thread->stack.guarantee;
    if (wanted >= thread->stack.base - thread->stack.floor)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (wanted > before) { /* it only grows (sdk-api SetThreadStackGuarantee) */
        thread->stack.guarantee = wanted;
        thread->teb->guaranteed_stack = (uint32_t)wanted;
    }
    *StackSizeInBytes = (ULONG)before;
    return TRUE;
}

void k32_GetCurrentThreadStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    struct thread *thread = thread_self();
    *LowLimit = thread ? thread->stack.floor : 0;
    *HighLimit = thread ? thread->stack.base : 0;
}

/* CLIENT_ID and THREAD_BASIC_INFORMATION (sdk-api winternl). */
struct thread_basic_information {
    NTSTATUS exit_status;
    void *teb;
    uint64_t process, thread, affinity;
    int32_t priority, base_priority;
};

NTSTATUS nt_NtQueryInformationThread(HANDLE ThreadHandle, DWORD ThreadInformationClass,
                                     PVOID ThreadInformation, ULONG ThreadInformationLength,
                                     PULONG ReturnLength)
{
    struct thread *thread;
    union {
        struct thread_basic_information basic;
        uint64_t start;
        uint32_t word;
    } answer = {0};
    uint32_t size = 0;
    NTSTATUS status = thread_lookup(ThreadHandle, THREAD_QUERY_LIMITED_INFORMATION, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    switch (ThreadInformationClass) {
    case 0: /* ThreadBasicInformation */
        answer.basic = (struct thread_basic_information){
            .exit_status = (NTSTATUS)__atomic_load_n(&thread->exit_code, __ATOMIC_ACQUIRE),
            .teb = thread->teb,
            .process = (uint64_t)getpid(),
            .thread = thread->id,
            .affinity = thread->affinity ? thread->affinity : processor_mask(),
            .priority = 8 + thread->priority,
            .base_priority = thread->priority,
        };
        size = sizeof answer.basic;
        break;
    case 9: /* ThreadQuerySetWin32StartAddress */
        answer.start = (uint64_t)thread->start;
        size = sizeof answer.start;
        break;
    case 12: /* ThreadAmILastThread */
        answer.word = thread_count() == 1;
        size = sizeof answer.word;
        break;
    case 20: /* ThreadIsTerminated */
        answer.word = thread->ended;
        size = sizeof answer.word;
        break;
    case 35: /* ThreadSuspendCount */
        answer.word = __atomic_load_n(&thread->suspension, __ATOMIC_ACQUIRE) & THREAD_SUSPEND_COUNT;
        size = sizeof answer.word;
        break;
    default:
        status = STATUS_INVALID_INFO_CLASS;
    }
    object_unref(&thread->waitable.object);
    if (status == STATUS_SUCCESS && ThreadInformationLength != size)
        status = STATUS_INFO_LENGTH_MISMATCH;
    if (status == STATUS_SUCCESS &&
        (!guarded_write(ThreadInformation, &answer, size) ||
         (ReturnLength && !guarded_write(ReturnLength, &size, sizeof size))))
        status = STATUS_ACCESS_VIOLATION;
    return status;
}
