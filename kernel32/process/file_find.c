/* FindFirstFile and what follows. */
#include "kernel32/process/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/filetime.h"

struct find {
    struct object object;
    int fd; /* of the directory; -1: a single name, already given */
    struct futex_lock lock;
    struct directory *directory; /* under lock */
};

static void destroy(struct object *object)
{
    struct find *find = (struct find *)object;
    directory_close(find->directory);
    if (find->fd >= 0)
        close(find->fd);
    free(find);
}

static const struct object_ops ops = {OBJECT_FIND, "find", destroy, NULL, NULL, NULL};

static void fill(const struct file_facts *facts, const WCHAR *name, size_t length,
                 WIN32_FIND_DATAW *data)
{
    memset(data, 0, sizeof *data);
    data->dwFileAttributes = facts->attributes;
    data->ftCreationTime = filetime(facts->created);
    data->ftLastAccessTime = filetime(facts->accessed);
    data->ftLastWriteTime = filetime(facts->written);
    data->nFileSizeHigh = (DWORD)(facts->size >> 32);
    data->nFileSizeLow = (DWORD)facts->size;
    data->dwReserved0 = facts->tag;
    if (length >= array_length(data->cFileName))
        length = array_length(data->cFileName) - 1;
    memcpy(data->cFileName, name, length * sizeof *name);
}

/* What Win32 makes of a pattern before the file system sees it (windows-driver-docs
 * ntifs/FsRtlIsNameInExpression). Returns its length; 0: everything. */
static size_t translate(WCHAR *pattern, size_t length)
{
    if ((length == 1 && pattern[0] == '*') ||
        (length == 3 && pattern[0] == '*' && pattern[1] == '.' && pattern[2] == '*'))
        return 0;
    if (length >= 2 && pattern[length - 1] == '.' && pattern[length - 2] == '*') {
        length--;
        pattern[length - 1] = '<';
    }
    for (size_t i = 0; i < length; i++) {
        WCHAR next = i + 1 < length ? pattern[i + 1] : 0;
        if (pattern[i] == '?')
            pattern[i] = '>';
        else if (pattern[i] == '.' && (next == '*' || next == '?'))
            pattern[i] = '"';
    }
    return length;
}

static bool has_wildcard(const WCHAR *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '*' || text[i] == '?' || text[i] == '<' || text[i] == '>' || text[i] == '"')
            return true;
    return false;
}

/* Where the last name begins. */
static size_t last_name(const WCHAR *path, size_t length)
{
    size_t at = length;
    while (at > 0 && !path_is_separator(path[at - 1]) && !(at == 2 && path[1] == ':'))
        at--;
    return at;
}

/* Opens the directory a path names, whatever its case. */
static NTSTATUS open_directory(const WCHAR *path, size_t length, int *ret_fd, bool *ret_root)
{
    static const WCHAR here[] = {'.'};
    struct path resolved;
    NTSTATUS status = path_resolve(length ? path : here, length ? length : 1, &resolved);
    if (status != STATUS_SUCCESS)
        return status;
    if (resolved.kind != PATH_FILE) {
        path_free(&resolved);
        return STATUS_OBJECT_NAME_INVALID;
    }
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    *ret_fd = open(resolved.host, flags);
    if (*ret_fd < 0 && errno == ENOENT) {
        status = path_match(&resolved.host);
        if (status == STATUS_SUCCESS)
            *ret_fd = open(resolved.host, flags);
    }
    if (status == STATUS_SUCCESS && *ret_fd < 0)
        status = errno_to_status(errno);
    *ret_root = false;
    for (WCHAR letter = 'A'; letter <= 'Z'; letter++) {
        const char *drive = path_drive_host(letter);
        *ret_root |= drive && strcmp(drive, resolved.host) == 0;
    }
    path_free(&resolved);
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

static NTSTATUS find_pattern(const WCHAR *path, size_t length, struct find *find,
                             WIN32_FIND_DATAW *data)
{
    bool root;
    size_t at = last_name(path, length), size = length - at;
    WCHAR *pattern = malloc((size + 1) * sizeof *pattern);
    if (!pattern)
        return STATUS_NO_MEMORY;
    memcpy(pattern, path + at, size * sizeof *pattern);
    bool verbatim = length >= 4 && path[0] == '\\' && path[2] == '?' && path[3] == '\\';
    while (!verbatim && size > 1 &&
           (pattern[size - 1] == ' ' || (pattern[size - 1] == '.' && pattern[size - 2] != '*')))
        size--;
    size = translate(pattern, size);
    NTSTATUS status = open_directory(path, at, &find->fd, &root);
    if (status == STATUS_SUCCESS)
        status = directory_open(find->fd, size ? pattern : NULL, size, !root, &find->directory);
    free(pattern);
    struct directory_entry entry;
    if (status == STATUS_SUCCESS)
        status = directory_peek(find->directory, &entry);
    if (status == STATUS_NO_MORE_FILES)
        return STATUS_NO_SUCH_FILE;
    if (status == STATUS_SUCCESS) {
        fill(&entry.facts, entry.name, entry.length, data);
        directory_advance(find->directory);
    }
    return status;
}

static NTSTATUS find_name(const WCHAR *path, size_t length, WIN32_FIND_DATAW *data)
{
    struct path resolved;
    struct file_facts facts;
    if (length == 0)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (path_is_separator(path[length - 1]))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    NTSTATUS status = path_resolve(path, length, &resolved);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_facts_of_path(&resolved, false, &facts);
    const char *name = resolved.host ? strrchr(resolved.host, '/') + 1 : "";
    if (status == STATUS_SUCCESS && resolved.kind == PATH_FILE) {
        WCHAR *wide = malloc((strlen(name) + 1) * sizeof *wide);
        if (wide)
            fill(&facts, wide, path_name_from_host(name, strlen(name), wide), data);
        else
            status = STATUS_NO_MEMORY;
        free(wide);
    } else if (status == STATUS_SUCCESS) {
        size_t at = last_name(path, length);
        fill(&facts, path + at, length - at, data);
    }
    path_free(&resolved);
    return status;
}

HANDLE k32_FindFirstFileExW(LPCWSTR lpFileName, DWORD fInfoLevelId, LPVOID lpFindFileData,
                            DWORD fSearchOp, LPVOID lpSearchFilter, DWORD dwAdditionalFlags)
{
    HANDLE handle = NULL;
    struct find *find = NULL;
    NTSTATUS status = STATUS_SUCCESS;
    if (fInfoLevelId > 1 || fSearchOp > 1 || lpSearchFilter || !lpFileName)
        status = lpFileName ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_PATH_NOT_FOUND;
    else if (!(find = calloc(1, sizeof *find)))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS) {
        size_t length = wide_length(lpFileName), at = last_name(lpFileName, length);
        object_init(&find->object, &ops);
        find->fd = -1;
        status = has_wildcard(lpFileName + at, length - at)
                     ? find_pattern(lpFileName, length, find, lpFindFileData)
                     : find_name(lpFileName, length, lpFindFileData);
        if (status == STATUS_SUCCESS)
            status = handle_create(&find->object, 0, false, &handle);
        object_unref(&find->object);
    }
    if (status == STATUS_SUCCESS)
        return handle;
    last_error_set(last_error_from_status(status));
    return (HANDLE)-1;
}

HANDLE k32_FindFirstFileW(LPCWSTR lpFileName, LPWIN32_FIND_DATAW lpFindFileData)
{
    return k32_FindFirstFileExW(lpFileName, 0, lpFindFileData, 0, NULL, 0);
}

/* A handle of FindFirstVolume is none of ours. */
static NTSTATUS lookup(HANDLE handle, struct object **ret_object)
{
    NTSTATUS status = handle_lookup(handle, OBJECT_FIND, 0, ret_object);
    if (status == STATUS_SUCCESS && (*ret_object)->ops != &ops) {
        object_unref(*ret_object);
        status = STATUS_INVALID_HANDLE;
    }
    return status;
}

BOOL k32_FindNextFileW(HANDLE hFindFile, LPWIN32_FIND_DATAW lpFindFileData)
{
    struct object *object;
    struct directory_entry entry;
    NTSTATUS status = lookup(hFindFile, &object);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    struct find *find = (struct find *)object;
    WIN32_FIND_DATAW data; /* the caller's memory is not touched under a lock */
    futex_lock(&find->lock);
    status = find->directory ? directory_peek(find->directory, &entry) : STATUS_NO_MORE_FILES;
    if (status == STATUS_SUCCESS) {
        fill(&entry.facts, entry.name, entry.length, &data);
        directory_advance(find->directory);
    }
    futex_unlock(&find->lock);
    object_unref(object);
    if (status == STATUS_SUCCESS)
        *lpFindFileData = data;
    return face_bool(status);
}

BOOL k32_FindClose(HANDLE hFindFile)
{
    struct object *object;
    NTSTATUS status = lookup(hFindFile, &object);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    object_unref(object);
    return face_bool(handle_close(hFindFile));
}

static void narrow(const WIN32_FIND_DATAW *wide, WIN32_FIND_DATAA *data)
{
    memset(data, 0, sizeof *data);
    memcpy(data, wide, offsetof(WIN32_FIND_DATAA, cFileName));
    utf16_to_utf8(wide->cFileName, wide_length(wide->cFileName), data->cFileName,
                  sizeof data->cFileName - 1, NULL);
}

HANDLE k32_FindFirstFileExA(LPCSTR lpFileName, DWORD fInfoLevelId, LPVOID lpFindFileData,
                            DWORD fSearchOp, LPVOID lpSearchFilter, DWORD dwAdditionalFlags)
{
    WIN32_FIND_DATAW data;
    WCHAR *name = wide_from_utf8(lpFileName);
    HANDLE handle = k32_FindFirstFileExW(name, fInfoLevelId, &data, fSearchOp, lpSearchFilter,
                                         dwAdditionalFlags);
    free(name);
    if (handle != (HANDLE)-1)
        narrow(&data, lpFindFileData);
    return handle;
}

HANDLE k32_FindFirstFileA(LPCSTR lpFileName, LPWIN32_FIND_DATAA lpFindFileData)
{
    return k32_FindFirstFileExA(lpFileName, 0, lpFindFileData, 0, NULL, 0);
}

BOOL k32_FindNextFileA(HANDLE hFindFile, LPWIN32_FIND_DATAA lpFindFileData)
{
    WIN32_FIND_DATAW data;
    if (!k32_FindNextFileW(hFindFile, &data))
        return FALSE;
    narrow(&data, lpFindFileData);
    return TRUE;
}
