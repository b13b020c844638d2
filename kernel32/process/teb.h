/*
 * TEB, PEB and process parameters as 64-bit Windows programs read them: fields at their documented
 * or widely known offsets, checked below. Sources: sdk-api winternl/TEB, winternl/PEB,
 * winternl/RTL_USER_PROCESS_PARAMETERS; offsets of Windows 10 as debuggers show them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <winmem/windef.h>

#define TLS_MINIMUM   64   /* slots in the TEB itself */
#define TLS_EXPANSION 1024 /* further slots, made when one is set */

struct process_parameters {
    uint32_t maximum_length, length, flags, debug_flags;
    HANDLE console;
    uint64_t console_flags;
    HANDLE standard[3]; /* input, output, error */
    UNICODE_STRING current_directory;
    HANDLE current_directory_handle;
    UNICODE_STRING dll_path, image_path, command_line;
    uint16_t *environment;
    uint32_t start_x, start_y, size_x, size_y, chars_x, chars_y, fill, window_flags, show_window,
        reserved;
    UNICODE_STRING window_title, desktop, shell, runtime_data;
};

struct peb {
    uint8_t inherited, being_debugged[3];
    uint32_t padding;
    void *mutant;
    void *image_base;
    void *loader_data;
    struct process_parameters *parameters;
    void *subsystem;
    void *process_heap;
    void *fast_lock;
    uint8_t unused1[0xB8 - 0x40];
    uint32_t processors;
    uint32_t global_flag;
    uint8_t unused2[0x118 - 0xC0];
    uint32_t major, minor;
    uint16_t build, service_pack;
    uint32_t platform;
    uint32_t image_subsystem, image_subsystem_major, image_subsystem_minor;
    uint8_t unused3[0x2C0 - 0x134];
    uint32_t session;
    uint8_t unused4[0x7C8 - 0x2C4];
};

struct teb {
    void *exception_list;
    uint64_t stack_base, stack_limit;
    void *subsystem, *fiber, *user_pointer;
    struct teb *self;
    void *environment;
    uint64_t process_id, thread_id;
    void *rpc;
    void **tls_blocks; /* static TLS, by module index */
    struct peb *peb;
    uint32_t last_error, owned_sections;
    uint8_t unused1[0x108 - 0x70];
    uint32_t locale;
    uint8_t unused2[0x1258 - 0x10C];
    UNICODE_STRING static_string;
    uint16_t static_buffer[261];
    uint8_t unused3[0x1478 - 0x1268 - 522];
    uint64_t stack_floor; /* DeallocationStack */
    void *tls_slots[TLS_MINIMUM];
    uint8_t unused4[0x1748 - 0x1680];
    uint32_t guaranteed_stack;
    uint8_t unused5[0x1780 - 0x174C];
    void **tls_expansion;
    uint8_t unused6[0x17C8 - 0x1788];
    void *fls;
    uint8_t unused7[0x1838 - 0x17D0];
};

_Static_assert(offsetof(struct teb, self) == 0x30 && offsetof(struct teb, peb) == 0x60 &&
                   offsetof(struct teb, last_error) == 0x68,
               "TEB");
_Static_assert(offsetof(struct teb, stack_floor) == 0x1478 &&
                   offsetof(struct teb, tls_slots) == 0x1480,
               "TEB");
_Static_assert(offsetof(struct teb, guaranteed_stack) == 0x1748 &&
                   offsetof(struct teb, tls_expansion) == 0x1780 && sizeof(struct teb) == 0x1838,
               "TEB");
_Static_assert(offsetof(struct peb, parameters) == 0x20 &&
                   offsetof(struct peb, processors) == 0xB8 &&
                   offsetof(struct peb, major) == 0x118 && offsetof(struct peb, session) == 0x2C0 &&
                   sizeof(struct peb) == 0x7C8,
               "PEB");
_Static_assert(offsetof(struct process_parameters, image_path) == 0x60 &&
                   offsetof(struct process_parameters, environment) == 0x80,
               "parameters");

/* Makes the PEB and KUSER_SHARED_DATA. Once, before the first thread. */
NTSTATUS process_memory_init(void);
extern struct peb *process_peb; /* NULL in a host program */

/* A TEB for a thread that is about to start, and will have its number then. */
NTSTATUS teb_create(struct teb **ret_teb);
void teb_destroy(struct teb *teb);
/* Points the calling thread's GS base at it. */
void teb_activate(struct teb *teb);
