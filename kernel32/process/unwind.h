/*
 * x64 unwinding, as the Windows ABI describes it: from a program counter to its RUNTIME_FUNCTION,
 * and from a register context to the caller's by undoing the prologue's unwind codes (or the rest
 * of an epilogue). Pure but for reading the stack it unwinds: it reads through guarded.h, so a
 * damaged stack or damaged unwind data ends the walk instead of the process.
 *
 * Source: Microsoft Learn, "x64 exception handling" (cpp/build/exception-handling-x64).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "faces.h"

/* The image that holds `pc`; set by the loader, NULL before there is one. */
extern bool (*unwind_find_module)(uint64_t pc, uint64_t *ret_base, uint64_t *ret_size);

struct unwind_function {
    uint32_t begin; /* RVAs */
    uint32_t end;
    uint32_t unwind; /* bit 0 set: the RVA of another RUNTIME_FUNCTION */
};

/* NULL: a leaf function, or not in any module or dynamic table. */
const struct unwind_function *unwind_lookup(uint64_t pc, uint64_t *ret_image_base);

struct unwind_step {
    /* language handler that wants to be called for the asked-for flag; 0: none */
    uint64_t handler;
    uint64_t handler_data; /* what follows the handler's RVA in the unwind info */
    uint64_t frame;        /* the establisher frame */
};

/*
 * Undoes one frame: `context` becomes the caller's. `flags` says which handler is wanted
 * (UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER or 0). A NULL `function` is a leaf: only the return address
 * is popped. False when the stack or the unwind data cannot be read.
 */
bool unwind_frame(uint32_t flags, uint64_t image_base, uint64_t pc,
                  const struct unwind_function *function, CONTEXT *context,
                  struct unwind_step *ret_step);

/* Functions that a program made at run time (RtlAddFunctionTable). */
bool unwind_add_table(const struct unwind_function *table, uint32_t count, uint64_t base);
bool unwind_delete_table(const struct unwind_function *table);
