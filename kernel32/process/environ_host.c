/* The first environment: the host's, in the form Windows programs expect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/processor.h"
#include "kernel32/process/utf.h"

static NTSTATUS set_wide(const uint16_t *name, const uint16_t *value)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    if (name && value)
        status = environ_set(name, wide_length(name), value, wide_length(value));
    return status;
}

static NTSTATUS set(const char *name, const char *value)
{
    uint16_t *wide_name = wide_from_utf8(name), *wide_value = wide_from_utf8(value);
    NTSTATUS status = set_wide(wide_name, wide_value);
    free(wide_name);
    free(wide_value);
    return status;
}

/* The first of two host variables that differ in case stays. */
static bool is_set(const char *name)
{
    uint16_t *wide = wide_from_utf8(name), *value = NULL;
    size_t length;
    if (wide)
        value = environ_get(wide, wide_length(wide), &length);
    free(wide);
    free(value);
    return value != NULL;
}

static NTSTATUS set_default(const char *name, const char *value)
{
    return is_set(name) ? STATUS_SUCCESS : set(name, value);
}

/* Drive Z: is the host's root. Relative paths stay relative. Returns what follows in `to`, which
 * has room for strlen + 3. */
static char *put_path(char *to, const char *path, size_t length)
{
    if (length && path[0] == '/') {
        *to++ = 'Z';
        *to++ = ':';
    }
    for (size_t i = 0; i < length; i++)
        *to++ = path[i] == '/' ? '\\' : path[i];
    return to;
}

static NTSTATUS set_path(const char *name, const char *path, const char *suffix)
{
    char *text = malloc(strlen(path) + strlen(suffix) + 3);
    if (!text)
        return STATUS_NO_MEMORY;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    strcpy(put_path(text, path, length), suffix);
    NTSTATUS status = set(name, text);
    free(text);
    return status;
}

/* host: a:b:c, an empty part is the current directory. A part that holds ';' cannot be said. */
static NTSTATUS set_search_path(const char *name, const char *list)
{
    size_t parts = 1;
    for (const char *at = list; *at; at++)
        parts += *at == ':';
    char *text = malloc(strlen(list) + parts * 3 + 1), *to = text;
    if (!text)
        return STATUS_NO_MEMORY;
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ":");
        if (!memchr(at, ';', length)) {
            if (to != text)
                *to++ = ';';
            to = length ? put_path(to, at, length) : put_path(to, ".", 1);
        }
        at += length;
        if (!*at)
            break;
    }
    *to = 0;
    NTSTATUS status = set(name, text);
    free(text);
    return status;
}

/* One "NAME=value" of the host. */
static NTSTATUS import(const char *entry)
{
    const char *equals = strchr(entry, '=');
    if (!equals || equals == entry || strncmp(entry, "WINMEM_", 7) == 0)
        return STATUS_SUCCESS;
    char *name = strndup(entry, (size_t)(equals - entry));
    NTSTATUS status = STATUS_SUCCESS;
    if (!name)
        return STATUS_NO_MEMORY;
    if (is_set(name))
        ;
    else if (strcmp(name, "PATH") == 0)
        status = set_search_path(name, equals + 1);
    else if (strcasecmp(name, "TMPDIR") == 0 || strcasecmp(name, "TEMP") == 0 ||
             strcasecmp(name, "TMP") == 0)
        status = set_path(name, equals + 1, "");
    else
        status = set(name, equals + 1);
    free(name);
    return status;
}

static NTSTATUS set_default_path(const char *name, const char *path, const char *suffix)
{
    return is_set(name) ? STATUS_SUCCESS : set_path(name, path, suffix);
}

static const char *host_variable(char **envp, const char *name)
{
    size_t length = strlen(name);
    for (; *envp; envp++)
        if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=' && (*envp)[length + 1])
            return *envp + length + 1;
    return NULL;
}

static NTSTATUS set_directories(char **envp, const char *home)
{
    const char *temporary = host_variable(envp, "TMPDIR"), *host_home = host_variable(envp, "HOME");
    NTSTATUS status = STATUS_SUCCESS;
    if (!temporary)
        temporary = "/tmp";
    if (host_home)
        home = host_home;
    const char *const paths[][3] = {
        {"TEMP", temporary, ""},
        {"TMP", temporary, ""},
        {"USERPROFILE", home, ""},
        {"APPDATA", home, "\\AppData\\Roaming"},
        {"LOCALAPPDATA", home, "\\AppData\\Local"},
    };
    for (unsigned i = 0; NT_SUCCESS(status) && i < array_length(paths); i++)
        if (paths[i][1])
            status = set_default_path(paths[i][0], paths[i][1], paths[i][2]);
    return status;
}

/* "=Z:=Z:\directory", as a program that keeps a current directory for each drive expects it. */
static NTSTATUS set_current_directory(void)
{
    char *directory = getcwd(NULL, 0);
    NTSTATUS status = STATUS_SUCCESS;
    if (directory && directory[0] == '/')
        status = set_path("=Z:", directory, "");
    free(directory);
    return status;
}

NTSTATUS environ_init(char **envp, const char *program_directory)
{
    char processors[16];
    NTSTATUS status = STATUS_SUCCESS;
    snprintf(processors, sizeof processors, "%u", processor_count());
    const char *user = host_variable(envp, "USER");
    const char *const defaults[][2] = {
        {"SystemRoot", "C:\\Windows"},
        {"windir", "C:\\Windows"},
        {"SystemDrive", "C:"},
        {"ComSpec", "C:\\Windows\\System32\\cmd.exe"},
        {"PATHEXT", ".COM;.EXE;.BAT;.CMD"},
        {"NUMBER_OF_PROCESSORS", processors},
        {"PROCESSOR_ARCHITECTURE", "AMD64"},
        {"OS", "Windows_NT"},
        {"USERNAME", user ? user : "user"},
    };
    for (char **at = envp; NT_SUCCESS(status) && *at; at++)
        status = import(*at);
    for (unsigned i = 0; NT_SUCCESS(status) && i < array_length(defaults); i++)
        status = set_default(defaults[i][0], defaults[i][1]);
    if (NT_SUCCESS(status))
        status = set_directories(envp, program_directory);
    if (NT_SUCCESS(status))
        status = set_current_directory();
    return status;
}
