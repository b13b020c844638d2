/* From names to addresses: exports, forwarders, and the import tables of images. */
#include "kernel32/loader/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/exports.h"
#include "memoryapi/gate.h"
#include "memoryapi/mm.h"

/* A forwarder that leads to another, and so on: more than this is a loop. */
#define FORWARD_LIMIT 16
#define STUB_SIZE     32
#define STUBS         (ALLOCATION_GRANULARITY / STUB_SIZE)

struct missing {
    char *module, *name;
};

/* Under the loader lock. */
static struct {
    uint64_t next, end; /* room for stubs */
} stubs;

__attribute__((ms_abi)) static void call_missing(const struct missing *missing)
{
    gate_missing(missing->module, missing->name);
}

/* Code that says what is missing and ends the process; 0 without memory. */
static uint64_t make_stub(const char *module, const char *name)
{
    struct missing *missing = malloc(sizeof *missing);
    uint64_t target = (uint64_t)call_missing;
    if (stubs.next == stubs.end) {
        struct mm_request request = {.size = STUBS * STUB_SIZE,
                                     .type = MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
                                     .protect = PAGE_EXECUTE_READWRITE};
        if (mm_allocate(&request) != STATUS_SUCCESS)
            return 0;
        stubs.next = request.base;
        stubs.end = request.base + STUBS * STUB_SIZE;
    }
    if (!missing || !(missing->module = strdup(module)) || !(missing->name = strdup(name)))
        return 0;
    uint8_t *stub = (uint8_t *)stubs.next;
    stubs.next += STUB_SIZE;
    memcpy(stub, "\x48\xB9", 2); /* mov rcx, missing */
    memcpy(stub + 2, &missing, 8);
    memcpy(stub + 10, "\x48\xB8", 2); /* mov rax, call_missing */
    memcpy(stub + 12, &target, 8);
    memcpy(stub + 20, "\xFF\xE0", 2); /* jmp rax */
    return (uint64_t)stub;
}

static uint64_t symbol(struct module *module, const char *name, uint32_t ordinal, unsigned depth);

/* "OTHER.Name" or "OTHER.#7"; the other library is loaded when it is not there. */
static uint64_t forwarded(const char *forward, unsigned depth)
{
    char library[256];
    struct image_failure failure;
    struct module *module;
    const char *dot = strrchr(forward, '.');
    size_t length = dot ? (size_t)(dot - forward) : 0;
    if (depth >= FORWARD_LIMIT || !length || length + 5 > sizeof library ||
        memchr(forward, '/', length))
        return 0;
    memcpy(library, forward, length);
    strcpy(library + length, ".dll");
    module = module_by_name(library);
    if (!module && load_library(library, &module, &failure) != STATUS_SUCCESS)
        return 0;
    return dot[1] == '#' ? symbol(module, NULL, (uint32_t)strtoul(dot + 2, NULL, 10), depth + 1)
                         : symbol(module, dot + 1, 0, depth + 1);
}

static uint64_t symbol(struct module *module, const char *name, uint32_t ordinal, unsigned depth)
{
    struct image_symbol found;
    if (!module->image) {
        const struct export_entry *entry =
            name ? export_find(module->name, name) : export_find_ordinal(module->name, ordinal);
        return entry ? builtin_symbol(module, entry) : 0;
    }
    if (!image_export(module->image, name, ordinal, &found))
        return 0;
    return found.forward ? forwarded(found.forward, depth) : module->base + found.rva;
}

uint64_t bind_symbol(struct module *module, const char *name, uint32_t ordinal)
{
    return symbol(module, name, ordinal, 0);
}

/* One library's functions. `library` NULL: it is nowhere. */
static NTSTATUS bind_library(struct module *module, const struct image_import *import,
                             struct module *library, struct image_failure *ret_failure)
{
    struct image_thunk thunk;
    enum image_step step;
    char by_ordinal[16];
    for (unsigned i = 0;
         (step = image_thunk(module->image, import, i, &thunk, ret_failure)) == IMAGE_MORE; i++) {
        uint64_t address = library ? bind_symbol(library, thunk.name, thunk.ordinal) : 0;
        if (!address) {
            snprintf(by_ordinal, sizeof by_ordinal, "#%u", thunk.ordinal);
            address = make_stub(import->module, thunk.name ? thunk.name : by_ordinal);
        }
        if (!address)
            return STATUS_NO_MEMORY;
        if (thunk.slot > module->size - sizeof address) {
            snprintf(ret_failure->text, sizeof ret_failure->text,
                     "the import table of %s lies outside the image", import->module);
            return STATUS_INVALID_IMAGE_FORMAT;
        }
        memcpy((void *)(module->base + thunk.slot), &address, sizeof address);
    }
    return step == IMAGE_BAD ? STATUS_INVALID_IMAGE_FORMAT : STATUS_SUCCESS;
}

static bool needs(struct module *module, struct module *library)
{
    for (unsigned i = 0; i < module->need_count; i++)
        if (module->needs[i] == library)
            return true;
    return false;
}

NTSTATUS bind_imports(struct module *module, struct image_failure *ret_failure)
{
    struct image_failure unused;
    struct image_import import;
    enum image_step step;
    NTSTATUS status = STATUS_SUCCESS;

    module->needs = calloc(MODULE_NEEDS_LIMIT, sizeof(struct module *));
    if (!module->needs)
        return STATUS_NO_MEMORY;
    for (unsigned i = 0;
         status == STATUS_SUCCESS &&
         (step = image_import(module->image, false, i, &import, ret_failure)) != IMAGE_END;
         i++) {
        struct module *library = NULL;
        if (step == IMAGE_BAD)
            return STATUS_INVALID_IMAGE_FORMAT;
        NTSTATUS loaded = load_library(import.module, &library, &unused);
        if (loaded == STATUS_NO_MEMORY)
            return loaded;
        if (loaded != STATUS_SUCCESS)
            library = NULL;
        else if (needs(module, library) || module->need_count == MODULE_NEEDS_LIMIT)
            unload_library(library);
        else
            module->needs[module->need_count++] = library;
        status = bind_library(module, &import, library, ret_failure);
    }
    return status;
}
