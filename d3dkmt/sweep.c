/* What the dead leave in the machine. */
#include <time.h>
#include "d3dkmt/lock.h"
#include "d3dkmt/machine_file.h"
#include "memoryapi/gate.h"

#define REST 50000000ull /* nanoseconds between two looks */

void machine_lock(struct vid_machine *machine)
{
    gate_self.locks++;
    /* everything under it is primary: there is nothing to repair */
    vid_lock(&machine->lock);
}

void machine_unlock(struct vid_machine *machine)
{
    vid_unlock(&machine->lock);
    gate_self.locks--;
}

void sweep_slot(const struct vidmm *adapters, uint16_t slot)
{
    struct vid_machine *machine = adapters[0].machine;
    for (uint32_t i = 0; i < machine->adapter_count; i++) {
        vidmm_lock(&adapters[i]);
        vidmm_sweep(&adapters[i], slot);
        vidmm_unlock(&adapters[i]);
    }
    fence_sweep(machine, slot);
    /* last: whoever dies before this leaves the rest to the next one */
    __atomic_store_n(&machine->processes[slot].pid, 0, __ATOMIC_RELEASE);
}

bool sweep_dead(const struct vidmm *adapters, int file, uint16_t own)
{
    const struct vid_machine *machine = adapters[0].machine;
    bool any = false;
    for (uint16_t slot = 1; slot < VID_PROCESSES; slot++)
        if (machine->processes[slot].pid && slot != own && !machine_file_is_held(file, slot, 1)) {
            sweep_slot(adapters, slot);
            any = true;
        }
    return any;
}

bool gpu_sweep_dead(const struct vidmm *mm)
{
    static uint64_t next; /* atomic */
    struct timespec now;
    (void)mm;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t when = __atomic_load_n(&next, __ATOMIC_RELAXED);
    if (time < when || !__atomic_compare_exchange_n(&next, &when, time + REST, false,
                                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return false;
    return gpu_sweep_dead_now();
}
