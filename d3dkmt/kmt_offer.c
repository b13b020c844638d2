/* D3DKMTOfferAllocations and the ways back: ReclaimAllocations, ReclaimAllocations2. */
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/contents.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/targets.h"
#include "faces.h"
#include "memoryapi/guarded.h"

#define KNOWN_FLAGS (D3DKMT_OFFER_FLAGS_OfferImmediately | D3DKMT_OFFER_FLAGS_AllowDecommit)

/* Memory of the program, of a display, or in use for good is nobody's to lose. */
static bool may_be_offered(const struct kmt_allocation *allocation)
{
    const struct kmt_resource *resource = allocation->resource;
    bool shared = resource && resource->flags & D3DKMT_CREATEALLOCATIONFLAGS_CreateShared;
    return allocation->kind != CONTENTS_EXISTING && !allocation->primary && !allocation->pins &&
           (!shared || resource->keyed);
}

/* All are offered or none: what refuses is looked for first. pre: vidmm_lock */
static NTSTATUS offer(const struct vidmm *mm, const struct targets *targets, uint32_t priority,
                      uint32_t flags)
{
    bool decommit = flags & D3DKMT_OFFER_FLAGS_AllowDecommit;
    for (uint32_t i = 0; i < targets->count; i++)
        if (!may_be_offered(targets->list[i]) || vidmm_is_locked(mm, targets->list[i]->opening) ||
            vidmm_of(mm, targets->list[i]->opening)->decommitted)
            return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < targets->count; i++)
        vidmm_offer(mm, targets->list[i]->opening, priority, decommit);
    return STATUS_SUCCESS;
}

NTSTATUS kmt_OfferAllocations(const D3DKMT_OFFERALLOCATIONS *pData)
{
    D3DKMT_OFFERALLOCATIONS data;
    struct targets targets;
    struct kmt_device *device;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.Flags.Value & ~KNOWN_FLAGS || data.Priority < D3DKMT_OFFER_PRIORITY_LOW ||
        data.Priority > D3DKMT_OFFER_PRIORITY_AUTO)
        return STATUS_INVALID_PARAMETER;
    status = targets_copy(&targets, data.pResources, data.HandleList, data.NumAllocations);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_usable(&targets, data.hDevice, &device);
    if (status >= 0) {
        clock_call(device->mm);
        vidmm_lock(device->mm);
        status = offer(device->mm, &targets, data.Priority, data.Flags.Value);
        vidmm_unlock(device->mm);
    }
    kmt_unlock();
    targets_free(&targets);
    return status;
}

/*
 * One allocation, D3DDDI_RECLAIM_RESULT_*. What was decommitted with the contents is taken again
 * first: where there is none, it stays as it is for good. pre: vidmm_lock
 */
static uint32_t reclaim_one(struct kmt_allocation *allocation, struct vid_paging *moved)
{
    const struct vidmm *mm = allocation->device->mm;
    const struct vid_allocation *of = vidmm_of(mm, allocation->opening);
    if (of->offered && of->decommitted && contents_open(allocation) >= 0) {
        contents_close(allocation);
        vidmm_recommit(mm, allocation->opening);
    } else if (vidmm_is_lost(mm, allocation->opening)) {
        contents_lose(allocation);
    }
    switch (vidmm_reclaim(mm, allocation->opening, moved)) {
    case VIDMM_DISCARDED:
        return D3DDDI_RECLAIM_RESULT_DISCARDED;
    case VIDMM_NOT_COMMITTED:
        return D3DDDI_RECLAIM_RESULT_NOT_COMMITTED;
    default:
        return D3DDDI_RECLAIM_RESULT_OK;
    }
}

/* Nothing has to come in for it. */
static bool is_in_place(const struct vidmm *mm, uint32_t opening)
{
    return vidmm_of(mm, opening)->place && !vidmm_is_lost(mm, opening);
}

/*
 * The answers, one for each handle: of a resource the worst one of its allocations. What is in its
 * place comes first: what is brought in would make room at the cost of offers of the same list.
 */
static void reclaim(const struct vidmm *mm, const struct targets *targets, uint32_t *answers,
                    struct vid_paging *moved)
{
    memset(answers, 0, targets->handle_count * sizeof *answers);
    vidmm_lock(mm);
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < targets->count; i++) {
            uint32_t result, *answer = &answers[targets_owner(targets, i)];
            if (is_in_place(mm, targets->list[i]->opening) != (pass == 0))
                continue;
            result = reclaim_one(targets->list[i], moved);
            *answer = result > *answer ? result : *answer;
        }
    vidmm_restore(mm, moved);
    vidmm_unlock(mm);
}

/* What both calls have in common: the handles, and where the answers go. */
struct call {
    struct targets targets;
    void *ret_answers; /* the caller's; NULL: not wanted */
    uint32_t *answers; /* the handles' own place: they are not needed any more then */
};

static NTSTATUS begin(struct call *call, const D3DKMT_HANDLE *resources,
                      const D3DKMT_HANDLE *allocations, uint32_t count, void *ret_answers)
{
    NTSTATUS status = targets_copy(&call->targets, resources, allocations, count);
    call->ret_answers = ret_answers;
    if (status >= 0 && ret_answers && !kmt_can_write(ret_answers, count * sizeof(uint32_t))) {
        targets_free(&call->targets);
        return STATUS_ACCESS_VIOLATION;
    }
    call->answers = call->targets.handles;
    return status;
}

static NTSTATUS end(struct call *call, NTSTATUS status)
{
    if (status >= 0 && call->ret_answers)
        guarded_copy(call->ret_answers, call->answers,
                     call->targets.handle_count * sizeof *call->answers);
    targets_free(&call->targets);
    return status;
}

NTSTATUS kmt_ReclaimAllocations(const D3DKMT_RECLAIMALLOCATIONS *pData)
{
    D3DKMT_RECLAIMALLOCATIONS data;
    struct call call;
    struct kmt_device *device;
    struct vid_paging moved;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = begin(&call, data.pResources, data.HandleList, data.NumAllocations, data.pDiscarded);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_usable(&call.targets, data.hDevice, &device);
    if (status >= 0) {
        clock_call(device->mm);
        paging_begin_now(device->mm, &moved);
        reclaim(device->mm, &call.targets, call.answers, &moved);
        paging_wait(device->mm, &moved);
    }
    kmt_unlock();
    /* BOOL: anything else than OK is a loss */
    for (uint32_t i = 0; status >= 0 && i < call.targets.handle_count; i++)
        call.answers[i] = call.answers[i] != D3DDDI_RECLAIM_RESULT_OK;
    return end(&call, status);
}

NTSTATUS kmt_ReclaimAllocations2(D3DKMT_RECLAIMALLOCATIONS2 *pData)
{
    D3DKMT_RECLAIMALLOCATIONS2 data;
    struct call call;
    struct kmt_paging_queue *queue;
    struct vid_paging moved;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = begin(&call, data.pResources, data.HandleList, data.NumAllocations, data.pResults);
    if (status < 0)
        return status;
    kmt_lock();
    status = paging_find(data.hPagingQueue, &queue);
    if (status >= 0)
        status = targets_find(&call.targets, queue->device);
    if (status >= 0) {
        clock_call(queue->device->mm);
        paging_begin(queue, &moved);
        reclaim(queue->device->mm, &call.targets, call.answers, &moved);
        status = paging_enqueue(queue, &moved, &data.PagingFenceValue);
    }
    kmt_unlock();
    if (status >= 0)
        guarded_write(&pData->PagingFenceValue, &data.PagingFenceValue,
                      sizeof data.PagingFenceValue);
    return end(&call, status);
}
