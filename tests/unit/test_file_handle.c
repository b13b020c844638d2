/* What is asked and changed through open files; copies, links, locks, pipes, volumes; ntdll. */
#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "file_kit.h"
#include "tests/unit/suite.h"

#define FSCTL_GET_REPARSE_POINT 0x000900A8u

static WCHAR name_buffer[512];

static OBJECT_ATTRIBUTES object_name(const char *text, HANDLE directory)
{
    static UNICODE_STRING name;
    size_t length = utf8_to_utf16(text, strlen(text), name_buffer, 511, NULL);
    name = (UNICODE_STRING){(USHORT)(2 * length), (USHORT)(2 * length), name_buffer};
    return (OBJECT_ATTRIBUTES){
        .Length = sizeof(OBJECT_ATTRIBUTES), .RootDirectory = directory, .ObjectName = &name};
}

/* Names of the records, whose name is at `name` and its length at `length`. */
static void names_of(const char *record, size_t name, size_t length, char *ret)
{
    for (;;) {
        uint32_t next, bytes;
        memcpy(&next, record, 4);
        memcpy(&bytes, record + length, 4);
        ret += utf16_to_utf8((const WCHAR *)(record + name), bytes / 2, ret, 200, NULL);
        *ret++ = '|';
        if (!next)
            break;
        ck_assert_uint_eq(next % 8, 0);
        record += next;
    }
    *ret = 0;
}

START_TEST(listing_by_handle)
{
    char buffer[4096] __attribute__((aligned(8))), names[400];
    mkdir(host("d"), 0777);
    put("d/b", "12345");
    put("d/A", "");
    symlink("b", host("d/l"));
    HANDLE directory = must_open("d", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    ck_assert_int_eq(k32_GetFileInformationByHandleEx(directory, FileFullDirectoryRestartInfo,
                                                      buffer, sizeof buffer),
                     TRUE);
    names_of(buffer, 68, 60, names);
    ck_assert_str_eq(names, ".|..|A|b|l|");
    ck_assert_int_eq(
        k32_GetFileInformationByHandleEx(directory, FileFullDirectoryInfo, buffer, sizeof buffer),
        FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NO_MORE_FILES);
    ck_assert_int_eq(k32_GetFileInformationByHandleEx(directory, FileIdBothDirectoryRestartInfo,
                                                      buffer, sizeof buffer),
                     TRUE);
    names_of(buffer, 104, 60, names);
    ck_assert_str_eq(names, ".|..|A|b|l|");
    const char *link = buffer;
    for (uint32_t next; memcpy(&next, link, 4), next;)
        link += next;
    uint32_t tag, attributes;
    uint64_t id;
    struct stat stat_buffer;
    ck_assert_int_eq(lstat(host("d/l"), &stat_buffer), 0);
    memcpy(&attributes, link + 56, 4);
    memcpy(&tag, link + 64, 4);
    memcpy(&id, link + 96, 8);
    ck_assert_uint_eq(attributes & FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_REPARSE_POINT);
    ck_assert_uint_eq(tag, IO_REPARSE_TAG_SYMLINK);
    ck_assert_uint_eq(id, stat_buffer.st_ino);
    k32_CloseHandle(directory);
}
END_TEST

START_TEST(listing_in_pieces)
{
    char buffer[160] __attribute__((aligned(8))), names[400];
    char all[100] = "";
    IO_STATUS_BLOCK block;
    UNICODE_STRING pattern = {8, 8, (WCHAR[]){'f', '*', '.', 'c'}};
    mkdir(host("d"), 0777);
    for (unsigned i = 0; i < 5; i++) {
        char name[20];
        snprintf(name, sizeof name, "d/F%u.c", i);
        put(name, "");
    }
    put("d/other", "");
    HANDLE directory = must_open("d", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    NTSTATUS status;
    unsigned calls = 0;
    while ((status = nt_NtQueryDirectoryFile(directory, NULL, NULL, NULL, &block, buffer,
                                             sizeof buffer, FileDirectoryInformation, FALSE,
                                             &pattern, FALSE)) == STATUS_SUCCESS) {
        names_of(buffer, 64, 60, names);
        strcat(all, names);
        calls++;
    }
    ck_assert_int_eq(status, STATUS_NO_MORE_FILES);
    ck_assert_str_eq(all, "F0.c|F1.c|F2.c|F3.c|F4.c|");
    ck_assert_uint_gt(calls, 1);
    pattern.Buffer = (WCHAR[]){'n', 'o', 'n', 'e'};
    ck_assert_int_eq(nt_NtQueryDirectoryFile(directory, NULL, NULL, NULL, &block, buffer,
                                             sizeof buffer, FileNamesInformation, TRUE, &pattern,
                                             TRUE),
                     STATUS_NO_SUCH_FILE);
    ck_assert_int_eq(nt_NtQueryDirectoryFile(directory, NULL, NULL, NULL, &block, buffer, 10,
                                             FileNamesInformation, TRUE, NULL, TRUE),
                     STATUS_INFO_LENGTH_MISMATCH);
    k32_CloseHandle(directory);
}
END_TEST

START_TEST(rename_by_handle)
{
    struct {
        FILE_RENAME_INFORMATION info;
        WCHAR rest[100];
    } rename = {0};
    const WCHAR *target = wide("X:\\new name");
    put("old", "text");
    put("New Name", "other");
    HANDLE file = must_open("old", DELETE, OPEN_EXISTING, 0);
    rename.info.FileNameLength = (ULONG)wide_length(target) * 2;
    memcpy(rename.info.FileName, target, rename.info.FileNameLength);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileRenameInfo, &rename, sizeof rename),
                     FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    rename.info.ReplaceIfExists = 1;
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileRenameInfo, &rename, sizeof rename),
                     TRUE);
    ck_assert_str_eq(get("New Name"), "text");
    ck_assert_ptr_null(get("old"));
    rename.info.FileNameLength = 1000;
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileRenameInfo, &rename, sizeof rename),
                     FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    k32_CloseHandle(file);
    file = must_open("New Name", GENERIC_READ, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileRenameInfo, &rename, sizeof rename),
                     FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(disposition)
{
    BOOLEAN on = 1, off = 0;
    put("a", "");
    HANDLE file = must_open("a", DELETE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileDispositionInfo, &on, 1), TRUE);
    FILE_STANDARD_INFORMATION info;
    ck_assert_int_eq(k32_GetFileInformationByHandleEx(file, FileStandardInfo, &info, sizeof info),
                     TRUE);
    ck_assert_uint_eq(info.DeletePending, TRUE);
    ck_assert_uint_eq(info.NumberOfLinks, 0);
    cannot_open("a", GENERIC_READ, OPEN_EXISTING, 0, ERROR_ACCESS_DENIED);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileDispositionInfo, &off, 1), TRUE);
    k32_CloseHandle(file);
    ck_assert_ptr_nonnull(get("a"));
    file = must_open("a", DELETE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileDispositionInfo, &on, 1), TRUE);
    k32_CloseHandle(file);
    ck_assert_ptr_null(get("a"));
    mkdir(host("d"), 0777);
    put("d/x", "");
    file = must_open("d", DELETE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileDispositionInfo, &on, 1), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_DIR_NOT_EMPTY);
    unlink(host("d/x"));
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileDispositionInfo, &on, 1), TRUE);
    k32_CloseHandle(file);
    ck_assert_int_ne(access(host("d"), F_OK), 0);
}
END_TEST

START_TEST(times_sizes_attributes)
{
    put("a", "0123456789");
    FILETIME written = {0xD53E8000, 0x019DB1DE}; /* 1970-01-01, sdk-api minwinbase/FILETIME */
    written.dwLowDateTime += 10000000 * 5 + 3;
    HANDLE file = must_open("a", GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_SetFileTime(file, NULL, NULL, &written), TRUE);
    LONGLONG size = 4;
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileEndOfFileInfo, &size, 8), TRUE);
    ck_assert_str_eq(get("a"), "0123");
    size = 4096;
    ck_assert_int_eq(k32_SetFileInformationByHandle(file, FileAllocationInfo, &size, 8), TRUE);
    ck_assert_str_eq(get("a"), "0123");
    ck_assert_int_eq(k32_SetFileTime(file, NULL, NULL, &written), TRUE);
    k32_CloseHandle(file);
    struct stat stat_buffer;
    ck_assert_int_eq(stat(host("a"), &stat_buffer), 0);
    ck_assert_int_eq(stat_buffer.st_mtim.tv_sec, 5);
    ck_assert_int_eq(stat_buffer.st_mtim.tv_nsec, 300);
    ck_assert_int_eq(k32_SetFileAttributesW(wide("A"), FILE_ATTRIBUTE_READONLY), TRUE);
    ck_assert_int_eq(stat(host("a"), &stat_buffer), 0);
    ck_assert_uint_eq(stat_buffer.st_mode & 0777, 0444);
    ck_assert_int_eq(k32_SetFileAttributesW(wide("A"), FILE_ATTRIBUTE_NORMAL), TRUE);
    ck_assert_int_eq(stat(host("a"), &stat_buffer), 0);
    ck_assert_uint_eq(stat_buffer.st_mode & 0200, 0200);
    ck_assert_int_eq(k32_SetFileAttributesW(wide("none"), FILE_ATTRIBUTE_NORMAL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
}
END_TEST

static void expect_final(HANDLE file, DWORD flags, const char *expected)
{
    WCHAR path[200];
    DWORD length = k32_GetFinalPathNameByHandleW(file, path, 200, flags);
    ck_assert_str_eq(narrow(path), expected);
    ck_assert_uint_eq(length, strlen(expected));
    ck_assert_uint_eq(k32_GetFinalPathNameByHandleW(file, path, length, flags), length + 1);
}

START_TEST(names_of_open_files)
{
    WCHAR path[100];
    mkdir(host("Dir"), 0777);
    put("Dir/File", "");
    HANDLE file = must_open("dir\\FILE", 0, OPEN_EXISTING, 0);
    expect_final(file, 0, "\\\\?\\X:\\Dir\\File");
    expect_final(file, 2, "\\Device\\HarddiskVolume24\\Dir\\File");
    expect_final(file, 4, "\\Dir\\File");
    expect_final(file, 1, "\\\\?\\Volume{77696e6d-656d-4000-8000-000000000058}\\Dir\\File");
    ck_assert_uint_eq(k32_GetLongPathNameW(wide("DIR\\.\\file"), path, 100), 10);
    ck_assert_str_eq(narrow(path), "Dir\\.\\File");
    ck_assert_uint_eq(k32_GetLongPathNameW(wide("x:/dir/file"), path, 100), 11);
    ck_assert_str_eq(narrow(path), "x:/Dir/File");
    ck_assert_uint_eq(k32_GetLongPathNameW(wide("none"), path, 100), 0);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(copies)
{
    put("a", "contents");
    ck_assert_int_eq(k32_CopyFileW(wide("A"), wide("b"), TRUE), TRUE);
    ck_assert_str_eq(get("b"), "contents");
    put("a", "more");
    ck_assert_int_eq(k32_CopyFileW(wide("a"), wide("B"), TRUE), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_EXISTS);
    ck_assert_int_eq(k32_CopyFileW(wide("a"), wide("B"), FALSE), TRUE);
    ck_assert_str_eq(get("b"), "more");
    ck_assert_int_eq(k32_CopyFileW(wide("none"), wide("c"), FALSE), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    ck_assert_ptr_null(get("c"));
    ck_assert_int_eq(k32_CopyFileW(wide("a"), wide("a"), FALSE), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_SHARING_VIOLATION);
    ck_assert_str_eq(get("a"), "more");
    ck_assert_int_eq(k32_CopyFileW(wide("Z:\\proc\\self\\stat"), wide("p"), FALSE), TRUE);
    ck_assert_uint_gt(strlen(get("p")), 10);
}
END_TEST

START_TEST(links)
{
    char data[200] __attribute__((aligned(8)));
    DWORD got;
    put("a", "text");
    ck_assert_int_eq(k32_CreateHardLinkW(wide("hard"), wide("A"), NULL), TRUE);
    ck_assert_int_eq(k32_CreateHardLinkW(wide("HARD"), wide("a"), NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    struct stat stat_buffer;
    ck_assert_int_eq(stat(host("a"), &stat_buffer), 0);
    ck_assert_uint_eq(stat_buffer.st_nlink, 2);
    mkdir(host("d"), 0777);
    ck_assert_uint_eq(k32_CreateSymbolicLinkW(wide("d\\soft"), wide("..\\a"), 0), TRUE);
    ck_assert_str_eq(get("d/soft"), "text");
    HANDLE file = must_open("d\\soft", 0, OPEN_EXISTING,
                            FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS);
    ck_assert_int_eq(
        k32_DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, data, sizeof data, &got, NULL),
        TRUE);
    /* tag; lengths of all but the first 8 bytes, of the names; flags; "..\a" twice */
    ck_assert_uint_eq(*(uint32_t *)data, IO_REPARSE_TAG_SYMLINK);
    ck_assert_uint_eq(got, 20 + 2 * 8);
    ck_assert_uint_eq(*(uint16_t *)(data + 4), got - 8);
    ck_assert_uint_eq(*(uint32_t *)(data + 16), SYMLINK_FLAG_RELATIVE);
    ck_assert_mem_eq(data + 20, wide("..\\a"), 8);
    k32_CloseHandle(file);
    ck_assert_uint_eq(k32_CreateSymbolicLinkW(wide("abs"), wide("X:\\a"), 0), TRUE);
    ck_assert_str_eq(get("abs"), "text");
    file = must_open("abs", 0, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT);
    ck_assert_int_eq(
        k32_DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, data, sizeof data, &got, NULL),
        TRUE);
    ck_assert_mem_eq(data + 20, wide("\\??\\X:\\a"), 16);
    k32_CloseHandle(file);
    file = must_open("a", 0, OPEN_EXISTING, 0);
    ck_assert_int_eq(
        k32_DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, data, sizeof data, &got, NULL),
        FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_A_REPARSE_POINT);
    ck_assert_int_eq(k32_DeviceIoControl(file, 0x70000, NULL, 0, NULL, 0, &got, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_FUNCTION);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(locks)
{
    OVERLAPPED at = {.Offset = 10};
    put("a", "");
    HANDLE first = must_open("a", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    HANDLE second = must_open("a", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_LockFileEx(first, 2 | 1, 0, 10, 0, &at), TRUE);
    at.Offset = 15;
    ck_assert_int_eq(k32_LockFileEx(second, 1, 0, 1, 0, &at), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_LOCK_VIOLATION);
    ck_assert_int_eq(k32_LockFile(second, 20, 0, 0xFFFFFFFF, 0xFFFFFFFF), TRUE);
    ck_assert_int_eq(k32_UnlockFile(first, 10, 0, 9, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_LOCKED);
    ck_assert_int_eq(k32_UnlockFile(first, 10, 0, 10, 0), TRUE);
    ck_assert_int_eq(k32_LockFileEx(second, 1, 0, 1, 0, &at), TRUE);
    k32_CloseHandle(second);
    ck_assert_int_eq(k32_LockFile(first, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF), TRUE);
    k32_CloseHandle(first);
}
END_TEST

START_TEST(pipes)
{
    HANDLE reader, writer;
    DWORD done, available, left;
    char text[8] = {0};
    ck_assert_int_eq(k32_CreatePipe(&reader, &writer, NULL, 0), TRUE);
    ck_assert_int_eq(k32_PeekNamedPipe(reader, NULL, 0, NULL, &available, NULL), TRUE);
    ck_assert_uint_eq(available, 0);
    k32_WriteFile(writer, "abcdef", 6, &done, NULL);
    ck_assert_int_eq(k32_PeekNamedPipe(reader, text, 3, &done, &available, &left), TRUE);
    ck_assert_uint_eq(done, 3);
    ck_assert_uint_eq(available, 6);
    ck_assert_str_eq(text, "abc");
    ck_assert_int_eq(k32_ReadFile(reader, text, 6, &done, NULL), TRUE);
    ck_assert_uint_eq(done, 6);
    k32_CloseHandle(writer);
    ck_assert_int_eq(k32_PeekNamedPipe(reader, NULL, 0, NULL, &available, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_BROKEN_PIPE);
    k32_CloseHandle(reader);
}
END_TEST

START_TEST(volumes)
{
    WCHAR text[100];
    ULARGE_INTEGER available, total;
    DWORD serial, flags, maximum;
    ck_assert_uint_eq(k32_GetLogicalDrives(), 1u << 23 | 1u << 25);
    ck_assert_uint_eq(k32_GetLogicalDriveStringsW(100, text), 8);
    ck_assert_mem_eq(text, ((WCHAR[]){'X', ':', '\\', 0, 'Z', ':', '\\', 0, 0}), 18);
    ck_assert_uint_eq(k32_GetDriveTypeW(wide("X:\\")), 3);
    ck_assert_uint_eq(k32_GetDriveTypeW(wide("C:\\")), 1);
    ck_assert_int_eq(k32_GetDiskFreeSpaceExW(wide("X:\\"), &available, &total, NULL), TRUE);
    ck_assert_uint_le(available.QuadPart, total.QuadPart);
    ck_assert_int_eq(
        k32_GetVolumeInformationW(wide("X:\\"), NULL, 0, &serial, &maximum, &flags, text, 100),
        TRUE);
    ck_assert_uint_eq(maximum, 255);
    ck_assert_str_eq(narrow(text), "NTFS");
    ck_assert_int_eq(k32_GetVolumePathNameW(wide("sub\\file"), text, 100), TRUE);
    ck_assert_str_eq(narrow(text), "X:\\");
    ck_assert_uint_eq(k32_QueryDosDeviceW(wide("x:"), text, 100), 26);
    ck_assert_str_eq(narrow(text), "\\Device\\HarddiskVolume24");
    ck_assert_int_eq(k32_GetVolumeNameForVolumeMountPointW(wide("X:\\"), text, 100), TRUE);
    ck_assert_str_eq(narrow(text), "\\\\?\\Volume{77696e6d-656d-4000-8000-000000000058}\\");
    ck_assert_uint_eq(k32_GetFileAttributesW(text), FILE_ATTRIBUTE_DIRECTORY);
}
END_TEST

START_TEST(native_files)
{
    HANDLE file, directory;
    IO_STATUS_BLOCK block;
    char text[16] = {0};
    ck_assert_int_eq(k32_CreateDirectoryW(wide("d"), NULL), TRUE);
    directory = must_open("d", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    OBJECT_ATTRIBUTES name = object_name("sub", directory);
    ck_assert_int_eq(nt_NtCreateFile(&file, GENERIC_READ, &name, &block, NULL, 0, 7, FILE_CREATE,
                                     FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(block.Information, FILE_CREATED);
    k32_CloseHandle(file);
    name = object_name("SUB\\new", directory);
    ck_assert_int_eq(nt_NtCreateFile(&file, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &name,
                                     &block, NULL, 0, 7, FILE_OPEN_IF,
                                     FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, NULL,
                                     0),
                     STATUS_SUCCESS);
    LARGE_INTEGER offset = {.QuadPart = 2};
    ck_assert_int_eq(nt_NtWriteFile(file, NULL, NULL, NULL, &block, "abc", 3, &offset, NULL),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(block.Information, 3);
    offset.QuadPart = 3;
    ck_assert_int_eq(nt_NtReadFile(file, NULL, NULL, NULL, &block, text, 16, &offset, NULL),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(block.Information, 2);
    ck_assert_str_eq(text, "bc");
    ck_assert_int_eq(nt_NtReadFile(file, NULL, NULL, NULL, &block, text, 16, NULL, NULL),
                     STATUS_END_OF_FILE);
    uint32_t mode = 0;
    ck_assert_int_eq(
        nt_NtQueryInformationFile(file, &block, &mode, sizeof mode, FileModeInformation),
        STATUS_SUCCESS);
    ck_assert_uint_eq(mode, FILE_SYNCHRONOUS_IO_NONALERT);
    ck_assert_int_eq(nt_NtQueryInformationFile(file, &block, text, 2, FileModeInformation),
                     STATUS_INFO_LENGTH_MISMATCH);
    ck_assert_int_eq(nt_NtQueryInformationFile(file, &block, text, 16, 200),
                     STATUS_INVALID_INFO_CLASS);
    k32_CloseHandle(file);
    k32_CloseHandle(directory);
    name = object_name("\\??\\X:\\d\\sub\\NEW", NULL);
    FILE_NETWORK_OPEN_INFORMATION info;
    ck_assert_int_eq(nt_NtQueryFullAttributesFile(&name, &info), STATUS_SUCCESS);
    ck_assert_int_eq(info.EndOfFile.QuadPart, 5);
    ck_assert_int_eq(nt_NtQueryFullAttributesFile(&name, (void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(nt_NtDeleteFile(&name), STATUS_SUCCESS);
    ck_assert_int_eq(nt_NtQueryFullAttributesFile(&name, &info), STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(nt_NtOpenFile(&file, GENERIC_READ, (void *)8, &block, 7, 0),
                     STATUS_ACCESS_VIOLATION);
    name = object_name("X:\\d", NULL);
    ck_assert_int_eq(nt_NtOpenFile(&file, GENERIC_READ, &name, &block, 7, 0),
                     STATUS_OBJECT_PATH_SYNTAX_BAD);
}
END_TEST

START_TEST(native_names)
{
    static const char *const cases[][2] = {
        {"X:\\a", "\\??\\X:\\a"},
        {"a", "\\??\\X:\\a"},
        {"NUL", "\\??\\NUL"},
        {"\\\\server\\share\\a", "\\??\\UNC\\server\\share\\a"},
        {"\\\\?\\X:\\a.", "\\??\\X:\\a."},
        {"\\\\.\\X:\\a", "\\??\\X:\\a"},
    };
    for (unsigned i = 0; i < array_length(cases); i++) {
        UNICODE_STRING name;
        PWSTR part;
        ck_assert_int_eq(
            nt_RtlDosPathNameToNtPathName_U_WithStatus(wide(cases[i][0]), &name, &part, NULL),
            STATUS_SUCCESS);
        ck_assert_str_eq(narrow(name.Buffer), cases[i][1]);
        ck_assert_uint_eq(name.Length, 2 * strlen(cases[i][1]));
        free(name.Buffer);
    }
    ck_assert_uint_eq(nt_RtlIsDosDeviceName_U(wide("Z:\\dir\\nul")), 14u << 16 | 6);
    ck_assert_uint_eq(nt_RtlIsDosDeviceName_U(wide("Z:\\dir\\null")), 0);
    ck_assert_uint_eq(nt_RtlIsDosDeviceName_U(wide("COM1")), 8);
}
END_TEST

START_TEST(temporary_files)
{
    WCHAR path[MAX_PATH], other[MAX_PATH];
    UINT number = k32_GetTempFileNameW(wide("X:\\"), wide("abcd"), 0, path);
    ck_assert_uint_ne(number, 0);
    ck_assert_int_eq(strncmp(narrow(path), "X:\\abc", 6), 0);
    ck_assert_uint_eq(k32_GetFileAttributesW(path), FILE_ATTRIBUTE_ARCHIVE);
    ck_assert_uint_ne(k32_GetTempFileNameW(wide("X:\\"), wide("abcd"), 0, other), 0);
    ck_assert_str_ne(narrow(path), narrow(other));
    ck_assert_uint_eq(k32_GetTempFileNameW(wide("X:\\"), wide("q"), 0x1F, path), 0x1F);
    ck_assert_str_eq(narrow(path), "X:\\q1F.TMP");
    ck_assert_uint_eq(k32_GetFileAttributesW(path), INVALID_FILE_ATTRIBUTES);
    ck_assert_uint_eq(k32_GetTempFileNameW(wide("X:\\none"), wide("q"), 0, path), 0);
    ck_assert_uint_eq(last_error_get(), ERROR_DIRECTORY);
    char text[100];
    ck_assert_uint_eq(k32_GetFullPathNameA("a/b", sizeof text, text, NULL), 6);
    ck_assert_str_eq(text, "X:\\a\\b");
    ck_assert_uint_eq(k32_GetFullPathNameA("a/b", 3, text, NULL), 7);
}
END_TEST

START_TEST(searching)
{
    WCHAR path[200], *part;
    mkdir(host("one"), 0777);
    mkdir(host("two"), 0777);
    put("two/tool.exe", "");
    ck_assert_uint_eq(
        k32_SearchPathW(wide("X:\\one;X:\\two"), wide("TOOL"), wide(".exe"), 200, path, &part), 15);
    ck_assert_str_eq(narrow(path), "X:\\two\\TOOL.exe");
    ck_assert_str_eq(narrow(part), "TOOL.exe");
    ck_assert_uint_eq(
        k32_SearchPathW(wide("X:\\one;X:\\two"), wide("TOOL"), wide(".exe"), 15, path, &part), 16);
    ck_assert_uint_eq(k32_SearchPathW(wide("X:\\one"), wide("tool.exe"), NULL, 200, path, &part),
                      0);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    ck_assert_uint_eq(k32_SearchPathW(NULL, wide("two\\tool.exe"), NULL, 200, path, NULL), 15);
}
END_TEST

START_TEST(replacing)
{
    put("a", "old");
    put("b", "new");
    ck_assert_int_eq(k32_ReplaceFileW(wide("A"), wide("b"), wide("save"), 0, NULL, NULL), TRUE);
    ck_assert_str_eq(get("save"), "old");
    ck_assert_ptr_null(get("b"));
    HANDLE file = must_open("a", GENERIC_READ, OPEN_EXISTING, 0);
    DWORD done;
    HANDLE again = k32_ReOpenFile(file, GENERIC_WRITE, SHARE_ALL, 0);
    ck_assert_ptr_ne(again, NONE);
    ck_assert_int_eq(k32_WriteFile(again, "N", 1, &done, NULL), TRUE);
    k32_CloseHandle(again);
    k32_CloseHandle(file);
    ck_assert_int_eq(k32_ReplaceFileW(wide("a"), wide("none"), NULL, 0, NULL, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
}
END_TEST

START_TEST(volume_names)
{
    WCHAR name[60];
    HANDLE find = k32_FindFirstVolumeW(name, 60);
    ck_assert_ptr_ne(find, NONE);
    ck_assert_str_eq(narrow(name), "\\\\?\\Volume{77696e6d-656d-4000-8000-000000000058}\\");
    WCHAR roots[8];
    DWORD length;
    ck_assert_int_eq(k32_GetVolumePathNamesForVolumeNameW(name, roots, 8, &length), TRUE);
    ck_assert_str_eq(narrow(roots), "X:\\");
    ck_assert_int_eq(k32_FindNextVolumeW(find, name, 60), TRUE);
    ck_assert_int_eq(k32_FindNextVolumeW(find, name, 60), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NO_MORE_FILES);
    WIN32_FIND_DATAW data;
    ck_assert_int_eq(k32_FindNextFileW(find, &data), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(k32_FindVolumeClose(find), TRUE);
}
END_TEST

START_TEST(fat_dates)
{
    /* 1980-01-01 is day 0x21 of FAT; 119600064000000000 in 100 ns since 1601 */
    FILETIME time;
    WORD date, day_time;
    ck_assert_int_eq(k32_DosDateTimeToFileTime(0x21, 0, &time), TRUE);
    ck_assert_uint_eq((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime,
                      119600064000000000ull);
    time.dwLowDateTime++;
    ck_assert_int_eq(k32_FileTimeToDosDateTime(&time, &date, &day_time), TRUE);
    ck_assert_uint_eq(date, 0x21);
    ck_assert_uint_eq(day_time, 1);
    ck_assert_int_eq(k32_DosDateTimeToFileTime(0, 0, &time), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("file_handle");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, listing_by_handle);
    tcase_add_test(tests, listing_in_pieces);
    tcase_add_test(tests, rename_by_handle);
    tcase_add_test(tests, disposition);
    tcase_add_test(tests, times_sizes_attributes);
    tcase_add_test(tests, names_of_open_files);
    tcase_add_test(tests, copies);
    tcase_add_test(tests, links);
    tcase_add_test(tests, locks);
    tcase_add_test(tests, pipes);
    tcase_add_test(tests, volumes);
    tcase_add_test(tests, native_files);
    tcase_add_test(tests, native_names);
    tcase_add_test(tests, temporary_files);
    tcase_add_test(tests, searching);
    tcase_add_test(tests, replacing);
    tcase_add_test(tests, volume_names);
    tcase_add_test(tests, fat_dates);
    return suite_run("file_handle", tests);
}
