/*
 * MemoryWorkingSetInformation and MemoryWorkingSetExInformation into a caller's buffer. The length
 * is set on success only; a buffer that is too short for the first learns the number of pages.
 */
#pragma once

#include <winmem/windef.h>

NTSTATUS native_working_set(void *buffer, SIZE_T length, SIZE_T *ret_length);
NTSTATUS native_working_set_ex(void *buffer, SIZE_T length, SIZE_T *ret_length);
