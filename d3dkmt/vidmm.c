/* The lock of an adapter, its timeline, and the records of its tables. */
#include "d3dkmt/vidmm.h"

#include "d3dkmt/lock.h"
#include "d3dkmt/records.h"
#include "memoryapi/base.h"
#include "memoryapi/gate.h"

void vidmm_lock(const struct vidmm *mm)
{
    gate_self.locks++;
    if (unlikely(mm->adapter->luid != mm->luid) && vid_lock_is_damaged)
        vid_lock_is_damaged();
    if (vid_lock(&mm->adapter->lock))
        vidmm_rebuild(mm);
}

void vidmm_unlock(const struct vidmm *mm)
{
    vid_unlock(&mm->adapter->lock);
    gate_self.locks--;
}

void vidmm_event(const struct vidmm *mm, enum vid_event_kind kind, uint32_t allocation,
                 uint16_t process, uint64_t bytes, uint8_t place)
{
    struct vid_adapter *adapter = mm->adapter;
    struct vid_event *event = &mm->events[adapter->events % VID_EVENTS];
    event->kind = VID_EVENT_NONE; /* half written, if we die here */
    event->time = __atomic_load_n(&adapter->clock, __ATOMIC_RELAXED);
    event->bytes = bytes;
    event->allocation = allocation;
    event->process = process;
    event->place = place;
    __atomic_store_n(&event->kind, (uint8_t)kind, __ATOMIC_RELEASE);
    __atomic_store_n(&adapter->events, adapter->events + 1, __ATOMIC_RELEASE);
}

void vidmm_event_of_process(const struct vidmm *mm, enum vid_event_kind kind, uint16_t process)
{
    vidmm_event(mm, kind, VID_NONE, process, mm->machine->processes[process].pid, VID_NOWHERE);
}

uint64_t vidmm_moving_time(const struct vidmm *mm, const struct vid_paging *paging)
{
    const struct vid_segment *segments = mm->adapter->segments;
    uint64_t time = 0;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        time += segment_time(&segments[place], paging->in[place]) +
                segment_time(&segments[place], paging->out[place]);
    return time;
}

void vidmm_arrives(const struct vidmm *mm, uint32_t allocation, uint64_t time)
{
    mm->arrivals[allocation] = time;
    if (time > mm->adapter->arrived)
        mm->adapter->arrived = time;
}

void vidmm_await(const struct vidmm *mm, uint32_t allocation, struct vid_paging *paging)
{
    const struct vid_adapter *adapter = mm->adapter;
    uint64_t now = __atomic_load_n(&adapter->clock, __ATOMIC_RELAXED);
    if (adapter->arrived > now && mm->arrivals[allocation] > now &&
        mm->arrivals[allocation] > paging->until)
        paging->until = mm->arrivals[allocation];
}

#define CHUNK (256u << 10) /* bytes of records that get memory at once */

/* Memory behind record `index`, which is the first that never was used. */
static bool back(const struct vidmm *mm, uint64_t table_at, size_t record, uint32_t index,
                 uint32_t *backed)
{
    uint32_t more = CHUNK / (uint32_t)record;
    if (index < *backed)
        return true;
    if (mm->back && !mm->back(mm, table_at + *backed * record, more * record))
        return false;
    *backed += more;
    return true;
}

/* The same for when it is there, of all that its chunk has. */
static bool back_arrivals(const struct vidmm *mm, uint32_t index)
{
    uint64_t first = mm->adapter->allocations_backed;
    uint64_t more = CHUNK / sizeof(struct vid_allocation);
    return index < first || !mm->back ||
           mm->back(mm, mm->adapter->arrivals_at + first * sizeof(uint64_t),
                    more * sizeof(uint64_t));
}

uint32_t records_take_allocation(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    uint32_t index = adapter->allocations_free;
    if (index) {
        adapter->allocations_free = mm->allocations[index].next;
        mm->allocations[index].next = VID_NONE;
        return index;
    }
    index = adapter->allocations_used;
    if (index >= VID_ALLOCATIONS || !back_arrivals(mm, index) ||
        !back(mm, adapter->allocations_at, sizeof(struct vid_allocation), index,
              &adapter->allocations_backed))
        return VID_NONE;
    adapter->allocations_used++;
    return index;
}

void records_give_allocation(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    if (allocation->share && mm->gone)
        mm->gone(mm, allocation->share);
    allocation->share = 0;
    allocation->live = 0;
    allocation->generation++;
    allocation->next = mm->adapter->allocations_free;
    mm->adapter->allocations_free = index;
}

uint32_t records_take_opening(const struct vidmm *mm)
{
    struct vid_adapter *adapter = mm->adapter;
    uint32_t index = adapter->openings_free;
    if (index) {
        adapter->openings_free = mm->openings[index].next;
        mm->openings[index].next = VID_NONE;
        return index;
    }
    index = adapter->openings_used;
    if (index >= VID_OPENINGS || !back(mm, adapter->openings_at, sizeof(struct vid_opening), index,
                                       &adapter->openings_backed))
        return VID_NONE;
    adapter->openings_used++;
    return index;
}

void records_give_opening(const struct vidmm *mm, uint32_t index)
{
    struct vid_opening *opening = &mm->openings[index];
    opening->allocation = VID_NONE;
    opening->next = mm->adapter->openings_free;
    mm->adapter->openings_free = index;
}
