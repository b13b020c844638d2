/*
 * The only door for memory faults: SIGSEGV and SIGBUS arrive here, are decided in this order, and
 * leave by one exit each.
 *
 *   1. inside guarded_copy -> unless the engine resolves it, the copy returns false
 *   2. mm_fault(): stack growth, guard page, write watch -> resume, or an exception code
 *   3. a process layer is present -> fault_hook(): it delivers an exception to Windows code, or
 *   declines
 *   4. the handler that the host program had installed before, or the default action
 *
 * Handlers run on the alternate stack (SA_ONSTACK); threads of ours have one, host threads keep
 * theirs.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include <winmem/windef.h>

/* ExceptionInformation[0] */
enum fault_access { FAULT_READ = 0, FAULT_WRITE = 1, FAULT_EXECUTE = 8 };

struct fault {
    /*
     * STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION, STATUS_IN_PAGE_ERROR,
     * STATUS_STACK_OVERFLOW
     */
    NTSTATUS code;
    enum fault_access access;
    uint64_t address; /* all ones for a non-canonical address */
    int signal;
    siginfo_t *info;
    ucontext_t *context;
};

/*
 * Returns true when the thread may resume with (possibly changed) fault->context. Constant after
 * start; may be NULL.
 */
extern bool (*fault_hook)(struct fault *fault);
/*
 * A SIGBUS: memory of a file that was cut off. True: it was one of ours, and something else is there
 * now. It is asked before 1, and may be NULL.
 */
extern bool (*fault_file_hook)(uint64_t address);

/*
 * Installs the handlers, remembering what was there. Called once, at library start; a second call
 * does nothing.
 */
void fault_init(void);

/*
 * A signal that must not arrive while a fault is being decided (it may stop the thread). Before
 * there is a second thread.
 */
void fault_block_signal(int signal);
const sigset_t *fault_blocked(void);
/* Gives a signal to the handler that was there before ours, or the default action its turn. */
void fault_pass_on(const struct sigaction *before, int signal, siginfo_t *info, void *context);

/*
 * The stack of the calling Windows thread, registered by the process layer; NULL for host threads.
 */
struct mm_stack {
    uint64_t base;      /* highest address, exclusive */
    uint64_t limit;     /* lowest committed, non-guard address; moves down as the stack grows */
    uint64_t floor;     /* lowest address of the reservation; its first page is never committed */
    uint64_t guarantee; /* bytes kept for the overflow handler */
    void (*moved)(struct mm_stack *stack); /* limit changed (TEB.StackLimit); async-signal-safe */
};
extern __thread struct mm_stack *mm_thread_stack __attribute__((tls_model("initial-exec")));
