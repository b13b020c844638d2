/* Files as ntdll has them. Everything of the caller's is copied in and out by guarded access. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/file_control.h"
#include "kernel32/process/file_name.h"
#include "kernel32/process/file_query.h"
#include "kernel32/process/nt_io.h"
#include "kernel32/process/nt_name.h"
#include "memoryapi/guarded.h"

static NTSTATUS create(HANDLE *ret_handle, ACCESS_MASK access, const OBJECT_ATTRIBUTES *attributes,
                       IO_STATUS_BLOCK *block, struct file_request *request)
{
    HANDLE handle;
    uint32_t information = 0;
    struct nt_name name;
    NTSTATUS status = nt_name_resolve(attributes, &name);
    if (status != STATUS_SUCCESS)
        return status;
    request->path = &name.path;
    request->access = file_rights(access);
    request->inherit = name.inherit;
    status = file_open(request, &handle, &information);
    path_free(&name.path);
    if (status != STATUS_SUCCESS)
        return put_status(block, status, 0);
    if (!guarded_write(ret_handle, &handle, sizeof handle) ||
        put_status(block, STATUS_SUCCESS, information) != STATUS_SUCCESS) {
        handle_close(handle);
        return STATUS_ACCESS_VIOLATION;
    }
    return STATUS_SUCCESS;
}

NTSTATUS nt_NtCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                         PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
                         ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
                         ULONG EaLength)
{
    struct file_request request = {
        .attributes = FileAttributes,
        .share = ShareAccess,
        .disposition = CreateDisposition,
        .options = CreateOptions,
    };
    if (EaLength)
        return STATUS_NOT_SUPPORTED;
    if ((CreateOptions & FILE_DIRECTORY_FILE) && (CreateOptions & FILE_NON_DIRECTORY_FILE))
        return STATUS_INVALID_PARAMETER;
    if (CreateOptions & FILE_OPEN_BY_FILE_ID)
        return STATUS_NOT_SUPPORTED;
    return create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, &request);
}

NTSTATUS nt_NtOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                       POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                       ULONG ShareAccess, ULONG OpenOptions)
{
    return nt_NtCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0,
                           ShareAccess, FILE_OPEN, OpenOptions, NULL, 0);
}

/* The end of an operation: status block, event, routine or packet. */
static NTSTATUS finish(struct file *file, HANDLE event, PVOID routine, PVOID context,
                       IO_STATUS_BLOCK *block, NTSTATUS status, uint64_t done)
{
    NTSTATUS told = put_status(block, status, done);
    if (NT_SUCCESS(status) && routine)
        wait_queue_apc(wait_self(), routine, (uint64_t)context, (uint64_t)block, 0);
    file_complete(file, event, routine ? NULL : context, status, done);
    file_unref(file);
    return told;
}

static NTSTATUS get_offset(const LARGE_INTEGER *from, int64_t *ret, const int64_t **ret_offset)
{
    *ret_offset = from ? ret : NULL;
    return !from || guarded_read(from, ret, sizeof *ret) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

NTSTATUS nt_NtReadFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                       PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                       PLARGE_INTEGER ByteOffset, PULONG Key)
{
    struct file *file;
    int64_t value;
    const int64_t *offset;
    uint64_t done;
    NTSTATUS status = get_offset(ByteOffset, &value, &offset);
    if (status == STATUS_SUCCESS)
        status = file_lookup(FileHandle, FILE_READ_DATA, &file);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_read(file, Buffer, Length, offset, &done);
    return finish(file, Event, ApcRoutine, ApcContext, IoStatusBlock, status, done);
}

NTSTATUS nt_NtWriteFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                        PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                        PLARGE_INTEGER ByteOffset, PULONG Key)
{
    struct file *file;
    int64_t value;
    const int64_t *offset;
    uint64_t done;
    NTSTATUS status = get_offset(ByteOffset, &value, &offset);
    if (status == STATUS_SUCCESS)
        status = file_lookup(FileHandle, FILE_WRITE_DATA, &file);
    if (status == STATUS_ACCESS_DENIED)
        status = file_lookup(FileHandle, FILE_APPEND_DATA, &file);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_write(file, Buffer, Length, offset, &done);
    return finish(file, Event, ApcRoutine, ApcContext, IoStatusBlock, status, done);
}

NTSTATUS nt_NtFlushBuffersFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    struct file *file;
    NTSTATUS status = file_lookup(FileHandle, FILE_WRITE_DATA, &file);
    if (status == STATUS_ACCESS_DENIED)
        status = file_lookup(FileHandle, FILE_APPEND_DATA, &file);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_flush(file);
    file_unref(file);
    return put_status(IoStatusBlock, status, 0);
}

NTSTATUS nt_NtFsControlFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                            PIO_STATUS_BLOCK IoStatusBlock, ULONG FsControlCode, PVOID InputBuffer,
                            ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    struct file *file;
    size_t length = 0, room = OutputBufferLength;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    if (room > FILE_CONTROL_MAXIMUM)
        room = FILE_CONTROL_MAXIMUM;
    void *output = malloc(room ? room : 1);
    status = output ? file_control(file, FsControlCode, output, room, &length) : STATUS_NO_MEMORY;
    if (length && !guarded_copy(OutputBuffer, output, length))
        status = STATUS_ACCESS_VIOLATION;
    free(output);
    return finish(file, Event, ApcRoutine, ApcContext, IoStatusBlock, status, length);
}

NTSTATUS nt_NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine,
                                  PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock,
                                  ULONG IoControlCode, PVOID InputBuffer, ULONG InputBufferLength,
                                  PVOID OutputBuffer, ULONG OutputBufferLength)
{
    return nt_NtFsControlFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock,
                              IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                              OutputBufferLength);
}

/* Every operation has ended when its call returned. */
NTSTATUS nt_NtCancelIoFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    struct file *file;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    file_unref(file);
    return put_status(IoStatusBlock, STATUS_SUCCESS, 0);
}

NTSTATUS nt_NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel,
                             PIO_STATUS_BLOCK IoStatusBlock)
{
    struct file *file;
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status != STATUS_SUCCESS)
        return status;
    file_unref(file);
    return put_status(IoStatusBlock, STATUS_NOT_FOUND, 0);
}

NTSTATUS nt_NtDeleteFile(POBJECT_ATTRIBUTES ObjectAttributes)
{
    struct nt_name name;
    struct file_facts facts;
    NTSTATUS status = nt_name_resolve(ObjectAttributes, &name);
    if (status != STATUS_SUCCESS)
        return status;
    status = file_facts_of_path(&name.path, false, &facts);
    if (status == STATUS_SUCCESS)
        status = name_delete(&name.path, facts.directory);
    path_free(&name.path);
    return status;
}
