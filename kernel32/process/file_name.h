/* Changes of names: what the Win32 functions and the Nt* information classes share. */
#pragma once

#include "kernel32/process/file.h"

/* All take a resolved path and correct its case. `directory`: only a directory, else only a file.
 */
NTSTATUS name_delete(struct path *path, bool directory);
NTSTATUS name_rename(struct path *from, struct path *to, bool replace);
NTSTATUS name_make_directory(struct path *path);
