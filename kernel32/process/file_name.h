/* Changes of names: what the Win32 functions and the Nt* information classes share. */
#pragma once

#include "kernel32/process/file.h"

enum {
    NAME_REPLACE = 1,   /* what has the new name goes */
    NAME_POSIX = 2,     /* also when it is open */
    NAME_READ_ONLY = 4, /* also when it is read-only */
    NAME_OPENED = 8,    /* the file was opened for this: its share modes were asked then */
    NAME_COPY = 16,     /* a file may be copied and deleted instead */
};

/* All take a resolved path and correct its case. `directory`: only a directory, else only a file.
 */
NTSTATUS name_delete(struct path *path, bool directory);
NTSTATUS name_rename(struct path *from, struct path *to, unsigned flags);
NTSTATUS name_make_directory(struct path *path);
/* A hard link `to` to the file `from`. */
NTSTATUS name_link(struct path *from, struct path *to, bool replace);

/* file_copy.c. Called with what was copied so far; false: stop. */
struct copy_watch {
    bool (*progress)(struct copy_watch *watch, uint64_t done, uint64_t size);
};
/* The contents, mode and times of a file; `watch` may be NULL. `to` is overwritten when
 * `overwrite`, else STATUS_OBJECT_NAME_COLLISION. */
NTSTATUS name_copy(struct path *from, struct path *to, bool overwrite, struct copy_watch *watch);
