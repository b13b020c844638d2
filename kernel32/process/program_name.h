/* Which file CreateProcess means (sdk-api processthreadsapi/CreateProcessW). */
#pragma once

#include <winmem/windef.h>

/*
 * The host's path, malloc'd, of the application, or when that is NULL of the program that the
 * command line begins with. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND,
 * STATUS_ACCESS_DENIED for a directory, STATUS_NAME_TOO_LONG, STATUS_NO_MEMORY.
 */
NTSTATUS program_find(const WCHAR *application, const WCHAR *command_line, char **ret_host);
