/*
 * What was offered with AllowDecommit may be lost with its memory: asking how much that is, and
 * taking it now.
 */
#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/contents.h"
#include "d3dkmt/kmt.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "memoryapi/guarded.h"

NTSTATUS kmt_QueryProcessOfferInfo(D3DKMT_QUERYPROCESSOFFERINFO *pData)
{
    D3DKMT_QUERYPROCESSOFFERINFO data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.cbSize != sizeof data)
        return STATUS_INVALID_PARAMETER;
    status = kmt_check_process(data.hProcess);
    if (status >= 0)
        status = gpu_attach();
    if (status < 0)
        return status;
    data.DecommittableBytes = data.DecommitUniqueness = 0;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        const struct vidmm *mm = gpu_adapter(i);
        const struct vid_usage *usage = &mm->adapter->usage[mm->process];
        vidmm_lock(mm);
        data.DecommittableBytes += usage->decommittable;
        data.DecommitUniqueness += usage->decommits;
        vidmm_unlock(mm);
    }
    guarded_write(pData, &data, sizeof data);
    return STATUS_SUCCESS;
}

/*
 * Handles of what a call decommits: their memory goes when the adapter's lock is free again. Under
 * kmt_lock.
 */
static struct {
    D3DKMT_HANDLE *list;
    uint32_t count, room;
    bool lacking; /* there was no memory for some: all allocations are looked at */
} taken;

static void note(D3DKMT_HANDLE handle)
{
    if (taken.count == taken.room) {
        uint32_t room = taken.room ? taken.room * 2 : 64;
        D3DKMT_HANDLE *list = realloc(taken.list, room * sizeof *list);
        if (!list) {
            taken.lacking = true;
            return;
        }
        taken.list = list;
        taken.room = room;
    }
    taken.list[taken.count++] = handle;
}

void commitment_taken(const struct vidmm *mm, uint32_t allocation)
{
    for (uint32_t i = mm->allocations[allocation].first_opening; i; i = mm->openings[i].next)
        if (mm->openings[i].process == mm->process)
            note(mm->openings[i].handle);
}

/* What was decommitted has no memory any more. pre: kmt_lock */
static bool give_back(struct kmt_object *object, void *context)
{
    struct kmt_allocation *allocation = container_of(object, struct kmt_allocation, object);
    const struct vidmm *mm = allocation->device->mm;
    vidmm_lock(mm); /* another process may reclaim what is shared */
    const struct vid_allocation *of = vidmm_of(mm, allocation->opening);
    if (of->offered && of->decommitted &&
        (allocation->contents || allocation->kind == CONTENTS_SHARED))
        contents_give_back(allocation);
    vidmm_unlock(mm);
    return true;
}

/* pre: kmt_lock */
static void give_back_taken(void)
{
    for (uint32_t i = 0; i < taken.count && !taken.lacking; i++) {
        struct kmt_allocation *allocation = kmt_find(taken.list[i], KMT_ALLOCATION);
        if (allocation)
            give_back(&allocation->object, NULL);
    }
    if (taken.lacking)
        kmt_for_each(KMT_ALLOCATION, give_back, NULL);
    free(taken.list);
    taken.list = NULL;
    taken.count = taken.room = 0;
    taken.lacking = false;
}

NTSTATUS kmt_TrimProcessCommitment(D3DKMT_TRIMPROCESSCOMMITMENT *pData)
{
    D3DKMT_TRIMPROCESSCOMMITMENT data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.cbSize != sizeof data || data.Flags.Value & ~3u)
        return STATUS_INVALID_PARAMETER;
    status = kmt_check_process(data.hProcess);
    if (status >= 0)
        status = gpu_attach();
    if (status < 0)
        return status;
    data.NumBytesDecommitted = 0;
    kmt_lock();
    /* what is discarded already has given its memory back, or may not */
    if (!(data.Flags.Value & D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS_OnlyRepurposed))
        for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
            const struct vidmm *mm = gpu_adapter(i);
            uint64_t left = data.DecommitRequested - data.NumBytesDecommitted;
            if (data.NumBytesDecommitted >= data.DecommitRequested)
                break;
            vidmm_lock(mm);
            data.NumBytesDecommitted += vidmm_decommit(mm, left);
            vidmm_unlock(mm);
        }
    give_back_taken();
    kmt_unlock();
    guarded_write(&pData->NumBytesDecommitted, &data.NumBytesDecommitted,
                  sizeof data.NumBytesDecommitted);
    return STATUS_SUCCESS;
}
