/* Paths as Win32 functions: absolute form and the current directory. */
#include "kernel32/process/path.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"

/* The rule of all functions that fill a buffer with a path: characters without the terminator, or
 * the room that is needed with it. Frees `text`. */
static DWORD give(WCHAR *text, size_t length, DWORD room, WCHAR *buffer)
{
    DWORD answer = (DWORD)length;
    if (length < room && buffer)
        memcpy(buffer, text, (length + 1) * sizeof *text);
    else
        answer++;
    free(text);
    return answer;
}

static DWORD give_error(NTSTATUS status)
{
    last_error_set(last_error_from_status(status));
    return 0;
}

DWORD k32_GetFullPathNameW(LPCWSTR lpFileName, DWORD nBufferLength, LPWSTR lpBuffer,
                           LPWSTR *lpFilePart)
{
    NTSTATUS status;
    size_t length;
    WCHAR *full = lpFileName ? path_full(lpFileName, wide_length(lpFileName), &length, &status)
                             : (status = STATUS_OBJECT_NAME_INVALID, NULL);
    if (!full)
        return give_error(status);
    size_t part = length;
    while (part > 0 && full[part - 1] != '\\')
        part--;
    DWORD answer = give(full, length, nBufferLength, lpBuffer);
    if (lpFilePart)
        *lpFilePart = answer == length && part < length ? lpBuffer + part : NULL;
    return answer;
}

DWORD k32_GetCurrentDirectoryW(DWORD nBufferLength, LPWSTR lpBuffer)
{
    size_t length;
    WCHAR *current = path_current_directory(&length);
    if (!current)
        return give_error(STATUS_NO_MEMORY);
    if (length > 3) /* only a root keeps its backslash */
        current[--length] = 0;
    return give(current, length, nBufferLength, lpBuffer);
}

BOOL k32_SetCurrentDirectoryW(LPCWSTR lpPathName)
{
    if (!lpPathName)
        return face_bool(STATUS_OBJECT_NAME_INVALID);
    return face_bool(path_set_current_directory(lpPathName, wide_length(lpPathName)));
}
