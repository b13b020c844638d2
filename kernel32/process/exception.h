/*
 * Exceptions: from a fault or RaiseException to the program's handlers, and back.
 *
 *   fault (signal) or raise -> EXCEPTION_RECORD + CONTEXT -> vectored handlers -> frame handlers
 *   (unwind_dispatch.h), whose outermost is
 *   the unhandled-exception filter -> vectored continue handlers -> go on at CONTEXT, or one line
 *   on stderr and the end of the process
 *
 * A fault leaves the signal handler at once: a frame with CONTEXT and record is written below the
 * faulting stack pointer, as Windows does, and delivery runs on the program's own stack. So a
 * handler may unwind, fault again, or never come back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "kernel32/process/thread.h"

/*
 * One exception being delivered. On the stack of its thread, linked innermost first from
 * thread->dispatch.
 */
struct dispatch {
    struct dispatch *previous;
    CONTEXT *context; /* where it happened; handlers may change it */
    /* NULL: no exception, but a frame that handlers run on top of while it is unwound */
    EXCEPTION_RECORD *record;
    const DISPATCHER_CONTEXT *unwinding; /* a frame whose termination handler runs; NULL else */
    void *xsave;                         /* of the faulting code, or NULL */
    uint32_t depth;                      /* gates the fault was inside of */
    uint32_t slot;                       /* thread->xsave_used before it */
};

/*
 * Installs the fault hook, and the handlers for traps that are not memory faults. Once, with the
 * first Windows thread.
 */
void exception_init(void);
/* Innermost dispatch ends: returned, or unwound away. */
void exception_pop(struct thread *thread, struct dispatch *dispatch);

/* Where an address is, for messages: "app.exe+0x1234". Set by the loader; may be NULL. */
extern void (*exception_where)(uint64_t address, char *ret_text, size_t size);

/* Raises `record` at `context` for the calling thread. Comes back only through `context`. */
_Noreturn void exception_raise(EXCEPTION_RECORD *record, CONTEXT *context);
/* Nobody took it: says so on stderr and ends the process with the code. */
_Noreturn void exception_fatal(const EXCEPTION_RECORD *record);
