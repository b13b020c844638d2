/* How functions that fill a buffer with a path answer. */
#pragma once

#include <winmem/windef.h>

/* Characters without the terminator, or the room that is needed with it. Frees `text`, which is
 * terminated. */
DWORD path_give(WCHAR *text, size_t length, DWORD room, WCHAR *buffer);
/* The same in UTF-8. */
DWORD path_give_narrow(WCHAR *text, size_t length, DWORD room, char *buffer);
/* 0 with the last error set. */
DWORD path_give_error(NTSTATUS status);
