/* Fixed-size nodes, reserved ahead. */
#include "memoryapi/pool.h"

#include <assert.h>
#include <string.h>
#include "memoryapi/host.h"

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

void pool_add(struct pool *pool, void *chunk)
{
    /* what is left of the old chunk moves to the chain */
    for (; pool->chunk_left >= pool->node_size; pool->chunk_left -= pool->node_size) {
        *(void **)pool->chunk = pool->free;
        pool->free = pool->chunk;
        pool->free_count++;
        pool->chunk += pool->node_size;
    }
    pool->chunk = chunk;
    pool->chunk_left = POOL_CHUNK;
}

bool pool_reserve(struct pool *pool, uint32_t count)
{
    void *chunk;
    while (!has(pool, count)) {
        if (host->bookkeeping(POOL_CHUNK, &chunk) != 0)
            return false;
        pool_add(pool, chunk);
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
