/* The treap behind itree.h. */
#include "memoryapi/itree.h"

/* A fixed mixing of the address: equal for the node's whole life. */
static uint64_t priority(const struct itree_node *node)
{
    uint64_t x = (uint64_t)node;
    x = (x ^ x >> 31) * 0x9E3779B97F4A7C15ull;
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9ull;
    return x ^ x >> 32;
}

static uint64_t max_of(const struct itree_node *node)
{
    return node ? itree_max(node) : 0;
}

/* Tells `node`'s ancestors what is below them, as long as something changes. */
static void update(struct itree_node *node)
{
    for (struct itree_node *parent = node->parent; parent; node = parent, parent = node->parent) {
        uint64_t max = itree_max(node);
        uint64_t *told = parent->left == node ? &parent->left_max : &parent->right_max;
        if (*told == max)
            return;
        *told = max;
    }
}

static void replace(struct itree *tree, struct itree_node *old, struct itree_node *new)
{
    if (!old->parent)
        tree->root = new;
    else if (old->parent->left == old)
        old->parent->left = new;
    else
        old->parent->right = new;
    if (new)
        new->parent = old->parent;
}

/* Lifts `node` above its parent. */
static void rotate(struct itree *tree, struct itree_node *node)
{
    struct itree_node *parent = node->parent, *moved;
    replace(tree, parent, node);
    if (parent->left == node) {
        moved = parent->left = node->right;
        parent->left_max = node->right_max;
        node->right = parent;
        node->right_max = itree_max(parent);
    } else {
        moved = parent->right = node->left;
        parent->right_max = node->left_max;
        node->left = parent;
        node->left_max = itree_max(parent);
    }
    if (moved)
        moved->parent = parent;
    parent->parent = node;
}

void itree_insert(struct itree *tree, struct itree_node *node)
{
    struct itree_node **link = &tree->root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = node->key < parent->key ? &parent->left : &parent->right;
    }
    node->parent = parent;
    node->left = node->right = NULL;
    node->left_max = node->right_max = 0;
    *link = node;
    update(node);
    while (node->parent && priority(node) > priority(node->parent))
        rotate(tree, node);
}

void itree_remove(struct itree *tree, struct itree_node *node)
{
    while (node->left && node->right)
        rotate(tree, priority(node->left) > priority(node->right) ? node->left : node->right);
    struct itree_node *child = node->left ? node->left : node->right, *parent = node->parent;
    bool left = parent && parent->left == node;
    replace(tree, node, child);
    if (parent) {
        *(left ? &parent->left_max : &parent->right_max) = max_of(child);
        update(parent);
    }
    node->parent = node->left = node->right = NULL;
}

struct itree_node *itree_at_or_before(const struct itree *tree, uint64_t key)
{
    struct itree_node *best = NULL;
    for (struct itree_node *node = tree->root; node;) {
        if (node->key <= key) {
            best = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return best;
}

struct itree_node *itree_first(const struct itree *tree)
{
    struct itree_node *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

struct itree_node *itree_last(const struct itree *tree)
{
    struct itree_node *node = tree->root;
    while (node && node->right)
        node = node->right;
    return node;
}

struct itree_node *itree_next(const struct itree_node *node)
{
    if (node->right) {
        for (node = node->right; node->left;)
            node = node->left;
        return (struct itree_node *)node;
    }
    while (node->parent && node->parent->right == node)
        node = node->parent;
    return node->parent;
}

struct itree_node *itree_previous(const struct itree_node *node)
{
    if (node->left) {
        for (node = node->left; node->right;)
            node = node->right;
        return (struct itree_node *)node;
    }
    while (node->parent && node->parent->left == node)
        node = node->parent;
    return node->parent;
}

void itree_set_weight(struct itree_node *node, uint64_t weight)
{
    node->weight = weight;
    update(node);
}

bool itree_is_valid(const struct itree *tree)
{
    const struct itree_node *before = NULL;
    for (const struct itree_node *node = itree_first(tree); node;
         before = node, node = itree_next(node)) {
        if ((before && before->key >= node->key) || node->left_max != max_of(node->left) ||
            node->right_max != max_of(node->right) ||
            (node->parent ? priority(node) > priority(node->parent) : tree->root != node) ||
            (node->left && node->left->parent != node) ||
            (node->right && node->right->parent != node))
            return false;
    }
    return true;
}
