/*
 * D3DKMTUpdateGpuVirtualAddress. A context's updates are carried out in their order, in a stream of
 * its own beside that of its work (kmt_context.paging). One that has to wait is checked when it is
 * put in and looked at again when it is carried out: what was freed or destroyed meanwhile is left
 * alone, and when memory for a list that was accepted is lacking then, the device is lost.
 */
#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/kmt_gpuva.h"
#include "d3dkmt/resource.h"
#include "faces.h"

#define WAITING_MOST 128u /* operations; with more of them a caller waits */
#define ROOM         8u   /* operations copied to the stack */
#define WRITE        D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write
#define EXECUTE      D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Execute
#define ZERO         D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Zero
#define NO_ACCESS    D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_NoAccess

struct operation {
    struct gpuva_operation does; /* without the memory, until it is carried out */
    D3DKMT_HANDLE allocation;    /* 0: none */
    uint64_t length;             /* bytes of the allocation that it needs */
};

struct update {
    struct context_deed deed;
    struct kmt_context *stream;
    D3DKMT_HANDLE device;
    uint64_t target, source; /* numbers of the ranges; 0: none */
    struct sync_core *fence; /* a reference */
    uint64_t value;          /* it gets then */
    uint32_t count;
    struct gpuva_operation *list; /* where what is carried out is put together */
    struct operation operations[];
};

/* What the caller's handles name; they are looked up again after each sleep. */
struct parties {
    struct kmt_device *device;
    struct kmt_context *context;
    struct kmt_sync *fence;
};

/* Both begin with a page, and a size above 0 is of whole ones. */
static bool are_pages(uint64_t a, uint64_t b, uint64_t size)
{
    return size && (a | b | size) % PAGE_SIZE == 0;
}

static bool read_map(const D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *from, struct operation *to)
{
    uint64_t size = from->MapProtect.SizeInBytes, length = from->MapProtect.AllocationSizeInBytes;
    uint64_t protection = from->OperationType == D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP
                              ? WRITE
                              : from->MapProtect.Protection.Value;
    if (!length)
        length = size;
    if (!are_pages(from->MapProtect.BaseAddress, from->MapProtect.AllocationOffsetInBytes, size) ||
        length % PAGE_SIZE || size % length || protection & ~(uint64_t)(WRITE | EXECUTE) ||
        !from->MapProtect.hAllocation)
        return false;
    *to = (struct operation){.does = {.address = from->MapProtect.BaseAddress, .size = size},
                             .allocation = from->MapProtect.hAllocation,
                             .length = length};
    to->does.content = (struct gpuva_content){.offset = from->MapProtect.AllocationOffsetInBytes,
                                              .period = length < size ? length : 0,
                                              .protection = (uint8_t)protection};
    return true;
}

static bool read_operation(const D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *from,
                           struct operation *to)
{
    uint64_t state = from->Unmap.Protection.Value;
    switch (from->OperationType) {
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP:
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT:
        return read_map(from, to);
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP:
        *to = (struct operation){
            .does = {.address = from->Unmap.BaseAddress, .size = from->Unmap.SizeInBytes}};
        to->does.content.state = state == ZERO ? GPUVA_ZERO : GPUVA_NO_ACCESS;
        return are_pages(to->does.address, 0, to->does.size) &&
               (state == ZERO || state == NO_ACCESS);
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY:
        *to = (struct operation){.does = {.copy = true,
                                          .address = from->Copy.DestAddress,
                                          .size = from->Copy.SizeInBytes,
                                          .source = from->Copy.SourceAddress}};
        return are_pages(to->does.address, to->does.source, to->does.size);
    default:
        return false;
    }
}

/* The caller's list, with each operation by itself checked. */
static NTSTATUS read_list(const D3DKMT_UPDATEGPUVIRTUALADDRESS *data, struct update **ret_update)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION room[ROOM], *list;
    struct update *update;
    void *copy;
    NTSTATUS status =
        kmt_copy_list(data->Operations, data->NumOperations, sizeof *room, room, ROOM, &copy);
    if (status != STATUS_SUCCESS)
        return status;
    list = copy;
    update = malloc(sizeof *update +
                    data->NumOperations * (sizeof *update->operations + sizeof *update->list));
    status = update ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < data->NumOperations && status == STATUS_SUCCESS; i++)
        if (!read_operation(&list[i], &update->operations[i]))
            status = STATUS_INVALID_PARAMETER;
    kmt_free_list(list, room);
    if (status != STATUS_SUCCESS) {
        free(update);
        return status;
    }
    update->count = data->NumOperations;
    update->list = (struct gpuva_operation *)(update->operations + update->count);
    *ret_update = update;
    return STATUS_SUCCESS;
}

/* STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED, STATUS_ACCESS_DENIED. */
static NTSTATUS find_parties(const D3DKMT_UPDATEGPUVIRTUALADDRESS *data,
                             struct parties *ret_parties)
{
    uint32_t denied = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal;
    NTSTATUS status = kmt_use_device(data->hDevice, &ret_parties->device);
    if (status != STATUS_SUCCESS)
        return status;
    ret_parties->context = kmt_find(data->hContext, KMT_CONTEXT);
    ret_parties->fence = kmt_find(data->hFenceObject, KMT_SYNC);
    if (!ret_parties->context || ret_parties->context->device != ret_parties->device ||
        !ret_parties->fence || ret_parties->fence->core->type != D3DDDI_MONITORED_FENCE)
        return STATUS_INVALID_PARAMETER;
    if (!(data->Flags.Value & D3DKMT_UPDATEGPUVIRTUALADDRESS_FLAGS_DoNotWait))
        denied |= D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait;
    return ret_parties->fence->flags & denied ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* The range reserved as ZERO that the pages lie in, the same as *number if that is not 0. */
static bool lies_in(const struct gpuva *space, uint64_t address, uint64_t size, uint64_t *number)
{
    const struct gpuva_range *range = gpuva_range_of(space, address, size);
    if (!range || !range->reserved || range->state != GPUVA_ZERO ||
        (*number && *number != range->number))
        return false;
    *number = range->number;
    return true;
}

static NTSTATUS check(struct update *update, const struct kmt_device *device)
{
    const struct gpuva *space = kmt_gpuva_of(device->mm);
    update->target = update->source = 0;
    for (uint32_t i = 0; i < update->count; i++) {
        const struct operation *operation = &update->operations[i];
        const struct gpuva_operation *does = &operation->does;
        if (!lies_in(space, does->address, does->size, &update->target) ||
            (does->copy && !lies_in(space, does->source, does->size, &update->source)))
            return STATUS_INVALID_PARAMETER;
        if (!operation->allocation)
            continue;
        const struct kmt_allocation *allocation =
            kmt_find_allocation(device, operation->allocation);
        uint64_t size = allocation ? kmt_gpuva_size(allocation) : 0;
        if (does->content.offset > size || operation->length > size - does->content.offset)
            return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Whether the pages still lie in the range that they lay in. */
static bool still(const struct gpuva *space, uint64_t address, uint64_t number)
{
    const struct gpuva_range *range = gpuva_range_of(space, address, 1);
    return range && range->number == number;
}

static NTSTATUS carry_out(struct update *update, const struct kmt_device *device)
{
    struct gpuva *space = kmt_gpuva_of(device->mm);
    uint32_t count = 0;
    for (uint32_t i = 0; i < update->count; i++) {
        const struct operation *operation = &update->operations[i];
        struct gpuva_operation *does = &update->list[count];
        struct kmt_allocation *allocation = kmt_find_allocation(device, operation->allocation);
        *does = operation->does;
        if (!still(space, does->address, update->target) ||
            (does->copy && !still(space, does->source, update->source)) ||
            (operation->allocation && !allocation))
            continue;
        if (allocation)
            does->content.memory = &allocation->mapped;
        count++;
    }
    NTSTATUS status = gpuva_update(space, update->list, count);
    if (status == STATUS_SUCCESS)
        sync_signal(update->fence, update->value, false);
    return status;
}

static void free_update(struct update *update)
{
    sync_unref(update->fence);
    free(update);
}

/* Its turn has come; or its stream has ended. */
static void happen(struct context_deed *deed, bool done)
{
    struct update *update = container_of(deed, struct update, deed);
    struct kmt_device *device = kmt_find(update->device, KMT_DEVICE);
    update->stream->queued -= update->count;
    if (done && device && !device->ended && carry_out(update, device) != STATUS_SUCCESS) {
        device->in_error = true;
        device_end(device, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY);
    }
    sync_wake(NULL); /* a caller that found too many waiting */
    free_update(update);
}

/*
 * At once, if nothing is to be waited for; then it may fail. Else into the stream, which owns the
 * update from then on: *ret_queued.
 */
static NTSTATUS submit(struct update *update, const D3DKMT_UPDATEGPUVIRTUALADDRESS *data,
                       const struct parties *parties, bool *ret_queued)
{
    const struct sync_target target = {parties->fence->core, data->FenceValue};
    uint32_t waits = data->Flags.Value & D3DKMT_UPDATEGPUVIRTUALADDRESS_FLAGS_DoNotWait ? 0 : 1;
    NTSTATUS status = check(update, parties->device);
    if (status != STATUS_SUCCESS)
        return status;
    update->device = data->hDevice;
    update->fence = parties->fence->core;
    update->value = data->FenceValue + 1;
    if ((!parties->context->paging || context_is_idle(parties->context->paging)) &&
        sync_is_over(&target, waits, false, false)) {
        status = carry_out(update, parties->device);
        engine_settle();
        return status;
    }
    status = context_add_paging(parties->context);
    update->deed.happen = happen;
    update->stream = parties->context->paging;
    if (status == STATUS_SUCCESS)
        status = context_put_deed(update->stream, &target, waits, &update->deed);
    if (status == STATUS_SUCCESS) {
        sync_ref(update->fence);
        update->stream->queued += update->count;
        *ret_queued = true;
        engine_settle();
    }
    return status;
}

NTSTATUS kmt_UpdateGpuVirtualAddress(const D3DKMT_UPDATEGPUVIRTUALADDRESS *pData)
{
    D3DKMT_UPDATEGPUVIRTUALADDRESS data;
    struct parties parties;
    struct update *update;
    bool queued = false;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Reserved0 || data.Reserved1 ||
        data.Flags.Value & ~D3DKMT_UPDATEGPUVIRTUALADDRESS_FLAGS_DoNotWait)
        return STATUS_INVALID_PARAMETER;
    status = read_list(&data, &update);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    kmt_begin_device(data.hDevice);
    status = find_parties(&data, &parties);
    while (status == STATUS_SUCCESS && parties.context->paging &&
           parties.context->paging->queued > WAITING_MOST) {
        const struct sync_target target = {parties.fence->core, data.FenceValue};
        sync_let_time_pass(parties.device->mm, &target, 1);
        status = find_parties(&data, &parties);
    }
    if (status == STATUS_SUCCESS)
        status = submit(update, &data, &parties, &queued);
    kmt_unlock();
    if (!queued)
        free(update);
    return status;
}
