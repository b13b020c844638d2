/*
 * PE32+ images: reading a file that nobody vouches for, and putting it into memory.
 *
 * The parser works on the bytes of the file (never on the mapped image, which the program can
 * change) and trusts no number in them. image_parse() checks the headers and the section table; the
 * walks check what they touch as they go, and every loop is bounded by the size of the file. An RVA
 * becomes a pointer through image_bytes() only.
 *
 * Source: Microsoft Learn, "PE Format" (windows/win32/debug/pe-format).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>

enum image_reason {
    IMAGE_OK,
    IMAGE_TOO_SHORT,      /* shorter than a header it announces */
    IMAGE_NOT_EXECUTABLE, /* not a Windows program at all, or an object file */
    IMAGE_DOS,            /* a DOS program without a Windows part */
    IMAGE_16BIT,          /* NE, LE, LX */
    IMAGE_32BIT,
    IMAGE_OTHER_MACHINE,
    IMAGE_DOTNET,
    IMAGE_DRIVER,
    IMAGE_OTHER_SUBSYSTEM, /* EFI and others */
    IMAGE_BAD_HEADER,
    IMAGE_BAD_SECTION,
    IMAGE_BAD_DIRECTORY,
    IMAGE_NOT_RELOCATABLE,
};

struct image_failure {
    enum image_reason reason;
    char text[160]; /* one clause, lower case: "section 3 (.text): ..." */
};

enum image_directory_index {
    IMAGE_EXPORT,
    IMAGE_IMPORT,
    IMAGE_RESOURCE,
    IMAGE_EXCEPTION,
    IMAGE_SECURITY,
    IMAGE_RELOCATION,
    IMAGE_DEBUG,
    IMAGE_ARCHITECTURE,
    IMAGE_GLOBAL_POINTER,
    IMAGE_TLS,
    IMAGE_LOAD_CONFIG,
    IMAGE_BOUND_IMPORT,
    IMAGE_IAT,
    IMAGE_DELAY_IMPORT,
    IMAGE_CLR,
    IMAGE_RESERVED,
    IMAGE_DIRECTORIES
};

enum { IMAGE_MAX_SECTIONS = 96 }; /* the limit of the Windows loader */

struct image_section {
    char name[9];
    uint32_t rva, size; /* in memory, bytes; size is not rounded */
    /* in the file, bytes; raw_size is what there is to copy: at most the rounded size */
    uint32_t raw_offset, raw_size;
    uint32_t flags; /* IMAGE_SCN_* */
};

/* About 5 KiB: lives on the heap or in a struct that does. */
struct image {
    const uint8_t *bytes; /* the file; not owned */
    uint64_t length;
    uint64_t base;      /* preferred */
    uint32_t size;      /* SizeOfImage rounded up to pages */
    uint32_t headers;   /* SizeOfHeaders */
    uint32_t nt_offset; /* of the PE signature */
    uint32_t entry;     /* RVA, 0: none */
    uint16_t flags;     /* IMAGE_FILE_* */
    uint16_t dll_flags; /* IMAGE_DLLCHARACTERISTICS_* */
    uint16_t subsystem;
    uint64_t stack_reserve, stack_commit;
    struct {
        uint32_t rva, size;
    } directories[IMAGE_DIRECTORIES];
    unsigned section_count;
    struct image_section sections[IMAGE_MAX_SECTIONS];
};

#define IMAGE_FLAG_RELOCS_STRIPPED 0x0001
#define IMAGE_FLAG_EXECUTABLE      0x0002
#define IMAGE_FLAG_DLL             0x2000
#define IMAGE_DLL_DYNAMIC_BASE     0x0040
#define IMAGE_SECTION_EXECUTE      0x20000000u
#define IMAGE_SECTION_READ         0x40000000u
#define IMAGE_SECTION_WRITE        0x80000000u

bool image_parse(const void *bytes, uint64_t length, struct image *ret_image,
                 struct image_failure *ret_failure);

/* The file's bytes behind [rva, rva + size), or NULL when they are not all there. */
const uint8_t *image_bytes(const struct image *image, uint64_t rva, uint64_t size);
/* A NUL-terminated string of less than 4 KiB, or NULL. */
const char *image_string(const struct image *image, uint64_t rva);

enum image_step { IMAGE_MORE, IMAGE_END, IMAGE_BAD };

struct image_import {
    const char *module;
    uint32_t names; /* RVA of the lookup table */
    uint32_t slots; /* RVA of the address table */
    bool delayed;
};
struct image_thunk {
    const char *name; /* NULL: by ordinal */
    uint16_t ordinal;
    uint32_t slot; /* RVA of the eight bytes to fill */
};
/*
 * The index-th module that is imported from (delayed or not), the index-th function of one. A
 * failure is written for IMAGE_BAD only.
 */
enum image_step image_import(const struct image *image, bool delayed, unsigned index,
                             struct image_import *ret_import, struct image_failure *ret_failure);
enum image_step image_thunk(const struct image *image, const struct image_import *import,
                            unsigned index, struct image_thunk *ret_thunk,
                            struct image_failure *ret_failure);

struct image_symbol {
    uint32_t rva;
    const char *forward; /* "MODULE.Name" or "MODULE.#7", or NULL */
};
/* What the image exports as `name`, or with `name` NULL as `ordinal`. */
bool image_export(const struct image *image, const char *name, uint32_t ordinal,
                  struct image_symbol *ret_symbol);

struct image_tls {
    /* the block of a new thread: a copy, then zeros; bytes */
    uint32_t template_rva, template_size, zeros;
    uint32_t index_rva; /* a DWORD that gets the index */
    /* of a NULL-terminated array of addresses; 0: none */
    uint32_t callbacks_rva;
};
enum image_step image_tls(const struct image *image, struct image_tls *ret_tls,
                          struct image_failure *ret_failure);

/*
 * Adds `delta` where the relocation table says; `memory` is the mapped, writable image. Checks all
 * before it changes anything.
 */
bool image_relocate(const struct image *image, uint8_t *memory, uint64_t delta,
                    struct image_failure *ret_failure);

/*
 * Maps at `wanted` (0: the preferred base), elsewhere by relocation when that place is taken. All
 * pages are writable until image_protect() gives the sections their protections.
 */
NTSTATUS image_map(const struct image *image, uint64_t wanted, uint64_t *ret_base,
                   struct image_failure *ret_failure);
NTSTATUS image_protect(const struct image *image, uint64_t base);
NTSTATUS image_unmap(uint64_t base);
