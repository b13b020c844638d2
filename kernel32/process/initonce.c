/*
 * One-time initialization. The word: 0 not yet, 1 somebody is at it (and 4: others sleep), 3
 * asynchronous ones are at it, else done with the context in the upper bits and 2 in the two low
 * ones (INIT_ONCE_CTX_RESERVED_BITS).
 */
#include "kernel32/face.h"
#include "kernel32/process/park.h"

enum { STATE_NONE, STATE_BUSY, STATE_DONE, STATE_ASYNC, STATE_MASK = 3, SLEEPERS = 4 };
enum { CHECK_ONLY = 1, ASYNC = 2, INIT_FAILED = 4 };

static bool change(PINIT_ONCE once, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&once->Ptr, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static void sleep_while_busy(PINIT_ONCE once, uint64_t now)
{
    if ((now & SLEEPERS) || change(once, now, now | SLEEPERS))
        park((const uint32_t *)&once->Ptr, STATE_BUSY | SLEEPERS, TIME_NEVER, PARK_ANY);
}

static NTSTATUS begin(PINIT_ONCE once, DWORD flags, bool *ret_pending, uint64_t *ret_context)
{
    for (;;) {
        uint64_t now = __atomic_load_n(&once->Ptr, __ATOMIC_ACQUIRE);
        unsigned state = now & STATE_MASK;
        if (state == STATE_DONE) {
            *ret_pending = false;
            *ret_context = now & ~(uint64_t)STATE_MASK;
            return STATUS_SUCCESS;
        }
        if (flags & CHECK_ONLY)
            return STATUS_UNSUCCESSFUL;
        *ret_pending = true;
        *ret_context = 0;
        if (state == STATE_NONE) {
            if (change(once, now, flags & ASYNC ? STATE_ASYNC : STATE_BUSY))
                return STATUS_SUCCESS;
        } else if ((state == STATE_ASYNC) != !!(flags & ASYNC)) {
            return STATUS_INVALID_PARAMETER_2; /* the two ways do not mix */
        } else if (state == STATE_ASYNC) {
            return STATUS_SUCCESS;
        } else {
            sleep_while_busy(once, now);
        }
    }
}

static NTSTATUS complete(PINIT_ONCE once, DWORD flags, uint64_t context)
{
    if ((context & STATE_MASK) || ((flags & INIT_FAILED) && (context || (flags & ASYNC))))
        return STATUS_INVALID_PARAMETER_3;
    uint64_t now = __atomic_load_n(&once->Ptr, __ATOMIC_ACQUIRE);
    uint64_t to = flags & INIT_FAILED ? STATE_NONE : context | STATE_DONE;
    do {
        if ((now & STATE_MASK) != (flags & ASYNC ? STATE_ASYNC : STATE_BUSY))
            return (now & STATE_MASK) == STATE_DONE ? STATUS_OBJECT_NAME_COLLISION
                                                    : STATUS_INVALID_PARAMETER_2;
    } while (!__atomic_compare_exchange_n(&once->Ptr, &now, to, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    if (!(flags & ASYNC) && (now & SLEEPERS))
        futex_wake((const uint32_t *)&once->Ptr, INT32_MAX);
    return STATUS_SUCCESS;
}

void k32_InitOnceInitialize(PINIT_ONCE InitOnce)
{
    InitOnce->Ptr = STATE_NONE;
}

BOOL k32_InitOnceBeginInitialize(PINIT_ONCE lpInitOnce, DWORD dwFlags, PBOOL fPending,
                                 LPVOID *lpContext)
{
    bool pending = false;
    uint64_t context = 0;
    if (dwFlags & ~(DWORD)(CHECK_ONLY | ASYNC))
        return face_bool(STATUS_INVALID_PARAMETER_2);
    NTSTATUS status = begin(lpInitOnce, dwFlags, &pending, &context);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    *fPending = pending;
    if (!pending && lpContext)
        *lpContext = (LPVOID)context;
    return TRUE;
}

BOOL k32_InitOnceComplete(PINIT_ONCE lpInitOnce, DWORD dwFlags, LPVOID lpContext)
{
    if (dwFlags & ~(DWORD)(ASYNC | INIT_FAILED))
        return face_bool(STATUS_INVALID_PARAMETER_2);
    return face_bool(complete(lpInitOnce, dwFlags, (uint64_t)lpContext));
}

BOOL k32_InitOnceExecuteOnce(PINIT_ONCE InitOnce, PINIT_ONCE_FN InitFn, PVOID Parameter,
                             LPVOID *Context)
{
    bool pending;
    uint64_t value;
    PVOID made = NULL;
    NTSTATUS status = begin(InitOnce, 0, &pending, &value);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (pending) {
        uint32_t depth = gate_open();
        BOOL ready = InitFn(InitOnce, Parameter, &made);
        gate_close(depth);
        if (!ready) {
            complete(InitOnce, INIT_FAILED, 0); /* the routine has set the last error */
            return FALSE;
        }
        status = complete(InitOnce, 0, (uint64_t)made);
        if (status != STATUS_SUCCESS) {
            complete(InitOnce, INIT_FAILED, 0); /* a context with one of the two low bits set */
            return face_bool(status);
        }
        value = (uint64_t)made;
    }
    if (Context)
        *Context = (LPVOID)value;
    return TRUE;
}
