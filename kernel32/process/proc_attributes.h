/* Lists of attributes for CreateProcess. One attribute is understood: the handles to inherit. */
#pragma once

#include <stddef.h>
#include <winmem/windef.h>

/*
 * The handles that a list names: malloc'd, NULL when it names none. STATUS_INVALID_PARAMETER when
 * `list` is no list, STATUS_ACCESS_VIOLATION, STATUS_NO_MEMORY.
 */
NTSTATUS proc_attributes_handles(const void *list, HANDLE **ret_handles, size_t *ret_count);
