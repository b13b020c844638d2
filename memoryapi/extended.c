/* Reads and checks MEM_EXTENDED_PARAMETER arrays. */
#include "memoryapi/extended.h"

#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

#define LARGE_PAGE (2ull << 20)
/* Handles that stand for the one partition there is (ntmmapi.h of System Informer). */
#define CURRENT_PARTITION ((HANDLE)-1)
#define SYSTEM_PARTITION  ((HANDLE)-2)

/* Flags that only views of images have, that are not for applications, or not for this machine. */
#define IMAGE_ATTRIBUTES MEM_EXTENDED_PARAMETER_IMAGE_NO_HPAT
#define REFUSED_ATTRIBUTES                                                                         \
    (MEM_EXTENDED_PARAMETER_GRAPHICS | MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES |                   \
     MEM_EXTENDED_PARAMETER_EC_CODE)
#define TAKEN_ATTRIBUTES                                                                           \
    (MEM_EXTENDED_PARAMETER_NONPAGED | MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL |                \
     MEM_EXTENDED_PARAMETER_NONPAGED_LARGE | MEM_EXTENDED_PARAMETER_NONPAGED_HUGE)

/* Limits are whole granules, or whole large pages; the highest address is the last byte. */
static NTSTATUS check_requirements(const MEM_ADDRESS_REQUIREMENTS *wanted, bool large)
{
    uint64_t unit = large ? LARGE_PAGE : ALLOCATION_GRANULARITY;
    uint64_t lowest = (uint64_t)wanted->LowestStartingAddress,
             highest = (uint64_t)wanted->HighestEndingAddress, alignment = wanted->Alignment;

    if (!is_aligned(lowest, unit) || lowest > MM_HIGHEST_ADDRESS)
        return STATUS_INVALID_PARAMETER;
    if (highest && (highest > MM_HIGHEST_ADDRESS || !is_aligned(highest + 1, unit)))
        return STATUS_INVALID_PARAMETER;
    if (highest && highest <= lowest)
        return STATUS_INVALID_PARAMETER;
    if (alignment && (alignment < unit || (alignment & (alignment - 1))))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS read_requirements(const void *pointer, struct mm_request *request)
{
    MEM_ADDRESS_REQUIREMENTS wanted;
    NTSTATUS status;

    if (!guarded_read(pointer, &wanted, sizeof wanted))
        return STATUS_ACCESS_VIOLATION;
    if (!wanted.LowestStartingAddress && !wanted.HighestEndingAddress && !wanted.Alignment)
        return STATUS_SUCCESS;
    status = check_requirements(&wanted, request->type & MEM_LARGE_PAGES);
    /* they choose a place, and the caller has one already */
    if (status == STATUS_SUCCESS && request->base)
        status = STATUS_INVALID_PARAMETER;
    request->lowest = (uint64_t)wanted.LowestStartingAddress;
    request->highest = (uint64_t)wanted.HighestEndingAddress;
    request->alignment = wanted.Alignment;
    return status;
}

/* Whether the node exists is the engine's to say. */
static NTSTATUS read_node(uint64_t value, struct mm_request *request)
{
    bool mandatory = value & EXTENDED_NODE_MANDATORY;
    value &= ~EXTENDED_NODE_MANDATORY;
    if (value == NUMA_NO_PREFERRED_NODE && !mandatory)
        return STATUS_SUCCESS;
    if (value >= MM_NODE_MANDATORY - 1)
        return STATUS_INVALID_PARAMETER;
    request->node = mm_node((uint32_t)value) | (mandatory ? MM_NODE_MANDATORY : 0);
    return STATUS_SUCCESS;
}

static NTSTATUS read_attributes(uint64_t value, struct mm_request *request)
{
    if (value & ~(uint64_t)(TAKEN_ATTRIBUTES | REFUSED_ATTRIBUTES))
        return STATUS_INVALID_PARAMETER; /* with those that only image views have */
    if (value & REFUSED_ATTRIBUTES)
        return STATUS_NOT_SUPPORTED;
    request->attributes = value;
    return STATUS_SUCCESS;
}

/* There are no objects of the kind: a handle is none, or one of something else. */
static NTSTATUS refuse_handle(HANDLE handle)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_ANY, 0, &object);
    if (status != STATUS_SUCCESS)
        return status;
    object_unref(object);
    return STATUS_OBJECT_TYPE_MISMATCH;
}

static NTSTATUS read_one(const MEM_EXTENDED_PARAMETER *parameter, struct mm_request *request)
{
    switch (parameter->Type) {
    case MemExtendedParameterAddressRequirements:
        return read_requirements(parameter->Pointer, request);
    case MemExtendedParameterNumaNode:
        return read_node(parameter->ULong64, request);
    case MemExtendedParameterPartitionHandle:
        /* all memory is of one partition */
        return parameter->Handle == CURRENT_PARTITION || parameter->Handle == SYSTEM_PARTITION
                   ? STATUS_SUCCESS
                   : refuse_handle(parameter->Handle);
    case MemExtendedParameterUserPhysicalHandle:
        return request->type & MEM_PHYSICAL ? refuse_handle(parameter->Handle)
                                            : STATUS_INVALID_PARAMETER;
    case MemExtendedParameterAttributeFlags:
        return read_attributes(parameter->ULong64, request);
    default: /* unknown, or the machine of an image, which private memory is not */
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS extended_read(const MEM_EXTENDED_PARAMETER *parameters, uint32_t count,
                       struct mm_request *request)
{
    uint32_t seen = 0; /* a bit for each type */

    if (count && !parameters)
        return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < count; i++) {
        MEM_EXTENDED_PARAMETER parameter;
        NTSTATUS status;
        if (!guarded_read(&parameters[i], &parameter, sizeof parameter))
            return STATUS_ACCESS_VIOLATION;
        if (parameter.Reserved || parameter.Type >= MemExtendedParameterMax ||
            (seen & 1u << parameter.Type))
            return STATUS_INVALID_PARAMETER;
        seen |= 1u << parameter.Type;
        status = read_one(&parameter, request);
        if (status != STATUS_SUCCESS)
            return status;
    }
    return STATUS_SUCCESS;
}
