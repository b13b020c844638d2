/*
 * Locks on ranges of a file: those of the host that belong to an open file description, as locks of
 * Windows belong to a handle. The host lets reads and writes pass through them.
 */
#include "kernel32/process/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel32/face.h"

#define LOCKFILE_FAIL_IMMEDIATELY 1u /* sdk-api fileapi/LockFileEx */
#define LOCKFILE_EXCLUSIVE_LOCK   2u

/* The host counts in signed numbers, and 0 is its word for "to the end of everything". */
static struct flock range_of(uint64_t offset, uint64_t length, short type)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset};
    uint64_t end;
    if (!add_overflows(offset, length, &end) && end <= INT64_MAX)
        range.l_len = (off_t)length;
    return range;
}

static NTSTATUS host_lock(struct file *file, struct flock *range, bool wait)
{
    for (;;) {
        uint32_t depth = wait ? gate_open() : 0;
        int failed = fcntl(file->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, range), error = errno;
        if (wait)
            gate_close(depth);
        if (!failed)
            return STATUS_SUCCESS;
        if (error == EAGAIN || error == EACCES)
            return STATUS_LOCK_NOT_GRANTED;
        if (error == EBADF)
            return STATUS_ACCESS_DENIED; /* an exclusive lock needs a file that may be written */
        if (error != EINTR)
            return errno_to_status(error);
    }
}

NTSTATUS file_lock_range(struct file *file, uint64_t offset, uint64_t length, bool exclusive,
                         bool wait)
{
    if (file->kind != FILE_DISK || file->directory)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (offset > INT64_MAX)
        return STATUS_INVALID_PARAMETER;
    struct file_lock *lock = malloc(sizeof *lock);
    if (!lock)
        return STATUS_NO_MEMORY;
    struct flock range = range_of(offset, length, exclusive ? F_WRLCK : F_RDLCK);
    /* no byte is locked by an empty range, but it must be there to be unlocked */
    NTSTATUS status = length ? host_lock(file, &range, wait) : STATUS_SUCCESS;
    if (status != STATUS_SUCCESS) {
        free(lock);
        return status;
    }
    lock->offset = offset;
    lock->length = length;
    futex_lock(&file->lock);
    lock->next = file->locks;
    file->locks = lock;
    futex_unlock(&file->lock);
    return STATUS_SUCCESS;
}

NTSTATUS file_unlock_range(struct file *file, uint64_t offset, uint64_t length)
{
    futex_lock(&file->lock);
    struct file_lock **link = &file->locks, *lock;
    while ((lock = *link) && (lock->offset != offset || lock->length != length))
        link = &lock->next;
    if (lock)
        *link = lock->next;
    futex_unlock(&file->lock);
    if (!lock)
        return STATUS_RANGE_NOT_LOCKED;
    free(lock);
    struct flock range = range_of(offset, length, F_UNLCK);
    return length ? host_lock(file, &range, false) : STATUS_SUCCESS;
}

static uint64_t join(DWORD low, DWORD high)
{
    return (uint64_t)high << 32 | low;
}

BOOL k32_LockFileEx(HANDLE hFile, DWORD dwFlags, DWORD dwReserved, DWORD nNumberOfBytesToLockLow,
                    DWORD nNumberOfBytesToLockHigh, LPOVERLAPPED lpOverlapped)
{
    struct file *file;
    if (dwReserved)
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status =
        file_lock_range(file, join(lpOverlapped->Offset, lpOverlapped->OffsetHigh),
                        join(nNumberOfBytesToLockLow, nNumberOfBytesToLockHigh),
                        dwFlags & LOCKFILE_EXCLUSIVE_LOCK, !(dwFlags & LOCKFILE_FAIL_IMMEDIATELY));
    lpOverlapped->Internal = (uint32_t)status;
    lpOverlapped->InternalHigh = 0;
    file_complete(file, lpOverlapped->hEvent, lpOverlapped, status, 0);
    file_unref(file);
    return face_bool(status);
}

BOOL k32_LockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
                  DWORD nNumberOfBytesToLockLow, DWORD nNumberOfBytesToLockHigh)
{
    struct file *file;
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status == STATUS_SUCCESS) {
        status =
            file_lock_range(file, join(dwFileOffsetLow, dwFileOffsetHigh),
                            join(nNumberOfBytesToLockLow, nNumberOfBytesToLockHigh), true, false);
        file_unref(file);
    }
    return face_bool(status);
}

BOOL k32_UnlockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
                    DWORD nNumberOfBytesToUnlockLow, DWORD nNumberOfBytesToUnlockHigh)
{
    struct file *file;
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status == STATUS_SUCCESS) {
        status = file_unlock_range(file, join(dwFileOffsetLow, dwFileOffsetHigh),
                                   join(nNumberOfBytesToUnlockLow, nNumberOfBytesToUnlockHigh));
        file_unref(file);
    }
    return face_bool(status);
}

BOOL k32_UnlockFileEx(HANDLE hFile, DWORD dwReserved, DWORD nNumberOfBytesToUnlockLow,
                      DWORD nNumberOfBytesToUnlockHigh, LPOVERLAPPED lpOverlapped)
{
    if (dwReserved)
        return face_bool(STATUS_INVALID_PARAMETER);
    return k32_UnlockFile(hFile, lpOverlapped->Offset, lpOverlapped->OffsetHigh,
                          nNumberOfBytesToUnlockLow, nNumberOfBytesToUnlockHigh);
}
