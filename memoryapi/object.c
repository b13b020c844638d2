/* Reference-counted objects and the handle table of the process. */
#include "memoryapi/object.h"

#include <sched.h>
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/futex.h"

#define CHUNK_ENTRIES 256u
/* 16 777 216 handles: the documented limit of a Windows process (win32 SysInfo/kernel-objects). */
#define CHUNK_COUNT 65536u
#define FREE_WORDS  (CHUNK_ENTRIES / 64)

#define ENTRY_LOCKED 1u

#define ALL_RIGHTS          0xFFFFFFFFu
#define GENERIC_MASK        0xF0000000u
#define MAXIMUM_ALLOWED_BIT 0x02000000u

#define FLAG_INHERIT 1u
#define FLAG_PROTECT 2u

#define CURRENT_PROCESS ((HANDLE)-1)
#define CURRENT_THREAD  ((HANDLE)-2)

struct entry {
    uintptr_t word; /* atomic: struct object * with ENTRY_LOCKED in bit 0; 0: free */
    /* under the entry's lock */
    ACCESS_MASK access;
    uint32_t flags;
};

struct chunk {
    struct entry entries[CHUNK_ENTRIES];
    uint64_t free[FREE_WORDS]; /* under table.lock: a set bit is a free entry */
};

static struct {
    struct futex_lock lock;
    /* under lock; chunks never move or go, so that a lookup may read them without it */
    struct chunk *chunks[CHUNK_COUNT];
    uint32_t chunk_count;
    uint32_t lowest_chunk; /* no chunk below has a free entry */
    /* atomic */
    uint32_t used;
} table;

struct object *object_current_process;
struct object *(*object_current_thread)(void);
uint32_t (*object_process_id)(struct object *process);

void object_init(struct object *object, const struct object_ops *ops)
{
    object->ops = ops;
    object->handles = 0;
    object->waitable = object->named = false;
    __atomic_store_n(&object->refs, 1, __ATOMIC_RELEASE);
}

struct object *object_ref(struct object *object)
{
    __atomic_fetch_add(&object->refs, 1, __ATOMIC_RELAXED);
    return object;
}

void object_unref(struct object *object)
{
    if (object && __atomic_fetch_sub(&object->refs, 1, __ATOMIC_ACQ_REL) == 1)
        object->ops->destroy(object);
}

static struct object *entry_lock(struct entry *entry)
{
    for (unsigned spin = 0;; spin++) {
        uintptr_t word = __atomic_load_n(&entry->word, __ATOMIC_RELAXED);
        if (word == 0)
            return NULL;
        if (!(word & ENTRY_LOCKED) &&
            __atomic_compare_exchange_n(&entry->word, &word, word | ENTRY_LOCKED, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return (struct object *)word;
        if (spin % 64 == 63)
            sched_yield();
        else
            __builtin_ia32_pause();
    }
}

static void entry_unlock(struct entry *entry, struct object *object)
{
    __atomic_store_n(&entry->word, (uintptr_t)object, __ATOMIC_RELEASE);
}

/* The two low bits of a handle are the caller's to use (win32 SysInfo/handles-and-objects). NULL:
 * no such entry. */
static struct entry *entry_of(HANDLE handle)
{
    uint64_t index = (uint64_t)handle >> 2;
    if (index == 0 || index >= (uint64_t)CHUNK_COUNT * CHUNK_ENTRIES)
        return NULL;
    struct chunk *chunk = __atomic_load_n(&table.chunks[index / CHUNK_ENTRIES], __ATOMIC_ACQUIRE);
    return chunk ? &chunk->entries[index % CHUNK_ENTRIES] : NULL;
}

static bool add_chunk_locked(void)
{
    if (table.chunk_count == CHUNK_COUNT)
        return false;
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return false;
    for (unsigned word = 0; word < FREE_WORDS; word++)
        chunk->free[word] = ~0ull;
    if (table.chunk_count == 0)
        chunk->free[0] &= ~1ull; /* handle 0 is no handle */
    table.lowest_chunk = table.chunk_count;
    __atomic_store_n(&table.chunks[table.chunk_count], chunk, __ATOMIC_RELEASE);
    table.chunk_count++;
    return true;
}

/* Takes the lowest free index; 0 when there is none and no memory for more. */
static uint32_t take_index_locked(void)
{
    for (;;) {
        for (; table.lowest_chunk < table.chunk_count; table.lowest_chunk++) {
            struct chunk *chunk = table.chunks[table.lowest_chunk];
            for (unsigned word = 0; word < FREE_WORDS; word++) {
                if (!chunk->free[word])
                    continue;
                unsigned bit = (unsigned)__builtin_ctzll(chunk->free[word]);
                chunk->free[word] &= chunk->free[word] - 1;
                return table.lowest_chunk * CHUNK_ENTRIES + word * 64 + bit;
            }
        }
        if (!add_chunk_locked())
            return 0;
    }
}

static void give_index_locked(uint32_t index)
{
    uint32_t number = index / CHUNK_ENTRIES, place = index % CHUNK_ENTRIES;
    table.chunks[number]->free[place / 64] |= 1ull << (place % 64);
    if (number < table.lowest_chunk)
        table.lowest_chunk = number;
}

static ACCESS_MASK map_generic(const struct object_ops *ops, ACCESS_MASK access)
{
    if (!(access & (GENERIC_MASK | MAXIMUM_ALLOWED_BIT)))
        return access;
    if (!ops->rights)
        return ALL_RIGHTS;
    ACCESS_MASK mapped = access & ~(GENERIC_MASK | MAXIMUM_ALLOWED_BIT);
    if (access & 0x80000000u)
        mapped |= ops->rights->read;
    if (access & 0x40000000u)
        mapped |= ops->rights->write;
    if (access & 0x20000000u)
        mapped |= ops->rights->execute;
    if (access & (0x10000000u | MAXIMUM_ALLOWED_BIT))
        mapped |= ops->rights->all;
    return mapped;
}

/* pre: the entry is the caller's alone, until its word is stored here. */
static void fill_entry(struct entry *entry, struct object *object, ACCESS_MASK access, bool inherit)
{
    entry->access = map_generic(object->ops, access);
    entry->flags = inherit ? FLAG_INHERIT : 0;
    __atomic_fetch_add(&object->handles, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&table.used, 1, __ATOMIC_RELAXED);
    entry_unlock(entry, object_ref(object));
}

NTSTATUS handle_create(struct object *object, ACCESS_MASK access, bool inherit, HANDLE *ret_handle)
{
    futex_lock(&table.lock);
    uint32_t index = take_index_locked();
    futex_unlock(&table.lock);
    if (index == 0)
        return STATUS_NO_MEMORY;
    fill_entry(entry_of((HANDLE)((uint64_t)index << 2)), object, access, inherit);
    *ret_handle = (HANDLE)((uint64_t)index << 2);
    return STATUS_SUCCESS;
}

NTSTATUS handle_create_at(HANDLE handle, struct object *object, ACCESS_MASK access)
{
    uint64_t index = (uint64_t)handle >> 2;
    uint32_t number = (uint32_t)(index / CHUNK_ENTRIES), place = index % CHUNK_ENTRIES;
    if (index == 0 || index >= (uint64_t)CHUNK_COUNT * CHUNK_ENTRIES || (uint64_t)handle % 4)
        return STATUS_INVALID_HANDLE;
    futex_lock(&table.lock);
    uint32_t lowest = table.lowest_chunk;
    bool room = true;
    while (room && table.chunk_count <= number)
        room = add_chunk_locked();
    table.lowest_chunk = lowest; /* the chunks before it may have free entries */
    bool taken = room && !(table.chunks[number]->free[place / 64] >> place % 64 & 1);
    if (room && !taken)
        table.chunks[number]->free[place / 64] &= ~(1ull << place % 64);
    futex_unlock(&table.lock);
    if (!room || taken)
        return room ? STATUS_INVALID_HANDLE : STATUS_NO_MEMORY;
    fill_entry(entry_of(handle), object, access, true);
    return STATUS_SUCCESS;
}

bool handle_next_inheritable(HANDLE after, HANDLE *ret_handle, ACCESS_MASK *ret_access,
                             struct object **ret_object)
{
    struct entry *entry;
    for (uint64_t at = ((uint64_t)after & ~3ull) + 4; (entry = entry_of((HANDLE)at)); at += 4) {
        struct object *object = entry_lock(entry);
        if (!object)
            continue;
        bool found = entry->flags & FLAG_INHERIT;
        *ret_access = entry->access;
        if (found)
            object_ref(object);
        entry_unlock(entry, object);
        if (!found)
            continue;
        *ret_handle = (HANDLE)at;
        *ret_object = object;
        return true;
    }
    return false;
}

/* The object behind a pseudo handle (a reference), or NULL. */
static struct object *pseudo_lookup(HANDLE handle)
{
    if (handle == CURRENT_PROCESS && object_current_process)
        return object_ref(object_current_process);
    if (handle == CURRENT_THREAD && object_current_thread) {
        struct object *thread = object_current_thread();
        return thread ? object_ref(thread) : NULL;
    }
    return NULL;
}

/* A reference to the object, with what the handle may do. */
static struct object *lookup(HANDLE handle, ACCESS_MASK *ret_access, uint32_t *ret_flags)
{
    struct entry *entry = entry_of(handle);
    if (unlikely(!entry)) {
        *ret_access = ALL_RIGHTS;
        *ret_flags = 0;
        return pseudo_lookup(handle);
    }
    struct object *object = entry_lock(entry);
    if (!object)
        return NULL;
    *ret_access = entry->access;
    *ret_flags = entry->flags;
    object_ref(object);
    entry_unlock(entry, object);
    return object;
}

NTSTATUS handle_lookup(HANDLE handle, enum object_type type, ACCESS_MASK access,
                       struct object **ret_object)
{
    ACCESS_MASK granted;
    uint32_t flags;
    struct object *object = lookup(handle, &granted, &flags);
    if (!object)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = STATUS_SUCCESS;
    if (type != OBJECT_ANY && object->ops->type != type)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    else if ((granted & access) != access)
        status = STATUS_ACCESS_DENIED;
    if (unlikely(status != STATUS_SUCCESS)) {
        object_unref(object);
        return status;
    }
    *ret_object = object;
    return STATUS_SUCCESS;
}

NTSTATUS handle_duplicate(HANDLE handle, ACCESS_MASK access, bool same_access, bool inherit,
                          HANDLE *ret_handle)
{
    ACCESS_MASK granted;
    uint32_t flags;
    struct object *object = lookup(handle, &granted, &flags);
    if (!object)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = handle_create(object, same_access ? granted : access, inherit, ret_handle);
    object_unref(object);
    return status;
}

NTSTATUS handle_close(HANDLE handle)
{
    if (handle == CURRENT_PROCESS || handle == CURRENT_THREAD)
        return STATUS_SUCCESS; /* sdk-api GetCurrentProcess: closing a pseudo handle has no effect
                                */
    struct entry *entry = entry_of(handle);
    if (!entry)
        return STATUS_INVALID_HANDLE;
    futex_lock(&table.lock);
    struct object *object = entry_lock(entry);
    if (!object || (entry->flags & FLAG_PROTECT)) {
        if (object)
            entry_unlock(entry, object);
        futex_unlock(&table.lock);
        return object ? STATUS_HANDLE_NOT_CLOSABLE : STATUS_INVALID_HANDLE;
    }
    entry_unlock(entry, NULL);
    give_index_locked((uint32_t)((uint64_t)handle >> 2));
    futex_unlock(&table.lock);
    __atomic_fetch_sub(&table.used, 1, __ATOMIC_RELAXED);
    if (__atomic_fetch_sub(&object->handles, 1, __ATOMIC_ACQ_REL) == 1 && object->ops->closed)
        object->ops->closed(object);
    object_unref(object);
    return STATUS_SUCCESS;
}

NTSTATUS handle_flags(HANDLE handle, uint32_t *ret_flags)
{
    ACCESS_MASK granted;
    uint32_t flags;
    if (!entry_of(handle))
        return STATUS_INVALID_HANDLE;
    struct object *object = lookup(handle, &granted, &flags);
    if (!object)
        return STATUS_INVALID_HANDLE;
    object_unref(object);
    *ret_flags = flags;
    return STATUS_SUCCESS;
}

NTSTATUS handle_set_flags(HANDLE handle, uint32_t mask, uint32_t flags)
{
    struct entry *entry = entry_of(handle);
    struct object *object = entry ? entry_lock(entry) : NULL;
    if (!object)
        return STATUS_INVALID_HANDLE;
    entry->flags = (entry->flags & ~mask) | (flags & mask);
    entry_unlock(entry, object);
    return STATUS_SUCCESS;
}

NTSTATUS handle_is_current_process(HANDLE handle, ACCESS_MASK access)
{
    if (likely(handle == CURRENT_PROCESS))
        return STATUS_SUCCESS;
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_PROCESS, access, &object);
    if (status != STATUS_SUCCESS)
        return status;
    if (object != object_current_process)
        status = STATUS_INVALID_HANDLE; /* another one, which is out of reach */
    object_unref(object);
    return status;
}

uint32_t handle_count(void)
{
    return __atomic_load_n(&table.used, __ATOMIC_RELAXED);
}
