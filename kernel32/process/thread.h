/*
 * Windows threads. Each is a pthread whose GS base points at a TEB and which runs on a Windows
 * stack (reserved, committed and guarded through the memory manager). FS stays glibc's, so native
 * code runs unchanged on it. Our code runs on the caller's stack.
 *
 * Stopping a thread (SuspendThread) is a signal: outside a gate it parks in the handler; inside it
 * parks when it leaves (gate.h).
 */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "kernel32/process/wait.h"
#include "memoryapi/fault.h"

struct teb;
struct dispatch;

#define THREAD_PARKED        0x100u
#define THREAD_ENDING        0x200u
#define THREAD_SUSPEND_COUNT 0x0FFu
#define THREAD_STILL_ACTIVE  259u
/* exceptions inside handlers of exceptions that keep their vector registers */
#define THREAD_XSAVE_SLOTS 16
#define FLS_SLOTS          128 /* FLS_MAXIMUM_AVAILABLE */

struct thread {
    struct waitable waitable; /* object first: signalled at exit */
    /* constant after start */
    uint32_t id;
    struct teb *teb;
    struct mm_stack stack;
    char *alternate_stack; /* signal frames, and their handlers */
    PVOID start;
    PVOID parameter;
    jmp_buf leave; /* on the native stack: the way out of the thread */
    /* under thread_list.lock */
    struct thread *next, *previous;
    /* atomic */
    uint32_t suspension; /* futex: THREAD_PARKED and the suspend count */
    uint32_t exit_code;  /* STILL_ACTIVE while it runs */
    bool terminated;     /* it is to leave instead of going on */
    bool ended;          /* under the dispatcher lock: the handle is signalled */
    /* valid while parked: the ucontext_t of the suspend signal's frame */
    void *context;
    /* the thread's own */
    struct dispatch *dispatch; /* exceptions being delivered, innermost first (exception.c) */
    /* THREAD_XSAVE_SLOTS areas of context_xsave_room() bytes; 64-byte aligned */
    char *xsave;
    uint32_t xsave_used;
    void *fls[FLS_SLOTS];
    int32_t priority;
    bool boost_disabled;
    uint64_t affinity;        /* 0: the process's */
    uint64_t created, exited; /* FILETIME; exited 0: runs */
    uint16_t *description;    /* under a lock of thread_info.c; NULL: none */
    /* wait.c: wait_attach() at start, wait_detach() at exit; user APCs queue here */
    struct wait_state wait;
};

/* The calling Windows thread, or NULL in a host thread. */
struct thread *thread_self(void);

/* Makes the calling pthread the first Windows thread (`winmem run`). */
NTSTATUS thread_init_main(void);
NTSTATUS thread_create(PVOID start, PVOID parameter, uint64_t stack_reserve, uint64_t stack_commit,
                       bool suspended, struct thread **ret_thread);
_Noreturn void thread_exit(uint32_t code);

/*
 * Called for each thread that begins or ends (TLS callbacks, DllMain); set once by the loader at
 * start, may be NULL.
 */
extern void (*thread_notify)(unsigned reason); /* DLL_THREAD_ATTACH 2, DLL_THREAD_DETACH 3 */

/*
 * Runs `function` on the first thread's own stack, from its top; it may only end with thread_exit.
 */
_Noreturn void thread_run_main(void (*function)(void *), void *argument);

/* Default stack sizes, from the image. Set once at start. */
extern uint64_t thread_default_reserve, thread_default_commit;

/* Every live Windows thread, under the list's lock. */
void thread_for_each(void (*visit)(struct thread *thread, void *context), void *context);
/* A reference, or NULL. */
struct thread *thread_find(uint32_t id);
uint32_t thread_count(void);
/*
 * Stops every other thread for good (the process ends). One that is in a long system call is not
 * waited for.
 */
void thread_stop_others(void);
/*
 * A reference to the thread behind a handle: STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
 * STATUS_ACCESS_DENIED, STATUS_NOT_SUPPORTED for a thread of a child process.
 */
NTSTATUS thread_lookup(HANDLE handle, ACCESS_MASK access, struct thread **ret_thread);

/* suspend.c */
void suspend_init(void);
void suspend_allow(void); /* a thread begins: whatever mask it inherited, it can be stopped */
/* waits until it is parked */
NTSTATUS thread_suspend(struct thread *thread, uint32_t *ret_previous);
/* The two halves of it; `deadline` as with wait_for, false when it is over. */
NTSTATUS thread_ask_to_stop(struct thread *thread, uint32_t *ret_previous);
bool thread_wait_stopped(struct thread *thread, uint64_t deadline);
NTSTATUS thread_resume(struct thread *thread, uint32_t *ret_previous);

NTSTATUS thread_terminate(struct thread *thread, uint32_t code);

/* tls.c: the callbacks of fibre-local slots, and slots that outgrew the TEB */
void tls_thread_ends(struct thread *thread);
