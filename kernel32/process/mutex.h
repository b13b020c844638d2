/* Mutexes as wait.c sees them. */
#pragma once

#include "kernel32/process/wait.h"

struct mutex {
    struct waitable waitable;
    /* under the dispatcher lock */
    struct wait_state *owner; /* NULL: free */
    uint32_t recursion;
    bool abandoned;
    struct mutex *next, **link; /* in owner->mutexes */
};

/* The thread ends: whoever waits next for one of its mutexes gets it as abandoned. Under the
 * dispatcher lock. */
void mutex_abandon_all_locked(struct wait_state *state);
/* What SignalObjectAndWait signals with. */
NTSTATUS mutex_release(struct object *object);
NTSTATUS semaphore_release(HANDLE handle, LONG amount, LONG *ret_previous);
