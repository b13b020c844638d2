/* Reading and writing: one system call each, and how the end of one is told. */
#include "kernel32/process/file.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"

/* From this size on a disk may keep us waiting so long that the thread must be stoppable. */
#define LONG_TRANSFER (256u * 1024)

/* Linux moves at most this much in one call. */
#define TRANSFER_MAXIMUM 0x7FFFF000u

struct transfer {
    struct file *file;
    char *buffer;
    uint64_t size;
    int64_t offset; /* -1: at the position; -2: at the end */
    bool write;
};

static ssize_t host_call(const struct transfer *transfer, uint64_t done)
{
    int fd = transfer->file->fd;
    char *buffer = transfer->buffer + done;
    size_t size = transfer->size - done;
    if (size > TRANSFER_MAXIMUM)
        size = TRANSFER_MAXIMUM;
    if (transfer->offset == -2) {
        const struct iovec part = {buffer, size};
        return pwritev2(fd, &part, 1, -1, RWF_APPEND);
    }
    if (transfer->offset < 0)
        return transfer->write ? write(fd, buffer, size) : read(fd, buffer, size);
    off_t offset = transfer->offset + (off_t)done;
    return transfer->write ? pwrite(fd, buffer, size, offset) : pread(fd, buffer, size, offset);
}

/* The host does not touch guard pages and the like for us, we do. */
static bool touch(const struct transfer *transfer)
{
    for (uint64_t at = 0; at < transfer->size; at += PAGE_SIZE) {
        char byte;
        if (!guarded_read(transfer->buffer + at, &byte, 1))
            return false;
    }
    return true;
}

/* Memory that is watched by marks may be closed again and again before the host comes to it. */
static unsigned touches(void)
{
    return watch_by_marks() ? 100 : 1;
}

/* 0 or errno. */
static int call(const struct transfer *transfer, uint64_t done, uint64_t *ret_moved)
{
    bool may_block = transfer->file->kind != FILE_DISK || transfer->size >= LONG_TRANSFER;
    unsigned touched = 0;
    if (!transfer->write)
        mm_will_write((uint64_t)transfer->buffer, transfer->size);
    for (;;) {
        if (!transfer->write)
            mm_watch_expect(transfer->buffer + done, transfer->size - done);
        uint32_t depth = may_block ? gate_open() : 0;
        ssize_t moved = host_call(transfer, done);
        int error = errno;
        if (may_block)
            gate_close(depth);
        if (moved >= 0) {
            *ret_moved = (uint64_t)moved;
            return 0;
        }
        if (error == EFAULT && touched < touches() && touch(transfer))
            touched++;
        else if (error != EINTR)
            return error;
    }
}

static NTSTATUS transfer_all(const struct transfer *transfer, uint64_t *ret_done)
{
    uint64_t moved = 0;
    *ret_done = 0;
    do {
        int error = call(transfer, *ret_done, &moved);
        if (error)
            return errno_to_status(error);
        *ret_done += moved;
        /*
         * a read of a disk is short at the end only, or when it was larger than one call moves, or
         * when it met a page that is closed because it is watched
         */
    } while (moved && *ret_done < transfer->size &&
             (transfer->write || moved == TRANSFER_MAXIMUM ||
              (transfer->file->kind == FILE_DISK && watch_by_marks())));
    return STATUS_SUCCESS;
}

/* A file with a position moves it also when the caller said where (sdk-api fileapi/ReadFile). */
static void move_position(struct file *file, const int64_t *offset, uint64_t done)
{
    if (offset && *offset >= 0 && file->kind == FILE_DISK &&
        (file->options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)))
        lseek(file->fd, *offset + (int64_t)done, SEEK_SET);
}

/* -1 for files that have no offsets; STATUS_INVALID_PARAMETER for what cannot be one. */
static NTSTATUS offset_of(const struct file *file, const int64_t *offset, bool write,
                          int64_t *ret_offset)
{
    *ret_offset = -1;
    if (file->kind != FILE_DISK)
        return STATUS_SUCCESS;
    if (!offset) {
        /* only files opened for synchronous use have a position */
        return file->options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
                   ? STATUS_SUCCESS
                   : STATUS_INVALID_PARAMETER;
    }
    if (*offset >= 0)
        *ret_offset = *offset;
    else if (write && *offset == -1)
        *ret_offset = file->append ? -1 : -2; /* FILE_WRITE_TO_END_OF_FILE */
    else if (*offset != -2)                   /* FILE_USE_FILE_POINTER_POSITION */
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

NTSTATUS file_read(struct file *file, void *buffer, uint64_t size, const int64_t *offset,
                   uint64_t *ret_done)
{
    struct transfer transfer = {.file = file, .buffer = buffer, .size = size};
    *ret_done = 0;
    if (file->directory || file->path_only)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = offset_of(file, offset, false, &transfer.offset);
    if (status != STATUS_SUCCESS || size == 0)
        return status;
    status = transfer_all(&transfer, ret_done);
    if (status != STATUS_SUCCESS)
        return status;
    move_position(file, offset, *ret_done);
    if (*ret_done > 0)
        return STATUS_SUCCESS;
    switch (file->kind) {
    case FILE_PIPE:
        return STATUS_PIPE_BROKEN;
    case FILE_CONSOLE:
        return STATUS_SUCCESS; /* Ctrl+Z or its like: nothing was read */
    default:
        return STATUS_END_OF_FILE;
    }
}

NTSTATUS file_write(struct file *file, const void *buffer, uint64_t size, const int64_t *offset,
                    uint64_t *ret_done)
{
    struct transfer transfer = {
        .file = file, .buffer = (char *)buffer, .size = size, .write = true};
    *ret_done = 0;
    if (file->directory || file->path_only)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = offset_of(file, offset, true, &transfer.offset);
    if (status != STATUS_SUCCESS || size == 0)
        return status;
    status = transfer_all(&transfer, ret_done);
    if (status == STATUS_SUCCESS)
        move_position(file, offset, *ret_done);
    return status;
}

void file_complete(struct file *file, HANDLE event, PVOID overlapped, NTSTATUS status,
                   uint64_t done)
{
    /* An odd event handle asks for no packet (sdk-api fileapi/ReadFile is silent,
     * ioapiset/GetQueuedCompletionStatus tells). */
    bool quiet = (uint64_t)event & 1;
    struct object *port = __atomic_load_n(&file->port, __ATOMIC_ACQUIRE);
    HANDLE handle = (HANDLE)((uint64_t)event & ~1ull);
    if (handle && NT_SUCCESS(status))
        k32_SetEvent(handle);
    if (!port || !overlapped || quiet || !NT_SUCCESS(status) ||
        (file->completion_modes & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS))
        return;
    completion_port_post(port, file->key, overlapped, status, done);
}

static const int64_t *overlapped_offset(const OVERLAPPED *overlapped, int64_t *ret)
{
    if (!overlapped)
        return NULL;
    *ret = (int64_t)((uint64_t)overlapped->OffsetHigh << 32 | overlapped->Offset);
    return ret;
}

/* Tells the caller of ReadFile or WriteFile how it went. */
static BOOL finish(struct file *file, OVERLAPPED *overlapped, NTSTATUS status, uint64_t done,
                   DWORD *ret_done)
{
    if (ret_done)
        *ret_done = (DWORD)done;
    if (overlapped) {
        overlapped->InternalHigh = done;
        overlapped->Internal = (uint32_t)status;
        file_complete(file, overlapped->hEvent, overlapped, status, done);
    }
    file_unref(file);
    return face_bool(status);
}

BOOL k32_ReadFile(HANDLE hFile, LPVOID lpBuffer, DWORD nNumberOfBytesToRead,
                  LPDWORD lpNumberOfBytesRead, LPOVERLAPPED lpOverlapped)
{
    struct file *file;
    int64_t offset;
    uint64_t done;
    if (lpNumberOfBytesRead)
        *lpNumberOfBytesRead = 0;
    NTSTATUS status = file_lookup(hFile, FILE_READ_DATA, &file);
    if (unlikely(status != STATUS_SUCCESS))
        return face_bool(status);
    status = file_read(file, lpBuffer, nNumberOfBytesToRead,
                       overlapped_offset(lpOverlapped, &offset), &done);
    /* Without OVERLAPPED the end of a file is a read of nothing. */
    if (status == STATUS_END_OF_FILE && !lpOverlapped)
        status = STATUS_SUCCESS;
    return finish(file, lpOverlapped, status, done, lpNumberOfBytesRead);
}

static NTSTATUS lookup_writable(HANDLE handle, struct file **ret_file)
{
    NTSTATUS status = file_lookup(handle, FILE_WRITE_DATA, ret_file);
    return status == STATUS_ACCESS_DENIED ? file_lookup(handle, FILE_APPEND_DATA, ret_file)
                                          : status;
}

BOOL k32_WriteFile(HANDLE hFile, LPCVOID lpBuffer, DWORD nNumberOfBytesToWrite,
                   LPDWORD lpNumberOfBytesWritten, LPOVERLAPPED lpOverlapped)
{
    struct file *file;
    int64_t offset;
    uint64_t done;
    if (lpNumberOfBytesWritten)
        *lpNumberOfBytesWritten = 0;
    NTSTATUS status = lookup_writable(hFile, &file);
    if (unlikely(status != STATUS_SUCCESS))
        return face_bool(status);
    status = file_write(file, lpBuffer, nNumberOfBytesToWrite,
                        overlapped_offset(lpOverlapped, &offset), &done);
    return finish(file, lpOverlapped, status, done, lpNumberOfBytesWritten);
}
