/*
 * Register contexts: Windows' CONTEXT against what the kernel saves at a signal, and going on at
 * one.
 *
 * CONTEXT holds the general registers, x87 and SSE. What lies beyond (the upper halves of the
 * vector registers) is kept as the kernel saved it, in an xsave area, for the way back from an
 * exception.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include <winmem/windef.h>

/* Fills the parts that context->ContextFlags asks for. */
void context_from_signal(const ucontext_t *signal, CONTEXT *context);
/* Changes the parts that context->ContextFlags names. */
void context_to_signal(const CONTEXT *context, ucontext_t *signal);

/*
 * Bytes of a signal frame's floating-point area with everything in it; 512 when there is nothing
 * beyond SSE.
 */
uint32_t context_xsave_size(const ucontext_t *signal);
/* Constant after the first call: the most such an area can take on this processor. */
uint32_t context_xsave_room(void);

/*
 * Goes on at `context` with all of its integer, control and floating-point registers; writes the
 * six home words at its start. `xsave`: an area as the kernel saves it (64-byte aligned), or NULL:
 * the upper halves of the vector registers stay as they are.
 */
_Noreturn void context_restore(CONTEXT *context, const void *xsave);
