/* FormatMessage: texts of error codes and of the program, with inserts. */
#include "kernel32/process/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/local_memory.h"
#include "kernel32/process/utf.h"

#define MAX_WIDTH_MASK  0xFFu
#define ALLOCATE_BUFFER 0x100u
#define IGNORE_INSERTS  0x200u
#define FROM_STRING     0x400u
#define FROM_HMODULE    0x800u
#define FROM_SYSTEM     0x1000u
#define ARGUMENT_ARRAY  0x2000u

#define LONGEST 0xFFFFu /* units: sdk-api winbase/FormatMessage limits the output to 64 KiB */

/* A text that grows; `failed` once and for all when there is no memory. */
struct text {
    uint16_t *units;
    size_t length, room;
    bool failed;
};

static void put(struct text *text, uint16_t unit)
{
    if (text->length == text->room) {
        size_t room = text->room ? text->room * 2 : 256;
        uint16_t *units = realloc(text->units, room * sizeof *units);
        if (!units) {
            text->failed = true;
            return;
        }
        text->units = units;
        text->room = room;
    }
    text->units[text->length++] = unit;
}

static void put_line_end(struct text *text)
{
    put(text, '\r');
    put(text, '\n');
}

/* One insert: the arguments from `at` on, 8 bytes each, and its format between the '!'. */
struct insert {
    const uint64_t *at;
    bool narrow;          /* %s means bytes: FormatMessageA */
    bool left, zero;      /* flags '-' and '0' */
    int width, precision; /* -1: none */
    char length;          /* 'h', 'l' or 'w', 'I' for 64 bits, 0 */
    char type;
};

static void put_padded(struct text *to, const struct insert *insert, const uint16_t *text,
                       size_t length)
{
    size_t width = insert->width > 0 ? (size_t)insert->width : 0;
    for (size_t i = length; !insert->left && i < width; i++)
        put(to, ' ');
    for (size_t i = 0; i < length; i++)
        put(to, text[i]);
    for (size_t i = length; insert->left && i < width; i++)
        put(to, ' ');
}

static void put_string(struct text *to, const struct insert *insert, uint64_t value)
{
    bool narrow = insert->type == 's' ? insert->narrow : !insert->narrow;
    size_t limit = insert->precision >= 0 ? (size_t)insert->precision : SIZE_MAX, length = 0;
    uint16_t *copy = NULL;
    const uint16_t *wide = (const uint16_t *)value;
    if (insert->length == 'h')
        narrow = true;
    else if (insert->length)
        narrow = false;
    if (!value) {
        put_padded(to, insert, (const uint16_t *)u"(null)", 6);
        return;
    }
    if (narrow) {
        const char *bytes = (const char *)value;
        size_t size = strnlen(bytes, limit);
        wide = copy = malloc((size + 1) * sizeof *copy);
        if (!copy) {
            to->failed = true;
            return;
        }
        length = utf8_to_utf16(bytes, size, copy, size, NULL);
    } else {
        while (length < limit && wide[length])
            length++;
    }
    put_padded(to, insert, wide, length);
    free(copy);
}

static void put_number(struct text *to, const struct insert *insert, uint64_t value)
{
    char format[16], digits[512], *at = format;
    uint16_t wide[512];
    bool is_signed = insert->type == 'd' || insert->type == 'i';
    int precision = insert->precision > 400 ? 400 : insert->precision;
    if (insert->length != 'I' && insert->type != 'p')
        value = is_signed ? (uint64_t)(int64_t)(int32_t)value : (uint32_t)value;
    *at++ = '%';
    if (insert->zero)
        *at++ = '0';
    strcpy(at, insert->type == 'p' ? "*.*lX" : "*.*l_");
    if (insert->type != 'p')
        strchr(at, '_')[0] = insert->type;
    /* zeros go before the digits only with the width at hand; spaces are put_padded()'s */
    int width = insert->zero && !insert->left && insert->width < 400 ? insert->width : 0;
    if (insert->type == 'p')
        precision = 16;
    int length = snprintf(digits, sizeof digits, format, width, precision, value);
    for (int i = 0; i < length; i++)
        wide[i] = (unsigned char)digits[i];
    put_padded(to, insert, wide, (size_t)length);
}

/* Digits, or '*' for the next argument. */
static const uint16_t *take_amount(const uint16_t *at, struct insert *insert, int *ret_amount)
{
    if (*at == '*') {
        *ret_amount = (int)*insert->at++;
        return at + 1;
    }
    int amount = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        amount = amount < 100000 ? amount * 10 + (*at - '0') : amount;
    *ret_amount = amount;
    return at;
}

/* What stands between the exclamation marks; false when it cannot be. */
static bool take_format(const uint16_t **where, struct insert *insert)
{
    const uint16_t *at = *where;
    for (;; at++) {
        if (*at == '-')
            insert->left = true;
        else if (*at == '0')
            insert->zero = true;
        else if (*at != '+' && *at != ' ' && *at != '#')
            break;
    }
    at = take_amount(at, insert, &insert->width);
    if (*at == '.')
        at = take_amount(at + 1, insert, &insert->precision);
    if (at[0] == 'I' && at[1] == '6' && at[2] == '4') {
        insert->length = 'I';
        at += 3;
    } else if (at[0] == 'l' && at[1] == 'l') {
        insert->length = 'I';
        at += 2;
    } else if (*at == 'h' || *at == 'l' || *at == 'w') {
        insert->length = (char)*at++;
    }
    insert->type = *at < 0x80 ? (char)*at : 0;
    if (!insert->type || !strchr("sSdiuxXocCp", insert->type) || at[1] != '!')
        return false;
    *where = at + 2;
    return true;
}

/* "%n" or "%n!format!", with `at` behind the number. */
static const uint16_t *put_insert(struct text *to, unsigned number, const uint16_t *at,
                                  const uint64_t *arguments, bool narrow)
{
    struct insert insert = {
        .at = arguments + number - 1, .narrow = narrow, .precision = -1, .type = 's'};
    if (*at == '!') {
        const uint16_t *format = at + 1;
        if (take_format(&format, &insert))
            at = format;
        else
            insert =
                (struct insert){.at = insert.at, .narrow = narrow, .precision = -1, .type = 's'};
    }
    uint64_t value = *insert.at;
    uint16_t unit = (uint16_t)value;
    switch (insert.type) {
    case 's':
    case 'S':
        put_string(to, &insert, value);
        break;
    case 'c':
    case 'C':
        put_padded(to, &insert, &unit, 1);
        break;
    default:
        put_number(to, &insert, value);
    }
    return at;
}

struct source {
    const uint16_t *text;
    const uint64_t *arguments; /* NULL: none were given */
    DWORD flags;
    bool narrow;
};

/* What '%' and the unit at `at` stand for; NULL ends the text. Inserts that are ignored stay as
 * they are written. */
static const uint16_t *put_escape(struct text *to, const struct source *source, const uint16_t *at,
                                  DWORD *ret_error)
{
    if (*at >= '1' && *at <= '9') {
        unsigned number = *at - '0';
        if (source->flags & IGNORE_INSERTS) {
            put(to, '%');
            put(to, *at);
            return at + 1;
        }
        at++;
        if (*at >= '0' && *at <= '9')
            number = number * 10 + (*at++ - '0');
        if (!source->arguments) {
            *ret_error = ERROR_INVALID_PARAMETER;
            return NULL;
        }
        return put_insert(to, number, at, source->arguments, source->narrow);
    }
    switch (*at) {
    case 0:
    case '0':
        return NULL; /* the end, with no line end after it */
    case 'n':
        put_line_end(to);
        break;
    case 'r':
        put(to, '\r');
        break;
    case 't':
        put(to, '\t');
        break;
    case 'b':
        put(to, ' ');
        break;
    default:
        put(to, *at);
    }
    return at + 1;
}

static DWORD format(struct text *to, const struct source *source)
{
    DWORD error = ERROR_SUCCESS;
    bool keep_lines = (source->flags & MAX_WIDTH_MASK) == 0;
    for (const uint16_t *at = source->text; at && *at;) {
        if (*at == '%') {
            at = put_escape(to, source, at + 1, &error);
        } else if (*at == '\r' || *at == '\n') {
            at += at[0] == '\r' && at[1] == '\n' ? 2 : 1;
            if (keep_lines)
                put_line_end(to);
            else
                put(to, ' ');
        } else {
            put(to, *at++);
        }
    }
    if (to->failed)
        return ERROR_NOT_ENOUGH_MEMORY;
    return error || to->length <= LONGEST ? error : ERROR_MORE_DATA;
}

#define FACILITY_WIN32 0x80070000u /* an HRESULT that carries a Win32 code */

static const char *system_text(DWORD flags, DWORD code)
{
    const char *text = NULL;
    if (flags & FROM_HMODULE)
        text = code & 0xC0000000u ? message_of_status((NTSTATUS)code) : NULL;
    if (!text)
        text = message_of_win32(code);
    if (!text && (code & 0xFFFF0000u) == FACILITY_WIN32)
        text = message_of_win32(code & 0xFFFF);
    return text;
}

/* The whole message (free() its units); 0 or the error. */
static DWORD message(DWORD flags, LPCVOID from, DWORD id, const uint64_t *arguments, bool narrow,
                     struct text *ret_text)
{
    struct source source = {.arguments = arguments, .flags = flags, .narrow = narrow};
    uint16_t *copy = NULL;
    if (flags & FROM_STRING) {
        if (!from)
            return ERROR_INVALID_PARAMETER;
        source.text = narrow ? (copy = wide_from_utf8(from)) : from;
        if (!source.text)
            return ERROR_NOT_ENOUGH_MEMORY;
    } else {
        const char *text = flags & FROM_SYSTEM ? system_text(flags, id) : NULL;
        if (!(flags & (FROM_SYSTEM | FROM_HMODULE)))
            return ERROR_INVALID_PARAMETER;
        if (!text)
            return flags & FROM_SYSTEM ? ERROR_MR_MID_NOT_FOUND : ERROR_RESOURCE_TYPE_NOT_FOUND;
        char line[160];
        snprintf(line, sizeof line, "%s\n", text);
        source.text = copy = wide_from_utf8(line);
        if (!copy)
            return ERROR_NOT_ENOUGH_MEMORY;
    }
    DWORD error = format(ret_text, &source);
    free(copy);
    if (!error && !ret_text->length)
        error = ERROR_NO_WORK_DONE;
    return error;
}

/* A va_list of the Windows convention is a pointer to 8-byte slots, as an argument array is. */
static const uint64_t *slots(DWORD flags, PVOID arguments)
{
    if (!arguments || flags & IGNORE_INSERTS)
        return NULL;
    return flags & ARGUMENT_ARRAY ? arguments : *(uint64_t **)arguments;
}

static DWORD answer(DWORD error, DWORD length)
{
    if (!error)
        return length;
    last_error_set(error);
    return 0;
}

/* `size` units of `unit` bytes, from `units`, to where the caller wants them. */
static DWORD deliver(DWORD flags, const void *units, size_t length, size_t unit, PVOID buffer,
                     DWORD room)
{
    void *to = buffer;
    if (flags & ALLOCATE_BUFFER) {
        size_t count = length + 1 > room ? length + 1 : room;
        to = local_memory(count * unit);
        if (!to)
            return ERROR_NOT_ENOUGH_MEMORY;
        *(void **)buffer = to;
    } else if (length >= room) {
        return ERROR_INSUFFICIENT_BUFFER;
    }
    memcpy(to, units, length * unit);
    memset((char *)to + length * unit, 0, unit);
    return ERROR_SUCCESS;
}

DWORD k32_FormatMessageW(DWORD dwFlags, LPCVOID lpSource, DWORD dwMessageId, DWORD dwLanguageId,
                         LPWSTR lpBuffer, DWORD nSize, PVOID Arguments)
{
    struct text text = {0};
    if (!lpBuffer)
        return answer(ERROR_INVALID_PARAMETER, 0);
    if (dwFlags & ALLOCATE_BUFFER)
        *(void **)lpBuffer = NULL;
    DWORD error = message(dwFlags, lpSource, dwMessageId, slots(dwFlags, Arguments), false, &text);
    if (!error)
        error = deliver(dwFlags, text.units, text.length, sizeof *text.units, lpBuffer, nSize);
    free(text.units);
    return answer(error, (DWORD)text.length);
}

DWORD k32_FormatMessageA(DWORD dwFlags, LPCVOID lpSource, DWORD dwMessageId, DWORD dwLanguageId,
                         LPSTR lpBuffer, DWORD nSize, PVOID Arguments)
{
    struct text text = {0};
    size_t size = 0;
    if (!lpBuffer)
        return answer(ERROR_INVALID_PARAMETER, 0);
    if (dwFlags & ALLOCATE_BUFFER)
        *(void **)lpBuffer = NULL;
    DWORD error = message(dwFlags, lpSource, dwMessageId, slots(dwFlags, Arguments), true, &text);
    char *bytes = error ? NULL : malloc(text.length * 3);
    if (!error && !bytes)
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (!error) {
        size = utf16_to_utf8(text.units, text.length, bytes, text.length * 3, NULL);
        error = deliver(dwFlags, bytes, size, 1, lpBuffer, nSize);
    }
    free(bytes);
    free(text.units);
    return answer(error, (DWORD)size);
}
