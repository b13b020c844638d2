/* CreateFile2, ReOpenFile, ReplaceFile and other later forms of opening and naming. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/file_name.h"

HANDLE k32_CreateFile2(LPCWSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
                       DWORD dwCreationDisposition,
                       LPCREATEFILE2_EXTENDED_PARAMETERS pCreateExParams)
{
    DWORD flags = 0;
    LPSECURITY_ATTRIBUTES security = NULL;
    if (pCreateExParams) {
        if (pCreateExParams->dwSize < sizeof *pCreateExParams) {
            last_error_set(ERROR_INVALID_PARAMETER);
            return (HANDLE)-1;
        }
        flags = pCreateExParams->dwFileAttributes | pCreateExParams->dwFileFlags;
        security = pCreateExParams->lpSecurityAttributes;
    }
    return k32_CreateFileW(lpFileName, dwDesiredAccess, dwShareMode, security,
                           dwCreationDisposition, flags, NULL);
}

/* The same file by the name the host has for it now. */
HANDLE k32_ReOpenFile(HANDLE hOriginalFile, DWORD dwDesiredAccess, DWORD dwShareMode,
                      DWORD dwFlagsAndAttributes)
{
    struct file *file;
    HANDLE handle = (HANDLE)-1;
    size_t length;
    NTSTATUS status = file_lookup(hOriginalFile, 0, &file);
    if (status == STATUS_SUCCESS) {
        char *host = file->kind == FILE_DISK ? path_of_descriptor(file->fd) : NULL;
        WCHAR *path = host ? path_from_host(host, &length) : NULL;
        free(host);
        file_unref(file);
        if (path) {
            handle = k32_CreateFileW(path, dwDesiredAccess, dwShareMode, NULL, OPEN_EXISTING,
                                     dwFlagsAndAttributes, NULL);
            free(path);
            return handle;
        }
        status = STATUS_INVALID_PARAMETER;
    }
    last_error_set(last_error_from_status(status));
    return handle;
}

static NTSTATUS resolve(const WCHAR *name, struct path *ret_path)
{
    memset(ret_path, 0, sizeof *ret_path);
    return name ? path_resolve(name, wide_length(name), ret_path) : STATUS_INVALID_PARAMETER;
}

/* The replaced file goes to the backup's name, or away; the replacement takes its name. */
static NTSTATUS replace(struct path *replaced, struct path *replacement, struct path *backup)
{
    struct file_facts facts;
    NTSTATUS status = file_facts_of_path(replaced, true, &facts);
    if (status == STATUS_SUCCESS)
        status = file_facts_of_path(replacement, true, &facts);
    if (status == STATUS_SUCCESS && facts.directory)
        status = STATUS_FILE_IS_A_DIRECTORY;
    if (status == STATUS_SUCCESS && backup)
        status = name_rename(replaced, backup, NAME_REPLACE);
    if (status != STATUS_SUCCESS)
        return status;
    status = name_rename(replacement, replaced, NAME_REPLACE);
    if (status != STATUS_SUCCESS && backup && rename(backup->host, replaced->host))
        return errno_to_status(errno);
    return status;
}

BOOL k32_ReplaceFileW(LPCWSTR lpReplacedFileName, LPCWSTR lpReplacementFileName,
                      LPCWSTR lpBackupFileName, DWORD dwReplaceFlags, LPVOID lpExclude,
                      LPVOID lpReserved)
{
    struct path replaced, replacement = {0}, backup = {0};
    if (lpExclude || lpReserved)
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status = resolve(lpReplacedFileName, &replaced);
    if (status == STATUS_SUCCESS)
        status = resolve(lpReplacementFileName, &replacement);
    if (status == STATUS_SUCCESS && lpBackupFileName)
        status = resolve(lpBackupFileName, &backup);
    if (status == STATUS_SUCCESS)
        status = replace(&replaced, &replacement, lpBackupFileName ? &backup : NULL);
    path_free(&replaced);
    path_free(&replacement);
    path_free(&backup);
    return face_bool(status);
}

BOOL k32_ReplaceFileA(LPCSTR lpReplacedFileName, LPCSTR lpReplacementFileName,
                      LPCSTR lpBackupFileName, DWORD dwReplaceFlags, LPVOID lpExclude,
                      LPVOID lpReserved)
{
    WCHAR *replaced = wide_from_utf8(lpReplacedFileName);
    WCHAR *replacement = wide_from_utf8(lpReplacementFileName);
    WCHAR *backup = wide_from_utf8(lpBackupFileName);
    BOOL done = lpBackupFileName && !backup
                    ? face_bool(STATUS_NO_MEMORY)
                    : k32_ReplaceFileW(replaced, replacement, backup, dwReplaceFlags, lpExclude,
                                       lpReserved);
    free(replaced);
    free(replacement);
    free(backup);
    return done;
}

BOOL k32_MoveFileWithProgressW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName,
                               LPPROGRESS_ROUTINE lpProgressRoutine, LPVOID lpData, DWORD dwFlags)
{
    return k32_MoveFileExW(lpExistingFileName, lpNewFileName, dwFlags);
}

DWORD k32_GetCompressedFileSizeW(LPCWSTR lpFileName, LPDWORD lpFileSizeHigh)
{
    struct path path;
    struct file_facts facts;
    NTSTATUS status = resolve(lpFileName, &path);
    if (status == STATUS_SUCCESS)
        status = file_facts_of_path(&path, true, &facts);
    path_free(&path);
    if (status != STATUS_SUCCESS) {
        last_error_set(last_error_from_status(status));
        return INVALID_FILE_SIZE;
    }
    /* what it takes on the disk, when that is less (sparse and compressed files) */
    uint64_t size = facts.allocated < facts.size ? facts.allocated : facts.size;
    if (lpFileSizeHigh)
        *lpFileSizeHigh = (DWORD)(size >> 32);
    last_error_set(ERROR_SUCCESS);
    return (DWORD)size;
}

DWORD k32_GetCompressedFileSizeA(LPCSTR lpFileName, LPDWORD lpFileSizeHigh)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    DWORD size = k32_GetCompressedFileSizeW(name, lpFileSizeHigh);
    free(name);
    return size;
}

/* The ANSI code page is UTF-8, and there is no other one to choose. */
BOOL k32_AreFileApisANSI(void)
{
    return TRUE;
}

/* Days of FAT: two seconds are one unit, 1980 is the first year (sdk-api winbase). */
BOOL k32_DosDateTimeToFileTime(WORD wFatDate, WORD wFatTime, LPFILETIME lpFileTime)
{
    const SYSTEMTIME time = {
        .wYear = (WORD)(1980 + (wFatDate >> 9)),
        .wMonth = (WORD)(wFatDate >> 5 & 15),
        .wDay = (WORD)(wFatDate & 31),
        .wHour = (WORD)(wFatTime >> 11),
        .wMinute = (WORD)(wFatTime >> 5 & 63),
        .wSecond = (WORD)(2 * (wFatTime & 31)),
    };
    return k32_SystemTimeToFileTime(&time, lpFileTime);
}

BOOL k32_FileTimeToDosDateTime(const FILETIME *lpFileTime, LPWORD lpFatDate, LPWORD lpFatTime)
{
    SYSTEMTIME time;
    uint64_t units = (uint64_t)lpFileTime->dwHighDateTime << 32 | lpFileTime->dwLowDateTime;
    units += 19999999; /* rounded up to the next two seconds */
    units -= units % 20000000;
    const FILETIME rounded = {(DWORD)units, (DWORD)(units >> 32)};
    if (!k32_FileTimeToSystemTime(&rounded, &time))
        return FALSE;
    if (time.wYear < 1980 || time.wYear > 2107)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpFatDate = (WORD)((time.wYear - 1980) << 9 | time.wMonth << 5 | time.wDay);
    *lpFatTime = (WORD)(time.wHour << 11 | time.wMinute << 5 | time.wSecond / 2);
    return TRUE;
}
