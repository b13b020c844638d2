/* Reading and changing the registers of a stopped thread. */
#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/thread.h"
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
 * Windows reads and writes the context of the calling thread as it is in the kernel, which programs
 * cannot use; refused here.
 */
static NTSTATUS transfer(HANDLE handle, PCONTEXT address, ACCESS_MASK access, bool writes)
{
    struct thread *thread;
    CONTEXT context;
    NTSTATUS status = thread_lookup(handle, access, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    if (!guarded_read(address, &context, sizeof context))
        status = STATUS_ACCESS_VIOLATION;
    else if (thread == thread_self() ||
             (context.ContextFlags & ~QUESTIONS & ~(uint32_t)KNOWN_PARTS))
        status = STATUS_INVALID_PARAMETER;
    else if (writes && thread->wait.waiter)
        status = STATUS_UNSUCCESSFUL; /* it is listed with what it waits for */
    else
        status = with_stopped(thread, &context, writes ? set : get);
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
