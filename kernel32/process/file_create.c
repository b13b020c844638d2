/* CreateFile and its NT forms: parameters to a file_request. */
#include "kernel32/process/file.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

/* dwFlagsAndAttributes as the options of NtCreateFile. */
static uint32_t options_of(DWORD flags)
{
    static const struct {
        DWORD flag;
        uint32_t option;
    } pairs[] = {
        {FILE_FLAG_WRITE_THROUGH, FILE_WRITE_THROUGH},
        {FILE_FLAG_NO_BUFFERING, FILE_NO_INTERMEDIATE_BUFFERING},
        {FILE_FLAG_RANDOM_ACCESS, FILE_RANDOM_ACCESS},
        {FILE_FLAG_SEQUENTIAL_SCAN, FILE_SEQUENTIAL_ONLY},
        {FILE_FLAG_DELETE_ON_CLOSE, FILE_DELETE_ON_CLOSE},
        {FILE_FLAG_OPEN_REPARSE_POINT, FILE_OPEN_REPARSE_POINT},
        {FILE_FLAG_BACKUP_SEMANTICS, FILE_OPEN_FOR_BACKUP_INTENT},
    };
    uint32_t options = 0;
    for (unsigned i = 0; i < array_length(pairs); i++)
        if (flags & pairs[i].flag)
            options |= pairs[i].option;
    if (!(flags & FILE_FLAG_OVERLAPPED))
        options |= FILE_SYNCHRONOUS_IO_NONALERT;
    if (!(flags & FILE_FLAG_BACKUP_SEMANTICS))
        options |= FILE_NON_DIRECTORY_FILE;
    return options;
}

static NTSTATUS open_win32(const WCHAR *name, size_t length, struct file_request *request,
                           HANDLE *ret_handle, uint32_t *ret_information)
{
    struct path path;
    NTSTATUS status = path_resolve(name, length, &path);
    request->path = &path;
    if (status == STATUS_SUCCESS)
        status = file_open(request, ret_handle, ret_information);
    /* A directory asked for by "name\" without backup semantics is a path that leads nowhere. */
    if (status == STATUS_FILE_IS_A_DIRECTORY && path.directory)
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    path_free(&path);
    return status;
}

static HANDLE create_file(const WCHAR *name, DWORD access, DWORD share,
                          const SECURITY_ATTRIBUTES *attributes, DWORD disposition, DWORD flags)
{
    static const uint32_t dispositions[] = {0,         FILE_CREATE,  FILE_OVERWRITE_IF,
                                            FILE_OPEN, FILE_OPEN_IF, FILE_OVERWRITE};
    HANDLE handle;
    uint32_t information;
    if (disposition < CREATE_NEW || disposition > TRUNCATE_EXISTING || !name ||
        (disposition == TRUNCATE_EXISTING && !(access & (GENERIC_WRITE | FILE_WRITE_DATA)))) {
        last_error_set(name ? ERROR_INVALID_PARAMETER : ERROR_PATH_NOT_FOUND);
        return (HANDLE)-1;
    }
    struct file_request request = {
        .access = file_rights(access) | SYNCHRONIZE | FILE_READ_ATTRIBUTES |
                  (flags & FILE_FLAG_DELETE_ON_CLOSE ? DELETE : 0),
        .attributes = flags & 0xFFFFu,
        .share = share,
        .disposition = dispositions[disposition],
        .options = options_of(flags),
        .inherit = attributes && attributes->bInheritHandle,
    };
    NTSTATUS status = open_win32(name, wide_length(name), &request, &handle, &information);
    if (status != STATUS_SUCCESS) {
        last_error_set(status == STATUS_OBJECT_NAME_COLLISION && disposition == CREATE_NEW
                           ? ERROR_FILE_EXISTS
                           : last_error_from_status(status));
        return (HANDLE)-1;
    }
    /* sdk-api fileapi/CreateFileW: how a caller learns that the file was there already */
    bool told = disposition == CREATE_ALWAYS || disposition == OPEN_ALWAYS;
    last_error_set(told && information != FILE_CREATED ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return handle;
}

HANDLE k32_CreateFileW(LPCWSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
                       LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
                       DWORD dwFlagsAndAttributes, HANDLE hTemplateFile)
{
    return create_file(lpFileName, dwDesiredAccess, dwShareMode, lpSecurityAttributes,
                       dwCreationDisposition, dwFlagsAndAttributes);
}

HANDLE k32_CreateFileA(LPCSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
                       LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
                       DWORD dwFlagsAndAttributes, HANDLE hTemplateFile)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    if (!name && lpFileName) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
        return (HANDLE)-1;
    }
    HANDLE handle = create_file(name, dwDesiredAccess, dwShareMode, lpSecurityAttributes,
                                dwCreationDisposition, dwFlagsAndAttributes);
    free(name);
    return handle;
}
