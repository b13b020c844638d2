/* What an open file can be asked: the classes of NtQueryInformationFile. */
#include "kernel32/process/file_query.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

NTSTATUS file_path_of(const struct file *file, WCHAR **ret_path, size_t *ret_length)
{
    if (file->kind != FILE_DISK)
        return STATUS_INVALID_DEVICE_REQUEST;
    char *host = path_of_descriptor(file->fd);
    WCHAR *path = host ? path_from_host(host, ret_length) : NULL;
    free(host);
    if (!path)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    *ret_path = path;
    return STATUS_SUCCESS;
}

NTSTATUS file_name_of(const struct file *file, WCHAR **ret_name, size_t *ret_length)
{
    static const WCHAR pipe[] = {'\\', 'p', 'i', 'p', 'e'};
    WCHAR *path;
    if (file->kind != FILE_DISK) {
        path = malloc(sizeof pipe);
        if (!path)
            return STATUS_NO_MEMORY;
        memcpy(path, pipe, sizeof pipe);
        *ret_length = file->kind == FILE_PIPE ? array_length(pipe) : 1;
        *ret_name = path;
        return STATUS_SUCCESS;
    }
    NTSTATUS status = file_path_of(file, &path, ret_length);
    if (status != STATUS_SUCCESS)
        return status;
    *ret_length -= 2;
    memmove(path, path + 2, *ret_length * sizeof *path);
    *ret_name = path;
    return STATUS_SUCCESS;
}

/* ULONG length in bytes, then the name; at `offset` of the buffer. */
static NTSTATUS put_name(struct file *file, char *buffer, size_t offset, size_t room,
                         size_t *ret_length)
{
    WCHAR *name;
    size_t length;
    NTSTATUS status = file_name_of(file, &name, &length);
    if (status != STATUS_SUCCESS)
        return status;
    uint32_t bytes = (uint32_t)(length * sizeof *name);
    size_t left = room - offset - 4, fits = bytes < left ? bytes : left & ~1ull;
    memcpy(buffer + offset, &bytes, 4);
    memcpy(buffer + offset + 4, name, fits);
    free(name);
    *ret_length = offset + 4 + fits;
    return fits < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static uint64_t position_of(const struct file *file)
{
    off_t position = file->kind == FILE_DISK && !file->path_only && !file->directory
                         ? lseek(file->fd, 0, SEEK_CUR)
                         : 0;
    return position < 0 ? 0 : (uint64_t)position;
}

static uint32_t mode_of(const struct file *file)
{
    return file->options &
           (FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_NO_INTERMEDIATE_BUFFERING |
            FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT | FILE_DELETE_ON_CLOSE);
}

void file_tell_basic(const struct file_facts *facts, FILE_BASIC_INFORMATION *info)
{
    info->CreationTime.QuadPart = (LONGLONG)facts->created;
    info->LastAccessTime.QuadPart = (LONGLONG)facts->accessed;
    info->LastWriteTime.QuadPart = (LONGLONG)facts->written;
    info->ChangeTime.QuadPart = (LONGLONG)facts->changed;
    info->FileAttributes = facts->attributes;
}

static void put_standard(const struct file *file, const struct file_facts *facts,
                         FILE_STANDARD_INFORMATION *info)
{
    bool going = file->delete_pending || (file->options & FILE_DELETE_ON_CLOSE);
    info->AllocationSize.QuadPart = (LONGLONG)facts->allocated;
    info->EndOfFile.QuadPart = (LONGLONG)facts->size;
    info->NumberOfLinks = facts->links - (going && facts->links ? 1 : 0);
    info->DeletePending = going;
    info->Directory = facts->directory;
}

void file_tell_open(const struct file_facts *facts, FILE_NETWORK_OPEN_INFORMATION *info)
{
    info->CreationTime.QuadPart = (LONGLONG)facts->created;
    info->LastAccessTime.QuadPart = (LONGLONG)facts->accessed;
    info->LastWriteTime.QuadPart = (LONGLONG)facts->written;
    info->ChangeTime.QuadPart = (LONGLONG)facts->changed;
    info->AllocationSize.QuadPart = (LONGLONG)facts->allocated;
    info->EndOfFile.QuadPart = (LONGLONG)facts->size;
    info->FileAttributes = facts->attributes;
}

void file_tell_stat(const struct file_facts *facts, ACCESS_MASK access, FILE_STAT_INFORMATION *info)
{
    info->FileId.QuadPart = (LONGLONG)facts->inode;
    info->CreationTime.QuadPart = (LONGLONG)facts->created;
    info->LastAccessTime.QuadPart = (LONGLONG)facts->accessed;
    info->LastWriteTime.QuadPart = (LONGLONG)facts->written;
    info->ChangeTime.QuadPart = (LONGLONG)facts->changed;
    info->AllocationSize.QuadPart = (LONGLONG)facts->allocated;
    info->EndOfFile.QuadPart = (LONGLONG)facts->size;
    info->FileAttributes = facts->attributes;
    info->ReparseTag = facts->tag;
    info->NumberOfLinks = facts->links;
    info->EffectiveAccess = access;
}

/* The one data stream of a file: NextEntryOffset, StreamNameLength, StreamSize,
 * StreamAllocationSize, StreamName "::$DATA". */
static NTSTATUS put_stream(const struct file_facts *facts, char *buffer, size_t room,
                           size_t *ret_length)
{
    static const char name[] = "::$DATA";
    const uint32_t head[2] = {0, 2 * (sizeof name - 1)};
    if (facts
            ->directory) { /* has none; Windows answers so (sdk-api GetFileInformationByHandleEx) */
        *ret_length = 0;
        return STATUS_END_OF_FILE;
    }
    if (room < 24 + head[1])
        return STATUS_BUFFER_OVERFLOW;
    memcpy(buffer, head, sizeof head);
    memcpy(buffer + 8, &facts->size, 8);
    memcpy(buffer + 16, &facts->allocated, 8);
    for (unsigned i = 0; i < sizeof name - 1; i++) {
        buffer[24 + 2 * i] = name[i];
        buffer[25 + 2 * i] = 0;
    }
    *ret_length = 24 + head[1];
    return STATUS_SUCCESS;
}

/* FILE_ALL_INFORMATION: basic, standard, internal, EA, access, position, mode, alignment, name. */
static NTSTATUS put_all(struct file *file, const struct file_facts *facts, char *buffer,
                        size_t room, size_t *ret_length)
{
    uint64_t position = position_of(file);
    uint32_t tail[2] = {0, file->access}, last[2] = {mode_of(file), 0};
    file_tell_basic(facts, (FILE_BASIC_INFORMATION *)buffer);
    put_standard(file, facts, (FILE_STANDARD_INFORMATION *)(buffer + 40));
    memcpy(buffer + 64, &facts->inode, 8);
    memcpy(buffer + 72, tail, 8);
    memcpy(buffer + 80, &position, 8);
    memcpy(buffer + 88, last, 8);
    return put_name(file, buffer, 96, room, ret_length);
}

/* The fixed size of a class; 0: not one that is asked for here. */
static size_t size_of(uint32_t information_class)
{
    static const uint8_t sizes[] = {
        [FileBasicInformation] = 40,         [FileStandardInformation] = 24,
        [FileInternalInformation] = 8,       [FileEaInformation] = 4,
        [FileAccessInformation] = 4,         [FileNameInformation] = 8,
        [FilePositionInformation] = 8,       [FileModeInformation] = 4,
        [FileAlignmentInformation] = 4,      [FileAllInformation] = 104,
        [FileStreamInformation] = 24,        [FileNetworkOpenInformation] = 56,
        [FileAttributeTagInformation] = 8,   [FileIoCompletionNotificationInformation] = 4,
        [FileNormalizedNameInformation] = 8, [FileIdInformation] = 24,
        [FileStatInformation] = 72,          [FileCaseSensitiveInformation] = 4,
    };
    return information_class < array_length(sizes) ? sizes[information_class] : 0;
}

/* Classes that need no look at the disk; false: not one of them. */
static bool put_state(const struct file *file, uint32_t information_class, void *buffer)
{
    uint32_t number;
    uint64_t position;
    switch (information_class) {
    case FileAccessInformation:
        number = file->access;
        break;
    case FileModeInformation:
        number = mode_of(file);
        break;
    case FileIoCompletionNotificationInformation:
        number = file->completion_modes;
        break;
    case FileEaInformation:
    case FileAlignmentInformation:
    case FileCaseSensitiveInformation:
        number = 0;
        break;
    case FilePositionInformation:
        position = position_of(file);
        memcpy(buffer, &position, sizeof position);
        return true;
    default:
        return false;
    }
    memcpy(buffer, &number, sizeof number);
    return true;
}

static NTSTATUS put_facts(struct file *file, uint32_t information_class,
                          const struct file_facts *facts, void *buffer, size_t room,
                          size_t *ret_length)
{
    switch (information_class) {
    case FileBasicInformation:
        file_tell_basic(facts, buffer);
        return STATUS_SUCCESS;
    case FileStandardInformation:
        put_standard(file, facts, buffer);
        return STATUS_SUCCESS;
    case FileInternalInformation:
        memcpy(buffer, &facts->inode, 8);
        return STATUS_SUCCESS;
    case FileNetworkOpenInformation:
        file_tell_open(facts, buffer);
        return STATUS_SUCCESS;
    case FileAttributeTagInformation:
        *(FILE_ATTRIBUTE_TAG_INFORMATION *)buffer =
            (FILE_ATTRIBUTE_TAG_INFORMATION){facts->attributes, facts->tag};
        return STATUS_SUCCESS;
    case FileIdInformation:
        *(FILE_ID_INFORMATION *)buffer =
            (FILE_ID_INFORMATION){file_volume_serial(facts->device), {facts->inode, 0}};
        return STATUS_SUCCESS;
    case FileStatInformation:
        file_tell_stat(facts, file->access, buffer);
        return STATUS_SUCCESS;
    case FileStreamInformation:
        return put_stream(facts, buffer, room, ret_length);
    default:
        return put_all(file, facts, buffer, room, ret_length);
    }
}

ACCESS_MASK file_query_access(uint32_t information_class)
{
    switch (information_class) {
    case FileBasicInformation:
    case FileAllInformation:
    case FileNetworkOpenInformation:
    case FileAttributeTagInformation:
    case FileStatInformation:
        return FILE_READ_ATTRIBUTES;
    default:
        return 0;
    }
}

NTSTATUS file_query(struct file *file, uint32_t information_class, void *buffer, size_t room,
                    size_t *ret_length)
{
    struct file_facts facts;
    size_t size = size_of(information_class);
    if (size == 0)
        return STATUS_INVALID_INFO_CLASS;
    if (room < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(buffer, 0, size);
    *ret_length = size;
    if (put_state(file, information_class, buffer))
        return STATUS_SUCCESS;
    if (information_class == FileNameInformation ||
        information_class == FileNormalizedNameInformation)
        return put_name(file, buffer, 0, room, ret_length);
    NTSTATUS status = file_facts(file->fd, "", false, &facts);
    return status == STATUS_SUCCESS
               ? put_facts(file, information_class, &facts, buffer, room, ret_length)
               : status;
}
