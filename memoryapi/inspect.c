/* What an allocation is as a whole: reads the books, never the host. */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/space.h"

uint16_t *(*mm_image_name)(uint64_t address, size_t *ret_length);

static const uint32_t flag_of_kind[] = {[MM_PRIVATE] = MEMORY_REGION_PRIVATE,
                                        [MM_IMAGE] = MEMORY_REGION_MAPPED_IMAGE,
                                        [MM_MAPPED] = MEMORY_REGION_MAPPED_DATA_FILE};

/*
 * Bytes charged: what is committed of private memory; of a view, the pages that are copied when
 * they are written, or were (sdk-api memoryapi/WIN32_MEMORY_REGION_INFORMATION).
 */
static uint64_t charge(const struct region *region)
{
    const uint32_t own =
        PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY | PAGE_READWRITE | PAGE_EXECUTE_READWRITE;
    uint64_t bytes = 0;
    if (region->kind != MM_IMAGE)
        return region->kind == MM_PRIVATE ? region->committed * PAGE_SIZE : 0;
    for (const struct run *run = run_find(region, region_base(region)); run; run = run_next(run))
        if (run->state.committed && (run->state.protect & own))
            bytes += run->size;
    return bytes;
}

static uint32_t flags_of(const struct region *region)
{
    return flag_of_kind[region->kind] | (region->placeholder ? MEMORY_REGION_PLACEHOLDER : 0) |
           (region->physical ? MEMORY_REGION_MAPPED_AWE : 0) |
           (region->watched ? MEMORY_REGION_MAPPED_WRITE_WATCH : 0) |
           (region->large == 21 ? MEMORY_REGION_PAGE_SIZE_LARGE : 0) |
           (region->large == 30 ? MEMORY_REGION_PAGE_SIZE_HUGE : 0);
}

/* In a host program, what is not ours counts as free, as in mm_query. */
static const struct region *find_shown(uint64_t address)
{
    const struct region *region = region_find(&space.map, round_down(address, PAGE_SIZE));
    return region && region->barrier && !space.owned ? NULL : region;
}

static NTSTATUS check_address(uint64_t address)
{
    return address > MM_HIGHEST_ADDRESS ? STATUS_INVALID_PARAMETER : space_init();
}

NTSTATUS mm_query_region(uint64_t address, MEMORY_REGION_INFORMATION *ret_information)
{
    const struct region *region;
    NTSTATUS status = check_address(address);
    if (status != STATUS_SUCCESS)
        return status;
    books_lock();
    region = find_shown(address);
    if (region)
        *ret_information = (MEMORY_REGION_INFORMATION){
            .AllocationBase = (PVOID)region_base(region),
            .AllocationProtect = region->barrier ? PAGE_NOACCESS : region->protect,
            .RegionType = flags_of(region),
            .RegionSize = region->size,
            .CommitSize = region->barrier ? 0 : charge(region),
            .NodePreference =
                region->numa ? (region->numa & ~MM_NODE_MANDATORY) - 1 : NUMA_NO_PREFERRED_NODE,
        };
    books_unlock();
    return region ? STATUS_SUCCESS : STATUS_MEMORY_NOT_ALLOCATED;
}

NTSTATUS mm_query_image(uint64_t address, MEMORY_IMAGE_INFORMATION *ret_information)
{
    const struct region *region;
    bool image;
    NTSTATUS status = check_address(address);
    if (status != STATUS_SUCCESS)
        return status;
    books_lock();
    region = find_shown(address);
    image = region && !region->barrier && region->kind == MM_IMAGE;
    if (image)
        *ret_information = (MEMORY_IMAGE_INFORMATION){.ImageBase = (PVOID)region_base(region),
                                                      .SizeOfImage = region->size};
    books_unlock();
    return image ? STATUS_SUCCESS : STATUS_INVALID_ADDRESS;
}
