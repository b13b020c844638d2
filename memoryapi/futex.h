/*
 * Sleeping on a word, and the small lock made of it. Words are private to the process. A sleeper
 * may return early (a signal, a wake meant for an earlier user of the address): callers look at
 * their condition again.
 */
#pragma once

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/gate.h"

/* Sleeps while *word == value, until CLOCK_MONOTONIC `deadline` (NULL: no limit); only a wake with a
 * common bit reaches it. 0, or -ETIMEDOUT, -EAGAIN, -EINTR. */
static inline int futex_wait_bits(const uint32_t *word, uint32_t value,
                                  const struct timespec *deadline, uint32_t bits)
{
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline, NULL, bits);
    return result == -1 ? -errno : 0;
}

/* The same, reached by every wake. */
static inline int futex_wait_until(const uint32_t *word, uint32_t value,
                                   const struct timespec *deadline)
{
    return futex_wait_bits(word, value, deadline, FUTEX_BITSET_MATCH_ANY);
}

static inline void futex_wake(const uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static inline void futex_wake_bits(const uint32_t *word, int count, uint32_t bits)
{
    syscall(SYS_futex, word, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, bits);
}

/* A mutex for short sections: 0 free, 1 held, 2 held and somebody sleeps. Zero bytes are a free
 * lock. */
struct futex_lock {
    uint32_t word;
};

static inline void futex_lock_slow(struct futex_lock *lock)
{
    for (int spin = 0; spin < 100; spin++) {
        uint32_t expected = 0;
        if (__atomic_compare_exchange_n(&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        if (expected == 2)
            break;
        __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        futex_wait_until(&lock->word, 2, NULL);
}

static inline void futex_lock(struct futex_lock *lock)
{
    uint32_t expected = 0;
    gate_self.locks++;
    if (__builtin_expect(!__atomic_compare_exchange_n(&lock->word, &expected, 1, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         0))
        futex_lock_slow(lock);
}

static inline void futex_unlock(struct futex_lock *lock)
{
    gate_self.locks--;
    if (__builtin_expect(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2, 0))
        futex_wake(&lock->word, 1);
}
