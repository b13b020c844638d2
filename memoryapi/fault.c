/*
 * The only door for memory faults: decides who a SIGSEGV or SIGBUS belongs to (fault.h has the
 * order).
 */
#include "memoryapi/fault.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded_range.h"
#include "memoryapi/mm.h"

/*
 * Bits of the page-fault error code, and the trap number of a page fault (Intel SDM, volume 3,
 * 4.7).
 */
#define PF_WRITE  0x02
#define PF_FETCH  0x10
#define TRAP_PAGE 14

bool (*fault_hook)(struct fault *fault);
bool (*fault_file_hook)(uint64_t address);
__thread struct mm_stack *mm_thread_stack __attribute__((tls_model("initial-exec")));

/* What the host program had installed; constant after fault_init. */
static struct sigaction before_segv, before_bus;
static sigset_t blocked; /* while a fault is being decided */

static void decode(struct fault *fault, int signal, siginfo_t *info, ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;
    *fault = (struct fault){
        .signal = signal, .info = info, .context = context, .code = STATUS_ACCESS_VIOLATION};
    if (registers[REG_TRAPNO] != TRAP_PAGE) {
        /*
         * a general protection fault: the address was not canonical, and the processor does not
         * tell which
         */
        fault->address = ~0ull;
        return;
    }
    fault->address = (uint64_t)info->si_addr;
    if (registers[REG_ERR] & PF_FETCH)
        fault->access = FAULT_EXECUTE;
    else if (registers[REG_ERR] & PF_WRITE)
        fault->access = FAULT_WRITE;
}

static bool in_guarded_copy(const ucontext_t *context)
{
    uint64_t rip = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
    return rip >= (uint64_t)winmem_guarded_copy && rip < (uint64_t)winmem_guarded_failed;
}

/* True when the thread may go on. */
static bool resolve(struct fault *fault)
{
    enum mm_fault_result result = MM_FAULT_DENIED;
    if (fault->signal == SIGSEGV && fault->address != ~0ull)
        result = mm_fault(fault->address, fault->access);
    else if (fault->signal == SIGBUS && fault_file_hook && fault_file_hook(fault->address))
        return true;
    else if (fault->signal == SIGBUS && !awe_is_window(fault->address))
        fault->code = STATUS_IN_PAGE_ERROR;
    if (result == MM_FAULT_RESUME)
        return true;
    if (result == MM_FAULT_GUARD)
        fault->code = STATUS_GUARD_PAGE_VIOLATION;
    else if (result == MM_FAULT_STACK)
        fault->code = STATUS_STACK_OVERFLOW;
    if (in_guarded_copy(fault->context)) {
        fault->context->uc_mcontext.gregs[REG_RIP] = (greg_t)winmem_guarded_failed;
        return true;
    }
    return fault_hook && fault_hook(fault);
}

/*
 * Hands the signal to whoever had it before; with nobody there, the default action happens when the
 * access is retried.
 */
void fault_pass_on(const struct sigaction *before, int signal, siginfo_t *info, void *context)
{
    /*
     * as the kernel would have done for that handler; the old mask comes back with the signal frame
     */
    pthread_sigmask(SIG_BLOCK, &before->sa_mask, NULL);
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(signal, info, context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(signal);
    } else {
        struct sigaction fatal = {.sa_handler = SIG_DFL};
        sigaction(signal, &fatal, NULL);
        if (info->si_code <= 0) /* sent, not met: there is no access to retry */
            raise(signal);
    }
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    struct fault fault = {0};
    const struct sigaction *before = signal == SIGSEGV ? &before_segv : &before_bus;
    if (info->si_code > 0) {
        decode(&fault, signal, info, context);
        if (resolve(&fault))
            return;
    }
    fault_pass_on(before, signal, info, context);
    /* a guard that was met is gone: the retry would succeed, and nobody would know */
    if (fault.code == STATUS_GUARD_PAGE_VIOLATION && !(before->sa_flags & SA_SIGINFO) &&
        (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN))
        raise(signal);
}

static void install(struct sigaction *ret_segv, struct sigaction *ret_bus)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
                               .sa_mask = blocked};
    sigaction(SIGSEGV, &action, ret_segv);
    sigaction(SIGBUS, &action, ret_bus);
}

static void install_once(void)
{
    install(&before_segv, &before_bus);
}

void fault_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_once);
}

void fault_block_signal(int signal)
{
    fault_init();
    sigaddset(&blocked, signal);
    install(NULL, NULL);
}

const sigset_t *fault_blocked(void)
{
    return &blocked;
}
