/* Creating, moving, linking and deleting by name: the Win32 functions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/file_name.h"

static NTSTATUS resolve(const WCHAR *name, struct path *ret_path)
{
    memset(ret_path, 0, sizeof *ret_path);
    return name ? path_resolve(name, wide_length(name), ret_path) : STATUS_OBJECT_PATH_NOT_FOUND;
}

BOOL k32_DeleteFileW(LPCWSTR lpFileName)
{
    struct path path;
    NTSTATUS status = resolve(lpFileName, &path);
    if (status == STATUS_SUCCESS)
        status = name_delete(&path, false);
    path_free(&path);
    return face_bool(status);
}

BOOL k32_RemoveDirectoryW(LPCWSTR lpPathName)
{
    struct path path;
    NTSTATUS status = resolve(lpPathName, &path);
    if (status == STATUS_SUCCESS)
        status = name_delete(&path, true);
    path_free(&path);
    return face_bool(status);
}

BOOL k32_CreateDirectoryW(LPCWSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
    struct path path;
    NTSTATUS status = resolve(lpPathName, &path);
    if (status == STATUS_SUCCESS)
        status = name_make_directory(&path);
    path_free(&path);
    return face_bool(status);
}

BOOL k32_MoveFileExW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName, DWORD dwFlags)
{
    struct path from, to = {0};
    if (dwFlags & MOVEFILE_DELAY_UNTIL_REBOOT)
        return face_bool(STATUS_ACCESS_DENIED);
    NTSTATUS status = resolve(lpExistingFileName, &from);
    if (status == STATUS_SUCCESS)
        status = resolve(lpNewFileName, &to);
    if (status == STATUS_SUCCESS)
        status = name_rename(&from, &to,
                             (dwFlags & MOVEFILE_REPLACE_EXISTING ? NAME_REPLACE : 0) |
                                 (dwFlags & MOVEFILE_COPY_ALLOWED ? NAME_COPY : 0));
    path_free(&from);
    path_free(&to);
    return face_bool(status);
}

BOOL k32_MoveFileW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName)
{
    return k32_MoveFileExW(lpExistingFileName, lpNewFileName, MOVEFILE_COPY_ALLOWED);
}

BOOL k32_CreateHardLinkW(LPCWSTR lpFileName, LPCWSTR lpExistingFileName,
                         LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
    struct path from, to = {0};
    NTSTATUS status = resolve(lpExistingFileName, &from);
    if (status == STATUS_SUCCESS)
        status = resolve(lpFileName, &to);
    if (status == STATUS_SUCCESS)
        status = name_link(&from, &to, false);
    path_free(&from);
    path_free(&to);
    return face_bool(status);
}

/* The text of a host link for a Windows target: relative stays relative. malloc'd. */
static char *link_text(const WCHAR *target, NTSTATUS *ret_status)
{
    size_t length = wide_length(target);
    bool absolute = length >= 2 && (path_is_separator(target[0]) || target[1] == ':');
    if (absolute)
        return path_to_host(target, length, ret_status);
    char *text = malloc(3 * length + 1), *at = text;
    *ret_status = text ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    for (size_t i = 0, end; text && i < length; i = end + 1) {
        for (end = i; end < length && !path_is_separator(target[end]);)
            end++;
        bool dots = target[i] == '.' && (end == i + 1 || (end == i + 2 && target[i + 1] == '.'));
        if (dots)
            at = memset(at, '.', end - i), at += end - i;
        else if (end > i)
            at = path_name_to_host(target + i, end - i, at);
        if (!at) {
            free(text);
            *ret_status = STATUS_OBJECT_NAME_INVALID;
            return NULL;
        }
        if (end < length)
            *at++ = '/';
    }
    if (text)
        *at = 0;
    return text;
}

BOOLEAN k32_CreateSymbolicLinkW(LPCWSTR lpSymlinkFileName, LPCWSTR lpTargetFileName, DWORD dwFlags)
{
    struct path path;
    NTSTATUS status = resolve(lpSymlinkFileName, &path);
    char *text = NULL;
    if (status == STATUS_SUCCESS && path.kind != PATH_FILE)
        status = STATUS_OBJECT_NAME_INVALID;
    if (status == STATUS_SUCCESS && !lpTargetFileName)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS) {
        status = path_match(&path.host);
        if (status == STATUS_SUCCESS)
            status = STATUS_OBJECT_NAME_COLLISION;
        else if (status == STATUS_OBJECT_NAME_NOT_FOUND)
            text = link_text(lpTargetFileName, &status);
    }
    if (text && symlink(text, path.host))
        status = errno_to_status(errno);
    free(text);
    path_free(&path);
    return (BOOLEAN)face_bool(status);
}

/* The A forms: a NULL stays one. */
static BOOL with_names(const char *a, const char *b,
                       BOOL (*call)(const WCHAR *, const WCHAR *, DWORD), DWORD flags)
{
    WCHAR *first = wide_from_utf8(a), *second = wide_from_utf8(b);
    BOOL done =
        (a && !first) || (b && !second) ? face_bool(STATUS_NO_MEMORY) : call(first, second, flags);
    free(first);
    free(second);
    return done;
}

static BOOL delete_file(const WCHAR *a, const WCHAR *b, DWORD flags)
{
    return k32_DeleteFileW(a);
}

static BOOL remove_directory(const WCHAR *a, const WCHAR *b, DWORD flags)
{
    return k32_RemoveDirectoryW(a);
}

static BOOL create_directory(const WCHAR *a, const WCHAR *b, DWORD flags)
{
    return k32_CreateDirectoryW(a, NULL);
}

static BOOL create_link(const WCHAR *a, const WCHAR *b, DWORD flags)
{
    return k32_CreateHardLinkW(a, b, NULL);
}

static BOOL create_symbolic_link(const WCHAR *a, const WCHAR *b, DWORD flags)
{
    return k32_CreateSymbolicLinkW(a, b, flags);
}

BOOL k32_DeleteFileA(LPCSTR lpFileName)
{
    return with_names(lpFileName, NULL, delete_file, 0);
}

BOOL k32_RemoveDirectoryA(LPCSTR lpPathName)
{
    return with_names(lpPathName, NULL, remove_directory, 0);
}

BOOL k32_CreateDirectoryA(LPCSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
    return with_names(lpPathName, NULL, create_directory, 0);
}

BOOL k32_MoveFileExA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName, DWORD dwFlags)
{
    return with_names(lpExistingFileName, lpNewFileName, k32_MoveFileExW, dwFlags);
}

BOOL k32_MoveFileA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName)
{
    return with_names(lpExistingFileName, lpNewFileName, k32_MoveFileExW, MOVEFILE_COPY_ALLOWED);
}

BOOL k32_CreateHardLinkA(LPCSTR lpFileName, LPCSTR lpExistingFileName,
                         LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
    return with_names(lpFileName, lpExistingFileName, create_link, 0);
}

BOOLEAN k32_CreateSymbolicLinkA(LPCSTR lpSymlinkFileName, LPCSTR lpTargetFileName, DWORD dwFlags)
{
    return (BOOLEAN)with_names(lpSymlinkFileName, lpTargetFileName, create_symbolic_link, dwFlags);
}

/* The new directory is made, nothing is taken over from the template. */
BOOL k32_CreateDirectoryExW(LPCWSTR lpTemplateDirectory, LPCWSTR lpNewDirectory,
                            LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
    DWORD attributes = k32_GetFileAttributesW(lpTemplateDirectory);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return FALSE;
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return face_bool(STATUS_NOT_A_DIRECTORY);
    return k32_CreateDirectoryW(lpNewDirectory, NULL);
}
