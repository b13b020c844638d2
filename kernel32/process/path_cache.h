/*
 * What directories do not have. A program that probes for files asks for many names that are not
 * there, and each would cost a reading of the directory, only to see that no name differs in case
 * alone. Of the directories read last, hashes of all names are kept, and are good as long as the
 * directory's times stand still.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <winmem/windef.h>

/* True when no name of the directory is this one in any case. False: perhaps there is one. */
bool path_cache_lacks(const char *directory, const WCHAR *name, size_t length);
