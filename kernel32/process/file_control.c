/* Control codes of files: reading where a symbolic link leads. */
#include "kernel32/process/file_control.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"

#define FSCTL_GET_REPARSE_POINT 0x000900A8u /* winioctl.h */
#define FSCTL_SET_SPARSE        0x000900C4u

/* REPARSE_DATA_BUFFER with a SymbolicLinkReparseBuffer (windows-driver-docs ntifs). */
struct reparse {
    uint32_t tag;
    uint16_t data_length;
    uint16_t reserved;
    uint16_t substitute_offset, substitute_length;
    uint16_t print_offset, print_length;
    uint32_t flags;
    WCHAR text[];
};

/* The target as Windows would have it: drives and backslashes. malloc'd. */
static WCHAR *target_of(const char *target, size_t *ret_length)
{
    if (target[0] == '/')
        return path_from_host(target, ret_length);
    WCHAR *text = malloc((strlen(target) + 1) * sizeof *text);
    size_t at = 0;
    for (size_t length; text && *target; target += length) {
        length = strcspn(target, "/");
        bool dots = (length == 1 || length == 2) && strspn(target, ".") >= length;
        if (length == 0) {
            text[at++] = '\\';
            length = 1;
        } else if (dots) {
            for (size_t i = 0; i < length; i++)
                text[at++] = '.';
        } else {
            at += path_name_from_host(target, length, text + at);
        }
    }
    *ret_length = at;
    return text;
}

static NTSTATUS put_link(const WCHAR *text, size_t length, bool relative, void *output, size_t room,
                         size_t *ret_length)
{
    static const WCHAR prefix[] = {'\\', '?', '?', '\\'};
    size_t bytes = length * sizeof *text, before = relative ? 0 : sizeof prefix;
    size_t size = sizeof(struct reparse) + before + 2 * bytes;
    if (size > UINT16_MAX)
        return STATUS_NAME_TOO_LONG;
    if (room < size)
        return room < sizeof(struct reparse) ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
    struct reparse *reparse = output;
    *reparse = (struct reparse){
        .tag = IO_REPARSE_TAG_SYMLINK,
        .data_length = (uint16_t)(size - 8),
        .substitute_length = (uint16_t)(before + bytes),
        .print_offset = (uint16_t)(before + bytes),
        .print_length = (uint16_t)bytes,
        .flags = relative ? SYMLINK_FLAG_RELATIVE : 0,
    };
    char *at = (char *)reparse->text;
    memcpy(at, prefix, before);
    memcpy(at + before, text, bytes);
    memcpy(at + before + bytes, text, bytes);
    *ret_length = size;
    return STATUS_SUCCESS;
}

static NTSTATUS get_link(struct file *file, void *output, size_t room, size_t *ret_length)
{
    if (!file->link)
        return STATUS_NOT_A_REPARSE_POINT;
    char *target = malloc(PATH_MAX + 1);
    if (!target)
        return STATUS_NO_MEMORY;
    ssize_t size = readlinkat(file->fd, "", target, PATH_MAX);
    NTSTATUS status = size < 0 ? errno_to_status(errno) : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS) {
        size_t length;
        target[size] = 0;
        WCHAR *text = target_of(target, &length);
        status = text ? put_link(text, length, target[0] != '/', output, room, ret_length)
                      : STATUS_NO_MEMORY;
        free(text);
    }
    free(target);
    return status;
}

NTSTATUS file_control(struct file *file, uint32_t code, void *output, size_t room,
                      size_t *ret_length)
{
    *ret_length = 0;
    switch (code) {
    case FSCTL_GET_REPARSE_POINT:
        return get_link(file, output, room, ret_length);
    case FSCTL_SET_SPARSE: /* files of the host are */
        return file->kind == FILE_DISK && !file->directory ? STATUS_SUCCESS
                                                           : STATUS_INVALID_DEVICE_REQUEST;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

BOOL k32_DeviceIoControl(HANDLE hDevice, DWORD dwIoControlCode, LPVOID lpInBuffer,
                         DWORD nInBufferSize, LPVOID lpOutBuffer, DWORD nOutBufferSize,
                         LPDWORD lpBytesReturned, LPOVERLAPPED lpOverlapped)
{
    struct file *file;
    size_t length = 0;
    size_t room = nOutBufferSize < FILE_CONTROL_MAXIMUM ? nOutBufferSize : FILE_CONTROL_MAXIMUM;
    NTSTATUS status = file_lookup(hDevice, 0, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    void *output = malloc(room ? room : 1);
    status = output ? file_control(file, dwIoControlCode, output, room, &length) : STATUS_NO_MEMORY;
    if (length)
        memcpy(lpOutBuffer, output, length);
    free(output);
    if (lpBytesReturned)
        *lpBytesReturned = (DWORD)length;
    if (lpOverlapped) {
        lpOverlapped->Internal = (uint32_t)status;
        lpOverlapped->InternalHigh = length;
        file_complete(file, lpOverlapped->hEvent, lpOverlapped, status, length);
    }
    file_unref(file);
    return face_bool(status);
}
