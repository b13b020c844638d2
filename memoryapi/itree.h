/*
 * An intrusive ordered tree of intervals, without policy. Keys are starts; the owner sees to it
 * that intervals do not overlap. A treap: each node has a pseudo-random priority made of its
 * address, so that the shape does not depend on the order of insertion and no balancing cases
 * exist. Every node carries the largest `weight` in each subtree below it (for regions: the free gap
 * before each), kept by the tree, so that a search for a gap touches no node it does not enter.
 *
 * Invariants: 1. in-order keys ascend. 2. a child's priority is not above its parent's. 3. left_max
 * and right_max == the largest weight among the nodes there, 0 without any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct itree_node {
    uint64_t key; /* first: what a search compares shares a cache line with what follows the node */
    uint64_t weight;
    uint64_t left_max, right_max;
    struct itree_node *parent, *left, *right;
};

struct itree {
    struct itree_node *root;
};

/* The largest weight in the subtree of `node`. */
static inline uint64_t itree_max(const struct itree_node *node)
{
    uint64_t max = node->weight > node->left_max ? node->weight : node->left_max;
    return max > node->right_max ? max : node->right_max;
}

void itree_insert(struct itree *tree, struct itree_node *node);
void itree_remove(struct itree *tree, struct itree_node *node);
/* The node with the greatest key <= `key`, or NULL. */
struct itree_node *itree_at_or_before(const struct itree *tree, uint64_t key);
struct itree_node *itree_first(const struct itree *tree);
struct itree_node *itree_last(const struct itree *tree);
struct itree_node *itree_next(const struct itree_node *node);
struct itree_node *itree_previous(const struct itree_node *node);
void itree_set_weight(struct itree_node *node, uint64_t weight);
bool itree_is_valid(const struct itree *tree);
