/* Files: opened, read, written, found, named and shared. */
#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "file_kit.h"
#include "tests/unit/suite.h"

START_TEST(write_then_read)
{
    DWORD done = 99;
    char text[32] = {0};
    HANDLE file = must_open("a.txt", GENERIC_READ | GENERIC_WRITE, CREATE_NEW, 0);
    ck_assert_uint_eq(last_error_get(), ERROR_SUCCESS);
    ck_assert_int_eq(k32_WriteFile(file, "hello world", 11, &done, NULL), TRUE);
    ck_assert_uint_eq(done, 11);
    ck_assert_uint_eq(k32_SetFilePointer(file, 6, NULL, FILE_BEGIN), 6);
    ck_assert_int_eq(k32_ReadFile(file, text, sizeof text, &done, NULL), TRUE);
    ck_assert_uint_eq(done, 5);
    ck_assert_str_eq(text, "world");
    ck_assert_int_eq(k32_ReadFile(file, text, sizeof text, &done, NULL), TRUE);
    ck_assert_uint_eq(done, 0);
    ck_assert_str_eq(get("a.txt"), "hello world");
    ck_assert_int_eq(k32_CloseHandle(file), TRUE);
    ck_assert_int_eq(k32_ReadFile(file, text, 1, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
}
END_TEST

START_TEST(dispositions)
{
    put("old", "old");
    cannot_open("old", GENERIC_WRITE, CREATE_NEW, 0, ERROR_FILE_EXISTS);
    cannot_open("new", GENERIC_WRITE, OPEN_EXISTING, 0, ERROR_FILE_NOT_FOUND);
    cannot_open("new", GENERIC_WRITE, TRUNCATE_EXISTING, 0, ERROR_FILE_NOT_FOUND);
    cannot_open("old", GENERIC_READ, TRUNCATE_EXISTING, 0, ERROR_INVALID_PARAMETER);
    cannot_open("old", GENERIC_READ, 9, 0, ERROR_INVALID_PARAMETER);
    cannot_open("no\\new", GENERIC_WRITE, CREATE_NEW, 0, ERROR_PATH_NOT_FOUND);
    cannot_open("old\\new", GENERIC_WRITE, CREATE_NEW, 0, ERROR_PATH_NOT_FOUND);
    cannot_open("a*b", GENERIC_WRITE, CREATE_NEW, 0, ERROR_INVALID_NAME);
    cannot_open("old\\", GENERIC_READ, OPEN_EXISTING, 0, ERROR_INVALID_NAME);
    k32_CloseHandle(must_open("old", GENERIC_WRITE, OPEN_ALWAYS, 0));
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    ck_assert_str_eq(get("old"), "old");
    k32_CloseHandle(must_open("old", GENERIC_WRITE, CREATE_ALWAYS, 0));
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    ck_assert_str_eq(get("old"), "");
    put("old", "old");
    k32_CloseHandle(must_open("old", GENERIC_WRITE, TRUNCATE_EXISTING, 0));
    ck_assert_str_eq(get("old"), "");
    k32_CloseHandle(must_open("new", 0, OPEN_ALWAYS, 0));
    ck_assert_uint_eq(last_error_get(), ERROR_SUCCESS);
    ck_assert_str_eq(get("new"), "");
}
END_TEST

START_TEST(case_does_not_matter)
{
    mkdir(host("Dir"), 0777);
    put("Dir/File", "text");
    k32_CloseHandle(must_open("DIR\\file", GENERIC_READ, OPEN_EXISTING, 0));
    cannot_open("dir\\FILE", GENERIC_WRITE, CREATE_NEW, 0, ERROR_FILE_EXISTS);
    k32_CloseHandle(must_open("dir\\New", GENERIC_WRITE, CREATE_NEW, 0));
    ck_assert_str_eq(get("Dir/New"), "");
    ck_assert_int_eq(k32_CreateDirectoryW(wide("DIR"), NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    ck_assert_int_eq(k32_CreateDirectoryW(wide("DIR\\Sub"), NULL), TRUE);
    ck_assert_int_eq(access(host("Dir/Sub"), F_OK), 0);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("dir\\file")), FILE_ATTRIBUTE_ARCHIVE);
    ck_assert_int_eq(k32_DeleteFileW(wide("DIR\\FILE")), TRUE);
    ck_assert_int_ne(access(host("Dir/File"), F_OK), 0);
}
END_TEST

START_TEST(share_modes)
{
    put("a", "text");
    HANDLE first = open_file("a", GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, 0);
    ck_assert_ptr_ne(first, NONE);
    cannot_open("a", GENERIC_WRITE, OPEN_EXISTING, 0, ERROR_SHARING_VIOLATION);
    cannot_open("a", GENERIC_WRITE, CREATE_ALWAYS, 0, ERROR_SHARING_VIOLATION);
    ck_assert_str_eq(get("a"), "text");
    ck_assert_ptr_eq(open_file("a", GENERIC_READ, 0, OPEN_EXISTING, 0), NONE);
    ck_assert_uint_eq(last_error_get(), ERROR_SHARING_VIOLATION);
    ck_assert_int_eq(k32_DeleteFileW(wide("a")), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_SHARING_VIOLATION);
    ck_assert_int_eq(k32_MoveFileExW(wide("a"), wide("b"), 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_SHARING_VIOLATION);
    k32_CloseHandle(open_file("a", 0, 0, OPEN_EXISTING, 0));
    k32_CloseHandle(must_open("a", GENERIC_READ, OPEN_EXISTING, 0));
    k32_CloseHandle(first);
    k32_CloseHandle(open_file("a", GENERIC_WRITE, 0, OPEN_EXISTING, 0));
    first = must_open("a", GENERIC_READ, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_DeleteFileW(wide("a")), TRUE);
    k32_CloseHandle(first);
}
END_TEST

START_TEST(overlapped_offsets)
{
    DWORD done = 99;
    char text[16] = {0};
    OVERLAPPED at = {.Offset = 3};
    put("a", "0123456789");
    HANDLE file = must_open("a", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_ReadFile(file, text, 4, &done, &at), TRUE);
    ck_assert_str_eq(text, "3456");
    ck_assert_uint_eq(at.InternalHigh, 4);
    ck_assert_uint_eq(at.Internal, STATUS_SUCCESS);
    ck_assert_uint_eq(k32_SetFilePointer(file, 0, NULL, FILE_CURRENT), 7);
    at.Offset = 10;
    ck_assert_int_eq(k32_ReadFile(file, text, 4, &done, &at), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_HANDLE_EOF);
    ck_assert_uint_eq(done, 0);
    at.Offset = 8;
    ck_assert_int_eq(k32_WriteFile(file, "abc", 3, &done, &at), TRUE);
    ck_assert_str_eq(get("a"), "01234567abc");
    at.Offset = at.OffsetHigh = 0xFFFFFFFF;
    ck_assert_int_eq(k32_WriteFile(file, "end", 3, &done, &at), TRUE);
    ck_assert_str_eq(get("a"), "01234567abcend");
    k32_CloseHandle(file);
    file = must_open("a", FILE_APPEND_DATA, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_WriteFile(file, "!", 1, &done, NULL), TRUE);
    ck_assert_str_eq(get("a"), "01234567abcend!");
    ck_assert_int_eq(k32_ReadFile(file, text, 1, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(port_gets_packets)
{
    DWORD done;
    char text[16];
    ULONG_PTR key;
    OVERLAPPED at = {.Offset = 2}, *got = NULL;
    put("a", "0123456789");
    HANDLE file = must_open("a", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    HANDLE port = k32_CreateIoCompletionPort(file, NULL, 77, 0);
    ck_assert_ptr_nonnull(port);
    ck_assert_int_eq(k32_ReadFile(file, text, 4, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_ReadFile(file, text, 4, NULL, &at), TRUE);
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &done, &key, &got, 0), TRUE);
    ck_assert_uint_eq(done, 4);
    ck_assert_uint_eq(key, 77);
    ck_assert_ptr_eq(got, &at);
    at.Offset = 50;
    ck_assert_int_eq(k32_ReadFile(file, text, 4, NULL, &at), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_HANDLE_EOF);
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &done, &key, &got, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), WAIT_TIMEOUT);
    HANDLE event = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    at.Offset = 0;
    at.hEvent = (HANDLE)((uint64_t)event | 1);
    ck_assert_int_eq(k32_ReadFile(file, text, 4, NULL, &at), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    ck_assert_int_eq(k32_GetQueuedCompletionStatus(port, &done, &key, &got, 0), FALSE);
    k32_CloseHandle(file);
    k32_CloseHandle(port);
}
END_TEST

START_TEST(bad_memory)
{
    DWORD done;
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put("a", "0123456789");
    HANDLE file = must_open("a", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_ReadFile(file, page, 4, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS);
    ck_assert_int_eq(k32_WriteFile(file, page, 4, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(sizes_and_positions)
{
    LARGE_INTEGER size, position;
    put("a", "0123456789");
    HANDLE file = must_open("a", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_GetFileSizeEx(file, &size), TRUE);
    ck_assert_int_eq(size.QuadPart, 10);
    ck_assert_int_eq(k32_SetFilePointerEx(file, -3, &position, FILE_END), TRUE);
    ck_assert_int_eq(position.QuadPart, 7);
    ck_assert_int_eq(k32_SetFilePointerEx(file, -8, &position, FILE_CURRENT), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NEGATIVE_SEEK);
    ck_assert_int_eq(k32_SetEndOfFile(file), TRUE);
    ck_assert_str_eq(get("a"), "0123456");
    LONG high = 1;
    ck_assert_uint_eq(k32_SetFilePointer(file, 2, &high, FILE_BEGIN), 2);
    ck_assert_int_eq(high, 1);
    ck_assert_uint_eq(k32_SetFilePointer(file, 0, NULL, FILE_CURRENT), 0xFFFFFFFF);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_uint_eq(k32_GetFileType(file), FILE_TYPE_DISK);
    ck_assert_int_eq(k32_FlushFileBuffers(file), TRUE);
    k32_CloseHandle(file);
    file = must_open("NUL", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
    ck_assert_uint_eq(k32_GetFileType(file), FILE_TYPE_CHAR);
    k32_CloseHandle(file);
}
END_TEST

START_TEST(pipes)
{
    int ends[2];
    DWORD done;
    char text[8] = {0};
    HANDLE reader, writer;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(file_from_descriptor(ends[0], true, GENERIC_READ, &reader), 0);
    ck_assert_int_eq(file_from_descriptor(ends[1], true, GENERIC_WRITE, &writer), 0);
    ck_assert_uint_eq(k32_GetFileType(reader), FILE_TYPE_PIPE);
    ck_assert_int_eq(k32_WriteFile(writer, "abc", 3, &done, NULL), TRUE);
    ck_assert_int_eq(k32_WriteFile(reader, "abc", 3, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    ck_assert_int_eq(k32_ReadFile(reader, text, 8, &done, NULL), TRUE);
    ck_assert_str_eq(text, "abc");
    k32_CloseHandle(writer);
    ck_assert_int_eq(k32_ReadFile(reader, text, 8, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_BROKEN_PIPE);
    k32_CloseHandle(reader);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(file_from_descriptor(ends[1], true, GENERIC_WRITE, &writer), 0);
    close(ends[0]);
    ck_assert_int_eq(k32_WriteFile(writer, "abc", 3, &done, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NO_DATA);
    k32_CloseHandle(writer);
}
END_TEST

START_TEST(directories)
{
    put("f", "");
    ck_assert_int_eq(k32_CreateDirectoryW(wide("d"), NULL), TRUE);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("d")), FILE_ATTRIBUTE_DIRECTORY);
    cannot_open("d", GENERIC_READ, OPEN_EXISTING, 0, ERROR_ACCESS_DENIED);
    k32_CloseHandle(must_open("d", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS));
    k32_CloseHandle(
        must_open("d", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS));
    ck_assert_int_eq(k32_DeleteFileW(wide("d")), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    ck_assert_int_eq(k32_RemoveDirectoryW(wide("f")), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_DIRECTORY);
    put("d/x", "");
    ck_assert_int_eq(k32_RemoveDirectoryW(wide("d")), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_DIR_NOT_EMPTY);
    ck_assert_int_eq(k32_DeleteFileW(wide("d/x")), TRUE);
    ck_assert_int_eq(k32_RemoveDirectoryW(wide("d\\")), TRUE);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("d")), INVALID_FILE_ATTRIBUTES);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("d\\x")), INVALID_FILE_ATTRIBUTES);
    ck_assert_uint_eq(last_error_get(), ERROR_PATH_NOT_FOUND);
}
END_TEST

START_TEST(moves)
{
    put("a", "a");
    put("b", "b");
    ck_assert_int_eq(k32_MoveFileExW(wide("a"), wide("B"), 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ALREADY_EXISTS);
    ck_assert_int_eq(k32_MoveFileExW(wide("a"), wide("B"), MOVEFILE_REPLACE_EXISTING), TRUE);
    ck_assert_str_eq(get("b"), "a");
    ck_assert_int_eq(k32_MoveFileExW(wide("b"), wide("B"), 0), TRUE);
    ck_assert_str_eq(get("B"), "a");
    ck_assert_ptr_null(get("b"));
    ck_assert_int_eq(k32_MoveFileExW(wide("none"), wide("c"), 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    chmod(host("B"), 0444);
    ck_assert_int_eq(k32_DeleteFileW(wide("B")), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    cannot_open("B", GENERIC_WRITE, OPEN_EXISTING, 0, ERROR_ACCESS_DENIED);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("B")),
                      FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_READONLY);
}
END_TEST

static void list(const char *pattern, char *ret)
{
    WIN32_FIND_DATAW data;
    *ret = 0;
    HANDLE find = k32_FindFirstFileW(wide(pattern), &data);
    if (find == NONE)
        return;
    do {
        strcat(ret, narrow(data.cFileName));
        strcat(ret, "|");
    } while (k32_FindNextFileW(find, &data));
    ck_assert_uint_eq(last_error_get(), ERROR_NO_MORE_FILES);
    ck_assert_int_eq(k32_FindClose(find), TRUE);
}

START_TEST(finding)
{
    static const char *const cases[][2] = {
        {"d\\*", ".|..|a.b.txt|B.TXT|c|d.|"},
        {"d\\*.*", ".|..|a.b.txt|B.TXT|c|d.|"},
        {"D\\*.txt", "a.b.txt|B.TXT|"},
        {"d\\?", "c|"},
        {"d\\*.", ".|..|c|d.|"},
        {"d\\b.*", "B.TXT|"},
        {"d\\b.???", "B.TXT|"},
        {"d\\C", "c|"},
        {"d\\c.*", "c|"},
        {"d\\zzz*", ""},
    };
    char names[200];
    mkdir(host("d"), 0777);
    put("d/c", "");
    put("d/B.TXT", "12345");
    put("d/a.b.txt", "");
    put("d/d.", "");
    for (unsigned i = 0; i < array_length(cases); i++) {
        list(cases[i][0], names);
        char *odd = strstr(names, "\xEF\x80\xAE"); /* "d." is shown as d U+F02E */
        if (odd)
            memmove(odd + 1, odd + 3, strlen(odd + 3) + 1), *odd = '.';
        ck_assert_msg(strcmp(names, cases[i][1]) == 0, "%s: %s", cases[i][0], names);
    }
    WIN32_FIND_DATAW data;
    HANDLE find = k32_FindFirstFileW(wide("d\\b*"), &data);
    ck_assert_ptr_ne(find, NONE);
    ck_assert_uint_eq(data.nFileSizeLow, 5);
    ck_assert_uint_eq(data.dwFileAttributes, FILE_ATTRIBUTE_ARCHIVE);
    k32_FindClose(find);
    ck_assert_ptr_eq(k32_FindFirstFileW(wide("none\\*"), &data), NONE);
    ck_assert_uint_eq(last_error_get(), ERROR_PATH_NOT_FOUND);
    ck_assert_ptr_eq(k32_FindFirstFileW(wide("d\\none*"), &data), NONE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    ck_assert_ptr_eq(k32_FindFirstFileW(wide("d\\"), &data), NONE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
}
END_TEST

START_TEST(links)
{
    WIN32_FIND_DATAW data;
    put("target", "text");
    ck_assert_int_eq(symlink("target", host("link")), 0);
    ck_assert_uint_eq(k32_GetFileAttributesW(wide("link")) & FILE_ATTRIBUTE_REPARSE_POINT,
                      FILE_ATTRIBUTE_REPARSE_POINT);
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE file = must_open("link", GENERIC_READ, OPEN_EXISTING, 0);
    ck_assert_int_eq(k32_GetFileInformationByHandle(file, &info), TRUE);
    ck_assert_uint_eq(info.dwFileAttributes, FILE_ATTRIBUTE_ARCHIVE);
    ck_assert_uint_eq(info.nFileSizeLow, 4);
    ck_assert_uint_eq(info.nNumberOfLinks, 1);
    struct stat stat_buffer;
    ck_assert_int_eq(stat(host("target"), &stat_buffer), 0);
    ck_assert_uint_eq(info.nFileIndexLow, (uint32_t)stat_buffer.st_ino);
    uint64_t written =
        (uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime;
    ck_assert_uint_eq(written / 10000000, (uint64_t)stat_buffer.st_mtime + 11644473600ull);
    k32_CloseHandle(file);
    file = must_open("link", 0, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT);
    ck_assert_int_eq(k32_GetFileInformationByHandle(file, &info), TRUE);
    ck_assert_uint_eq(info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT,
                      FILE_ATTRIBUTE_REPARSE_POINT);
    k32_CloseHandle(file);
    k32_FindClose(k32_FindFirstFileW(wide("link*"), &data));
    ck_assert_uint_eq(data.dwReserved0, IO_REPARSE_TAG_SYMLINK);
    ck_assert_int_eq(k32_DeleteFileW(wide("link")), TRUE);
    ck_assert_str_eq(get("target"), "text");
    /* a file made through a link that leads nowhere is where the link leads */
    ck_assert_int_eq(symlink("made", host("link")), 0);
    cannot_open("link", GENERIC_WRITE, CREATE_NEW, 0, ERROR_FILE_EXISTS);
    k32_CloseHandle(must_open("link", GENERIC_WRITE, OPEN_ALWAYS, 0));
    ck_assert_str_eq(get("made"), "");
}
END_TEST

START_TEST(delete_on_close)
{
    HANDLE copy;
    HANDLE file = must_open("a", GENERIC_WRITE, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
    ck_assert_int_eq(
        k32_DuplicateHandle((HANDLE)-1, file, (HANDLE)-1, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS),
        TRUE);
    k32_CloseHandle(file);
    ck_assert_ptr_nonnull(get("a"));
    k32_CloseHandle(copy);
    ck_assert_ptr_null(get("a"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, write_then_read);
    tcase_add_test(tests, dispositions);
    tcase_add_test(tests, case_does_not_matter);
    tcase_add_test(tests, share_modes);
    tcase_add_test(tests, overlapped_offsets);
    tcase_add_test(tests, port_gets_packets);
    tcase_add_test(tests, bad_memory);
    tcase_add_test(tests, sizes_and_positions);
    tcase_add_test(tests, pipes);
    tcase_add_test(tests, directories);
    tcase_add_test(tests, moves);
    tcase_add_test(tests, finding);
    tcase_add_test(tests, links);
    tcase_add_test(tests, delete_on_close);
    return suite_run("file", tests);
}
