/* Fixed-size nodes, reserved ahead. */
#include "memoryapi/pool.h"

#include <assert.h>
#include <string.h>
#include "memoryapi/host.h"

#define CHUNK (256u << 10)

bool pool_reserve(struct pool *pool, uint32_t count)
{
    while (pool->free_count + pool->chunk_left / pool->node_size < count) {
        void *chunk;
        /* what is left of the old chunk moves to the chain */
        for (; pool->chunk_left >= pool->node_size; pool->chunk_left -= pool->node_size) {
            *(void **)pool->chunk = pool->free;
            pool->free = pool->chunk;
            pool->free_count++;
            pool->chunk += pool->node_size;
        }
        if (host->bookkeeping(CHUNK, &chunk) != 0)
            return false;
        pool->chunk = chunk;
        pool->chunk_left = CHUNK;
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
