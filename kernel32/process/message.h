/* The texts of error codes. */
#pragma once

#include <winmem/windef.h>

/* In English, one sentence without a line end; NULL when there is none. */
const char *message_of_win32(DWORD code);
const char *message_of_status(NTSTATUS status);
