/* Names of libraries as programs give them, and as the loader takes them. */
#include <stdlib.h>
#include "kernel32/loader/module.h"
#include "kernel32/process/path.h"
#include "kernel32/process/utf.h"

/*
 * What follows the directory of the system, where nothing is but what winmem answers for; or the
 * name as it is.
 */
static const WCHAR *without_system(const WCHAR *name)
{
    static const char system[] = "c:\\windows\\system32\\";
    for (size_t i = 0; i < sizeof system - 1; i++)
        if (wide_lower(name[i] == '/' ? '\\' : name[i]) != (WCHAR)system[i])
            return name;
    return name + sizeof system - 1;
}

/* As the host calls it; `path` itself where the host has no such file. */
static char *as_host(char *path)
{
    char *real = path_match(&path) == STATUS_SUCCESS ? realpath(path, NULL) : NULL;
    if (!real)
        return path;
    free(path);
    return real;
}

char *module_plain_name(const WCHAR *given, NTSTATUS *ret_status)
{
    const WCHAR *name = without_system(given);
    size_t length = wide_length(name);
    *ret_status = length ? STATUS_NO_MEMORY : STATUS_INVALID_PARAMETER;
    if (!length)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (!path_is_separator(name[i]) && name[i] != ':')
            continue;
        char *path = path_to_host(name, length, ret_status);
        return path ? as_host(path) : NULL;
    }
    return utf8_from_wide(name);
}
