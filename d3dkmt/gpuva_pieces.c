/* What is on the pages of GPU addresses: pieces set, split, merged, and put back. */
#include <assert.h>
#include <stdlib.h>
#include "d3dkmt/gpuva.h"

/* What an operation took away: put back when a later one fails. */
struct taken {
    struct gpuva_piece *first;
};

static struct gpuva_piece *piece_of(struct itree_node *node)
{
    return node ? container_of(node, struct gpuva_piece, node) : NULL;
}

struct gpuva_piece *gpuva_first_piece(const struct gpuva *space, uint64_t start)
{
    struct gpuva_piece *piece = piece_of(itree_at_or_before(&space->pieces, start));
    return piece && piece->end > start ? piece : piece_of(itree_after(&space->pieces, start));
}

struct gpuva_piece *gpuva_next_piece(const struct gpuva_piece *piece)
{
    return piece_of(itree_next(&piece->node));
}

void gpuva_insert_piece(struct gpuva *space, struct gpuva_piece *piece)
{
    itree_insert(&space->pieces, &piece->node);
    link_init(&piece->link);
    if (piece->content.memory) {
        link_add(piece->content.memory, &piece->link);
        piece->range->backed++;
    }
}

void gpuva_remove_piece(struct gpuva *space, struct gpuva_piece *piece)
{
    itree_remove(&space->pieces, &piece->node);
    link_remove(&piece->link);
    if (piece->content.memory)
        piece->range->backed--;
}

/* What is `distance` bytes further on. */
static void advance(struct gpuva_content *content, uint64_t distance)
{
    if (content->period)
        content->phase = (content->phase + distance) % content->period;
    else if (content->memory)
        content->offset += distance;
}

bool gpuva_continues(const struct gpuva_piece *left, const struct gpuva_piece *right)
{
    struct gpuva_content next = left->content;
    const struct gpuva_content *now = &right->content;
    advance(&next, left->end - left->node.key);
    return left->range == right->range && left->end == right->node.key &&
           next.memory == now->memory && next.offset == now->offset && next.period == now->period &&
           next.phase == now->phase && next.protection == now->protection &&
           next.state == now->state;
}

static void free_list(struct gpuva_piece *piece)
{
    while (piece) {
        struct gpuva_piece *next = piece->next;
        free(piece);
        piece = next;
    }
}

static struct gpuva_piece *take_spare(struct gpuva_piece **spare)
{
    struct gpuva_piece *piece = *spare;
    *spare = piece->next;
    return piece;
}

/* `count` pieces that are nothing yet. False: there is no memory. */
static bool make_spare(uint64_t count, struct gpuva_piece **ret_spare)
{
    struct gpuva_piece *spare = NULL;
    while (count--) {
        struct gpuva_piece *piece = malloc(sizeof *piece);
        if (!piece) {
            free_list(spare);
            return false;
        }
        piece->next = spare;
        spare = piece;
    }
    *ret_spare = spare;
    return true;
}

/* A piece begins at `address`, if one is there. */
static void split(struct gpuva *space, uint64_t address, struct gpuva_piece **spare)
{
    struct gpuva_piece *left = gpuva_first_piece(space, address), *right;
    if (!left || left->node.key >= address)
        return;
    right = take_spare(spare);
    *right = *left;
    right->node.key = address;
    advance(&right->content, address - left->node.key);
    left->end = address;
    gpuva_insert_piece(space, right);
}

/* Everything in the pages of the operation, whose ends are ends of pieces, out of the tree. */
static struct gpuva_piece *take(struct gpuva *space, const struct gpuva_operation *operation)
{
    struct gpuva_piece *taken = NULL, *piece = gpuva_first_piece(space, operation->address);
    while (piece && piece->node.key < operation->address + operation->size) {
        struct gpuva_piece *next = gpuva_next_piece(piece);
        gpuva_remove_piece(space, piece);
        piece->next = taken;
        taken = piece;
        piece = next;
    }
    return taken;
}

static void put_back(struct gpuva *space, struct gpuva_piece *taken)
{
    while (taken) {
        struct gpuva_piece *next = taken->next;
        gpuva_insert_piece(space, taken);
        taken = next;
    }
}

/* Neighbours in and around the pages that could be one piece are. */
static void merge(struct gpuva *space, const struct gpuva_operation *operation)
{
    struct gpuva_piece *piece = gpuva_first_piece(space, operation->address - 1);
    while (piece && piece->node.key <= operation->address + operation->size) {
        struct gpuva_piece *next = gpuva_next_piece(piece);
        if (next && gpuva_continues(piece, next)) {
            gpuva_remove_piece(space, next);
            piece->end = next->end;
            free(next);
        } else {
            piece = next;
        }
    }
}

static uint64_t count_pieces(const struct gpuva *space, uint64_t start, uint64_t end)
{
    uint64_t count = 0;
    for (const struct gpuva_piece *piece = gpuva_first_piece(space, start);
         piece && piece->node.key < end; piece = gpuva_next_piece(piece))
        count++;
    return count;
}

/* What the operation puts there, as pieces that are in no tree, out of the spare ones. */
static struct gpuva_piece *compose(const struct gpuva *space,
                                   const struct gpuva_operation *operation,
                                   struct gpuva_range *range, struct gpuva_piece **spare)
{
    struct gpuva_piece *made = NULL, *piece;
    uint64_t from = operation->source, to = from + operation->size;
    if (!operation->copy) {
        if (!operation->content.memory && operation->content.state == range->state)
            return NULL;
        made = take_spare(spare);
        *made = (struct gpuva_piece){.node.key = operation->address,
                                     .end = operation->address + operation->size,
                                     .range = range,
                                     .content = operation->content};
        return made;
    }
    for (const struct gpuva_piece *old = gpuva_first_piece(space, from); old && old->node.key < to;
         old = gpuva_next_piece(old)) {
        uint64_t start = old->node.key > from ? old->node.key : from;
        uint64_t end = old->end < to ? old->end : to;
        piece = take_spare(spare);
        *piece = (struct gpuva_piece){.node.key = operation->address + (start - from),
                                      .end = operation->address + (end - from),
                                      .range = range,
                                      .content = old->content,
                                      .next = made};
        advance(&piece->content, start - old->node.key);
        made = piece;
    }
    return made;
}

/* Two for the splits, and what it puts there. False: there is no memory, nothing changed. */
static bool carry_out(struct gpuva *space, const struct gpuva_operation *operation,
                      struct taken *ret_taken)
{
    uint64_t end = operation->address + operation->size, more = 1;
    struct gpuva_range *range = gpuva_range_of(space, operation->address, operation->size);
    struct gpuva_piece *spare, *made;
    assert(range);
    if (operation->copy)
        more = count_pieces(space, operation->source, operation->source + operation->size);
    if (!make_spare(more + 2, &spare))
        return false;
    made = compose(space, operation, range, &spare);
    split(space, operation->address, &spare);
    split(space, end, &spare);
    ret_taken->first = take(space, operation);
    put_back(space, made);
    free_list(spare);
    return true;
}

NTSTATUS gpuva_update(struct gpuva *space, const struct gpuva_operation *operations, uint32_t count)
{
    struct taken room[8], *taken = room;
    uint32_t done = 0;
    bool failed = false;
    if (count > sizeof room / sizeof *room) {
        taken = malloc(count * sizeof *taken);
        if (!taken)
            return STATUS_NO_MEMORY;
    }
    while (done < count && !failed) {
        failed = !carry_out(space, &operations[done], &taken[done]);
        done += !failed;
    }
    for (uint32_t i = done; i-- > 0;) {
        free_list(failed ? take(space, &operations[i]) : taken[i].first);
        if (failed)
            put_back(space, taken[i].first);
    }
    for (uint32_t i = 0; i < done; i++)
        merge(space, &operations[i]);
    if (taken != room)
        free(taken);
    return failed ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}
