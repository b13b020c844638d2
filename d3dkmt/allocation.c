/* Allocations come, are opened by other devices, and go with their last opening. */
#include "d3dkmt/order.h"
#include "d3dkmt/records.h"
#include "d3dkmt/residency.h"
#include "d3dkmt/room.h"
#include "memoryapi/base.h"

#define PLACES (1u << VID_LOCAL | 1u << VID_NONLOCAL)

/* Whether it would fit into one of the places, if nothing else were there. */
static bool fits_somewhere(const struct vidmm *mm, uint64_t size, unsigned allowed)
{
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        const struct vid_segment *segment = &mm->adapter->segments[place];
        const struct vid_segment_ops *manager = mm->places[place];
        if (allowed & 1u << place && size <= manager->most(segment) &&
            manager->cost(segment, size) <= manager->most(segment))
            return true;
    }
    return false;
}

static bool places_are_valid(unsigned wanted, unsigned allowed)
{
    return allowed && !(allowed & ~PLACES) && wanted < VID_PLACES && allowed & 1u << wanted;
}

/* The configured failure: the same attempts fail with the same seed. */
static bool shall_fail(struct vid_adapter *adapter)
{
    uint64_t attempt = adapter->attempts++;
    return adapter->fail_one_in && mix64(adapter->fail_seed + attempt) % adapter->fail_one_in == 0;
}

static void link_opening(const struct vidmm *mm, uint32_t index, uint32_t allocation)
{
    struct vid_allocation *of = &mm->allocations[allocation];
    mm->openings[index].next = of->first_opening;
    of->first_opening = index;
    of->openings++;
}

static uint32_t new_opening(const struct vidmm *mm, uint32_t allocation, uint32_t handle)
{
    uint32_t index = records_take_opening(mm);
    struct vid_opening *opening = &mm->openings[index];
    if (!index)
        return VID_NONE;
    opening->process = mm->process;
    opening->locks = 0;
    opening->references = 0;
    opening->handle = handle;
    __atomic_store_n(&opening->allocation, allocation, __ATOMIC_RELEASE);
    link_opening(mm, index, allocation);
    return index;
}

NTSTATUS vidmm_create(const struct vidmm *mm, const struct vid_wish *wish, uint32_t *ret_opening)
{
    uint64_t size;
    uint32_t index, opening;
    struct vid_allocation *allocation;
    if (!wish->size || add_overflows(wish->size, PAGE_SIZE - 1, &size) ||
        !places_are_valid(wish->wanted, wish->allowed))
        return STATUS_INVALID_PARAMETER;
    size = round_down(size, PAGE_SIZE);
    if (!fits_somewhere(mm, size, wish->allowed) || shall_fail(mm->adapter))
        return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    index = records_take_allocation(mm);
    if (!index)
        return STATUS_NO_MEMORY;
    allocation = &mm->allocations[index];
    *allocation = (struct vid_allocation){.size = size,
                                          .share = wish->share,
                                          .priority = wish->priority,
                                          .owner = mm->process,
                                          .wanted = wish->wanted,
                                          .allowed = wish->allowed,
                                          .generation = allocation->generation};
    opening = new_opening(mm, index, wish->handle);
    if (!opening) {
        records_give_allocation(mm, index);
        return STATUS_NO_MEMORY;
    }
    __atomic_store_n(&allocation->live, 1, __ATOMIC_RELEASE);
    mm->adapter->live++;
    vidmm_event(mm, VID_EVENT_CREATE, index, mm->process, size, wish->wanted);
    *ret_opening = opening;
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_open(const struct vidmm *mm, uint32_t allocation, uint32_t handle,
                    uint32_t *ret_opening)
{
    uint32_t opening = new_opening(mm, allocation, handle);
    if (!opening)
        return STATUS_NO_MEMORY;
    *ret_opening = opening;
    return STATUS_SUCCESS;
}

static void unlink_opening(const struct vidmm *mm, struct vid_allocation *allocation,
                           uint32_t index)
{
    uint32_t *link = &allocation->first_opening;
    while (*link && *link != index)
        link = &mm->openings[*link].next;
    *link = mm->openings[index].next;
    allocation->openings--;
}

uint16_t records_owner(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    uint32_t lowest = allocation->first_opening;
    for (uint32_t i = lowest; i; i = mm->openings[i].next) {
        if (mm->openings[i].process == allocation->owner)
            return allocation->owner;
        if (i < lowest)
            lowest = i;
    }
    return mm->openings[lowest].process;
}

/* The allocation without one of its openings. pre: it left its list */
static void lose_opening(const struct vidmm *mm, uint32_t index, uint32_t opening)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    unlink_opening(mm, allocation, opening);
    allocation->references -= mm->openings[opening].references;
    records_give_opening(mm, opening);
}

bool vidmm_close(const struct vidmm *mm, uint32_t opening)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    struct order_was was;
    if (index == VID_NONE) /* the machine was lost, and all that was in it */
        return true;
    order_leave(mm, index, &was);
    lose_opening(mm, index, opening);
    if (allocation->openings) {
        allocation->owner = records_owner(mm, allocation);
        order_enter(mm, index, &was, ORDER_SAME);
        return false;
    }
    order_drop(mm, index, &was);
    if (allocation->place)
        room_give(mm, allocation);
    vidmm_event(mm, VID_EVENT_DESTROY, index, allocation->owner, allocation->size,
                allocation->place);
    records_give_allocation(mm, index);
    mm->adapter->live--;
    return true;
}

void vidmm_set_priority(const struct vidmm *mm, uint32_t opening, uint32_t priority)
{
    uint32_t index = mm->openings[opening].allocation;
    struct order_was was;
    order_leave(mm, index, &was);
    mm->allocations[index].priority = priority;
    order_enter(mm, index, &was, ORDER_SAME);
}

NTSTATUS vidmm_set_places(const struct vidmm *mm, uint32_t opening, uint8_t wanted, uint8_t allowed,
                          struct vid_paging *paging)
{
    uint32_t index = mm->openings[opening].allocation;
    struct vid_allocation *allocation = &mm->allocations[index];
    struct order_was was;
    bool stays;
    if (!places_are_valid(wanted, allowed))
        return STATUS_INVALID_PARAMETER;
    if (!fits_somewhere(mm, allocation->size, allowed))
        return STATUS_NO_MEMORY;
    order_leave(mm, index, &was);
    allocation->allowed = allowed;
    allocation->wanted = wanted;
    order_enter(mm, index, &was, ORDER_SAME);
    stays = allowed & 1u << allocation->place;
    if (!allocation->place || allocation->place == wanted || (allocation->offered && stays))
        return STATUS_SUCCESS;
    if (stays && residency_choose(mm, allocation, 0) != wanted)
        return STATUS_SUCCESS;
    vidmm_put_out(mm, index, paging);
    if (!allocation->offered)
        residency_bring_in(mm, index, VIDMM_OVER_BUDGET, paging);
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_lock_cpu(const struct vidmm *mm, uint32_t opening, bool write)
{
    struct vid_allocation *allocation = vidmm_of(mm, opening);
    if (allocation->offered || allocation->decommitted)
        return STATUS_INVALID_PARAMETER;
    if (mm->openings[opening].locks == UINT16_MAX)
        return STATUS_GRAPHICS_TOO_MANY_REFERENCES;
    mm->openings[opening].locks++;
    if (write)
        allocation->written = 1;
    return STATUS_SUCCESS;
}

NTSTATUS vidmm_unlock_cpu(const struct vidmm *mm, uint32_t opening)
{
    if (!mm->openings[opening].locks)
        return STATUS_INVALID_PARAMETER;
    mm->openings[opening].locks--;
    return STATUS_SUCCESS;
}
