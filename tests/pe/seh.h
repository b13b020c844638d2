/* What the parts of the seh program share: the frames of seh_frames.S, and what their filter answers. */
#ifndef SEH_H
#define SEH_H

#include "kit.h"

typedef void guarded_function(void *argument);

int guarded_read(const void *address);
DWORD code_in_eax(const void *address);
DWORD call_caught(guarded_function *function, void *argument);
void call_filtered(guarded_function *function, void *argument);
int keep_registers(guarded_function *function, void *argument);
void spoil_registers(void *address);
void bare_leaf(void *address);
void deep_frame(void *address);
void in_epilogue(void *address);
extern char in_epilogue_return[], copied_begin[], copied_end[], __ImageBase[];

/* rbp rbx rsi rdi r12 to r15, and both halves of xmm6 to xmm15 */
enum { KEPT_INTEGERS = 8, KEPT = KEPT_INTEGERS + 10 * 2 };
extern const ULONG64 kept_values[KEPT];
DWORD keep_all(guarded_function *function, void *argument, ULONG64 *ret_registers);

/* What the filter of call_filtered and guarded_read shall answer; forgets what it met. */
void seh_expect(LONG answer);
/* How often the termination handler of call_filtered was called since. */
unsigned seh_finally_calls(void);
/* One frame up, as a profiler does it. FALSE at the end. */
BOOL seh_step(CONTEXT *context);
/* Whether `rip` is in the function that begins at `function`. */
int seh_inside(ULONG64 rip, const void *function);

/* seh_native.c */
extern const struct statement seh_native_statements[];

#endif
