/* Taking the locks that processes share. */
#include "d3dkmt/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/base.h"

void (*vid_lock_waits)(uint32_t holder, unsigned milliseconds);
bool (*vid_lock_is_damaged)(void);

/* The C library keeps the owner in the lock's word, as the kernel wants it of a robust mutex. */
static uint32_t holder_of(const pthread_mutex_t *lock)
{
    return (uint32_t)__atomic_load_n(&lock->__data.__lock, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
}

/* The thread sanitizer does not know of a clock of one's choice. */
#ifdef __SANITIZE_THREAD__
#define lock_until(lock, time) pthread_mutex_lock(lock)
#else
#define lock_until(lock, time) pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, time)
#endif

static int wait_for(pthread_mutex_t *lock)
{
    for (unsigned waited = VID_LOCK_SLICE;; waited += VID_LOCK_SLICE) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += VID_LOCK_SLICE * 1000000l;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int error = lock_until(lock, &until);
        if (error != ETIMEDOUT)
            return error;
        if (vid_lock_waits)
            vid_lock_waits(holder_of(lock), waited);
    }
}

static uint32_t replacements;      /* atomic */
static __thread uint32_t accepted; /* of those */

void vid_locks_replaced(void)
{
    __atomic_add_fetch(&replacements, 1, __ATOMIC_RELEASE);
}

/* NULL: the kernel does not tell. */
static struct robust_list_head *own_list(void)
{
    struct robust_list_head *head;
    size_t size;
    return syscall(SYS_get_robust_list, 0, &head, &size) == 0 ? head : NULL;
}

/* As the only one of the thread, so that it can be taken out of its list. */
void vid_lock_prepare(pthread_mutex_t *lock)
{
    struct robust_list_head *head = own_list();
    lock->__data.__list.__next = lock->__data.__list.__prev = (void *)head;
}

/*
 * The kernel finds the locks of a dead thread by a list that leads from lock to lock, and the C
 * library writes to the neighbours of each that it takes or gives. Of locks that were replaced it
 * leads nowhere: the thread begins it anew.
 */
static void accept_replacement(void)
{
    uint32_t now = __atomic_load_n(&replacements, __ATOMIC_ACQUIRE);
    struct robust_list_head *head;
    if (likely(accepted == now))
        return;
    accepted = now;
    head = own_list();
    if (head)
        head->list.next = &head->list;
}

bool vid_lock(pthread_mutex_t *lock)
{
    int error;
    accept_replacement();
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
    accept_replacement();
}
