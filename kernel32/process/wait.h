/*
 * Things that can be waited for, and waiting. One dispatcher lock guards every signal state and waiter list (as NT had it: "any" and
 * "all" over many objects are then simple and right). Timers have no thread: a due time bounds the wait of whoever waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/object.h"

struct waiter;
struct waitable;

struct waitable_ops {
    /* Under the dispatcher lock. May this thread's wait be satisfied now? (`now`: 100 ns units, monotonic) */
    bool (*signalled)(struct waitable *waitable, uint64_t now);
    /* Under the dispatcher lock. Takes the signal (auto-reset event, semaphore, mutex); may be NULL. */
    void (*consume)(struct waitable *waitable);
    /* When the state may change by itself (timer due time), or UINT64_MAX; may be NULL. */
    uint64_t (*due)(struct waitable *waitable);
};

struct waitable {
    struct object object;
    const struct waitable_ops *wait_ops; /* constant after init */
    struct waiter *waiters;              /* under the dispatcher lock */
};

void dispatcher_lock(void);
void dispatcher_unlock(void);
void waitable_init(struct waitable *waitable, const struct object_ops *ops, const struct waitable_ops *wait_ops);
/* The state changed: lets every waiter that now can go. Under the dispatcher lock. */
void waitable_changed(struct waitable *waitable);

/*
 * Waits for one or all. `deadline`: monotonic 100 ns, UINT64_MAX for ever, 0 only test. STATUS_WAIT_0 + index, STATUS_ABANDONED_WAIT_0 +
 * index, STATUS_TIMEOUT, STATUS_USER_APC.
 */
NTSTATUS wait_for(unsigned count, struct waitable *const *objects, bool all, bool alertable, uint64_t deadline);

uint64_t time_monotonic(void); /* 100 ns units, never steps back: the clock of waits and QueryUnbiasedInterruptTime */

/* An I/O completion port that files post to; `port` is an object of type OBJECT_COMPLETION_PORT. */
void completion_port_post(struct object *port, ULONG_PTR key, PVOID overlapped, NTSTATUS status, ULONG_PTR bytes);
