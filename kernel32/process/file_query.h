/* Information classes of files, as the Nt* functions number them; the Win32 classes map to these.
 */
#pragma once

#include "kernel32/process/file.h"

/*
 * Fills `buffer`, which is ours and aligned to 8. `ret_length`: the bytes made.
 * STATUS_INFO_LENGTH_MISMATCH: too small for the fixed part; STATUS_BUFFER_OVERFLOW: the name is
 * cut; STATUS_INVALID_INFO_CLASS.
 */
NTSTATUS file_query(struct file *file, uint32_t information_class, void *buffer, size_t room,
                    size_t *ret_length);
/* A copy of what the caller gave. `win32`: names are Win32 paths. */
NTSTATUS file_set(struct file *file, uint32_t information_class, const void *buffer, size_t length,
                  bool win32);
/* The rights a handle needs for file_query and file_set. */
ACCESS_MASK file_query_access(uint32_t information_class);
ACCESS_MASK file_set_access(uint32_t information_class);

bool file_is_directory_class(uint32_t information_class);
/* Entries from where the last call stopped. `pattern` counts at the first call and after a restart.
 * STATUS_NO_SUCH_FILE at the beginning, STATUS_NO_MORE_FILES at the end. */
struct directory_query {
    uint32_t information_class;
    bool restart, single;
    const WCHAR *pattern; /* NULL: all */
    size_t pattern_length;
};
NTSTATUS file_query_directory(struct file *file, const struct directory_query *query, void *buffer,
                              size_t room, size_t *ret_length);
/* The path below its drive, "\dir\name"; malloc'd. */
NTSTATUS file_name_of(const struct file *file, WCHAR **ret_name, size_t *ret_length);
/* The Win32 path, "X:\dir\name"; malloc'd. */
NTSTATUS file_path_of(const struct file *file, WCHAR **ret_path, size_t *ret_length);

/* What the facts are in these structures, of which the rest is left. `access`: of whoever asks. */
void file_tell_basic(const struct file_facts *facts, FILE_BASIC_INFORMATION *info);
void file_tell_open(const struct file_facts *facts, FILE_NETWORK_OPEN_INFORMATION *info);
void file_tell_stat(const struct file_facts *facts, ACCESS_MASK access,
                    FILE_STAT_INFORMATION *info);
