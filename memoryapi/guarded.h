/*
 * Touching memory that a caller named. A wild pointer gives `false` instead of a fault, as a system
 * call would answer STATUS_ACCESS_VIOLATION. No system call is made when the memory is good. A
 * guard page that is hit is consumed, as on Windows. Must not be used with a claim or the books
 * lock held: the fault door takes both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool guarded_copy(void *to, const void *from, size_t size);
bool guarded_read(const void *from, void *ret_value, size_t size);
bool guarded_write(void *to, const void *value, size_t size);
/*
 * Whether the byte can be written. It keeps its value, also when another thread writes it at the
 * same moment.
 */
bool guarded_touch(void *at);
/* Whether `size` bytes, of at most two pages, can be written: to give all outputs or none. */
bool guarded_writable(void *at, size_t size);
/* The units before the terminator, however far it is; the string may be at any address. */
bool guarded_length(const char *string, size_t *ret_length);
bool guarded_wide_length(const uint16_t *string, size_t *ret_length);
