/* Control codes of files. */
#pragma once

#include "kernel32/process/file.h"

#define FILE_CONTROL_MAXIMUM 0x10000u /* bytes of any answer */

/* `output` is ours. STATUS_INVALID_DEVICE_REQUEST: no such code for this file. */
NTSTATUS file_control(struct file *file, uint32_t code, void *output, size_t room,
                      size_t *ret_length);
