/* The generated table of every exported function: what a loader binds, what tracing and calling by name read. */
#pragma once

#include <stdint.h>

typedef void export_function(void);

enum export_status { EXPORT_DONE, EXPORT_PLANNED, EXPORT_REFUSED };

/* Sorted by name. */
struct export_entry {
    const char *name;
    export_function *function; /* the Windows-convention gate */
    const char *const *modules; /* NULL-terminated; the first is the home */
    const char *const *apisets; /* NULL-terminated */
    const char *family;
    enum export_status status;
    unsigned param_count;
    const char *returns;
    const char *const *params; /* "type name", NULL-terminated */
};

extern const struct export_entry winmem_exports[];
extern const unsigned winmem_export_count;

/* The entry behind module!name ("kernel32.dll" or "kernel32" or an api set, any case), or NULL. */
const struct export_entry *export_find(const char *module, const char *name);
