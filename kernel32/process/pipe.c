/* Pipes without a name: those of the host. Named pipes are refused. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/file.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"

static NTSTATUS publish(int fd, ACCESS_MASK access, bool inherit, HANDLE *ret_handle)
{
    NTSTATUS status = file_from_descriptor(fd, true, access, ret_handle);
    if (status == STATUS_SUCCESS && inherit)
        handle_set_flags(*ret_handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return status;
}

BOOL k32_CreatePipe(PHANDLE hReadPipe, PHANDLE hWritePipe, LPSECURITY_ATTRIBUTES lpPipeAttributes,
                    DWORD nSize)
{
    int ends[2];
    HANDLE reader, writer;
    bool inherit = lpPipeAttributes && lpPipeAttributes->bInheritHandle;
    if (pipe2(ends, O_CLOEXEC))
        return face_bool(errno_to_status(errno));
    if (nSize > 65536)
        fcntl(ends[1], F_SETPIPE_SZ, (int)(nSize < INT32_MAX ? nSize : INT32_MAX)); /* a wish */
    NTSTATUS status = publish(ends[0], GENERIC_READ, inherit, &reader);
    if (status != STATUS_SUCCESS) {
        close(ends[0]);
        close(ends[1]);
        return face_bool(status);
    }
    status = publish(ends[1], GENERIC_WRITE, inherit, &writer);
    if (status != STATUS_SUCCESS) {
        close(ends[1]);
        handle_close(reader);
        return face_bool(status);
    }
    *hReadPipe = reader;
    *hWritePipe = writer;
    return TRUE;
}

/* Copies without taking: only tee() can do that with a pipe, into another one. */
static NTSTATUS peek_bytes(struct file *file, void *buffer, size_t size, size_t *ret_got)
{
    struct stat stat;
    mm_will_write((uint64_t)buffer, size);
    mm_watch_expect(buffer, size);
    if (fstat(file->fd, &stat) == 0 && S_ISSOCK(stat.st_mode)) {
        ssize_t got = recv(file->fd, buffer, size, MSG_PEEK | MSG_DONTWAIT);
        *ret_got = got > 0 ? (size_t)got : 0;
        return STATUS_SUCCESS;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return errno_to_status(errno);
    ssize_t copied = tee(file->fd, ends[1], size, SPLICE_F_NONBLOCK);
    NTSTATUS status = copied < 0 && errno != EAGAIN ? errno_to_status(errno) : STATUS_SUCCESS;
    ssize_t got = copied > 0 ? read(ends[0], buffer, size) : 0;
    *ret_got = got > 0 ? (size_t)got : 0;
    close(ends[0]);
    close(ends[1]);
    return status;
}

static NTSTATUS peek(struct file *file, void *buffer, size_t size, size_t *ret_got,
                     int *ret_available)
{
    *ret_got = 0;
    *ret_available = 0;
    if (file->kind != FILE_PIPE)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (ioctl(file->fd, FIONREAD, ret_available))
        return errno_to_status(errno);
    if (*ret_available == 0) {
        struct pollfd state = {.fd = file->fd, .events = POLLIN};
        bool over = poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
        return over ? STATUS_PIPE_BROKEN : STATUS_SUCCESS;
    }
    return buffer && size ? peek_bytes(file, buffer, size, ret_got) : STATUS_SUCCESS;
}

BOOL k32_PeekNamedPipe(HANDLE hNamedPipe, LPVOID lpBuffer, DWORD nBufferSize, LPDWORD lpBytesRead,
                       LPDWORD lpTotalBytesAvail, LPDWORD lpBytesLeftThisMessage)
{
    struct file *file;
    size_t got;
    int available;
    NTSTATUS status = file_lookup(hNamedPipe, FILE_READ_DATA, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = peek(file, lpBuffer, nBufferSize, &got, &available);
    file_unref(file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (lpBytesRead)
        *lpBytesRead = (DWORD)got;
    if (lpTotalBytesAvail)
        *lpTotalBytesAvail = (DWORD)available;
    if (lpBytesLeftThisMessage)
        *lpBytesLeftThisMessage = 0; /* there are no messages */
    return TRUE;
}

static NTSTATUS lookup_pipe(HANDLE handle, struct file **ret_file)
{
    NTSTATUS status = file_lookup(handle, 0, ret_file);
    if (status == STATUS_SUCCESS && (*ret_file)->kind != FILE_PIPE) {
        file_unref(*ret_file);
        status = STATUS_INVALID_DEVICE_REQUEST;
    }
    return status;
}

/* A pipe of bytes, with the sizes the host gives it, and two ends. */
BOOL k32_GetNamedPipeInfo(HANDLE hNamedPipe, LPDWORD lpFlags, LPDWORD lpOutBufferSize,
                          LPDWORD lpInBufferSize, LPDWORD lpMaxInstances)
{
    struct file *file;
    NTSTATUS status = lookup_pipe(hNamedPipe, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    int size = fcntl(file->fd, F_GETPIPE_SZ);
    file_unref(file);
    if (lpFlags)
        *lpFlags = 0;
    if (lpOutBufferSize)
        *lpOutBufferSize = size > 0 ? (DWORD)size : 65536;
    if (lpInBufferSize)
        *lpInBufferSize = size > 0 ? (DWORD)size : 65536;
    if (lpMaxInstances)
        *lpMaxInstances = 1;
    return TRUE;
}

/* Bytes and waiting are what there is. */
BOOL k32_SetNamedPipeHandleState(HANDLE hNamedPipe, LPDWORD lpMode, LPDWORD lpMaxCollectionCount,
                                 LPDWORD lpCollectDataTimeout)
{
    struct file *file;
    NTSTATUS status = lookup_pipe(hNamedPipe, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    file_unref(file);
    return face_bool(lpMode && *lpMode ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
}
