/* Making a machine from its plan, in memory that is all zero. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/plan.h"
#include "d3dkmt/vidmm.h"
#include "memoryapi/base.h"

static uint64_t table_bytes(void)
{
    return round_up(VID_ALLOCATIONS * sizeof(struct vid_allocation), PAGE_SIZE) +
           round_up(VID_ALLOCATIONS * sizeof(uint64_t), PAGE_SIZE) +
           round_up(VID_OPENINGS * sizeof(struct vid_opening), PAGE_SIZE) +
           round_up(VID_EVENTS * sizeof(struct vid_event), PAGE_SIZE);
}

static uint64_t values_at(void)
{
    return round_up(sizeof(struct vid_machine), PAGE_SIZE);
}

static uint64_t fences_at(void)
{
    return round_up(values_at() + VID_FENCES * sizeof(uint64_t), PAGE_SIZE);
}

static uint64_t adapters_at(void)
{
    return round_up(fences_at() + VID_FENCES * sizeof(struct vid_fence), PAGE_SIZE);
}

static uint64_t tables_at(uint32_t adapters)
{
    return round_up(adapters_at() + adapters * sizeof(struct vid_adapter), PAGE_SIZE);
}

uint64_t vid_machine_size(const struct vid_plan *plan)
{
    return tables_at(plan->adapter_count) + plan->adapter_count * table_bytes();
}

uint64_t vid_machine_head(const struct vid_plan *plan)
{
    return tables_at(plan->adapter_count);
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
    memcpy(adapter->icd, plan->icd, sizeof adapter->icd);
    adapter->vendor = plan->vendor;
    adapter->software = plan->software;
    adapter->device_id = plan->device;
    adapter->call_cost = plan->call_cost;
    adapter->work_cost = plan->work_cost;
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
    adapter->arrivals_at =
        at + round_up(VID_ALLOCATIONS * sizeof(struct vid_allocation), PAGE_SIZE);
    adapter->openings_at =
        adapter->arrivals_at + round_up(VID_ALLOCATIONS * sizeof(uint64_t), PAGE_SIZE);
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
    machine->fences_at = fences_at();
    machine->values_at = values_at();
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

/* What is written again and again, and indexes something. */
static bool makes_sense(const struct vid_adapter *adapter)
{
    return adapter->running <= VID_REMOVED && adapter->offers <= VID_OFFERS_KEEP &&
           adapter->hung_process <= VID_PROCESSES &&
           adapter->allocations_used - 1 < VID_ALLOCATIONS &&
           adapter->openings_used - 1 < VID_OPENINGS;
}

static bool adapter_fits(const struct vid_adapter *adapter, const struct vid_adapter *made)
{
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (memcmp(&adapter->segments[place], &made->segments[place],
                   offsetof(struct vid_segment, pressure)) != 0)
            return false;
    return memcmp(adapter, made, offsetof(struct vid_adapter, lock)) == 0 && makes_sense(adapter);
}

bool vid_machine_fits(const struct vid_machine *machine, const struct vid_plan *plan)
{
    struct vid_adapter *made = malloc(sizeof *made);
    bool fits = made && machine->adapter_count == plan->adapter_count &&
                machine->seed == plan->seed && machine->adapters_at == adapters_at() &&
                machine->fences_at == fences_at() && machine->values_at == values_at();
    for (uint32_t i = 0; i < plan->adapter_count && fits; i++) {
        memset(made, 0, sizeof *made);
        make_adapter(made, &plan->adapters[i], i,
                     tables_at(plan->adapter_count) + i * table_bytes());
        fits = adapter_fits(vid_adapter_at((struct vid_machine *)machine, i), made);
    }
    free(made);
    return fits;
}

static bool renew_adapter(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        if (adapter->usage[p].devices)
            vidmm_event_of_process(mm, VID_EVENT_LEAVE, (uint16_t)p);
    memset(adapter->usage, 0, sizeof adapter->usage);
    adapter->allocations_used = adapter->openings_used = 1;
    adapter->allocations_backed = adapter->openings_backed = 0;
    vidmm_rebuild(mm);
    return make_lock(&adapter->lock);
}

bool vid_machine_renew(struct vid_machine *machine)
{
    struct vidmm mm;
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        machine->processes[p].pid = 0; /* its name is for those who look at what was */
    memset((char *)machine + machine->fences_at, 0, VID_FENCES * sizeof(struct vid_fence));
    for (uint32_t i = 0; i < machine->adapter_count; i++) {
        vidmm_see(&mm, machine, i, VID_NONE);
        if (!renew_adapter(&mm))
            return false;
    }
    return make_lock(&machine->lock);
}

void vidmm_see(struct vidmm *mm, struct vid_machine *machine, uint32_t index, uint16_t process)
{
    struct vid_adapter *adapter = vid_adapter_at(machine, index);
    *mm = (struct vidmm){
        .machine = machine,
        .adapter = adapter,
        .allocations = (struct vid_allocation *)((char *)machine + adapter->allocations_at),
        .arrivals = (uint64_t *)((char *)machine + adapter->arrivals_at),
        .openings = (struct vid_opening *)((char *)machine + adapter->openings_at),
        .events = (struct vid_event *)((char *)machine + adapter->events_at),
        .places = segment_managers,
        .luid = adapter->luid,
        .process = process,
    };
}
