/* Code pages, text, locales, counted strings, messages. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/message.h"
#include "kernel32/process/utf.h"
#include "tests/unit/suite.h"

#define W(text)               ((LPCWSTR)u"" text)
#define ck_wide_eq(got, want) expect_wide(got, W(want))

static void expect_wide(const uint16_t *got, LPCWSTR want)
{
    char *a = utf8_from_wide(got), *b = utf8_from_wide(want);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}

/* A failing call: result 0 with this last error. */
#define ck_fails(call, error)                                                                      \
    do {                                                                                           \
        last_error_set(0);                                                                         \
        ck_assert_int_eq((call), 0);                                                               \
        ck_assert_uint_eq(last_error_get(), error);                                                \
    } while (0)

START_TEST(to_wide)
{
    uint16_t w[16];
    ck_assert_int_eq(k32_MultiByteToWideChar(0, 0, "\xC3\xA4x", -1, w, 16), 3);
    ck_wide_eq(w, "\u00e4x");
    ck_assert_int_eq(k32_MultiByteToWideChar(65001, 0, "abc", 2, NULL, 0), 2);
    ck_assert_int_eq(k32_MultiByteToWideChar(65001, 8, "ab", 2, w, 2), 2);
    ck_assert_int_eq(k32_MultiByteToWideChar(1252, 1, "\x80\xE4", -1, w, 16), 3);
    ck_wide_eq(w, "\u20ac\u00e4");
    ck_assert_int_eq(k32_MultiByteToWideChar(437, 0, "\x84\xE1", -1, w, 16), 3);
    ck_wide_eq(w, "\u00e4\u00df");
    ck_assert_int_eq(k32_MultiByteToWideChar(28591, 0, "\xFF", -1, w, 16), 2);
    ck_wide_eq(w, "\u00ff");
    ck_fails(k32_MultiByteToWideChar(65001, 1, "a", 1, w, 1), ERROR_INVALID_FLAGS);
    ck_fails(k32_MultiByteToWideChar(1252, 3, "a", 1, w, 1), ERROR_INVALID_FLAGS);
    ck_fails(k32_MultiByteToWideChar(65001, 8, "\xFF", 1, w, 1), ERROR_NO_UNICODE_TRANSLATION);
    ck_fails(k32_MultiByteToWideChar(65001, 0, "abc", 3, w, 2), ERROR_INSUFFICIENT_BUFFER);
    ck_fails(k32_MultiByteToWideChar(1200, 0, "abc", 3, w, 16), ERROR_INVALID_PARAMETER);
    ck_fails(k32_MultiByteToWideChar(65001, 0, "abc", 0, w, 16), ERROR_INVALID_PARAMETER);
    ck_fails(k32_MultiByteToWideChar(65001, 0, NULL, 1, w, 16), ERROR_INVALID_PARAMETER);
    ck_fails(k32_MultiByteToWideChar(65001, 0, (LPCSTR)w, 1, w, 16), ERROR_INVALID_PARAMETER);
    ck_fails(k32_MultiByteToWideChar(65001, 0, "a", 1, NULL, 4), ERROR_INVALID_PARAMETER);
}
END_TEST

START_TEST(from_wide)
{
    char b[16];
    BOOL used = 7;
    ck_assert_int_eq(k32_WideCharToMultiByte(65001, 0, W("\u20acx"), -1, b, 16, NULL, NULL), 5);
    ck_assert_str_eq(b, "\xE2\x82\xACx");
    ck_assert_int_eq(k32_WideCharToMultiByte(65001, 0, W("\u20acx"), 2, NULL, 0, NULL, NULL), 4);
    ck_assert_int_eq(k32_WideCharToMultiByte(1252, 0x400, W("\u20ac\u4e00"), -1, b, 16, "!", &used),
                     3);
    ck_assert_str_eq(b, "\x80!");
    ck_assert_int_eq(used, TRUE);
    ck_assert_int_eq(k32_WideCharToMultiByte(20127, 0, W("a\u00e4"), -1, b, 16, NULL, NULL), 3);
    ck_assert_str_eq(b, "a?");
    ck_assert_int_eq(k32_WideCharToMultiByte(437, 0, W("\u00e4"), -1, b, 16, NULL, &used), 2);
    ck_assert_str_eq(b, "\x84");
    ck_assert_int_eq(used, FALSE);
    const uint16_t lone[] = {0xD800, 0};
    ck_assert_int_eq(k32_WideCharToMultiByte(65001, 0, lone, -1, b, 16, NULL, NULL), 4);
    ck_assert_str_eq(b, "\xEF\xBF\xBD");
    ck_fails(k32_WideCharToMultiByte(65001, 0x80, lone, -1, b, 16, NULL, NULL),
             ERROR_NO_UNICODE_TRANSLATION);
    ck_fails(k32_WideCharToMultiByte(65001, 0, lone, 1, b, 16, "?", NULL), ERROR_INVALID_PARAMETER);
    ck_fails(k32_WideCharToMultiByte(0, 0, lone, 1, b, 16, NULL, &used), ERROR_INVALID_PARAMETER);
    ck_fails(k32_WideCharToMultiByte(65001, 0x400, lone, 1, b, 16, NULL, NULL),
             ERROR_INVALID_FLAGS);
    ck_fails(k32_WideCharToMultiByte(1252, 0x80, lone, 1, b, 16, NULL, NULL), ERROR_INVALID_FLAGS);
    ck_fails(k32_WideCharToMultiByte(65001, 0, W("abc"), 3, b, 2, NULL, NULL),
             ERROR_INSUFFICIENT_BUFFER);
}
END_TEST

START_TEST(code_pages)
{
    CPINFO info;
    CPINFOEXW long_info;
    ck_assert_uint_eq(k32_GetACP(), 65001);
    ck_assert_int_eq(k32_IsValidCodePage(1252), TRUE);
    ck_assert_int_eq(k32_IsValidCodePage(0), FALSE);
    ck_assert_int_eq(k32_IsValidCodePage(1200), FALSE);
    ck_assert_int_eq(k32_GetCPInfo(0, &info), TRUE);
    ck_assert_uint_eq(info.MaxCharSize, 4);
    ck_assert_int_eq(k32_GetCPInfoExW(1252, 0, &long_info), TRUE);
    ck_assert_uint_eq(long_info.MaxCharSize, 1);
    ck_assert_uint_eq(long_info.CodePage, 1252);
    ck_fails(k32_GetCPInfo(12345, &info), ERROR_INVALID_PARAMETER);
}
END_TEST

START_TEST(comparing)
{
    ck_assert_int_eq(k32_lstrcmpW(W("abc"), W("ABC")), -1); /* small first */
    ck_assert_int_lt(k32_lstrcmpW(W("ABC"), W("abd")), 0);  /* but letters decide before case */
    ck_assert_int_eq(k32_lstrcmpiW(W("\u00c4b"), W("\u00e4B")), 0);
    ck_assert_int_lt(k32_lstrcmpA("1", "a"), 0);
    ck_assert_int_gt(k32_lstrcmpA("a", ""), 0);
    ck_assert_int_lt(k32_lstrcmpA(NULL, ""), 0);
    ck_assert_int_eq(k32_lstrcmpiA("X\xC3\x84", "x\xC3\xA4"), 0);
    ck_assert_int_eq(k32_CompareStringW(0x409, 1, W("Ab"), 2, W("aB"), -1), 2);
    ck_assert_int_eq(k32_CompareStringW(0x409, 0, W("b"), 1, W("a"), 1), 3);
    ck_assert_int_eq(k32_CompareStringEx(NULL, 8, W("a10"), -1, W("a9"), -1, NULL, NULL, 0), 3);
    ck_assert_int_eq(k32_CompareStringEx(NULL, 0, W("a10"), -1, W("a9"), -1, NULL, NULL, 0), 1);
    ck_assert_int_eq(k32_CompareStringEx(NULL, 4, W("a-b"), -1, W("ab"), -1, NULL, NULL, 0), 2);
    ck_assert_int_eq(k32_CompareStringOrdinal(W("a"), -1, W("B"), -1, FALSE), 3);
    ck_assert_int_eq(k32_CompareStringOrdinal(W("a"), -1, W("B"), -1, TRUE), 1);
    ck_fails(k32_CompareStringW(0x409, 0x40, W("a"), 1, W("a"), 1), ERROR_INVALID_FLAGS);
    ck_fails(k32_CompareStringW(0x409, 0, NULL, 1, W("a"), 1), ERROR_INVALID_PARAMETER);
}
END_TEST

START_TEST(mapping)
{
    uint16_t w[16] = {'h', 0xE4, ' ', 'Y', 0};
    WORD types[3];
    ck_assert_int_eq(k32_LCMapStringW(0x409, 0x200, w, -1, w, 16), 5); /* in place */
    ck_wide_eq(w, "H\u00c4 Y");
    ck_assert_int_eq(k32_LCMapStringEx(NULL, 0x300, W("hI THERE"), -1, w, 16, NULL, NULL, 0), 9);
    ck_wide_eq(w, "Hi There");
    ck_assert_int_eq(k32_LCMapStringW(0x409, 0x100, W("ABC"), 3, NULL, 0), 3);
    ck_fails(k32_LCMapStringW(0x409, 0x100, W("ABC"), 3, w, 2), ERROR_INSUFFICIENT_BUFFER);
    ck_fails(k32_LCMapStringW(0x409, 0, W("ABC"), 3, w, 16), ERROR_INVALID_FLAGS);
    ck_fails(k32_LCMapStringW(0x409, 0x400, W("ABC"), 3, w, 16), ERROR_INVALID_FLAGS);
    ck_assert_int_eq(k32_GetStringTypeW(1, W("A7\t"), 3, types), TRUE);
    ck_assert_uint_eq(types[0], 0x200 | 0x100 | 0x80 | 1); /* defined, letter, hex digit, upper */
    ck_assert_uint_eq(types[1], 0x200 | 0x80 | 4);
    ck_assert_uint_eq(types[2], 0x200 | 0x40 | 0x20 | 8); /* defined, blank, control, space */
    ck_fails(k32_GetStringTypeW(3, W("A"), 1, types), ERROR_INVALID_FLAGS);
    ck_assert_ptr_eq(user_CharUpperW((LPWSTR)(uintptr_t)0xE4), (LPWSTR)(uintptr_t)0xC4);
    ck_assert_int_eq(user_IsCharAlphaW(0xE4), TRUE);
    ck_assert_int_eq(user_IsCharAlphaW('1'), FALSE);
}
END_TEST

START_TEST(old_strings)
{
    uint16_t w[16];
    char b[16];
    ck_assert_int_eq(k32_lstrlenW(NULL), 0);
    ck_assert_int_eq(k32_lstrlenA("abc"), 3);
    k32_lstrcpyW(w, W("ab"));
    k32_lstrcatW(w, W("cd"));
    ck_wide_eq(w, "abcd");
    k32_lstrcpynA(b, "abcdef", 4);
    ck_assert_str_eq(b, "abc");
    ck_assert_ptr_null(k32_lstrcpynA(b, "abcdef", 0));
}
END_TEST

START_TEST(locales)
{
    uint16_t w[64];
    char b[64];
    DWORD number = 0;
    ck_assert_uint_eq(k32_GetUserDefaultLCID(), 0x409);
    ck_assert_int_eq(k32_GetUserDefaultLocaleName(w, 64), 6);
    ck_wide_eq(w, "en-US");
    ck_assert_uint_eq(k32_LocaleNameToLCID(W("EN-us"), 0), 0x409);
    ck_assert_uint_eq(k32_LocaleNameToLCID(W(""), 0), 0x7F);
    ck_fails(k32_LocaleNameToLCID(W("xx-YY"), 0), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_GetLocaleInfoW(0x400, 0xE, w, 64), 2); /* LOCALE_SDECIMAL */
    ck_wide_eq(w, ".");
    ck_assert_int_eq(k32_GetLocaleInfoEx(W("en-US"), 0x2A + 6, w, 64), 7);
    ck_wide_eq(w, "Sunday");
    ck_assert_int_eq(k32_GetLocaleInfoEx(NULL, 0x38, w, 64), 8);
    ck_wide_eq(w, "January");
    ck_assert_int_eq(k32_GetLocaleInfoA(0x409, 0x4F, b, 64), 4);
    ck_assert_str_eq(b, "Dec");
    ck_assert_int_eq(k32_GetLocaleInfoW(0x409, 0x20000001, (LPWSTR)&number, 2), 2);
    ck_assert_uint_eq(number, 0x409);
    ck_fails(k32_GetLocaleInfoW(0x409, 0x2000000E, w, 64), ERROR_INVALID_FLAGS);
    ck_fails(k32_GetLocaleInfoW(0x407, 0xE, w, 64), ERROR_INVALID_PARAMETER);
    ck_fails(k32_GetLocaleInfoW(0x409, 0x38, w, 7), ERROR_INSUFFICIENT_BUFFER);
    ULONG count, size = 0;
    ck_assert_int_eq(k32_GetUserPreferredUILanguages(8, &count, NULL, &size), TRUE);
    ck_assert_uint_eq(size, 7);
    ck_assert_int_eq(k32_GetUserPreferredUILanguages(8, &count, w, &size), TRUE);
    ck_assert_mem_eq(w, W("en-US\0"), 14);
    size = 6;
    ck_fails(k32_GetUserPreferredUILanguages(8, &count, w, &size), ERROR_INSUFFICIENT_BUFFER);
}
END_TEST

START_TEST(counted_strings)
{
    UNICODE_STRING a, b, made;
    ANSI_STRING ansi;
    nt_RtlInitUnicodeString(&a, W("Abc\u00e4"));
    nt_RtlInitUnicodeString(&b, W("aBC\u00c4x"));
    ck_assert_uint_eq(a.Length, 8);
    ck_assert_uint_eq(a.MaximumLength, 10);
    ck_assert_int_eq(nt_RtlEqualUnicodeString(&a, &b, TRUE), FALSE);
    ck_assert_int_eq(nt_RtlPrefixUnicodeString(&a, &b, TRUE), TRUE);
    ck_assert_int_eq(nt_RtlPrefixUnicodeString(&a, &b, FALSE), FALSE);
    ck_assert_int_lt(nt_RtlCompareUnicodeString(&a, &b, FALSE), 0);
    ck_assert_int_eq(nt_RtlUnicodeStringToAnsiString(&ansi, &a, TRUE), STATUS_SUCCESS);
    ck_assert_str_eq(ansi.Buffer, "Abc\xC3\xA4");
    ck_assert_uint_eq(ansi.Length, 5);
    ck_assert_int_eq(nt_RtlAnsiStringToUnicodeString(&made, &ansi, TRUE), STATUS_SUCCESS);
    ck_assert_int_eq(nt_RtlEqualUnicodeString(&a, &made, FALSE), TRUE);
    made.MaximumLength = 8;
    ck_assert_int_eq(nt_RtlAnsiStringToUnicodeString(&made, &ansi, FALSE), STATUS_BUFFER_OVERFLOW);
    nt_RtlFreeUnicodeString(&made);
    ck_assert_ptr_null(made.Buffer);
    nt_RtlFreeAnsiString(&ansi);
    uint16_t room[4];
    made = (UNICODE_STRING){0, sizeof room, room};
    ck_assert_int_eq(nt_RtlAppendUnicodeToString(&made, W("abc")), STATUS_SUCCESS);
    ck_assert_int_eq(nt_RtlAppendUnicodeToString(&made, W("de")), STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(made.Length, 6);
    ck_assert_uint_eq(room[3], 0);
    ULONG size;
    ck_assert_int_eq(nt_RtlUTF8ToUnicodeN(room, 8, &size, "\xC3\xA4\xFF", 3),
                     STATUS_SOME_NOT_MAPPED);
    ck_assert_uint_eq(size, 4);
    ck_assert_int_eq(nt_RtlUTF8ToUnicodeN(room, 4, &size, "abc", 3), STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 4);
    ck_assert_int_eq(nt_RtlUTF8ToUnicodeN(room, 4, &size, "a\xF0\x9F\x98\x80", 5),
                     STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 2); /* no half of a pair */
    ck_assert_int_eq(nt_RtlUnicodeToMultiByteN((PSTR)room, 4, &size, W("ab\u20ac"), 6),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(size, 2);
    ck_assert_int_eq(nt_RtlUnicodeToUTF8N((PSTR)room, 8, &size, W("\u20ac"), 2), STATUS_SUCCESS);
    ck_assert_uint_eq(size, 3);
}
END_TEST

#define STRING_ARRAY 0x2400u /* FORMAT_MESSAGE_FROM_STRING, _ARGUMENT_ARRAY */

START_TEST(message_inserts)
{
    uint16_t w[64];
    uint64_t arguments[] = {(uint64_t)W("one"), (uint64_t)-5, (uint64_t) "bytes", 7, 'x'};
    ck_assert_uint_eq(
        k32_FormatMessageW(STRING_ARRAY, W("%1 %2!d! %3!S!|%%.%n%0x"), 0, 0, w, 64, arguments), 17);
    ck_wide_eq(w, "one -5 bytes|%.\r\n");
    k32_FormatMessageW(STRING_ARRAY, W("%2!I64x!|%4!05u!|%4!-3u!|%1!5s!|%1!.2s!|%5!c!"), 0, 0, w,
                       64, arguments);
    ck_wide_eq(w, "fffffffffffffffb|00007|7  |  one|on|x");
    k32_FormatMessageW(STRING_ARRAY, W("%4!*u!%%"), 0, 0, w, 64, (uint64_t[]){0, 0, 0, 4, 42});
    ck_wide_eq(w, "  42%");
    uint64_t *list = arguments; /* a va_list */
    k32_FormatMessageW(0x400, W("<%1>\n"), 0, 0, w, 64, &list);
    ck_wide_eq(w, "<one>\r\n");
    ck_assert_uint_eq(k32_FormatMessageW(0x600, W("%1 %2!d!"), 0, 0, w, 64, NULL), 8);
    ck_wide_eq(w, "%1 %2!d!");
    ck_fails(k32_FormatMessageW(STRING_ARRAY, W("%1"), 0, 0, w, 64, NULL), ERROR_INVALID_PARAMETER);
    ck_fails(k32_FormatMessageW(STRING_ARRAY, W("abc"), 0, 0, w, 3, NULL),
             ERROR_INSUFFICIENT_BUFFER);
    char b[16], *allocated;
    arguments[0] = (uint64_t) "\xC3\xA4";
    ck_assert_uint_eq(k32_FormatMessageA(STRING_ARRAY, "<%1>", 0, 0, b, 16, arguments), 4);
    ck_assert_str_eq(b, "<\xC3\xA4>");
    ck_assert_uint_eq(
        k32_FormatMessageA(STRING_ARRAY | 0x100, "abc", 0, 0, (LPSTR)&allocated, 0, NULL), 3);
    ck_assert_str_eq(allocated, "abc");
    free(allocated); /* local_memory.h */
}
END_TEST

START_TEST(system_messages)
{
    char b[160];
    DWORD flags = 0x1000 | 0x2000 | 0x200; /* as Go and the C runtime ask */
    DWORD length = k32_FormatMessageA(flags, NULL, ERROR_FILE_NOT_FOUND, 0, b, 160, NULL);
    ck_assert_uint_eq(length, strlen(b));
    ck_assert_uint_gt(length, 10);
    ck_assert_str_eq(b + length - 2, "\r\n");
    char same[160];
    k32_FormatMessageA(flags, NULL, 0x80070002, 0, same, 160, NULL);
    ck_assert_str_eq(same, b);
    k32_FormatMessageA(flags | 0xFF, NULL, ERROR_FILE_NOT_FOUND, 0, same, 160, NULL);
    ck_assert_str_eq(same + length - 2, " ");
    ck_fails(k32_FormatMessageA(flags, NULL, 0x12345, 0, b, 160, NULL), ERROR_MR_MID_NOT_FOUND);
    ck_fails(k32_FormatMessageA(0x200, NULL, 2, 0, b, 160, NULL), ERROR_INVALID_PARAMETER);
}
END_TEST

/* Texts are found by halving: codes from all over, and none in between. */
START_TEST(texts_are_found)
{
    static const DWORD there[] = {0,    1,     2,     5,     6,     8,     31,    87,   122,
                                  126,  183,   203,   258,   487,   534,   995,   997,  998,
                                  1004, 1113,  1314,  1450,  1455,  1460,  1813,  1816, 1901,
                                  4390, 10004, 10035, 10050, 10091, 10093, 11001, 11004};
    static const DWORD missing[] = {9, 10, 300, 1111, 5000, 10001, 11005, 0xFFFFFFFF};
    for (unsigned i = 0; i < sizeof there / sizeof *there; i++)
        ck_assert_ptr_nonnull(message_of_win32(there[i]));
    for (unsigned i = 0; i < sizeof missing / sizeof *missing; i++)
        ck_assert_ptr_null(message_of_win32(missing[i]));
    ck_assert_ptr_nonnull(message_of_status(STATUS_ACCESS_VIOLATION));
    ck_assert_ptr_eq(message_of_status(STATUS_INVALID_HANDLE),
                     message_of_win32(ERROR_INVALID_HANDLE));
    ck_assert_ptr_null(message_of_status((NTSTATUS)0xC1234567));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("locale");
    tcase_add_test(all, to_wide);
    tcase_add_test(all, from_wide);
    tcase_add_test(all, code_pages);
    tcase_add_test(all, comparing);
    tcase_add_test(all, mapping);
    tcase_add_test(all, old_strings);
    tcase_add_test(all, locales);
    tcase_add_test(all, counted_strings);
    tcase_add_test(all, message_inserts);
    tcase_add_test(all, system_messages);
    tcase_add_test(all, texts_are_found);
    return suite_run("locale", all);
}
