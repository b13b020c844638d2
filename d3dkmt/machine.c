/* Making a machine from its plan, in memory that is all zero. */
#include <stdio.h>
#include <string.h>
#include "d3dkmt/plan.h"
#include "d3dkmt/vidmm.h"
#include "memoryapi/base.h"

static uint64_t table_bytes(void)
{
    return round_up(VID_ALLOCATIONS * sizeof(struct vid_allocation), PAGE_SIZE) +
           round_up(VID_OPENINGS * sizeof(struct vid_opening), PAGE_SIZE) +
           round_up(VID_EVENTS * sizeof(struct vid_event), PAGE_SIZE);
}

static uint64_t adapters_at(void)
{
    return round_up(sizeof(struct vid_machine), PAGE_SIZE);
}

static uint64_t tables_at(uint32_t adapters)
{
    return round_up(adapters_at() + adapters * sizeof(struct vid_adapter), PAGE_SIZE);
}

uint64_t vid_machine_size(const struct vid_plan *plan)
{
    return tables_at(plan->adapter_count) + plan->adapter_count * table_bytes();
}

static bool make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    bool made = pthread_mutexattr_init(&attributes) == 0 &&
                pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                pthread_mutex_init(lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return made;
}

static void make_adapter(struct vid_adapter *adapter, const struct vid_plan_adapter *plan,
                         uint32_t index, uint64_t at)
{
    memcpy(adapter->name, plan->name, sizeof adapter->name);
    adapter->luid = 0x10000 + 0x100ull * index;
    adapter->vendor = plan->vendor;
    adapter->device_id = plan->device;
    adapter->call_cost = plan->call_cost;
    adapter->fail_seed = plan->fail_seed;
    adapter->fail_one_in = plan->fail_one_in;
    adapter->poison = plan->poison;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        adapter->segments[place].size = plan->segments[place].size;
        adapter->segments[place].page = place == VID_LOCAL ? 65536 : PAGE_SIZE;
        adapter->segments[place].bandwidth = plan->segments[place].bandwidth;
        adapter->segments[place].latency = plan->segments[place].latency;
    }
    adapter->hung_process = VID_PROCESSES;
    adapter->allocations_used = adapter->openings_used = 1;
    adapter->allocations_at = at;
    adapter->openings_at =
        at + round_up(VID_ALLOCATIONS * sizeof(struct vid_allocation), PAGE_SIZE);
    adapter->events_at =
        adapter->openings_at + round_up(VID_OPENINGS * sizeof(struct vid_opening), PAGE_SIZE);
}

bool vid_machine_make(struct vid_machine *machine, const struct vid_plan *plan)
{
    machine->layout = VID_LAYOUT;
    machine->adapter_count = plan->adapter_count;
    machine->size = vid_machine_size(plan);
    machine->seed = plan->seed;
    machine->adapters_at = adapters_at();
    memcpy(machine->description, plan->description, sizeof machine->description);
    if (!make_lock(&machine->lock))
        return false;
    for (uint32_t i = 0; i < plan->adapter_count; i++) {
        struct vid_adapter *adapter = vid_adapter_at(machine, i);
        make_adapter(adapter, &plan->adapters[i], i,
                     tables_at(plan->adapter_count) + i * table_bytes());
        if (!make_lock(&adapter->lock))
            return false;
    }
    __atomic_store_n(&machine->magic, VID_MAGIC, __ATOMIC_RELEASE);
    return true;
}

void vidmm_see(struct vidmm *mm, struct vid_machine *machine, uint32_t index, uint16_t process)
{
    struct vid_adapter *adapter = vid_adapter_at(machine, index);
    *mm = (struct vidmm){
        .machine = machine,
        .adapter = adapter,
        .allocations = (struct vid_allocation *)((char *)machine + adapter->allocations_at),
        .openings = (struct vid_opening *)((char *)machine + adapter->openings_at),
        .events = (struct vid_event *)((char *)machine + adapter->events_at),
        .places = segment_managers,
        .process = process,
    };
}
