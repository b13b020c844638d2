/* Paths as Win32 functions: absolute form and the current directory. */
#include "kernel32/process/path_give.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/path.h"

DWORD path_give(WCHAR *text, size_t length, DWORD room, WCHAR *buffer)
{
    DWORD answer = (DWORD)length;
    if (length < room && buffer)
        memcpy(buffer, text, (length + 1) * sizeof *text);
    else
        answer++;
    free(text);
    return answer;
}

DWORD path_give_narrow(WCHAR *text, size_t length, DWORD room, char *buffer)
{
    DWORD answer = (DWORD)utf16_to_utf8(text, length, NULL, 0, NULL);
    if (answer < room && buffer)
        buffer[utf16_to_utf8(text, length, buffer, room - 1, NULL)] = 0;
    else
        answer++;
    free(text);
    return answer;
}

DWORD path_give_error(NTSTATUS status)
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
        return path_give_error(status);
    size_t part = length;
    while (part > 0 && full[part - 1] != '\\')
        part--;
    DWORD answer = path_give(full, length, nBufferLength, lpBuffer);
    if (lpFilePart)
        *lpFilePart = answer == length && part < length ? lpBuffer + part : NULL;
    return answer;
}

DWORD k32_GetCurrentDirectoryW(DWORD nBufferLength, LPWSTR lpBuffer)
{
    size_t length;
    WCHAR *current = path_current_directory(&length);
    if (!current)
        return path_give_error(STATUS_NO_MEMORY);
    if (length > 3) /* only a root keeps its backslash */
        current[--length] = 0;
    return path_give(current, length, nBufferLength, lpBuffer);
}

BOOL k32_SetCurrentDirectoryW(LPCWSTR lpPathName)
{
    if (!lpPathName)
        return face_bool(STATUS_OBJECT_NAME_INVALID);
    return face_bool(path_set_current_directory(lpPathName, wide_length(lpPathName)));
}

/*
 * The A forms call the W form with a buffer of its own size and give what it says. A wide text
 * never has more units than its UTF-8 has bytes.
 */
static DWORD narrow_call(DWORD (*call)(const void *, DWORD, WCHAR *, DWORD), const void *input,
                         DWORD room, char *buffer, DWORD extra)
{
    DWORD length = call(input, 0, NULL, extra), got;
    for (;;) {
        if (length == 0)
            return 0;
        WCHAR *wide = malloc(length * sizeof *wide);
        if (!wide)
            return path_give_error(STATUS_NO_MEMORY);
        got = call(input, length, wide, extra);
        if (got && got < length)
            return path_give_narrow(wide, got, room, buffer);
        free(wide);
        length = got; /* it grew meanwhile, or failed */
    }
}

static DWORD full_path(const void *input, DWORD room, WCHAR *buffer, DWORD extra)
{
    return k32_GetFullPathNameW(input, room, buffer, NULL);
}

static DWORD current_directory(const void *input, DWORD room, WCHAR *buffer, DWORD extra)
{
    return k32_GetCurrentDirectoryW(room, buffer);
}

static DWORD long_path(const void *input, DWORD room, WCHAR *buffer, DWORD extra)
{
    return k32_GetLongPathNameW(input, buffer, room);
}

static DWORD temporary_path(const void *input, DWORD room, WCHAR *buffer, DWORD extra)
{
    return k32_GetTempPathW(room, buffer);
}

static DWORD final_path(const void *input, DWORD room, WCHAR *buffer, DWORD extra)
{
    return k32_GetFinalPathNameByHandleW((HANDLE)input, buffer, room, extra);
}

DWORD k32_GetFullPathNameA(LPCSTR lpFileName, DWORD nBufferLength, LPSTR lpBuffer,
                           LPSTR *lpFilePart)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    DWORD length = narrow_call(full_path, name, nBufferLength, lpBuffer, 0);
    free(name);
    if (lpFilePart)
        *lpFilePart = NULL;
    if (lpFilePart && length && length < nBufferLength && lpBuffer) {
        char *slash = strrchr(lpBuffer, '\\');
        *lpFilePart = slash && slash[1] ? slash + 1 : NULL;
    }
    return length;
}

DWORD k32_GetCurrentDirectoryA(DWORD nBufferLength, LPSTR lpBuffer)
{
    return narrow_call(current_directory, NULL, nBufferLength, lpBuffer, 0);
}

BOOL k32_SetCurrentDirectoryA(LPCSTR lpPathName)
{
    WCHAR *name = wide_from_utf8(lpPathName);
    BOOL done = k32_SetCurrentDirectoryW(name);
    free(name);
    return done;
}

DWORD k32_GetLongPathNameA(LPCSTR lpszShortPath, LPSTR lpszLongPath, DWORD cchBuffer)
{
    WCHAR *name = wide_from_utf8(lpszShortPath);
    DWORD length = narrow_call(long_path, name, cchBuffer, lpszLongPath, 0);
    free(name);
    return length;
}

DWORD k32_GetShortPathNameA(LPCSTR lpszLongPath, LPSTR lpszShortPath, DWORD cchBuffer)
{
    return k32_GetLongPathNameA(lpszLongPath, lpszShortPath, cchBuffer);
}

DWORD k32_GetTempPathA(DWORD nBufferLength, LPSTR lpBuffer)
{
    return narrow_call(temporary_path, NULL, nBufferLength, lpBuffer, 0);
}

DWORD k32_GetFinalPathNameByHandleA(HANDLE hFile, LPSTR lpszFilePath, DWORD cchFilePath,
                                    DWORD dwFlags)
{
    return narrow_call(final_path, hFile, cchFilePath, lpszFilePath, dwFlags);
}

UINT k32_GetTempFileNameA(LPCSTR lpPathName, LPCSTR lpPrefixString, UINT uUnique,
                          LPSTR lpTempFileName)
{
    WCHAR name[MAX_PATH];
    WCHAR *path = wide_from_utf8(lpPathName), *prefix = wide_from_utf8(lpPrefixString);
    UINT number = k32_GetTempFileNameW(path, prefix, uUnique, name);
    free(path);
    free(prefix);
    if (number) {
        size_t length = utf16_to_utf8(name, wide_length(name), lpTempFileName, MAX_PATH - 1, NULL);
        lpTempFileName[length < MAX_PATH ? length : MAX_PATH - 1] = 0;
    }
    return number;
}
