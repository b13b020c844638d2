/* The generated table of every exported function: what a loader binds, what tracing and calling by
 * name read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef void export_function(void);

enum export_status { EXPORT_DONE, EXPORT_PLANNED, EXPORT_REFUSED };

struct export_flag { /* the last one of a list has no name */
    const char *name;
    uint64_t value;
};

/* Sorted by name. */
struct export_entry {
    const char *name;
    export_function *function;  /* the Windows-convention gate */
    const char *const *modules; /* NULL-terminated; the first is the home */
    const char *const *apisets; /* NULL-terminated */
    const char *family;
    enum export_status status;
    unsigned param_count;
    const char *returns;
    const char *const *params; /* "type name", NULL-terminated */
    const char *fails;         /* how failure shows: the word of spec/README.md */
    /*
     * One character for the result and for each parameter: v void; b w d q unsigned of 1 2 4 8
     * bytes, capital when signed; f floating; p pointer or handle; a u constant string of bytes or
     * UTF-16, capital when not constant; 4 8 pointer to a value of so many bytes.
     */
    const char *kinds;
    /* per parameter a list or NULL; NULL when no parameter has one */
    const struct export_flag *const *flags;
    uint16_t ordinal;  /* where programs import it by number; else 0 */
    const char *quirk; /* where it differs from Windows, in words; or NULL */
};

/* A name of the API that is no function but a macro of a public header, as on Windows. */
struct export_macro {
    const char *name, *header;
};

/* Bytes of a result or argument of this kind; pointers, handles and sizes are 8, void is 0. */
unsigned export_kind_size(char kind);

extern const struct export_entry winmem_exports[];
extern const unsigned winmem_export_count;
extern const struct export_macro winmem_macros[]; /* by name; the last one has none */

/*
 * The entry behind module!name, or NULL. The module is "kernel32.dll" or "kernel32" in any case, or
 * an api set, whose last number does not count; NULL is "any module". The name is exact, as in an
 * import table. Planned and refused functions are found too: theirs is a gate that answers with the
 * documented failure. Does not allocate and takes no lock: safe anywhere.
 */
const struct export_entry *export_find(const char *module, const char *name);

/* The entry behind module!#ordinal, or NULL: only ordinals that never changed are known. */
const struct export_entry *export_find_ordinal(const char *module, unsigned ordinal);

/* Whether any function comes from this module or api set. */
bool export_module_known(const char *module);
