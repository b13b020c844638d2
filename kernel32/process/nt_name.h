/* OBJECT_ATTRIBUTES that name a file. */
#pragma once

#include "kernel32/process/path.h"

struct nt_name {
    struct path path; /* path_free() it */
    bool inherit;
};

/* STATUS_ACCESS_VIOLATION when the caller's memory cannot be read; and what path_resolve_nt says.
 */
NTSTATUS nt_name_resolve(const OBJECT_ATTRIBUTES *attributes, struct nt_name *ret_name);
/* A guarded copy of the text, malloc'd; length in characters. */
NTSTATUS nt_string_copy(const UNICODE_STRING *string, WCHAR **ret_text, size_t *ret_length);
