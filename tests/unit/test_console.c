/* Standard handles and the console, at a pseudo terminal. */
#include <check.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/console.h"
#include "kernel32/process/utf.h"
#include "tests/unit/suite.h"

#define W(text) ((LPCWSTR)u"" text)

#define INPUT  ((DWORD)-10)
#define OUTPUT ((DWORD)-11)
#define ERRORS ((DWORD)-12)

static int master;

/* Standard input and output become a terminal of 100 columns and 40 rows. */
static void use_terminal(void)
{
    int slave;
    struct winsize size = {.ws_row = 40, .ws_col = 100};
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
    dup2(slave, 0);
    dup2(slave, 1);
    close(slave);
}

static void expect_output(const char *want)
{
    char got[256] = "";
    size_t size = 0;
    while (size < strlen(want)) {
        ssize_t more = read(master, got + size, sizeof got - 1 - size);
        ck_assert_int_gt(more, 0);
        size += (size_t)more;
        got[size] = 0;
    }
    ck_assert_str_eq(got, want);
}

static void echo_off(void)
{
    ck_assert_int_eq(k32_SetConsoleMode(k32_GetStdHandle(INPUT), 0x1F7 & ~4u), TRUE);
}

START_TEST(files_are_no_console)
{
    int ends[2];
    DWORD mode;
    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[0], 0);
    dup2(ends[1], 1);
    HANDLE in = k32_GetStdHandle(INPUT), out = k32_GetStdHandle(OUTPUT);
    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_ne(in, out);
    last_error_set(0);
    ck_assert_int_eq(k32_GetConsoleMode(out, &mode), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(k32_WriteConsoleW(out, W("x"), 1, &mode, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(k32_SetConsoleMode((HANDLE)0x1234, 0), FALSE);
    ck_assert_ptr_eq(k32_GetStdHandle(5), (HANDLE)-1);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(k32_SetStdHandle(OUTPUT, in), TRUE);
    ck_assert_ptr_eq(k32_GetStdHandle(OUTPUT), in);
    ck_assert_ptr_nonnull(k32_GetStdHandle(ERRORS));
}
END_TEST

START_TEST(a_closed_descriptor_has_no_handle)
{
    close(0);
    ck_assert_ptr_null(k32_GetStdHandle(INPUT));
    ck_assert_ptr_nonnull(k32_GetStdHandle(OUTPUT));
}
END_TEST

START_TEST(modes)
{
    DWORD mode = 0;
    struct termios termios;
    use_terminal();
    HANDLE in = k32_GetStdHandle(INPUT), out = k32_GetStdHandle(OUTPUT);
    ck_assert_int_eq(k32_GetConsoleMode(in, &mode), TRUE);
    ck_assert_uint_eq(mode, 0x1F7);
    ck_assert_int_eq(k32_GetConsoleMode(out, &mode), TRUE);
    ck_assert_uint_eq(mode, 3);
    ck_assert_int_eq(k32_SetConsoleMode(out, 7), TRUE);
    ck_assert_int_eq(k32_GetConsoleMode(out, &mode), TRUE);
    ck_assert_uint_eq(mode, 7);
    ck_assert_int_eq(k32_SetConsoleMode(out, 0x20), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_SetConsoleMode(in, 4), FALSE); /* echo without lines */
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_SetConsoleMode(in, 0x200), TRUE);
    ck_assert_int_eq(tcgetattr(0, &termios), 0);
    ck_assert_uint_eq(termios.c_lflag & (ICANON | ECHO | ISIG), 0);
    ck_assert_uint_eq(termios.c_iflag & ICRNL, 0);
    ck_assert_int_eq(k32_SetConsoleMode(in, 7), TRUE);
    ck_assert_int_eq(tcgetattr(0, &termios), 0);
    ck_assert_uint_eq(termios.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
}
END_TEST

START_TEST(writing)
{
    DWORD count = 0;
    use_terminal();
    HANDLE out = k32_GetStdHandle(OUTPUT);
    ck_assert_int_eq(k32_WriteConsoleW(out, W("a\u00e4\U0001F600"), 4, &count, NULL), TRUE);
    ck_assert_uint_eq(count, 4);
    expect_output("a\xC3\xA4\xF0\x9F\x98\x80");
    ck_assert_int_eq(k32_WriteConsoleA(out, "xyz", 2, &count, NULL), TRUE);
    expect_output("xy");
    ck_assert_int_eq(k32_SetConsoleOutputCP(1252), TRUE);
    ck_assert_int_eq(k32_WriteConsoleA(out, "\xE4", 1, &count, NULL), TRUE);
    expect_output("\xC3\xA4");
    ck_assert_int_eq(k32_SetConsoleOutputCP(77), FALSE);
    ck_assert_uint_eq(k32_GetConsoleOutputCP(), 1252);
}
END_TEST

/* A pair of surrogates at the end of a chunk of 1024 is not torn. */
START_TEST(long_text_keeps_pairs_whole)
{
    uint16_t text[1100];
    char got[4096];
    size_t size = 0;
    DWORD count;
    use_terminal();
    for (unsigned i = 0; i < 1100; i++)
        text[i] = 'x';
    text[1023] = 0xD83D;
    text[1024] = 0xDE00;
    ck_assert_int_eq(k32_WriteConsoleW(k32_GetStdHandle(OUTPUT), text, 1100, &count, NULL), TRUE);
    while (size < 1102) {
        ssize_t more = read(master, got + size, sizeof got - size);
        ck_assert_int_gt(more, 0);
        size += (size_t)more;
    }
    ck_assert_uint_eq(size, 1102);
    ck_assert_mem_eq(got + 1022, "x\xF0\x9F\x98\x80x", 6);
}
END_TEST

static void type(const char *text)
{
    ck_assert_int_eq(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_read(DWORD room, LPCWSTR want)
{
    uint16_t got[64];
    DWORD count = 0;
    ck_assert_int_eq(k32_ReadConsoleW(k32_GetStdHandle(INPUT), got, room, &count, NULL), TRUE);
    ck_assert_uint_eq(count, wide_length(want));
    ck_assert_mem_eq(got, want, count * 2);
}

START_TEST(reading_lines)
{
    use_terminal();
    echo_off();
    type("h\xC3\xA9\U0001F600\n");
    expect_read(3, W("h\u00e9\xD83D"));
    expect_read(64, (LPCWSTR)(const uint16_t[]){0xDE00, '\r', '\n', 0});
    type("\n");
    expect_read(64, W("\r\n"));
}
END_TEST

START_TEST(reading_raw)
{
    INPUT_RECORD records[8];
    DWORD count = 9;
    use_terminal();
    HANDLE in = k32_GetStdHandle(INPUT);
    ck_assert_int_eq(k32_SetConsoleMode(in, 0), TRUE);
    ck_assert_int_eq(k32_GetNumberOfConsoleInputEvents(in, &count), TRUE);
    ck_assert_uint_eq(count, 0);
    type("\xC3"); /* half a character is not there yet */
    ck_assert_int_eq(k32_PeekConsoleInputW(in, records, 8, &count), TRUE);
    ck_assert_uint_eq(count, 0);
    type("\xA4\r");
    ck_assert_int_eq(k32_PeekConsoleInputW(in, records, 8, &count), TRUE);
    ck_assert_uint_eq(count, 4);
    ck_assert_int_eq(k32_ReadConsoleInputW(in, records, 8, &count), TRUE);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(records[0].EventType, 1);
    ck_assert_int_eq(records[0].bKeyDown, TRUE);
    ck_assert_int_eq(records[1].bKeyDown, FALSE);
    ck_assert_uint_eq(records[0].UnicodeChar, 0xE4);
    ck_assert_uint_eq(records[2].wVirtualKeyCode, 0x0D);
    type("abc");
    ck_assert_int_eq(k32_GetNumberOfConsoleInputEvents(in, &count), TRUE);
    ck_assert_uint_eq(count, 6);
    ck_assert_int_eq(k32_FlushConsoleInputBuffer(in), TRUE);
    ck_assert_int_eq(k32_GetNumberOfConsoleInputEvents(in, &count), TRUE);
    ck_assert_uint_eq(count, 0);
    type("q");
    expect_read(64, W("q"));
}
END_TEST

START_TEST(end_of_input)
{
    use_terminal();
    echo_off();
    type("\x04"); /* Ctrl+D */
    expect_read(64, W(""));
}
END_TEST

START_TEST(screen)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    CONSOLE_SCREEN_BUFFER_INFOEX more = {.cbSize = sizeof more};
    DWORD count;
    use_terminal();
    HANDLE out = k32_GetStdHandle(OUTPUT);
    ck_assert_int_eq(k32_GetConsoleScreenBufferInfo(out, &info), TRUE);
    ck_assert_int_eq(info.dwSize.X, 100);
    ck_assert_int_eq(info.srWindow.Bottom, 39);
    ck_assert_uint_eq(info.wAttributes, 7);
    ck_assert_int_eq(k32_SetConsoleTextAttribute(out, 0x1C), TRUE); /* bright red on blue */
    expect_output("\x1b[0;91;44m");
    ck_assert_int_eq(k32_GetConsoleScreenBufferInfoEx(out, &more), TRUE);
    ck_assert_uint_eq(more.wAttributes, 0x1C);
    ck_assert_int_eq(k32_SetConsoleTextAttribute(out, 7), TRUE);
    expect_output("\x1b[0;39;49m"); /* the terminal's own */
    ck_assert_int_eq(k32_SetConsoleTextAttribute(out, 0x0F), TRUE);
    expect_output("\x1b[0;97;49m");
    ck_assert_int_eq(k32_SetConsoleCursorPosition(out, 4 | 2 << 16), TRUE);
    expect_output("\x1b[3;5H");
    ck_assert_int_eq(k32_FillConsoleOutputCharacterW(out, '#', 9, 98 | 39 << 16, &count), TRUE);
    ck_assert_uint_eq(count, 2); /* the screen ends there */
    expect_output("\x1b"
                  "7\x1b[40;99H##\x1b"
                  "8");
    ck_assert_int_eq(k32_SetConsoleTitleW(W("hi \u00e4")), TRUE);
    expect_output("\x1b]0;hi \xC3\xA4\a");
    uint16_t title[8];
    ck_assert_uint_eq(k32_GetConsoleTitleW(title, 3), 4);
    ck_assert_mem_eq(title, W("hi"), 6);
    ck_assert_int_eq(k32_GetConsoleScreenBufferInfo(k32_GetStdHandle(INPUT), &info), FALSE);
}
END_TEST

START_TEST(ignored_control_c)
{
    ck_assert_int_eq(k32_SetConsoleCtrlHandler(NULL, TRUE), TRUE);
    ck_assert_int_eq(k32_GenerateConsoleCtrlEvent(0, 0), TRUE);
    ck_assert_int_eq(k32_GenerateConsoleCtrlEvent(5, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_SetConsoleCtrlHandler((PHANDLER_ROUTINE)0x1000, FALSE), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    pid_t child = fork();
    if (child == 0) {
        k32_SetConsoleCtrlHandler(NULL, FALSE);
        k32_GenerateConsoleCtrlEvent(0, 0);
        pause();
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGINT);
}
END_TEST

/* A host without /dev/pts (a bare chroot) has no terminal to test with. */
static bool has_terminals(void)
{
    int one, other;
    if (openpty(&one, &other, NULL, NULL, NULL) != 0)
        return false;
    close(one);
    close(other);
    return true;
}

int main(void)
{
    if (!has_terminals()) {
        printf(
            "test_console: skipped, no pseudo terminal can be made here (is /dev/pts mounted?)\n");
        return 77;
    }
    TCase *all = tcase_create("console");
    tcase_add_test(all, files_are_no_console);
    tcase_add_test(all, a_closed_descriptor_has_no_handle);
    tcase_add_test(all, modes);
    tcase_add_test(all, writing);
    tcase_add_test(all, long_text_keeps_pairs_whole);
    tcase_add_test(all, reading_lines);
    tcase_add_test(all, reading_raw);
    tcase_add_test(all, end_of_input);
    tcase_add_test(all, screen);
    tcase_add_test(all, ignored_control_c);
    return suite_run("console", all);
}
