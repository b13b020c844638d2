/*
 * Modules that winmem answers for: a small image in memory with headers and an export directory, as
 * programs expect behind a module handle. Each exported address is a stub that jumps to the gate,
 * so that it lies inside the module.
 */
#include "kernel32/loader/module.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "memoryapi/base.h"
#include "memoryapi/exports.h"
#include "memoryapi/mm.h"

#define STUB_SIZE 16
#define CODE_RVA  PAGE_SIZE
#define NT_OFFSET 0x80

static bool is_from(const struct export_entry *entry, const char *name)
{
    for (const char *const *module = entry->modules; *module; module++)
        if (strcasecmp(*module, name) == 0)
            return true;
    return false;
}

/*
 * "api-ms-win-core-memory-l1-1-2.dll" and "...-l1-1-0" are the same contract: the last number does
 * not count.
 */
static size_t contract_length(const char *name)
{
    const char *last = strrchr(name, '-');
    return last ? (size_t)(last - name) : strlen(name);
}

static bool is_in_set(const struct export_entry *entry, const char *name)
{
    size_t length = contract_length(name);
    for (const char *const *set = entry->apisets; *set; set++)
        if (contract_length(*set) == length && strncasecmp(*set, name, length) == 0)
            return true;
    return false;
}

/*
 * The library behind a set: the one with all of its functions. Some are not where older programs
 * find the others.
 */
static const char *set_host(const char *name)
{
    static const char base[] = "kernelbase.dll";
    const char *first = NULL;
    bool in_base = true;
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (!is_in_set(entry, name))
            continue;
        first = first ? first : entry->modules[0];
        in_base = in_base && is_from(entry, base);
    }
    return first && in_base ? base : first;
}

const char *builtin_name(const char *name)
{
    if (strncasecmp(name, "api-ms-", 7) == 0 || strncasecmp(name, "ext-ms-", 7) == 0)
        return set_host(name);
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        for (const char *const *module = entry->modules; *module; module++)
            if (strcasecmp(*module, name) == 0)
                return *module;
    }
    return NULL;
}

struct layout {
    uint32_t count, names_size;
    uint32_t directory, functions, names, ordinals, strings, end; /* RVAs */
};

static struct layout lay_out(const char *name)
{
    struct layout at = {.names_size = (uint32_t)strlen(name) + 1};
    for (unsigned i = 0; i < winmem_export_count; i++)
        if (is_from(&winmem_exports[i], name)) {
            at.count++;
            at.names_size += (uint32_t)strlen(winmem_exports[i].name) + 1;
        }
    at.directory = (uint32_t)round_up(CODE_RVA + at.count * STUB_SIZE, PAGE_SIZE);
    at.functions = at.directory + 40;
    at.names = at.functions + at.count * 4;
    at.ordinals = at.names + at.count * 4;
    at.strings = at.ordinals + at.count * 2;
    at.end = (uint32_t)round_up(at.strings + at.names_size, PAGE_SIZE);
    return at;
}

static void put16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static void write_section(uint8_t *at, const char *name, uint32_t rva, uint32_t size,
                          uint32_t flags)
{
    memcpy(at, name, strlen(name));
    put32(at + 8, size);
    put32(at + 12, rva);
    put32(at + 16, size);
    put32(at + 36, flags);
}

/* Source: Microsoft Learn, "PE Format". */
static void write_headers(uint8_t *image, const struct layout *at)
{
    uint8_t *nt = image + NT_OFFSET, *optional = nt + 24, *sections = optional + 240;
    memcpy(image, "MZ", 2);
    put32(image + 0x3C, NT_OFFSET);
    memcpy(nt, "PE\0\0", 4);
    put16(nt + 4, 0x8664);
    put16(nt + 6, 2);
    put16(nt + 20, 240);
    put16(nt + 22, 0x2022);
    put16(optional, 0x20B);
    put32(optional + 20, CODE_RVA);
    put64(optional + 24, (uint64_t)image);
    put32(optional + 32, PAGE_SIZE);
    put32(optional + 36, PAGE_SIZE);
    put16(optional + 40, 10);
    put16(optional + 48, 10);
    put32(optional + 56, at->end);
    put32(optional + 60, PAGE_SIZE);
    put16(optional + 68, 3);
    put16(optional + 70, 0x160);
    put32(optional + 108, IMAGE_DIRECTORIES);
    put32(optional + 112, at->directory);
    put32(optional + 116, at->end - at->directory);
    write_section(sections, ".text", CODE_RVA, at->directory - CODE_RVA, 0x60000020);
    write_section(sections + 40, ".edata", at->directory, at->end - at->directory, 0x40000040);
}

/* `jumps`: the RVA of each export of winmem_exports that the module has. */
static void write_exports(uint8_t *image, const struct layout *at, const char *name,
                          uint32_t *jumps)
{
    uint8_t *directory = image + at->directory;
    uint32_t string = at->strings, index = 0;

    put32(directory + 12, string);
    put32(directory + 16, 1);
    put32(directory + 20, at->count);
    put32(directory + 24, at->count);
    put32(directory + 28, at->functions);
    put32(directory + 32, at->names);
    put32(directory + 36, at->ordinals);
    strcpy((char *)image + string, name);
    string += (uint32_t)strlen(name) + 1;
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (!is_from(entry, name))
            continue;
        uint8_t *jump = image + CODE_RVA + index * STUB_SIZE;
        memcpy(jump, "\x48\xFF\x25\x01\0\0\0\xCC", 8); /* jmp [the gate's address]; int3 */
        put64(jump + 8, (uint64_t)entry->function);
        jumps[i] = CODE_RVA + index * STUB_SIZE;
        put32(image + at->functions + index * 4, CODE_RVA + index * STUB_SIZE);
        put32(image + at->names + index * 4, string);
        put16(image + at->ordinals + index * 2, (uint16_t)index);
        strcpy((char *)image + string, entry->name);
        string += (uint32_t)strlen(entry->name) + 1;
        index++;
    }
}

static bool protect(uint64_t start, uint64_t end, uint32_t protection)
{
    uint64_t size = end - start;
    uint32_t old;
    return mm_protect(&start, &size, protection, &old) == STATUS_SUCCESS;
}

struct module *builtin_load(const char *name)
{
    struct layout at = lay_out(name);
    struct module *module = module_new(name, NULL);
    uint32_t *jumps = calloc(winmem_export_count, sizeof *jumps);
    struct mm_request request = {.size = at.end,
                                 .type = MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
                                 .protect = PAGE_READWRITE,
                                 .kind = MM_IMAGE};
    if (!module || !jumps || mm_allocate(&request) != STATUS_SUCCESS)
        goto failed;
    write_headers((uint8_t *)request.base, &at);
    write_exports((uint8_t *)request.base, &at, module->name, jumps);
    module->jumps = jumps;
    module->base = request.base;
    module->size = at.end;
    module->loads = MODULE_PINNED;
    module->attached = true;
    module->entry.base = (void *)request.base;
    module->entry.size = at.end;
    module->entry.load_count = MODULE_PINNED;
    if (!protect(request.base, request.base + CODE_RVA, PAGE_READONLY) ||
        !protect(request.base + CODE_RVA, request.base + at.directory, PAGE_EXECUTE_READ) ||
        !protect(request.base + at.directory, request.base + at.end, PAGE_READONLY)) {
        image_unmap(request.base);
        goto failed;
    }
    module_insert(module);
    module_began(module);
    return module;
failed:
    if (!module || !module->jumps)
        free(jumps);
    if (module)
        module_destroy(module);
    return NULL;
}

uint64_t builtin_symbol(const struct module *module, const struct export_entry *entry)
{
    uint32_t jump = module->jumps[entry - winmem_exports];
    return jump ? module->base + jump : (uint64_t)entry->function;
}
