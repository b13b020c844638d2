/*
 * Fixed-size nodes from memory that is never given back. "Prepare" promises as many as "apply" may
 * need, so that apply cannot fail; taking makes no system call. Several operations may hold promises
 * at once: what is free is never less than what is promised. The owner locks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    size_t node_size; /* bytes, at least a pointer; constant */
    void *free;       /* chain of given-back nodes */
    uint32_t free_count;
    uint32_t promised; /* nodes that operations at work may still take */
    char *chunk;       /* the rest of the newest chunk */
    size_t chunk_left;
    uint64_t in_use;
};

#define POOL_SMALL_CHUNK (256ull << 10) /* bytes, of a pool with few nodes */

/* Promises `count` takes; false: add a chunk first. */
bool pool_promise(struct pool *pool, uint32_t count);
/*
 * What to add, in bytes: small at first; a pool of many nodes grows by huge pages, since walking
 * its nodes costs mostly translations of addresses.
 */
uint64_t pool_chunk_size(const struct pool *pool);
void pool_add(struct pool *pool, void *chunk, uint64_t size); /* zeroed */
/* The operation that was promised `count` is over, however many it took. */
void pool_settle(struct pool *pool, uint32_t count);
/* Makes sure that the next `count` takes succeed, for an owner who is alone. */
bool pool_reserve(struct pool *pool, uint32_t count);
void *pool_take(struct pool *pool); /* zeroed. pre: reserved */
void pool_give(struct pool *pool, void *node);
