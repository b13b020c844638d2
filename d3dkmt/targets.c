/* Lists of handles become allocations. */
#include "d3dkmt/targets.h"

#include <stdlib.h>
#include "d3dkmt/resource.h"
#include "memoryapi/guarded.h"

NTSTATUS targets_copy(struct targets *targets, const D3DKMT_HANDLE *resources,
                      const D3DKMT_HANDLE *allocations, uint32_t count)
{
    void *list;
    NTSTATUS status;
    targets->handle_count = count;
    targets->resources = resources != NULL;
    targets->handles = targets->handle_room;
    targets->count = 0;
    targets->list = targets->room;
    targets->owner = NULL;
    if ((resources != NULL) == (allocations != NULL))
        return STATUS_INVALID_PARAMETER;
    status = kmt_copy_list(resources ? resources : allocations, count, sizeof *targets->handles,
                           targets->handle_room, TARGETS_ROOM, &list);
    if (status >= 0)
        targets->handles = list;
    return status;
}

NTSTATUS targets_copy_resource(struct targets *targets, D3DKMT_HANDLE resource,
                               const D3DKMT_HANDLE *allocations, uint32_t count)
{
    NTSTATUS status;
    if (!resource)
        return targets_copy(targets, NULL, allocations, count);
    status = targets_copy(targets, NULL, &resource, 1);
    targets->resources = true;
    return allocations || count ? STATUS_INVALID_PARAMETER : status;
}

static NTSTATUS find_allocations(struct targets *targets, const struct kmt_device *device)
{
    for (uint32_t i = 0; i < targets->handle_count; i++) {
        targets->list[i] = kmt_find_allocation(device, targets->handles[i]);
        if (!targets->list[i])
            return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS count_resources(struct targets *targets, const struct kmt_device *device,
                                uint32_t *ret_count)
{
    *ret_count = 0;
    for (uint32_t i = 0; i < targets->handle_count; i++) {
        const struct kmt_resource *resource = kmt_find_resource(device, targets->handles[i]);
        if (!resource)
            return STATUS_INVALID_PARAMETER;
        *ret_count += resource->count;
    }
    return STATUS_SUCCESS;
}

static void list_resources(struct targets *targets, const struct kmt_device *device)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < targets->handle_count; i++) {
        const struct kmt_resource *resource = kmt_find_resource(device, targets->handles[i]);
        link_each(at, &resource->allocations)
        {
            targets->owner[n] = i;
            targets->list[n++] = container_of(at, struct kmt_allocation, link);
        }
    }
}

NTSTATUS targets_find(struct targets *targets, const struct kmt_device *device)
{
    uint32_t count = targets->handle_count;
    NTSTATUS status = STATUS_SUCCESS;
    if (targets->resources)
        status = count_resources(targets, device, &count);
    if (status < 0)
        return status;
    targets->list = count > TARGETS_ROOM ? malloc(count * sizeof(void *)) : targets->room;
    if (targets->resources)
        targets->owner = malloc((count + 1) * sizeof *targets->owner);
    if (!targets->list || (targets->resources && !targets->owner))
        return STATUS_NO_MEMORY;
    targets->count = count;
    if (!targets->resources)
        return find_allocations(targets, device);
    list_resources(targets, device);
    return STATUS_SUCCESS;
}

NTSTATUS targets_find_of(struct targets *targets, D3DKMT_HANDLE device,
                         struct kmt_device **ret_device)
{
    *ret_device = kmt_find(device, KMT_DEVICE);
    return *ret_device ? targets_find(targets, *ret_device) : STATUS_INVALID_PARAMETER;
}

NTSTATUS targets_find_usable(struct targets *targets, D3DKMT_HANDLE device,
                             struct kmt_device **ret_device)
{
    NTSTATUS status = kmt_use_device(device, ret_device);
    return status < 0 ? status : targets_find(targets, *ret_device);
}

NTSTATUS targets_answer(const struct targets *targets, void *at)
{
    return guarded_copy(at, targets->handles, targets->handle_count * sizeof *targets->handles)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

uint32_t *targets_openings(const struct targets *targets)
{
    uint32_t *openings = malloc((targets->count + 1) * sizeof *openings);
    for (uint32_t i = 0; openings && i < targets->count; i++)
        openings[i] = targets->list[i]->opening;
    return openings;
}

void targets_free(struct targets *targets)
{
    kmt_free_list(targets->handles, targets->handle_room);
    kmt_free_list(targets->list, targets->room);
    free(targets->owner);
}
