/* The file of a program to start: an application name, or the beginning of a command line. */
#include "kernel32/process/program_name.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel32/face.h"
#include "kernel32/process/path.h"

#define NAME_MAXIMUM 260u /* MAX_PATH: the longest name in a command line */

static const WCHAR exe[] = {'.', 'e', 'x', 'e', 0};

static NTSTATUS real_path(const char *path, char **ret_host)
{
    char *real = malloc(PATH_MAX);
    if (real && realpath(path, real)) {
        *ret_host = real;
        return STATUS_SUCCESS;
    }
    NTSTATUS status = real ? errno_to_status(errno) : STATUS_NO_MEMORY;
    free(real);
    return status;
}

/* A file with exactly this name, but for case. */
static NTSTATUS try_path(const WCHAR *name, size_t length, char **ret_host)
{
    struct path path = {0};
    struct stat facts;
    NTSTATUS status = path_resolve(name, length, &path);
    if (status == STATUS_SUCCESS && (path.kind != PATH_FILE || path.directory))
        status = path.kind == PATH_VOLUME || path.directory ? STATUS_ACCESS_DENIED
                                                            : STATUS_OBJECT_NAME_NOT_FOUND;
    if (status == STATUS_SUCCESS && stat(path.host, &facts)) {
        status = errno == ENOENT ? path_match(&path.host) : errno_to_status(errno);
        if (status == STATUS_SUCCESS && stat(path.host, &facts))
            status = errno_to_status(errno);
    }
    if (status == STATUS_SUCCESS && !S_ISREG(facts.st_mode))
        status = STATUS_ACCESS_DENIED;
    if (status == STATUS_SUCCESS)
        status = real_path(path.host, ret_host);
    path_free(&path);
    return status;
}

static bool is_not_found(NTSTATUS status)
{
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND;
}

/* `name` is terminated and has room for an extension. */
static NTSTATUS try_with_path(WCHAR *name, size_t length, bool extension, char **ret_host)
{
    NTSTATUS status = try_path(name, length, ret_host);
    /* without memory to look, another program of a longer name is not what was asked for */
    if (status == STATUS_SUCCESS || status == STATUS_NO_MEMORY || extension)
        return status;
    memcpy(name + length, exe, sizeof exe);
    NTSTATUS other = try_path(name, length + 4, ret_host);
    return is_not_found(other) ? status : other;
}

/* Where SearchPath looks, for one word of the command line. */
static NTSTATUS try_search(const WCHAR *name, char **ret_host)
{
    DWORD room = k32_SearchPathW(NULL, name, exe, 0, NULL, NULL);
    WCHAR *found = room ? malloc(room * sizeof *found) : NULL;
    if (!room && last_error_get() == ERROR_NOT_ENOUGH_MEMORY)
        return STATUS_NO_MEMORY;
    if (!room)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!found)
        return STATUS_NO_MEMORY;
    DWORD length = k32_SearchPathW(NULL, name, exe, room, found, NULL);
    NTSTATUS status =
        length && length < room ? try_path(found, length, ret_host) : STATUS_OBJECT_NAME_NOT_FOUND;
    free(found);
    return status;
}

static NTSTATUS try_name(const WCHAR *text, size_t length, char **ret_host)
{
    WCHAR name[NAME_MAXIMUM + 5];
    bool path = false, extension = false;
    if (length == 0)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (length > NAME_MAXIMUM)
        return STATUS_NAME_TOO_LONG;
    for (size_t i = 0; i < length; i++) {
        name[i] = text[i];
        bool separator = path_is_separator(text[i]);
        path |= separator || text[i] == ':';
        extension = text[i] == '.' || (extension && !separator);
    }
    name[length] = 0;
    return path ? try_with_path(name, length, extension, ret_host) : try_search(name, ret_host);
}

static bool is_space(WCHAR unit)
{
    return unit == ' ' || unit == '\t';
}

/* The words that may be part of a name with spaces are tried from the first one on. */
static NTSTATUS find_in_line(const WCHAR *line, char **ret_host)
{
    NTSTATUS first = STATUS_OBJECT_NAME_NOT_FOUND;
    size_t end = 0;
    if (*line == '"') {
        line++;
        while (line[end] && line[end] != '"')
            end++;
        return try_name(line, end, ret_host);
    }
    for (bool tried = false;; tried = true) {
        while (line[end] && !is_space(line[end]))
            end++;
        NTSTATUS status = try_name(line, end, ret_host);
        if (status == STATUS_SUCCESS || status == STATUS_NO_MEMORY)
            return status;
        if (!tried)
            first = status;
        if (!line[end] || status == STATUS_NAME_TOO_LONG)
            return first;
        while (is_space(line[end]))
            end++;
        if (!line[end])
            return first;
    }
}

NTSTATUS program_find(const WCHAR *application, const WCHAR *command_line, char **ret_host)
{
    return application ? try_path(application, wide_length(application), ret_host)
                       : find_in_line(command_line, ret_host);
}
