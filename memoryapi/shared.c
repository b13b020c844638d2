/* Files that processes share, as memory of the program. */
#include "memoryapi/mm.h"

#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

/* The region goes, and with it its claim. */
static void remove_region(struct region *region)
{
    reserve_return(region->size);
    space_remove(region);
}

NTSTATUS mm_map_shared(int file, uint64_t offset, uint64_t size, bool writable, uint64_t *ret_base)
{
    uint32_t protect = writable ? PAGE_READWRITE : PAGE_READONLY;
    struct run_state committed = {.committed = true, .protect = protect};
    struct region_request request = {.size = round_up(size, PAGE_SIZE),
                                     .alignment = ALLOCATION_GRANULARITY,
                                     .lowest = MM_LOWEST_ADDRESS,
                                     .end = SPACE_END};
    uint64_t base, at;
    NTSTATUS status;
    if (!size || size > SPACE_END)
        return size ? STATUS_NO_MEMORY : STATUS_INVALID_PARAMETER;
    status = space_init();
    if (status == STATUS_SUCCESS)
        status = space_find_place(&request, &base);
    if (status != STATUS_SUCCESS)
        return status;
    if (!reserve_charge(request.size)) {
        pool_settle(&space.map.region_pool, 1);
        books_unlock();
        return STATUS_NO_MEMORY;
    }
    struct region *region = region_insert(&space.map, base, request.size, &committed);
    region->protect = protect;
    region->kind = MM_MAPPED;
    region->adopted = true;
    pool_settle(&space.map.region_pool, 1);
    space_claim_new(region);
    books_unlock();
    status = backing_close(region);
    if (status == STATUS_SUCCESS)
        status = status_from_errno(host->shared_map(
            file, offset, request.size, writable ? HOST_READ_WRITE : HOST_READ, base, &at));
    if (status != STATUS_SUCCESS) {
        remove_region(region);
        return status;
    }
    space_release(region);
    *ret_base = base;
    return STATUS_SUCCESS;
}

NTSTATUS mm_unmap_shared(uint64_t base)
{
    struct region *region = space_claim(base);
    int error;
    if (!region)
        return STATUS_MEMORY_NOT_ALLOCATED;
    if (region_base(region) != base || !region->adopted || region->kind != MM_MAPPED) {
        space_release(region);
        return STATUS_MEMORY_NOT_ALLOCATED;
    }
    error = host->reset(base, region->size);
    if (error) {
        space_release(region);
        return status_from_errno(error);
    }
    remove_region(region);
    return STATUS_SUCCESS;
}
