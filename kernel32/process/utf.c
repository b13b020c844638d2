/* UTF-8 and UTF-16, and what the Unicode character database says of one UTF-16 unit. */
#include "kernel32/process/utf.h"

#include <stdlib.h>
#include "kernel32/process/unicode_table.h"

/*
 * Takes one character off [*at, end). An ill-formed sequence takes its longest part that could
 * begin a character, at least one byte.
 */
static uint32_t take_utf8(const unsigned char **at, const unsigned char *end, bool *bad)
{
    const unsigned char *p = *at;
    uint32_t first = *p++, code;
    unsigned more;
    unsigned char low = 0x80, high = 0xBF; /* what the second byte may be */
    *at = p;
    if (first < 0x80)
        return first;
    if (first >= 0xC2 && first <= 0xDF) {
        more = 1;
        code = first & 0x1F;
    } else if (first >= 0xE0 && first <= 0xEF) {
        more = 2;
        code = first & 0xF;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high; /* no surrogates */
    } else if (first >= 0xF0 && first <= 0xF4) {
        more = 3;
        code = first & 7;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    } else {
        *bad = true;
        return UTF_REPLACEMENT;
    }
    for (; more > 0; more--) {
        if (p == end || *p < low || *p > high) {
            *at = p;
            *bad = true;
            return UTF_REPLACEMENT;
        }
        code = code << 6 | (*p++ & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *at = p;
    return code;
}

size_t utf8_to_utf16_cut(const char *from, size_t size, uint16_t *to, size_t room, bool *ret_bad,
                         size_t *ret_written)
{
    const unsigned char *at = (const unsigned char *)from, *end = at + size;
    size_t length = 0, written = 0;
    bool bad = false;
    while (at < end) {
        uint32_t code = take_utf8(&at, end, &bad);
        unsigned units = code >= 0x10000 ? 2 : 1;
        if (length + units > room) {
            room = 0; /* the rest is only counted */
        } else if (units == 1) {
            to[length] = (uint16_t)code;
        } else {
            to[length] = (uint16_t)(0xD800 + ((code - 0x10000) >> 10));
            to[length + 1] = (uint16_t)(0xDC00 + (code & 0x3FF));
        }
        length += units;
        if (room)
            written = length;
    }
    if (ret_bad)
        *ret_bad = bad;
    *ret_written = written;
    return length;
}

size_t utf8_to_utf16(const char *from, size_t size, uint16_t *to, size_t room, bool *ret_bad)
{
    size_t written;
    return utf8_to_utf16_cut(from, size, to, room, ret_bad, &written);
}

static uint32_t take_utf16(const uint16_t **at, const uint16_t *end, bool *bad)
{
    uint32_t unit = *(*at)++;
    if ((unit & 0xF800) != 0xD800)
        return unit;
    if (unit < 0xDC00 && *at < end && (**at & 0xFC00) == 0xDC00)
        return 0x10000 + ((unit & 0x3FF) << 10) + (*(*at)++ & 0x3FFu);
    *bad = true;
    return UTF_REPLACEMENT;
}

static unsigned put_utf8(uint32_t code, char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    unsigned size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = size - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(0xF00u >> size | code);
    return size;
}

size_t utf16_to_utf8_cut(const uint16_t *from, size_t length, char *to, size_t room, bool *ret_bad,
                         size_t *ret_written)
{
    const uint16_t *at = from, *end = from + length;
    size_t size = 0, written = 0;
    bool bad = false;
    while (at < end) {
        char bytes[4];
        unsigned count = put_utf8(take_utf16(&at, end, &bad), bytes);
        if (size + count > room)
            room = 0;
        for (unsigned i = 0; room && i < count; i++)
            to[size + i] = bytes[i];
        size += count;
        if (room)
            written = size;
    }
    if (ret_bad)
        *ret_bad = bad;
    *ret_written = written;
    return size;
}

size_t utf16_to_utf8(const uint16_t *from, size_t length, char *to, size_t room, bool *ret_bad)
{
    size_t written;
    return utf16_to_utf8_cut(from, length, to, room, ret_bad, &written);
}

size_t wide_length(const uint16_t *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

uint16_t *wide_from_utf8(const char *text)
{
    if (!text)
        return NULL;
    size_t size = 0;
    while (text[size])
        size++;
    /* a byte never becomes more than one unit */
    uint16_t *wide = malloc((size + 1) * sizeof *wide);
    if (wide)
        wide[utf8_to_utf16(text, size, wide, size, NULL)] = 0;
    return wide;
}

char *utf8_from_wide(const uint16_t *text)
{
    if (!text)
        return NULL;
    size_t length = wide_length(text), room = length * 3; /* a unit never takes more than 3 bytes */
    char *bytes = malloc(room + 1);
    if (bytes)
        bytes[utf16_to_utf8(text, length, bytes, room, NULL)] = 0;
    return bytes;
}

uint16_t wide_upper(uint16_t unit)
{
    return unit + upper_delta[upper_page[unit >> 8]][unit & 0xFF];
}

uint16_t wide_lower(uint16_t unit)
{
    return unit + lower_delta[lower_page[unit >> 8]][unit & 0xFF];
}

uint16_t wide_ctype1(uint16_t unit)
{
    return ctype1[ctype1_page[unit >> 8]][unit & 0xFF];
}

uint16_t wide_ctype2(uint16_t unit)
{
    return ctype2[ctype2_page[unit >> 8]][unit & 0xFF];
}

uint16_t wide_ctype3(uint16_t unit)
{
    return ctype3[ctype3_page[unit >> 8]][unit & 0xFF];
}

const uint16_t *wide_code_page(unsigned number)
{
    return number == 437 ? code_page_437 : code_page_1252;
}

int wide_compare_caseless(const uint16_t *a, size_t a_length, const uint16_t *b, size_t b_length)
{
    size_t common = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < common; i++) {
        int difference = wide_upper(a[i]) - wide_upper(b[i]);
        if (difference)
            return difference;
    }
    return a_length < b_length ? -1 : a_length > b_length;
}
