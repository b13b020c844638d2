/* From a Windows path to the path of the host, and the search that ignores case. */
#include "kernel32/process/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/process/path_cache.h"
#include "memoryapi/base.h"

void path_free(struct path *path)
{
    free(path->host);
    path->host = NULL;
}

static bool begins(const WCHAR *text, size_t length, const char *word)
{
    size_t i = 0;
    for (; word[i]; i++)
        if (i >= length || path_upcase(text[i]) != path_upcase((WCHAR)(unsigned char)word[i]))
            return false;
    return true;
}

static bool is_name(const WCHAR *text, size_t length, const char *word)
{
    return length == strlen(word) && begins(text, length, word);
}

/* "name::$DATA" is the data of "name"; there are no other streams. */
static size_t without_stream(const WCHAR *name, size_t length)
{
    static const char stream[] = "::$DATA";
    size_t size = sizeof stream - 1;
    return length > size && begins(name + length - size, size, stream) ? length - size : length;
}

NTSTATUS path_resolve_below(const char *directory, const WCHAR *name, size_t length,
                            struct path *ret)
{
    size_t base = strlen(directory);
    if (base == 1)
        base = 0;
    char *host = malloc(base + 3 * length + 2);
    if (!host)
        return STATUS_NO_MEMORY;
    memcpy(host, directory, base);
    char *at = host + base;
    length = without_stream(name, length);
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && name[end] != '\\')
            end++;
        if (end > i) {
            *at++ = '/';
            at = path_name_to_host(name + i, end - i, at);
        }
        if (!at) {
            free(host);
            return STATUS_OBJECT_NAME_INVALID;
        }
        i = end + 1;
    }
    if (at == host)
        *at++ = '/';
    *at = 0;
    ret->kind = PATH_FILE;
    ret->host = host;
    ret->directory = length > 0 && name[length - 1] == '\\';
    return STATUS_SUCCESS;
}

static NTSTATUS resolve_drive(WCHAR letter, const WCHAR *rest, size_t length, struct path *ret)
{
    const char *base = path_drive_host(letter);
    if (!base)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    NTSTATUS status = path_resolve_below(base, rest, length, ret);
    if (status == STATUS_SUCCESS && length == 0)
        ret->kind = PATH_VOLUME;
    return status;
}

static int hex_digit(WCHAR c)
{
    c = path_upcase(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The names volume.c gives: the last byte of the GUID is the letter. */
static NTSTATUS resolve_volume(const WCHAR *name, size_t length, struct path *ret)
{
    static const char begin[] = "Volume{77696e6d-656d-4000-8000-0000000000";
    size_t size = sizeof begin - 1;
    if (!begins(name, length, begin) || length < size + 3 || name[size + 2] != '}' ||
        hex_digit(name[size]) < 0 || hex_digit(name[size + 1]) < 0)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    WCHAR letter = (WCHAR)(hex_digit(name[size]) * 16 + hex_digit(name[size + 1]));
    return resolve_drive(letter, name + size + 3, length - size - 3, ret);
}

/* What stands below \??\ */
static NTSTATUS resolve_dos(const WCHAR *name, size_t length, struct path *ret)
{
    static const struct {
        const char *name;
        enum path_kind kind;
    } devices[] = {{"NUL", PATH_NULL},
                   {"CON", PATH_CONSOLE},
                   {"CONIN$", PATH_CONSOLE_INPUT},
                   {"CONOUT$", PATH_CONSOLE_OUTPUT}};
    if (length >= 2 && name[1] == ':' && (length == 2 || name[2] == '\\'))
        return resolve_drive(name[0], name + 2, length - 2, ret);
    for (unsigned i = 0; i < array_length(devices); i++)
        if (is_name(name, length, devices[i].name)) {
            ret->kind = devices[i].kind;
            return STATUS_SUCCESS;
        }
    if (begins(name, length, "UNC\\"))
        return STATUS_BAD_NETWORK_PATH;
    if (begins(name, length, "PIPE\\")) {
        ret->kind = PATH_PIPE;
        return STATUS_SUCCESS;
    }
    if (begins(name, length, "GLOBALROOT\\"))
        return path_resolve_nt(name + 10, length - 10, ret);
    if (begins(name, length, "Volume{"))
        return resolve_volume(name, length, ret);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

/* \Device\HarddiskVolume<n>: n is 1 for A:, 26 for Z:, as QueryDosDevice says. */
static NTSTATUS resolve_device(const WCHAR *name, size_t length, struct path *ret)
{
    static const char disk[] = "HarddiskVolume";
    size_t at = sizeof disk - 1;
    ret->kind = PATH_NULL;
    if (is_name(name, length, "Null"))
        return STATUS_SUCCESS;
    if (begins(name, length, "NamedPipe\\")) {
        ret->kind = PATH_PIPE;
        return STATUS_SUCCESS;
    }
    unsigned number = 0;
    if (!begins(name, length, disk))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    for (; at < length && name[at] >= '0' && name[at] <= '9' && number < 100; at++)
        number = number * 10 + (name[at] - '0');
    if (number < 1 || number > 26 || (at < length && name[at] != '\\'))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    return resolve_drive((WCHAR)('A' + number - 1), name + at, length - at, ret);
}

NTSTATUS path_resolve_nt(const WCHAR *name, size_t length, struct path *ret)
{
    static const char *const links[] = {"\\??\\", "\\DosDevices\\", "\\GLOBAL??\\"};
    memset(ret, 0, sizeof *ret);
    if (length == 0 || name[0] != '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    for (unsigned i = 0; i < array_length(links); i++) {
        size_t size = strlen(links[i]);
        if (begins(name, length, links[i]))
            return resolve_dos(name + size, length - size, ret);
    }
    if (begins(name, length, "\\Device\\"))
        return resolve_device(name + 8, length - 8, ret);
    return STATUS_OBJECT_PATH_NOT_FOUND;
}

NTSTATUS path_resolve(const WCHAR *path, size_t length, struct path *ret)
{
    NTSTATUS status;
    memset(ret, 0, sizeof *ret);
    path_init();
    if (length > PATH_LENGTH_MAXIMUM)
        return STATUS_NAME_TOO_LONG;
    if (begins(path, length, "\\\\?\\") || begins(path, length, "\\??\\"))
        return resolve_dos(path + 4, length - 4, ret);
    if (length == 0)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    size_t full_length;
    WCHAR *full = path_full(path, length, &full_length, &status);
    if (!full)
        return status;
    if (full[0] != '\\')
        status = resolve_dos(full, full_length, ret);
    else if (begins(full, full_length, "\\\\.\\") || begins(full, full_length, "\\\\?\\"))
        status = resolve_dos(full + 4, full_length - 4, ret);
    else
        status = STATUS_BAD_NETWORK_PATH;
    free(full);
    return status;
}

char *path_to_host(const WCHAR *path, size_t length, NTSTATUS *ret_status)
{
    struct path resolved;
    *ret_status = path_resolve(path, length, &resolved);
    if (*ret_status == STATUS_SUCCESS && resolved.kind == PATH_FILE)
        return resolved.host;
    if (*ret_status == STATUS_SUCCESS)
        *ret_status = STATUS_OBJECT_NAME_INVALID;
    path_free(&resolved);
    return NULL;
}

/* A name in `directory` that is `name` but for case; malloc'd. NULL: none, or no memory. */
static char *search(const char *directory, const char *name)
{
    WCHAR *wanted = malloc((strlen(name) + 256) * sizeof *wanted);
    if (!wanted)
        return NULL;
    size_t length = path_name_from_host(name, strlen(name), wanted);
    DIR *stream = path_cache_lacks(directory, wanted, length) ? NULL : opendir(directory);
    char *found = NULL;
    if (stream) {
        WCHAR *other = wanted + strlen(name); /* names of the host have up to 255 bytes */
        struct dirent *entry;
        while (!found && (entry = readdir(stream))) {
            size_t other_length = path_name_from_host(entry->d_name, strlen(entry->d_name), other);
            if (path_same_name(wanted, length, other, other_length))
                found = strdup(entry->d_name);
        }
        closedir(stream);
    }
    free(wanted);
    return found;
}

/* Replaces the name at [from, end) of *path. */
static bool replace_name(char **path, size_t from, size_t end, const char *name)
{
    size_t length = strlen(name), tail = strlen(*path + end) + 1;
    char *longer = malloc(from + length + tail);
    if (!longer)
        return false;
    memcpy(longer, *path, from);
    memcpy(longer + from, name, length);
    memcpy(longer + from + length, *path + end, tail);
    free(*path);
    *path = longer;
    return true;
}

/* The end of the longest part of `path` that is there as it is written. */
static size_t existing_part(char *path)
{
    size_t end = strlen(path);
    struct stat stat;
    for (;;) {
        while (end > 1 && path[end - 1] != '/')
            end--;
        if (end <= 1)
            return 0;
        end--;
        path[end] = 0;
        bool exists = lstat(path, &stat) == 0;
        path[end] = '/';
        if (exists)
            return end;
    }
}

NTSTATUS path_match(char **path)
{
    struct stat stat_buffer;
    if (lstat(*path, &stat_buffer) == 0) /* a link that leads nowhere */
        return STATUS_OBJECT_NAME_NOT_FOUND;
    size_t end = existing_part(*path);
    for (;;) {
        size_t from = end + 1;
        size_t next = from + strcspn(*path + from, "/");
        bool last = (*path)[next] == 0;
        char *name = strndup(*path + from, next - from);
        if (!name)
            return STATUS_NO_MEMORY;
        (*path)[end] = 0;
        char *found = search(end ? *path : "/", name);
        (*path)[end] = '/';
        free(name);
        if (!found)
            return last ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_OBJECT_PATH_NOT_FOUND;
        bool replaced = replace_name(path, from, next, found);
        end = from + strlen(found);
        free(found);
        if (!replaced)
            return STATUS_NO_MEMORY;
        if (last)
            return STATUS_SUCCESS;
    }
}
