/*
 * Things that can be waited for, and waiting. One dispatcher lock guards every signal state and
 * waiter list (as NT had it: "any" and "all" over many objects are then simple and right). Timers
 * have no thread: a due time bounds the wait of whoever waits.
 *
 * A signal is handed over: whoever changes a state satisfies the waits that now can be, in the
 * order they began, under the lock, and the threads are woken after it is released. A woken thread
 * whose wait is done needs no lock.
 *
 * A waiting thread sleeps inside gate_open/gate_close with no lock held, so that it can be
 * suspended or ended there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/object.h"

struct waitable;
struct waiter;
struct wait_apc;
struct mutex;
struct timer;
struct completion_request;

/* What waiting keeps for one thread: embedded in struct thread; host threads have one of their own.
 * Zero bytes are a fresh one. */
struct wait_state {
    uint32_t id;   /* constant after wait_attach: the thread's id, never 0 */
    uint32_t word; /* futex: 0 asleep, 1 the wait is done, 2 look again */
    bool waking;   /* under the dispatcher lock: a thread is about to set `word` */
    /* under the dispatcher lock */
    struct waiter *waiter;            /* the wait this thread is in, or NULL */
    struct wait_apc *apcs, *last_apc; /* user APCs, oldest first */
    struct mutex *mutexes;            /* owned by this thread */
    struct timer *timers;             /* with a completion routine for this thread */
    /* the thread's own */
    struct completion_request *request; /* what a wait on a completion port hands over */
};

/* A thread begins, before it waits for anything; NULL never. Host threads need not call it. */
void wait_attach(struct wait_state *state, uint32_t id);
/* The thread is gone or going: leaves its wait, abandons its mutexes, drops APCs and timer
 * routines. Any thread may call it. */
void wait_detach(struct wait_state *state);
/* Of the calling thread; never NULL. */
struct wait_state *wait_self(void);

/*
 * Queues a user APC: `function` is called with (a, b, c) in the Windows convention when the thread
 * waits alertably. The thread need not run yet. STATUS_NO_MEMORY.
 */
NTSTATUS wait_queue_apc(struct wait_state *state, PVOID function, uint64_t a, uint64_t b,
                        uint64_t c);
/* Runs the calling thread's APCs (thread start, NtTestAlert); false when there were none. Calls
 * Windows code: no lock may be held. */
bool wait_run_apcs(void);
/* Calls one such routine at once. */
void wait_call_apc(PVOID function, const uint64_t arguments[3]);

struct waitable_ops {
    /* Under the dispatcher lock. May the wait of `who` be satisfied now? (`now`: 100 ns units,
     * monotonic) */
    bool (*signalled)(struct waitable *waitable, struct wait_state *who, uint64_t now);
    /* Under the dispatcher lock. Takes the signal (auto-reset event, semaphore, mutex) for `who`,
       who is NULL when a wait completion packet takes it. True: a mutex that was abandoned. May be
       NULL. */
    bool (*consume)(struct waitable *waitable, struct wait_state *who);
    /* When the state may change by itself (timer due time), or UINT64_MAX; may be NULL. */
    uint64_t (*due)(struct waitable *waitable);
};

/* One waiter's place in the list of one waitable. */
struct wait_block {
    struct wait_block *next,
        *previous; /* under the dispatcher lock; a ring, waitable->blocks is the oldest */
    struct waitable *waitable;
    struct waiter *waiter; /* NULL: a wait completion packet (waitpacket.c) */
};

struct waitable {
    struct object object;
    const struct waitable_ops *wait_ops; /* constant after init */
    struct wait_block *blocks;           /* under the dispatcher lock */
};

void dispatcher_lock(void);
void dispatcher_unlock(void); /* wakes whom waitable_changed let go */
void waitable_init(struct waitable *waitable, const struct object_ops *ops,
                   const struct waitable_ops *wait_ops);
/* The state changed: lets every waiter that now can go. Under the dispatcher lock. */
void waitable_changed(struct waitable *waitable);
/* For waitpacket.c, under the dispatcher lock. */
void waitable_look_again(struct waitable *waitable); /* the time to sleep may be another now */
void wait_block_insert(struct wait_block *block, struct waitable *waitable);
void wait_block_remove(struct wait_block *block);

#define WAIT_MAXIMUM 64u /* MAXIMUM_WAIT_OBJECTS */

/*
 * Waits for one or all. `deadline`: monotonic 100 ns, UINT64_MAX for ever, 0 only test.
 * STATUS_WAIT_0 + index, STATUS_ABANDONED_WAIT_0 + index, STATUS_TIMEOUT, STATUS_USER_APC (the APCs
 * have run). No objects: sleeps. Different objects only when `all`.
 */
NTSTATUS wait_for(unsigned count, struct waitable *const *objects, bool all, bool alertable,
                  uint64_t deadline);
/* A reference to the waitable thing behind a handle with SYNCHRONIZE access. */
NTSTATUS wait_lookup(HANDLE handle, struct waitable **ret_waitable);

#define TIME_NEVER       UINT64_MAX
#define TIME_MILLISECOND 10000u /* in 100 ns */

/* 100 ns units, never steps back: the clock of waits and QueryUnbiasedInterruptTime */
uint64_t time_monotonic(void);
uint64_t time_system(void); /* 100 ns units since 1601, UTC: FILETIME */
/* The deadline of a Win32 timeout: INFINITE is for ever. */
uint64_t time_deadline(DWORD milliseconds);
/* The deadline of an NT timeout: negative relative, positive absolute system time, NULL for ever.
 */
uint64_t time_deadline_nt(const LARGE_INTEGER *timeout);

/*
 * Completion ports (iocp.c). `port` is an object of type OBJECT_COMPLETION_PORT; the caller holds a
 * reference. STATUS_NO_MEMORY. `bytes` is what GetQueuedCompletionStatus stores as the number of
 * bytes.
 */
NTSTATUS completion_port_post(struct object *port, ULONG_PTR key, PVOID overlapped, NTSTATUS status,
                              ULONG_PTR bytes);
/*
 * CreateIoCompletionPort(file, port, key): the file layer keeps `port` (taking a reference) and
 * `key` in the file. Set once at start; STATUS_INVALID_PARAMETER when the file has a port already
 * or cannot have one.
 */
extern NTSTATUS (*completion_port_associate)(struct object *file, struct object *port,
                                             ULONG_PTR key);
