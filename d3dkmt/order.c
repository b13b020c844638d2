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

/* Its list, and the word of classes where that has one. */
static struct vid_list *find(const struct vidmm *mm, const struct vid_allocation *allocation,
                             uint32_t **ret_classes)
{
    struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    unsigned place = allocation->place, class = order_class(allocation);
    *ret_classes = NULL;
    if (allocation->offered)
        return allocation->lost ? NULL : &mm->adapter->offered[place][allocation->offered];
    if (!place)
        return order_is_demoted(allocation) ? &usage->demoted : NULL;
    if (allocation->references) {
        *ret_classes = &usage->held_classes[place];
        return &usage->held[place][class];
    }
    *ret_classes = &usage->idle_classes[place];
    return &usage->idle[place][class];
}

struct vid_list *order_list(const struct vidmm *mm, const struct vid_allocation *allocation)
{
    uint32_t *classes;
    return find(mm, allocation, &classes);
}

/* Its part of the sums; `sign` is 1 or -1. */
static void count(const struct vidmm *mm, const struct vid_allocation *allocation, uint64_t cost,
                  uint64_t sign)
{
    struct vid_usage *usage = &mm->adapter->usage[allocation->owner];
    unsigned place = allocation->place;
    uint64_t bytes = cost * sign;
    if (allocation->offered && !allocation->lost) {
        mm->adapter->offered_bytes += allocation->size * sign;
        usage->offered += allocation->size * sign;
        if (allocation->decommit)
            usage->decommittable += allocation->size * sign;
    }
    if (order_is_demoted(allocation)) {
        usage->missing_bytes[order_only_place(allocation)] +=
            order_cost(mm, allocation, allocation->wanted) * sign;
        usage->demoted_bytes[allocation->wanted][order_band(allocation)] += allocation->size * sign;
    }
    if (!place)
        return;
    struct vid_count *placed = &usage->placed[place][allocation->wanted != place];
    placed->count += sign;
    placed->bytes += allocation->size * sign;
    mm->adapter->placed[place] += sign;
    if (!allocation->offered)
        usage->resident[place] += bytes;
    if (order_is_easy(allocation))
        mm->adapter->easy[place] += bytes;
    else
        usage->referenced[place] += bytes;
    if (!order_is_easy(allocation) && allocation->wanted != place)
        usage->displaced[place] += bytes;
}

void order_leave(const struct vidmm *mm, uint32_t index, struct order_was *ret_was)
{
    const struct vid_allocation *allocation = &mm->allocations[index];
    ret_was->list = find(mm, allocation, &ret_was->classes);
    ret_was->place = allocation->place;
    ret_was->class = (uint8_t)order_class(allocation);
    ret_was->cost = allocation->place ? order_cost(mm, allocation, allocation->place) : 0;
    count(mm, allocation, ret_was->cost, -1ull);
}

void order_drop(const struct vidmm *mm, uint32_t index, const struct order_was *was)
{
    if (!was->list)
        return;
    take_out(mm, was->list, index);
    if (was->classes && !was->list->first)
        *was->classes &= ~(1u << was->class);
}

static void enter(const struct vidmm *mm, uint32_t index, struct vid_list *list, uint32_t *classes)
{
    if (!list)
        return;
    append(mm, list, index);
    if (classes)
        *classes |= 1u << order_class(&mm->allocations[index]);
}

void order_enter(const struct vidmm *mm, uint32_t index, const struct order_was *was,
                 enum order_age age)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    uint32_t *classes;
    struct vid_list *list = find(mm, allocation, &classes);
    if (list != was->list || age == ORDER_YOUNG) {
        order_drop(mm, index, was);
        allocation->stamp = ++mm->adapter->stamp;
        enter(mm, index, list, classes);
    }
    count(mm, allocation,
          allocation->place == was->place || !allocation->place
              ? was->cost
              : order_cost(mm, allocation, allocation->place),
          1);
}

void order_enter_again(const struct vidmm *mm, uint32_t index)
{
    struct vid_allocation *allocation = &mm->allocations[index];
    uint32_t *classes;
    struct vid_list *list = find(mm, allocation, &classes);
    enter(mm, index, list, classes);
    count(mm, allocation, allocation->place ? order_cost(mm, allocation, allocation->place) : 0, 1);
}
