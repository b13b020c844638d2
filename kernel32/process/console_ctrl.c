/*
 * Ctrl+C and its kin. Signals of the host become control events once the program has a handler; a
 * thread of ours waits for them and starts a Windows thread for each, in which the handlers run,
 * the newest first. An event that no handler takes ends the process by its signal, so that the
 * shell sees what happened.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/console.h"
#include "kernel32/process/thread.h"

enum { CTRL_C, CTRL_BREAK, CTRL_CLOSE };

static const struct {
    int signal;
    DWORD event;
} signals[] = {
    {SIGINT, CTRL_C}, {SIGQUIT, CTRL_BREAK}, {SIGTERM, CTRL_CLOSE}, {SIGHUP, CTRL_CLOSE}};

#define HANDLERS_MAXIMUM 64u

static struct {
    pthread_mutex_t lock;
    /* under lock */
    PHANDLER_ROUTINE handlers[HANDLERS_MAXIMUM];
    unsigned count;
    bool ignore_c, started;
    /* what the signal handler touches */
    sem_t arrived;
    uint32_t waiting; /* atomic: bits of `signals` */
} control = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_signal(int number)
{
    int saved = errno;
    for (unsigned i = 0; i < array_length(signals); i++)
        if (signals[i].signal == number)
            __atomic_or_fetch(&control.waiting, 1u << i, __ATOMIC_RELEASE);
    sem_post(&control.arrived);
    errno = saved;
}

static void set_action(int number, void (*handler)(int))
{
    /* Windows threads have small stacks with guard pages */
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* Nobody took it: what the host does with such a signal. */
static void end_process(unsigned index)
{
    set_action(signals[index].signal, SIG_DFL);
    kill(getpid(), signals[index].signal);
    _exit(128 + signals[index].signal);
}

static sigset_t control_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < array_length(signals); i++)
        sigaddset(&set, signals[i].signal);
    return set;
}

static unsigned copy_handlers(PHANDLER_ROUTINE *ret_handlers)
{
    pthread_mutex_lock(&control.lock);
    unsigned count = control.count;
    memcpy(ret_handlers, control.handlers, count * sizeof *ret_handlers);
    pthread_mutex_unlock(&control.lock);
    return count;
}

/* The Windows thread of one event. Between handlers no lock is held and the thread can be stopped.
 */
static WINAPI DWORD run_handlers(PVOID parameter)
{
    unsigned index = (unsigned)(uintptr_t)parameter;
    DWORD event = signals[index].event;
    PHANDLER_ROUTINE handlers[HANDLERS_MAXIMUM];
    sigset_t blocked = control_signals();
    gate_enter();
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    unsigned count = copy_handlers(handlers);
    gate_leave();
    while (count-- > 0)
        if (handlers[count](event) && event != CTRL_CLOSE)
            return 0;
    /* a console that closes ends its programs after their handlers (win32 console/handlerroutine)
     */
    end_process(index);
    return 0;
}

static void *wait_for_signals(void *unused)
{
    for (;;) {
        while (sem_wait(&control.arrived) != 0)
            ;
        uint32_t waiting = __atomic_exchange_n(&control.waiting, 0, __ATOMIC_ACQUIRE);
        for (unsigned i = 0; i < array_length(signals); i++) {
            struct thread *thread;
            if (!(waiting >> i & 1))
                continue;
            if (thread_create((PVOID)run_handlers, (PVOID)(uintptr_t)i, 0, 0, false, &thread) !=
                STATUS_SUCCESS)
                end_process(i);
            object_unref(&thread->waitable.object);
        }
    }
    return NULL;
}

/*
 * Our thread takes no control signals: the program's threads do. Others stay open, because the
 * Windows threads it starts inherit its mask, and one that blocks the suspend signal would hang
 * whoever suspends it.
 */
static NTSTATUS start_locked(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t blocked = control_signals(), old;
    if (control.started)
        return STATUS_SUCCESS;
    if (sem_init(&control.arrived, 0, 0) != 0 || pthread_attr_init(&attributes) != 0)
        return STATUS_NO_MEMORY;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    int error = pthread_create(&thread, &attributes, wait_for_signals, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    control.started = error == 0;
    return error ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

/* What each signal does now, after handlers came or went. */
static void set_actions_locked(void)
{
    for (unsigned i = 0; i < array_length(signals); i++) {
        if (signals[i].event == CTRL_C && control.ignore_c)
            set_action(signals[i].signal, SIG_IGN);
        else
            set_action(signals[i].signal, control.count ? on_signal : SIG_DFL);
    }
}

static NTSTATUS add_locked(PHANDLER_ROUTINE handler)
{
    if (control.count == HANDLERS_MAXIMUM)
        return STATUS_NO_MEMORY;
    NTSTATUS status = start_locked();
    if (status == STATUS_SUCCESS)
        control.handlers[control.count++] = handler;
    return status;
}

static NTSTATUS remove_locked(PHANDLER_ROUTINE handler)
{
    for (unsigned i = control.count; i-- > 0;) {
        if (control.handlers[i] != handler)
            continue;
        control.count--;
        memmove(control.handlers + i, control.handlers + i + 1,
                (control.count - i) * sizeof *control.handlers);
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

bool console_ignores_c(void)
{
    pthread_mutex_lock(&control.lock);
    bool ignores = control.ignore_c;
    pthread_mutex_unlock(&control.lock);
    return ignores;
}

BOOL k32_SetConsoleCtrlHandler(PHANDLER_ROUTINE HandlerRoutine, BOOL Add)
{
    NTSTATUS status = STATUS_SUCCESS;
    pthread_mutex_lock(&control.lock);
    if (!HandlerRoutine)
        control.ignore_c = Add != FALSE;
    else
        status = Add ? add_locked(HandlerRoutine) : remove_locked(HandlerRoutine);
    if (status == STATUS_SUCCESS)
        set_actions_locked();
    pthread_mutex_unlock(&control.lock);
    return face_bool(status);
}

/* Group 0 is everybody at the console: as far as we know them, this process. */
BOOL k32_GenerateConsoleCtrlEvent(DWORD dwCtrlEvent, DWORD dwProcessGroupId)
{
    pid_t target = getpid();
    if (dwCtrlEvent != CTRL_C && dwCtrlEvent != CTRL_BREAK)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (dwProcessGroupId && (pid_t)dwProcessGroupId != target)
        target = -(pid_t)dwProcessGroupId;
    int number = dwCtrlEvent == CTRL_C ? SIGINT : SIGQUIT;
    return face_bool(kill(target, number) == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}
