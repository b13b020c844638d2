/*
 * An intrusive ordered tree of intervals, without policy. Keys are starts; the owner sees to it
 * that intervals do not overlap. A treap: each node has a pseudo-random priority made of its
 * address, so that the shape does not depend on the order of insertion and no balancing cases
 * exist.
 *
 * A tree of weighted nodes (for regions: the free gaps between them) knows in every node the largest
 * weight in each subtree below it, so that a search for a gap touches no node it does not enter. All
 * nodes of a tree are weighted or none is.
 *
 * Invariants: 1. in-order keys ascend. 2. a child's priority is not above its parent's. 3. left_max
 * and right_max == the largest weight among the nodes there, 0 without any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct itree_node {
    uint64_t key;
    struct itree_node *parent, *left, *right;
};

struct itree_weighted {
    struct itree_node node; /* first: each is the other */
    uint32_t weight;
    uint32_t left_max, right_max;
};

struct itree {
    struct itree_node *root;
};

static inline struct itree_weighted *itree_weighted(const struct itree_node *node)
{
    return (struct itree_weighted *)node;
}

void itree_insert(struct itree *tree, struct itree_node *node);
void itree_remove(struct itree *tree, struct itree_node *node);
/* The node with the greatest key <= `key`, or NULL. */
struct itree_node *itree_at_or_before(const struct itree *tree, uint64_t key);
/* The node with the lowest key > `key`, or NULL. */
struct itree_node *itree_after(const struct itree *tree, uint64_t key);
struct itree_node *itree_first(const struct itree *tree);
struct itree_node *itree_last(const struct itree *tree);
struct itree_node *itree_next(const struct itree_node *node);
struct itree_node *itree_previous(const struct itree_node *node);
bool itree_is_valid(const struct itree *tree);

/* Of weighted nodes. */
void itree_insert_weighted(struct itree *tree, struct itree_weighted *node);
void itree_remove_weighted(struct itree *tree, struct itree_weighted *node);
void itree_set_weight(struct itree_weighted *node, uint32_t weight);
bool itree_is_valid_weighted(const struct itree *tree);
