/* Small text files of the kernel, a line at a time. */
#include "memoryapi/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *text_root = "";

int text_open_file(const char *path, int flags)
{
    char whole[TEXT_PATH];
    int length =
        snprintf(whole, sizeof whole, "%s%s", __atomic_load_n(&text_root, __ATOMIC_RELAXED), path);
    if (length < 0 || (size_t)length >= sizeof whole)
        return -ENAMETOOLONG;
    int file = open(whole, flags | O_CLOEXEC);
    return file < 0 ? -errno : file;
}

int text_open(struct text_file *text, const char *path)
{
    int file = text_open_file(path, O_RDONLY);
    if (file < 0)
        return file;
    text->file = file;
    text->at = text->end = 0;
    text->cut = false;
    return 0;
}

/* Moves what is left to the front and reads behind it; false when nothing came. */
static bool fill(struct text_file *text)
{
    ssize_t got;
    memmove(text->bytes, text->bytes + text->at, text->end - text->at);
    text->end -= text->at;
    text->at = 0;
    do
        got = read(text->file, text->bytes + text->end, sizeof text->bytes - 1 - text->end);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    text->end += (unsigned)got;
    return true;
}

char *text_line(struct text_file *text)
{
    for (;;) {
        char *line = text->bytes + text->at;
        char *newline = memchr(line, '\n', text->end - text->at);
        bool tail = text->cut;
        if (newline) {
            *newline = '\0';
            text->at = (unsigned)(newline + 1 - text->bytes);
            text->cut = false;
        } else if (text->end - text->at == sizeof text->bytes - 1) {
            text->bytes[text->end] = '\0';
            text->at = text->end;
            text->cut = true;
        } else if (fill(text)) {
            continue;
        } else if (text->at < text->end) { /* a last line without a newline; fill moved it */
            line = text->bytes;
            text->bytes[text->end] = '\0';
            text->at = text->end;
        } else {
            return NULL;
        }
        if (!tail)
            return line;
    }
}

void text_close(struct text_file *text)
{
    close(text->file);
}

bool text_number_in(const char *text, uint64_t *ret_number)
{
    if (strncmp(text, "max", 3) == 0) {
        *ret_number = UINT64_MAX;
        return true;
    }
    if (*text < '0' || *text > '9')
        return false;
    *ret_number = strtoull(text, NULL, 10);
    return true;
}

bool text_number(const char *path, uint64_t *ret_number)
{
    char bytes[32];
    int file = text_open_file(path, O_RDONLY);
    if (file < 0)
        return false;
    ssize_t got = read(file, bytes, sizeof bytes - 1);
    close(file);
    if (got <= 0)
        return false;
    bytes[got] = '\0';
    return text_number_in(bytes, ret_number);
}

/* One line; the number of keys it has. */
static int match(const char *line, const struct text_key *keys, unsigned count)
{
    size_t length = strcspn(line, " \t\n");
    int found = 0;
    for (unsigned i = 0; i < count; i++) {
        if (keys[i].name[0] != *line || strncmp(keys[i].name, line, length) != 0 ||
            keys[i].name[length])
            continue;
        *keys[i].ret_value = strtoull(line + length, NULL, 10);
        found++;
    }
    return found;
}

int text_numbers(const char *text, const struct text_key *keys, unsigned count)
{
    int found = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'))
        found += match(line += *line == '\n', keys, count);
    return found;
}
