/* Listings of directories, and the patterns that choose from them. */
#include "kernel32/process/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "memoryapi/base.h"

#define PATTERN_MAXIMUM 260u

struct item {
    size_t length;
    const char *host; /* behind the name */
    WCHAR name[];
};

struct directory {
    int fd; /* the caller's */
    size_t count, room, next;
    struct item **items;
};

/* Without the character a state waits for: the places in the pattern that are reached by matching
 * nothing. `c` is what comes next, 0 at the end. */
static void reach(bool *states, const WCHAR *pattern, size_t length, WCHAR c)
{
    for (size_t i = 0; i < length; i++) {
        if (!states[i])
            continue;
        WCHAR p = pattern[i];
        if (p == '*' || p == '<' || (p == '>' && (c == '.' || c == 0)) || (p == '"' && c == 0))
            states[i + 1] = true;
    }
}

static void step(const bool *from, bool *to, const WCHAR *pattern, size_t length, WCHAR c,
                 bool final_dot)
{
    memset(to, 0, length + 1);
    for (size_t i = 0; i < length; i++) {
        if (!from[i])
            continue;
        WCHAR p = pattern[i];
        if (p == '*' || (p == '<' && !final_dot))
            to[i] = true;
        else if (p == '?' || (p == '<' && final_dot) || (p == '>' && c != '.') ||
                 (p == '"' && c == '.') || path_upcase(p) == path_upcase(c))
            to[i + 1] = true;
    }
}

bool directory_matches(const WCHAR *pattern, size_t pattern_length, const WCHAR *name,
                       size_t length)
{
    bool a[PATTERN_MAXIMUM + 1], b[PATTERN_MAXIMUM + 1], *now = a, *then = b;
    if (pattern_length > PATTERN_MAXIMUM)
        return false;
    size_t last_dot = length;
    for (size_t i = 0; i < length; i++)
        if (name[i] == '.')
            last_dot = i;
    memset(now, 0, pattern_length + 1);
    now[0] = true;
    for (size_t i = 0; i < length; i++) {
        reach(now, pattern, pattern_length, name[i]);
        step(now, then, pattern, pattern_length, name[i], i == last_dot);
        bool *swap = now;
        now = then;
        then = swap;
    }
    reach(now, pattern, pattern_length, 0);
    return now[pattern_length];
}

/* The order of NTFS: by name, without case. */
static int compare(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    return wide_compare_caseless(x->name, x->length, y->name, y->length);
}

static bool add(struct directory *directory, const char *host, const WCHAR *pattern,
                size_t pattern_length)
{
    size_t size = strlen(host);
    bool dots = strcmp(host, ".") == 0 || strcmp(host, "..") == 0;
    struct item *item = malloc(sizeof *item + (size + 1) * sizeof(WCHAR) + size + 1);
    if (!item)
        return false;
    if (dots) {
        for (item->length = 0; item->length < size; item->length++)
            item->name[item->length] = '.';
    } else {
        item->length = path_name_from_host(host, size, item->name);
    }
    if (pattern && !directory_matches(pattern, pattern_length, item->name, item->length)) {
        free(item);
        return true;
    }
    item->host = memcpy((char *)(item->name + size + 1), host, size + 1);
    if (directory->count == directory->room) {
        size_t room = directory->room ? directory->room * 2 : 32;
        struct item **items = realloc(directory->items, room * sizeof *items);
        if (!items) {
            free(item);
            return false;
        }
        directory->items = items;
        directory->room = room;
    }
    directory->items[directory->count++] = item;
    return true;
}

static NTSTATUS fill(struct directory *directory, DIR *stream, const WCHAR *pattern, size_t length,
                     bool dots)
{
    struct dirent *entry;
    if (dots && (!add(directory, ".", pattern, length) || !add(directory, "..", pattern, length)))
        return STATUS_NO_MEMORY;
    size_t first = directory->count;
    for (errno = 0; (entry = readdir(stream)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!add(directory, entry->d_name, pattern, length))
            return STATUS_NO_MEMORY;
    }
    if (errno)
        return errno_to_status(errno);
    if (directory->count > first + 1)
        qsort(directory->items + first, directory->count - first, sizeof *directory->items,
              compare);
    return STATUS_SUCCESS;
}

NTSTATUS directory_open(int fd, const WCHAR *pattern, size_t length, bool dots,
                        struct directory **ret_directory)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own >= 0 ? fdopendir(own) : NULL;
    if (!stream) {
        int error = errno;
        if (own >= 0)
            close(own);
        return error == ENOTDIR ? STATUS_INVALID_PARAMETER : errno_to_status(error);
    }
    struct directory *directory = calloc(1, sizeof *directory);
    NTSTATUS status = STATUS_NO_MEMORY;
    if (directory) {
        directory->fd = fd;
        status = fill(directory, stream, pattern, length, dots);
    }
    closedir(stream);
    if (status == STATUS_SUCCESS)
        *ret_directory = directory;
    else
        directory_close(directory);
    return status;
}

void directory_close(struct directory *directory)
{
    if (!directory)
        return;
    for (size_t i = 0; i < directory->count; i++)
        free(directory->items[i]);
    free(directory->items);
    free(directory);
}

NTSTATUS directory_peek(struct directory *directory, struct directory_entry *ret_entry)
{
    for (; directory->next < directory->count; directory->next++) {
        const struct item *item = directory->items[directory->next];
        struct directory_entry entry = {
            .name = item->name, .length = item->length, .host_name = item->host};
        if (file_facts(directory->fd, item->host, false, &entry.facts) != STATUS_SUCCESS)
            continue;
        *ret_entry = entry;
        return STATUS_SUCCESS;
    }
    return STATUS_NO_MORE_FILES;
}

void directory_advance(struct directory *directory)
{
    directory->next++;
}
