/* Position, size and kind of an open file, and getting what was written onto the disk. */
#include "kernel32/process/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"

DWORD k32_GetFileType(HANDLE hFile)
{
    static const DWORD types[] = {[FILE_DISK] = FILE_TYPE_DISK,
                                  [FILE_CHARACTER] = FILE_TYPE_CHAR,
                                  [FILE_PIPE] = FILE_TYPE_PIPE,
                                  [FILE_CONSOLE] = FILE_TYPE_CHAR};
    struct file *file;
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status != STATUS_SUCCESS) {
        last_error_set(last_error_from_status(status));
        return FILE_TYPE_UNKNOWN;
    }
    DWORD type = types[file->kind];
    file_unref(file);
    last_error_set(ERROR_SUCCESS); /* how FILE_TYPE_UNKNOWN is told from a failure */
    return type;
}

static NTSTATUS seek(HANDLE handle, int64_t distance, DWORD method, int64_t *ret_position)
{
    static const int whence[] = {
        [FILE_BEGIN] = SEEK_SET, [FILE_CURRENT] = SEEK_CUR, [FILE_END] = SEEK_END};
    struct file *file;
    if (method > FILE_END)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = file_lookup(handle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    if (file->kind == FILE_DISK && !file->path_only) {
        off_t position = lseek(file->fd, distance, whence[method]);
        if (position >= 0)
            *ret_position = position;
        else
            status = errno_to_status(errno);
    } else {
        status = STATUS_INVALID_DEVICE_REQUEST;
    }
    file_unref(file);
    return status;
}

/* A position before the beginning has an error code of its own. */
static DWORD seek_error(NTSTATUS status, DWORD method)
{
    return status == STATUS_INVALID_PARAMETER && method <= FILE_END
               ? ERROR_NEGATIVE_SEEK
               : last_error_from_status(status);
}

BOOL k32_SetFilePointerEx(HANDLE hFile, LONGLONG liDistanceToMove, PLARGE_INTEGER lpNewFilePointer,
                          DWORD dwMoveMethod)
{
    int64_t position;
    NTSTATUS status = seek(hFile, liDistanceToMove, dwMoveMethod, &position);
    if (status != STATUS_SUCCESS) {
        last_error_set(seek_error(status, dwMoveMethod));
        return FALSE;
    }
    if (lpNewFilePointer)
        lpNewFilePointer->QuadPart = position;
    return TRUE;
}

DWORD k32_SetFilePointer(HANDLE hFile, LONG lDistanceToMove, PLONG lpDistanceToMoveHigh,
                         DWORD dwMoveMethod)
{
    int64_t position, distance = lDistanceToMove;
    if (lpDistanceToMoveHigh)
        distance =
            (int64_t)((uint64_t)(uint32_t)*lpDistanceToMoveHigh << 32 | (uint32_t)lDistanceToMove);
    NTSTATUS status = seek(hFile, distance, dwMoveMethod, &position);
    if (status != STATUS_SUCCESS) {
        last_error_set(seek_error(status, dwMoveMethod));
        return INVALID_SET_FILE_POINTER;
    }
    if (!lpDistanceToMoveHigh && position > UINT32_MAX - 1) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return INVALID_SET_FILE_POINTER;
    }
    if (lpDistanceToMoveHigh)
        *lpDistanceToMoveHigh = (LONG)(position >> 32);
    last_error_set(ERROR_SUCCESS); /* 0xFFFFFFFF is a position, too */
    return (DWORD)position;
}

static NTSTATUS size_of(HANDLE handle, int64_t *ret_size)
{
    struct file *file;
    struct stat stat;
    NTSTATUS status = file_lookup(handle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    if (file->kind != FILE_DISK)
        status = STATUS_INVALID_DEVICE_REQUEST;
    else if (fstat(file->fd, &stat))
        status = errno_to_status(errno);
    else
        *ret_size = file->directory ? 0 : stat.st_size;
    file_unref(file);
    return status;
}

BOOL k32_GetFileSizeEx(HANDLE hFile, PLARGE_INTEGER lpFileSize)
{
    int64_t size;
    NTSTATUS status = size_of(hFile, &size);
    if (status == STATUS_SUCCESS)
        lpFileSize->QuadPart = size;
    return face_bool(status);
}

DWORD k32_GetFileSize(HANDLE hFile, LPDWORD lpFileSizeHigh)
{
    int64_t size;
    NTSTATUS status = size_of(hFile, &size);
    if (status != STATUS_SUCCESS) {
        last_error_set(last_error_from_status(status));
        return INVALID_FILE_SIZE;
    }
    if (lpFileSizeHigh)
        *lpFileSizeHigh = (DWORD)(size >> 32);
    last_error_set(ERROR_SUCCESS); /* 0xFFFFFFFF is a size, too */
    return (DWORD)size;
}

BOOL k32_SetEndOfFile(HANDLE hFile)
{
    struct file *file;
    NTSTATUS status = file_lookup(hFile, FILE_WRITE_DATA, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    off_t position = file->kind == FILE_DISK ? lseek(file->fd, 0, SEEK_CUR) : -1;
    if (file->kind != FILE_DISK)
        status = STATUS_INVALID_DEVICE_REQUEST;
    else if (position < 0 || ftruncate(file->fd, position))
        status = errno_to_status(errno);
    file_unref(file);
    return face_bool(status);
}

NTSTATUS file_flush(struct file *file)
{
    if (file->kind != FILE_DISK)
        return STATUS_SUCCESS;
    uint32_t depth = gate_open();
    int failed = fsync(file->fd), error = errno;
    gate_close(depth);
    /* what cannot be synchronized has nothing to be synchronized */
    return failed && error != EINVAL && error != EROFS ? errno_to_status(error) : STATUS_SUCCESS;
}

BOOL k32_FlushFileBuffers(HANDLE hFile)
{
    struct file *file;
    NTSTATUS status = file_lookup(hFile, FILE_WRITE_DATA, &file);
    if (status == STATUS_ACCESS_DENIED)
        status = file_lookup(hFile, FILE_APPEND_DATA, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = file_flush(file);
    file_unref(file);
    return face_bool(status);
}
