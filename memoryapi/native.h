/* What the native calls have in common: in/out pointers of a caller. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winmem/windef.h>

/* Whether a caller's value can be written, first byte and last, without changing it. */
bool native_is_writable(void *at, size_t size);
/* A base and a size that will be written back; a place that cannot be is known before anything. */
NTSTATUS native_read_range(PVOID *base, PSIZE_T size, uint64_t *ret_base, uint64_t *ret_size);
/* The change is made; should the call itself have taken the place away, it is a success still. */
void native_write_range(PVOID *base, PSIZE_T size, uint64_t new_base, uint64_t new_size);
