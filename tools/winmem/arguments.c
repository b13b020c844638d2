/* Text to arguments: numbers, constants, strings, buffers, results of earlier calls. */
#include "tools/winmem/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <winmem/windef.h>
#include "constant_table.h"
#include "memoryapi/base.h"

static const struct {
    const char *name;
    uint64_t value;
} constants[] = {
#define X(name) {#name, name},
    CONSTANT_TABLE
#undef X
};

static bool read_constant(const char *text, size_t length, uint64_t *ret_value)
{
    for (size_t i = 0; i < array_length(constants); i++)
        if (strncmp(constants[i].name, text, length) == 0 && !constants[i].name[length]) {
            *ret_value = constants[i].value;
            return true;
        }
    return false;
}

/* $CALL or $CALL.ARGUMENT, both from 1. */
static bool read_earlier(const struct call *calls, unsigned number, const char *text,
                         const char **ret_end, uint64_t *ret_value)
{
    char *end;
    unsigned long call = strtoul(text, &end, 10);
    if (end == text || call < 1 || call > number)
        return false;
    *ret_value = calls[call - 1].result;
    if (*end == '.') {
        unsigned long place = strtoul(end + 1, &end, 10);
        if (place < 1 || place > calls[call - 1].count)
            return false;
        const struct argument *argument = &calls[call - 1].arguments[place - 1];
        if (!argument->is_buffer)
            return false;
        *ret_value = 0;
        memcpy(ret_value, argument->memory, argument->size < 8 ? argument->size : 8);
    }
    *ret_end = end;
    return true;
}

/* Terms joined by '+' or '|', up to the end or a comma. */
static bool read_sum(const struct call *calls, unsigned number, const char *text,
                     const char **ret_end, uint64_t *ret_value)
{
    uint64_t sum = 0;
    for (;;) {
        size_t length = strcspn(text, "+|,");
        const char *end = text + length;
        uint64_t term;
        char *stop;
        if (length == 0)
            return false;
        if (*text == '$') {
            if (!read_earlier(calls, number, text + 1, (const char **)&stop, &term) || stop != end)
                return false;
        } else if (!read_constant(text, length, &term)) {
            errno = 0;
            term = *text == '-' ? (uint64_t)strtoll(text, &stop, 0) : strtoull(text, &stop, 0);
            if (stop != end || errno == ERANGE)
                return false;
        }
        sum += term;
        if (!*end || *end == ',') {
            *ret_end = end;
            *ret_value = sum;
            return true;
        }
        text = end + 1;
    }
}

static bool read_number(const struct call *calls, unsigned number, const char *text,
                        uint64_t *ret_value)
{
    const char *end;
    return read_sum(calls, number, text, &end, ret_value) && !*end;
}

/* NUMBER,NUMBER... of 8 bytes each, the last of which may be cut. */
static bool fill(const struct call *calls, unsigned number, const char *text, unsigned char *memory,
                 size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t value;
        if (!read_sum(calls, number, text, &text, &value))
            return false;
        memcpy(memory + at, &value, size - at < 8 ? size - at : 8);
        if (!*text++)
            return true;
    }
    return false;
}

/* &, &SIZE, &SIZE=NUMBER,... */
static bool read_buffer(const struct call *calls, unsigned number, const char *text,
                        struct argument *argument)
{
    char *end = (char *)text;
    size_t size = *text && *text != '=' ? strtoul(text, &end, 0) : 8;
    if ((*end && *end != '=') || size == 0 || size > 1u << 30)
        return false;
    argument->memory = calloc(1, size);
    if (!argument->memory || (*end && !fill(calls, number, end + 1, argument->memory, size)))
        return false;
    argument->size = size;
    argument->is_buffer = true;
    argument->value = (uint64_t)argument->memory;
    return true;
}

/* One code point of UTF-8; a byte that starts none stands for itself. */
static uint32_t next_point(const unsigned char **at)
{
    const unsigned char *p = *at;
    unsigned more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC0 ? 1 : 0;
    uint32_t point = more ? *p & (0x3Fu >> more) : *p;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            *at = p + 1;
            return *p;
        }
        point = point << 6 | (p[i] & 0x3F);
    }
    *at = p + 1 + more;
    return point;
}

static bool read_string(char kind, const char *text, struct argument *argument)
{
    bool wide = kind == 'u' || kind == 'U';
    size_t length = strlen(text);
    uint16_t *units = calloc(length + 1, wide ? 2 : 1);
    if (!units)
        return false;
    if (wide) {
        uint16_t *to = units;
        for (const unsigned char *from = (const unsigned char *)text; *from;) {
            uint32_t point = next_point(&from);
            if (point >= 0x10000)
                *to++ = (uint16_t)(0xD7C0 + (point >> 10));
            *to++ = (uint16_t)(point >= 0x10000 ? 0xDC00 + (point & 0x3FF) : point);
        }
    } else {
        memcpy(units, text, length);
    }
    argument->memory = units;
    argument->value = (uint64_t)units;
    return true;
}

bool argument_read(const struct call *calls, unsigned number, char kind, const char *text,
                   struct argument *ret_argument)
{
    if (*text == '&')
        return read_buffer(calls, number, text + 1, ret_argument);
    if (strncmp(text, "s:", 2) == 0)
        return read_string(kind, text + 2, ret_argument);
    if (read_number(calls, number, text, &ret_argument->value))
        return true;
    return strchr("auAU", kind) && read_string(kind, text, ret_argument);
}
