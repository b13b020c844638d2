/*
 * Modules: the program, the libraries it uses, and the ones winmem itself answers for.
 *
 *   image file -> load.c maps it, loads what it needs, binds its imports -> attach.c tells it that
 *   it was loaded
 *   module winmem answers for ("built in") -> builtin.c makes an image in memory whose exports lead
 *   to the gates
 *
 * LOCKS. The loader lock is recursive and held while libraries are loaded, freed and told about
 * threads; Windows code runs under it, as on Windows. The list lock is short and inner: whoever
 * only looks at the list takes it, and touches no caller memory meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "memoryapi/image.h"

enum {
    /* loads of a module that stays for good: what the program is linked to */
    MODULE_PINNED = UINT16_MAX,
    MODULE_NEEDS_LIMIT = 512, /* libraries one image may be linked to */
    TLS_MODULES = 128         /* modules with static thread-local storage */
};

struct list_entry {
    struct list_entry *next, *previous;
};

/*
 * LDR_DATA_TABLE_ENTRY as programs walk it from the PEB. Source: sdk-api winternl/PEB_LDR_DATA;
 * offsets as debuggers show them.
 */
struct module_entry {
    struct list_entry load_order, memory_order, init_order;
    void *base, *entry;
    uint32_t size, padding;
    UNICODE_STRING full_name, base_name;
    uint32_t flags;
    uint16_t load_count, tls_index;
    struct list_entry hash;
    uint32_t time, padding2;
    uint8_t unused[0x120 - 0x88];
};

struct module {
    struct module_entry entry;
    /* constant after load */
    char *name;      /* base name in lower case, UTF-8 */
    char *host_path; /* NULL: built in */
    WCHAR *full_path;
    uint64_t base, size; /* bytes */
    struct image *image; /* NULL: built in */
    uint32_t *jumps;     /* of a built-in one: an RVA for each of winmem_exports, 0: not its own */
    struct image_tls tls;
    bool has_tls, is_program;
    uint32_t tls_index;
    struct module **needs;
    unsigned need_count;
    /* under the loader lock */
    bool attached, quiet; /* quiet: DisableThreadLibraryCalls */
    bool visited;         /* a walk is at it */
    uint16_t loads;       /* LoadLibrary calls and modules that need it */
};

/* module.c: the list. */
void module_list_init(void); /* publishes it in the PEB */
void module_insert(struct module *module);
void module_remove(struct module *module); /* from all lists */
void module_began(struct module *module);  /* into the initialization order */
struct module *module_by_base(uint64_t base);
struct module *module_by_address(uint64_t address);
/*
 * A copy of the Win32 path of the module at `base`, which may be unloaded meanwhile; false: none,
 * or longer than `room` characters. Terminated.
 */
bool module_full_path(uint64_t base, WCHAR *ret_path, size_t room, size_t *ret_length);
/* base name, any case, ".dll" added when there is no dot; or a host path */
struct module *module_by_name(const char *name);
struct module *module_program(void);
/* In load order, from NULL; the loader lock keeps it still. */
struct module *module_next(const struct module *module);
void module_destroy(struct module *module);
/* A module with its names: `host_path` NULL for a built-in one. Not in the list yet. */
struct module *module_new(const char *name, const char *host_path);
/* Calls `each` for every module in initialization order, or the opposite. Under the loader lock. */
void module_for_each_begun(bool reverse, void (*each)(struct module *module, void *context),
                           void *context);

/*
 * name.c. A name from a program as one for the list and the search: UTF-8, without the directory of
 * the system, a path as the host has it. malloc'd; NULL: empty, no such drive, no memory. Reads the
 * program's memory: no lock is held.
 */
char *module_plain_name(const WCHAR *given, NTSTATUS *ret_status);

/* mapped_name.c */
#define PATH_ROOM 32768u /* characters, terminator included */
/* The device path of a Win32 path, malloc'd and terminated; NULL: it is on no drive, no memory. */
WCHAR *module_device_path(const WCHAR *path, size_t length, size_t *ret_length);
uint16_t *module_image_name(uint64_t base, size_t *ret_length); /* for mm_image_name */

/* lock.c */
void loader_lock(void);
void loader_unlock(void);

/* builtin.c. NULL: no memory. `name`: lower case. Under the loader lock. */
struct module *builtin_load(const char *name);
/* Where the program finds a function in the image of a built-in module. */
struct export_entry;
uint64_t builtin_symbol(const struct module *module, const struct export_entry *entry);
/*
 * The module that stands for an api set or a name winmem answers for ("kernel32.dll"), NULL when it
 * answers for none.
 */
const char *builtin_name(const char *name);

/* search.c: the library file for a name, malloc'd host path; NULL: none. */
char *search_library(const char *name);
/*
 * The same in the directory of the program only: what comes before the system's own library of that
 * name.
 */
char *search_beside_program(const char *name);
void search_set_program(const char *host_path);
void search_set_directory(const char *host_directory); /* SetDllDirectory; NULL: none */
/* answered by winmem even when a file of that name is there */
bool search_is_system(const char *name);

/* bind.c */
/* The address behind a name, or an ordinal when `name` is NULL; 0: none. */
uint64_t bind_symbol(struct module *module, const char *name, uint32_t ordinal);
/*
 * Fills the import addresses of a mapped image, each library's module in module->needs. What is
 * nowhere gets a stub that says so.
 */
NTSTATUS bind_imports(struct module *module, struct image_failure *ret_failure);

/* load.c, under the loader lock */
/* Loads a library and what it needs; already loaded: one load more. Does not call it yet. */
NTSTATUS load_library(const char *name, struct module **ret_module,
                      struct image_failure *ret_failure);
/* Takes the image over, also when it fails. */
NTSTATUS load_program(const char *host_path, struct image *image, bool random_base,
                      struct module **ret_module, struct image_failure *ret_failure);
/* One load less; at none the module is told, and goes. */
void unload_library(struct module *module);
/*
 * Reads and checks a file without mapping it as an image. `ret_image` owns the bytes;
 * image_close().
 */
NTSTATUS image_open(const char *host_path, struct image **ret_image,
                    struct image_failure *ret_failure);
void image_close(struct image *image);

/* attach.c, under the loader lock */
/*
 * Tells a module and what it needs that they are in the process; false: one of them declined.
 * `at_start`: linked to the program.
 */
bool attach_module(struct module *module, bool at_start);
void detach_module(struct module *module);
void attach_init(void); /* threads are told about from now on */
/* At the end of the process. */
void detach_all(void);

/* tls_static.c */
/* for every thread there is */
NTSTATUS tls_static_add(struct module *module, struct image_failure *ret_failure);
void tls_static_remove(struct module *module);
NTSTATUS tls_static_thread(void); /* blocks of the calling thread */
void tls_static_thread_ends(void);
