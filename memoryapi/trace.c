/* Decoded calls on stderr: what to watch, and how a call is written down from the generated table.
 */
#include "memoryapi/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <winmem/windef.h>
#include "memoryapi/base.h"
#include "memoryapi/exports.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"
#include "status_table.h"

/* Constant after trace_start(). */
static uint8_t *watched; /* by function */
static int trace_fd = STDERR_FILENO;

static const struct {
    uint32_t code;
    const char *name;
} status_names[] =
    {
#define X(name, win32) {(uint32_t)name, #name},
        STATUS_TABLE
#undef X
},
  error_names[] = {
#define X(name) {name, #name},
      WIN32_ERROR_TABLE
#undef X
};

const char *trace_status_name(uint32_t status)
{
    for (size_t i = 0; i < array_length(status_names); i++)
        if (status_names[i].code == status)
            return status_names[i].name;
    return NULL;
}

const char *trace_error_name(uint32_t code)
{
    for (size_t i = 0; i < array_length(error_names); i++)
        if (error_names[i].code == code)
            return error_names[i].name;
    return NULL;
}

/* Text that grows to the right and forgets what does not fit. */
struct line {
    char *text;
    size_t length, room; /* room leaves space for the end mark */
    bool cut;
};

static void put_char(struct line *line, char c)
{
    if (line->length < line->room)
        line->text[line->length++] = c;
    else
        line->cut = true;
}

static void put(struct line *line, const char *text)
{
    while (*text)
        put_char(line, *text++);
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        put_char(line, digits[--count]);
}

static void put_hex(struct line *line, uint64_t value)
{
    put(line, "0x");
    put_number(line, value, 16);
}

static void put_signed(struct line *line, int64_t value)
{
    if (value < 0)
        put_char(line, '-');
    put_number(line, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

/* The caller's text, at most 40 characters of it. Unreadable memory ends it, as it would end the
 * program's reading. */
static void put_string(struct line *line, uint64_t address, unsigned unit)
{
    put(line, unit == 2 ? "L\"" : "\"");
    for (unsigned i = 0; i < 40; i++) {
        uint16_t c = 0;
        if (!guarded_read((const void *)(address + i * unit), &c, unit)) {
            put(line, "\"?");
            return;
        }
        if (!c) {
            put_char(line, '"');
            return;
        }
        if (c == '"' || c == '\\')
            put_char(line, '\\');
        if (c >= ' ' && c < 127) {
            put_char(line, (char)c);
        } else {
            put(line, "\\x");
            put_number(line, c, 16);
        }
    }
    put(line, "\"...");
}

/* A single value of the list, else the bits it has, else the number. */
static void put_flags(struct line *line, const struct export_flag *flags, uint64_t value)
{
    bool first = true;
    for (const struct export_flag *flag = flags; flag->name; flag++)
        if (flag->value == value) {
            put(line, flag->name);
            return;
        }
    for (const struct export_flag *flag = flags; flag->name; flag++) {
        if (!flag->value || (value & flag->value) != flag->value)
            continue;
        put(line, first ? "" : "|");
        put(line, flag->name);
        value &= ~flag->value;
        first = false;
    }
    if (value || first) {
        put(line, first ? "" : "|");
        put_hex(line, value);
    }
}

static uint64_t cut_to(char kind, uint64_t value)
{
    switch (kind) {
    case 'b':
        return (uint8_t)value;
    case 'B':
        return (uint64_t)(int8_t)value;
    case 'w':
        return (uint16_t)value;
    case 'W':
        return (uint64_t)(int16_t)value;
    case 'd':
        return (uint32_t)value;
    case 'D':
        return (uint64_t)(int32_t)value;
    default:
        return value;
    }
}

static void put_pointed(struct line *line, uint64_t address, unsigned size)
{
    uint64_t value = 0;
    put_hex(line, address);
    if (guarded_read((const void *)address, &value, size)) {
        put(line, "->");
        put_hex(line, value);
    }
}

static void put_value(struct line *line, char kind, uint64_t value)
{
    value = cut_to(kind, value);
    switch (kind) {
    case 'B':
    case 'W':
    case 'D':
    case 'Q':
        put_signed(line, (int64_t)value);
        return;
    case 'b':
    case 'w':
    case 'd':
    case 'q':
    case 'f':
        if (value < 0x100000) {
            put_number(line, value, 10);
            return;
        }
        put_hex(line, value);
        return;
    default:
        break;
    }
    if (!value)
        put(line, "NULL");
    else if (kind == 'a' || kind == 'u')
        put_string(line, value, kind == 'u' ? 2 : 1);
    else if (kind == '4' || kind == '8')
        put_pointed(line, value, kind == '4' ? 4 : 8);
    else
        put_hex(line, value);
}

static void put_code(struct line *line, uint32_t code)
{
    const char *name = trace_error_name(code);
    put(line, " (");
    put(line, name ? name : "");
    put(line, name ? " " : "");
    put_number(line, code, 10);
    put_char(line, ')');
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words;
}

/* Whether the last error tells why this call failed. */
static bool failed_with_last_error(const struct export_entry *entry, uint64_t result)
{
    result = entry->kinds[0] == 'd' || entry->kinds[0] == 'D' ? (uint64_t)(int32_t)result : result;
    if (is_one_of(entry->fails, (const char *const[]){"invalid", "minus1", NULL}))
        return result == UINT64_MAX;
    if (strcmp(entry->fails, "argument") == 0) /* success is NULL */
        return result != 0;
    if (strcmp(entry->fails, "badmem") == 0)
        return result == 0x8000;
    return is_one_of(entry->fails, (const char *const[]){"false", "null", "zero", NULL}) &&
           cut_to(entry->kinds[0], result) == 0;
}

static void put_result(struct line *line, const struct export_entry *entry, uint64_t result)
{
    bool status = strcmp(entry->fails, "status") == 0;
    if (entry->kinds[0] == 'v')
        return;
    put(line, " = ");
    if (status || strcmp(entry->fails, "hresult") == 0)
        put_hex(line, (uint32_t)result);
    else
        put_value(line, entry->kinds[0], result);
    if (status && trace_status_name((uint32_t)result))
        put_char(line, ' '), put(line, trace_status_name((uint32_t)result));
    else if (strcmp(entry->fails, "code") == 0 && result)
        put_code(line, (uint32_t)result);
    else if (failed_with_last_error(entry, result))
        put_code(line, winmem_get_last_error());
}

size_t trace_format(char *text, size_t room, unsigned index, const uint64_t *arguments,
                    const uint64_t *result)
{
    const struct export_entry *entry = &winmem_exports[index];
    struct line line = {.text = text, .room = room - 4};
    put(&line, entry->name);
    put_char(&line, '(');
    for (unsigned i = 0; i < entry->param_count; i++) {
        const char *name = strrchr(entry->params[i], ' ') + 1;
        put(&line, i ? ", " : "");
        put(&line, name);
        put_char(&line, '=');
        if (entry->flags && entry->flags[i])
            put_flags(&line, entry->flags[i], cut_to(entry->kinds[i + 1], arguments[i + 1]));
        else
            put_value(&line, entry->kinds[i + 1], arguments[i + 1]);
    }
    put_char(&line, ')');
    if (result)
        put_result(&line, entry, *result);
    if (line.cut) {
        memcpy(text + line.length, "...", 3);
        line.length += 3;
    }
    text[line.length] = 0;
    return line.length;
}

void trace_call(unsigned index, const uint64_t *arguments, const uint64_t *result)
{
    char text[768];
    struct line line = {.text = text, .room = 40};
    int kept = errno;
    if (!watched[index])
        return;
    put(&line, "winmem: ");
    put_number(&line, (uint64_t)gettid(), 10);
    put_char(&line, ' ');
    size_t length = line.length + trace_format(text + line.length, sizeof text - line.length - 1,
                                               index, arguments, result);
    text[length++] = '\n';
    /* a line that cannot be written is lost; the program goes on as if nobody watched */
    ssize_t written = write(trace_fd, text, length);
    (void)written;
    errno = kept;
}

/* Marks what one word means; false when it means nothing. */
static bool select_word(const char *word, size_t length)
{
    bool value = *word != '-', known = false;
    if (!value)
        word++, length--;
    bool all = (length == 1 && *word == '1') || (length == 3 && memcmp(word, "all", 3) == 0);
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (all || (strncmp(entry->family, word, length) == 0 && !entry->family[length]) ||
            (strncmp(entry->name, word, length) == 0 && !entry->name[length])) {
            watched[i] = value;
            known = true;
        }
    }
    return known;
}

bool trace_start(const char *selection, const char *path)
{
    if (!watched)
        watched = calloc(winmem_export_count + 1, 1);
    /* a descriptor of our own, high up: programs close and replace theirs */
    int own = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : STDERR_FILENO;
    int high = own >= 0 ? fcntl(own, F_DUPFD_CLOEXEC, 700) : -1;
    if (!watched || own < 0) {
        dprintf(STDERR_FILENO, "winmem: cannot trace%s%s: %s\n", path ? " to " : "",
                path ? path : "", strerror(errno));
        return false;
    }
    if (path && high >= 0)
        close(own);
    trace_fd = high >= 0 ? high : own;
    for (const char *word = selection; *word;) {
        size_t length = strcspn(word, ",");
        if (length && !select_word(word, length))
            dprintf(STDERR_FILENO, "winmem: trace: '%.*s' is no family and no function\n",
                    (int)length, word);
        word += length + (word[length] == ',');
    }
    gate_tracing = true;
    return true;
}

__attribute__((constructor)) static void trace_from_environment(void)
{
    const char *selection = getenv("WINMEM_TRACE"), *path = getenv("WINMEM_TRACE_FILE");
    if (selection && *selection && strcmp(selection, "0") != 0)
        trace_start(selection, path && *path ? path : NULL);
}
