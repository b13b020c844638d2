/*
 * D3DKMTEscape: how a program forces on an adapter what else comes by chance. Timeouts, what becomes
 * of offers, evictions and budgets; the simulated driver itself knows no private commands.
 */
#include <string.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/resource.h"
#include "faces.h"
#include "memoryapi/base.h"
#include "memoryapi/privilege.h"

/* One call. `data` is the caller's structure, copied; with `told` it is given back. */
struct escape {
    const struct vidmm *mm;
    struct kmt_device *device; /* NULL: none was named */
    void *data;
    bool told;
};

union escape_data {
    D3DKMT_TDRDBGCTRL_ESCAPE timeout;
    D3DKMT_VIDSCH_ESCAPE scheduler;
    D3DKMT_VIDMM_ESCAPE memory;
    D3DKMT_PROCESS_VERIFIER_OPTION process;
    D3DKMT_ADAPTER_VERIFIER_OPTION adapter;
};

/* Who may act on other processes: who may debug them. */
static bool is_administrator(void)
{
    return privilege_held(PRIVILEGE_DEBUG);
}

static NTSTATUS force_timeout(struct escape *escape, uint32_t control, uint32_t node)
{
    switch (control) {
    case D3DKMT_TDRDBGCTRLTYPE_FORCETDR:
    case D3DKMT_TDRDBGCTRLTYPE_UNCONDITIONAL:
    case D3DKMT_TDRDBGCTRLTYPE_GPUTDR:
        engine_reset(escape->mm);
        return STATUS_SUCCESS;
    case D3DKMT_TDRDBGCTRLTYPE_ENGINETDR:
        if (node >= KMT_NODES)
            return STATUS_INVALID_PARAMETER;
        engine_reset_node(escape->mm, node);
        return STATUS_SUCCESS;
    case D3DKMT_TDRDBGCTRLTYPE_DISABLEBREAK: /* no kernel debugger is there to break into */
        return STATUS_SUCCESS;
    case D3DKMT_TDRDBGCTRLTYPE_ENABLEBREAK:
    case D3DKMT_TDRDBGCTRLTYPE_VSYNCTDR:
    case D3DKMT_TDRDBGCTRLTYPE_FORCEDODTDR:
    case D3DKMT_TDRDBGCTRLTYPE_FORCEDODVSYNCTDR:
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS timeout(struct escape *escape)
{
    const D3DKMT_TDRDBGCTRL_ESCAPE *data = escape->data;
    return is_administrator() ? force_timeout(escape, data->TdrControl, data->NodeOrdinal)
                              : STATUS_ACCESS_DENIED;
}

static NTSTATUS scheduler(struct escape *escape)
{
    const D3DKMT_VIDSCH_ESCAPE *data = escape->data;
    struct vid_adapter *adapter = escape->mm->adapter;
    if (data->Type > D3DKMT_VIDSCHESCAPETYPE_VIRTUAL_REFRESH_RATE)
        return STATUS_INVALID_PARAMETER;
    if (!is_administrator())
        return STATUS_ACCESS_DENIED;
    if (data->Type == D3DKMT_VIDSCHESCAPETYPE_TDRCONTROL)
        return force_timeout(escape, data->TdrControl2.TdrControl, data->TdrControl2.NodeOrdinal);
    if (data->Type != D3DKMT_VIDSCHESCAPETYPE_CONFIGURE_TDR_LIMIT)
        return STATUS_NOT_SUPPORTED;
    if (!data->TdrLimit.Count || !data->TdrLimit.Time)
        return STATUS_INVALID_PARAMETER;
    vidmm_lock(escape->mm);
    adapter->timeouts_most = data->TdrLimit.Count;
    adapter->timeouts_within = data->TdrLimit.Time * 1000000000ull; /* seconds, as TdrLimitTime */
    vidmm_unlock(escape->mm);
    return STATUS_SUCCESS;
}

static NTSTATUS set_offers(struct escape *escape, bool always, bool never)
{
    if (always && never)
        return STATUS_INVALID_PARAMETER;
    vidmm_lock(escape->mm);
    escape->mm->adapter->offers = always  ? VID_OFFERS_LOSE
                                  : never ? VID_OFFERS_KEEP
                                          : VID_OFFERS_AS_NEEDED;
    vidmm_unlock(escape->mm);
    return STATUS_SUCCESS;
}

static NTSTATUS set_fault(struct escape *escape)
{
    const D3DKMT_VIDMM_ESCAPE *data = escape->data;
    const ULONG known = D3DKMT_VIDMM_ESCAPE_SETFAULT_AlwaysDiscardOfferedAllocation |
                        D3DKMT_VIDMM_ESCAPE_SETFAULT_NeverDiscardOfferedAllocation;
    ULONG faults = data->SetFault.Value;
    if (!is_administrator())
        return STATUS_ACCESS_DENIED;
    if (faults & ~known)
        return STATUS_NOT_SUPPORTED;
    return set_offers(escape, faults & D3DKMT_VIDMM_ESCAPE_SETFAULT_AlwaysDiscardOfferedAllocation,
                      faults & D3DKMT_VIDMM_ESCAPE_SETFAULT_NeverDiscardOfferedAllocation);
}

/* What a process has placed goes out, with its contents: `least` to `most` bytes large. */
static void evict_process(const struct vidmm *mm, uint16_t process, uint64_t least, uint64_t most)
{
    struct vid_paging paging = {0};
    vidmm_lock(mm);
    for (uint32_t i = 1; i < mm->adapter->allocations_used; i++) {
        const struct vid_allocation *allocation = &mm->allocations[i];
        if (allocation->live && allocation->owner == process && allocation->place &&
            allocation->size >= least && allocation->size <= most)
            vidmm_put_out(mm, i, &paging);
    }
    vidmm_unlock(mm);
}

static void evict_allocation(const struct vidmm *mm, const struct kmt_allocation *allocation)
{
    struct vid_paging paging = {0};
    vidmm_lock(mm);
    uint32_t index = mm->openings[allocation->opening].allocation;
    if (mm->allocations[index].place)
        vidmm_put_out(mm, index, &paging);
    vidmm_unlock(mm);
}

static NTSTATUS find_process(HANDLE handle, uint16_t *ret_process, const struct vidmm *mm)
{
    NTSTATUS status = adapter_process(handle, ret_process);
    if (status == STATUS_SUCCESS && *ret_process != mm->process && !is_administrator())
        return STATUS_ACCESS_DENIED;
    return status;
}

/* A resource or an allocation of the device that is named; without either all of a process. */
static NTSTATUS evict(struct escape *escape)
{
    const D3DKMT_VIDMM_ESCAPE *data = escape->data;
    if (data->Evict.ResourceHandle) {
        const struct kmt_resource *resource =
            escape->device ? kmt_find_resource(escape->device, data->Evict.ResourceHandle) : NULL;
        if (!resource || data->Evict.AllocationHandle)
            return STATUS_INVALID_PARAMETER;
        link_each(at, &resource->allocations)
            evict_allocation(escape->mm, container_of(at, struct kmt_allocation, link));
    } else if (data->Evict.AllocationHandle) {
        const struct kmt_allocation *allocation =
            escape->device ? kmt_find_allocation(escape->device, data->Evict.AllocationHandle)
                           : NULL;
        if (!allocation)
            return STATUS_INVALID_PARAMETER;
        evict_allocation(escape->mm, allocation);
    } else {
        uint16_t process;
        NTSTATUS status = find_process(data->Evict.hProcess, &process, escape->mm);
        if (status != STATUS_SUCCESS)
            return status;
        evict_process(escape->mm, process, 0, UINT64_MAX);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS evict_by_size(struct escape *escape)
{
    const D3DKMT_VIDMM_ESCAPE *data = escape->data;
    if (data->EvictByCriteria.Value)
        return STATUS_NOT_SUPPORTED;
    if (data->EvictByCriteria.MinimumSize > data->EvictByCriteria.MaximumSize)
        return STATUS_INVALID_PARAMETER;
    evict_process(escape->mm, escape->mm->process, data->EvictByCriteria.MinimumSize,
                  data->EvictByCriteria.MaximumSize);
    return STATUS_SUCCESS;
}

/* 0: as the process gets it otherwise. */
static void set_budgets(const struct vidmm *mm, uint16_t process, uint64_t local, uint64_t nonlocal)
{
    vidmm_lock(mm);
    mm->adapter->usage[process].fixed[VID_LOCAL] = local;
    mm->adapter->usage[process].fixed[VID_NONLOCAL] = nonlocal;
    vidmm_share_budgets(mm);
    vidmm_unlock(mm);
}

static NTSTATUS tell_missing(struct escape *escape)
{
    D3DKMT_VIDMM_ESCAPE *data = escape->data;
    const struct vidmm *mm = escape->mm;
    vidmm_lock(mm);
    data->GetBudget.NumBytesToTrim = vidmm_over_budget(mm, mm->process, VID_LOCAL) +
                                     vidmm_over_budget(mm, mm->process, VID_NONLOCAL);
    vidmm_unlock(mm);
    escape->told = true;
    return STATUS_SUCCESS;
}

/* Nothing is trimmed by time here: intervals are kept, and told. */
static NTSTATUS set_intervals(struct escape *escape, uint64_t least, uint64_t most, uint64_t idle)
{
    uint64_t *intervals = escape->mm->adapter->trim_intervals;
    if (!is_administrator())
        return STATUS_ACCESS_DENIED;
    if (least > most)
        return STATUS_INVALID_PARAMETER;
    vidmm_lock(escape->mm);
    intervals[0] = least;
    intervals[1] = most;
    intervals[2] = idle;
    vidmm_unlock(escape->mm);
    return STATUS_SUCCESS;
}

static NTSTATUS validate(struct escape *escape)
{
    const D3DKMT_VIDMM_ESCAPE *data = escape->data;
    vidmm_lock(escape->mm);
    bool valid = vidmm_is_valid(escape->mm, -1);
    vidmm_unlock(escape->mm);
    if (data->VerifyIntegrity.SegmentId >= VID_PLACES - 1)
        return STATUS_INVALID_PARAMETER;
    return valid ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static NTSTATUS memory(struct escape *escape)
{
    const D3DKMT_VIDMM_ESCAPE *data = escape->data;
    switch (data->Type) {
    case D3DKMT_VIDMMESCAPETYPE_SETFAULT:
        return set_fault(escape);
    case D3DKMT_VIDMMESCAPETYPE_EVICT:
        return evict(escape);
    case D3DKMT_VIDMMESCAPETYPE_EVICT_BY_CRITERIA:
        return evict_by_size(escape);
    case D3DKMT_VIDMMESCAPETYPE_SET_BUDGET:
        set_budgets(escape->mm, escape->mm->process, data->SetBudget.LocalMemoryBudget,
                    data->SetBudget.SystemMemoryBudget);
        return STATUS_SUCCESS;
    case D3DKMT_VIDMMESCAPETYPE_GET_BUDGET:
        return tell_missing(escape);
    case D3DKMT_VIDMMESCAPETYPE_SET_TRIM_INTERVALS:
        return set_intervals(escape, data->SetTrimIntervals.MinTrimInterval,
                             data->SetTrimIntervals.MaxTrimInterval,
                             data->SetTrimIntervals.IdleTrimInterval);
    case D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY:
        return validate(escape);
    default:
        return data->Type > D3DKMT_VIDMMESCAPETYPE_SET_EVICTION_CONFIG ? STATUS_INVALID_PARAMETER
                                                                       : STATUS_NOT_SUPPORTED;
    }
}

/* D3DKMT_VERIFIER_OPTION_QUERY or _SET. */
static bool is_mode(uint32_t mode)
{
    return mode == D3DKMT_VERIFIER_OPTION_QUERY || mode == D3DKMT_VERIFIER_OPTION_SET;
}

static NTSTATUS process_option(struct escape *escape)
{
    D3DKMT_PROCESS_VERIFIER_OPTION *data = escape->data;
    bool set = data->Mode == D3DKMT_VERIFIER_OPTION_SET;
    uint16_t process;
    if (!is_mode(data->Mode))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = find_process(data->hProcess, &process, escape->mm);
    if (status != STATUS_SUCCESS)
        return status;
    const uint64_t *fixed = escape->mm->adapter->usage[process].fixed;
    escape->told = !set;
    switch (data->Type) {
    case D3DKMT_PROCESS_VERIFIER_OPTION_VIDMM_FLAGS: /* none is known, so none is set */
        if (set)
            return data->Data.VidMmFlags ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
        data->Data.VidMmFlags = 0;
        return STATUS_SUCCESS;
    case D3DKMT_PROCESS_VERIFIER_OPTION_VIDMM_RESTRICT_BUDGET:
        if (set)
            set_budgets(escape->mm, process, data->Data.VidMmRestrictBudget.LocalBudget,
                        data->Data.VidMmRestrictBudget.NonLocalBudget);
        data->Data.VidMmRestrictBudget.LocalBudget = fixed[VID_LOCAL];
        data->Data.VidMmRestrictBudget.NonLocalBudget = fixed[VID_NONLOCAL];
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS adapter_flags(struct escape *escape, UINT *flags, bool set)
{
    const UINT always = D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS_AlwaysDiscardOffer;
    const UINT never = D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS_NeverDiscardOffer;
    uint32_t offers = escape->mm->adapter->offers;
    if (!set) {
        *flags = offers == VID_OFFERS_LOSE ? always : offers == VID_OFFERS_KEEP ? never : 0;
        return STATUS_SUCCESS;
    }
    if (*flags & ~(always | never))
        return STATUS_NOT_SUPPORTED;
    return set_offers(escape, *flags & always, *flags & never);
}

static NTSTATUS adapter_option(struct escape *escape)
{
    D3DKMT_ADAPTER_VERIFIER_OPTION *data = escape->data;
    const uint64_t *intervals = escape->mm->adapter->trim_intervals;
    bool set = data->Mode == D3DKMT_VERIFIER_OPTION_SET;
    if (!is_mode(data->Mode))
        return STATUS_INVALID_PARAMETER;
    if (set && !is_administrator())
        return STATUS_ACCESS_DENIED;
    escape->told = !set;
    if (data->Type == D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_FLAGS)
        return adapter_flags(escape, &data->Data.VidMmFlags, set);
    if (data->Type != D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_TRIM_INTERVAL)
        return STATUS_INVALID_PARAMETER;
    if (set)
        return set_intervals(escape, data->Data.VidMmTrimInterval.MinimumTrimInterval,
                             data->Data.VidMmTrimInterval.MaximumTrimInterval,
                             data->Data.VidMmTrimInterval.IdleTrimInterval);
    data->Data.VidMmTrimInterval.MinimumTrimInterval = intervals[0];
    data->Data.VidMmTrimInterval.MaximumTrimInterval = intervals[1];
    data->Data.VidMmTrimInterval.IdleTrimInterval = intervals[2];
    return STATUS_SUCCESS;
}

static const struct {
    NTSTATUS (*run)(struct escape *escape); /* NULL: the driver does not know it */
    uint16_t size;
} kinds[] = {
    [D3DKMT_ESCAPE_VIDMM] = {memory, sizeof(D3DKMT_VIDMM_ESCAPE)},
    [D3DKMT_ESCAPE_TDRDBGCTRL] = {timeout, sizeof(D3DKMT_TDRDBGCTRL_ESCAPE)},
    [D3DKMT_ESCAPE_VIDSCH] = {scheduler, sizeof(D3DKMT_VIDSCH_ESCAPE)},
    [D3DKMT_ESCAPE_PROCESS_VERIFIER_OPTION] = {process_option,
                                               sizeof(D3DKMT_PROCESS_VERIFIER_OPTION)},
    [D3DKMT_ESCAPE_ADAPTER_VERIFIER_OPTION] = {adapter_option,
                                               sizeof(D3DKMT_ADAPTER_VERIFIER_OPTION)},
};

/* The device and the context that are named, if any: of the adapter, and working. */
static NTSTATUS find_named(const D3DKMT_ESCAPE *data, struct escape *escape)
{
    const struct kmt_context *context = NULL;
    struct kmt_device *device = NULL;
    if (data->hContext && !(context = kmt_find(data->hContext, KMT_CONTEXT)))
        return STATUS_INVALID_PARAMETER;
    if (data->hDevice && !(device = kmt_find(data->hDevice, KMT_DEVICE)))
        return STATUS_INVALID_PARAMETER;
    if (context && device && context->device != device)
        return STATUS_INVALID_PARAMETER;
    escape->device = device ? device : context ? context->device : NULL;
    if (!escape->device)
        return STATUS_SUCCESS;
    if (escape->device->mm->adapter != escape->mm->adapter)
        return STATUS_INVALID_PARAMETER;
    return kmt_device_state(escape->device);
}

static bool is_known(const D3DKMT_ESCAPE *data)
{
    return data->Type < array_length(kinds) && kinds[data->Type].run;
}

static NTSTATUS run_locked(const D3DKMT_ESCAPE *data, struct escape *escape)
{
    NTSTATUS status = adapter_use(data->hAdapter, &escape->mm);
    if (status == STATUS_SUCCESS)
        status = find_named(data, escape);
    if (status == STATUS_SUCCESS)
        status = is_known(data) ? kinds[data->Type].run(escape) : STATUS_NOT_SUPPORTED;
    engine_settle();
    return status;
}

NTSTATUS kmt_Escape(const D3DKMT_ESCAPE *pData)
{
    D3DKMT_ESCAPE data;
    union escape_data copy;
    struct escape escape = {.data = &copy};
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (is_known(&data)) {
        if (data.PrivateDriverDataSize < kinds[data.Type].size)
            return STATUS_INVALID_PARAMETER;
        status = caller_read(data.pPrivateDriverData, &copy, kinds[data.Type].size);
        if (status != STATUS_SUCCESS)
            return status;
    }
    kmt_lock();
    status = run_locked(&data, &escape);
    kmt_unlock();
    if (status == STATUS_SUCCESS && escape.told)
        status = caller_write(data.pPrivateDriverData, &copy, kinds[data.Type].size);
    return status;
}
