/* Faults that are not about memory: which Windows exception a signal stands for. */
#pragma once

#include <stdint.h>
#include "memoryapi/fault.h"

/*
 * int 0x29 (__fastfail): no handler is asked. The number is STATUS_STACK_BUFFER_OVERRUN, what such
 * a process exits with.
 */
#define TRAP_FAST_FAIL ((NTSTATUS)0xC0000409)

/* Takes SIGFPE, SIGILL and SIGTRAP; they go through fault_hook, too. */
void trap_init(void);
/*
 * A SIGSEGV may be a privileged instruction or a software interrupt: corrects fault->code, and the
 * context where Windows differs.
 */
void trap_refine(struct fault *fault);
/* "access violation"; "exception" for codes without a name here. */
const char *trap_name(uint32_t code);
