/* D3DKMTLock, Lock2, Unlock, Unlock2, InvalidateCache: allocations under the CPU. */
#include <string.h>
#include "d3dkmt/caller.h"
#include "d3dkmt/contents.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/targets.h"
#include "faces.h"
#include "memoryapi/guarded.h"

#define FLAG(name)  D3DDDICB_LOCKFLAGS_##name
#define KNOWN_FLAGS 0x7FFu

/* Locks of this opening are counted by the engine; the first makes the contents accessible. */
static NTSTATUS lock(struct kmt_allocation *allocation, bool write, void **ret_contents)
{
    const struct vidmm *mm = allocation->device->mm;
    NTSTATUS status;
    bool first;
    vidmm_lock(mm);
    first = !mm->openings[allocation->opening].locks;
    status = vidmm_lock_cpu(mm, allocation->opening, write);
    vidmm_unlock(mm);
    if (status < 0)
        return status;
    if (first)
        status = contents_open(allocation);
    if (status < 0) {
        vidmm_lock(mm);
        vidmm_unlock_cpu(mm, allocation->opening);
        vidmm_unlock(mm);
        return status;
    }
    *ret_contents = allocation->contents;
    return status;
}

static NTSTATUS lock_handle(D3DKMT_HANDLE device_handle, D3DKMT_HANDLE handle, bool write,
                            bool creator_only, uint64_t offset, void **ret_address)
{
    struct kmt_device *device;
    struct kmt_allocation *allocation = NULL;
    void *contents;
    NTSTATUS status;
    kmt_lock();
    status = kmt_use_device(device_handle, &device);
    if (status >= 0)
        allocation = kmt_find_allocation(device, handle);
    if (status >= 0 && (!allocation || (creator_only && allocation->opened) ||
                        offset >= vidmm_of(device->mm, allocation->opening)->size))
        status = STATUS_INVALID_PARAMETER;
    if (status >= 0)
        status = lock(allocation, write, &contents);
    if (status >= 0)
        *ret_address = (char *)contents + offset;
    kmt_unlock();
    return status;
}

NTSTATUS kmt_Lock2(D3DKMT_LOCK2 *pData)
{
    D3DKMT_LOCK2 data;
    void *address = NULL;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    if (data.Flags.Value)
        return STATUS_INVALID_PARAMETER;
    status = lock_handle(data.hDevice, data.hAllocation, true, false, 0, &address);
    if (status >= 0)
        guarded_write(&pData->pData, &address, sizeof address);
    return status;
}

/* In bytes: the first page of the list, and the furthest: the caller sees whether it is one at all. */
static NTSTATUS check_pages(const D3DKMT_LOCK *data, uint64_t *ret_first, uint64_t *ret_last)
{
    uint32_t room[64], *pages;
    void *list;
    NTSTATUS status =
        kmt_copy_list(data->pPages, data->NumPages, sizeof *pages, room, array_length(room), &list);
    if (status < 0)
        return status;
    pages = list;
    *ret_first = *ret_last = (uint64_t)pages[0] * PAGE_SIZE;
    for (uint32_t i = 1; i < data->NumPages; i++)
        if ((uint64_t)pages[i] * PAGE_SIZE > *ret_last)
            *ret_last = (uint64_t)pages[i] * PAGE_SIZE;
    kmt_free_list(list, room);
    return STATUS_SUCCESS;
}

static NTSTATUS check_lock_flags(uint32_t flags)
{
    if (flags & ~KNOWN_FLAGS || (flags & FLAG(ReadOnly) && flags & FLAG(WriteOnly)) ||
        (flags & FLAG(IgnoreSync) && flags & FLAG(AcquireAperture)) ||
        (flags & FLAG(UseAlternateVA) && !(flags & FLAG(AcquireAperture))))
        return STATUS_INVALID_PARAMETER;
    return flags & FLAG(AcquireAperture) ? STATUS_GRAPHICS_UNSWIZZLING_APERTURE_UNSUPPORTED
                                         : STATUS_SUCCESS;
}

NTSTATUS kmt_Lock(D3DKMT_LOCK *pData)
{
    D3DKMT_LOCK data;
    uint64_t first = 0, last = 0;
    void *address = NULL;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = check_lock_flags(data.Flags.Value);
    if (status >= 0 && !(data.Flags.Value & FLAG(LockEntire)))
        status = check_pages(&data, &first, &last);
    if (status >= 0)
        status = lock_handle(data.hDevice, data.hAllocation, !(data.Flags.Value & FLAG(ReadOnly)),
                             true, last, &address);
    if (status < 0)
        return status;
    address = (char *)address - last + first;
    guarded_write(&pData->pData, &address, sizeof address);
    return status;
}

/* Whether every allocation has as many locks as it stands in the list; takes them away if so. */
static bool take_locks(const struct targets *targets)
{
    const struct vidmm *mm = targets->list[0]->device->mm;
    uint32_t done = 0;
    vidmm_lock(mm);
    while (done < targets->count && vidmm_unlock_cpu(mm, targets->list[done]->opening) >= 0)
        done++;
    if (done < targets->count)
        while (done)
            mm->openings[targets->list[--done]->opening].locks++;
    vidmm_unlock(mm);
    return done == targets->count;
}

static NTSTATUS unlock_list(D3DKMT_HANDLE device_handle, const D3DKMT_HANDLE *list, uint32_t count)
{
    struct targets targets;
    struct kmt_device *device;
    NTSTATUS status = targets_copy(&targets, NULL, list, count);
    if (status < 0)
        return status;
    kmt_lock();
    status = targets_find_of(&targets, device_handle, &device);
    if (status >= 0 && !take_locks(&targets))
        status = STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; status >= 0 && i < targets.count; i++)
        if (!device->mm->openings[targets.list[i]->opening].locks)
            contents_close(targets.list[i]);
    kmt_unlock();
    targets_free(&targets);
    return status;
}

NTSTATUS kmt_Unlock(const D3DKMT_UNLOCK *pData)
{
    D3DKMT_UNLOCK data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return unlock_list(data.hDevice, data.phAllocations, data.NumAllocations);
}

NTSTATUS kmt_Unlock2(const D3DKMT_UNLOCK2 *pData)
{
    D3DKMT_UNLOCK2 data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    return unlock_list(data.hDevice, &data.hAllocation, 1);
}

/* Caches of this machine are coherent: there is nothing to do for good parameters. */
NTSTATUS kmt_InvalidateCache(const D3DKMT_INVALIDATECACHE *pData)
{
    D3DKMT_INVALIDATECACHE data;
    struct kmt_device *device;
    struct kmt_allocation *allocation;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = STATUS_INVALID_PARAMETER;
    kmt_lock();
    device = kmt_find(data.hDevice, KMT_DEVICE);
    allocation = device ? kmt_find_allocation(device, data.hAllocation) : NULL;
    if (allocation) {
        uint64_t size = vidmm_of(device->mm, allocation->opening)->size;
        if (data.Offset <= size && data.Length <= size - data.Offset)
            status = STATUS_SUCCESS;
    }
    kmt_unlock();
    return status;
}
