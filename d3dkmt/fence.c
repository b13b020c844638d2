/* Fences: values that all processes of the machine see; and records of what they share. */
#include <string.h>
#include "d3dkmt/machine_file.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

#define VALUES_SIZE (VID_FENCES * sizeof(uint64_t))

/* How often this process has each; under machine.lock. */
static uint32_t counts[VID_FENCES];
static uint32_t different; /* of those, that are not 0 */
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
    different += !counts[index]++;
}

/* One holder less. What is shared goes first: who dies in between leaves it to be found again. */
static void let_go(struct vid_fence *fence, uint16_t slot)
{
    uint64_t mine = 1ull << slot % 64, others = 0;
    if (!(fence->holders[slot / 64] & mine))
        return;
    for (unsigned i = 0; i < array_length(fence->holders); i++)
        others |= fence->holders[i] & (i == slot / 64 ? ~mine : UINT64_MAX);
    if (!others && fence->share) {
        share_contents_remove(fence->share);
        fence->share = fence->name = 0;
    }
    fence->holders[slot / 64] &= ~mine;
}

/* VID_NONE: there is none, or this process has its share. pre: machine.lock */
static uint32_t take(uint64_t share, uint64_t name)
{
    static uint32_t hint;
    struct vid_machine *machine = gpu_machine();
    for (uint32_t i = 0; i < VID_FENCES - 1 && different < VID_FENCES_EACH; i++) {
        uint32_t index = 1 + (hint + i) % (VID_FENCES - 1);
        struct vid_fence *fence = vid_fence_at(machine, index);
        if (!is_free(fence))
            continue;
        *gpu_fence_value(index) = 0;
        fence->share = share;
        fence->name = name;
        hold(fence, index);
        hint = index;
        return index;
    }
    return VID_NONE;
}

uint32_t gpu_fence_take(void)
{
    uint32_t taken;
    bool share_is_used;
    do {
        machine_lock(gpu_machine());
        taken = take(0, 0);
        share_is_used = different >= VID_FENCES_EACH;
        machine_unlock(gpu_machine());
    } while (taken == VID_NONE && !share_is_used && gpu_sweep_dead_now());
    return taken;
}

bool gpu_fence_hold(uint32_t fence)
{
    struct vid_machine *machine = gpu_machine();
    bool held = false;
    if (fence == VID_NONE || fence >= VID_FENCES)
        return false;
    machine_lock(machine);
    if (!is_free(vid_fence_at(machine, fence)) && !vid_fence_at(machine, fence)->share &&
        counts[fence] < UINT32_MAX) {
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
    if (counts[fence] && --counts[fence] == 0) {
        different--;
        let_go(vid_fence_at(machine, fence), slot);
    }
    machine_unlock(machine);
}

uint32_t gpu_record_take(uint64_t share, uint64_t name)
{
    return take(share, name);
}

uint64_t gpu_record_hold(uint32_t record)
{
    struct vid_machine *machine = gpu_machine();
    uint64_t share = 0;
    if (record == VID_NONE || record >= VID_FENCES)
        return 0;
    machine_lock(machine);
    if (!is_free(vid_fence_at(machine, record)) && counts[record] < UINT32_MAX)
        share = vid_fence_at(machine, record)->share;
    if (share)
        hold(vid_fence_at(machine, record), record);
    machine_unlock(machine);
    return share;
}

void gpu_record_give(uint32_t record)
{
    gpu_fence_give(record);
}

uint32_t gpu_record_find(uint64_t name, uint32_t after, uint64_t *ret_share)
{
    for (uint32_t i = after + 1; i < VID_FENCES; i++) {
        const struct vid_fence *fence = vid_fence_at(gpu_machine(), i);
        if (!fence->share || fence->name != name || is_free(fence))
            continue;
        *ret_share = fence->share;
        return i;
    }
    return VID_NONE;
}

volatile uint64_t *gpu_fence_value(uint32_t fence)
{
    struct vid_machine *machine = gpu_machine();
    return (volatile uint64_t *)((char *)machine + machine->values_at) + fence;
}

const void *gpu_fence_address(uint32_t fence)
{
    struct gpu_state *state = state_lock();
    if (!view && mm_map_shared(gpu_adapter(0)->file, state->file.machine->values_at, VALUES_SIZE,
                               false, &view) != STATUS_SUCCESS)
        view = 0;
    uint64_t at = view;
    state_unlock();
    return at ? (const uint64_t *)at + fence : NULL;
}

void fence_sweep(struct vid_machine *machine, uint16_t slot)
{
    for (uint32_t i = 1; i < VID_FENCES; i++)
        let_go(vid_fence_at(machine, i), slot);
}

void fence_show(int file)
{
    uint64_t at = __atomic_load_n(&view, __ATOMIC_RELAXED);
    if (at)
        host->shared_map(file, state_file()->machine->values_at, VALUES_SIZE, HOST_READ, at, &at);
}

bool fence_is_shown(uint64_t address)
{
    uint64_t at = __atomic_load_n(&view, __ATOMIC_RELAXED);
    return at && address - at < VALUES_SIZE;
}

/* What the program reads in a child of a fork stays where it is. */
void fence_forget(void)
{
    memset(counts, 0, sizeof counts);
    different = 0;
    view = 0;
}
