/*
 * Where library files are looked for: the directory of the program, SetDllDirectory's, the current
 * one, PATH.
 */
#include "kernel32/loader/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "kernel32/process/environ.h"
#include "kernel32/process/path.h"
#include "kernel32/process/utf.h"
#include "memoryapi/base.h"
#include "memoryapi/futex.h"

static struct {
    struct futex_lock lock;
    /* under lock */
    char *program; /* directory, ends in '/' */
    char *added;   /* SetDllDirectory */
} directories;

/*
 * Libraries that Windows takes from its own directory whatever else is there (the KnownDLLs of
 * Windows 10 that winmem answers for).
 */
bool search_is_system(const char *name)
{
    static const char *const known[] = {
        "kernel32.dll", "kernelbase.dll", "ntdll.dll",  "gdi32.dll",   "user32.dll", "advapi32.dll",
        "shell32.dll",  "psapi.dll",      "ws2_32.dll", "shlwapi.dll", "ole32.dll",  "sechost.dll"};
    for (unsigned i = 0; i < array_length(known); i++)
        if (strcasecmp(name, known[i]) == 0)
            return true;
    return strncasecmp(name, "api-ms-", 7) == 0 || strncasecmp(name, "ext-ms-", 7) == 0;
}

static void replace(char **where, char *value)
{
    futex_lock(&directories.lock);
    char *old = *where;
    *where = value;
    futex_unlock(&directories.lock);
    free(old);
}

void search_set_program(const char *host_path)
{
    const char *end = strrchr(host_path, '/');
    replace(&directories.program,
            end ? strndup(host_path, (size_t)(end - host_path) + 1) : strdup("./"));
}

void search_set_directory(const char *host_directory)
{
    replace(&directories.added, host_directory ? strdup(host_directory) : NULL);
}

/* The file with that name in any case, as the host calls it; malloc'd, or NULL. Frees `path`. */
static char *existing(char *path)
{
    struct stat facts;
    char *real = NULL;
    if (path &&
        (stat(path, &facts) == 0 ||
         (path_match(&path) == STATUS_SUCCESS && stat(path, &facts) == 0)) &&
        S_ISREG(facts.st_mode))
        real = realpath(path, NULL);
    free(path);
    return real;
}

static char *join(const char *directory, const char *name)
{
    char *path;
    if (!directory)
        return NULL;
    /* one slash: two spellings of a path would be two libraries */
    bool ends = directory[0] && directory[strlen(directory) - 1] == '/';
    return asprintf(&path, "%s%s%s", directory, ends ? "" : "/", name) >= 0 ? path : NULL;
}

static char *in_directory(char **directory, const char *name)
{
    futex_lock(&directories.lock);
    char *path = join(*directory, name);
    futex_unlock(&directories.lock);
    return existing(path);
}

static char *windows_to_host(const uint16_t *path, size_t length)
{
    NTSTATUS status;
    return path_to_host(path, length, &status);
}

static char *in_current_directory(const char *name)
{
    size_t length;
    uint16_t *current = path_current_directory(&length);
    char *directory = current ? windows_to_host(current, length) : NULL;
    char *found = existing(join(directory, name));
    free(directory);
    free(current);
    return found;
}

static char *in_search_path(const char *name)
{
    static const uint16_t variable[] = {'P', 'A', 'T', 'H'};
    size_t length;
    uint16_t *path = environ_get(variable, array_length(variable), &length);
    char *found = NULL;
    for (size_t start = 0, end; path && start < length && !found; start = end + 1) {
        for (end = start; end < length && path[end] != ';'; end++)
            ;
        char *directory = end > start ? windows_to_host(path + start, end - start) : NULL;
        found = existing(join(directory, name));
        free(directory);
    }
    free(path);
    return found;
}

char *search_beside_program(const char *name)
{
    return in_directory(&directories.program, name);
}

char *search_library(const char *name)
{
    char *found;
    if (strchr(name, '/'))
        return existing(strdup(name));
    found = in_directory(&directories.program, name);
    if (!found)
        found = in_directory(&directories.added, name);
    if (!found)
        found = in_current_directory(name);
    return found ? found : in_search_path(name);
}
