/* Windows paths: absolute form, names of the host and back, case. */
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/process/path.h"
#include "tests/unit/suite.h"

static char root[] = "/tmp/winmem-path-XXXXXX";

static const WCHAR *wide(const char *text)
{
    static WCHAR buffers[4][512];
    static unsigned next;
    WCHAR *buffer = buffers[next++ % 4];
    size_t i = 0;
    for (; text[i]; i++)
        buffer[i] = (WCHAR)(unsigned char)text[i];
    buffer[i] = 0;
    return buffer;
}

static const char *narrow(const WCHAR *text)
{
    static char buffers[4][2048];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    buffer[utf16_to_utf8(text, wide_length(text), buffer, sizeof buffers[0] - 1, NULL)] = 0;
    return buffer;
}

static void setup(void)
{
    char drives[200];
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(drives, sizeof drives, "X=%s;q=/usr", root);
    setenv("WINMEM_DRIVES", drives, 1);
    unsetenv("WINMEM_DRIVE_C");
    ck_assert_int_eq(chdir("/usr/lib"), 0);
    ck_assert_int_eq(path_init(), STATUS_SUCCESS);
}

static void teardown(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static const struct {
    const char *path, *full;
} full_paths[] = {
    {"Z:\\a\\b", "Z:\\a\\b"},
    {"z:/a//b/../c", "z:\\a\\c"},
    {"Z:\\..\\..\\x", "Z:\\x"},
    {"Z:\\a\\.\\b\\", "Z:\\a\\b\\"},
    {"Z:\\a\\..", "Z:\\"},
    {"a", "Q:\\lib\\a"},
    {"..\\a", "Q:\\a"},
    {"..\\..\\..\\a", "Q:\\a"},
    {".", "Q:\\lib"},
    {"..", "Q:\\"},
    {"\\a", "Q:\\a"},
    {"Q:a", "Q:\\lib\\a"},
    {"X:a", "X:\\a"},
    {"X:", "X:\\"},
    {"Q:", "Q:\\lib"},
    {"Z:\\a.\\b. .", "Z:\\a\\b"},
    {"Z:\\a \\b...", "Z:\\a \\b"},
    {"Z:\\...\\b", "Z:\\...\\b"},
    {"\\\\server\\share\\a\\..\\..\\b", "\\\\server\\share\\b"},
    {"NUL", "\\\\.\\NUL"},
    {"Z:\\dir\\nul", "\\\\.\\nul"},
    {"con", "\\\\.\\con"},
    {"com1:", "\\\\.\\com1"},
    {"Z:\\dir\\con", "Z:\\dir\\con"},
    {"NUL.txt", "Q:\\lib\\NUL.txt"},
    {"\\\\.\\C:\\a\\..\\..\\b", "\\\\.\\C:\\b"},
    {"\\\\?\\Z:\\a\\..\\b", "\\\\?\\Z:\\b"},
    {"//./pipe/x", "\\\\.\\pipe\\x"},
};

START_TEST(full_path)
{
    NTSTATUS status;
    size_t length = 0;
    const char *path = full_paths[_i].path;
    WCHAR *full = path_full(wide(path), strlen(path), &length, &status);
    ck_assert_int_eq(status, STATUS_SUCCESS);
    ck_assert_str_eq(narrow(full), full_paths[_i].full);
    ck_assert_uint_eq(length, strlen(full_paths[_i].full));
    free(full);
}
END_TEST

/* %s is the directory of X:. A number is the status. */
static const struct {
    const char *path, *host;
    NTSTATUS status;
} host_paths[] = {
    {"Z:\\a\\b", "/a/b", 0},
    {"Z:\\", "/", 0},
    {"X:\\", "%s", 0},
    {"x:\\a/b", "%s/a/b", 0},
    {"a", "/usr/lib/a", 0},
    {"\\\\?\\Z:\\a.", "/a.", 0},
    {"\\??\\Z:\\a ", "/a ", 0},
    {"Z:\\a.", "/a", 0},
    {"\\\\.\\Z:\\a.", "/a", 0},
    {"\\\\?\\Z:\\a/b", NULL, STATUS_OBJECT_NAME_INVALID},
    {"\\\\?\\Z:\\a\\..\\b", NULL, STATUS_OBJECT_NAME_INVALID},
    {"\\\\?\\GLOBALROOT\\Device\\HarddiskVolume26\\a", "/a", 0},
    {"\\\\?\\Volume{77696e6d-656d-4000-8000-00000000005A}\\a", "/a", 0},
    {"C:\\a", NULL, STATUS_OBJECT_PATH_NOT_FOUND},
    {"Z:\\a*", NULL, STATUS_OBJECT_NAME_INVALID},
    {"Z:\\a<b", NULL, STATUS_OBJECT_NAME_INVALID},
    {"Z:\\a:stream", NULL, STATUS_OBJECT_NAME_INVALID},
    {"Z:\\a::$DATA", "/a", 0},
    {"\\\\server\\share\\a", NULL, STATUS_BAD_NETWORK_PATH},
    {"NUL", NULL, STATUS_OBJECT_NAME_INVALID},
    {"COM3", NULL, STATUS_OBJECT_NAME_NOT_FOUND},
    {"", NULL, STATUS_OBJECT_PATH_NOT_FOUND},
};

START_TEST(host_path)
{
    NTSTATUS status;
    char expected[200];
    const char *path = host_paths[_i].path;
    char *host = path_to_host(wide(path), strlen(path), &status);
    ck_assert_msg(status == host_paths[_i].status, "%s: %08x", path, (unsigned)status);
    if (host_paths[_i].host) {
        snprintf(expected, sizeof expected, host_paths[_i].host, root);
        ck_assert_str_eq(host, expected);
    } else
        ck_assert_ptr_null(host);
    free(host);
}
END_TEST

START_TEST(from_host)
{
    char text[300];
    WCHAR *path = path_from_host("/usr/lib/x", NULL);
    ck_assert_str_eq(narrow(path), "Q:\\lib\\x");
    free(path);
    path = path_from_host("/usrx//y/", NULL);
    ck_assert_str_eq(narrow(path), "Z:\\usrx\\y");
    free(path);
    path = path_from_host("/", NULL);
    ck_assert_str_eq(narrow(path), "Z:\\");
    free(path);
    snprintf(text, sizeof text, "%s/Dir", root);
    path = path_from_host(text, NULL);
    ck_assert_str_eq(narrow(path), "X:\\Dir");
    free(path);
}
END_TEST

/* Host names and what Windows sees; every one must come back as it was. */
static const struct {
    const char *host;
    WCHAR windows[12];
} names[] = {
    {"plain", {'p', 'l', 'a', 'i', 'n'}},
    {"a:b", {'a', 0xF03A, 'b'}},
    {"q?", {'q', 0xF03F}},
    {"b\\s", {'b', 0xF05C, 's'}},
    {"\x01", {0xF001}},
    {"dot.", {'d', 'o', 't', 0xF02E}},
    {"..x", {'.', '.', 'x'}},
    {"sp ", {'s', 'p', 0xF020}},
    {"a..", {'a', '.', 0xF02E}},
    {"\xFFz", {0xF0FF, 'z'}},
    {"\xC3\xA9", {0xE9}},
    {"\xC3", {0xF0C3}},
    {"\xC0\x80", {0xF0C0, 0xF080}},
    {"\xF0\x9F\x98\x80", {0xD83D, 0xDE00}},
    {"\xED\xA0\x80", {0xD800}},
    {"\xED\xA0\x80\xED\xB0\x80", {0xD800, 0xF0ED, 0xF0B0, 0xF080}},
    {"\xEF\x80\xBA", {0xF0EF, 0xF080, 0xF0BA}},
    {"\xEF\x80\xAFx", {0xF02F, 'x'}},
    {"\xEF\x80\xAE!", {0xF02E, '!'}},
    {"\xEF\x80\xAE", {0xF0EF, 0xF080, 0xF0AE}},
};

START_TEST(name_round_trip)
{
    WCHAR got[64];
    char back[64];
    const char *host = names[_i].host;
    size_t length = path_name_from_host(host, strlen(host), got);
    ck_assert_uint_eq(length, wide_length(names[_i].windows));
    ck_assert_mem_eq(got, names[_i].windows, length * sizeof(WCHAR));
    char *end = path_name_to_host(got, length, back);
    ck_assert_ptr_nonnull(end);
    *end = 0;
    ck_assert_str_eq(back, host);
}
END_TEST

START_TEST(names_refused)
{
    char back[64];
    static const WCHAR refused[][4] = {{'.'},      {'.', '.'}, {0xF02E}, {'.', 0xF02E},
                                       {'a', '/'}, {'a', 31},  {'|'}};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_ptr_null(path_name_to_host(refused[i], wide_length(refused[i]), back));
    static const WCHAR nul[] = {'a', 0, 'b'};
    ck_assert_ptr_null(path_name_to_host(nul, 3, back));
}
END_TEST

static void make(const char *name, bool directory)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (directory)
        ck_assert_int_eq(mkdir(path, 0777), 0);
    else
        ck_assert_int_eq(close(open(path, O_CREAT | O_WRONLY, 0666)), 0);
}

static void expect_match(const char *name, NTSTATUS status, const char *expected)
{
    char text[300];
    snprintf(text, sizeof text, "%s/%s", root, name);
    char *path = strdup(text);
    ck_assert_int_eq(path_match(&path), status);
    snprintf(text, sizeof text, "%s/%s", root, expected);
    ck_assert_str_eq(path, text);
    free(path);
}

START_TEST(case_is_ignored)
{
    make("Dir", true);
    make("Dir/File.TXT", false);
    make("Dir/\xC3\x84pfel", false); /* U+00C4 */
    expect_match("dir/file.txt", STATUS_SUCCESS, "Dir/File.TXT");
    expect_match("DIR/FILE.txt", STATUS_SUCCESS, "Dir/File.TXT");
    expect_match("dir/\xC3\xA4PFEL", STATUS_SUCCESS, "Dir/\xC3\x84pfel");
    expect_match("dir/new", STATUS_OBJECT_NAME_NOT_FOUND, "Dir/new");
    expect_match("dir/no/new", STATUS_OBJECT_PATH_NOT_FOUND, "Dir/no/new");
    expect_match("none/x", STATUS_OBJECT_PATH_NOT_FOUND, "none/x");
}
END_TEST

/* A remembered listing must not hide what came later. */
START_TEST(names_that_come_and_go)
{
    char big[300];
    make("Old", true);
    make("Old/Some", false);
    for (unsigned round = 0; round < 3; round++) {
        char name[40], upper[40];
        usleep(80000); /* the listing is kept once the directory has settled */
        for (unsigned miss = 0; miss < 3; miss++)
            expect_match("Old/none", STATUS_OBJECT_NAME_NOT_FOUND, "Old/none");
        expect_match("Old/SOME", STATUS_SUCCESS, "Old/Some");
        snprintf(name, sizeof name, "Old/New%u", round);
        snprintf(upper, sizeof upper, "Old/NEW%u", round);
        make(name, false);
        expect_match(upper, STATUS_SUCCESS, name);
        usleep(80000);
        expect_match(upper, STATUS_SUCCESS, name);
        snprintf(big, sizeof big, "%s/%s", root, name);
        ck_assert_int_eq(unlink(big), 0);
        expect_match(upper, STATUS_OBJECT_NAME_NOT_FOUND, upper);
    }
}
END_TEST

START_TEST(current_directory)
{
    size_t length;
    make("Sub", true);
    make("plain", false);
    ck_assert_int_eq(path_set_current_directory(wide("X:\\sub"), 6), STATUS_SUCCESS);
    WCHAR *current = path_current_directory(&length);
    ck_assert_str_eq(narrow(current), "X:\\sub\\");
    ck_assert_uint_eq(length, 7);
    free(current);
    ck_assert_int_eq(path_set_current_directory(wide("..\\plain"), 8), STATUS_NOT_A_DIRECTORY);
    ck_assert_int_eq(path_set_current_directory(wide("gone"), 4), STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(path_set_current_directory(wide("NUL"), 3), STATUS_OBJECT_NAME_INVALID);
    ck_assert_int_eq(path_set_current_directory(wide("\\"), 1), STATUS_SUCCESS);
    current = path_current_directory(&length);
    ck_assert_str_eq(narrow(current), "X:\\");
    free(current);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("path");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, full_path, 0, sizeof full_paths / sizeof full_paths[0]);
    tcase_add_loop_test(tests, host_path, 0, sizeof host_paths / sizeof host_paths[0]);
    tcase_add_test(tests, from_host);
    tcase_add_loop_test(tests, name_round_trip, 0, sizeof names / sizeof names[0]);
    tcase_add_test(tests, names_refused);
    tcase_add_test(tests, case_is_ignored);
    tcase_add_test(tests, names_that_come_and_go);
    tcase_add_test(tests, current_directory);
    return suite_run("path", tests);
}
