/* One name of a path: between UTF-16 and the bytes of the host, and compared without case. */
#include "kernel32/process/path.h"

#include "memoryapi/base.h"

#define PRIVATE_USE 0xF000u

bool path_same_name(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length)
{
    if (a_length != b_length)
        return false;
    for (size_t i = 0; i < a_length; i++)
        if (a[i] != b[i] && path_upcase(a[i]) != path_upcase(b[i]))
            return false;
    return true;
}

/* Characters that the names of Windows cannot hold (win32 FileIO/naming-a-file). */
static bool is_forbidden(uint32_t c)
{
    return c < 32 || c == '"' || c == '*' || c == ':' || c == '<' || c == '>' || c == '?' ||
           c == '\\' || c == '|';
}

/* Does U+F000 + `low` stand for a byte of a host name? */
static bool is_escape(uint32_t low, bool last)
{
    return low >= 0x80 ? low <= 0xFF
                       : (low != 0 && is_forbidden(low)) || (last && (low == '.' || low == ' '));
}

static bool is_high(WCHAR c)
{
    return (c & 0xFC00) == 0xD800;
}

static bool is_low(WCHAR c)
{
    return (c & 0xFC00) == 0xDC00;
}

/* A lone surrogate is three bytes. */
static char *put_utf8(uint32_t c, char *ret)
{
    if (c < 0x80) {
        *ret++ = (char)c;
    } else if (c < 0x800) {
        *ret++ = (char)(0xC0 | c >> 6);
        *ret++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *ret++ = (char)(0xE0 | c >> 12);
        *ret++ = (char)(0x80 | (c >> 6 & 0x3F));
        *ret++ = (char)(0x80 | (c & 0x3F));
    } else {
        *ret++ = (char)(0xF0 | c >> 18);
        *ret++ = (char)(0x80 | (c >> 12 & 0x3F));
        *ret++ = (char)(0x80 | (c >> 6 & 0x3F));
        *ret++ = (char)(0x80 | (c & 0x3F));
    }
    return ret;
}

static uint32_t take_utf16(const WCHAR *text, size_t length, size_t *at)
{
    uint32_t c = text[(*at)++];
    if (is_high((WCHAR)c) && *at < length && is_low(text[*at]))
        c = 0x10000 + ((c & 0x3FF) << 10) + (text[(*at)++] & 0x3FF);
    return c;
}

char *path_name_to_host(const WCHAR *name, size_t length, char *ret)
{
    char *begin = ret;
    for (size_t i = 0; i < length;) {
        uint32_t c = take_utf16(name, length, &i);
        if (is_forbidden(c) || c == '/')
            return NULL;
        if (c >= PRIVATE_USE && is_escape(c - PRIVATE_USE, i == length))
            *ret++ = (char)(c - PRIVATE_USE);
        else
            ret = put_utf8(c, ret);
    }
    size_t size = (size_t)(ret - begin);
    bool special = (size == 1 || (size == 2 && begin[1] == '.')) && begin[0] == '.';
    return size == 0 || special ? NULL : ret;
}

/* The length of the sequence that begins here and its character; 0: not one. Lone surrogates are
 * let through. */
static unsigned get_utf8(const unsigned char *at, size_t left, uint32_t *ret)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned length = at[0] < 0x80             ? 1
                      : (at[0] & 0xE0) == 0xC0 ? 2
                      : (at[0] & 0xF0) == 0xE0 ? 3
                      : (at[0] & 0xF8) == 0xF0 ? 4
                                               : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t c = length == 1 ? at[0] : at[0] & (0x7Fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3F);
    }
    if (c < smallest[length] || c > 0x10FFFF)
        return 0;
    *ret = c;
    return length;
}

size_t path_name_from_host(const char *name, size_t length, WCHAR *ret)
{
    const unsigned char *at = (const unsigned char *)name;
    size_t made = 0;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        unsigned size = get_utf8(at + i, length - i, &c);
        bool last = i + size == length;
        bool escape = size == 0 ||
                      (size == 3 && c >= PRIVATE_USE && is_escape(c - PRIVATE_USE, last)) ||
                      (size == 3 && is_low((WCHAR)c) && made > 0 && is_high(ret[made - 1]));
        if (escape) {
            /* byte by byte: what follows is then no sequence and escaped as well */
            unsigned bytes = size ? size : 1;
            for (unsigned byte = 0; byte < bytes; byte++)
                ret[made++] = (WCHAR)(PRIVATE_USE + at[i + byte]);
            i += bytes;
            continue;
        }
        i += size;
        if (size == 1 && (is_forbidden(c) || (last && (c == '.' || c == ' '))))
            ret[made++] = (WCHAR)(PRIVATE_USE + c);
        else if (c >= 0x10000) {
            ret[made++] = (WCHAR)(0xD800 + ((c - 0x10000) >> 10));
            ret[made++] = (WCHAR)(0xDC00 + (c & 0x3FF));
        } else
            ret[made++] = (WCHAR)c;
    }
    return made;
}

static bool is_word(const WCHAR *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++)
        if (!word[i] || path_upcase(text[i]) != (WCHAR)(unsigned char)word[i])
            return false;
    return word[length] == 0;
}

/*
 * Windows 11 knows a device by its bare name alone, NUL in every directory as well
 * (dotnet standard/io/file-path-formats, "Handle legacy devices").
 */
size_t path_dos_device(const WCHAR *path, size_t length, size_t *ret_offset)
{
    static const char *const words[] = {"NUL", "CON", "PRN", "AUX", "CONIN$", "CONOUT$"};
    size_t offset = length;
    while (offset > 0 && !path_is_separator(path[offset - 1]) && !(offset == 2 && path[1] == ':'))
        offset--;
    if (length >= 2 && path_is_separator(path[0]) && path_is_separator(path[1]))
        return 0;
    size_t end = length;
    if (end > offset && path[end - 1] == ':')
        end--;
    while (end > offset && path[end - 1] == ' ')
        end--;
    const WCHAR *name = path + offset;
    size_t size = end - offset;
    *ret_offset = offset;
    if (is_word(name, size, words[0]))
        return size;
    if (offset != 0)
        return 0;
    for (unsigned i = 1; i < array_length(words); i++)
        if (is_word(name, size, words[i]))
            return size;
    bool numbered = size == 4 && name[3] >= '1' && name[3] <= '9' &&
                    (is_word(name, 3, "COM") || is_word(name, 3, "LPT"));
    return numbered ? size : 0;
}
