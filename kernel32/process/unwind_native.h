/*
 * From native code back to the Windows code that called it. Functions of ours run on the program's
 * stack, and what they save of the caller's registers the tables of frame_rules.h tell: a fault in
 * them is the caller's exception, and its frames find their registers as they left them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "faces.h"

/* Code of the host's, not of a module of the program's, and not made by the program. */
bool unwind_is_native(uint64_t pc);

/*
 * Undoes one frame of native code: `context` becomes the caller's. `called`: rip is where a call
 * returns to, which may be the next function already. *ret_signal: the caller was not calling, a
 * signal came. False at the end of the stack, or where no tables are; `context` is then damaged.
 */
bool unwind_native_frame(CONTEXT *context, bool called, bool *ret_signal);

/*
 * `context` is a place in native code, as an exception or a signal found it; it becomes the place
 * in Windows code that is returned to, with all nonvolatile registers of the Windows convention.
 * Anywhere else nothing happens. False when the stack cannot be read, or it ends in native code;
 * `context` is then damaged.
 */
bool unwind_leave_native(CONTEXT *context);

/* The Windows code that called into this library: as above, from here. */
bool unwind_capture_caller(CONTEXT *ret_context);
