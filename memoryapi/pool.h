/*
 * Fixed-size nodes from memory that is never given back. "Prepare" reserves as many as "apply" may
 * need, so that apply cannot fail; taking from the reserve makes no system call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    size_t node_size; /* bytes, at least a pointer; constant */
    void *free;       /* chain of given-back nodes */
    uint32_t free_count;
    char *chunk; /* the rest of the newest chunk */
    size_t chunk_left;
    uint64_t in_use;
};

/* Makes sure that the next `count` takes succeed. */
bool pool_reserve(struct pool *pool, uint32_t count);
void *pool_take(struct pool *pool); /* zeroed. pre: reserved */
void pool_give(struct pool *pool, void *node);
