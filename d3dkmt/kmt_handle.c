/*
 * 32-bit handles: 0x40000000, then 24 bits of index and 6 of generation, so that a handle that was
 * destroyed names nothing for a while.
 */
#include "d3dkmt/kmt.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/keyed.h"
#include "d3dkmt/kmt_gpuva.h"
#include "d3dkmt/state.h"
#include "d3dkmt/sync.h"
#include "d3dkmt/trim.h"
#include "memoryapi/futex.h"
#include "memoryapi/host.h"
#include "memoryapi/object.h"

#define HANDLES         (1u << 24)
#define GENERATION_BITS 6
#define GENERATIONS     (1u << GENERATION_BITS)
#define HANDLE_MARK     0x40000000u

/* Eight bytes: there is one for each allocation. */
struct entry {
    uint64_t what : 48; /* the object's address; of a free one the next free, 0: the last */
    uint64_t generation : 8;
    uint64_t type : 8; /* enum kmt_type; KMT_FREE */
};

_Static_assert(sizeof(struct entry) == 8, "a word");

static struct futex_lock lock;
/* under the lock */
static struct entry *entries;
static uint32_t used = 1, first_free;

void kmt_lock(void)
{
    futex_lock(&lock);
    gpu_check();
}

void kmt_unlock(void)
{
    futex_unlock(&lock);
    trim_tell();
}

static struct kmt_object *object_of(const struct entry *entry)
{
    return entry->type == KMT_FREE ? NULL : (struct kmt_object *)(uint64_t)entry->what;
}

static void let_go(struct entry *entry)
{
    entry->type = KMT_FREE;
    entry->generation = (entry->generation + 1u) % GENERATIONS;
    entry->what = first_free;
    first_free = (uint32_t)(entry - entries);
}

uint32_t kmt_generation;

/*
 * What the handles of a parent name is the parent's: its slot, its openings, its clock. The objects
 * are left where they are, since to destroy them would be to take them from it.
 */
void kmt_begin_child(void)
{
    for (uint32_t i = 1; i < used; i++)
        if (object_of(&entries[i]))
            let_go(&entries[i]);
    kmt_generation++;
    engine_begin_child();
    trim_begin_child();
    sync_begin_child();
    keyed_begin_child();
    gpuva_begin_child();
    futex_unlock(&lock);
}

void kmt_stop_for_fork(void)
{
    futex_lock(&lock);
}

void kmt_go_after_fork(void)
{
    futex_unlock(&lock);
}

/* The first free entry, 0: none. */
static uint32_t take_entry(void)
{
    uint32_t index = first_free;
    void *memory;
    if (!entries) {
        if (host->bookkeeping(HANDLES * sizeof *entries, false, &memory) < 0)
            return 0;
        entries = memory;
    }
    if (index)
        first_free = (uint32_t)entries[index].what;
    else if (used < HANDLES)
        index = used++;
    return index;
}

bool kmt_handle_create(struct kmt_object *object, enum kmt_type type)
{
    uint32_t index = take_entry();
    struct entry *entry = &entries[index];
    if (!index)
        return false;
    entry->what = (uint64_t)object;
    entry->type = (uint8_t)type;
    object->type = (uint8_t)type;
    object->handle = HANDLE_MARK | index << GENERATION_BITS | (uint32_t)entry->generation;
    return true;
}

static struct entry *entry_of(D3DKMT_HANDLE handle)
{
    uint32_t index = (handle & ~HANDLE_MARK) >> GENERATION_BITS;
    if (!(handle & HANDLE_MARK) || index >= used || !object_of(&entries[index]) ||
        entries[index].generation != handle % GENERATIONS)
        return NULL;
    return &entries[index];
}

void kmt_handle_destroy(struct kmt_object *object)
{
    struct entry *entry = entry_of(object->handle);
    if (!entry)
        return;
    let_go(entry);
    object->handle = 0;
}

void *kmt_find(D3DKMT_HANDLE handle, enum kmt_type type)
{
    struct entry *entry = entry_of(handle);
    return entry && entry->type == type ? object_of(entry) : NULL;
}

void kmt_for_each(enum kmt_type type, bool (*each)(struct kmt_object *object, void *context),
                  void *context)
{
    for (uint32_t i = 1; i < used; i++)
        if (entries[i].type == type && !each(object_of(&entries[i]), context))
            return;
}

NTSTATUS kmt_check_process(HANDLE process)
{
    return process ? handle_is_current_process(process, PROCESS_QUERY_INFORMATION) : STATUS_SUCCESS;
}
