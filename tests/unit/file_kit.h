/* A directory of its own as X: and as the current directory, and short ways to use files. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/file.h"

#define NONE      ((HANDLE)-1)
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static char root[] = "/tmp/winmem-file-XXXXXX";

static inline const WCHAR *wide(const char *text)
{
    static WCHAR buffers[4][512];
    static unsigned next;
    WCHAR *buffer = buffers[next++ % 4];
    buffer[utf8_to_utf16(text, strlen(text), buffer, 511, NULL)] = 0;
    return buffer;
}

static inline const char *narrow(const WCHAR *text)
{
    static char buffers[4][2048];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    buffer[utf16_to_utf8(text, wide_length(text), buffer, sizeof buffers[0] - 1, NULL)] = 0;
    return buffer;
}

static inline const char *host(const char *name)
{
    static char buffers[4][300];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    snprintf(buffer, sizeof buffers[0], "%s/%s", root, name);
    return buffer;
}

static inline void setup(void)
{
    char drives[100];
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(drives, sizeof drives, "X=%s", root);
    setenv("WINMEM_DRIVES", drives, 1);
    ck_assert_int_eq(chdir(root), 0);
    umask(022);
}

static inline void teardown(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static inline HANDLE open_file(const char *name, DWORD access, DWORD share, DWORD disposition,
                               DWORD flags)
{
    last_error_set(12345);
    return k32_CreateFileW(wide(name), access, share, NULL, disposition, flags, NULL);
}

static inline HANDLE must_open(const char *name, DWORD access, DWORD disposition, DWORD flags)
{
    HANDLE handle = open_file(name, access, SHARE_ALL, disposition, flags);
    ck_assert_msg(handle != NONE, "%s: %u", name, last_error_get());
    return handle;
}

static inline void cannot_open(const char *name, DWORD access, DWORD disposition, DWORD flags,
                               DWORD error)
{
    ck_assert_ptr_eq(open_file(name, access, SHARE_ALL, disposition, flags), NONE);
    ck_assert_msg(last_error_get() == error, "%s: %u, not %u", name, last_error_get(), error);
}

static inline void put(const char *name, const char *text)
{
    FILE *stream = fopen(host(name), "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    fclose(stream);
}

static inline const char *get(const char *name)
{
    static char text[256];
    FILE *stream = fopen(host(name), "r");
    if (!stream)
        return NULL;
    text[fread(text, 1, sizeof text - 1, stream)] = 0;
    fclose(stream);
    return text;
}
