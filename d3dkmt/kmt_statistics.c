/* D3DKMTQueryStatistics: counters of adapters, and of what processes have of them. */
#include <string.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/info.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "memoryapi/base.h"
#include "memoryapi/object.h"

#define EVERYBODY VID_PROCESSES

_Static_assert(VID_BANDS == D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX, "one for each");

/* One question, under the adapter's lock but for node_ and physical_ ones. */
struct question {
    const struct vidmm *mm;
    uint16_t process;
    uint32_t number;                       /* of the segment, node or physical adapter */
    D3DKMT_QUERYSTATISTICS_RESULT *result; /* all zero */
};

/* Segments are numbered without gaps: a place that the adapter lacks has no number. */
static enum vid_place place_of(const struct vidmm *mm, uint32_t segment)
{
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (mm->adapter->segments[place].size && segment-- == 0)
            return (enum vid_place)place;
    return VID_NOWHERE;
}

static uint32_t count_segments(const struct vidmm *mm)
{
    uint32_t count = 0;
    while (place_of(mm, count))
        count++;
    return count;
}

static D3DKMT_QUERYSTATISTICS_COUNTER counter(const struct vid_count *count)
{
    return (D3DKMT_QUERYSTATISTICS_COUNTER){.Count = (ULONG)count->count, .Bytes = count->bytes};
}

static NTSTATUS adapter_statistics(struct question *question)
{
    const struct vid_adapter *adapter = question->mm->adapter;
    D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION *result = &question->result->AdapterInformation;
    result->NbSegments = count_segments(question->mm);
    result->NodeCount = KMT_NODES;
    result->TdrDetectedCount =
        __atomic_load_n(&adapter->resets, __ATOMIC_RELAXED) + (ULONG)adapter->node_timeouts;
    result->PagingFault.Evictions.Count = (ULONG)adapter->evictions;
    result->PagingFault.FaultsLostContent.Count = (ULONG)adapter->discards;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        result->PagingFault.Evictions.Bytes += adapter->evicted_bytes[place];
    result->PagingFault.FaultsLostContent.Bytes = adapter->discarded_bytes;
    result->PagingTransfer.BytesDiscarded = adapter->discarded_bytes;
    result->PagingTransfer.BytesTransferredFromMdlToMemory = adapter->paged_in_bytes;
    result->PagingTransfer.BytesTransferredFromMemoryToMdl = adapter->copied_out_bytes;
    result->Flags.Value = 2 | D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION_FLAGS_SupportsDemotion;
    return STATUS_SUCCESS;
}

static NTSTATUS process_statistics(struct question *question)
{
    const struct vid_usage *usage = &question->mm->adapter->usage[question->process];
    D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION *result = &question->result->ProcessInformation;
    result->NodeCount = KMT_NODES;
    result->SystemMemory.BytesAllocated = usage->resident[VID_NONLOCAL];
    return STATUS_SUCCESS;
}

static NTSTATUS process_adapter_statistics(struct question *question)
{
    const struct vid_usage *usage = &question->mm->adapter->usage[question->process];
    D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION *result =
        &question->result->ProcessAdapterInformation;
    result->NbSegments = count_segments(question->mm);
    result->NodeCount = KMT_NODES;
    result->CommitmentData.TotalBytesEvictedFromProcess = usage->evicted_bytes;
    for (unsigned rank = 0; rank < 2; rank++)
        result->CommitmentData.BytesBySegmentPreference[rank] =
            usage->placed[VID_LOCAL][rank].bytes + usage->placed[VID_NONLOCAL][rank].bytes;
    return STATUS_SUCCESS;
}

static NTSTATUS segment_statistics(struct question *question)
{
    const struct vidmm *mm = question->mm;
    D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION *result = &question->result->SegmentInformation;
    enum vid_place place = place_of(mm, question->number);
    if (!place)
        return STATUS_INVALID_PARAMETER;
    const struct vid_segment *segment = &mm->adapter->segments[place];
    result->CommitLimit = segment->size;
    result->BytesCommitted = result->BytesResident = segment->used;
    result->Memory.TotalBytesEvicted = mm->adapter->evicted_bytes[place];
    result->Memory.AllocsCommitted = (ULONG)mm->adapter->placed[place];
    result->Memory.AllocsResident = result->Memory.AllocsCommitted;
    result->Aperture = place == VID_NONLOCAL;
    if (place == VID_NONLOCAL)
        result->SegmentProperties = D3DKMT_QUERYSTATISTICS_SEGMENT_PROPERTIES_SystemMemory;
    return STATUS_SUCCESS;
}

static NTSTATUS process_segment_statistics(struct question *question)
{
    const struct vidmm *mm = question->mm;
    const struct vid_usage *usage = &mm->adapter->usage[question->process];
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION *result =
        &question->result->ProcessSegmentInformation;
    enum vid_place place = place_of(mm, question->number);
    if (!place)
        return STATUS_INVALID_PARAMETER;
    for (unsigned rank = 0; rank < 2; rank++) {
        result->BytesCommitted += usage->placed[place][rank].bytes;
        result->VideoMemory.AllocsCommitted += (ULONG)usage->placed[place][rank].count;
        result->VideoMemory.AllocsResidentInP[rank] = counter(&usage->placed[place][rank]);
    }
    result->MaximumWorkingSet = usage->budget[place];
    result->MinimumWorkingSet = usage->reservation[place];
    return STATUS_SUCCESS;
}

static NTSTATUS process_group_statistics(struct question *question)
{
    const struct vidmm *mm = question->mm;
    const struct vid_usage *usage = &mm->adapter->usage[question->process];
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION *result =
        &question->result->ProcessSegmentGroupInformation;
    enum vid_place place = VID_LOCAL;
    if (question->number == D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL)
        place = VID_NONLOCAL;
    else if (question->number != D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL)
        return STATUS_INVALID_PARAMETER;
    result->Budget = usage->budget[place];
    result->Usage = usage->resident[place];
    result->Requested = usage->referenced[place];
    for (unsigned band = 0; band < VID_BANDS; band++) {
        result->Demoted[band] = usage->demoted_bytes[place][band];
        result->Requested += usage->demoted_bytes[place][band];
    }
    return STATUS_SUCCESS;
}

/* In units of 100 ns. What runs now counts for the process itself at once, for others when it ends. */
static int64_t running_time(const struct vidmm *mm, uint16_t process, uint32_t node)
{
    const struct vid_adapter *adapter = mm->adapter;
    const uint64_t *ran = process == EVERYBODY ? adapter->ran : adapter->usage[process].ran;
    uint64_t done = __atomic_load_n(&ran[node], __ATOMIC_RELAXED);
    uint64_t now = 0;
    if (process == EVERYBODY || process == mm->process)
        now = engine_running_now(mm, node);
    return (int64_t)((done + now) / 100);
}

static NTSTATUS node_statistics(struct question *question)
{
    D3DKMT_QUERYSTATISTICS_NODE_INFORMATION *result = &question->result->NodeInformation;
    if (question->number >= KMT_NODES)
        return STATUS_INVALID_PARAMETER;
    result->GlobalInformation.RunningTime.QuadPart =
        running_time(question->mm, EVERYBODY, question->number);
    result->NodePerfData = (D3DKMT_NODE_PERFDATA){.NodeOrdinal = question->number,
                                                  .Frequency = INFO_HERTZ,
                                                  .MaxFrequency = INFO_HERTZ,
                                                  .MaxFrequencyOC = INFO_HERTZ};
    return STATUS_SUCCESS;
}

static NTSTATUS process_node_statistics(struct question *question)
{
    if (question->number >= KMT_NODES)
        return STATUS_INVALID_PARAMETER;
    question->result->ProcessNodeInformation.RunningTime.QuadPart =
        running_time(question->mm, question->process, question->number);
    return STATUS_SUCCESS;
}

static NTSTATUS physical_adapter_statistics(struct question *question)
{
    D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER_INFORMATION *result =
        &question->result->PhysAdapterInformation;
    struct info speed = {.mm = question->mm, .data = &result->AdapterPerfData};
    struct info limits = {.mm = question->mm, .data = &result->AdapterPerfDataCaps};
    struct info version = {.mm = question->mm, .data = &result->GpuVersion};
    if (question->number)
        return STATUS_INVALID_PARAMETER;
    info_speed(&speed);
    info_speed_limits(&limits);
    info_gpu_version(&version);
    return STATUS_SUCCESS;
}

static NTSTATUS no_source(struct question *question)
{
    (void)question;
    return STATUS_INVALID_PARAMETER;
}

static const struct {
    NTSTATUS (*answer)(struct question *question);
    uint16_t size; /* bytes of the member that is filled */
    bool process;  /* it is about one */
} kinds[] = {
#define OF(part) sizeof(D3DKMT_QUERYSTATISTICS_##part##_INFORMATION)
    [D3DKMT_QUERYSTATISTICS_ADAPTER] = {adapter_statistics, OF(ADAPTER), false},
    [D3DKMT_QUERYSTATISTICS_PROCESS] = {process_statistics, OF(PROCESS), true},
    [D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER] = {process_adapter_statistics, OF(PROCESS_ADAPTER),
                                                true},
    [D3DKMT_QUERYSTATISTICS_SEGMENT] = {segment_statistics, OF(SEGMENT), false},
    [D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT] = {process_segment_statistics, OF(PROCESS_SEGMENT),
                                                true},
    [D3DKMT_QUERYSTATISTICS_NODE] = {node_statistics, OF(NODE), false},
    [D3DKMT_QUERYSTATISTICS_PROCESS_NODE] = {process_node_statistics, OF(PROCESS_NODE), true},
    [D3DKMT_QUERYSTATISTICS_VIDPNSOURCE] = {no_source, 0, false},
    [D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE] = {no_source, 0, true},
    [D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP] = {process_group_statistics,
                                                      OF(PROCESS_SEGMENT_GROUP), true},
    [D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER] = {physical_adapter_statistics, OF(PHYSICAL_ADAPTER),
                                                 false},
#undef OF
};

static NTSTATUS answer(D3DKMT_QUERYSTATISTICS *data, struct question *question)
{
    NTSTATUS status = STATUS_DEVICE_REMOVED;
    kmt_lock();
    clock_call(question->mm);
    gpu_sweep_dead(question->mm);
    if (adapter_runs(question->mm)) {
        vidmm_lock(question->mm);
        status = kinds[data->Type].answer(question);
        vidmm_unlock(question->mm);
    }
    kmt_unlock();
    return status;
}

NTSTATUS kmt_QueryStatistics(const D3DKMT_QUERYSTATISTICS *pData)
{
    D3DKMT_QUERYSTATISTICS data;
    struct question question = {.result = &data.QueryResult};
    NTSTATUS status = caller_open((void *)pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Type >= array_length(kinds))
        return STATUS_INVALID_PARAMETER;
    status = adapter_machine();
    if (status != STATUS_SUCCESS)
        return status;
    question.mm = adapter_of(data.AdapterLuid);
    if (!question.mm)
        return STATUS_INVALID_PARAMETER;
    if (kinds[data.Type].process)
        status = adapter_process(data.hProcess, &question.process);
    if (status != STATUS_SUCCESS)
        return status;
    question.number = data.QuerySegment.SegmentId;
    memset(&data.QueryResult, 0, sizeof data.QueryResult);
    status = answer(&data, &question);
    return status == STATUS_SUCCESS
               ? caller_write((void *)&pData->QueryResult, &data.QueryResult, kinds[data.Type].size)
               : status;
}
