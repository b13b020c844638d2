/* Shared resources: D3DKMTQueryResourceInfo, OpenResource, OpenResource2, and by NT handle. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/share_nt.h"
#include "d3dkmt/state.h"
#include "faces.h"

/* A buffer of the caller. */
struct buffer {
    void *at;
    uint32_t size; /* bytes */
};

/* One call, whatever its structure looks like. */
struct order {
    D3DKMT_HANDLE device, global;
    bool by_nt; /* instead of `global`: */
    HANDLE nt_handle;
    struct share_nt *nt; /* what it stands for; a reference */
    bool second;         /* elements are D3DDDI_OPENALLOCATIONINFO2 */
    uint32_t count;      /* of elements */
    void *elements;      /* the caller's */
    struct buffer runtime, driver, total, mutex;
    struct share_view view;
    D3DKMT_HANDLE resource, sync, keyed;
    D3DKMT_HANDLE *handles; /* of allocations, malloc'd */
    void *mutex_data;       /* malloc'd */
    uint32_t mutex_size;
};

static bool buffer_is_good(const struct buffer *buffer)
{
    return !buffer->size || kmt_can_write(buffer->at, buffer->size);
}

static void fill(const struct buffer *buffer, const void *from, uint32_t size)
{
    if (size)
        guarded_copy(buffer->at, from, size);
}

/* The device and what is shared; another adapter's is none. pre: kmt_lock */
static NTSTATUS look(struct order *order, struct kmt_device **ret_device)
{
    NTSTATUS status = kmt_use_device(order->device, ret_device);
    if (status < 0)
        return status;
    clock_call((*ret_device)->mm);
    gpu_sweep_dead((*ret_device)->mm);
    status = order->nt ? share_view(order->nt->parts.record, &order->view)
                       : share_view_global(order->global, &order->view);
    if (status == STATUS_SUCCESS && order->view.head->adapter != vidmm_index((*ret_device)->mm)) {
        share_view_free(&order->view);
        status = STATUS_INVALID_PARAMETER;
    }
    return status;
}

/* The NT handle, if it is by one, has to be of a resource. */
static NTSTATUS find_nt(struct order *order)
{
    if (!order->by_nt)
        return STATUS_SUCCESS;
    NTSTATUS status = share_nt_lookup(order->nt_handle, &order->nt);
    if (status != STATUS_SUCCESS)
        return status == STATUS_INVALID_HANDLE ? status : STATUS_INVALID_PARAMETER;
    return order->nt->parts.id ? status : STATUS_INVALID_PARAMETER;
}

/* The data of a query: what is there once it succeeds. */
static NTSTATUS query(struct order *order)
{
    struct kmt_device *device;
    NTSTATUS status = find_nt(order);
    if (status != STATUS_SUCCESS)
        return status;
    if (order->runtime.at && !buffer_is_good(&order->runtime))
        return STATUS_ACCESS_VIOLATION;
    kmt_lock();
    status = look(order, &device);
    if (status == STATUS_SUCCESS && order->runtime.at &&
        order->runtime.size < order->view.head->runtime_size) {
        share_view_free(&order->view);
        status = STATUS_INVALID_PARAMETER;
    }
    kmt_unlock();
    if (status == STATUS_SUCCESS && order->runtime.at)
        fill(&order->runtime, order->view.runtime, order->view.head->runtime_size);
    return status;
}

static void forget(struct order *order)
{
    kmt_lock();
    share_view_free(&order->view);
    kmt_unlock();
    free(order->handles);
    free(order->mutex_data);
    if (order->nt)
        object_unref(&order->nt->object);
}

/* What both structures end with. */
#define ANSWER_QUERY(data, order)                                                                  \
    do {                                                                                           \
        (data).PrivateRuntimeDataSize = (order).view.head->runtime_size;                           \
        (data).TotalPrivateDriverDataSize = (order).view.head->parts_size;                         \
        (data).ResourcePrivateDriverDataSize = (order).view.head->driver_size;                     \
        (data).NumAllocations = (order).view.head->count;                                          \
    } while (0)

NTSTATUS kmt_QueryResourceInfo(D3DKMT_QUERYRESOURCEINFO *pData)
{
    D3DKMT_QUERYRESOURCEINFO data;
    struct order order;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    order = (struct order){.device = data.hDevice,
                           .global = data.hGlobalShare,
                           .runtime = {data.pPrivateRuntimeData, data.PrivateRuntimeDataSize}};
    status = query(&order);
    if (status == STATUS_SUCCESS) {
        ANSWER_QUERY(data, order);
        status = caller_write(pData, &data, sizeof data);
    }
    forget(&order);
    return status;
}

NTSTATUS kmt_QueryResourceInfoFromNtHandle(D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *pData)
{
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE data;
    struct order order;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    order = (struct order){.device = data.hDevice,
                           .by_nt = true,
                           .nt_handle = data.hNtHandle,
                           .runtime = {data.pPrivateRuntimeData, data.PrivateRuntimeDataSize}};
    status = query(&order);
    if (status == STATUS_SUCCESS) {
        ANSWER_QUERY(data, order);
        status = caller_write(pData, &data, sizeof data);
    }
    forget(&order);
    return status;
}

static size_t element_size(const struct order *order)
{
    return order->second ? sizeof(D3DDDI_OPENALLOCATIONINFO2) : sizeof(D3DDDI_OPENALLOCATIONINFO);
}

static NTSTATUS check_buffers(const struct order *order)
{
    if (order->count > SHARE_MOST)
        return STATUS_INVALID_PARAMETER;
    if ((order->count && !kmt_can_write(order->elements, order->count * element_size(order))) ||
        !buffer_is_good(&order->runtime) || !buffer_is_good(&order->driver) ||
        !buffer_is_good(&order->total) || !buffer_is_good(&order->mutex))
        return STATUS_ACCESS_VIOLATION;
    return STATUS_SUCCESS;
}

static NTSTATUS check_sizes(const struct order *order)
{
    const struct share_head *head = order->view.head;
    return order->count == head->count && order->runtime.size >= head->runtime_size &&
                   order->driver.size >= head->driver_size && order->total.size >= head->parts_size
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

/* The mutex's private data, for the caller. */
static NTSTATUS copy_mutex_data(struct order *order, struct keyed *keyed)
{
    const void *data = keyed_data(keyed, &order->mutex_size);
    if (!order->mutex.at || !order->mutex_size)
        return STATUS_SUCCESS;
    if (order->mutex.size < order->mutex_size)
        return STATUS_INVALID_PARAMETER;
    order->mutex_data = data ? malloc(order->mutex_size) : NULL;
    if (!order->mutex_data)
        return STATUS_NO_MEMORY;
    memcpy(order->mutex_data, data, order->mutex_size);
    return STATUS_SUCCESS;
}

/* The mutex and the synchronisation object that the handle bundles. */
static NTSTATUS open_others(struct order *order, struct kmt_device *device)
{
    const struct keyed_data none = {NULL, 0};
    struct kmt_keyed_mutex *mutex;
    struct kmt_sync *sync;
    NTSTATUS status = keyed_open(order->nt->parts.keyed, &none, &mutex);
    if (status != STATUS_SUCCESS)
        return status;
    status = copy_mutex_data(order, mutex->keyed);
    if (status == STATUS_SUCCESS)
        status = sync_open(order->nt->parts.sync, 0, device, &sync);
    if (status != STATUS_SUCCESS) {
        keyed_close(mutex);
        return status;
    }
    order->keyed = mutex->object.handle;
    order->sync = sync->object.handle;
    return status;
}

/* pre: kmt_lock */
static NTSTATUS open_locked(struct order *order)
{
    struct kmt_device *device;
    struct kmt_resource *resource;
    uint32_t i = 0;
    NTSTATUS status = look(order, &device);
    if (status != STATUS_SUCCESS)
        return status;
    status = check_sizes(order);
    if (status == STATUS_SUCCESS && !order->nt &&
        !share_allows(order->view.head, (uint32_t)getpid()))
        status = STATUS_ACCESS_DENIED;
    if (status == STATUS_SUCCESS) {
        order->handles = malloc((order->count + 1) * sizeof *order->handles);
        status = order->handles ? share_open(device, &order->view, &resource) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_SUCCESS && order->nt && order->nt->parts.keyed) {
        status = open_others(order, device);
        resource->keyed = true;
        if (status != STATUS_SUCCESS)
            kmt_resource_destroy(resource);
    }
    if (status != STATUS_SUCCESS)
        return status;
    order->resource = resource->object.handle;
    link_each(at, &resource->allocations) order->handles[i++] =
        container_of(at, struct kmt_allocation, link)->object.handle;
    return status;
}

/* The elements tell where in the caller's buffer their driver's data lies. */
static void answer(const struct order *order)
{
    const struct share_view *view = &order->view;
    uint32_t offset = 0;
    fill(&order->runtime, view->runtime, view->head->runtime_size);
    fill(&order->driver, view->driver, view->head->driver_size);
    fill(&order->total, view->parts_data, view->head->parts_size);
    if (order->mutex_data)
        fill(&order->mutex, order->mutex_data, order->mutex_size);
    for (uint32_t i = 0; i < order->count; i++) {
        uint32_t size = view->parts[i].driver_size;
        D3DDDI_OPENALLOCATIONINFO2 element = {.hAllocation = order->handles[i],
                                              .pPrivateDriverData =
                                                  size ? (char *)order->total.at + offset : NULL,
                                              .PrivateDriverDataSize = size};
        /* both forms begin alike; of the second, what is reserved stays */
        guarded_copy((char *)order->elements + i * element_size(order), &element,
                     order->second ? offsetof(D3DDDI_OPENALLOCATIONINFO2, Reserved)
                                   : sizeof(D3DDDI_OPENALLOCATIONINFO));
        offset += size;
    }
}

static NTSTATUS open_order(struct order *order)
{
    NTSTATUS status = find_nt(order);
    if (status == STATUS_SUCCESS)
        status = check_buffers(order);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = open_locked(order);
    kmt_unlock();
    if (status == STATUS_SUCCESS)
        answer(order);
    return status;
}

static NTSTATUS open_global(D3DKMT_OPENRESOURCE *pData, bool second)
{
    D3DKMT_OPENRESOURCE data;
    struct order order;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    order = (struct order){
        .device = data.hDevice,
        .global = data.hGlobalShare,
        .second = second,
        .count = data.NumAllocations,
        .elements = data.pOpenAllocationInfo,
        .runtime = {data.pPrivateRuntimeData, data.PrivateRuntimeDataSize},
        .driver = {data.pResourcePrivateDriverData, data.ResourcePrivateDriverDataSize},
        .total = {data.pTotalPrivateDriverDataBuffer, data.TotalPrivateDriverDataBufferSize}};
    status = open_order(&order);
    if (status == STATUS_SUCCESS) {
        data.hResource = order.resource;
        data.TotalPrivateDriverDataBufferSize = order.view.head->parts_size;
        status = caller_write(pData, &data, sizeof data);
    }
    forget(&order);
    return status;
}

NTSTATUS kmt_OpenResource(D3DKMT_OPENRESOURCE *pData)
{
    return open_global(pData, false);
}

NTSTATUS kmt_OpenResource2(D3DKMT_OPENRESOURCE *pData)
{
    return open_global(pData, true);
}

NTSTATUS kmt_OpenResourceFromNtHandle(D3DKMT_OPENRESOURCEFROMNTHANDLE *pData)
{
    D3DKMT_OPENRESOURCEFROMNTHANDLE data;
    struct order order;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    order = (struct order){
        .device = data.hDevice,
        .by_nt = true,
        .nt_handle = data.hNtHandle,
        .second = true,
        .count = data.NumAllocations,
        .elements = data.pOpenAllocationInfo2,
        .runtime = {data.pPrivateRuntimeData, data.PrivateRuntimeDataSize},
        .driver = {data.pResourcePrivateDriverData, data.ResourcePrivateDriverDataSize},
        .total = {data.pTotalPrivateDriverDataBuffer, data.TotalPrivateDriverDataBufferSize},
        .mutex = {data.pKeyedMutexPrivateRuntimeData, data.KeyedMutexPrivateRuntimeDataSize}};
    status = open_order(&order);
    if (status == STATUS_SUCCESS) {
        data.hResource = order.resource;
        data.hKeyedMutex = order.keyed;
        data.hSyncObject = order.sync;
        data.TotalPrivateDriverDataBufferSize = order.view.head->parts_size;
        status = caller_write(pData, &data, sizeof data);
    }
    forget(&order);
    return status;
}
