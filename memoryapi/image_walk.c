/*
 * Walks through the directories of an image: imports, exports, thread-local storage, relocations.
 */
#include "memoryapi/base.h"
#include "memoryapi/image_read.h"

#define IMPORT_DESCRIPTOR 20
#define DELAY_DESCRIPTOR  32
/* the attribute without which the fields are addresses (old linkers) */
#define DELAY_RVA_BASED 1u
#define BY_ORDINAL      (1ull << 63)

static enum image_step bad(struct image_failure *failure, const char *what, uint64_t rva)
{
    image_fail(failure, IMAGE_BAD_DIRECTORY, "%s at 0x%llx is not in the file's data", what,
               (unsigned long long)rva);
    return IMAGE_BAD;
}

enum image_step image_import(const struct image *image, bool delayed, unsigned index,
                             struct image_import *ret_import, struct image_failure *ret_failure)
{
    uint32_t table = image->directories[delayed ? IMAGE_DELAY_IMPORT : IMAGE_IMPORT].rva;
    unsigned unit = delayed ? DELAY_DESCRIPTOR : IMPORT_DESCRIPTOR;
    if (!table)
        return IMAGE_END;
    uint64_t at = table + (uint64_t)index * unit;
    const uint8_t *entry = image_bytes(image, at, unit);
    if (!entry)
        return bad(ret_failure, "the import table", at);
    uint32_t name = read32(entry + (delayed ? 4 : 12)), slots = read32(entry + (delayed ? 12 : 16));
    if (!name || !slots)
        return IMAGE_END;
    if (delayed && !(read32(entry) & DELAY_RVA_BASED)) {
        image_fail(ret_failure, IMAGE_BAD_DIRECTORY, "delay import %u is of the old 32-bit kind",
                   index);
        return IMAGE_BAD;
    }
    uint32_t names = read32(entry + (delayed ? 16 : 0));
    *ret_import =
        (struct image_import){image_string(image, name), names ? names : slots, slots, delayed};
    return ret_import->module ? IMAGE_MORE
                              : bad(ret_failure, "the name of an imported module", name);
}

enum image_step image_thunk(const struct image *image, const struct image_import *import,
                            unsigned index, struct image_thunk *ret_thunk,
                            struct image_failure *ret_failure)
{
    uint64_t at = import->names + (uint64_t)index * 8, slot = import->slots + (uint64_t)index * 8;
    const uint8_t *entry = image_bytes(image, at, 8);
    if (!entry)
        return bad(ret_failure, "an import lookup table", at);
    uint64_t value = read64(entry);
    if (value == 0)
        return IMAGE_END;
    if (slot + 8 > image->size)
        return bad(ret_failure, "an import address table", slot);
    *ret_thunk = (struct image_thunk){NULL, (uint16_t)value, (uint32_t)slot};
    if (value & BY_ORDINAL)
        return IMAGE_MORE;
    ret_thunk->name = value <= UINT32_MAX ? image_string(image, value + 2) : NULL;
    return ret_thunk->name ? IMAGE_MORE
                           : bad(ret_failure, "the name of an imported function", value);
}

struct exports {
    uint32_t base, function_count, name_count;
    const uint8_t *functions, *names, *ordinals;
};

static bool exports_open(const struct image *image, struct exports *exports)
{
    const uint8_t *table = image_bytes(image, image->directories[IMAGE_EXPORT].rva, 40);
    if (!image->directories[IMAGE_EXPORT].rva || !table)
        return false;
    exports->base = read32(table + 16);
    exports->function_count = read32(table + 20);
    exports->name_count = read32(table + 24);
    exports->functions =
        image_bytes(image, read32(table + 28), (uint64_t)exports->function_count * 4);
    exports->names = image_bytes(image, read32(table + 32), (uint64_t)exports->name_count * 4);
    exports->ordinals = image_bytes(image, read32(table + 36), (uint64_t)exports->name_count * 2);
    if (!exports->names || !exports->ordinals)
        exports->name_count = 0;
    return exports->functions != NULL;
}

/* The name table is sorted by bytes; a file that lies about that finds less, not more. */
static bool find_name(const struct image *image, const struct exports *exports, const char *name,
                      uint32_t *ret_index)
{
    uint32_t low = 0, high = exports->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *there = image_string(image, read32(exports->names + (uint64_t)middle * 4));
        if (!there)
            return false;
        int order = strcmp(name, there);
        if (order == 0) {
            *ret_index = read16(exports->ordinals + (uint64_t)middle * 2);
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

bool image_export(const struct image *image, const char *name, uint32_t ordinal,
                  struct image_symbol *ret_symbol)
{
    struct exports exports;
    uint32_t index = 0;
    if (!exports_open(image, &exports))
        return false;
    if (name ? !find_name(image, &exports, name, &index) : ordinal < exports.base)
        return false;
    if (!name)
        index = ordinal - exports.base;
    if (index >= exports.function_count)
        return false;
    uint32_t rva = read32(exports.functions + (uint64_t)index * 4);
    uint32_t start = image->directories[IMAGE_EXPORT].rva,
             size = image->directories[IMAGE_EXPORT].size;
    if (rva == 0 || rva >= image->size)
        return false;
    *ret_symbol = (struct image_symbol){rva, NULL};
    if (rva < start || rva - start >= size)
        return true;
    /* an address inside the directory is a text: a forwarder */
    ret_symbol->forward = image_string(image, rva);
    return ret_symbol->forward != NULL;
}

/* An address of the preferred base as an RVA; false when it lies outside. */
static bool to_rva(const struct image *image, uint64_t address, uint64_t size, uint32_t *ret_rva)
{
    if (address < image->base || address - image->base > image->size ||
        size > image->size - (address - image->base))
        return false;
    *ret_rva = (uint32_t)(address - image->base);
    return true;
}

enum image_step image_tls(const struct image *image, struct image_tls *ret_tls,
                          struct image_failure *ret_failure)
{
    uint32_t rva = image->directories[IMAGE_TLS].rva;
    if (!rva)
        return IMAGE_END;
    const uint8_t *table = image_bytes(image, rva, 40);
    if (!table)
        return bad(ret_failure, "the TLS directory", rva);
    uint64_t start = read64(table), end = read64(table + 8), callbacks = read64(table + 24);
    struct image_tls tls = {.zeros = read32(table + 32)};
    if (end < start || (end > start && !to_rva(image, start, end - start, &tls.template_rva)))
        return bad(ret_failure, "the TLS template", start);
    tls.template_size = (uint32_t)(end - start);
    if (!to_rva(image, read64(table + 16), 4, &tls.index_rva))
        return bad(ret_failure, "the TLS index", read64(table + 16));
    if (callbacks && !to_rva(image, callbacks, 8, &tls.callbacks_rva))
        return bad(ret_failure, "the TLS callback array", callbacks);
    *ret_tls = tls;
    return IMAGE_MORE;
}

/*
 * One block: a page and 16-bit entries, the type in the top four bits. With `memory` NULL it only
 * checks.
 */
static bool relocate_block(const struct image *image, const uint8_t *block, uint32_t size,
                           uint8_t *memory, uint64_t delta, struct image_failure *failure)
{
    uint32_t page = read32(block);
    for (uint32_t i = 8; i + 2 <= size; i += 2) {
        unsigned entry = read16(block + i), type = entry >> 12;
        uint64_t at = (uint64_t)page + (entry & 0xFFF);
        unsigned width = type == 10 ? 8 : type == 3 ? 4 : 0; /* DIR64, HIGHLOW */
        if (type == 0)                                       /* ABSOLUTE: padding */
            continue;
        if (width == 0)
            return image_fail(failure, IMAGE_BAD_DIRECTORY, "relocation of kind %u at 0x%llx", type,
                              (unsigned long long)at);
        if (at + width > image->size)
            return image_fail(failure, IMAGE_BAD_DIRECTORY, "relocation at 0x%llx beyond the image",
                              (unsigned long long)at);
        if (!memory)
            continue;
        uint64_t value = 0;
        memcpy(&value, memory + at, width);
        value += delta;
        memcpy(memory + at, &value, width);
    }
    return true;
}

static bool walk_relocations(const struct image *image, uint8_t *memory, uint64_t delta,
                             struct image_failure *failure)
{
    uint32_t rva = image->directories[IMAGE_RELOCATION].rva,
             left = image->directories[IMAGE_RELOCATION].size;
    while (left >= 8) {
        const uint8_t *block = image_bytes(image, rva, 8);
        uint32_t size = block ? read32(block + 4) : 0;
        if (block && size == 0)
            break; /* some linkers pad with zeros */
        if (size < 8 || size > left || !image_bytes(image, rva, size))
            return image_fail(failure, IMAGE_BAD_DIRECTORY,
                              "relocation block at 0x%x of 0x%x bytes", rva, size);
        if (!relocate_block(image, block, size, memory, delta, failure))
            return false;
        rva += size;
        left -= size;
    }
    return true;
}

bool image_relocate(const struct image *image, uint8_t *memory, uint64_t delta,
                    struct image_failure *ret_failure)
{
    if (image->flags & IMAGE_FLAG_RELOCS_STRIPPED)
        return image_fail(ret_failure, IMAGE_NOT_RELOCATABLE,
                          "its relocations are stripped and 0x%llx is not free",
                          (unsigned long long)image->base);
    return walk_relocations(image, NULL, delta, ret_failure) &&
           walk_relocations(image, memory, delta, ret_failure);
}
