/* SearchPath: a file by name in the directories where Windows looks. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/path.h"
#include "kernel32/process/path_give.h"
#include "kernel32/process/teb.h"

static bool is_plain(const WCHAR *name)
{
    for (; *name; name++)
        if (path_is_separator(*name) || *name == ':')
            return false;
    return true;
}

static bool has_extension(const WCHAR *name)
{
    bool dot = false;
    for (; *name; name++)
        dot = *name == '.' || (dot && !path_is_separator(*name));
    return dot;
}

/* directory\name.extension, if such a file is there; malloc'd and absolute. */
static WCHAR *try_directory(const WCHAR *directory, size_t length, const WCHAR *name,
                            const WCHAR *extension, size_t *ret_length)
{
    NTSTATUS status;
    size_t name_length = wide_length(name), tail = extension ? wide_length(extension) : 0, at = 0;
    WCHAR *path = malloc((length + name_length + tail + 2) * sizeof *path);
    if (!path)
        return NULL;
    memcpy(path, directory, length * sizeof *path);
    at = length;
    if (at && !path_is_separator(path[at - 1]))
        path[at++] = '\\';
    memcpy(path + at, name, name_length * sizeof *path);
    at += name_length;
    if (tail)
        memcpy(path + at, extension, tail * sizeof *path);
    at += tail;
    path[at] = 0;
    WCHAR *full = path_full(path, at, ret_length, &status);
    free(path);
    if (full && k32_GetFileAttributesW(full) == INVALID_FILE_ATTRIBUTES) {
        free(full);
        full = NULL;
    }
    return full;
}

/* A list of directories between semicolons. */
static WCHAR *try_list(const WCHAR *list, size_t length, const WCHAR *name, const WCHAR *extension,
                       size_t *ret_length)
{
    WCHAR *found = NULL;
    for (size_t at = 0, end; at < length && !found; at = end + 1) {
        for (end = at; end < length && list[end] != ';';)
            end++;
        if (end > at)
            found = try_directory(list + at, end - at, name, extension, ret_length);
    }
    return found;
}

/* sdk-api processenv/SearchPathW: the program's directory, the current one, those of the system,
 * PATH. */
static WCHAR *try_system(const WCHAR *name, const WCHAR *extension, size_t *ret_length)
{
    static const WCHAR variable[] = {'P', 'A', 'T', 'H'}, here[] = {'.'};
    WCHAR *found = NULL, system[40];
    if (process_peb && process_peb->parameters->image_path.Buffer) {
        const UNICODE_STRING *image = &process_peb->parameters->image_path;
        size_t end = image->Length / sizeof(WCHAR);
        while (end && image->Buffer[end - 1] != '\\')
            end--;
        found = try_directory(image->Buffer, end, name, extension, ret_length);
    }
    if (!found)
        found = try_directory(here, 1, name, extension, ret_length);
    if (!found)
        found =
            try_directory(system, k32_GetSystemDirectoryW(system, 40), name, extension, ret_length);
    if (!found)
        found = try_directory(system, k32_GetWindowsDirectoryW(system, 40), name, extension,
                              ret_length);
    if (!found) {
        size_t length;
        WCHAR *list = environ_get(variable, array_length(variable), &length);
        if (list)
            found = try_list(list, length, name, extension, ret_length);
        free(list);
    }
    return found;
}

DWORD k32_SearchPathW(LPCWSTR lpPath, LPCWSTR lpFileName, LPCWSTR lpExtension, DWORD nBufferLength,
                      LPWSTR lpBuffer, LPWSTR *lpFilePart)
{
    size_t length;
    WCHAR *found;
    if (!lpFileName || !*lpFileName)
        return path_give_error(STATUS_INVALID_PARAMETER);
    const WCHAR *extension = has_extension(lpFileName) ? NULL : lpExtension;
    if (!is_plain(lpFileName))
        found = try_directory(lpFileName, 0, lpFileName, extension, &length);
    else if (lpPath)
        found = try_list(lpPath, wide_length(lpPath), lpFileName, extension, &length);
    else
        found = try_system(lpFileName, extension, &length);
    if (!found)
        return path_give_error(STATUS_OBJECT_NAME_NOT_FOUND);
    size_t part = length;
    while (part && found[part - 1] != '\\')
        part--;
    DWORD answer = path_give(found, length, nBufferLength, lpBuffer);
    if (lpFilePart && answer == length)
        *lpFilePart = part < length ? lpBuffer + part : NULL;
    return answer;
}

DWORD k32_SearchPathA(LPCSTR lpPath, LPCSTR lpFileName, LPCSTR lpExtension, DWORD nBufferLength,
                      LPSTR lpBuffer, LPSTR *lpFilePart)
{
    WCHAR *path = wide_from_utf8(lpPath), *name = wide_from_utf8(lpFileName);
    WCHAR *extension = wide_from_utf8(lpExtension), *wide = NULL;
    DWORD room = k32_SearchPathW(path, name, extension, 0, NULL, NULL), length = 0;
    if (room && (wide = malloc(room * sizeof *wide))) {
        DWORD got = k32_SearchPathW(path, name, extension, room, wide, NULL);
        length = got && got < room ? path_give_narrow(wide, got, nBufferLength, lpBuffer) : 0;
        if (!got || got >= room)
            free(wide);
    } else if (room) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
    }
    free(path);
    free(name);
    free(extension);
    if (lpFilePart && length && length < nBufferLength && lpBuffer) {
        char *slash = strrchr(lpBuffer, '\\');
        *lpFilePart = slash && slash[1] ? slash + 1 : NULL;
    }
    return length;
}
