/* The old string functions: lstr*, and the character functions of user32. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/nls.h"
#include "kernel32/process/utf.h"
#include "memoryapi/guarded.h"

/* These two answer 0 for memory that cannot be read, as a program has been able to rely on. */
INT k32_lstrlenW(LPCWSTR lpString)
{
    size_t length;
    return lpString && guarded_wide_length(lpString, &length) ? (INT)length : 0;
}

INT k32_lstrlenA(LPCSTR lpString)
{
    size_t length;
    return lpString && guarded_length(lpString, &length) ? (INT)length : 0;
}

LPWSTR k32_lstrcpyW(LPWSTR lpString1, LPCWSTR lpString2)
{
    if (!lpString1 || !lpString2)
        return NULL;
    return memmove(lpString1, lpString2, (wide_length(lpString2) + 1) * sizeof *lpString2);
}

LPSTR k32_lstrcpyA(LPSTR lpString1, LPCSTR lpString2)
{
    if (!lpString1 || !lpString2)
        return NULL;
    return memmove(lpString1, lpString2, strlen(lpString2) + 1);
}

/* iMaxLength counts the terminator, which is always written. */
LPWSTR k32_lstrcpynW(LPWSTR lpString1, LPCWSTR lpString2, INT iMaxLength)
{
    INT i = 0;
    if (!lpString1 || !lpString2 || iMaxLength < 1)
        return NULL;
    for (; i < iMaxLength - 1 && lpString2[i]; i++)
        lpString1[i] = lpString2[i];
    lpString1[i] = 0;
    return lpString1;
}

LPSTR k32_lstrcpynA(LPSTR lpString1, LPCSTR lpString2, INT iMaxLength)
{
    INT i = 0;
    if (!lpString1 || !lpString2 || iMaxLength < 1)
        return NULL;
    for (; i < iMaxLength - 1 && lpString2[i]; i++)
        lpString1[i] = lpString2[i];
    lpString1[i] = 0;
    return lpString1;
}

LPWSTR k32_lstrcatW(LPWSTR lpString1, LPCWSTR lpString2)
{
    if (!lpString1 || !lpString2)
        return NULL;
    memmove(lpString1 + wide_length(lpString1), lpString2,
            (wide_length(lpString2) + 1) * sizeof *lpString2);
    return lpString1;
}

LPSTR k32_lstrcatA(LPSTR lpString1, LPCSTR lpString2)
{
    if (!lpString1 || !lpString2)
        return NULL;
    memmove(lpString1 + strlen(lpString1), lpString2, strlen(lpString2) + 1);
    return lpString1;
}

/* NULL sorts before every string. */
static INT compare_w(LPCWSTR a, LPCWSTR b, bool caseless)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return nls_compare(a, wide_length(a), b, wide_length(b), caseless ? NLS_IGNORE_CASE : 0);
}

static INT compare_a(LPCSTR a, LPCSTR b, bool caseless)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    uint16_t *wide_a = wide_from_utf8(a), *wide_b = wide_from_utf8(b);
    /* without memory the bytes decide */
    INT result = wide_a && wide_b ? compare_w(wide_a, wide_b, caseless) : strcmp(a, b);
    free(wide_a);
    free(wide_b);
    return result;
}

INT k32_lstrcmpW(LPCWSTR lpString1, LPCWSTR lpString2)
{
    return compare_w(lpString1, lpString2, false);
}

INT k32_lstrcmpiW(LPCWSTR lpString1, LPCWSTR lpString2)
{
    return compare_w(lpString1, lpString2, true);
}

INT k32_lstrcmpA(LPCSTR lpString1, LPCSTR lpString2)
{
    return compare_a(lpString1, lpString2, false);
}

INT k32_lstrcmpiA(LPCSTR lpString1, LPCSTR lpString2)
{
    return compare_a(lpString1, lpString2, true);
}

DWORD user_CharUpperBuffW(LPWSTR lpsz, DWORD cchLength)
{
    for (DWORD i = 0; i < cchLength; i++)
        lpsz[i] = wide_upper(lpsz[i]);
    return cchLength;
}

DWORD user_CharLowerBuffW(LPWSTR lpsz, DWORD cchLength)
{
    for (DWORD i = 0; i < cchLength; i++)
        lpsz[i] = wide_lower(lpsz[i]);
    return cchLength;
}

/* A parameter below 0x10000 is one character, not a string (sdk-api winuser/CharUpperW). */
LPWSTR user_CharUpperW(LPWSTR lpsz)
{
    if ((uintptr_t)lpsz < 0x10000)
        return (LPWSTR)(uintptr_t)wide_upper((uint16_t)(uintptr_t)lpsz);
    user_CharUpperBuffW(lpsz, (DWORD)wide_length(lpsz));
    return lpsz;
}

LPWSTR user_CharLowerW(LPWSTR lpsz)
{
    if ((uintptr_t)lpsz < 0x10000)
        return (LPWSTR)(uintptr_t)wide_lower((uint16_t)(uintptr_t)lpsz);
    user_CharLowerBuffW(lpsz, (DWORD)wide_length(lpsz));
    return lpsz;
}

/* In UTF-8 only ASCII letters are characters of one byte. */
static char map_byte(char byte, char first, char last)
{
    return byte >= first && byte <= last ? (char)(byte ^ 0x20) : byte;
}

static LPSTR map_bytes(LPSTR text, char first, char last)
{
    if ((uintptr_t)text < 0x10000)
        return (LPSTR)(uintptr_t)(unsigned char)map_byte((char)(uintptr_t)text, first, last);
    for (char *at = text; *at; at++)
        *at = map_byte(*at, first, last);
    return text;
}

LPSTR user_CharUpperA(LPSTR lpsz)
{
    return map_bytes(lpsz, 'a', 'z');
}

LPSTR user_CharLowerA(LPSTR lpsz)
{
    return map_bytes(lpsz, 'A', 'Z');
}

LPWSTR user_CharNextW(LPCWSTR lpsz)
{
    return (LPWSTR)(*lpsz ? lpsz + 1 : lpsz);
}

LPWSTR user_CharPrevW(LPCWSTR lpszStart, LPCWSTR lpszCurrent)
{
    return (LPWSTR)(lpszCurrent > lpszStart ? lpszCurrent - 1 : lpszStart);
}

BOOL user_IsCharAlphaW(WCHAR ch)
{
    return (wide_ctype1(ch) & CTYPE1_ALPHA) != 0;
}

BOOL user_IsCharAlphaNumericW(WCHAR ch)
{
    return (wide_ctype1(ch) & (CTYPE1_ALPHA | CTYPE1_DIGIT)) != 0;
}

BOOL user_IsCharUpperW(WCHAR ch)
{
    return (wide_ctype1(ch) & CTYPE1_UPPER) != 0;
}

BOOL user_IsCharLowerW(WCHAR ch)
{
    return (wide_ctype1(ch) & CTYPE1_LOWER) != 0;
}
