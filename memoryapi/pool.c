/* Fixed-size nodes, reserved ahead. */
#include "memoryapi/pool.h"

#include <assert.h>
#include <string.h>
#include "memoryapi/host.h"

#define LARGE_CHUNK (2ull << 20)
#define MANY        (2ull << 20) /* bytes in use */

static bool has(const struct pool *pool, uint32_t count)
{
    return pool->free_count + pool->chunk_left / pool->node_size >= pool->promised + count;
}

bool pool_promise(struct pool *pool, uint32_t count)
{
    if (!has(pool, count))
        return false;
    pool->promised += count;
    return true;
}

void pool_settle(struct pool *pool, uint32_t count)
{
    assert(pool->promised >= count);
    pool->promised -= count;
}

uint64_t pool_chunk_size(const struct pool *pool)
{
    return pool->in_use * pool->node_size < MANY ? POOL_SMALL_CHUNK : LARGE_CHUNK;
}

void pool_add(struct pool *pool, void *chunk, uint64_t size)
{
    /* what is left of the old chunk moves to the chain */
    for (; pool->chunk_left >= pool->node_size; pool->chunk_left -= pool->node_size) {
        *(void **)pool->chunk = pool->free;
        pool->free = pool->chunk;
        pool->free_count++;
        pool->chunk += pool->node_size;
    }
    pool->chunk = chunk;
    pool->chunk_left = size;
}

bool pool_reserve(struct pool *pool, uint32_t count)
{
    void *chunk;
    while (!has(pool, count)) {
        uint64_t size = pool_chunk_size(pool);
        if (host->bookkeeping(size, true, &chunk) != 0)
            return false;
        pool_add(pool, chunk, size);
    }
    return true;
}

void *pool_take(struct pool *pool)
{
    void *node = pool->free;
    pool->in_use++;
    if (node) {
        pool->free = *(void **)node;
        pool->free_count--;
        for (size_t at = 0; at < pool->node_size; at += 64) /* the next one, likely soon */
            __builtin_prefetch((char *)pool->free + at, 1);
        memset(node, 0, pool->node_size);
        return node;
    }
    assert(pool->chunk_left >= pool->node_size);
    node = pool->chunk;
    pool->chunk += pool->node_size;
    pool->chunk_left -= pool->node_size;
    return node;
}

void pool_give(struct pool *pool, void *node)
{
    pool->in_use--;
    *(void **)node = pool->free;
    pool->free = node;
    pool->free_count++;
}
