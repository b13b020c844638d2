/* Making and destroying allocations and resources of a device. pre, for all: kmt_lock. */
#pragma once

#include "d3dkmt/kmt.h"

/* What an allocation is to be; from the caller's structures, checked. */
struct kmt_recipe {
    struct vid_wish wish;
    void *existing;    /* the program's own memory; NULL: none */
    void *driver_data; /* malloc'd; becomes the allocation's when that is shared */
    uint32_t driver_size;
    bool primary;
};

/* Nothing was made when NULL; the recipe's driver data is the caller's then. */
struct kmt_allocation *kmt_allocation_create(struct kmt_device *device,
                                             struct kmt_resource *resource,
                                             struct kmt_recipe *recipe, NTSTATUS *ret_status);
struct share_part;
/*
 * Another device's view of an allocation that exists already in the adapter.
 * STATUS_INVALID_PARAMETER: it does not, any more.
 */
struct kmt_allocation *kmt_allocation_open(struct kmt_device *device, struct kmt_resource *resource,
                                           const struct share_part *part, NTSTATUS *ret_status);
void kmt_allocation_destroy(struct kmt_allocation *allocation);
struct kmt_resource *kmt_resource_create(struct kmt_device *device);
/* With its allocations. */
void kmt_resource_destroy(struct kmt_resource *resource);
/* Every allocation and resource of the device; it is about to go. */
void kmt_device_free_allocations(struct kmt_device *device);

/* NULL: no allocation of that device. */
static inline struct kmt_allocation *kmt_find_allocation(const struct kmt_device *device,
                                                         D3DKMT_HANDLE handle)
{
    struct kmt_allocation *allocation = kmt_find(handle, KMT_ALLOCATION);
    return allocation && allocation->device == device ? allocation : NULL;
}

static inline struct kmt_resource *kmt_find_resource(const struct kmt_device *device,
                                                     D3DKMT_HANDLE handle)
{
    struct kmt_resource *resource = kmt_find(handle, KMT_RESOURCE);
    return resource && resource->device == device ? resource : NULL;
}
