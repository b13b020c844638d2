/* What an adapter and the processes on it look like now. */
#include <stdlib.h>
#include <string.h>
#include "tools/winmem/gpu.h"

const char *const gpu_place_names[VID_PLACES] = {"nowhere", "local", "non-local"};

const char *gpu_running_name(uint32_t running)
{
    static const char *const names[] = {
        [VID_RUNNING] = "running", [VID_STOPPED] = "stopped", [VID_REMOVED] = "removed"};
    return names[running];
}

const char *gpu_size(uint64_t bytes, char ret_text[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    double number = (double)bytes;
    while (number >= 1024 && unit < 4) {
        number /= 1024;
        unit++;
    }
    snprintf(ret_text, 16, number == (double)(uint64_t)number ? "%.0f %s" : "%.1f %s", number,
             units[unit]);
    return ret_text;
}

static uint64_t demoted_bytes(const struct vidmm *mm, const struct vid_usage *usage)
{
    uint64_t sum = 0;
    for (uint32_t i = usage->demoted.first; i; i = mm->allocations[i].next)
        sum += mm->allocations[i].size;
    return sum;
}

static void take_process(const struct vidmm *mm, uint16_t slot, struct gpu_process *ret_process)
{
    const struct vid_usage *usage = &mm->adapter->usage[slot];
    const struct vid_process *process = &mm->machine->processes[slot];
    *ret_process = (struct gpu_process){.slot = slot,
                                        .pid = process->pid,
                                        .devices = usage->devices,
                                        .background = usage->background,
                                        .offered = usage->offered,
                                        .demoted = demoted_bytes(mm, usage),
                                        .evicted = usage->evicted_bytes,
                                        .discarded = usage->discarded_bytes,
                                        .paged_in = usage->paged_in_bytes,
                                        .trims = usage->trims};
    memcpy(ret_process->name, process->name, sizeof ret_process->name - 1);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        ret_process->resident[place] = usage->resident[place];
        ret_process->budget[place] = usage->budget[place];
        ret_process->reservation[place] = usage->reservation[place];
    }
}

struct gpu_figures *gpu_figures_take(uint32_t index)
{
    const struct vidmm *mm = gpu_adapter(index);
    const struct vid_adapter *adapter = mm->adapter;
    struct gpu_figures *figures = calloc(1, sizeof *figures);
    if (!figures) {
        fputs("winmem: gpu: no memory\n", stderr);
        return NULL;
    }
    figures->index = index;
    memcpy(figures->name, adapter->name, sizeof figures->name - 1);
    vidmm_lock(mm);
    figures->luid = vidmm_luid(mm);
    figures->clock = adapter->clock;
    figures->running = adapter->running;
    figures->resets = adapter->resets;
    if (adapter->hung_process < VID_PROCESSES)
        figures->hung_pid = mm->machine->processes[adapter->hung_process].pid;
    memcpy(figures->segments, adapter->segments, sizeof figures->segments);
    figures->live = adapter->live;
    figures->offered = adapter->offered_bytes;
    figures->decisions = adapter->decisions;
    figures->discards = adapter->discards;
    figures->evictions = adapter->evictions;
    for (uint16_t slot = 1; slot < VID_PROCESSES; slot++) {
        if (!mm->machine->processes[slot].pid && !adapter->usage[slot].devices)
            continue;
        take_process(mm, slot, &figures->processes[figures->count++]);
        figures->paged_in += adapter->usage[slot].paged_in_bytes;
    }
    vidmm_unlock(mm);
    return figures;
}
