/* Asking, changing and listing files as ntdll has it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/file_query.h"
#include "kernel32/process/nt_io.h"
#include "kernel32/process/nt_name.h"
#include "kernel32/process/volume.h"
#include "memoryapi/guarded.h"

#define ANSWER_MAXIMUM (64u * 1024)

#define SL_RESTART_SCAN        1u /* windows-driver-docs ntifs/NtQueryDirectoryFileEx */
#define SL_RETURN_SINGLE_ENTRY 2u

/* Gives the answer away and frees it. */
static NTSTATUS answer(IO_STATUS_BLOCK *block, void *to, void *buffer, size_t length,
                       NTSTATUS status)
{
    bool has_answer = status == STATUS_SUCCESS || status == STATUS_BUFFER_OVERFLOW;
    if (has_answer && length && !guarded_copy(to, buffer, length))
        status = STATUS_ACCESS_VIOLATION;
    free(buffer);
    return put_status(block, status, has_answer ? length : 0);
}

static size_t limit(ULONG length)
{
    return length < ANSWER_MAXIMUM ? length : ANSWER_MAXIMUM;
}

NTSTATUS nt_NtQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock,
                                   PVOID FileInformation, ULONG Length, ULONG FileInformationClass)
{
    struct file *file;
    size_t made = 0, room = limit(Length);
    NTSTATUS status = file_lookup(FileHandle, file_query_access(FileInformationClass), &file);
    if (status != STATUS_SUCCESS)
        return status;
    void *buffer = malloc(room ? room : 1);
    status =
        buffer ? file_query(file, FileInformationClass, buffer, room, &made) : STATUS_NO_MEMORY;
    file_unref(file);
    return answer(IoStatusBlock, FileInformation, buffer, made, status);
}

NTSTATUS nt_NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock,
                                 PVOID FileInformation, ULONG Length, ULONG FileInformationClass)
{
    struct file *file;
    if (Length > 2 * ANSWER_MAXIMUM)
        return STATUS_INVALID_PARAMETER;
    void *copy = malloc(Length ? Length : 1);
    if (!copy)
        return STATUS_NO_MEMORY;
    NTSTATUS status =
        guarded_copy(copy, FileInformation, Length) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = file_lookup(FileHandle, file_set_access(FileInformationClass), &file);
    if (status == STATUS_SUCCESS) {
        status = file_set(file, FileInformationClass, copy, Length, false);
        file_unref(file);
        status = put_status(IoStatusBlock, status, 0);
    }
    free(copy);
    return status;
}

static NTSTATUS list(HANDLE handle, HANDLE event, IO_STATUS_BLOCK *block, void *to, ULONG size,
                     struct directory_query *query, const UNICODE_STRING *pattern)
{
    struct file *file;
    WCHAR *text = NULL;
    size_t made = 0, room = limit(size);
    NTSTATUS status = file_lookup(handle, FILE_LIST_DIRECTORY, &file);
    if (status != STATUS_SUCCESS)
        return status;
    if (pattern)
        status = nt_string_copy(pattern, &text, &query->pattern_length);
    bool everything = query->pattern_length == 0 || (query->pattern_length == 1 && text[0] == '*');
    query->pattern = everything ? NULL : text;
    void *buffer = status == STATUS_SUCCESS ? malloc(room ? room : 1) : NULL;
    if (status == STATUS_SUCCESS)
        status = buffer ? file_query_directory(file, query, buffer, room, &made) : STATUS_NO_MEMORY;
    free(text);
    status = answer(block, to, buffer, made, status);
    file_complete(file, event, NULL, status, made);
    file_unref(file);
    return status;
}

NTSTATUS nt_NtQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine,
                                 PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock,
                                 PVOID FileInformation, ULONG Length, ULONG FileInformationClass,
                                 BOOLEAN ReturnSingleEntry, PUNICODE_STRING FileName,
                                 BOOLEAN RestartScan)
{
    struct directory_query query = {.information_class = FileInformationClass,
                                    .restart = RestartScan,
                                    .single = ReturnSingleEntry};
    return list(FileHandle, Event, IoStatusBlock, FileInformation, Length, &query, FileName);
}

NTSTATUS nt_NtQueryDirectoryFileEx(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine,
                                   PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock,
                                   PVOID FileInformation, ULONG Length, ULONG FileInformationClass,
                                   ULONG QueryFlags, PUNICODE_STRING FileName)
{
    struct directory_query query = {.information_class = FileInformationClass,
                                    .restart = QueryFlags & SL_RESTART_SCAN,
                                    .single = QueryFlags & SL_RETURN_SINGLE_ENTRY};
    return list(FileHandle, Event, IoStatusBlock, FileInformation, Length, &query, FileName);
}

static NTSTATUS facts_of_attributes(const OBJECT_ATTRIBUTES *attributes, struct file_facts *facts)
{
    struct nt_name name;
    NTSTATUS status = nt_name_resolve(attributes, &name);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_facts_of_path(&name.path, false, facts);
    path_free(&name.path);
    return status;
}

NTSTATUS nt_NtQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes,
                                  PFILE_BASIC_INFORMATION FileInformation)
{
    struct file_facts facts;
    NTSTATUS status = facts_of_attributes(ObjectAttributes, &facts);
    if (status != STATUS_SUCCESS)
        return status;
    FILE_BASIC_INFORMATION info = {0};
    file_tell_basic(&facts, &info);
    return guarded_write(FileInformation, &info, sizeof info) ? STATUS_SUCCESS
                                                              : STATUS_ACCESS_VIOLATION;
}

NTSTATUS nt_NtQueryFullAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes,
                                      PFILE_NETWORK_OPEN_INFORMATION FileInformation)
{
    struct file_facts facts;
    NTSTATUS status = facts_of_attributes(ObjectAttributes, &facts);
    if (status != STATUS_SUCCESS)
        return status;
    FILE_NETWORK_OPEN_INFORMATION info = {0};
    file_tell_open(&facts, &info);
    return guarded_write(FileInformation, &info, sizeof info) ? STATUS_SUCCESS
                                                              : STATUS_ACCESS_VIOLATION;
}

enum { /* windows-driver-docs wdm/FS_INFORMATION_CLASS */
       VOLUME_CLASS = 1,
       SIZE_CLASS = 3,
       DEVICE_CLASS = 4,
       ATTRIBUTE_CLASS = 5,
       FULL_SIZE_CLASS = 7,
};

#define FILE_DEVICE_DISK       0x07u
#define FILE_DEVICE_NAMED_PIPE 0x11u
#define FILE_DEVICE_NULL       0x15u
#define FILE_DEVICE_CONSOLE    0x50u
#define DEVICE_IS_MOUNTED      0x20u

/* Makes the answer of a class; its size, 0 for a class we do not know. */
static size_t describe(uint32_t class, const struct volume_facts *facts, char buffer[48])
{
    static const WCHAR ntfs[] = {'N', 'T', 'F', 'S'};
    const uint32_t cluster[2] = {facts->cluster / 512, 512};
    const uint64_t sizes[3] = {facts->total, facts->available, facts->free};
    const uint32_t attributes[3] = {facts->flags, facts->name_maximum, sizeof ntfs};
    switch (class) {
    case VOLUME_CLASS: /* creation time, serial, label length, supports objects, label */
        memset(buffer, 0, 24);
        memcpy(buffer + 8, &facts->serial, 4);
        return 24;
    case SIZE_CLASS:
        memcpy(buffer, sizes, 16);
        memcpy(buffer + 16, cluster, 8);
        return 24;
    case FULL_SIZE_CLASS:
        memcpy(buffer, sizes, 24);
        memcpy(buffer + 24, cluster, 8);
        return 32;
    case ATTRIBUTE_CLASS:
        memcpy(buffer, attributes, 12);
        memcpy(buffer + 12, ntfs, sizeof ntfs);
        return 12 + sizeof ntfs;
    default:
        return 0;
    }
}

NTSTATUS nt_NtQueryVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock,
                                         PVOID FsInformation, ULONG Length,
                                         ULONG FsInformationClass)
{
    static const uint32_t devices[] = {[FILE_DISK] = FILE_DEVICE_DISK,
                                       [FILE_CHARACTER] = FILE_DEVICE_NULL,
                                       [FILE_PIPE] = FILE_DEVICE_NAMED_PIPE,
                                       [FILE_CONSOLE] = FILE_DEVICE_CONSOLE};
    struct file *file;
    struct volume_facts facts;
    char buffer[48];
    size_t size;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    if (FsInformationClass == DEVICE_CLASS) {
        const uint32_t device[2] = {devices[file->kind],
                                    file->kind == FILE_DISK ? DEVICE_IS_MOUNTED : 0};
        memcpy(buffer, device, sizeof device);
        size = sizeof device;
    } else {
        status = file->kind == FILE_DISK ? volume_facts_of_descriptor(file->fd, &facts)
                                         : STATUS_INVALID_DEVICE_REQUEST;
        size = status == STATUS_SUCCESS ? describe(FsInformationClass, &facts, buffer) : 0;
    }
    file_unref(file);
    if (status != STATUS_SUCCESS)
        return put_status(IoStatusBlock, status, 0);
    if (size == 0 || Length < size)
        return put_status(IoStatusBlock,
                          size ? STATUS_INFO_LENGTH_MISMATCH : STATUS_INVALID_INFO_CLASS, 0);
    if (!guarded_copy(FsInformation, buffer, size))
        return STATUS_ACCESS_VIOLATION;
    return put_status(IoStatusBlock, STATUS_SUCCESS, size);
}
