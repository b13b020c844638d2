/* Taking the locks that processes share. */
#include "d3dkmt/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>
#include "memoryapi/base.h"

void (*vid_lock_waits)(uint32_t holder, unsigned milliseconds);
bool (*vid_lock_is_damaged)(void);

/* The C library keeps the owner in the lock's word, as the kernel wants it of a robust mutex. */
static uint32_t holder_of(const pthread_mutex_t *lock)
{
    return (uint32_t)__atomic_load_n(&lock->__data.__lock, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
}

static int wait_for(pthread_mutex_t *lock)
{
    for (unsigned waited = VID_LOCK_SLICE;; waited += VID_LOCK_SLICE) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += VID_LOCK_SLICE * 1000000l;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int error = pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
        if (error != ETIMEDOUT)
            return error;
        if (vid_lock_waits)
            vid_lock_waits(holder_of(lock), waited);
    }
}

bool vid_lock(pthread_mutex_t *lock)
{
    int error;
    do {
        error = pthread_mutex_trylock(lock);
        if (unlikely(error == EBUSY))
            error = wait_for(lock);
        if (likely(!error))
            return false;
    } while (error != EOWNERDEAD && vid_lock_is_damaged && vid_lock_is_damaged());
    if (error == EOWNERDEAD)
        pthread_mutex_consistent(lock);
    return error == EOWNERDEAD;
}

void vid_unlock(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
}
