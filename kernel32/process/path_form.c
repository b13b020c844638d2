/* Other forms of paths: long and short names, temporary names, what an open file is called. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/file_query.h"
#include "kernel32/process/path_give.h"

#define VOLUME_NAME_GUID 1u /* sdk-api fileapi/GetFinalPathNameByHandleW */
#define VOLUME_NAME_NT   2u
#define VOLUME_NAME_NONE 4u

/* Where the name that ends at `end` begins; trailing separators are passed over. */
static size_t name_before(const WCHAR *path, size_t *end)
{
    while (*end && path_is_separator(path[*end - 1]))
        --*end;
    size_t begin = *end;
    while (begin && !path_is_separator(path[begin - 1]))
        begin--;
    return begin;
}

/* Name by name from the end, as long as they differ in case alone. What a ".." takes away is not in
 * the canonical path, so it ends there. */
static void take_case(WCHAR *path, size_t length, const WCHAR *canonical, size_t canonical_length)
{
    size_t end = length, from_end = canonical_length;
    while (end && from_end) {
        size_t begin = name_before(path, &end);
        size_t size = end - begin;
        if (size == 1 && path[begin] == '.') {
            end = begin;
            continue;
        }
        size_t from = name_before(canonical, &from_end);
        if (begin == 0 && size >= 2 && path[1] == ':')
            return; /* a drive keeps its case */
        if (!path_same_name(path + begin, size, canonical + from, from_end - from))
            return;
        memcpy(path + begin, canonical + from, size * sizeof *path);
        end = begin;
        from_end = from;
    }
}

/* Long names are the names the host has. The path keeps its form. */
static NTSTATUS long_form(const WCHAR *path, size_t length, WCHAR **ret, size_t *ret_length)
{
    struct path resolved;
    struct file_facts facts;
    NTSTATUS status = path_resolve(path, length, &resolved);
    if (status != STATUS_SUCCESS)
        return status;
    status = resolved.kind == PATH_FILE ? file_facts_of_path(&resolved, false, &facts)
                                        : STATUS_OBJECT_NAME_NOT_FOUND;
    size_t canonical_length = 0;
    WCHAR *canonical =
        status == STATUS_SUCCESS ? path_from_host(resolved.host, &canonical_length) : NULL;
    path_free(&resolved);
    if (status != STATUS_SUCCESS)
        return status;
    WCHAR *answer = malloc((length + 1) * sizeof *answer);
    if (canonical && answer) {
        memcpy(answer, path, length * sizeof *answer);
        answer[length] = 0;
        take_case(answer, length, canonical, canonical_length);
    }
    bool done = canonical && answer;
    free(canonical);
    if (!done) {
        free(answer);
        return STATUS_NO_MEMORY;
    }
    *ret = answer;
    *ret_length = length;
    return STATUS_SUCCESS;
}

DWORD k32_GetLongPathNameW(LPCWSTR lpszShortPath, LPWSTR lpszLongPath, DWORD cchBuffer)
{
    WCHAR *answer;
    size_t length;
    if (!lpszShortPath || !*lpszShortPath)
        return path_give_error(lpszShortPath ? STATUS_OBJECT_PATH_NOT_FOUND
                                             : STATUS_INVALID_PARAMETER);
    NTSTATUS status = long_form(lpszShortPath, wide_length(lpszShortPath), &answer, &length);
    return status == STATUS_SUCCESS ? path_give(answer, length, cchBuffer, lpszLongPath)
                                    : path_give_error(status);
}

/* There are no short names: the long one is the answer, as on a volume without them. */
DWORD k32_GetShortPathNameW(LPCWSTR lpszLongPath, LPWSTR lpszShortPath, DWORD cchBuffer)
{
    return k32_GetLongPathNameW(lpszLongPath, lpszShortPath, cchBuffer);
}

static WCHAR *variable(const char *name, size_t *ret_length)
{
    WCHAR wide[16];
    size_t length = utf8_to_utf16(name, strlen(name), wide, 16, NULL);
    return environ_get(wide, length, ret_length);
}

/* TMP, TEMP, USERPROFILE, or the host's directory; with a backslash at the end. */
static WCHAR *temporary(size_t *ret_length)
{
    static const char *const names[] = {"TMP", "TEMP", "USERPROFILE"};
    WCHAR *value = NULL, *full = NULL;
    NTSTATUS status;
    for (unsigned i = 0; i < array_length(names) && !full; i++) {
        size_t length;
        value = variable(names[i], &length);
        if (value && length)
            full = path_full(value, length, ret_length, &status);
        free(value);
    }
    if (!full)
        full = path_from_host("/tmp", ret_length);
    if (full && full[*ret_length - 1] != '\\') {
        WCHAR *longer = realloc(full, (*ret_length + 2) * sizeof *full);
        if (!longer) {
            free(full);
            return NULL;
        }
        full = longer;
        full[(*ret_length)++] = '\\';
        full[*ret_length] = 0;
    }
    return full;
}

DWORD k32_GetTempPathW(DWORD nBufferLength, LPWSTR lpBuffer)
{
    size_t length;
    WCHAR *path = temporary(&length);
    return path ? path_give(path, length, nBufferLength, lpBuffer)
                : path_give_error(STATUS_NO_MEMORY);
}

DWORD k32_GetTempPath2W(DWORD BufferLength, LPWSTR Buffer)
{
    return k32_GetTempPathW(BufferLength, Buffer);
}

/* <path>\<three characters><hexadecimal number>.TMP */
static size_t temporary_name(const WCHAR *path, const WCHAR *prefix, unsigned number,
                             WCHAR ret[MAX_PATH])
{
    size_t length = wide_length(path);
    char tail[16];
    memcpy(ret, path, length * sizeof *path);
    if (length && !path_is_separator(path[length - 1]))
        ret[length++] = '\\';
    for (unsigned i = 0; i < 3 && prefix && prefix[i]; i++)
        ret[length++] = prefix[i];
    int size = snprintf(tail, sizeof tail, "%X.TMP", number);
    for (int i = 0; i <= size; i++)
        ret[length + (size_t)i] = (WCHAR)tail[i];
    return length + (size_t)size;
}

/* 0: taken or failed, with the last error. */
static bool make_file(const WCHAR *name, DWORD *ret_error)
{
    HANDLE handle =
        k32_CreateFileW(name, GENERIC_READ, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == (HANDLE)-1) {
        *ret_error = last_error_get();
        return false;
    }
    handle_close(handle);
    return true;
}

UINT k32_GetTempFileNameW(LPCWSTR lpPathName, LPCWSTR lpPrefixString, UINT uUnique,
                          LPWSTR lpTempFileName)
{
    WCHAR name[MAX_PATH];
    DWORD error = ERROR_FILE_EXISTS;
    if (!lpPathName || wide_length(lpPathName) > MAX_PATH - 14) {
        last_error_set(lpPathName ? ERROR_BUFFER_OVERFLOW : ERROR_INVALID_PARAMETER);
        return 0;
    }
    DWORD attributes = k32_GetFileAttributesW(lpPathName);
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY)) {
        last_error_set(ERROR_DIRECTORY);
        return 0;
    }
    unsigned number = uUnique ? uUnique & 0xFFFF : (unsigned)(time_system() / 10000) & 0xFFFF;
    for (unsigned tries = 0; tries < 0x10000 && error == ERROR_FILE_EXISTS; tries++) {
        number = number ? number : 1;
        size_t length = temporary_name(lpPathName, lpPrefixString, number, name);
        if (uUnique || make_file(name, &error)) {
            memcpy(lpTempFileName, name, (length + 1) * sizeof *name);
            return number;
        }
        number = (number + 1) & 0xFFFF;
    }
    last_error_set(error);
    return 0;
}

static void put_text(WCHAR **at, const char *text)
{
    while (*text)
        *(*at)++ = (WCHAR)(unsigned char)*text++;
}

/* `path` is "X:\..."; takes it over. NULL: no memory. */
static WCHAR *final_form(WCHAR *path, size_t length, DWORD volume, size_t *ret_length)
{
    char root[64] = "\\\\?\\";
    WCHAR letter = path[0];
    size_t skip = volume == 0 ? 0 : 2;
    if (volume == VOLUME_NAME_GUID)
        snprintf(root, sizeof root, "\\\\?\\Volume{77696e6d-656d-4000-8000-0000000000%02x}",
                 letter);
    else if (volume == VOLUME_NAME_NT)
        snprintf(root, sizeof root, "\\Device\\HarddiskVolume%d", letter - 'A' + 1);
    else if (volume == VOLUME_NAME_NONE)
        root[0] = 0;
    WCHAR *answer = malloc((strlen(root) + length + 1) * sizeof *answer), *at = answer;
    if (answer) {
        put_text(&at, root);
        memcpy(at, path + skip, (length - skip + 1) * sizeof *path);
        *ret_length = strlen(root) + length - skip;
    }
    free(path);
    return answer;
}

DWORD k32_GetFinalPathNameByHandleW(HANDLE hFile, LPWSTR lpszFilePath, DWORD cchFilePath,
                                    DWORD dwFlags)
{
    struct file *file;
    WCHAR *path;
    size_t length;
    DWORD volume = dwFlags & 7;
    if (volume == 3 || volume > VOLUME_NAME_NONE || dwFlags & ~15u)
        return path_give_error(STATUS_INVALID_PARAMETER);
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status != STATUS_SUCCESS)
        return path_give_error(status);
    status = file_path_of(file, &path, &length);
    file_unref(file);
    if (status != STATUS_SUCCESS)
        return path_give_error(status);
    path = final_form(path, length, volume, &length);
    return path ? path_give(path, length, cchFilePath, lpszFilePath)
                : path_give_error(STATUS_NO_MEMORY);
}
