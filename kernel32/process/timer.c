/*
 * Waitable timers. A timer has no thread and no host timer: it knows its due time, every waiter
 * sleeps no longer than that, and the state is brought up to date whenever somebody looks.
 */
#include "kernel32/process/timer.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/names.h"

struct timer {
    struct waitable waitable;
    bool manual; /* constant after init */
    /* under the dispatcher lock */
    bool signalled;
    bool apc_waiting;  /* the routine has to run */
    uint64_t due;      /* monotonic 100 ns, TIME_NEVER: not running */
    uint64_t period;   /* 100 ns, 0: once */
    uint64_t apc_time; /* FILETIME of the last due time, for the routine */
    PVOID routine;     /* NULL: none */
    PVOID argument;
    struct wait_state *owner;   /* the thread the routine belongs to, NULL: none */
    struct timer *next, **link; /* in owner->timers */
};

static void update_locked(struct timer *timer, uint64_t now)
{
    if (now < timer->due)
        return;
    timer->signalled = true;
    timer->apc_waiting = timer->routine != NULL;
    timer->apc_time = time_system() - (now - timer->due);
    timer->due = timer->period
                     ? timer->due + ((now - timer->due) / timer->period + 1) * timer->period
                     : TIME_NEVER;
}

static void unlink_locked(struct timer *timer)
{
    if (!timer->owner)
        return;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->owner = NULL;
    timer->routine = NULL;
    timer->apc_waiting = false;
}

static void link_locked(struct timer *timer, struct wait_state *owner)
{
    timer->owner = owner;
    timer->next = owner->timers;
    timer->link = &owner->timers;
    if (timer->next)
        timer->next->link = &timer->next;
    owner->timers = timer;
}

static void destroy(struct object *object)
{
    struct timer *timer = (struct timer *)object;
    object_forget_name(object);
    dispatcher_lock();
    unlink_locked(timer);
    dispatcher_unlock();
    free(timer);
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    struct timer *timer = (struct timer *)waitable;
    update_locked(timer, now);
    return timer->signalled;
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    struct timer *timer = (struct timer *)waitable;
    timer->signalled = timer->manual;
    return false;
}

static uint64_t due(struct waitable *waitable)
{
    return ((struct timer *)waitable)->due;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | TIMER_QUERY_STATE,
    .write = READ_CONTROL | TIMER_MODIFY_STATE,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = TIMER_ALL_ACCESS,
};
static const struct object_ops ops = {OBJECT_TIMER, "timer", destroy, NULL, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, consume, due};

uint64_t timer_next_apc_locked(struct wait_state *state)
{
    uint64_t next = TIME_NEVER;
    for (struct timer *timer = state->timers; timer; timer = timer->next) {
        uint64_t when = timer->apc_waiting ? 0 : timer->due;
        if (when < next)
            next = when;
    }
    return next;
}

/* Takes one due routine of the thread; false when there is none. */
static bool take_apc(struct wait_state *self, PVOID *ret_routine, uint64_t *ret_arguments)
{
    bool found = false;
    dispatcher_lock();
    uint64_t now = self->timers ? time_monotonic() : 0;
    for (struct timer *timer = self->timers; timer && !found; timer = timer->next) {
        update_locked(timer, now);
        if (!timer->apc_waiting)
            continue;
        found = true;
        *ret_routine = timer->routine;
        ret_arguments[0] = (uint64_t)timer->argument;
        ret_arguments[1] = (uint32_t)timer->apc_time;
        ret_arguments[2] = timer->apc_time >> 32;
        timer->apc_waiting = false;
        if (timer->due == TIME_NEVER) {
            unlink_locked(timer);
            break;
        }
    }
    dispatcher_unlock();
    return found;
}

bool timer_run_apcs(struct wait_state *self)
{
    PVOID routine;
    uint64_t arguments[3];
    bool ran = false;
    while (take_apc(self, &routine, arguments)) {
        wait_call_apc(routine, arguments);
        ran = true;
    }
    return ran;
}

void timer_forget_all_locked(struct wait_state *state)
{
    while (state->timers)
        unlink_locked(state->timers);
}

HANDLE k32_CreateWaitableTimerExW(LPSECURITY_ATTRIBUTES lpTimerAttributes, LPCWSTR lpTimerName,
                                  DWORD dwFlags, DWORD dwDesiredAccess)
{
    if (dwFlags & ~(CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION)) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    struct timer *timer = calloc(1, sizeof *timer);
    if (timer) {
        waitable_init(&timer->waitable, &ops, &wait_ops);
        timer->manual = dwFlags & CREATE_WAITABLE_TIMER_MANUAL_RESET;
        timer->due = TIME_NEVER;
    }
    return object_publish((struct object *)timer, lpTimerName, dwDesiredAccess, lpTimerAttributes);
}

HANDLE k32_CreateWaitableTimerExA(LPSECURITY_ATTRIBUTES lpTimerAttributes, LPCSTR lpTimerName,
                                  DWORD dwFlags, DWORD dwDesiredAccess)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpTimerName, buffer, &name))
        return NULL;
    return k32_CreateWaitableTimerExW(lpTimerAttributes, name, dwFlags, dwDesiredAccess);
}

HANDLE k32_CreateWaitableTimerW(LPSECURITY_ATTRIBUTES lpTimerAttributes, BOOL bManualReset,
                                LPCWSTR lpTimerName)
{
    return k32_CreateWaitableTimerExW(lpTimerAttributes, lpTimerName,
                                      bManualReset ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0,
                                      TIMER_ALL_ACCESS);
}

HANDLE k32_CreateWaitableTimerA(LPSECURITY_ATTRIBUTES lpTimerAttributes, BOOL bManualReset,
                                LPCSTR lpTimerName)
{
    return k32_CreateWaitableTimerExA(lpTimerAttributes, lpTimerName,
                                      bManualReset ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0,
                                      TIMER_ALL_ACCESS);
}

HANDLE k32_OpenWaitableTimerW(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCWSTR lpTimerName)
{
    return object_open(lpTimerName, OBJECT_TIMER, dwDesiredAccess, bInheritHandle);
}

HANDLE k32_OpenWaitableTimerA(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCSTR lpTimerName)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpTimerName, buffer, &name))
        return NULL;
    return k32_OpenWaitableTimerW(dwDesiredAccess, bInheritHandle, name);
}

static NTSTATUS set(HANDLE handle, LARGE_INTEGER when, LONG period, PVOID routine, PVOID argument)
{
    struct object *object;
    if (period < 0)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = handle_lookup(handle, OBJECT_TIMER, TIMER_MODIFY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return status;
    struct timer *timer = (struct timer *)object;
    struct wait_state *self = wait_self();
    dispatcher_lock();
    unlink_locked(timer);
    timer->signalled = timer->apc_waiting = false;
    timer->due = time_deadline_nt(&when);
    timer->period = (uint64_t)period * TIME_MILLISECOND;
    timer->routine = routine;
    timer->argument = argument;
    if (routine)
        link_locked(timer, self);
    waitable_changed(&timer->waitable);
    dispatcher_unlock();
    object_unref(object);
    return STATUS_SUCCESS;
}

BOOL k32_SetWaitableTimer(HANDLE hTimer, const LARGE_INTEGER *lpDueTime, LONG lPeriod,
                          PTIMERAPCROUTINE pfnCompletionRoutine, LPVOID lpArgToCompletionRoutine,
                          BOOL fResume)
{
    LARGE_INTEGER when = *lpDueTime;
    NTSTATUS status =
        set(hTimer, when, lPeriod, (PVOID)pfnCompletionRoutine, lpArgToCompletionRoutine);
    if (status == STATUS_SUCCESS && fResume)
        last_error_set(ERROR_NOT_SUPPORTED); /* sdk-api SetWaitableTimer: a system that cannot wake
                                                up succeeds with this */
    return face_bool(status);
}

BOOL k32_SetWaitableTimerEx(HANDLE hTimer, const LARGE_INTEGER *lpDueTime, LONG lPeriod,
                            PTIMERAPCROUTINE pfnCompletionRoutine, LPVOID lpArgToCompletionRoutine,
                            PVOID WakeContext, ULONG TolerableDelay)
{
    LARGE_INTEGER when = *lpDueTime;
    return face_bool(
        set(hTimer, when, lPeriod, (PVOID)pfnCompletionRoutine, lpArgToCompletionRoutine));
}

BOOL k32_CancelWaitableTimer(HANDLE hTimer)
{
    struct object *object;
    NTSTATUS status = handle_lookup(hTimer, OBJECT_TIMER, TIMER_MODIFY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    struct timer *timer = (struct timer *)object;
    dispatcher_lock();
    update_locked(timer, time_monotonic());
    unlink_locked(timer);
    timer->due = TIME_NEVER;
    dispatcher_unlock();
    object_unref(object);
    return TRUE;
}
