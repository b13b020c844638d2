/*
 * From a program counter to its unwind data: the tables of modules, and those a program added at
 * run time.
 */
#include "kernel32/process/unwind.h"

#include <pthread.h>
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"

struct dynamic_table {
    const struct unwind_function *functions;
    uint32_t count;
    uint64_t base;
};

static struct {
    pthread_rwlock_t lock;
    /* under lock */
    struct dynamic_table *tables;
    unsigned count, room;
} dynamic = {.lock = PTHREAD_RWLOCK_INITIALIZER};

bool (*unwind_find_module)(uint64_t pc, uint64_t *ret_base, uint64_t *ret_size);

bool unwind_add_table(const struct unwind_function *table, uint32_t count, uint64_t base)
{
    bool added = false;
    pthread_rwlock_wrlock(&dynamic.lock);
    if (dynamic.count == dynamic.room) {
        unsigned room = dynamic.room ? dynamic.room * 2 : 8;
        struct dynamic_table *more = realloc(dynamic.tables, room * sizeof *more);
        if (more) {
            dynamic.tables = more;
            dynamic.room = room;
        }
    }
    if (dynamic.count < dynamic.room) {
        dynamic.tables[dynamic.count++] = (struct dynamic_table){table, count, base};
        added = true;
    }
    pthread_rwlock_unlock(&dynamic.lock);
    return added;
}

bool unwind_delete_table(const struct unwind_function *table)
{
    bool found = false;
    pthread_rwlock_wrlock(&dynamic.lock);
    for (unsigned i = 0; i < dynamic.count && !found; i++) {
        if (dynamic.tables[i].functions != table)
            continue;
        dynamic.tables[i] = dynamic.tables[--dynamic.count];
        found = true;
    }
    pthread_rwlock_unlock(&dynamic.lock);
    return found;
}

/* Tables are sorted by begin; entries do not overlap. */
static const struct unwind_function *search(const struct unwind_function *table, uint32_t count,
                                            uint32_t rva)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct unwind_function entry;
        if (!guarded_read(table + middle, &entry, sizeof entry))
            return NULL;
        if (rva < entry.begin)
            high = middle;
        else if (rva >= entry.end)
            low = middle + 1;
        else
            return table + middle;
    }
    return NULL;
}

/* The exception directory of the image at `base`, from its headers in memory. */
static const struct unwind_function *module_table(uint64_t base, uint64_t size, uint32_t *ret_count)
{
    int32_t headers;
    uint16_t magic;
    uint32_t directories, directory[2];
    enum { OPTIONAL = 24, DIRECTORY_COUNT = OPTIONAL + 108, EXCEPTION = OPTIONAL + 112 + 3 * 8 };

    if (!guarded_read((const void *)(base + 0x3C), &headers, sizeof headers) || headers < 0 ||
        (uint64_t)headers > size ||
        !guarded_read((const void *)(base + (uint32_t)headers + OPTIONAL), &magic, sizeof magic) ||
        magic != 0x20B ||
        !guarded_read((const void *)(base + (uint32_t)headers + DIRECTORY_COUNT), &directories,
                      sizeof directories) ||
        directories <= 3 ||
        !guarded_read((const void *)(base + (uint32_t)headers + EXCEPTION), directory,
                      sizeof directory) ||
        directory[0] == 0 || (uint64_t)directory[0] + directory[1] > size)
        return NULL;
    *ret_count = directory[1] / sizeof(struct unwind_function);
    return (const struct unwind_function *)(base + directory[0]);
}

static const struct unwind_function *lookup_dynamic(uint64_t pc, uint64_t *ret_image_base)
{
    const struct unwind_function *found = NULL;
    if (__atomic_load_n(&dynamic.count, __ATOMIC_RELAXED) == 0)
        return NULL;
    pthread_rwlock_rdlock(&dynamic.lock);
    for (unsigned i = 0; i < dynamic.count && !found; i++) {
        const struct dynamic_table *table = &dynamic.tables[i];
        if (pc < table->base || pc - table->base > UINT32_MAX)
            continue;
        found = search(table->functions, table->count, (uint32_t)(pc - table->base));
        if (found)
            *ret_image_base = table->base;
    }
    pthread_rwlock_unlock(&dynamic.lock);
    return found;
}

const struct unwind_function *unwind_lookup(uint64_t pc, uint64_t *ret_image_base)
{
    uint64_t base, size;
    uint32_t count;

    if (unwind_find_module && unwind_find_module(pc, &base, &size)) {
        const struct unwind_function *table = module_table(base, size, &count);
        *ret_image_base = base;
        return table ? search(table, count, (uint32_t)(pc - base)) : NULL;
    }
    *ret_image_base = 0;
    return lookup_dynamic(pc, ret_image_base);
}
