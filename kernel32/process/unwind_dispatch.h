/* Frame-based exception handling on top of unwind.h: the search for a handler, and the unwinding to the frame that took it. */
#pragma once

#include <stdbool.h>
#include <winmem/windef.h>
#include "faces.h"

/* What a language handler answers (EXCEPTION_DISPOSITION). */
enum { DISPOSITION_CONTINUE_EXECUTION, DISPOSITION_CONTINUE_SEARCH, DISPOSITION_NESTED, DISPOSITION_COLLIDED };

/*
 * First pass: asks each frame's language handler, from `context` outwards, until one continues execution (true: `context` is where to
 * go on) or the stack ends (false). A handler that takes the exception never returns: it unwinds. Runs on the faulting thread's stack.
 */
bool unwind_search(EXCEPTION_RECORD *record, CONTEXT *context);

/* Resumes at `context`; written by the exception code. */
_Noreturn void context_restore(const CONTEXT *context);
