/* MEM_RESET and MEM_RESET_UNDO: contents that the program can do without. */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

/*
 * MEM_RESET and its undo keep the data: the hint is taken and nothing is dropped, so an undo always
 * finds everything.
 */
static NTSTATUS check_reset(const struct region *region, uint64_t start, uint64_t end)
{
    if (region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind == MM_IMAGE)
        return STATUS_INVALID_PARAMETER;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run))
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
    return STATUS_SUCCESS;
}

NTSTATUS mm_reset(struct mm_request *request)
{
    uint64_t start = round_down(request->base, PAGE_SIZE),
             end = round_up(request->base + request->size, PAGE_SIZE);
    struct region *region = request->base ? space_claim(start) : NULL;
    NTSTATUS status;

    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    status = check_reset(region, start, end);
    space_release(region);
    request->base = start;
    request->size = end - start;
    return status;
}
