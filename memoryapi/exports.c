/* Finding a function by module and name in the generated table, as a loader does; nothing here
 * allocates. */
#include "memoryapi/exports.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <winmem/winmem.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_text(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/* Length of a module's name without its ".dll". */
static size_t stem(const char *module)
{
    size_t length = strlen(module);
    return length > 4 && same_text(module + length - 4, ".dll", 4) ? length - 4 : length;
}

/* "api-ms-win-core-memory-l1-1-2" counts as "api-ms-win-core-memory-l1-1-": Windows ignores the
 * last number, too. */
static size_t set_stem(const char *set, size_t length)
{
    while (length > 0 && set[length - 1] >= '0' && set[length - 1] <= '9')
        length--;
    return length;
}

static bool is_set(const char *module, size_t length)
{
    return (length > 4 && same_text(module, "api-", 4)) ||
           (length > 4 && same_text(module, "ext-", 4));
}

static bool lists_set(const struct export_entry *entry, const char *set, size_t length)
{
    length = set_stem(set, length);
    for (const char *const *name = entry->apisets; *name; name++)
        if (set_stem(*name, stem(*name)) == length && same_text(*name, set, length))
            return true;
    return false;
}

static bool lists_module(const struct export_entry *entry, const char *module, size_t length)
{
    for (const char *const *name = entry->modules; *name; name++)
        if (stem(*name) == length && same_text(*name, module, length))
            return true;
    return false;
}

/*
 * An api set stands for a DLL, and everything that DLL exports can be had through it. Which DLL
 * that is, the functions that name the set tell. Only asked when the function itself does not name
 * the set.
 */
static bool set_stands_for(const char *set, size_t length, const struct export_entry *entry)
{
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *member = &winmem_exports[i];
        if (!lists_set(member, set, length))
            continue;
        for (const char *const *name = member->modules; *name; name++)
            if (lists_module(entry, *name, stem(*name)))
                return true;
    }
    return false;
}

static const struct export_entry *find_name(const char *name)
{
    unsigned low = 0, high = winmem_export_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(name, winmem_exports[middle].name);
        if (order == 0)
            return &winmem_exports[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct export_entry *export_find(const char *module, const char *name)
{
    const struct export_entry *entry = find_name(name);
    if (!entry || !module)
        return entry;
    size_t length = stem(module);
    if (is_set(module, length))
        return lists_set(entry, module, length) || set_stands_for(module, length, entry) ? entry
                                                                                         : NULL;
    return lists_module(entry, module, length) ? entry : NULL;
}

const struct export_entry *export_find_ordinal(const char *module, unsigned ordinal)
{
    size_t length = stem(module);
    for (unsigned i = 0; ordinal && i < winmem_export_count; i++)
        if (winmem_exports[i].ordinal == ordinal &&
            lists_module(&winmem_exports[i], module, length))
            return &winmem_exports[i];
    return NULL;
}

bool export_module_known(const char *module)
{
    size_t length = stem(module);
    bool set = is_set(module, length);
    for (unsigned i = 0; i < winmem_export_count; i++)
        if (set ? lists_set(&winmem_exports[i], module, length)
                : lists_module(&winmem_exports[i], module, length))
            return true;
    return false;
}

void *winmem_resolve(const char *module, const char *name)
{
    const struct export_entry *entry = name ? export_find(module, name) : NULL;
    return entry ? (void *)entry->function : NULL;
}

int winmem_has_module(const char *module)
{
    return module && export_module_known(module);
}

const char *winmem_version(void)
{
    return WINMEM_VERSION;
}

unsigned export_kind_size(char kind)
{
    switch (kind) {
    case 'v':
        return 0;
    case 'b':
    case 'B':
        return 1;
    case 'w':
    case 'W':
        return 2;
    case 'd':
    case 'D':
        return 4;
    default:
        return 8;
    }
}
