/* Large pages. */
#include "memoryapi/large.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/privilege.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"

#define LARGE_SHIFT 21 /* GetLargePageMinimum */
#define HUGE_SHIFT  30 /* MEM_EXTENDED_PARAMETER_NONPAGED_HUGE */

unsigned large_shift(const struct mm_request *request)
{
    return request->attributes & MEM_EXTENDED_PARAMETER_NONPAGED_HUGE ? HUGE_SHIFT : LARGE_SHIFT;
}

NTSTATUS large_check(struct mm_request *request)
{
    const uint32_t both = MEM_RESERVE | MEM_COMMIT;
    uint64_t page = 1ull << large_shift(request);

    if ((request->type & ~(uint32_t)MEM_TOP_DOWN) != (both | MEM_LARGE_PAGES) ||
        !is_aligned(request->size, page) || !is_aligned(request->base, page))
        return STATUS_INVALID_PARAMETER;
    if (request->protect != PAGE_READWRITE && request->protect != PAGE_EXECUTE_READWRITE)
        return STATUS_INVALID_PAGE_PROTECTION;
    if (!privilege_enabled(PRIVILEGE_LOCK_MEMORY))
        return STATUS_PRIVILEGE_NOT_HELD;
    if (request->alignment < page)
        request->alignment = page;
    return STATUS_SUCCESS;
}

NTSTATUS large_commit(const struct region *region, uint32_t protect)
{
    uint32_t node = region->numa ? (region->numa & ~MM_NODE_MANDATORY) - mm_node(0) : HOST_ANY_NODE;
    NTSTATUS status = backing_close(region); /* the granules are not the open ones any more */

    if (status != STATUS_SUCCESS)
        return status;
    if (host->map_large(region_base(region), region->size, region->large, prot_host_access(protect),
                        node, region->numa & MM_NODE_MANDATORY) != 0) {
        /* it may have left a hole where it was to go */
        host->reset(region_base(region), region->size);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
