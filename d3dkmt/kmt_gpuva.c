/* D3DKMTReserveGpuVirtualAddress, MapGpuVirtualAddress, FreeGpuVirtualAddress. */
#include <string.h>
#include "d3dkmt/kmt_gpuva.h"

#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "faces.h"

#define RESERVE_UNIT 65536u
#define WRITE        D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write
#define EXECUTE      D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Execute
#define ZERO         D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Zero
#define NO_ACCESS    D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_NoAccess

static struct gpuva spaces[VID_ADAPTERS]; /* under kmt_lock */

struct gpuva *kmt_gpuva_of(const struct vidmm *mm)
{
    struct gpuva *space = &spaces[vidmm_index(mm)];
    if (!space->end)
        gpuva_init(space, GPUVA_END);
    return space;
}

void kmt_gpuva_forget(struct kmt_allocation *allocation)
{
    gpuva_forget(kmt_gpuva_of(allocation->device->mm), &allocation->mapped);
}

uint64_t kmt_gpuva_size(const struct kmt_allocation *allocation)
{
    const struct vidmm *mm = allocation->device->mm;
    vidmm_lock(mm);
    uint64_t size = vidmm_of(mm, allocation->opening)->size;
    vidmm_unlock(mm);
    return size;
}

/* Limits count only where the system chooses. */
static bool is_in_units(const struct gpuva_wish *wish)
{
    uint64_t all = wish->base ? wish->base : wish->minimum | wish->maximum;
    return wish->size && (all | wish->size) % wish->alignment == 0;
}

/* Behind what its queue has to do. A value of 0 says that it is done. */
static NTSTATUS enqueue(struct kmt_paging_queue *queue, uint64_t *ret_fence_value)
{
    const struct vid_paging nothing = {0};
    NTSTATUS status = paging_enqueue(queue, &nothing, ret_fence_value);
    if (status == STATUS_SUCCESS)
        *ret_fence_value = 0;
    return status;
}

static NTSTATUS reserve_locked(D3DDDI_RESERVEGPUVIRTUALADDRESS *data, const struct gpuva_wish *wish)
{
    const struct kmt_adapter *adapter = kmt_find(data->hAdapter, KMT_ADAPTER);
    struct kmt_paging_queue *queue = kmt_find(data->hPagingQueue, KMT_PAGING_QUEUE);
    NTSTATUS status = STATUS_SUCCESS;
    if (!adapter && !queue)
        return STATUS_INVALID_PARAMETER;
    const struct vidmm *mm = adapter ? adapter->mm : queue->device->mm;
    clock_call(mm);
    if (queue)
        status = kmt_device_state(queue->device);
    else if (!adapter_is_there(adapter))
        status = STATUS_DEVICE_REMOVED;
    if (status == STATUS_SUCCESS)
        status = gpuva_reserve(kmt_gpuva_of(mm), wish, (enum gpuva_state)data->ReservationType,
                               &data->VirtualAddress);
    if (status != STATUS_SUCCESS)
        return status;
    data->PagingFenceValue = 0;
    return queue ? enqueue(queue, &data->PagingFenceValue) : STATUS_SUCCESS;
}

NTSTATUS kmt_ReserveGpuVirtualAddress(D3DDDI_RESERVEGPUVIRTUALADDRESS *pData)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    const struct gpuva_wish wish = {.base = data.BaseAddress,
                                    .minimum = data.MinimumAddress,
                                    .maximum = data.MaximumAddress,
                                    .size = data.Size,
                                    .alignment = RESERVE_UNIT};
    if (!is_in_units(&wish) || data.ReservationType >= GPUVA_STATES)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    status = reserve_locked(&data, &wish);
    kmt_unlock();
    if (status >= 0 && caller_write(pData, &data, sizeof data) != STATUS_SUCCESS)
        status = STATUS_ACCESS_VIOLATION;
    return status;
}

/* What the pages are to be, without the memory. STATUS_INVALID_PARAMETER. */
static NTSTATUS read_content(const D3DDDI_MAPGPUVIRTUALADDRESS *data,
                             struct gpuva_content *ret_content)
{
    uint64_t protection = data->Protection.Value;
    bool backed = !(protection & (ZERO | NO_ACCESS));
    if (protection & ~(uint64_t)(WRITE | EXECUTE | ZERO | NO_ACCESS) ||
        (!backed && protection != ZERO && protection != NO_ACCESS) ||
        backed != (data->hAllocation != 0) || data->Reserved0 || data->Reserved1)
        return STATUS_INVALID_PARAMETER;
    *ret_content =
        (struct gpuva_content){.state = protection == ZERO ? GPUVA_ZERO : GPUVA_NO_ACCESS};
    if (backed) {
        ret_content->offset = data->OffsetInPages * PAGE_SIZE;
        ret_content->protection = (uint8_t)protection;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS map_locked(D3DDDI_MAPGPUVIRTUALADDRESS *data, const struct gpuva_wish *wish,
                           struct gpuva_content *content)
{
    struct kmt_paging_queue *queue = kmt_find(data->hPagingQueue, KMT_PAGING_QUEUE);
    struct kmt_allocation *allocation = NULL;
    if (!queue)
        return STATUS_INVALID_PARAMETER;
    clock_call(queue->device->mm);
    NTSTATUS status = kmt_device_state(queue->device);
    if (status != STATUS_SUCCESS)
        return status;
    if (data->hAllocation) {
        allocation = kmt_find_allocation(queue->device, data->hAllocation);
        uint64_t pages = allocation ? kmt_gpuva_size(allocation) / PAGE_SIZE : 0;
        if (data->OffsetInPages > pages || data->SizeInPages > pages - data->OffsetInPages)
            return STATUS_INVALID_PARAMETER;
        content->memory = &allocation->mapped;
    }
    status = gpuva_map(kmt_gpuva_of(queue->device->mm), wish, content, &data->VirtualAddress);
    return status == STATUS_SUCCESS ? enqueue(queue, &data->PagingFenceValue) : status;
}

NTSTATUS kmt_MapGpuVirtualAddress(D3DDDI_MAPGPUVIRTUALADDRESS *pData)
{
    D3DDDI_MAPGPUVIRTUALADDRESS data;
    struct gpuva_content content;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    /* more pages than there are addresses are as many too many as one more than all */
    uint64_t pages =
        data.SizeInPages <= GPUVA_END / PAGE_SIZE ? data.SizeInPages : GPUVA_END / PAGE_SIZE + 1;
    const struct gpuva_wish wish = {.base = data.BaseAddress,
                                    .minimum = data.MinimumAddress,
                                    .maximum = data.MaximumAddress,
                                    .size = pages * PAGE_SIZE,
                                    .alignment = PAGE_SIZE};
    if (!is_in_units(&wish) || (!wish.base && wish.maximum > GPUVA_END))
        return STATUS_INVALID_PARAMETER;
    status = read_content(&data, &content);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = map_locked(&data, &wish, &content);
    kmt_unlock();
    if (status >= 0 && caller_write(pData, &data, sizeof data) != STATUS_SUCCESS)
        status = STATUS_ACCESS_VIOLATION;
    return status;
}

/* No device is asked: what one that is lost has left can be freed. */
NTSTATUS kmt_FreeGpuVirtualAddress(const D3DKMT_FREEGPUVIRTUALADDRESS *pData)
{
    D3DKMT_FREEGPUVIRTUALADDRESS data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (!data.Size || (data.BaseAddress | data.Size) % PAGE_SIZE)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    const struct kmt_adapter *adapter = kmt_find(data.hAdapter, KMT_ADAPTER);
    if (adapter) {
        clock_call(adapter->mm);
        status = gpuva_free(kmt_gpuva_of(adapter->mm), data.BaseAddress, data.Size);
    }
    kmt_unlock();
    return adapter ? status : STATUS_INVALID_PARAMETER;
}

void gpuva_begin_child(void)
{
    memset(spaces, 0, sizeof spaces);
}
