/* Text functions of the locale: comparing, mapping, character types. */
#include "kernel32/process/nls.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

/* The place of a unit in the order, case aside: the class above, the character below. */
static uint32_t weight(uint16_t unit)
{
    unsigned type = wide_ctype1(unit);
    uint32_t class = type & CTYPE1_ALPHA ? 3 : type & CTYPE1_DIGIT ? 2 : 1;
    return class << 16 | wide_upper(unit);
}

static bool is_symbol(uint16_t unit)
{
    return (wide_ctype1(unit) & CTYPE1_PUNCT) != 0;
}

struct reader {
    const uint16_t *at, *end;
};

/* The next unit's weight, 0 at the end. Runs of digits as numbers: their length counts first. */
static uint32_t next_weight(struct reader *reader, unsigned options, uint16_t *ret_unit)
{
    while (options & NLS_IGNORE_SYMBOLS && reader->at < reader->end && is_symbol(*reader->at))
        reader->at++;
    if (reader->at == reader->end)
        return 0;
    *ret_unit = *reader->at++;
    return weight(*ret_unit);
}

static size_t digits(const struct reader *reader)
{
    const uint16_t *at = reader->at;
    while (at < reader->end && wide_ctype1(*at) & CTYPE1_DIGIT)
        at++;
    return (size_t)(at - reader->at);
}

static void skip_zeros(struct reader *reader)
{
    while (digits(reader) > 1 && *reader->at == '0')
        reader->at++;
}

int nls_compare(const uint16_t *a, size_t a_length, const uint16_t *b, size_t b_length,
                unsigned options)
{
    struct reader left = {a, a + a_length}, right = {b, b + b_length};
    int case_difference = 0;
    for (;;) {
        uint16_t left_unit = 0, right_unit = 0;
        if (options & NLS_DIGITS_NUMBERS && digits(&left) && digits(&right)) {
            skip_zeros(&left);
            skip_zeros(&right);
            if (digits(&left) != digits(&right))
                return digits(&left) < digits(&right) ? -1 : 1;
        }
        uint32_t left_weight = next_weight(&left, options, &left_unit);
        uint32_t right_weight = next_weight(&right, options, &right_unit);
        if (left_weight != right_weight)
            return left_weight < right_weight ? -1 : 1;
        if (!left_weight)
            break;
        /* of the same letter the small one comes first */
        if (!case_difference && left_unit != right_unit)
            case_difference = wide_ctype1(left_unit) & CTYPE1_LOWER ? -1 : 1;
    }
    return options & NLS_IGNORE_CASE ? 0 : case_difference;
}

#define COMPARE_FLAGS          0x0803103Fu
#define COMPARE_CASELESS       0x11u /* NORM_IGNORECASE, LINGUISTIC_IGNORECASE */
#define COMPARE_SYMBOLS        0x4u  /* NORM_IGNORESYMBOLS */
#define COMPARE_DIGITS_NUMBERS 0x8u  /* SORT_DIGITSASNUMBERS */

enum { CSTR_FAILED, CSTR_LESS, CSTR_EQUAL, CSTR_GREATER };

static INT as_cstr(int order)
{
    return order < 0 ? CSTR_LESS : order > 0 ? CSTR_GREATER : CSTR_EQUAL;
}

static size_t length_of(LPCWSTR text, INT count)
{
    return count < 0 ? wide_length(text) : (size_t)count;
}

static INT compare(DWORD flags, LPCWSTR a, INT a_count, LPCWSTR b, INT b_count)
{
    unsigned options = 0;
    if (!a || !b) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return CSTR_FAILED;
    }
    if (flags & ~COMPARE_FLAGS) {
        last_error_set(ERROR_INVALID_FLAGS);
        return CSTR_FAILED;
    }
    if (flags & COMPARE_CASELESS)
        options |= NLS_IGNORE_CASE;
    if (flags & COMPARE_SYMBOLS)
        options |= NLS_IGNORE_SYMBOLS;
    if (flags & COMPARE_DIGITS_NUMBERS)
        options |= NLS_DIGITS_NUMBERS;
    return as_cstr(nls_compare(a, length_of(a, a_count), b, length_of(b, b_count), options));
}

INT k32_CompareStringW(LCID Locale, DWORD dwCmpFlags, LPCWSTR lpString1, INT cchCount1,
                       LPCWSTR lpString2, INT cchCount2)
{
    return compare(dwCmpFlags, lpString1, cchCount1, lpString2, cchCount2);
}

INT k32_CompareStringEx(LPCWSTR lpLocaleName, DWORD dwCmpFlags, LPCWSTR lpString1, INT cchCount1,
                        LPCWSTR lpString2, INT cchCount2, LPVOID lpVersionInformation,
                        LPVOID lpReserved, LPARAM lParam)
{
    if (lpReserved || lParam) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return CSTR_FAILED;
    }
    return compare(dwCmpFlags, lpString1, cchCount1, lpString2, cchCount2);
}

INT k32_CompareStringA(LCID Locale, DWORD dwCmpFlags, LPCSTR lpString1, INT cchCount1,
                       LPCSTR lpString2, INT cchCount2)
{
    INT result = CSTR_FAILED;
    if (!lpString1 || !lpString2) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return result;
    }
    size_t size1 = cchCount1 < 0 ? strlen(lpString1) : (size_t)cchCount1;
    size_t size2 = cchCount2 < 0 ? strlen(lpString2) : (size_t)cchCount2;
    uint16_t *wide = malloc((size1 + size2 + 1) * sizeof *wide);
    if (!wide) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
        return result;
    }
    size_t length1 = utf8_to_utf16(lpString1, size1, wide, size1, NULL);
    size_t length2 = utf8_to_utf16(lpString2, size2, wide + length1, size2, NULL);
    result = compare(dwCmpFlags, wide, (INT)length1, wide + length1, (INT)length2);
    free(wide);
    return result;
}

static int compare_ordinal(LPCWSTR a, size_t a_length, LPCWSTR b, size_t b_length)
{
    for (size_t i = 0; i < a_length && i < b_length; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_length < b_length ? -1 : a_length > b_length;
}

INT k32_CompareStringOrdinal(LPCWSTR lpString1, INT cchCount1, LPCWSTR lpString2, INT cchCount2,
                             BOOL bIgnoreCase)
{
    if (!lpString1 || !lpString2) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return CSTR_FAILED;
    }
    size_t length1 = length_of(lpString1, cchCount1), length2 = length_of(lpString2, cchCount2);
    return as_cstr(bIgnoreCase ? wide_compare_caseless(lpString1, length1, lpString2, length2)
                               : compare_ordinal(lpString1, length1, lpString2, length2));
}

#define LCMAP_LOWERCASE         0x100u
#define LCMAP_UPPERCASE         0x200u
#define LCMAP_TITLECASE         0x300u
#define LCMAP_BYTEREV           0x800u
#define LCMAP_LINGUISTIC_CASING 0x1000000u

static INT map_fail(DWORD error)
{
    last_error_set(error);
    return 0;
}

static INT map(DWORD flags, LPCWSTR source, INT count, LPWSTR to, INT room)
{
    DWORD casing = flags & LCMAP_TITLECASE;
    if (!source || !count || room < 0 || (!to && room))
        return map_fail(ERROR_INVALID_PARAMETER);
    if (flags & ~(LCMAP_TITLECASE | LCMAP_BYTEREV | LCMAP_LINGUISTIC_CASING) ||
        !(flags & (LCMAP_TITLECASE | LCMAP_BYTEREV)))
        return map_fail(ERROR_INVALID_FLAGS);
    /* case may be mapped in place, nothing else may (sdk-api LCMapStringEx) */
    if (source == to && (flags & LCMAP_BYTEREV || casing == LCMAP_TITLECASE))
        return map_fail(ERROR_INVALID_FLAGS);
    size_t length = count < 0 ? wide_length(source) + 1 : (size_t)count;
    if (!room)
        return (INT)length;
    if (length > (size_t)room)
        return map_fail(ERROR_INSUFFICIENT_BUFFER);
    bool inside_word = false;
    for (size_t i = 0; i < length; i++) {
        uint16_t unit = source[i];
        bool letter = (wide_ctype1(unit) & CTYPE1_ALPHA) != 0;
        if (casing == LCMAP_UPPERCASE || (casing == LCMAP_TITLECASE && !inside_word))
            unit = wide_upper(unit);
        else if (casing)
            unit = wide_lower(unit);
        inside_word = letter;
        to[i] = flags & LCMAP_BYTEREV ? (uint16_t)(unit << 8 | unit >> 8) : unit;
    }
    return (INT)length;
}

INT k32_LCMapStringW(LCID Locale, DWORD dwMapFlags, LPCWSTR lpSrcStr, INT cchSrc, LPWSTR lpDestStr,
                     INT cchDest)
{
    return map(dwMapFlags, lpSrcStr, cchSrc, lpDestStr, cchDest);
}

INT k32_LCMapStringEx(LPCWSTR lpLocaleName, DWORD dwMapFlags, LPCWSTR lpSrcStr, INT cchSrc,
                      LPWSTR lpDestStr, INT cchDest, LPVOID lpVersionInformation, LPVOID lpReserved,
                      LPARAM sortHandle)
{
    if (lpReserved || sortHandle)
        return map_fail(ERROR_INVALID_PARAMETER);
    return map(dwMapFlags, lpSrcStr, cchSrc, lpDestStr, cchDest);
}

BOOL k32_GetStringTypeW(DWORD dwInfoType, LPCWSTR lpSrcStr, INT cchSrc, LPWORD lpCharType)
{
    uint16_t (*type)(uint16_t unit) = dwInfoType == 1   ? wide_ctype1
                                      : dwInfoType == 2 ? wide_ctype2
                                      : dwInfoType == 4 ? wide_ctype3
                                                        : NULL;
    if (!lpSrcStr || !cchSrc || !lpCharType || (const WORD *)lpSrcStr == lpCharType)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!type) {
        last_error_set(ERROR_INVALID_FLAGS);
        return FALSE;
    }
    /* a terminated string is told with its terminator */
    size_t length = cchSrc < 0 ? wide_length(lpSrcStr) + 1 : (size_t)cchSrc;
    for (size_t i = 0; i < length; i++)
        lpCharType[i] = type(lpSrcStr[i]);
    return TRUE;
}

BOOL k32_GetStringTypeExW(LCID Locale, DWORD dwInfoType, LPCWSTR lpSrcStr, INT cchSrc,
                          LPWORD lpCharType)
{
    return k32_GetStringTypeW(dwInfoType, lpSrcStr, cchSrc, lpCharType);
}
