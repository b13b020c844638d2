/* What can be changed through an open file: the classes of NtSetInformationFile. */
#include "kernel32/process/file_name.h"
#include "kernel32/process/file_query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"

#define EPOCH 116444736000000000ll /* 1970 in 100 ns since 1601 */

/* Bits of FILE_DISPOSITION_INFORMATION_EX and FILE_RENAME_INFORMATION_EX
 * (windows-driver-docs ntddk/FILE_DISPOSITION_INFORMATION_EX, ntifs/FILE_RENAME_INFORMATION). */
#define DISPOSITION_DELETE          0x01u
#define DISPOSITION_IGNORE_READONLY 0x10u
#define RENAME_REPLACE              0x01u
#define RENAME_POSIX                0x02u
#define RENAME_IGNORE_READONLY      0x40u

/* 0 and negative numbers leave a time alone (-1, -2: stop and start its automatic change). */
static struct timespec time_of(int64_t time)
{
    if (time <= 0)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    int64_t units = time - EPOCH, seconds = units / 10000000;
    if (units % 10000000 < 0)
        seconds--;
    return (struct timespec){seconds, (units - seconds * 10000000) * 100};
}

/* Descriptors without data access are changed by the name the host has for them. */
static void descriptor_name(const struct file *file, char name[32])
{
    snprintf(name, 32, "/proc/self/fd/%d", file->fd);
}

static NTSTATUS set_times(struct file *file, int64_t accessed, int64_t written)
{
    const struct timespec times[2] = {time_of(accessed), time_of(written)};
    char name[32];
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
        return STATUS_SUCCESS;
    descriptor_name(file, name);
    int failed = file->path_only ? file->link ? utimensat(file->fd, "", times, AT_EMPTY_PATH)
                                              : utimensat(AT_FDCWD, name, times, 0)
                                 : futimens(file->fd, times);
    return failed ? errno_to_status(errno) : STATUS_SUCCESS;
}

/* The one attribute that a host file has, and a directory has not. */
static NTSTATUS set_attributes(struct file *file, uint32_t attributes)
{
    struct stat stat;
    char name[32];
    if (attributes == 0)
        return STATUS_SUCCESS;
    if (((attributes & FILE_ATTRIBUTE_DIRECTORY) && !file->directory) ||
        ((attributes & FILE_ATTRIBUTE_TEMPORARY) && file->directory))
        return STATUS_INVALID_PARAMETER;
    if (fstat(file->fd, &stat))
        return errno_to_status(errno);
    bool read_only = !(stat.st_mode & 0222);
    bool wanted = attributes & FILE_ATTRIBUTE_READONLY;
    if (!S_ISREG(stat.st_mode) || read_only == wanted)
        return STATUS_SUCCESS;
    mode_t mode = wanted ? stat.st_mode & ~0222u : stat.st_mode | 0200;
    descriptor_name(file, name);
    return chmod(name, mode & 07777) ? errno_to_status(errno) : STATUS_SUCCESS;
}

static NTSTATUS set_basic(struct file *file, const FILE_BASIC_INFORMATION *info)
{
    NTSTATUS status = set_attributes(file, info->FileAttributes);
    if (status == STATUS_SUCCESS)
        status = set_times(file, info->LastAccessTime.QuadPart, info->LastWriteTime.QuadPart);
    return status;
}

static NTSTATUS set_size(struct file *file, int64_t size, bool shrink_only)
{
    struct stat stat;
    if (size < 0)
        return STATUS_INVALID_PARAMETER;
    if (file->kind != FILE_DISK || file->directory)
        return STATUS_INVALID_PARAMETER;
    if (shrink_only && (fstat(file->fd, &stat) || stat.st_size <= size))
        return STATUS_SUCCESS;
    return ftruncate(file->fd, size) ? errno_to_status(errno) : STATUS_SUCCESS;
}

static NTSTATUS set_position(struct file *file, int64_t position)
{
    if (position < 0)
        return STATUS_INVALID_PARAMETER;
    if (file->kind != FILE_DISK || file->path_only)
        return STATUS_INVALID_DEVICE_REQUEST;
    return lseek(file->fd, position, SEEK_SET) < 0 ? errno_to_status(errno) : STATUS_SUCCESS;
}

static NTSTATUS set_disposition(struct file *file, uint32_t flags)
{
    struct file_facts facts;
    if (file->kind != FILE_DISK)
        return STATUS_INVALID_PARAMETER;
    if (!(flags & DISPOSITION_DELETE)) {
        file_share_set_delete(file, false);
        return STATUS_SUCCESS;
    }
    NTSTATUS status = file_facts(file->fd, "", false, &facts);
    if (status != STATUS_SUCCESS)
        return status;
    if ((facts.attributes & FILE_ATTRIBUTE_READONLY) && !(flags & DISPOSITION_IGNORE_READONLY))
        return STATUS_CANNOT_DELETE;
    if (facts.directory && !facts.tag) {
        struct directory *listing;
        struct directory_entry entry;
        status = directory_open(file->fd, NULL, 0, false, &listing);
        if (status != STATUS_SUCCESS)
            return status;
        bool empty = directory_peek(listing, &entry) == STATUS_NO_MORE_FILES;
        directory_close(listing);
        if (!empty)
            return STATUS_DIRECTORY_NOT_EMPTY;
    }
    file_share_set_delete(file, true);
    return STATUS_SUCCESS;
}

/* Where a new name leads: from a directory's handle, in the directory of the file, or absolute. */
static NTSTATUS resolve_target(const struct file *file, const FILE_RENAME_INFORMATION *info,
                               bool win32, const char *from, struct path *ret_path)
{
    size_t length = info->FileNameLength / sizeof(WCHAR);
    memset(ret_path, 0, sizeof *ret_path);
    if (info->RootDirectory) {
        struct file *root;
        NTSTATUS status = file_lookup(info->RootDirectory, 0, &root);
        if (status != STATUS_SUCCESS)
            return status;
        char *host = path_of_descriptor(root->fd);
        file_unref(root);
        status = host ? path_resolve_below(host, info->FileName, length, ret_path)
                      : STATUS_OBJECT_PATH_NOT_FOUND;
        free(host);
        return status;
    }
    if (win32)
        return path_resolve(info->FileName, length, ret_path);
    if (length && info->FileName[0] == '\\')
        return path_resolve_nt(info->FileName, length, ret_path);
    char *parent = strndup(from, (size_t)(strrchr(from, '/') - from));
    if (!parent)
        return STATUS_NO_MEMORY;
    NTSTATUS status = path_resolve_below(parent, info->FileName, length, ret_path);
    free(parent);
    return status;
}

static NTSTATUS set_name(struct file *file, const FILE_RENAME_INFORMATION *info, size_t length,
                         uint32_t flags, bool link, bool win32)
{
    struct path from = {0}, to = {0};
    if (info->FileNameLength > length - offsetof(FILE_RENAME_INFORMATION, FileName) ||
        info->FileNameLength == 0 || info->FileNameLength % 2)
        return STATUS_INVALID_PARAMETER;
    from.host = file->kind == FILE_DISK ? path_of_descriptor(file->fd) : NULL;
    if (!from.host)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = resolve_target(file, info, win32, from.host, &to);
    if (status == STATUS_SUCCESS)
        status = link ? name_link(&from, &to, flags & RENAME_REPLACE)
                      : name_rename(&from, &to,
                                    (flags & RENAME_REPLACE ? NAME_REPLACE : 0) |
                                        (flags & RENAME_POSIX ? NAME_POSIX : 0) |
                                        (flags & RENAME_IGNORE_READONLY ? NAME_READ_ONLY : 0) |
                                        NAME_OPENED);
    path_free(&from);
    path_free(&to);
    return status;
}

static NTSTATUS set_port(struct file *file, HANDLE port_handle, ULONG_PTR key)
{
    struct object *port;
    NTSTATUS status =
        handle_lookup(port_handle, OBJECT_COMPLETION_PORT, IO_COMPLETION_MODIFY_STATE, &port);
    if (status != STATUS_SUCCESS)
        return status;
    status = completion_port_associate(&file->waitable.object, port, key);
    object_unref(port);
    return status;
}

ACCESS_MASK file_set_access(uint32_t information_class)
{
    switch (information_class) {
    case FileBasicInformation:
        return FILE_WRITE_ATTRIBUTES;
    case FileRenameInformation:
    case FileRenameInformationEx:
    case FileDispositionInformation:
    case FileDispositionInformationEx:
        return DELETE;
    case FileAllocationInformation:
    case FileEndOfFileInformation:
        return FILE_WRITE_DATA;
    default:
        return 0;
    }
}

static size_t size_of(uint32_t information_class)
{
    switch (information_class) {
    case FileBasicInformation:
        return sizeof(FILE_BASIC_INFORMATION);
    case FileRenameInformation:
    case FileRenameInformationEx:
    case FileLinkInformation:
        return offsetof(FILE_RENAME_INFORMATION, FileName) + sizeof(WCHAR);
    case FileDispositionInformation:
        return 1;
    case FileDispositionInformationEx:
    case FileIoCompletionNotificationInformation:
        return 4;
    case FilePositionInformation:
    case FileAllocationInformation:
    case FileEndOfFileInformation:
        return 8;
    case FileCompletionInformation:
        return 16;
    default:
        return 0;
    }
}

NTSTATUS file_set(struct file *file, uint32_t information_class, const void *buffer, size_t length,
                  bool win32)
{
    const uint64_t *numbers = buffer;
    size_t size = size_of(information_class);
    if (size == 0)
        return STATUS_INVALID_INFO_CLASS;
    if (length < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    switch (information_class) {
    case FileBasicInformation:
        return set_basic(file, buffer);
    case FileRenameInformation:
    case FileLinkInformation:
        return set_name(file, buffer, length, *(const BOOLEAN *)buffer ? RENAME_REPLACE : 0,
                        information_class == FileLinkInformation, win32);
    case FileRenameInformationEx:
        return set_name(file, buffer, length, *(const uint32_t *)buffer, false, win32);
    case FileDispositionInformation:
        return set_disposition(file, *(const BOOLEAN *)buffer ? DISPOSITION_DELETE : 0);
    case FileDispositionInformationEx:
        return set_disposition(file, *(const uint32_t *)buffer);
    case FilePositionInformation:
        return set_position(file, (int64_t)numbers[0]);
    case FileAllocationInformation:
        return set_size(file, (int64_t)numbers[0], true);
    case FileEndOfFileInformation:
        return set_size(file, (int64_t)numbers[0], false);
    case FileCompletionInformation:
        return set_port(file, (HANDLE)numbers[0], numbers[1]);
    default:
        __atomic_fetch_or(&file->completion_modes, *(const uint32_t *)buffer & 3, __ATOMIC_RELAXED);
        return STATUS_SUCCESS;
    }
}
