/*
 * Windows paths and the host files behind them.
 *
 * DRIVES. Drive Z: is the host's root "/". WINMEM_DRIVES="X=/host/dir;Y=/other" adds or moves
 * drives and WINMEM_DRIVE_C=/dir gives a C:; without it no file is found on C:. A path of the host
 * is shown on the drive whose directory is the longest prefix of it. There is one current
 * directory; "X:name" on another drive than its own is relative to the root of that drive.
 *
 * NAMES. UTF-16 names are UTF-8 on the host; a surrogate without its partner is three bytes, as if
 * it were a character. What a host name may hold but a Windows name may not, is shown as a private
 * use character, and turned back on the way in, so that every host file can be reached:
 *
 *     control characters, " * : < > ? \ |       U+F000 + the character
 *     a dot or space at the end of a name       U+F02E, U+F020
 *     a byte that is not part of valid UTF-8    U+F000 + the byte
 *     these private use characters themselves   each of their three bytes, as above
 *
 * CASE. Names are looked up as they are given, with one system call; only when the host has no such
 * file are the directories searched for a name that differs in case alone (path_cache.h saves most
 * of that work).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <winmem/windef.h>
#include "kernel32/process/utf.h"

enum path_kind {
    PATH_FILE,
    PATH_NULL,
    PATH_CONSOLE, /* CON: input or output, by the access wanted */
    PATH_CONSOLE_INPUT,
    PATH_CONSOLE_OUTPUT,
    PATH_PIPE,   /* \\.\pipe\...: no named pipes here */
    PATH_VOLUME, /* \\.\X: */
};

struct path {
    enum path_kind kind;
    char *host;     /* PATH_FILE, PATH_VOLUME: malloc'd */
    bool directory; /* ended in a separator: names a directory */
};

#define PATH_LENGTH_MAXIMUM 32767u /* characters; sdk-api fileapi/CreateFileW */

/* Reads the environment, once. STATUS_OBJECT_PATH_NOT_FOUND when a drive's directory is not there
 * (the others are usable), STATUS_INVALID_PARAMETER when a variable cannot be read. */
NTSTATUS path_init(void);

/* The absolute path, malloc'd and terminated; NULL with the reason. Looks at no disk. */
WCHAR *path_full(const WCHAR *path, size_t length, size_t *ret_length, NTSTATUS *ret_status);
/* What a Win32 path names. Nothing is looked up. path_free() afterwards. */
NTSTATUS path_resolve(const WCHAR *path, size_t length, struct path *ret_path);
/* What a name of the NT object namespace (\??\X:\..., \Device\...) names. */
NTSTATUS path_resolve_nt(const WCHAR *name, size_t length, struct path *ret_path);
/* The same for a name relative to a directory of the host. */
NTSTATUS path_resolve_below(const char *directory, const WCHAR *name, size_t length,
                            struct path *ret_path);
void path_free(struct path *path); /* zero bytes are allowed */

/* The host's path, malloc'd; NULL with the reason: no such drive, a device, not a name. */
char *path_to_host(const WCHAR *path, size_t length, NTSTATUS *ret_status);
/* The Win32 path of an absolute host path, malloc'd and terminated; NULL: no drive holds it, or no
 * memory. */
WCHAR *path_from_host(const char *host_path, size_t *ret_length);

/*
 * Looks for *path without regard to case and replaces it by what the host has. STATUS_SUCCESS;
 * STATUS_OBJECT_NAME_NOT_FOUND when only the last name is missing (its directory is corrected);
 * STATUS_OBJECT_PATH_NOT_FOUND.
 */
NTSTATUS path_match(char **path);

/* Ends in a backslash; malloc'd and terminated. NULL: no memory. */
WCHAR *path_current_directory(size_t *ret_length);
/* STATUS_OBJECT_NAME_INVALID and all that opening the directory can answer. */
NTSTATUS path_set_current_directory(const WCHAR *path, size_t length);

/* Shows the current directory there, now and after every change, in memory that stays: the PEB. */
NTSTATUS path_publish(UNICODE_STRING *where);

/* Bit 0 is A:. */
uint32_t path_drives(void);
/* The directory of a drive, 'A' to 'Z'; NULL: no such drive. Constant. */
const char *path_drive_host(WCHAR letter);

/* path_name.c: names. */
bool path_same_name(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length);
/* Appends one name in UTF-8; returns the end, NULL when it is not a valid name. `ret` has room for
 * 3 bytes a character. */
char *path_name_to_host(const WCHAR *name, size_t length, char *ret);
/* The units written: at most one for each byte of the name. Not terminated. */
size_t path_name_from_host(const char *name, size_t length, WCHAR *ret);
/* A device name of DOS as a part of `path`: its length in units and where it is, else 0. */
size_t path_dos_device(const WCHAR *path, size_t length, size_t *ret_offset);
/* errno (positive) of a call that names or uses a file: the one table for files. */
NTSTATUS errno_to_status(int error);
/* The path the host knows an open descriptor by, malloc'd. NULL: it has none, or no memory. */
char *path_of_descriptor(int fd);

static inline WCHAR path_upcase(WCHAR character)
{
    if (character < 0x80)
        return character >= 'a' && character <= 'z' ? (WCHAR)(character - 32) : character;
    return wide_upper(character);
}

static inline bool path_is_separator(WCHAR character)
{
    return character == '\\' || character == '/';
}
