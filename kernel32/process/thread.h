/*
 * Windows threads. Each is a pthread whose GS base points at a TEB and which runs on a Windows stack (reserved, committed and guarded
 * through the memory manager). FS stays glibc's, so native code runs unchanged on it. Our code runs on the caller's stack.
 *
 * Stopping a thread (SuspendThread) is a signal: outside a gate it parks in the handler; inside it parks when it leaves (gate.h).
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "kernel32/process/wait.h"
#include "memoryapi/fault.h"

struct teb;

struct thread {
    struct waitable waitable; /* object first: signalled at exit */
    /* constant after start */
    pthread_t pthread;
    uint32_t id;
    struct teb *teb;
    struct mm_stack stack;
    void *alternate_stack;
    PVOID start;
    PVOID parameter;
    /* under thread_list_lock */
    struct thread *next, *previous;
    uint32_t suspend_count;
    /* atomic */
    uint32_t exit_code; /* STILL_ACTIVE while it runs */
    uint32_t parked;    /* futex: 1 while stopped with `context` valid */
    /* valid while parked; what GetThreadContext reads and SetThreadContext writes */
    void *context; /* ucontext_t of the suspend signal frame */
    int32_t priority;
    struct wait_state wait; /* wait.c: wait_attach() at start, wait_detach() at exit; user APCs queue here */
};

/* The calling Windows thread, or NULL in a host thread. */
struct thread *thread_self(void);

/* Makes the calling pthread the first Windows thread (`winmem run`). */
NTSTATUS thread_init_main(uint64_t stack_reserve, uint64_t stack_commit);
NTSTATUS thread_create(PVOID start, PVOID parameter, uint64_t stack_reserve, uint64_t stack_commit, bool suspended,
                       struct thread **ret_thread);
_Noreturn void thread_exit(uint32_t code);

/* Called by the loader for each thread that begins or ends (TLS callbacks, DllMain); set once at start, may be NULL. */
extern void (*thread_notify)(unsigned reason); /* DLL_THREAD_ATTACH 2, DLL_THREAD_DETACH 3 */

/* Runs `function` on the calling Windows thread's stack from its top and never comes back (start of a thread, of the program). */
_Noreturn void thread_run_on_stack(struct thread *thread, void (*function)(void *), void *argument);
