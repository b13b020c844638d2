/*
 * The locks of the machine, which processes share: robust mutexes in its file. Who waits looks up
 * now and then, because the holder may be stopped, or the file may be damaged (damage.c).
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* True: its last owner died with it. */
bool vid_lock(pthread_mutex_t *lock);
void vid_unlock(pthread_mutex_t *lock);

#define VID_LOCK_SLICE 250u /* milliseconds between two looks */

/*
 * Called by who has waited so many milliseconds, a multiple of VID_LOCK_SLICE; `holder` is the
 * thread that has the lock, 0: nobody at this moment. NULL: nothing is to be done meanwhile.
 */
extern void (*vid_lock_waits)(uint32_t holder, unsigned milliseconds);
/* What is to be a lock is none. True: now it is one. NULL: it is taken as it is. */
extern bool (*vid_lock_is_damaged)(void);
/*
 * Other memory came where locks are, which nobody has. Who thinks to have one gives it back for
 * nothing.
 */
void vid_locks_replaced(void);
/*
 * Before that: of the new memory, whose locks the calling thread may be in the middle of giving
 * back; pre: nobody sees it yet.
 */
void vid_lock_prepare(pthread_mutex_t *lock);
