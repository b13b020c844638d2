/* The lists of allocations and the sums over them. */
#include "d3dkmt/order.h"

static void append(const struct vidmm *mm, struct vid_list *list, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    allocation->next = VID_NONE;
    allocation->previous = list->last;
    if (list->last)
        mm->allocations[list->last].next = index;
    else
        list->first = index;
    list->last = index;
}

static void take_out(const struct vidmm *mm, struct vid_list *list, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    if (allocation->previous)
        mm->allocations[allocation->previous].next = allocation->next;
    else
        list->first = allocation->next;
    if (allocation->next)
        mm->allocations[allocation->next].previous = allocation->previous;
    else
        list->last = allocation->previous;
    allocation->next = allocation->previous = VID_NONE;
}

/* The word of classes that have a list, for the lists that go by class. */
static uint32_t *classes(struct vid_usage *usage, const struct vid_allocation *allocation)
{
    return allocation->references ? &usage->held_classes[allocation->place]
                                  : &usage->idle_classes[allocation->place];
}

struct vid_list *order_list(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    unsigned place = allocation->place, class = order_class(allocation);
    if (!place)
        return allocation->references && !allocation->offered ? &usage->demoted : NULL;
    if (allocation->offered)
        return &mm->adapter->offered[place][allocation->offered];
    return allocation->references ? &usage->held[place][class] : &usage->idle[place][class];
}

void order_leave(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    struct vid_list *list = order_list(mm, allocation);
    struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    unsigned place = allocation->place;
    uint64_t cost;
    if (list)
        take_out(mm, list, index);
    if (allocation->offered) {
        mm->adapter->offered_bytes -= allocation->size;
        usage->offered -= allocation->size;
    }
    if (!place)
        return;
    cost = order_cost(mm, allocation, place);
    if (!allocation->offered)
        usage->resident[place] -= cost;
    if (!allocation->offered && allocation->references)
        usage->referenced[place] -= cost;
    else
        mm->adapter->easy[place] -= cost;
    if (!allocation->offered && !list->first)
        *classes(usage, allocation) &= ~(1u << order_class(allocation));
}

void order_enter_again(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    struct vid_list *list = order_list(mm, allocation);
    struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    unsigned place = allocation->place;
    uint64_t cost;
    if (list)
        append(mm, list, index);
    if (allocation->offered) {
        mm->adapter->offered_bytes += allocation->size;
        usage->offered += allocation->size;
    }
    if (!place)
        return;
    cost = order_cost(mm, allocation, place);
    if (!allocation->offered)
        usage->resident[place] += cost;
    if (!allocation->offered && allocation->references)
        usage->referenced[place] += cost;
    else
        mm->adapter->easy[place] += cost;
    if (!allocation->offered)
        *classes(usage, allocation) |= 1u << order_class(allocation);
}

void order_enter(const struct vidmm *mm, uint32_t index)
{
    mm->allocations[index].stamp = ++mm->adapter->stamp;
    order_enter_again(mm, index);
}
