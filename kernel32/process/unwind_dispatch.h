/*
 * Frame-based exception handling on top of unwind.h: the search for a handler, and the unwinding to
 * the frame that took it.
 */
#pragma once

#include <stdbool.h>
#include <winmem/windef.h>
#include "faces.h"

/* What a language handler answers (EXCEPTION_DISPOSITION). */
enum {
    DISPOSITION_CONTINUE_EXECUTION,
    DISPOSITION_CONTINUE_SEARCH,
    DISPOSITION_NESTED,
    DISPOSITION_COLLIDED
};

/*
 * First pass: asks each frame's language handler, from `context` outwards, then the
 * unhandled-exception filter, until one continues execution (true: `context` is where to go on). A
 * handler that takes the exception never returns: it unwinds. Runs on the faulting thread's stack,
 * for the innermost exception of thread->dispatch. A frame that is not on the thread's stack ends
 * the search.
 */
bool unwind_search(EXCEPTION_RECORD *record, CONTEXT *context);

/*
 * Second pass: leaves every frame below `target`, from `from` (NULL: from the innermost exception)
 * outwards, running their termination handlers, and goes on at `target_ip` in the target frame with
 * `value` in rax. Target 0 unwinds everything. `record` may be NULL.
 */
_Noreturn void unwind_to(const CONTEXT *from, uint64_t target, uint64_t target_ip,
                         EXCEPTION_RECORD *record, uint64_t value);
