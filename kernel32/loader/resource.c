/*
 * Resources: a tree of directories in the image (type, name, language) with a data entry at the
 * end. The tree is read from the mapped image, with bounds checked at every step.
 *
 * Source: Microsoft Learn, "PE Format", the .rsrc section.
 */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/utf.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

#define IS_NUMBER(name) ((uint64_t)(name) < 0x10000)
#define HIGH_BIT        0x80000000u
#define NEUTRAL         0x0000
#define ENGLISH         0x0409

struct tree {
    uint64_t module; /* base */
    uint64_t start;
    uint32_t size; /* bytes */
};

struct directory {
    uint32_t characteristics, time;
    uint16_t major, minor, named, numbered;
};

struct entry {
    uint32_t name, offset;
};

static bool read_at(const struct tree *tree, uint32_t offset, void *ret, uint32_t size)
{
    return size <= tree->size && offset <= tree->size - size &&
           guarded_read((const void *)(tree->start + offset), ret, size);
}

static NTSTATUS open_tree(HMODULE handle, struct tree *ret_tree)
{
    struct module *module = handle ? module_by_base((uint64_t)handle) : module_program();
    if (!module)
        return STATUS_DLL_NOT_FOUND;
    if (!module->image || !module->image->directories[IMAGE_RESOURCE].rva ||
        (uint64_t)module->image->directories[IMAGE_RESOURCE].rva +
                module->image->directories[IMAGE_RESOURCE].size >
            module->size)
        return STATUS_RESOURCE_DATA_NOT_FOUND;
    *ret_tree =
        (struct tree){module->base, module->base + module->image->directories[IMAGE_RESOURCE].rva,
                      module->image->directories[IMAGE_RESOURCE].size};
    return STATUS_SUCCESS;
}

/* "#123" means the number. */
static bool numbered(const WCHAR *name, uint32_t *ret_number)
{
    uint32_t value = 0;
    if (IS_NUMBER(name)) {
        *ret_number = (uint32_t)(uint64_t)name;
        return true;
    }
    if (*name != '#')
        return false;
    for (const WCHAR *at = name + 1; *at; at++) {
        if (*at < '0' || *at > '9' || value > 0xFFFF)
            return false;
        value = value * 10 + *at - '0';
    }
    *ret_number = value;
    return true;
}

static bool same_name(const struct tree *tree, uint32_t offset, const WCHAR *name)
{
    uint16_t length, unit;
    if (!read_at(tree, offset, &length, sizeof length) || length != wide_length(name))
        return false;
    for (uint32_t i = 0; i < length; i++)
        if (!read_at(tree, offset + 2 + i * 2, &unit, sizeof unit) ||
            wide_upper(unit) != wide_upper(name[i]))
            return false;
    return true;
}

/* The offset behind `name` in the directory at `offset`. */
static bool descend(const struct tree *tree, uint32_t offset, const WCHAR *name,
                    uint32_t *ret_offset)
{
    struct directory directory;
    struct entry entry;
    uint32_t number = 0;
    bool by_number = numbered(name, &number);
    if (!read_at(tree, offset, &directory, sizeof directory))
        return false;
    for (uint32_t i = 0; i < (uint32_t)directory.named + directory.numbered; i++) {
        if (!read_at(tree, offset + (uint32_t)sizeof directory + i * (uint32_t)sizeof entry, &entry,
                     sizeof entry))
            return false;
        if (by_number ? entry.name == number
                      : (entry.name & HIGH_BIT) && same_name(tree, entry.name & ~HIGH_BIT, name)) {
            *ret_offset = entry.offset;
            return true;
        }
    }
    return false;
}

static bool first_of(const struct tree *tree, uint32_t offset, uint32_t *ret_offset)
{
    struct directory directory;
    struct entry entry;
    if (!read_at(tree, offset, &directory, sizeof directory) ||
        directory.named + directory.numbered == 0 ||
        !read_at(tree, offset + (uint32_t)sizeof directory, &entry, sizeof entry))
        return false;
    *ret_offset = entry.offset;
    return true;
}

static NTSTATUS find(const struct tree *tree, const WCHAR *type, const WCHAR *name, WORD language,
                     HRSRC *ret_resource)
{
    uint32_t at;
    const uint64_t wanted[] = {language, NEUTRAL, ENGLISH};
    if (!descend(tree, 0, type, &at) || !(at & HIGH_BIT))
        return STATUS_RESOURCE_TYPE_NOT_FOUND;
    if (!descend(tree, at & ~HIGH_BIT, name, &at) || !(at & HIGH_BIT))
        return STATUS_RESOURCE_NAME_NOT_FOUND;
    uint32_t languages = at & ~HIGH_BIT;
    bool found = false;
    for (unsigned i = 0; i < array_length(wanted) && !found; i++)
        found = descend(tree, languages, (const WCHAR *)wanted[i], &at);
    if (!found && language == NEUTRAL)
        found = first_of(tree, languages, &at);
    if (!found || at & HIGH_BIT)
        return STATUS_RESOURCE_LANG_NOT_FOUND;
    *ret_resource = (HRSRC)(tree->start + at);
    return STATUS_SUCCESS;
}

HRSRC k32_FindResourceExW(HMODULE hModule, LPCWSTR lpType, LPCWSTR lpName, WORD wLanguage)
{
    struct tree tree;
    HRSRC found = NULL;
    NTSTATUS status = open_tree(hModule, &tree);
    if (status == STATUS_SUCCESS)
        status = find(&tree, lpType, lpName, wLanguage, &found);
    return face_pointer(status, found);
}

HRSRC k32_FindResourceW(HMODULE hModule, LPCWSTR lpName, LPCWSTR lpType)
{
    return k32_FindResourceExW(hModule, lpType, lpName, NEUTRAL);
}

HRSRC k32_FindResourceExA(HMODULE hModule, LPCSTR lpType, LPCSTR lpName, WORD wLanguage)
{
    WCHAR type[256], name[256];
    const WCHAR *wide_type = (const WCHAR *)(const void *)lpType,
                *wide_name = (const WCHAR *)(const void *)lpName;
    if (!IS_NUMBER(lpType)) {
        type[utf8_to_utf16(lpType, strnlen(lpType, 255), type, 255, NULL) % 256] = 0;
        wide_type = type;
    }
    if (!IS_NUMBER(lpName)) {
        name[utf8_to_utf16(lpName, strnlen(lpName, 255), name, 255, NULL) % 256] = 0;
        wide_name = name;
    }
    return k32_FindResourceExW(hModule, wide_type, wide_name, wLanguage);
}

HRSRC k32_FindResourceA(HMODULE hModule, LPCSTR lpName, LPCSTR lpType)
{
    return k32_FindResourceExA(hModule, lpType, lpName, NEUTRAL);
}

/* A resource handle is the address of its data entry: RVA, size, code page, 0. */
static bool entry_of(HMODULE handle, HRSRC resource, uint32_t ret_entry[4], struct tree *ret_tree)
{
    if (open_tree(handle, ret_tree) != STATUS_SUCCESS || (uint64_t)resource < ret_tree->start)
        return false;
    return read_at(ret_tree, (uint32_t)((uint64_t)resource - ret_tree->start), ret_entry, 16);
}

HGLOBAL k32_LoadResource(HMODULE hModule, HRSRC hResInfo)
{
    struct tree tree;
    uint32_t entry[4];
    if (!hResInfo || !entry_of(hModule, hResInfo, entry, &tree))
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    struct module *module = module_by_base(tree.module);
    if (!module || (uint64_t)entry[0] + entry[1] > module->size)
        return face_pointer(STATUS_RESOURCE_DATA_NOT_FOUND, NULL);
    return (HGLOBAL)(tree.module + entry[0]);
}

LPVOID k32_LockResource(HGLOBAL hResData)
{
    return hResData;
}

DWORD k32_SizeofResource(HMODULE hModule, HRSRC hResInfo)
{
    struct tree tree;
    uint32_t entry[4];
    if (!hResInfo || !entry_of(hModule, hResInfo, entry, &tree))
        return (DWORD)face_bool(STATUS_INVALID_PARAMETER);
    return entry[1];
}

BOOL k32_FreeResource(HGLOBAL hResData)
{
    return FALSE; /* FALSE is success; there is nothing to free (sdk-api FreeResource) */
}
