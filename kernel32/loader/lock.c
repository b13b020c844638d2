/* The loader lock: recursive, held across Windows code, and waited for with the gate open. */
#include "kernel32/loader/module.h"

#include "kernel32/process/park.h"
#include "kernel32/process/wait.h"

static struct {
    uint32_t word;  /* futex: 0 free, 1 held, 2 held and somebody waits */
    uint32_t owner; /* atomic: wait_state id */
    uint32_t depth; /* the owner's */
} lock;

void loader_lock(void)
{
    uint32_t self = wait_self()->id, expected = 0;
    if (__atomic_load_n(&lock.owner, __ATOMIC_RELAXED) == self) {
        lock.depth++;
        return;
    }
    if (!__atomic_compare_exchange_n(&lock.word, &expected, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        while (__atomic_exchange_n(&lock.word, 2, __ATOMIC_ACQUIRE) != 0)
            park(&lock.word, 2, TIME_NEVER, PARK_ANY);
    __atomic_store_n(&lock.owner, self, __ATOMIC_RELAXED);
    lock.depth = 1;
}

void loader_unlock(void)
{
    if (--lock.depth)
        return;
    __atomic_store_n(&lock.owner, 0, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&lock.word, 0, __ATOMIC_RELEASE) == 2)
        futex_wake(&lock.word, 1);
}
