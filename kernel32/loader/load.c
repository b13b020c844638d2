/* Loading and unloading: from a name to a mapped, bound image. */
#include "kernel32/loader/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/process/path.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

/*
 * Images with a base chosen at random are put here, 64 KiB apart: in the address space that
 * `winmem run` keeps for the program, far above where programs are linked to be and where a search
 * for any place begins. Windows' own range, 0x7FF6..., is the host's on Linux.
 */
#define RANDOM_LOWEST 0x400000000000ull
#define RANDOM_PLACES 0x00800000u

static NTSTATUS fail(struct image_failure *failure, NTSTATUS status, const char *text)
{
    snprintf(failure->text, sizeof failure->text, "%s", text);
    return status;
}

static NTSTATUS map_file(const char *host_path, const uint8_t **ret_bytes, uint64_t *ret_length,
                         struct image_failure *ret_failure)
{
    struct stat facts;
    const void *bytes = NULL;
    /* O_NONBLOCK: a fifo or a device in the place of a file must not keep us waiting */
    int file = open(host_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
    if (file < 0)
        return fail(ret_failure, errno_to_status(errno), strerror(errno));
    if (fstat(file, &facts) != 0)
        error = errno;
    else if (!S_ISREG(facts.st_mode))
        error = S_ISDIR(facts.st_mode) ? EISDIR : ENOEXEC;
    else if (facts.st_size == 0) {
        close(file);
        return fail(ret_failure, STATUS_INVALID_IMAGE_FORMAT, "the file is empty");
    } else {
        error = -host_map_file(file, (uint64_t)facts.st_size, &bytes);
    }
    close(file);
    if (error)
        return fail(ret_failure, errno_to_status(error), strerror(error));
    *ret_bytes = bytes;
    *ret_length = (uint64_t)facts.st_size;
    return STATUS_SUCCESS;
}

NTSTATUS image_open(const char *host_path, struct image **ret_image,
                    struct image_failure *ret_failure)
{
    const uint8_t *bytes = NULL;
    uint64_t length = 0;
    NTSTATUS status = map_file(host_path, &bytes, &length, ret_failure);
    if (status != STATUS_SUCCESS)
        return status;
    struct image *image = malloc(sizeof *image);
    if (image && image_parse(bytes, length, image, ret_failure)) {
        *ret_image = image;
        return STATUS_SUCCESS;
    }
    free(image);
    host_unmap_file(bytes, length);
    return image ? STATUS_INVALID_IMAGE_FORMAT : STATUS_NO_MEMORY;
}

void image_close(struct image *image)
{
    if (!image)
        return;
    host_unmap_file(image->bytes, image->length);
    free(image);
}

static void describe(struct module *module)
{
    struct module_entry *entry = &module->entry;
    entry->base = (void *)module->base;
    entry->entry = module->image->entry ? (void *)(module->base + module->image->entry) : NULL;
    entry->size = (uint32_t)module->size;
    /* LDRP_ENTRY_PROCESSED; LDRP_IMAGE_DLL | LDRP_PROCESS_ATTACH_CALLED */
    entry->flags = module->is_program ? 0x4000 : 0x80004;
    entry->load_count = 1;
    memcpy(&entry->time, image_bytes(module->image, module->image->nt_offset, 24) + 8,
           sizeof entry->time);
}

static NTSTATUS place(struct module *module, uint64_t wanted, struct image_failure *ret_failure)
{
    NTSTATUS status = image_map(module->image, wanted, &module->base, ret_failure);
    if (status != STATUS_SUCCESS)
        return status;
    module->size = module->image->size;
    describe(module);
    switch (image_tls(module->image, &module->tls, ret_failure)) {
    case IMAGE_BAD:
        return STATUS_INVALID_IMAGE_FORMAT;
    case IMAGE_MORE:
        module->has_tls = true;
        return STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

/* Takes an image from its bytes to a module in the list, bound, and not called yet. */
static NTSTATUS load_image(struct module *module, uint64_t wanted,
                           struct image_failure *ret_failure)
{
    NTSTATUS status = place(module, wanted, ret_failure);
    if (status != STATUS_SUCCESS)
        return status;
    module_insert(module);
    status = bind_imports(module, ret_failure);
    if (status == STATUS_SUCCESS && module->has_tls)
        status = tls_static_add(module, ret_failure);
    if (status == STATUS_SUCCESS) {
        status = image_protect(module->image, module->base);
        if (status != STATUS_SUCCESS)
            fail(ret_failure, status, "the sections cannot get their protections");
    }
    if (status != STATUS_SUCCESS) {
        for (unsigned i = 0; i < module->need_count; i++)
            unload_library(module->needs[i]);
        if (module->has_tls)
            tls_static_remove(module);
        module_remove(module);
    }
    return status;
}

static NTSTATUS load_file(const char *host_path, struct module **ret_module,
                          struct image_failure *ret_failure)
{
    struct image *image;
    const char *base = strrchr(host_path, '/');
    NTSTATUS status = image_open(host_path, &image, ret_failure);
    if (status != STATUS_SUCCESS)
        return status;
    struct module *module = module_new(base ? base + 1 : host_path, host_path);
    if (!module) {
        image_close(image);
        return STATUS_NO_MEMORY;
    }
    module->image = image;
    module->loads = 1;
    status = load_image(module, 0, ret_failure);
    if (status != STATUS_SUCCESS) {
        module_destroy(module);
        return status;
    }
    *ret_module = module;
    return STATUS_SUCCESS;
}

static struct module *one_more(struct module *module)
{
    if (module->loads != MODULE_PINNED)
        module->entry.load_count = ++module->loads;
    return module;
}

/* `name` with ".dll" when it has no dot; malloc'd. */
static char *complete(const char *name)
{
    const char *base = strrchr(name, '/');
    char *full;
    return asprintf(&full, "%s%s", name, strchr(base ? base : name, '.') ? "" : ".dll") >= 0 ? full
                                                                                             : NULL;
}

/* pre: winmem answers for the name. NULL: no memory. */
static struct module *answered_by_winmem(const char *name)
{
    const char *answered = builtin_name(name);
    struct module *module = module_by_name(answered);
    return module ? module : builtin_load(answered);
}

static NTSTATUS load_from_file(char *path, struct module **ret_module,
                               struct image_failure *ret_failure)
{
    struct module *module = module_by_name(path);
    if (!module)
        return load_file(path, ret_module, ret_failure);
    *ret_module = one_more(module);
    return STATUS_SUCCESS;
}

static NTSTATUS load_complete(const char *name, struct module **ret_module,
                              struct image_failure *ret_failure)
{
    struct module *module = module_by_name(name);
    bool answered = !module && !strchr(name, '/') && builtin_name(name);
    char *path = NULL;
    if (!module && !answered)
        path = search_library(name);
    else if (!module && !search_is_system(name))
        path = search_beside_program(name);
    if (path) {
        NTSTATUS status = load_from_file(path, ret_module, ret_failure);
        free(path);
        return status;
    }
    if (!module && answered)
        module = answered_by_winmem(name);
    if (!module)
        return answered ? fail(ret_failure, STATUS_NO_MEMORY, "no memory")
                        : fail(ret_failure, STATUS_DLL_NOT_FOUND, "no such library");
    *ret_module = one_more(module);
    return STATUS_SUCCESS;
}

NTSTATUS load_library(const char *name, struct module **ret_module,
                      struct image_failure *ret_failure)
{
    char *full = complete(name);
    if (!full)
        return fail(ret_failure, STATUS_NO_MEMORY, "no memory");
    NTSTATUS status = load_complete(full, ret_module, ret_failure);
    free(full);
    return status;
}

static uint64_t random_base(const struct image *image)
{
    uint32_t value;
    if (!(image->dll_flags & IMAGE_DLL_DYNAMIC_BASE) ||
        (image->flags & IMAGE_FLAG_RELOCS_STRIPPED) ||
        getrandom(&value, sizeof value, 0) != sizeof value)
        return 0;
    return RANDOM_LOWEST + (uint64_t)(value % RANDOM_PLACES) * ALLOCATION_GRANULARITY;
}

NTSTATUS load_program(const char *host_path, struct image *image, bool random,
                      struct module **ret_module, struct image_failure *ret_failure)
{
    const char *base = strrchr(host_path, '/');
    struct module *module = module_new(base ? base + 1 : host_path, host_path);
    if (!module) {
        image_close(image);
        return STATUS_NO_MEMORY;
    }
    module->image = image;
    module->is_program = true;
    module->loads = MODULE_PINNED;
    NTSTATUS status = load_image(module, random ? random_base(image) : 0, ret_failure);
    if (status != STATUS_SUCCESS)
        module_destroy(module);
    else
        *ret_module = module;
    return status;
}

void unload_library(struct module *module)
{
    if (module->loads == MODULE_PINNED || --module->loads > 0)
        return;
    detach_module(module);
    if (module->has_tls)
        tls_static_remove(module);
    module_remove(module);
    for (unsigned i = 0; i < module->need_count; i++)
        unload_library(module->needs[i]);
    module_destroy(module);
}
