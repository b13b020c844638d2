/* The CPU's side of allocations. */
#include "d3dkmt/contents.h"

#include <string.h>
#include "d3dkmt/state.h"
#include "memoryapi/mm.h"

static uint64_t size_of(const struct kmt_allocation *allocation)
{
    return vidmm_of(allocation->device->mm, allocation->opening)->size;
}

static NTSTATUS protect(const struct kmt_allocation *allocation, uint32_t protection)
{
    uint64_t base = (uint64_t)allocation->contents, size = size_of(allocation);
    uint32_t old;
    return mm_protect(&base, &size, protection, &old);
}

/* Poison where it was asked for. New memory reads as zero anyhow. */
static void clear(const struct kmt_allocation *allocation)
{
    if (allocation->device->mm->adapter->poison)
        memset(allocation->contents, VID_POISON, size_of(allocation));
}

static NTSTATUS make_private(struct kmt_allocation *allocation)
{
    struct mm_request request = {.size = size_of(allocation),
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_READWRITE,
                                 .kind = MM_PRIVATE};
    if (mm_allocate(&request) < 0)
        return STATUS_NO_MEMORY;
    allocation->contents = (void *)request.base;
    if (allocation->lost)
        clear(allocation);
    allocation->lost = false;
    return STATUS_SUCCESS;
}

/* Contents of a record that is not offered: nobody drops them meanwhile. */
static NTSTATUS map_shared(struct kmt_allocation *allocation)
{
    struct vid_allocation *of = vidmm_of(allocation->device->mm, allocation->opening);
    if (__atomic_load_n(&of->bare, __ATOMIC_ACQUIRE)) {
        if (share_contents_back(of->share) < 0)
            return STATUS_NO_MEMORY;
        __atomic_store_n(&of->bare, 0, __ATOMIC_RELEASE);
    }
    return allocation->contents ? STATUS_SUCCESS
                                : share_contents_map(of->share, of->size, &allocation->contents);
}

NTSTATUS contents_open(struct kmt_allocation *allocation)
{
    if (allocation->kind == CONTENTS_EXISTING)
        return STATUS_SUCCESS;
    if (allocation->kind == CONTENTS_SHARED)
        return map_shared(allocation);
    if (allocation->contents)
        return protect(allocation, PAGE_READWRITE) < 0 ? STATUS_NO_MEMORY : STATUS_SUCCESS;
    return make_private(allocation);
}

void contents_close(struct kmt_allocation *allocation)
{
    if (allocation->kind == CONTENTS_PRIVATE && allocation->contents)
        protect(allocation, PAGE_NOACCESS);
}

void contents_free(struct kmt_allocation *allocation)
{
    uint64_t base = (uint64_t)allocation->contents, size = 0;
    if (allocation->kind == CONTENTS_PRIVATE && base)
        mm_free(&base, &size, MEM_RELEASE);
    else if (allocation->kind == CONTENTS_SHARED && base)
        share_contents_unmap(allocation->contents);
    allocation->contents = NULL;
}

/* Every process that has it mapped goes on seeing it. */
static void lose_shared(const struct kmt_allocation *allocation)
{
    struct vid_allocation *of = vidmm_of(allocation->device->mm, allocation->opening);
    if (allocation->device->mm->adapter->poison && share_contents_poison(of->share))
        return;
    __atomic_store_n(&of->bare, 1, __ATOMIC_RELEASE);
    share_contents_drop(of->share);
}

static void lose_private(struct kmt_allocation *allocation)
{
    uint64_t base = (uint64_t)allocation->contents, size = size_of(allocation);
    if (!base) {
        allocation->lost = true;
        return;
    }
    if (protect(allocation, PAGE_READWRITE) < 0)
        return;
    if (mm_discard(base, size) < 0 || allocation->device->mm->adapter->poison)
        memset(allocation->contents, allocation->device->mm->adapter->poison ? VID_POISON : 0,
               size);
    contents_close(allocation);
}

void contents_lose(struct kmt_allocation *allocation)
{
    if (allocation->kind == CONTENTS_SHARED)
        lose_shared(allocation);
    else if (allocation->kind == CONTENTS_PRIVATE)
        lose_private(allocation);
}

void contents_give_back(struct kmt_allocation *allocation)
{
    if (allocation->kind == CONTENTS_SHARED)
        lose_shared(allocation);
    if (allocation->kind != CONTENTS_PRIVATE)
        return;
    contents_free(allocation);
    allocation->lost = true;
}
