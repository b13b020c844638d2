/* Reading and changing the registers of a stopped thread. */
#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/thread.h"
#include "kernel32/process/unwind_native.h"
#include "memoryapi/guarded.h"

#define KNOWN_PARTS                                                                                \
    (CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_SEGMENTS | CONTEXT_FLOATING_POINT |               \
     CONTEXT_DEBUG_REGISTERS)
/*
 * Questions about the state (CONTEXT_EXCEPTION_REQUEST and its answers, winnt.h): nothing to add to
 * them.
 */
#define QUESTIONS 0xF8000000u

/*
 * Holds the thread where it is while its registers are used; a running thread is stopped for that
 * long.
 */
static NTSTATUS with_stopped(struct thread *thread, CONTEXT *context,
                             void (*use)(struct thread *thread, CONTEXT *context))
{
    uint32_t previous;
    NTSTATUS status = thread_suspend(thread, &previous);
    if (status != STATUS_SUCCESS)
        return status;
    if (thread->ended ||
        __atomic_load_n(&thread->exit_code, __ATOMIC_ACQUIRE) != THREAD_STILL_ACTIVE)
        status = STATUS_UNSUCCESSFUL;
    else
        use(thread, context);
    thread_resume(thread, &previous);
    return status;
}

static void get(struct thread *thread, CONTEXT *context)
{
    context_from_signal(thread->context, context);
}

static void set(struct thread *thread, CONTEXT *context)
{
    context_to_signal(context, thread->context);
}

/*
 * The calling thread's own: documented to succeed, without a valid context. What is known is given:
 * where the call came from, and what it preserves.
 */
static NTSTATUS get_own(CONTEXT *context)
{
    CONTEXT caller = {.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER};
    if (!unwind_capture_caller(&caller))
        return STATUS_UNSUCCESSFUL;
    ucontext_t as_signal = {0};
    context_to_signal(&caller, &as_signal);
    context_from_signal(&as_signal, context);
    return STATUS_SUCCESS;
}

/* Breakpoints in hardware are the host's; only turning them off can be honoured. */
static bool asks_for_breakpoints(const CONTEXT *context)
{
    return (context->ContextFlags & CONTEXT_DEBUG_REGISTERS) == CONTEXT_DEBUG_REGISTERS &&
           (context->Dr0 | context->Dr1 | context->Dr2 | context->Dr3 | (context->Dr7 & 0xFF));
}

static NTSTATUS transfer_checked(struct thread *thread, CONTEXT *context, bool writes)
{
    if (context->ContextFlags & ~QUESTIONS & ~(uint32_t)KNOWN_PARTS)
        return STATUS_INVALID_PARAMETER;
    if (thread == thread_self())
        return writes ? STATUS_INVALID_PARAMETER : get_own(context);
    if (writes && asks_for_breakpoints(context))
        return STATUS_NOT_SUPPORTED;
    if (writes && thread->wait.waiter)
        return STATUS_UNSUCCESSFUL; /* it is listed with what it waits for */
    return with_stopped(thread, context, writes ? set : get);
}

static NTSTATUS transfer(HANDLE handle, PCONTEXT address, ACCESS_MASK access, bool writes)
{
    struct thread *thread;
    CONTEXT context;
    NTSTATUS status = thread_lookup(handle, access, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    status = guarded_read(address, &context, sizeof context)
                 ? transfer_checked(thread, &context, writes)
                 : STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS && !writes && !guarded_write(address, &context, sizeof context))
        status = STATUS_ACCESS_VIOLATION;
    object_unref(&thread->waitable.object);
    return status;
}

BOOL k32_GetThreadContext(HANDLE hThread, LPCONTEXT lpContext)
{
    return face_bool(transfer(hThread, lpContext, THREAD_GET_CONTEXT, false));
}

BOOL k32_SetThreadContext(HANDLE hThread, LPCONTEXT lpContext)
{
    return face_bool(transfer(hThread, lpContext, THREAD_SET_CONTEXT, true));
}

NTSTATUS nt_NtGetContextThread(HANDLE ThreadHandle, PCONTEXT ThreadContext)
{
    return transfer(ThreadHandle, ThreadContext, THREAD_GET_CONTEXT, false);
}

NTSTATUS nt_NtSetContextThread(HANDLE ThreadHandle, PCONTEXT ThreadContext)
{
    return transfer(ThreadHandle, ThreadContext, THREAD_SET_CONTEXT, true);
}
