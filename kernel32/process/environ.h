/*
 * The environment of the process: one block of UTF-16 strings "NAME=value", sorted without case,
 * ended by an empty one, as the PEB shows it. Names may begin with '=' ("=Z:=Z:\tmp" is the current
 * directory of a drive).
 *
 * The block is replaced as a whole under a lock of this file. Nothing of a caller's is touched with
 * the lock held: values go through copies on the heap.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <winmem/windef.h>

/*
 * Makes the block from the host's environment: PATH and the temporary directory in Windows form,
 * and the variables that Windows programs expect. `program_directory` stands in
 * where the host has no HOME. STATUS_NO_MEMORY.
 */
NTSTATUS environ_init(char **envp, const char *program_directory);

/* The block is this one, as it is; before environ_publish. STATUS_NO_MEMORY. */
NTSTATUS environ_adopt(const uint16_t *block, size_t length);

/* The block as it is now; freed by the next change. */
uint16_t *environ_block(void);
/* A copy of it (free() it); NULL without memory. */
uint16_t *environ_copy(void);
/* Where the PEB keeps the block: set now and on every change. NULL: nowhere. */
void environ_publish(uint16_t **where);

/* A copy of a value (free() it), NULL when there is none or no memory. */
uint16_t *environ_get(const uint16_t *name, size_t name_length, size_t *ret_length);
/* `value` NULL takes the variable away. STATUS_INVALID_PARAMETER for a name that cannot be,
 * STATUS_VARIABLE_NOT_FOUND, STATUS_NO_MEMORY. */
NTSTATUS environ_set(const uint16_t *name, size_t name_length, const uint16_t *value,
                     size_t value_length);

/* In any block: the value, not terminated by the length; NULL without one. */
const uint16_t *environ_find(const uint16_t *block, const uint16_t *name, size_t name_length,
                             size_t *ret_length);
/* The length of a block in units, the empty string at its end included. */
size_t environ_block_length(const uint16_t *block);
/*
 * Replaces %NAME% by values of `block`; what is not there stays. The whole length without a
 * terminator; at most `room` units are written.
 */
size_t environ_expand(const uint16_t *block, const uint16_t *text, size_t length, uint16_t *to,
                      size_t room);
