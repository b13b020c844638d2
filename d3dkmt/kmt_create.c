/* D3DKMTCreateAllocation, D3DKMTCreateAllocation2: recipes are read, then everything is made or nothing. */
#include <stdlib.h>
#include <string.h>
#include <winmem/gpu.h>
#include "d3dkmt/resource.h"
#include "d3dkmt/share.h"
#include "faces.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

#define MOST        1024u /* allocations in one call */
#define FLAG(name)  D3DKMT_CREATEALLOCATIONFLAGS_##name
#define KNOWN_FLAGS 0x3FFFFFu
#define KNOWN_ELEMENT                                                                              \
    (D3DDDI_ALLOCATIONINFO_FLAGS_Primary | D3DDDI_ALLOCATIONINFO_FLAGS_Stereo |                    \
     D3DDDI_ALLOCATIONINFO_FLAGS_OverridePriority)

/* One call, copied. */
struct order {
    D3DKMT_CREATEALLOCATION *caller;
    D3DKMT_CREATEALLOCATION data;
    bool second;             /* the elements are D3DDDI_ALLOCATIONINFO2 */
    void *elements;          /* the caller's, copied */
    size_t element_size;     /* bytes */
    struct kmt_recipe *list; /* NumAllocations of them */
    void *runtime_data, *driver_data;
    D3DKMT_CREATESTANDARDALLOCATION standard;
};

/* Both forms of an element begin alike; what only the second has lies behind. */
static D3DDDI_ALLOCATIONINFO2 element(const struct order *order, uint32_t i)
{
    D3DDDI_ALLOCATIONINFO2 info = {0};
    memcpy(&info, (char *)order->elements + i * order->element_size,
           order->second ? sizeof info : sizeof(D3DDDI_ALLOCATIONINFO));
    return info;
}

static NTSTATUS check_flags(const struct order *order)
{
    const D3DKMT_CREATEALLOCATION *data = &order->data;
    uint32_t flags = data->Flags.Value;
    bool creates = flags & FLAG(CreateResource), shared = flags & FLAG(CreateShared);
    if (flags & ~KNOWN_FLAGS || (shared && !creates) ||
        (flags & FLAG(NtSecuritySharing) && !shared) || (creates && data->hResource) ||
        (!creates && !data->NumAllocations) || data->NumAllocations > MOST)
        return STATUS_INVALID_PARAMETER;
    if (flags & FLAG(StandardAllocation) && data->NumAllocations != 1)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* The private data says size and places; see winmem/gpu.h. */
static NTSTATUS read_driver_data(struct kmt_recipe *recipe)
{
    struct winmem_gpu_allocation wanted = {0};
    uint32_t size = recipe->driver_size;
    if (size < sizeof wanted.size)
        return STATUS_INVALID_PARAMETER;
    memcpy(&wanted, recipe->driver_data, size < sizeof wanted ? sizeof wanted.size : sizeof wanted);
    if (wanted.segments > 3 || wanted.preferred > 2 ||
        (wanted.segments && wanted.preferred && !(wanted.segments & wanted.preferred)))
        return STATUS_INVALID_PARAMETER;
    if (!wanted.segments)
        wanted.segments = WINMEM_GPU_LOCAL | WINMEM_GPU_NONLOCAL;
    if (!wanted.preferred)
        wanted.preferred =
            wanted.segments & WINMEM_GPU_LOCAL ? WINMEM_GPU_LOCAL : WINMEM_GPU_NONLOCAL;
    recipe->wish.size = wanted.size;
    recipe->wish.allowed = (uint8_t)(wanted.segments << VID_LOCAL);
    recipe->wish.wanted = wanted.preferred == WINMEM_GPU_LOCAL ? VID_LOCAL : VID_NONLOCAL;
    return STATUS_SUCCESS;
}

/* Memory of the program: the adapter reaches it through the aperture. */
static NTSTATUS read_standard(const struct order *order, struct kmt_recipe *recipe)
{
    if (order->standard.Type != D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP ||
        order->standard.Flags.Value ||
        !(order->data.Flags.Value & (FLAG(ExistingSysMem) | FLAG(ExistingSection))))
        return STATUS_INVALID_PARAMETER;
    recipe->wish.size = order->standard.ExistingHeapData.Size;
    recipe->wish.allowed = 1u << VID_NONLOCAL;
    recipe->wish.wanted = VID_NONLOCAL;
    return STATUS_SUCCESS;
}

/* Sections are no memory that an adapter can be given. */
static NTSTATUS check_section(HANDLE section)
{
    struct object *object;
    NTSTATUS status = handle_lookup(section, OBJECT_SECTION, 0, &object);
    if (status < 0)
        return STATUS_INVALID_HANDLE;
    object_unref(object);
    return STATUS_NOT_SUPPORTED;
}

/* The program's memory is its whole pages, all of it accessible. */
static NTSTATUS read_existing(const D3DDDI_ALLOCATIONINFO2 *info, struct kmt_recipe *recipe)
{
    void *memory = (void *)info->pSystemMem;
    if (!memory || !is_aligned((uint64_t)memory, PAGE_SIZE) ||
        !is_aligned(recipe->wish.size, PAGE_SIZE) || !kmt_can_write(memory, recipe->wish.size))
        return STATUS_INVALID_PARAMETER;
    recipe->existing = memory;
    return STATUS_SUCCESS;
}

static NTSTATUS read_element(const struct order *order, uint32_t i, struct kmt_recipe *recipe)
{
    D3DDDI_ALLOCATIONINFO2 info = element(order, i);
    uint32_t flags = info.Flags.Value, call = order->data.Flags.Value;
    NTSTATUS status;
    if (flags & ~(order->second ? KNOWN_ELEMENT : KNOWN_ELEMENT & ~4u) ||
        (flags & D3DDDI_ALLOCATIONINFO_FLAGS_Stereo &&
         !(flags & D3DDDI_ALLOCATIONINFO_FLAGS_Primary)))
        return STATUS_INVALID_PARAMETER;
    if (order->second && call & FLAG(ExistingSection))
        return check_section(info.hSection);
    recipe->primary = flags & D3DDDI_ALLOCATIONINFO_FLAGS_Primary;
    recipe->wish.priority = flags & D3DDDI_ALLOCATIONINFO_FLAGS_OverridePriority
                                ? info.Priority
                                : D3DDDI_ALLOCATIONPRIORITY_NORMAL;
    status =
        kmt_copy_data(info.pPrivateDriverData, info.PrivateDriverDataSize, &recipe->driver_data);
    if (status < 0)
        return status;
    recipe->driver_size = info.PrivateDriverDataSize;
    status =
        call & FLAG(StandardAllocation) ? read_standard(order, recipe) : read_driver_data(recipe);
    if (status >= 0 && (call & FLAG(ExistingSysMem) || info.pSystemMem))
        status = read_existing(&info, recipe);
    return status;
}

static void forget(struct order *order)
{
    for (uint32_t i = 0; order->list && i < order->data.NumAllocations; i++)
        free(order->list[i].driver_data);
    free(order->list);
    free(order->elements);
    free(order->runtime_data);
    free(order->driver_data);
}

static NTSTATUS read_blobs(struct order *order)
{
    const D3DKMT_CREATEALLOCATION *data = &order->data;
    NTSTATUS status = kmt_copy_data(data->pPrivateRuntimeData, data->PrivateRuntimeDataSize,
                                    &order->runtime_data);
    if (status >= 0 && data->Flags.Value & FLAG(StandardAllocation))
        return guarded_read(data->pStandardAllocation, &order->standard, sizeof order->standard)
                   ? STATUS_SUCCESS
                   : STATUS_ACCESS_VIOLATION;
    return status < 0 ? status
                      : kmt_copy_data(data->pPrivateDriverData, data->PrivateDriverDataSize,
                                      &order->driver_data);
}

static NTSTATUS read_order(D3DKMT_CREATEALLOCATION *caller, bool second, struct order *order)
{
    NTSTATUS status;
    uint32_t count;
    *order = (struct order){.caller = caller, .second = second};
    order->element_size = second ? sizeof(D3DDDI_ALLOCATIONINFO2) : sizeof(D3DDDI_ALLOCATIONINFO);
    if (!caller)
        return STATUS_INVALID_PARAMETER;
    if (!guarded_read(caller, &order->data, sizeof order->data))
        return STATUS_ACCESS_VIOLATION;
    count = order->data.NumAllocations;
    status = check_flags(order);
    if (status >= 0)
        status = read_blobs(order);
    if (status < 0 || !count)
        return status;
    status = kmt_copy_list(order->data.pAllocationInfo, count, order->element_size, NULL, 0,
                           &order->elements);
    if (status < 0)
        return status;
    if (!kmt_can_write(order->data.pAllocationInfo, count * order->element_size))
        return STATUS_ACCESS_VIOLATION;
    order->list = calloc(count, sizeof *order->list);
    if (!order->list)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count && status >= 0; i++)
        status = read_element(order, i, &order->list[i]);
    return status;
}

/* The resource that the allocations go to: a new one, one that is there, or none. */
static NTSTATUS find_resource(struct order *order, struct kmt_device *device,
                              struct kmt_resource **ret_resource)
{
    uint32_t flags = order->data.Flags.Value;
    struct kmt_resource *resource;
    if (!(flags & FLAG(CreateResource))) {
        resource = kmt_find_resource(device, order->data.hResource);
        if (order->data.hResource && (!resource || resource->share))
            return STATUS_INVALID_PARAMETER;
        *ret_resource = resource;
        return STATUS_SUCCESS;
    }
    resource = kmt_resource_create(device);
    if (!resource)
        return STATUS_NO_MEMORY;
    resource->flags = flags;
    resource->runtime_data = order->runtime_data;
    resource->runtime_size = order->data.PrivateRuntimeDataSize;
    if (!(flags & FLAG(StandardAllocation))) {
        resource->driver_data = order->driver_data;
        resource->driver_size = order->data.PrivateDriverDataSize;
    }
    order->runtime_data = order->driver_data = NULL;
    *ret_resource = resource;
    return STATUS_SUCCESS;
}

/* Under kmt_lock. On failure nothing is left of it. */
static NTSTATUS make(struct order *order, D3DKMT_HANDLE *ret_resource, D3DKMT_HANDLE *ret_share)
{
    struct kmt_device *device;
    struct kmt_resource *resource = NULL;
    uint32_t done = 0, count = order->data.NumAllocations;
    NTSTATUS status = kmt_use_device(order->data.hDevice, &device);
    if (status >= 0)
        status = find_resource(order, device, &resource);
    if (status < 0)
        return status;
    while (done < count && status >= 0) {
        struct kmt_recipe *recipe = &order->list[done];
        struct kmt_allocation *allocation;
        if (order->data.Flags.Value & FLAG(CreateShared))
            recipe->wish.share = share_new_id(device->mm);
        allocation = kmt_allocation_create(device, resource, recipe, &status);
        if (allocation)
            memcpy((char *)order->elements + done++ * order->element_size,
                   &allocation->object.handle, sizeof allocation->object.handle);
    }
    if (status >= 0 && order->data.Flags.Value & FLAG(CreateShared))
        status = share_resource(resource, ret_share);
    if (status >= 0) {
        *ret_resource = resource ? resource->object.handle : 0;
        return status;
    }
    while (done) {
        D3DKMT_HANDLE handle;
        memcpy(&handle, (char *)order->elements + --done * order->element_size, sizeof handle);
        kmt_allocation_destroy(kmt_find(handle, KMT_ALLOCATION));
    }
    if (resource && order->data.Flags.Value & FLAG(CreateResource))
        kmt_resource_destroy(resource);
    return status;
}

/* Only what is documented as written is written. */
static void answer(const struct order *order, D3DKMT_HANDLE resource, D3DKMT_HANDLE share)
{
    uint32_t flags = order->data.Flags.Value;
    for (uint32_t i = 0; i < order->data.NumAllocations; i++) {
        char *to = (char *)order->data.pAllocationInfo + i * order->element_size;
        D3DGPU_VIRTUAL_ADDRESS none = 0;
        guarded_write(to, (char *)order->elements + i * order->element_size, sizeof(D3DKMT_HANDLE));
        if (order->second)
            guarded_write(to + offsetof(D3DDDI_ALLOCATIONINFO2, GpuVirtualAddress), &none,
                          sizeof none);
    }
    if (flags & FLAG(CreateResource))
        guarded_write(&order->caller->hResource, &resource, sizeof resource);
    if (flags & FLAG(CreateShared))
        guarded_write(&order->caller->hGlobalShare, &share, sizeof share);
}

static NTSTATUS create(D3DKMT_CREATEALLOCATION *caller, bool second)
{
    struct order order;
    D3DKMT_HANDLE resource = 0, share = 0;
    NTSTATUS status = read_order(caller, second, &order);
    if (status >= 0 && !kmt_can_write(caller, sizeof *caller))
        status = STATUS_ACCESS_VIOLATION;
    if (status >= 0) {
        kmt_lock();
        status = make(&order, &resource, &share);
        kmt_unlock();
    }
    if (status >= 0)
        answer(&order, resource, share);
    forget(&order);
    return status;
}

NTSTATUS kmt_CreateAllocation(D3DKMT_CREATEALLOCATION *pData)
{
    return create(pData, false);
}

NTSTATUS kmt_CreateAllocation2(D3DKMT_CREATEALLOCATION *pData)
{
    return create(pData, true);
}
