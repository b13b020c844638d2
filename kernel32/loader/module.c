/* The list of modules, ours and the one in the PEB, which are the same. */
#include "kernel32/loader/module.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "kernel32/process/path.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/unwind.h"
#include "memoryapi/base.h"
#include "memoryapi/futex.h"
#include "memoryapi/mm.h"

/* PEB_LDR_DATA */
struct loader_data {
    uint32_t length;
    uint8_t initialized, padding[3];
    void *handle;
    struct list_entry load_order, memory_order, init_order;
};

_Static_assert(offsetof(struct module_entry, base) == 0x30 &&
                   offsetof(struct module_entry, full_name) == 0x48,
               "LDR_DATA_TABLE_ENTRY");
_Static_assert(offsetof(struct module_entry, time) == 0x80 && sizeof(struct module_entry) == 0x120,
               "LDR_DATA_TABLE_ENTRY");

static struct {
    struct futex_lock lock;
    /* changed under both locks, read under either */
    struct loader_data data;
    struct module *program;
} list = {.data = {.length = 0x58, .initialized = 1}};

#define of_entry(node, member)                                                                     \
    container_of(container_of(node, struct module_entry, member), struct module, entry)

static void empty(struct list_entry *head)
{
    head->next = head->previous = head;
}

static void append(struct list_entry *head, struct list_entry *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

static void take_out(struct list_entry *node)
{
    if (!node->next)
        return;
    node->next->previous = node->previous;
    node->previous->next = node->next;
    node->next = node->previous = NULL;
}

static bool find_range(uint64_t pc, uint64_t *ret_base, uint64_t *ret_size)
{
    struct module *module = module_by_address(pc);
    if (!module)
        return false;
    *ret_base = module->base;
    *ret_size = module->size;
    return true;
}

void module_list_init(void)
{
    empty(&list.data.load_order);
    empty(&list.data.memory_order);
    empty(&list.data.init_order);
    process_peb->loader_data = &list.data;
    unwind_find_module = find_range;
    mm_image_name = module_image_name;
}

void module_insert(struct module *module)
{
    futex_lock(&list.lock);
    append(&list.data.load_order, &module->entry.load_order);
    append(&list.data.memory_order, &module->entry.memory_order);
    if (module->is_program)
        list.program = module;
    futex_unlock(&list.lock);
}

void module_began(struct module *module)
{
    futex_lock(&list.lock);
    if (!module->entry.init_order.next)
        append(&list.data.init_order, &module->entry.init_order);
    futex_unlock(&list.lock);
}

void module_remove(struct module *module)
{
    futex_lock(&list.lock);
    take_out(&module->entry.load_order);
    take_out(&module->entry.memory_order);
    take_out(&module->entry.init_order);
    futex_unlock(&list.lock);
}

struct module *module_next(const struct module *module)
{
    const struct list_entry *node =
        module ? module->entry.load_order.next : list.data.load_order.next;
    return node == &list.data.load_order || !node ? NULL : of_entry(node, load_order);
}

static struct module *find(bool (*fits)(const struct module *module, const void *key),
                           const void *key)
{
    struct module *found = NULL;
    futex_lock(&list.lock);
    if (list.data.load_order.next)
        for (found = module_next(NULL); found && !fits(found, key); found = module_next(found))
            ;
    futex_unlock(&list.lock);
    return found;
}

static bool has_base(const struct module *module, const void *key)
{
    return module->base == *(const uint64_t *)key;
}

static bool holds(const struct module *module, const void *key)
{
    return *(const uint64_t *)key - module->base < module->size;
}

static bool is_named(const struct module *module, const void *key)
{
    return strcasecmp(module->name, key) == 0;
}

static bool is_file(const struct module *module, const void *key)
{
    return module->host_path && strcmp(module->host_path, key) == 0;
}

struct module *module_by_base(uint64_t base)
{
    return find(has_base, &base);
}

struct module *module_by_address(uint64_t address)
{
    return find(holds, &address);
}

bool module_full_path(uint64_t base, WCHAR *ret_path, size_t room, size_t *ret_length)
{
    bool fits = false;
    futex_lock(&list.lock);
    for (const struct module *module = module_next(NULL); module; module = module_next(module)) {
        if (module->base != base)
            continue;
        *ret_length = wide_length(module->full_path);
        fits = *ret_length < room;
        if (fits)
            memcpy(ret_path, module->full_path, (*ret_length + 1) * sizeof *ret_path);
        break;
    }
    futex_unlock(&list.lock);
    return fits;
}

struct module *module_by_name(const char *name)
{
    char full[256];
    size_t length = strlen(name);
    if (strchr(name, '/'))
        return find(is_file, name);
    if (length + 5 > sizeof full)
        return NULL;
    memcpy(full, name, length + 1);
    if (!strchr(name, '.'))
        strcpy(full + length, ".dll");
    else if (length && name[length - 1] == '.')
        full[length - 1] = 0; /* a dot at the end: no extension is added */
    return find(is_named, full);
}

struct module *module_program(void)
{
    return list.program;
}

void module_for_each_begun(bool reverse, void (*each)(struct module *module, void *context),
                           void *context)
{
    struct list_entry *head = &list.data.init_order, *next;
    for (struct list_entry *node = reverse ? head->previous : head->next; node && node != head;
         node = next) {
        next = reverse ? node->previous : node->next;
        each(of_entry(node, init_order), context);
    }
}

static UNICODE_STRING counted(WCHAR *text)
{
    size_t bytes = wide_length(text) * sizeof *text;
    return (UNICODE_STRING){(USHORT)bytes, (USHORT)(bytes + sizeof *text), text};
}

/* Where a built-in module would be on Windows. */
static WCHAR *system_path(const char *name)
{
    char full[300];
    snprintf(full, sizeof full, "C:\\Windows\\System32\\%s", name);
    return wide_from_utf8(full);
}

struct module *module_new(const char *name, const char *host_path)
{
    struct module *module = calloc(1, sizeof *module);
    size_t length;
    if (!module)
        return NULL;
    module->name = strdup(name);
    module->host_path = host_path ? strdup(host_path) : NULL;
    module->full_path = host_path ? path_from_host(host_path, &length) : system_path(name);
    if (!module->name || (host_path && !module->host_path) || !module->full_path) {
        module_destroy(module);
        return NULL;
    }
    for (char *at = module->name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    module->entry.full_name = counted(module->full_path);
    WCHAR *base = module->full_path;
    for (WCHAR *at = base; *at; at++)
        if (*at == '\\')
            base = at + 1;
    module->entry.base_name = counted(base);
    empty(&module->entry.hash);
    return module;
}

void module_destroy(struct module *module)
{
    if (module->image && module->base)
        image_unmap(module->base);
    image_close(module->image);
    free(module->needs);
    free(module->jumps);
    free(module->name);
    free(module->host_path);
    free(module->full_path);
    free(module);
}
