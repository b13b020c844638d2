/* An adapter's memory, its nodes, and what it can. */
#include <string.h>
#include "d3dkmt/gpuva.h"
#include "d3dkmt/info.h"

static uint64_t size_of(const struct info *info, enum vid_place place)
{
    return info->mm->adapter->segments[place].size;
}

static D3DKMT_SEGMENTSIZEINFO sizes(const struct info *info)
{
    return (D3DKMT_SEGMENTSIZEINFO){.DedicatedVideoMemorySize = size_of(info, VID_LOCAL),
                                    .SharedSystemMemorySize = size_of(info, VID_NONLOCAL)};
}

NTSTATUS info_segments(struct info *info)
{
    *(D3DKMT_SEGMENTSIZEINFO *)info->data = sizes(info);
    return STATUS_SUCCESS;
}

NTSTATUS info_segment_groups(struct info *info)
{
    D3DKMT_SEGMENTGROUPSIZEINFO *answer = info->data;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    answer->LegacyInfo = sizes(info);
    answer->LocalMemory = size_of(info, VID_LOCAL);
    answer->NonLocalMemory = size_of(info, VID_NONLOCAL);
    answer->NonBudgetMemory = 0;
    return STATUS_SUCCESS;
}

NTSTATUS info_virtual_addresses(struct info *info)
{
    D3DKMT_VIRTUALADDRESSINFO *answer = info->data;
    answer->VirtualAddressFlags.Value = D3DKMT_VIRTUALADDRESSFLAGS_VirtualAddressSupported;
    return STATUS_SUCCESS;
}

NTSTATUS info_address_bits(struct info *info)
{
    D3DKMT_QUERY_GPUMMU_CAPS *answer = info->data;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    answer->Caps.Flags.Value = D3DKMT_GPUMMU_CAPS_FLAGS_ReadOnlyMemorySupported |
                               D3DKMT_GPUMMU_CAPS_FLAGS_NoExecuteMemorySupported |
                               D3DKMT_GPUMMU_CAPS_FLAGS_CacheCoherentMemorySupported;
    answer->Caps.VirtualAddressBitCount = GPUVA_BITS;
    return STATUS_SUCCESS;
}

NTSTATUS info_physical_adapters(struct info *info)
{
    ((D3DKMT_PHYSICAL_ADAPTER_COUNT *)info->data)->Count = 1;
    return STATUS_SUCCESS;
}

/* The node in the low half, the physical adapter in the high one. */
NTSTATUS info_node(struct info *info)
{
    D3DKMT_NODEMETADATA *answer = info->data;
    if (answer->NodeOrdinalAndAdapterIndex >= KMT_NODES)
        return STATUS_INVALID_PARAMETER;
    memset(&answer->NodeData, 0, sizeof answer->NodeData);
    answer->NodeData.EngineType =
        answer->NodeOrdinalAndAdapterIndex ? DXGK_ENGINE_TYPE_COPY : DXGK_ENGINE_TYPE_3D;
    answer->NodeData.GpuMmuSupported = TRUE;
    return STATUS_SUCCESS;
}

/* Work that has begun is finished; others may come before the next. */
NTSTATUS info_caps_1_2(struct info *info)
{
    D3DKMT_WDDM_1_2_CAPS *answer = info->data;
    *answer =
        (D3DKMT_WDDM_1_2_CAPS){.PreemptionCaps = {D3DKMDT_GRAPHICS_PREEMPTION_DMA_BUFFER_BOUNDARY,
                                                  D3DKMDT_COMPUTE_PREEMPTION_DMA_BUFFER_BOUNDARY}};
    return STATUS_SUCCESS;
}

NTSTATUS info_caps_2_0(struct info *info)
{
    D3DKMT_WDDM_2_0_CAPS *answer = info->data;
    answer->Value =
        D3DKMT_WDDM_2_0_CAPS_GpuMmuSupported | D3DKMT_WDDM_2_0_CAPS_SupportSurpriseRemoval;
    return STATUS_SUCCESS;
}

NTSTATUS info_node_speed(struct info *info)
{
    D3DKMT_NODE_PERFDATA *answer = info->data;
    uint32_t node = answer->NodeOrdinal;
    if (answer->PhysicalAdapterIndex || node >= KMT_NODES)
        return STATUS_INVALID_PARAMETER;
    *answer = (D3DKMT_NODE_PERFDATA){.NodeOrdinal = node,
                                     .Frequency = INFO_HERTZ,
                                     .MaxFrequency = INFO_HERTZ,
                                     .MaxFrequencyOC = INFO_HERTZ};
    return STATUS_SUCCESS;
}

/* Nothing of it turns, draws power or gets warm. */
NTSTATUS info_speed(struct info *info)
{
    D3DKMT_ADAPTER_PERFDATA *answer = info->data;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    *answer = (D3DKMT_ADAPTER_PERFDATA){.MemoryFrequency = INFO_HERTZ,
                                        .MaxMemoryFrequency = INFO_HERTZ,
                                        .MaxMemoryFrequencyOC = INFO_HERTZ};
    return STATUS_SUCCESS;
}

NTSTATUS info_speed_limits(struct info *info)
{
    D3DKMT_ADAPTER_PERFDATACAPS *answer = info->data;
    const struct vid_segment *segments = info->mm->adapter->segments;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    *answer = (D3DKMT_ADAPTER_PERFDATACAPS){.MaxMemoryBandwidth = segments[VID_LOCAL].bandwidth,
                                            .MaxPCIEBandwidth = segments[VID_NONLOCAL].bandwidth};
    return STATUS_SUCCESS;
}

NTSTATUS info_tracked_workloads(struct info *info)
{
    D3DKMT_TRACKEDWORKLOAD_SUPPORT *answer = info->data;
    if (answer->PhysicalAdapterIndex || (uint32_t)answer->EngineType >= DXGK_ENGINE_TYPE_MAX)
        return STATUS_INVALID_PARAMETER;
    answer->Support = FALSE;
    return STATUS_SUCCESS;
}
