/* Allocations and resources as objects of a device. */
#include "d3dkmt/resource.h"

#include <stdlib.h>
#include "d3dkmt/contents.h"
#include "d3dkmt/kmt_gpuva.h"
#include "d3dkmt/share.h"
#include "d3dkmt/state.h"

static struct kmt_allocation *new_allocation(struct kmt_device *device,
                                             struct kmt_resource *resource)
{
    struct kmt_allocation *allocation = calloc(1, sizeof *allocation);
    if (!allocation)
        return NULL;
    if (!kmt_handle_create(&allocation->object, KMT_ALLOCATION)) {
        free(allocation);
        return NULL;
    }
    allocation->device = device;
    allocation->resource = resource;
    link_add(resource ? &resource->allocations : &device->allocations, &allocation->link);
    link_init(&allocation->mapped);
    if (resource)
        resource->count++;
    return allocation;
}

static void free_allocation(struct kmt_allocation *allocation)
{
    link_remove(&allocation->link);
    if (allocation->resource)
        allocation->resource->count--;
    kmt_handle_destroy(&allocation->object);
    free(allocation->driver_data);
    free(allocation);
}

/* The contents that others will see. After the record: whoever sweeps it removes them. */
static NTSTATUS make_shared(const struct kmt_allocation *allocation)
{
    const struct vidmm *mm = allocation->device->mm;
    const struct vid_allocation *of = vidmm_of(mm, allocation->opening);
    NTSTATUS status = share_contents_create(of->share, of->size);
    if (status < 0) {
        vidmm_lock(mm);
        vidmm_close(mm, allocation->opening);
        vidmm_unlock(mm);
    }
    return status;
}

struct kmt_allocation *kmt_allocation_create(struct kmt_device *device,
                                             struct kmt_resource *resource,
                                             struct kmt_recipe *recipe, NTSTATUS *ret_status)
{
    struct kmt_allocation *allocation = new_allocation(device, resource);
    *ret_status = STATUS_NO_MEMORY;
    if (!allocation)
        return NULL;
    recipe->wish.handle = allocation->object.handle;
    vidmm_lock(device->mm);
    *ret_status = vidmm_create(device->mm, &recipe->wish, &allocation->opening);
    vidmm_unlock(device->mm);
    if (*ret_status >= 0 && recipe->wish.share && !recipe->existing)
        *ret_status = make_shared(allocation);
    if (*ret_status < 0) {
        free_allocation(allocation);
        return NULL;
    }
    allocation->contents = recipe->existing;
    allocation->kind = recipe->existing     ? CONTENTS_EXISTING
                       : recipe->wish.share ? CONTENTS_SHARED
                                            : CONTENTS_PRIVATE;
    allocation->primary = recipe->primary;
    if (recipe->wish.share) { /* nobody asks for it else */
        allocation->driver_data = recipe->driver_data;
        allocation->driver_size = recipe->driver_size;
        recipe->driver_data = NULL;
    }
    return allocation;
}

struct kmt_allocation *kmt_allocation_open(struct kmt_device *device, struct kmt_resource *resource,
                                           const struct share_part *part, NTSTATUS *ret_status)
{
    struct kmt_allocation *allocation = new_allocation(device, resource);
    *ret_status = STATUS_NO_MEMORY;
    if (!allocation)
        return NULL;
    vidmm_lock(device->mm);
    *ret_status =
        share_part_is_there(device->mm, part)
            ? vidmm_open(device->mm, part->index, allocation->object.handle, &allocation->opening)
            : STATUS_INVALID_PARAMETER;
    vidmm_unlock(device->mm);
    if (*ret_status < 0) {
        free_allocation(allocation);
        return NULL;
    }
    allocation->kind = CONTENTS_SHARED;
    allocation->primary = part->primary;
    allocation->opened = true;
    return allocation;
}

void kmt_allocation_destroy(struct kmt_allocation *allocation)
{
    const struct vidmm *mm = allocation->device->mm;
    kmt_gpuva_forget(allocation);
    contents_free(allocation);
    vidmm_lock(mm);
    vidmm_close(mm, allocation->opening);
    vidmm_unlock(mm);
    free_allocation(allocation);
}

struct kmt_resource *kmt_resource_create(struct kmt_device *device)
{
    struct kmt_resource *resource = calloc(1, sizeof *resource);
    if (!resource)
        return NULL;
    if (!kmt_handle_create(&resource->object, KMT_RESOURCE)) {
        free(resource);
        return NULL;
    }
    resource->device = device;
    link_init(&resource->allocations);
    link_add(&device->resources, &resource->link);
    return resource;
}

void kmt_resource_destroy(struct kmt_resource *resource)
{
    while (!link_is_empty(&resource->allocations))
        kmt_allocation_destroy(link_first(&resource->allocations, struct kmt_allocation, link));
    share_leave(resource);
    link_remove(&resource->link);
    kmt_handle_destroy(&resource->object);
    free(resource->runtime_data);
    free(resource->driver_data);
    free(resource);
}

void kmt_device_free_allocations(struct kmt_device *device)
{
    while (!link_is_empty(&device->resources))
        kmt_resource_destroy(link_first(&device->resources, struct kmt_resource, link));
    while (!link_is_empty(&device->allocations))
        kmt_allocation_destroy(link_first(&device->allocations, struct kmt_allocation, link));
}
