/* What a process may have of an adapter's memory, has, and keeps for itself. */
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "memoryapi/guarded.h"

/*
 * D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL is 0, _NON_LOCAL is 1; there is one physical adapter. The call
 * begins. pre: kmt_lock
 */
static NTSTATUS use_group(D3DKMT_HANDLE handle, uint32_t group, uint32_t physical_adapter,
                          const struct vidmm **ret_mm)
{
    if (group > D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL || physical_adapter != 0)
        return STATUS_INVALID_PARAMETER;
    return adapter_use(handle, ret_mm);
}

NTSTATUS kmt_QueryVideoMemoryInfo(D3DKMT_QUERYVIDEOMEMORYINFO *pData)
{
    D3DKMT_QUERYVIDEOMEMORYINFO data;
    const struct vidmm *mm;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = kmt_check_process(data.hProcess);
    if (status < 0)
        return status;
    kmt_lock();
    status = use_group(data.hAdapter, data.MemorySegmentGroup, data.PhysicalAdapterIndex, &mm);
    if (status >= 0) {
        unsigned place = VID_LOCAL + data.MemorySegmentGroup;
        gpu_sweep_dead(mm);
        vidmm_lock(mm);
        data.Budget = vidmm_budget(mm, mm->process, place);
        data.CurrentUsage = mm->adapter->usage[mm->process].referenced[place];
        data.CurrentReservation = mm->adapter->usage[mm->process].reservation[place];
        data.AvailableForReservation = vidmm_available_for_reservation(mm, mm->process, place);
        vidmm_unlock(mm);
    }
    kmt_unlock();
    if (status >= 0)
        guarded_write(pData, &data, sizeof data);
    return status;
}

NTSTATUS kmt_ChangeVideoMemoryReservation(const D3DKMT_CHANGEVIDEOMEMORYRESERVATION *pData)
{
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION data;
    const struct vidmm *mm;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = kmt_check_process(data.hProcess);
    if (status < 0)
        return status;
    kmt_lock();
    status = use_group(data.hAdapter, data.MemorySegmentGroup, data.PhysicalAdapterIndex, &mm);
    if (status >= 0) {
        vidmm_lock(mm);
        status = vidmm_reserve(mm, VID_LOCAL + data.MemorySegmentGroup, data.Reservation);
        vidmm_unlock(mm);
    }
    kmt_unlock();
    return status;
}
