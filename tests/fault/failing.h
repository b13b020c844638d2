/*
 * A host and an allocator whose n-th call fails. Counting covers every operation of the host table,
 * the few host functions beside it, and malloc, calloc and realloc of the library's own objects
 * (the linker's --wrap). Everything else passes through.
 */
#pragma once

#include <stdbool.h>

enum failing_kind {
    FAILING_HOST,      /* with the error that is usual for the operation */
    FAILING_HOST_RARE, /* with its other one */
    FAILING_MALLOC,
    FAILING_KINDS
};

/* Puts the counting table in front of the host's. pre: the engine is not at work. */
void failing_install(void);
/* Counting starts anew, stopped; the n-th call of this kind will fail, none for 0. */
void failing_start(enum failing_kind kind, unsigned n);
/* Calls between these two count and may fail. */
void failing_on(void);
void failing_off(void);
/* What failed since failing_start, or NULL. */
const char *failing_happened(void);
/* Blocks that the library has allocated and not freed. */
long failing_live_blocks(void);
