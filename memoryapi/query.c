/* What a page is: reads the books, never the host. */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/space.h"

static const uint32_t type_of_kind[] = {
    [MM_PRIVATE] = MEM_PRIVATE, [MM_IMAGE] = MEM_IMAGE, [MM_MAPPED] = MEM_MAPPED};

static void describe_free(uint64_t page, MEMORY_BASIC_INFORMATION *info)
{
    /* the lowest 64 KiB are never given out, but free like what follows them */
    const struct region *next =
        region_next_from(&space.map, page < MM_LOWEST_ADDRESS ? MM_LOWEST_ADDRESS : page);
    /* in a host program, what is not ours counts as free: the run goes on to the next region */
    while (next->barrier && !space.owned && region_base(next) != SPACE_END)
        next = region_next_from(&space.map, region_end(next));
    info->State = MEM_FREE;
    info->Protect = PAGE_NOACCESS;
    info->RegionSize = region_base(next) - page;
}

static void describe_run(const struct region *region, const struct run *run, uint64_t page,
                         MEMORY_BASIC_INFORMATION *info)
{
    info->AllocationBase = (PVOID)region_base(region);
    info->AllocationProtect = region->protect;
    info->Type = type_of_kind[region->kind];
    info->State = run->state.committed ? MEM_COMMIT : MEM_RESERVE;
    info->Protect = run->state.protect;
    /* runs that differ only in their offer look alike */
    uint64_t end = run_end(run);
    for (const struct run *next = end == region_end(region) ? NULL : run_next(run);
         next && next->state.committed == run->state.committed &&
         next->state.protect == run->state.protect;
         next = run_next(next))
        end = run_end(next);
    info->RegionSize = end - page;
}

/* Address space of the host's in `winmem run`: in use, and none of the program's business. */
static void describe_barrier(const struct region *region, uint64_t page,
                             MEMORY_BASIC_INFORMATION *info)
{
    info->AllocationBase = (PVOID)region_base(region);
    info->AllocationProtect = PAGE_NOACCESS;
    info->Type = MEM_PRIVATE;
    info->State = MEM_RESERVE;
    info->RegionSize = region_end(region) - page;
}

NTSTATUS mm_query(uint64_t address, MEMORY_BASIC_INFORMATION *ret_information)
{
    uint64_t page = round_down(address, PAGE_SIZE);
    const struct region *region;
    NTSTATUS status;

    if (address > MM_HIGHEST_ADDRESS)
        return STATUS_INVALID_PARAMETER;
    status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    *ret_information = (MEMORY_BASIC_INFORMATION){.BaseAddress = (PVOID)page};
    books_lock();
    region = region_find(&space.map, page);
    if (!region || (region->barrier && !space.owned))
        describe_free(page, ret_information);
    else if (region->barrier)
        describe_barrier(region, page, ret_information);
    else
        describe_run(region, run_find(region, page), page, ret_information);
    books_unlock();
    return STATUS_SUCCESS;
}
