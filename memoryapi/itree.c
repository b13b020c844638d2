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

/* The largest weight in the subtree of `node`. */
static uint32_t max_of(const struct itree_node *node)
{
    const struct itree_weighted *top = itree_weighted(node);
    if (!node)
        return 0;
    uint32_t max = top->weight > top->left_max ? top->weight : top->left_max;
    return max > top->right_max ? max : top->right_max;
}

/* Tells `node`'s ancestors what is below them, as long as something changes. */
static void update(struct itree_node *node)
{
    for (struct itree_node *parent = node->parent; parent; node = parent, parent = node->parent) {
        struct itree_weighted *above = itree_weighted(parent);
        uint32_t max = max_of(node);
        uint32_t *told = parent->left == node ? &above->left_max : &above->right_max;
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
static inline void rotate(struct itree *tree, struct itree_node *node, bool weighted)
{
    struct itree_node *parent = node->parent, *moved;
    struct itree_weighted *lower = itree_weighted(parent), *upper = itree_weighted(node);
    replace(tree, parent, node);
    if (parent->left == node) {
        moved = parent->left = node->right;
        node->right = parent;
        if (weighted) {
            lower->left_max = upper->right_max;
            upper->right_max = max_of(parent);
        }
    } else {
        moved = parent->right = node->left;
        node->left = parent;
        if (weighted) {
            lower->right_max = upper->left_max;
            upper->left_max = max_of(parent);
        }
    }
    if (moved)
        moved->parent = parent;
    parent->parent = node;
}

static inline void insert(struct itree *tree, struct itree_node *node, bool weighted)
{
    struct itree_node **link = &tree->root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = node->key < parent->key ? &parent->left : &parent->right;
    }
    node->parent = parent;
    node->left = node->right = NULL;
    *link = node;
    if (weighted) {
        itree_weighted(node)->left_max = itree_weighted(node)->right_max = 0;
        update(node);
    }
    while (node->parent && priority(node) > priority(node->parent))
        rotate(tree, node, weighted);
}

static inline void take_out(struct itree *tree, struct itree_node *node, bool weighted)
{
    while (node->left && node->right)
        rotate(tree, priority(node->left) > priority(node->right) ? node->left : node->right,
               weighted);
    struct itree_node *child = node->left ? node->left : node->right, *parent = node->parent;
    bool left = parent && parent->left == node;
    replace(tree, node, child);
    if (weighted && parent) {
        struct itree_weighted *above = itree_weighted(parent);
        *(left ? &above->left_max : &above->right_max) = max_of(child);
        update(parent);
    }
    node->parent = node->left = node->right = NULL;
}

void itree_insert(struct itree *tree, struct itree_node *node)
{
    insert(tree, node, false);
}

void itree_remove(struct itree *tree, struct itree_node *node)
{
    take_out(tree, node, false);
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

struct itree_node *itree_after(const struct itree *tree, uint64_t key)
{
    struct itree_node *best = NULL;
    for (struct itree_node *node = tree->root; node;) {
        if (node->key > key) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
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

static bool is_valid(const struct itree *tree, bool weighted)
{
    const struct itree_node *before = NULL;
    for (const struct itree_node *node = itree_first(tree); node;
         before = node, node = itree_next(node)) {
        if ((before && before->key >= node->key) ||
            (node->parent ? priority(node) > priority(node->parent) : tree->root != node) ||
            (node->left && node->left->parent != node) ||
            (node->right && node->right->parent != node))
            return false;
        if (weighted && (itree_weighted(node)->left_max != max_of(node->left) ||
                         itree_weighted(node)->right_max != max_of(node->right)))
            return false;
    }
    return true;
}

bool itree_is_valid(const struct itree *tree)
{
    return is_valid(tree, false);
}

void itree_insert_weighted(struct itree *tree, struct itree_weighted *node)
{
    insert(tree, &node->node, true);
}

void itree_remove_weighted(struct itree *tree, struct itree_weighted *node)
{
    take_out(tree, &node->node, true);
}

void itree_set_weight(struct itree_weighted *node, uint32_t weight)
{
    node->weight = weight;
    update(&node->node);
}

bool itree_is_valid_weighted(const struct itree *tree)
{
    return is_valid(tree, true);
}
