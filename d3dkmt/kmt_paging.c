/* D3DKMTCreatePagingQueue, D3DKMTDestroyPagingQueue. */
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/paging.h"
#include "faces.h"

static NTSTATUS create_locked(D3DKMT_CREATEPAGINGQUEUE *data)
{
    struct kmt_device *device;
    struct kmt_paging_queue *queue;
    NTSTATUS status = kmt_use_device(data->hDevice, &device);
    if (status != STATUS_SUCCESS)
        return status;
    clock_call(device->mm);
    status = paging_create(device, data->Priority, &queue);
    if (status != STATUS_SUCCESS)
        return status;
    data->FenceValueCPUVirtualAddress = (PVOID)sync_address(queue->fence->core);
    if (!data->FenceValueCPUVirtualAddress) {
        paging_destroy(queue);
        return STATUS_NO_MEMORY;
    }
    data->hPagingQueue = queue->object.handle;
    data->hSyncObject = queue->fence->object.handle;
    return STATUS_SUCCESS;
}

NTSTATUS kmt_CreatePagingQueue(D3DKMT_CREATEPAGINGQUEUE *pData)
{
    D3DKMT_CREATEPAGINGQUEUE data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    int32_t priority = (int32_t)data.Priority;
    if (status != STATUS_SUCCESS)
        return status;
    if (priority < D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL ||
        priority > D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL || data.PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    kmt_lock();
    status = create_locked(&data);
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

NTSTATUS kmt_DestroyPagingQueue(D3DDDI_DESTROYPAGINGQUEUE *pData)
{
    D3DDDI_DESTROYPAGINGQUEUE data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_paging_queue *queue = kmt_find(data.hPagingQueue, KMT_PAGING_QUEUE);
    if (queue) {
        clock_call(queue->device->mm);
        paging_destroy(queue);
    }
    kmt_unlock();
    return queue ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
