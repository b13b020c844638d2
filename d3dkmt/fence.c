/* Fences: values that all processes of the machine see. */
#include <string.h>
#include "d3dkmt/machine_file.h"
#include "memoryapi/base.h"
#include "memoryapi/mm.h"

#define VALUES_SIZE (VID_FENCES * sizeof(uint64_t))

/* How often this process has each; under machine.lock. */
static uint32_t counts[VID_FENCES];
static uint64_t view; /* where the program reads them; under the state's lock; 0: nowhere yet */

static bool is_free(const struct vid_fence *fence)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < array_length(fence->holders); i++)
        any |= fence->holders[i];
    return !any;
}

static void hold(struct vid_fence *fence, uint32_t index)
{
    uint16_t slot = gpu_process();
    fence->holders[slot / 64] |= 1ull << slot % 64;
    counts[index]++;
}

uint32_t gpu_fence_take(void)
{
    static uint32_t hint; /* under machine.lock */
    struct vid_machine *machine = gpu_machine();
    uint32_t taken = VID_NONE;
    machine_lock(machine);
    for (uint32_t i = 0; i < VID_FENCES - 1 && !taken; i++) {
        uint32_t index = 1 + (hint + i) % (VID_FENCES - 1);
        if (!is_free(vid_fence_at(machine, index)))
            continue;
        *gpu_fence_value(index) = 0;
        hold(vid_fence_at(machine, index), index);
        taken = hint = index;
    }
    machine_unlock(machine);
    return taken;
}

bool gpu_fence_hold(uint32_t fence)
{
    struct vid_machine *machine = gpu_machine();
    bool held = false;
    if (fence == VID_NONE || fence >= VID_FENCES)
        return false;
    machine_lock(machine);
    if (!is_free(vid_fence_at(machine, fence)) && counts[fence] < UINT32_MAX) {
        hold(vid_fence_at(machine, fence), fence);
        held = true;
    }
    machine_unlock(machine);
    return held;
}

void gpu_fence_give(uint32_t fence)
{
    struct vid_machine *machine = gpu_machine();
    uint16_t slot = gpu_process();
    machine_lock(machine);
    if (counts[fence] && --counts[fence] == 0)
        vid_fence_at(machine, fence)->holders[slot / 64] &= ~(1ull << slot % 64);
    machine_unlock(machine);
}

volatile uint64_t *gpu_fence_value(uint32_t fence)
{
    struct vid_machine *machine = gpu_machine();
    return (volatile uint64_t *)((char *)machine + machine->values_at) + fence;
}

const void *gpu_fence_address(uint32_t fence)
{
    struct gpu_state *state = state_lock();
    if (!view && mm_map_shared(state->file.file, state->file.machine->values_at, VALUES_SIZE, false,
                               &view) != STATUS_SUCCESS)
        view = 0;
    uint64_t at = view;
    state_unlock();
    return at ? (const uint64_t *)at + fence : NULL;
}

void fence_sweep(struct vid_machine *machine, uint16_t slot)
{
    for (uint32_t i = 1; i < VID_FENCES; i++)
        vid_fence_at(machine, i)->holders[slot / 64] &= ~(1ull << slot % 64);
}

/* What the program reads in a child of a fork stays where it is. */
void fence_forget(void)
{
    memset(counts, 0, sizeof counts);
    view = 0;
}
