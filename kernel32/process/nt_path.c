/* Paths, ranges and facts by name, as ntdll has them. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/file_lock.h"
#include "kernel32/process/file_query.h"
#include "kernel32/process/nt_io.h"
#include "kernel32/process/nt_name.h"
#include "memoryapi/guarded.h"

NTSTATUS nt_NtLockFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                       PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER ByteOffset,
                       PLARGE_INTEGER Length, ULONG Key, BOOLEAN FailImmediately,
                       BOOLEAN ExclusiveLock)
{
    struct file *file;
    uint64_t offset, length;
    if (!guarded_read(ByteOffset, &offset, sizeof offset) ||
        !guarded_read(Length, &length, sizeof length))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_lock_range(file, offset, length, ExclusiveLock, !FailImmediately);
    NTSTATUS told = put_status(IoStatusBlock, status, 0);
    if (status == STATUS_SUCCESS && told != status)
        file_unlock_range(file, offset, length);
    file_complete(file, Event, ApcContext, told, 0);
    file_unref(file);
    return told;
}

NTSTATUS nt_NtUnlockFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock,
                         PLARGE_INTEGER ByteOffset, PLARGE_INTEGER Length, ULONG Key)
{
    struct file *file;
    uint64_t offset, length;
    if (!guarded_read(ByteOffset, &offset, sizeof offset) ||
        !guarded_read(Length, &length, sizeof length))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_unlock_range(file, offset, length);
    file_unref(file);
    return put_status(IoStatusBlock, status, 0);
}

NTSTATUS nt_NtFlushBuffersFileEx(HANDLE FileHandle, ULONG Flags, PVOID Parameters,
                                 ULONG ParametersSize, PIO_STATUS_BLOCK IoStatusBlock)
{
    return nt_NtFlushBuffersFile(FileHandle, IoStatusBlock);
}

/* The facts that need no open file. */
NTSTATUS nt_NtQueryInformationByName(POBJECT_ATTRIBUTES ObjectAttributes,
                                     PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                     ULONG Length, ULONG FileInformationClass)
{
    struct nt_name name;
    struct file_facts facts;
    if (FileInformationClass != FileStatInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (Length < sizeof(FILE_STAT_INFORMATION))
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = nt_name_resolve(ObjectAttributes, &name);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_facts_of_path(&name.path, false, &facts);
    path_free(&name.path);
    if (status != STATUS_SUCCESS)
        return put_status(IoStatusBlock, status, 0);
    FILE_STAT_INFORMATION info = {0};
    file_tell_stat(&facts, FILE_READ_ATTRIBUTES | SYNCHRONIZE, &info);
    if (!guarded_write(FileInformation, &info, sizeof info))
        return STATUS_ACCESS_VIOLATION;
    return put_status(IoStatusBlock, STATUS_SUCCESS, sizeof info);
}

/* In bytes; a root keeps its backslash, as with GetCurrentDirectory. */
ULONG nt_RtlGetCurrentDirectory_U(ULONG BufferLength, PWSTR Buffer)
{
    DWORD length = k32_GetCurrentDirectoryW(BufferLength / sizeof(WCHAR), Buffer);
    return length * (ULONG)sizeof(WCHAR);
}

NTSTATUS nt_RtlSetCurrentDirectory_U(PUNICODE_STRING PathName)
{
    WCHAR *text;
    size_t length;
    NTSTATUS status = nt_string_copy(PathName, &text, &length);
    if (status != STATUS_SUCCESS)
        return status;
    status = path_set_current_directory(text, length);
    free(text);
    return status;
}

BOOLEAN nt_RtlDoesFileExists_U(PCWSTR FileName)
{
    struct path path;
    struct file_facts facts;
    NTSTATUS status = path_resolve(FileName, wide_length(FileName), &path);
    if (status == STATUS_SUCCESS) {
        status = file_facts_of_path(&path, false, &facts);
        path_free(&path);
    }
    return status == STATUS_SUCCESS;
}

/* RTL_PATH_TYPE of phnt: UNC 1, drive absolute 2, drive relative 3, rooted 4, relative 5, local
 * device 6, root local device 7. */
ULONG nt_RtlDetermineDosPathNameType_U(PCWSTR DosFileName)
{
    const WCHAR *path = DosFileName;
    if (path_is_separator(path[0])) {
        if (!path_is_separator(path[1]))
            return 4;
        if (path[2] != '.' && path[2] != '?')
            return 1;
        return path_is_separator(path[3]) ? 6 : path[3] ? 1 : 7;
    }
    if (path[0] && path[1] == ':')
        return path_is_separator(path[2]) ? 2 : 3;
    return 5;
}

/* There is no MAX_PATH for any of our paths. */
BOOLEAN nt_RtlAreLongPathsEnabled(void)
{
    return TRUE;
}
