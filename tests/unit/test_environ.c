/* UTF conversion, the environment, the command line. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/command_line.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/utf.h"
#include "tests/unit/suite.h"

#define W(text) ((LPCWSTR)u"" text)

static void expect_wide(const uint16_t *got, LPCWSTR want)
{
    char *a = utf8_from_wide(got), *b = utf8_from_wide(want);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}

/* ill-formed bytes, and how many U+FFFD Unicode 15, table 3-8 to 3-11 ask for */
static const struct {
    const char *bytes;
    size_t size, units, replaced;
} ill[] = {
    {"\xC0\xAF", 2, 2, 2},
    {"\xE0\x80\x80", 3, 3, 3},
    {"\xED\xA0\x80", 3, 3, 3},
    {"\xF4\x91\x92\x93", 4, 4, 4},
    {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, 5, 4},
    {"a\xC3", 2, 2, 1},
    {"\xF0\x9F\x98\x80", 4, 2, 0},
};

START_TEST(utf8_ill_formed)
{
    uint16_t to[16];
    bool bad;
    ck_assert_uint_eq(utf8_to_utf16(ill[_i].bytes, ill[_i].size, to, 16, &bad), ill[_i].units);
    ck_assert_int_eq(bad, ill[_i].replaced > 0);
    size_t replaced = 0;
    for (size_t i = 0; i < ill[_i].units; i++)
        replaced += to[i] == UTF_REPLACEMENT;
    ck_assert_uint_eq(replaced, ill[_i].replaced);
}
END_TEST

START_TEST(utf16_round_trip)
{
    for (uint32_t code = 1; code < 0x110000; code += code < 0x800 ? 1 : 61) {
        uint16_t wide[2] = {(uint16_t)code}, again[2];
        size_t length = 1;
        char bytes[4];
        bool bad;
        if (code >= 0x10000) {
            wide[0] = (uint16_t)(0xD7C0 + (code >> 10));
            wide[1] = (uint16_t)(0xDC00 | (code & 0x3FF));
            length = 2;
        }
        size_t size = utf16_to_utf8(wide, length, bytes, 4, &bad);
        bool surrogate = code >= 0xD800 && code < 0xE000;
        ck_assert_int_eq(bad, surrogate);
        ck_assert_uint_eq(size, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        if (surrogate)
            continue;
        ck_assert_uint_eq(utf8_to_utf16(bytes, size, again, 2, &bad), length);
        ck_assert(!bad);
        ck_assert_mem_eq(again, wide, length * 2);
    }
    uint16_t pair[2] = {0xD83D, 0xDE00};
    char small[4] = "zzz";
    ck_assert_uint_eq(utf16_to_utf8(pair, 2, small, 3, NULL), 4);
    ck_assert_mem_eq(small, "zzz", 3); /* no part of a character */
}
END_TEST

START_TEST(case_mapping)
{
    ck_assert_uint_eq(wide_upper('a'), 'A');
    ck_assert_uint_eq(wide_upper(0xE4), 0xC4);
    ck_assert_uint_eq(wide_upper(0xFF), 0x178);
    ck_assert_uint_eq(wide_lower(0x410), 0x430);
    ck_assert_uint_eq(wide_upper(0xDF), 0xDF);
    ck_assert_uint_eq(wide_upper(0x131), 0x131); /* would not lead back */
    ck_assert_uint_eq(wide_upper(0xB5), 0xB5);
    ck_assert_uint_eq(wide_upper(0xD800), 0xD800);
    for (unsigned unit = 0; unit < 0x10000; unit++)
        if (wide_upper((uint16_t)unit) != unit)
            ck_assert_uint_eq(wide_lower(wide_upper((uint16_t)unit)), unit);
}
END_TEST

/* The whole block, entries with '|' between them. */
static void expect_block(const char *want)
{
    char got[4096] = "";
    uint16_t *block = environ_copy();
    for (uint16_t *at = block; *at; at += wide_length(at) + 1) {
        char *entry = utf8_from_wide(at);
        strcat(strcat(got, entry), "|");
        free(entry);
    }
    ck_assert_uint_eq(environ_block_length(block) >= 2, 1);
    free(block);
    ck_assert_str_eq(got, want);
}

START_TEST(block_stays_sorted)
{
    uint16_t *shown = NULL;
    environ_publish(&shown);
    ck_assert_uint_eq(shown[0] | shown[1], 0);
    ck_assert_int_eq(k32_SetEnvironmentVariableW(W("b"), W("2")), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableW(W("C"), W("3")), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableW(W("A"), W("1=1")), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableW(W("=Z:"), W("Z:\\x")), TRUE);
    expect_block("=Z:=Z:\\x|A=1=1|b=2|C=3|");
    ck_assert_int_eq(k32_SetEnvironmentVariableW(W("B"), W("")), TRUE);
    expect_block("=Z:=Z:\\x|A=1=1|B=|C=3|");
    expect_wide(shown, W("=Z:=Z:\\x"));
    ck_assert_ptr_eq(shown, environ_block());
    ck_assert_int_eq(k32_SetEnvironmentVariableA("a", NULL), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableA("=z:", NULL), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableA("c", NULL), TRUE);
    ck_assert_int_eq(k32_SetEnvironmentVariableA("b", NULL), TRUE);
    expect_block("");
    ck_assert_uint_eq(shown[0] | shown[1], 0);
    ck_assert_int_eq(k32_SetEnvironmentVariableA("b", NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ENVVAR_NOT_FOUND);
    static const char *const wrong[] = {"", "a=b", "==", NULL};
    for (unsigned i = 0; i < 4; i++) {
        last_error_set(0);
        ck_assert_int_eq(k32_SetEnvironmentVariableA(wrong[i], "x"), FALSE);
        ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    }
}
END_TEST

START_TEST(get_variable)
{
    uint16_t wide[8] = {'?'};
    char bytes[8] = "?";
    k32_SetEnvironmentVariableA("NAME", "\xC3\xA4"
                                        "bc");
    k32_SetEnvironmentVariableA("EMPTY", "");
    ck_assert_uint_eq(k32_GetEnvironmentVariableW(W("name"), wide, 3), 4);
    ck_assert_uint_eq(wide[0], '?');
    ck_assert_uint_eq(k32_GetEnvironmentVariableW(W("name"), wide, 4), 3);
    expect_wide(wide, W("\u00e4bc"));
    ck_assert_uint_eq(k32_GetEnvironmentVariableA("name", bytes, 4), 5);
    ck_assert_str_eq(bytes, "?");
    ck_assert_uint_eq(k32_GetEnvironmentVariableA("name", bytes, 5), 4);
    ck_assert_str_eq(bytes, "\xC3\xA4"
                            "bc");
    last_error_set(77);
    ck_assert_uint_eq(k32_GetEnvironmentVariableW(W("EMPTY"), wide, 4), 0);
    ck_assert_uint_eq(last_error_get(), ERROR_SUCCESS);
    ck_assert_uint_eq(k32_GetEnvironmentVariableW(W("EMPTY"), NULL, 0), 1);
    ck_assert_uint_eq(k32_GetEnvironmentVariableW(W("NAM"), wide, 4), 0);
    ck_assert_uint_eq(last_error_get(), ERROR_ENVVAR_NOT_FOUND);
    LPCH strings = k32_GetEnvironmentStringsA();
    ck_assert_mem_eq(strings,
                     "EMPTY=\0NAME=\xC3\xA4"
                     "bc\0",
                     18);
    ck_assert_int_eq(k32_FreeEnvironmentStringsA(strings), TRUE);
}
END_TEST

START_TEST(expand)
{
    uint16_t wide[64] = {'?'};
    char bytes[64];
    k32_SetEnvironmentVariableA("WHO", "you");
    ck_assert_uint_eq(k32_ExpandEnvironmentStringsW(W("a%who%b%NO%c%"), wide, 64), 12);
    expect_wide(wide, W("ayoub%NO%c%"));
    wide[0] = '?';
    ck_assert_uint_eq(k32_ExpandEnvironmentStringsW(W("%NO%WHO%"), wide, 6), 7);
    ck_assert_uint_eq(wide[0], '?');
    ck_assert_uint_eq(k32_ExpandEnvironmentStringsW(W("%NO%WHO%"), wide, 7), 7);
    expect_wide(wide, W("%NOyou"));
    ck_assert_uint_eq(k32_ExpandEnvironmentStringsA("\xC3\xA4%who%%", bytes, 64), 7);
    ck_assert_str_eq(bytes, "\xC3\xA4you%");
}
END_TEST

static UNICODE_STRING string(LPCWSTR text)
{
    USHORT size = (USHORT)(wide_length(text) * 2);
    return (UNICODE_STRING){size, size + 2, (PWSTR)text};
}

START_TEST(native_calls)
{
    uint16_t room[4];
    UNICODE_STRING name = string(W("native")), value = string(W("1234")), to = {0, 6, room};
    ck_assert_int_eq(nt_RtlSetEnvironmentVariable(NULL, &name, &value), STATUS_SUCCESS);
    ck_assert_int_eq(nt_RtlQueryEnvironmentVariable_U(NULL, &name, &to), STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(to.Length, 8);
    to = (UNICODE_STRING){0, 8, room};
    ck_assert_int_eq(nt_RtlQueryEnvironmentVariable_U(NULL, &name, &to), STATUS_SUCCESS);
    ck_assert_mem_eq(room, W("1234"), 8);
    SIZE_T length = 0;
    ck_assert_int_eq(nt_RtlQueryEnvironmentVariable(NULL, W("NATIVEx"), 6, room, 4, &length),
                     STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(length, 5);
    ck_assert_int_eq(nt_RtlQueryEnvironmentVariable((PVOID)W("x=9\0"), W("X"), 1, room, 4, &length),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(length, 1);
    ck_assert_uint_eq(room[0], '9');
    ck_assert_int_eq(nt_RtlSetEnvironmentVariable(NULL, &name, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(nt_RtlSetEnvironmentVariable(NULL, &name, NULL), STATUS_VARIABLE_NOT_FOUND);
    ck_assert_int_eq(nt_RtlSetEnvironmentVar(NULL, (PCWSTR)8, 2, NULL, 0), STATUS_ACCESS_VIOLATION);
}
END_TEST

static void expect_variable(const char *name, const char *want)
{
    char value[256] = "";
    DWORD length = k32_GetEnvironmentVariableA(name, value, sizeof value);
    ck_assert_uint_lt(length, sizeof value);
    ck_assert_str_eq(value, want);
}

START_TEST(host_environment)
{
    char *host[] = {"PATH=/usr/bin::rel/x:/a;b:/",
                    "HOME=/home/me",
                    "TMPDIR=/var/tmp/",
                    "X=1",
                    "x=2",
                    "WINMEM_TRACE=all",
                    "WINEDEBUG=-all",
                    "OS=mine",
                    "broken",
                    "LANG=C",
                    NULL};
    ck_assert_int_eq(environ_init(host, NULL), STATUS_SUCCESS);
    expect_variable("Path", "Z:\\usr\\bin;.;rel\\x;Z:\\");
    expect_variable("HOME", "/home/me");
    expect_variable("TEMP", "Z:\\var\\tmp");
    expect_variable("TMP", "Z:\\var\\tmp");
    expect_variable("X", "1");
    expect_variable("OS", "mine");
    expect_variable("WINEDEBUG", "-all");
    expect_variable("USERPROFILE", "Z:\\home\\me");
    expect_variable("LOCALAPPDATA", "Z:\\home\\me\\AppData\\Local");
    expect_variable("SystemRoot", "C:\\Windows");
    expect_variable("PROCESSOR_ARCHITECTURE", "AMD64");
    expect_variable("WINMEM_TRACE", "");
    char directory[256] = "";
    ck_assert_uint_ge(k32_GetEnvironmentVariableA("=Z:", directory, sizeof directory), 3);
    ck_assert_mem_eq(directory, "Z:\\", 3);
}
END_TEST

/* Arguments that must come back as they are. */
static char *const arguments[] = {
    "a b.exe",
    "plain",
    "",
    "two words",
    "quote\"inside",
    "back\\slash",
    "end\\",
    "end \\",
    "\\\"",
    "\\\\\"x y",
    "tab\there",
    "\\\\server\\share",
    "\xC3\xA4\xF0\x9F\x98\x80",
    "new\nline",
    "\"",
    "a\\\\b c",
};

START_TEST(command_line_comes_back)
{
    INT count = 0, all = (INT)(sizeof arguments / sizeof *arguments);
    ck_assert_int_eq(command_line_init(all, (char **)arguments), STATUS_SUCCESS);
    ck_assert_ptr_eq(k32_GetCommandLineW(), command_line_string()->Buffer);
    char *line = utf8_from_wide(k32_GetCommandLineW());
    ck_assert_str_eq(k32_GetCommandLineA(), line);
    free(line);
    LPWSTR *list = shell_CommandLineToArgvW(k32_GetCommandLineW(), &count);
    ck_assert_int_eq(count, all);
    for (int i = 0; i < all; i++) {
        char *bytes = utf8_from_wide(list[i]);
        ck_assert_str_eq(bytes, arguments[i]);
        free(bytes);
    }
    ck_assert_ptr_null(list[count]);
    free(list);
    list = shell_CommandLineToArgvW(W(""), &count);
    ck_assert_int_eq(count, 1);
    expect_wide(list[0], W("a b.exe"));
    free(list);
}
END_TEST

/* sdk-api shellapi/CommandLineToArgvW and cpp "Parsing C command-line arguments" */
static const struct {
    LPCWSTR line;
    const char *arguments[4];
} documented[] = {
    {W("p \"abc\" d e"), {"p", "abc", "d", "e"}},
    {W("p a\\\\b d\"e f\"g h"), {"p", "a\\\\b", "de fg", "h"}},
    {W("p a\\\\\\\"b c d"), {"p", "a\\\"b", "c", "d"}},
    {W("p a\\\\\\\\\"b c\" d e"), {"p", "a\\\\b c", "d", "e"}},
    {W("\"c:\\a b\\\"x y"), {"c:\\a b\\", "x", "y"}},
};

START_TEST(documented_lines)
{
    INT count;
    LPWSTR *list = shell_CommandLineToArgvW(documented[_i].line, &count);
    for (int i = 0; i < 4 && documented[_i].arguments[i]; i++) {
        char *bytes = utf8_from_wide(list[i]);
        ck_assert_str_eq(bytes, documented[_i].arguments[i]);
        free(bytes);
    }
    free(list);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("environ");
    tcase_add_loop_test(all, utf8_ill_formed, 0, sizeof ill / sizeof *ill);
    tcase_add_test(all, utf16_round_trip);
    tcase_add_test(all, case_mapping);
    tcase_add_test(all, block_stays_sorted);
    tcase_add_test(all, get_variable);
    tcase_add_test(all, expand);
    tcase_add_test(all, native_calls);
    tcase_add_test(all, host_environment);
    tcase_add_test(all, command_line_comes_back);
    tcase_add_loop_test(all, documented_lines, 0, sizeof documented / sizeof *documented);
    return suite_run("environ", all);
}
