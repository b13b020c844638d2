/* Errors of the host's file calls become NTSTATUS here, and what the host calls an open file. */
#include "kernel32/process/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "memoryapi/base.h"

static const struct {
    int error;
    NTSTATUS status;
} table[] = {
    {0, STATUS_SUCCESS},
    {ENOENT, STATUS_OBJECT_NAME_NOT_FOUND},
    {EACCES, STATUS_ACCESS_DENIED},
    {EBADF, STATUS_INVALID_HANDLE},
    {EBUSY, STATUS_SHARING_VIOLATION},
    {EDQUOT, STATUS_DISK_FULL},
    {EEXIST, STATUS_OBJECT_NAME_COLLISION},
    {EFAULT, STATUS_ACCESS_VIOLATION},
    {EFBIG, STATUS_FILE_TOO_LARGE},
    {EINVAL, STATUS_INVALID_PARAMETER},
    {EIO, STATUS_IO_DEVICE_ERROR},
    {EISDIR, STATUS_FILE_IS_A_DIRECTORY},
    {ELOOP, STATUS_REPARSE_POINT_NOT_RESOLVED},
    {EMFILE, STATUS_TOO_MANY_OPENED_FILES},
    {EMLINK, STATUS_TOO_MANY_LINKS},
    {ENAMETOOLONG, STATUS_OBJECT_NAME_INVALID},
    {ENFILE, STATUS_TOO_MANY_OPENED_FILES},
    {ENODEV, STATUS_NO_SUCH_DEVICE},
    {ENOMEM, STATUS_NO_MEMORY},
    {ENOSPC, STATUS_DISK_FULL},
    {ENOSYS, STATUS_NOT_SUPPORTED},
    {ENOTDIR, STATUS_OBJECT_PATH_NOT_FOUND},
    {ENOTEMPTY, STATUS_DIRECTORY_NOT_EMPTY},
    {ENOTTY, STATUS_INVALID_DEVICE_REQUEST},
    {ENXIO, STATUS_NO_SUCH_DEVICE},
    {EOPNOTSUPP, STATUS_NOT_SUPPORTED},
    {EPERM, STATUS_ACCESS_DENIED},
    {EPIPE, STATUS_PIPE_CLOSING},
    {EROFS, STATUS_MEDIA_WRITE_PROTECTED},
    {ESPIPE, STATUS_INVALID_DEVICE_REQUEST},
    {ETXTBSY, STATUS_SHARING_VIOLATION},
    {EXDEV, STATUS_NOT_SAME_DEVICE},
};

NTSTATUS errno_to_status(int error)
{
    for (unsigned i = 0; i < array_length(table); i++)
        if (table[i].error == error)
            return table[i].status;
    return STATUS_UNSUCCESSFUL;
}

char *path_of_descriptor(int fd)
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    char *path = malloc(PATH_MAX + 1);
    if (!path)
        return NULL;
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length <= 0 || path[0] != '/') {
        free(path);
        return NULL;
    }
    path[length] = 0;
    return path;
}
