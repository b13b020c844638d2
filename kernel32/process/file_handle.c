/* Asking and changing an open file: the Win32 functions. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/file_name.h"
#include "kernel32/process/file_query.h"
#include "kernel32/process/filetime.h"

#define QUERY_MAXIMUM (64u * 1024) /* bytes made at a time; a listing goes on at the next call */

/* FILE_INFO_BY_HANDLE_CLASS to the NT class; 0: handled elsewhere or unknown. */
static uint32_t nt_class(DWORD win32_class)
{
    static const uint8_t classes[] = {
        [FileBasicInfo] = FileBasicInformation,
        [FileStandardInfo] = FileStandardInformation,
        [FileNameInfo] = FileNameInformation,
        [FileRenameInfo] = FileRenameInformation,
        [FileDispositionInfo] = FileDispositionInformation,
        [FileAllocationInfo] = FileAllocationInformation,
        [FileEndOfFileInfo] = FileEndOfFileInformation,
        [FileStreamInfo] = FileStreamInformation,
        [FileAttributeTagInfo] = FileAttributeTagInformation,
        [FileIdBothDirectoryInfo] = FileIdBothDirectoryInformation,
        [FileIdBothDirectoryRestartInfo] = FileIdBothDirectoryInformation,
        [FileFullDirectoryInfo] = FileFullDirectoryInformation,
        [FileFullDirectoryRestartInfo] = FileFullDirectoryInformation,
        [FileAlignmentInfo] = FileAlignmentInformation,
        [FileIdInfo] = FileIdInformation,
        [FileIdExtdDirectoryInfo] = FileIdExtdDirectoryInformation,
        [FileIdExtdDirectoryRestartInfo] = FileIdExtdDirectoryInformation,
        [FileDispositionInfoEx] = FileDispositionInformationEx,
        [FileRenameInfoEx] = FileRenameInformationEx,
        [FileCaseSensitiveInfo] = FileCaseSensitiveInformation,
        [FileNormalizedNameInfo] = FileNormalizedNameInformation,
    };
    return win32_class < array_length(classes) ? classes[win32_class] : 0;
}

/* Compressed size and format: nothing is compressed. */
static NTSTATUS query_compression(struct file *file, uint64_t *answer, DWORD size)
{
    struct file_facts facts;
    if (size < 16)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = file_facts(file->fd, "", false, &facts);
    answer[0] = facts.size;
    answer[1] = 0;
    return status;
}

/* FILE_STORAGE_INFO: sector sizes, flags, alignment. */
static NTSTATUS query_storage(uint32_t *answer, DWORD size)
{
    static const uint32_t sectors[7] = {512, 4096, 4096, 4096, 3, 0, 0};
    if (size < sizeof sectors)
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy(answer, sectors, sizeof sectors);
    return STATUS_SUCCESS;
}

static NTSTATUS query(struct file *file, DWORD win32_class, void *buffer, DWORD size,
                      size_t *ret_length)
{
    uint32_t class = nt_class(win32_class);
    if (win32_class == FileCompressionInfo || win32_class == FileStorageInfo) {
        *ret_length = win32_class == FileStorageInfo ? 28 : 16;
        return win32_class == FileStorageInfo ? query_storage(buffer, size)
                                              : query_compression(file, buffer, size);
    }
    if (!file_is_directory_class(class))
        return class ? file_query(file, class, buffer, size, ret_length) : STATUS_INVALID_PARAMETER;
    struct directory_query listing = {
        .information_class = class,
        .restart = win32_class == FileIdBothDirectoryRestartInfo ||
                   win32_class == FileFullDirectoryRestartInfo ||
                   win32_class == FileIdExtdDirectoryRestartInfo,
    };
    NTSTATUS status = file_query_directory(file, &listing, buffer, size, ret_length);
    return status == STATUS_NO_SUCH_FILE ? STATUS_NO_MORE_FILES : status;
}

BOOL k32_GetFileInformationByHandleEx(HANDLE hFile, DWORD FileInformationClass,
                                      LPVOID lpFileInformation, DWORD dwBufferSize)
{
    struct file *file;
    size_t length = 0;
    uint32_t class = nt_class(FileInformationClass);
    ACCESS_MASK access =
        file_is_directory_class(class) ? FILE_LIST_DIRECTORY : file_query_access(class);
    NTSTATUS status = file_lookup(hFile, access, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    DWORD size = dwBufferSize < QUERY_MAXIMUM ? dwBufferSize : QUERY_MAXIMUM;
    void *buffer = malloc(size ? size : 1);
    if (!buffer)
        status = STATUS_NO_MEMORY;
    else if (file->kind != FILE_DISK && class != FileNameInformation)
        status = STATUS_INVALID_PARAMETER;
    else
        status = query(file, FileInformationClass, buffer, size, &length);
    file_unref(file);
    if (status == STATUS_SUCCESS || status == STATUS_BUFFER_OVERFLOW)
        memcpy(lpFileInformation, buffer, length);
    free(buffer);
    return face_bool(status);
}

BOOL k32_SetFileInformationByHandle(HANDLE hFile, DWORD FileInformationClass,
                                    LPVOID lpFileInformation, DWORD dwBufferSize)
{
    struct file *file;
    uint32_t class = nt_class(FileInformationClass);
    if (FileInformationClass == FileIoPriorityHintInfo && dwBufferSize >= 4) {
        /* a hint: it is taken and changes nothing */
        NTSTATUS found = file_lookup(hFile, 0, &file);
        if (found == STATUS_SUCCESS)
            file_unref(file);
        return face_bool(found);
    }
    if (dwBufferSize > QUERY_MAXIMUM * 2)
        return face_bool(STATUS_INVALID_PARAMETER);
    void *copy = malloc(dwBufferSize ? dwBufferSize : 1);
    NTSTATUS status = copy ? file_lookup(hFile, file_set_access(class), &file) : STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS) {
        memcpy(copy, lpFileInformation, dwBufferSize);
        status = file_set(file, class, copy, dwBufferSize, true);
        file_unref(file);
    }
    free(copy);
    return face_bool(status);
}

static int64_t time_of(const FILETIME *time)
{
    return time ? (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime) : 0;
}

BOOL k32_SetFileTime(HANDLE hFile, const FILETIME *lpCreationTime, const FILETIME *lpLastAccessTime,
                     const FILETIME *lpLastWriteTime)
{
    FILE_BASIC_INFORMATION info = {
        .CreationTime.QuadPart = time_of(lpCreationTime),
        .LastAccessTime.QuadPart = time_of(lpLastAccessTime),
        .LastWriteTime.QuadPart = time_of(lpLastWriteTime),
    };
    struct file *file;
    NTSTATUS status = file_lookup(hFile, FILE_WRITE_ATTRIBUTES, &file);
    if (status == STATUS_SUCCESS) {
        status = file_set(file, FileBasicInformation, &info, sizeof info, true);
        file_unref(file);
    }
    return face_bool(status);
}

static void put_time(LARGE_INTEGER time, FILETIME *ret)
{
    if (ret)
        *ret = filetime((uint64_t)time.QuadPart);
}

BOOL k32_GetFileTime(HANDLE hFile, LPFILETIME lpCreationTime, LPFILETIME lpLastAccessTime,
                     LPFILETIME lpLastWriteTime)
{
    FILE_BASIC_INFORMATION info;
    struct file *file;
    size_t length;
    NTSTATUS status = file_lookup(hFile, FILE_READ_ATTRIBUTES, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = file_query(file, FileBasicInformation, &info, sizeof info, &length);
    file_unref(file);
    if (status == STATUS_SUCCESS) {
        put_time(info.CreationTime, lpCreationTime);
        put_time(info.LastAccessTime, lpLastAccessTime);
        put_time(info.LastWriteTime, lpLastWriteTime);
    }
    return face_bool(status);
}

BOOL k32_SetFileCompletionNotificationModes(HANDLE FileHandle, UCHAR Flags)
{
    struct file *file;
    uint32_t modes = Flags;
    if (Flags & ~(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE))
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status = file_lookup(FileHandle, 0, &file);
    if (status == STATUS_SUCCESS) {
        status =
            file_set(file, FileIoCompletionNotificationInformation, &modes, sizeof modes, true);
        file_unref(file);
    }
    return face_bool(status);
}

BOOL k32_SetFileAttributesW(LPCWSTR lpFileName, DWORD dwFileAttributes)
{
    struct path path = {0};
    HANDLE handle;
    uint32_t information;
    struct file *file;
    NTSTATUS status = lpFileName ? path_resolve(lpFileName, wide_length(lpFileName), &path)
                                 : STATUS_OBJECT_PATH_NOT_FOUND;
    if (status == STATUS_SUCCESS) {
        const struct file_request request = {
            .path = &path,
            .access = FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
            .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            .disposition = FILE_OPEN,
            .options = FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT,
        };
        status = file_open(&request, &handle, &information);
    }
    path_free(&path);
    if (status == STATUS_SUCCESS && file_lookup(handle, 0, &file) == STATUS_SUCCESS) {
        FILE_BASIC_INFORMATION info = {.FileAttributes = dwFileAttributes ? dwFileAttributes
                                                                          : FILE_ATTRIBUTE_NORMAL};
        status = file_set(file, FileBasicInformation, &info, sizeof info, true);
        file_unref(file);
        handle_close(handle);
    }
    return face_bool(status);
}

BOOL k32_SetFileAttributesA(LPCSTR lpFileName, DWORD dwFileAttributes)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    BOOL done = k32_SetFileAttributesW(name, dwFileAttributes);
    free(name);
    return done;
}
