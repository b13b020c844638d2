/*
 * Stopping threads. A thread that is to stop gets a signal: outside all gates it parks in the
 * handler, with its registers in the signal frame; inside one it notes the wish and parks when it
 * leaves (gate.h). One word holds the suspend count and whether it is parked; a parked thread
 * leaves only by changing "parked, count 0" to "not parked", so that nobody can look at its
 * registers too late.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernel32/process/context.h"
#include "kernel32/process/thread.h"
#include "memoryapi/futex.h"
#include "memoryapi/gate.h"

#define MAXIMUM_COUNT 127u /* MAXIMUM_SUSPEND_COUNT */

static int suspend_signal; /* constant after suspend_init */

static void tell(const struct thread *thread)
{
    syscall(SYS_tgkill, getpid(), thread->id, suspend_signal);
}

static void park_here(struct thread *thread, void *context)
{
    thread->context = context;
    uint32_t word = __atomic_or_fetch(&thread->suspension, THREAD_PARKED, __ATOMIC_ACQ_REL);
    futex_wake(&thread->suspension, INT32_MAX);
    while (!__atomic_load_n(&thread->terminated, __ATOMIC_ACQUIRE)) {
        if (word & THREAD_SUSPEND_COUNT) {
            futex_wait_until(&thread->suspension, word, NULL);
            word = __atomic_load_n(&thread->suspension, __ATOMIC_ACQUIRE);
        } else if (__atomic_compare_exchange_n(&thread->suspension, &word, word & ~THREAD_PARKED,
                                               false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return;
        }
    }
    thread_exit(__atomic_load_n(&thread->exit_code, __ATOMIC_ACQUIRE));
}

static void on_suspend(int signal, siginfo_t *info, void *context)
{
    struct thread *thread = thread_self();
    int error = errno;
    if (gate_self.depth > 0) {
        gate_self.pending = 1;
        return;
    }
    if (!thread)
        return;
    park_here(thread, context);
    errno = error;
}

/*
 * At the end of the outermost gate. Blocked inside a fault handler: the signal then comes when that
 * returns.
 */
static void park_at_gate(void)
{
    gate_self.pending = 0;
    if (thread_self())
        tell(thread_self());
}

void suspend_init(void)
{
    struct sigaction action = {.sa_sigaction = on_suspend,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    suspend_signal = SIGRTMIN + 3;
    sigaction(suspend_signal, &action, NULL);
    fault_block_signal(suspend_signal);
    gate_park = park_at_gate;
}

void suspend_allow(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, suspend_signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static bool has_ended(const struct thread *thread)
{
    return __atomic_load_n(&thread->exit_code, __ATOMIC_ACQUIRE) != THREAD_STILL_ACTIVE;
}

/* False when the time is over. */
static bool wait_until_parked(struct thread *thread, uint64_t deadline)
{
    uint32_t word, depth = gate_open(); /* two threads may suspend each other */
    struct timespec limit = {(time_t)(deadline / 10000000), (long)(deadline % 10000000) * 100};
    int result = 0;
    while (!((word = __atomic_load_n(&thread->suspension, __ATOMIC_ACQUIRE)) & THREAD_PARKED) &&
           !has_ended(thread) && result != -ETIMEDOUT)
        result =
            futex_wait_until(&thread->suspension, word, deadline == TIME_NEVER ? NULL : &limit);
    gate_close(depth);
    return result != -ETIMEDOUT;
}

NTSTATUS thread_ask_to_stop(struct thread *thread, uint32_t *ret_previous)
{
    uint32_t old = __atomic_load_n(&thread->suspension, __ATOMIC_ACQUIRE);
    do {
        if (has_ended(thread))
            return STATUS_ACCESS_DENIED;
        if ((old & THREAD_SUSPEND_COUNT) == MAXIMUM_COUNT)
            return STATUS_SUSPEND_COUNT_EXCEEDED;
    } while (!__atomic_compare_exchange_n(&thread->suspension, &old, old + 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    *ret_previous = old & THREAD_SUSPEND_COUNT;
    if (thread == thread_self())
        gate_self.pending = 1; /* parks when this call returns */
    else if (!(old & THREAD_SUSPEND_COUNT) && !(old & THREAD_PARKED))
        tell(thread);
    return STATUS_SUCCESS;
}

bool thread_wait_stopped(struct thread *thread, uint64_t deadline)
{
    return thread == thread_self() || wait_until_parked(thread, deadline);
}

NTSTATUS thread_suspend(struct thread *thread, uint32_t *ret_previous)
{
    NTSTATUS status = thread_ask_to_stop(thread, ret_previous);
    if (status == STATUS_SUCCESS)
        thread_wait_stopped(thread, TIME_NEVER);
    return status;
}

NTSTATUS thread_resume(struct thread *thread, uint32_t *ret_previous)
{
    uint32_t old = __atomic_load_n(&thread->suspension, __ATOMIC_ACQUIRE);
    do {
        *ret_previous = old & THREAD_SUSPEND_COUNT;
        if (*ret_previous == 0)
            return STATUS_SUCCESS;
    } while (!__atomic_compare_exchange_n(&thread->suspension, &old, old - 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (*ret_previous == 1)
        futex_wake(&thread->suspension, INT32_MAX);
    return STATUS_SUCCESS;
}

NTSTATUS thread_terminate(struct thread *thread, uint32_t code)
{
    uint32_t running = THREAD_STILL_ACTIVE;
    if (thread == thread_self()) {
        thread->terminated = true;
        thread_exit(code);
    }
    if (!__atomic_compare_exchange_n(&thread->exit_code, &running, code, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS; /* it has ended */
    __atomic_store_n(&thread->terminated, true, __ATOMIC_RELEASE);
    /* a parked thread must see the word change */
    __atomic_or_fetch(&thread->suspension, THREAD_ENDING, __ATOMIC_ACQ_REL);
    tell(thread);
    futex_wake(&thread->suspension, INT32_MAX);
    return STATUS_SUCCESS;
}
