/*
 * What a page is: reads the books; the host is asked only about its own part of the address space.
 */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/host.h"
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

/*
 * Address space of the host's in `winmem run`: in use, and none of the program's business but for
 * what winmem hands out pointers to.
 */
static void describe_barrier(const struct region *region, uint64_t page,
                             MEMORY_BASIC_INFORMATION *info)
{
    info->AllocationBase = (PVOID)region_base(region);
    info->AllocationProtect = PAGE_NOACCESS;
    info->Type = MEM_PRIVATE;
    info->State = MEM_RESERVE;
    info->RegionSize = region_end(region) - page;
}

/* Neighbouring mappings of the host that look alike; what lies between mappings has no access. */
struct stretch {
    uint64_t page, limit; /* in */
    uint64_t end;         /* 0: nothing found yet */
    unsigned access;
};

static bool extend(uint64_t start, uint64_t end, unsigned access, void *context)
{
    struct stretch *stretch = context;
    if (end <= stretch->page)
        return true;
    if (!stretch->end && start <= stretch->page) {
        stretch->access = access;
    } else if (access != stretch->access || (start > stretch->end && access != HOST_NONE)) {
        if (stretch->access == HOST_NONE)
            stretch->end = start;
        return false;
    }
    stretch->end = end;
    return end < stretch->limit;
}

/* With nothing held: reads a file of the kernel's. Without an answer all of it is reserved. */
static void ask_host(MEMORY_BASIC_INFORMATION *info)
{
    static const uint32_t protections[] = {
        [HOST_READ] = PAGE_READONLY,
        [HOST_WRITE] = PAGE_READWRITE,
        [HOST_READ_WRITE] = PAGE_READWRITE,
        [HOST_EXECUTE] = PAGE_EXECUTE,
        [HOST_READ | HOST_EXECUTE] = PAGE_EXECUTE_READ,
        [HOST_WRITE | HOST_EXECUTE] = PAGE_EXECUTE_READWRITE,
        [HOST_READ_WRITE | HOST_EXECUTE] = PAGE_EXECUTE_READWRITE,
    };
    struct stretch stretch = {.page = (uint64_t)info->BaseAddress,
                              .limit = (uint64_t)info->BaseAddress + info->RegionSize};
    uint64_t other;
    char byte;
    /* gigabytes that look committed would be read by who looks through its memory */
    bool sparse = host_is_sparse(stretch.page, &other);
    stretch.limit = other < stretch.limit ? other : stretch.limit;
    info->RegionSize = stretch.limit - stretch.page;
    bool all = !sparse && host_for_each_mapping(extend, &stretch);
    if (!stretch.end)
        return;
    if ((all && stretch.access == HOST_NONE) || stretch.end > stretch.limit)
        stretch.end = stretch.limit;
    info->RegionSize = stretch.end - stretch.page;
    /* the kernel's own pages (vvar) look readable and may not be */
    if (stretch.access == HOST_NONE || !guarded_read((void *)stretch.page, &byte, 1))
        return;
    if (!guarded_read((void *)(stretch.end - 1), &byte, 1))
        info->RegionSize = PAGE_SIZE;
    info->State = MEM_COMMIT;
    info->Protect = protections[stretch.access];
}

NTSTATUS mm_query(uint64_t address, MEMORY_BASIC_INFORMATION *ret_information)
{
    uint64_t page = round_down(address, PAGE_SIZE);
    const struct region *region;
    bool foreign = false;
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
    else if ((foreign = region->barrier))
        describe_barrier(region, page, ret_information);
    else
        describe_run(region, run_find(region, page), page, ret_information);
    books_unlock();
    if (foreign)
        ask_host(ret_information);
    return STATUS_SUCCESS;
}
