/* GPU addresses: the ranges that calls gave, where there is room for one, and what goes with memory. */
#include "d3dkmt/gpuva.h"

#include <stdio.h>
#include <stdlib.h>

static struct gpuva_range *range_of(const struct itree_node *node)
{
    return (struct gpuva_range *)node;
}

static uint64_t start_of(const struct gpuva_range *range)
{
    return range->node.node.key;
}

static uint32_t weight_of(uint64_t bytes)
{
    return bytes / PAGE_SIZE < UINT32_MAX ? (uint32_t)(bytes / PAGE_SIZE) : UINT32_MAX;
}

static uint64_t end_before(const struct itree_node *node)
{
    const struct itree_node *previous = itree_previous(node);
    return previous ? range_of(previous)->end : 0;
}

/* The free pages before `node`, if there is one, are known to the tree. */
static void weigh(struct itree_node *node)
{
    if (node)
        itree_set_weight(itree_weighted(node), weight_of(node->key - end_before(node)));
}

void gpuva_init(struct gpuva *space, uint64_t end)
{
    *space = (struct gpuva){.end = end};
}

static void remove_range(struct gpuva *space, struct gpuva_range *range)
{
    struct gpuva_piece *piece = gpuva_first_piece(space, start_of(range));
    struct itree_node *after = itree_next(&range->node.node);
    while (piece && piece->range == range) {
        struct gpuva_piece *next = gpuva_next_piece(piece);
        gpuva_remove_piece(space, piece);
        free(piece);
        piece = next;
    }
    itree_remove_weighted(&space->ranges, &range->node);
    weigh(after);
    free(range);
}

void gpuva_fini(struct gpuva *space)
{
    while (space->ranges.root)
        remove_range(space, range_of(space->ranges.root));
}

/* Of the subtree the first with that weight. pre: there is one */
static struct itree_node *first_wide(struct itree_node *node, uint32_t weight)
{
    for (;;) {
        const struct itree_weighted *here = itree_weighted(node);
        if (here->left_max >= weight)
            node = node->left;
        else if (here->weight >= weight)
            return node;
        else
            node = node->right;
    }
}

/* The next range that has so many free pages before it. */
static struct itree_node *next_wide(struct itree_node *node, uint32_t weight)
{
    if (itree_weighted(node)->right_max >= weight)
        return first_wide(node->right, weight);
    for (struct itree_node *parent = node->parent; parent; node = parent, parent = node->parent) {
        if (parent->left != node)
            continue;
        if (itree_weighted(parent)->weight >= weight)
            return parent;
        if (itree_weighted(parent)->right_max >= weight)
            return first_wide(parent->right, weight);
    }
    return NULL;
}

/* The lowest free address for the wish. 0: none. */
static uint64_t choose(const struct gpuva *space, const struct gpuva_wish *wish)
{
    uint64_t low = wish->minimum > GPUVA_FIRST ? wish->minimum : GPUVA_FIRST;
    uint64_t high = wish->maximum && wish->maximum < space->end ? wish->maximum : space->end;
    struct itree_node *node = itree_after(&space->ranges, low);
    if (low >= high)
        return 0;
    for (;;) {
        const struct itree_node *before = node ? itree_previous(node) : itree_last(&space->ranges);
        uint64_t start = before && range_of(before)->end > low ? range_of(before)->end : low;
        uint64_t end = node && node->key < high ? node->key : high;
        start = round_up(start, wish->alignment);
        if (start < end && end - start >= wish->size)
            return start;
        if (!node || node->key >= high)
            return 0;
        node = next_wide(node, weight_of(wish->size));
    }
}

static bool is_free(const struct gpuva *space, uint64_t start, uint64_t end)
{
    const struct itree_node *before = itree_at_or_before(&space->ranges, start);
    const struct itree_node *after = itree_after(&space->ranges, start);
    return !(before && range_of(before)->end > start) && !(after && after->key < end);
}

struct gpuva_range *gpuva_range_of(const struct gpuva *space, uint64_t start, uint64_t size)
{
    struct gpuva_range *range = range_of(itree_at_or_before(&space->ranges, start));
    return range && start < range->end && range->end - start >= size ? range : NULL;
}

/* Where it goes: the base if that is in the space, or a free place. */
static NTSTATUS find_place(const struct gpuva *space, const struct gpuva_wish *wish,
                           uint64_t *ret_start)
{
    uint64_t end;
    *ret_start = wish->base ? wish->base : choose(space, wish);
    if (!*ret_start)
        return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    return add_overflows(*ret_start, wish->size, &end) || end > space->end
               ? STATUS_INVALID_PARAMETER
               : STATUS_SUCCESS;
}

/* pre: the pages are free. NULL: no memory. */
static struct gpuva_range *add_range(struct gpuva *space, uint64_t start, uint64_t size)
{
    struct gpuva_range *range = calloc(1, sizeof *range);
    if (!range)
        return NULL;
    range->node.node.key = start;
    range->end = start + size;
    range->number = ++space->numbers;
    itree_insert_weighted(&space->ranges, &range->node);
    weigh(&range->node.node);
    weigh(itree_next(&range->node.node));
    return range;
}

NTSTATUS gpuva_reserve(struct gpuva *space, const struct gpuva_wish *wish, enum gpuva_state state,
                       uint64_t *ret_address)
{
    uint64_t start;
    NTSTATUS status = find_place(space, wish, &start);
    if (status != STATUS_SUCCESS)
        return status;
    if (!is_free(space, start, start + wish->size))
        return STATUS_INVALID_PARAMETER;
    struct gpuva_range *range = add_range(space, start, wish->size);
    if (!range)
        return STATUS_NO_MEMORY;
    range->reserved = true;
    range->state = (uint8_t)state;
    *ret_address = start;
    return STATUS_SUCCESS;
}

/* Free pages become a range of their own. */
static NTSTATUS map_new(struct gpuva *space, const struct gpuva_operation *operation)
{
    struct gpuva_range *range = add_range(space, operation->address, operation->size);
    if (!range)
        return STATUS_NO_MEMORY;
    range->goes = operation->content.memory;
    range->state = operation->content.memory ? GPUVA_NO_ACCESS : operation->content.state;
    NTSTATUS status = gpuva_update(space, operation, 1);
    if (status != STATUS_SUCCESS)
        remove_range(space, range);
    return status;
}

NTSTATUS gpuva_map(struct gpuva *space, const struct gpuva_wish *wish,
                   const struct gpuva_content *content, uint64_t *ret_address)
{
    struct gpuva_operation operation = {.size = wish->size, .content = *content};
    NTSTATUS status = find_place(space, wish, &operation.address);
    if (status != STATUS_SUCCESS)
        return status;
    const struct gpuva_range *range = gpuva_range_of(space, operation.address, wish->size);
    if (range)
        status = content->memory || range->reserved ? gpuva_update(space, &operation, 1)
                                                    : STATUS_INVALID_PARAMETER;
    else if (is_free(space, operation.address, operation.address + wish->size))
        status = map_new(space, &operation);
    else
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        *ret_address = operation.address;
    return status;
}

NTSTATUS gpuva_free(struct gpuva *space, uint64_t base, uint64_t size)
{
    struct gpuva_range *range = gpuva_range_of(space, base, size);
    if (!range || start_of(range) != base || range->end - base != size)
        return STATUS_INVALID_PARAMETER;
    remove_range(space, range);
    return STATUS_SUCCESS;
}

/* What is left of the range's pieces stays as it is: none can become one with another by this. */
void gpuva_forget(struct gpuva *space, struct kmt_link *memory)
{
    while (!link_is_empty(memory)) {
        struct gpuva_piece *piece = link_first(memory, struct gpuva_piece, link);
        struct gpuva_range *range = piece->range;
        gpuva_remove_piece(space, piece);
        free(piece);
        if (range->goes && !range->backed)
            remove_range(space, range);
    }
}

bool gpuva_look(const struct gpuva *space, uint64_t address, struct gpuva_seen *ret_seen)
{
    const struct gpuva_range *range = gpuva_range_of(space, address, 1);
    if (!range)
        return false;
    const struct gpuva_piece *piece = gpuva_first_piece(space, address);
    *ret_seen = (struct gpuva_seen){.range_start = start_of(range),
                                    .range_end = range->end,
                                    .number = range->number,
                                    .reserved = range->reserved,
                                    .content.state = range->state};
    if (piece && piece->node.key <= address) {
        struct gpuva_content *content = &ret_seen->content;
        uint64_t distance = address - piece->node.key;
        *content = piece->content;
        if (content->period)
            distance = (content->phase + distance) % content->period;
        if (content->memory)
            content->offset += distance;
        content->period = content->phase = 0;
    }
    return true;
}

/* --- the invariants --- */

static bool broken(int fd, unsigned number, uint64_t address)
{
    if (fd >= 0)
        dprintf(fd, "GPU addresses: invariant %u does not hold at %#lx\n", number, address);
    return false;
}

static bool is_in_chain(const struct gpuva_piece *piece)
{
    if (!piece->content.memory)
        return link_is_empty(&piece->link);
    link_each(at, piece->content.memory) if (at == &piece->link) return true;
    return false;
}

static bool piece_is_valid(const struct gpuva_piece *piece, const struct gpuva_range *range, int fd)
{
    const struct gpuva_piece *next = gpuva_next_piece(piece);
    uint64_t start = piece->node.key;
    if (start >= piece->end || start % PAGE_SIZE || piece->end % PAGE_SIZE ||
        start < start_of(range) || piece->end > range->end || piece->range != range ||
        (next && next->node.key < piece->end))
        return broken(fd, 3, start);
    if (!piece->content.memory && piece->content.state == range->state)
        return broken(fd, 4, start);
    if (next && gpuva_continues(piece, next))
        return broken(fd, 5, start);
    return is_in_chain(piece) || broken(fd, 7, start);
}

static bool range_is_valid(const struct gpuva *space, const struct gpuva_range *range, int fd,
                           const struct gpuva_piece **piece)
{
    const struct itree_node *next = itree_next(&range->node.node);
    uint64_t start = start_of(range);
    uint32_t backed = 0;
    if (start < PAGE_SIZE || start >= range->end || start % PAGE_SIZE || range->end % PAGE_SIZE ||
        range->end > space->end || (next && next->key < range->end))
        return broken(fd, 1, start);
    if (range->node.weight != weight_of(start - end_before(&range->node.node)))
        return broken(fd, 2, start);
    for (; *piece && (*piece)->node.key < range->end; *piece = gpuva_next_piece(*piece)) {
        if (!piece_is_valid(*piece, range, fd))
            return false;
        backed += (*piece)->content.memory != NULL;
    }
    if (backed != range->backed)
        return broken(fd, 6, start);
    return !range->goes || backed || broken(fd, 8, start);
}

bool gpuva_is_valid(const struct gpuva *space, int fd)
{
    const struct gpuva_piece *piece = gpuva_first_piece(space, 0);
    if (!itree_is_valid_weighted(&space->ranges) || !itree_is_valid(&space->pieces))
        return broken(fd, 0, 0);
    for (struct itree_node *at = itree_first(&space->ranges); at; at = itree_next(at))
        if (!range_is_valid(space, range_of(at), fd, &piece))
            return false;
    return !piece || broken(fd, 3, piece->node.key);
}
