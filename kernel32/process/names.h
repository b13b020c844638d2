/*
 * Named objects. Names live in the process: other programs do not see them. A name does not keep
 * its object alive. "Local\x" is "x"; other prefixes with a backslash than "Global\" name no
 * directory of ours.
 */
#pragma once

#include "memoryapi/object.h"
#include <winmem/windef.h>

/*
 * A face's last step: enters the new `object` (whose reference is taken over) under `name` (NULL or
 * empty: none), or finds the one of that name, and opens a handle. Sets last error 0 or
 * ERROR_ALREADY_EXISTS; on failure NULL and the reason. NULL for `object` means that there was no
 * memory for it.
 */
HANDLE object_publish(struct object *object, const WCHAR *name, ACCESS_MASK access,
                      const SECURITY_ATTRIBUTES *attributes);
/* The Open* functions. */
HANDLE object_open(const WCHAR *name, enum object_type type, ACCESS_MASK access, BOOL inherit);
/* From an object's destroy function. */
void object_forget_name(struct object *object);

#define NAME_LENGTH 260 /* MAX_PATH, with the terminator */

/* Widens an ANSI name; NULL stays NULL. False with ERROR_FILENAME_EXCED_RANGE when it is too long.
 */
bool name_widen(const char *name, WCHAR *ret_buffer, const WCHAR **ret_name);
