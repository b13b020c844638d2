/* Waiting: the dispatcher lock, waiter lists, hand-over of signals, alertable waits and their APCs.
 */
#include "kernel32/process/wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/timer.h"
#include "kernel32/process/mutex.h"
#include "kernel32/process/waitpacket.h"
#include "memoryapi/futex.h"

enum { WORD_ASLEEP, WORD_DONE, WORD_LOOK };

/* One wait, on the stack of the thread that waits. */
struct waiter {
    struct wait_state *state;
    struct wait_block *blocks; /* one for each object */
    unsigned count;
    bool all, alertable;
    /* under the dispatcher lock until word is WORD_DONE */
    bool done;
    NTSTATUS result;
    struct waiter *next_woken;
};

struct wait_apc {
    struct wait_apc *next;
    PVOID function;
    uint64_t arguments[3];
};

static struct futex_lock lock;
static struct waiter *woken; /* under the lock: done, to be woken at unlock */

static __thread struct wait_state *attached __attribute__((tls_model("initial-exec")));
static __thread struct wait_state host_state __attribute__((tls_model("initial-exec")));
static pthread_key_t host_key;
static pthread_once_t host_once = PTHREAD_ONCE_INIT;

void dispatcher_lock(void)
{
    futex_lock(&lock);
}

static void set_word(struct wait_state *state, uint32_t value)
{
    uint32_t *word = &state->word;
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    futex_wake(word, 1);
}

void dispatcher_unlock(void)
{
    struct waiter *waiter = woken;
    woken = NULL;
    futex_unlock(&lock);
    while (waiter) {
        /* frame and state may be gone once the word is set */
        struct waiter *next = waiter->next_woken;
        set_word(waiter->state, WORD_DONE);
        waiter = next;
    }
}

static void await_waker(struct wait_state *state)
{
    while (__atomic_load_n(&state->word, __ATOMIC_ACQUIRE) != WORD_DONE)
        sched_yield();
}

static void host_thread_ends(void *state)
{
    wait_detach(state);
}

static void host_key_create(void)
{
    if (pthread_key_create(&host_key, host_thread_ends) != 0)
        abort(); /* at most at the first wait of a process that has used up all 1024 keys */
}

static struct wait_state *host_thread_begins(void)
{
    pthread_once(&host_once, host_key_create);
    if (host_state.id == 0)
        host_state.id = (uint32_t)syscall(SYS_gettid);
    pthread_setspecific(host_key, &host_state);
    attached = &host_state;
    return attached;
}

struct wait_state *wait_self(void)
{
    return likely(attached) ? attached : host_thread_begins();
}

void wait_attach(struct wait_state *state, uint32_t id)
{
    state->id = id;
    attached = state;
}

void waitable_init(struct waitable *waitable, const struct object_ops *ops,
                   const struct waitable_ops *wait_ops)
{
    object_init(&waitable->object, ops);
    waitable->object.waitable = true;
    waitable->wait_ops = wait_ops;
    waitable->blocks = NULL;
}

void wait_block_insert(struct wait_block *block, struct waitable *waitable)
{
    struct wait_block *oldest = waitable->blocks;
    block->waitable = waitable;
    if (!oldest) {
        block->next = block->previous = block;
        waitable->blocks = block;
        return;
    }
    block->next = oldest;
    block->previous = oldest->previous;
    oldest->previous->next = block;
    oldest->previous = block;
}

void wait_block_remove(struct wait_block *block)
{
    struct waitable *waitable = block->waitable;
    if (block->next == block) {
        waitable->blocks = NULL;
        return;
    }
    block->next->previous = block->previous;
    block->previous->next = block->next;
    if (waitable->blocks == block)
        waitable->blocks = block->next;
}

static bool is_signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return waitable->wait_ops->signalled(waitable, who, now);
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    return waitable->wait_ops->consume && waitable->wait_ops->consume(waitable, who);
}

/* Takes what the wait needs and sets its result, or takes nothing and returns false. */
static bool satisfy_locked(struct waiter *waiter, uint64_t now)
{
    struct wait_state *who = waiter->state;
    if (!waiter->all) {
        for (unsigned i = 0; i < waiter->count; i++)
            if (is_signalled(waiter->blocks[i].waitable, who, now)) {
                bool abandoned = consume(waiter->blocks[i].waitable, who);
                waiter->result =
                    (abandoned ? STATUS_ABANDONED_WAIT_0 : STATUS_WAIT_0) + (NTSTATUS)i;
                return true;
            }
        return false;
    }
    for (unsigned i = 0; i < waiter->count; i++)
        if (!is_signalled(waiter->blocks[i].waitable, who, now))
            return false;
    bool abandoned = false;
    for (unsigned i = 0; i < waiter->count; i++)
        abandoned |= consume(waiter->blocks[i].waitable, who);
    waiter->result = abandoned ? STATUS_ABANDONED_WAIT_0 : STATUS_WAIT_0;
    return true;
}

static void leave_lists_locked(struct waiter *waiter)
{
    for (unsigned i = 0; i < waiter->count; i++)
        wait_block_remove(&waiter->blocks[i]);
    waiter->state->waiter = NULL;
}

static void finish_locked(struct waiter *waiter)
{
    leave_lists_locked(waiter);
    waiter->state->waking = true;
    waiter->done = true;
    waiter->next_woken = woken;
    woken = waiter;
}

/* Lets the first waiter that can go; false when there is none (more). */
static bool release_one_locked(struct waitable *waitable, uint64_t now)
{
    struct wait_block *block = waitable->blocks;
    if (!block)
        return false;
    do {
        if (!block->waiter) {
            if (wait_packet_signal_locked(block, now))
                return true;
        } else if (satisfy_locked(block->waiter, now)) {
            finish_locked(block->waiter);
            return true;
        } else if (waitable->wait_ops->due) {
            set_word(block->waiter->state, WORD_LOOK);
        }
        block = block->next;
    } while (block != waitable->blocks);
    return false;
}

void waitable_changed(struct waitable *waitable)
{
    if (!waitable->blocks)
        return;
    uint64_t now = time_monotonic();
    while (release_one_locked(waitable, now))
        ;
}

void waitable_look_again(struct waitable *waitable)
{
    struct wait_block *block = waitable->blocks;
    if (!block)
        return;
    do {
        if (block->waiter)
            set_word(block->waiter->state, WORD_LOOK);
        block = block->next;
    } while (block != waitable->blocks);
}

NTSTATUS wait_queue_apc(struct wait_state *state, PVOID function, uint64_t a, uint64_t b,
                        uint64_t c)
{
    struct wait_apc *apc = malloc(sizeof *apc);
    if (!apc)
        return STATUS_NO_MEMORY;
    *apc = (struct wait_apc){NULL, function, {a, b, c}};
    dispatcher_lock();
    if (state->last_apc)
        state->last_apc->next = apc;
    else
        state->apcs = apc;
    state->last_apc = apc;
    if (state->waiter && state->waiter->alertable) {
        state->waiter->result = STATUS_USER_APC;
        finish_locked(state->waiter);
    }
    dispatcher_unlock();
    return STATUS_SUCCESS;
}

static struct wait_apc *take_apc(struct wait_state *self)
{
    dispatcher_lock();
    struct wait_apc *apc = self->apcs;
    if (apc) {
        self->apcs = apc->next;
        if (!self->apcs)
            self->last_apc = NULL;
    }
    dispatcher_unlock();
    return apc;
}

bool wait_run_apcs(void)
{
    struct wait_state *self = wait_self();
    bool ran = timer_run_apcs(self);
    struct wait_apc *apc;
    while ((apc = take_apc(self)) != NULL) {
        struct wait_apc copy = *apc;
        free(apc); /* before the call: the routine may end the thread or unwind past us */
        wait_call_apc(copy.function, copy.arguments);
        ran = true;
    }
    return ran;
}

void wait_call_apc(PVOID function, const uint64_t arguments[3])
{
    uint32_t depth = gate_open();
    ((void(WINAPI *)(uint64_t, uint64_t, uint64_t))function)(arguments[0], arguments[1],
                                                             arguments[2]);
    gate_close(depth);
}

void wait_detach(struct wait_state *state)
{
    dispatcher_lock();
    if (state->waiter)
        leave_lists_locked(state->waiter);
    mutex_abandon_all_locked(state);
    timer_forget_all_locked(state);
    struct wait_apc *apc = state->apcs;
    state->apcs = state->last_apc = NULL;
    bool waking = state->waking;
    dispatcher_unlock();
    if (waking)
        await_waker(state);
    while (apc) {
        struct wait_apc *next = apc->next;
        free(apc);
        apc = next;
    }
    if (attached == state)
        attached = NULL;
}

/* When a sleeper has to look again although nobody woke it. */
static uint64_t sleep_limit_locked(const struct waiter *waiter, uint64_t deadline)
{
    for (unsigned i = 0; i < waiter->count; i++) {
        struct waitable *waitable = waiter->blocks[i].waitable;
        uint64_t due = waitable->wait_ops->due ? waitable->wait_ops->due(waitable) : TIME_NEVER;
        if (due < deadline)
            deadline = due;
    }
    if (waiter->alertable) {
        uint64_t due = timer_next_apc_locked(waiter->state);
        if (due < deadline)
            deadline = due;
    }
    return deadline;
}

/* Sleeps until the word is set or the time has come. No lock held; signals interrupt and do not
 * disturb. */
static void sleep_until(struct wait_state *self, uint64_t deadline)
{
    struct timespec limit = {(time_t)(deadline / 10000000), (long)(deadline % 10000000) * 100};
    uint32_t depth = gate_open();
    while (__atomic_load_n(&self->word, __ATOMIC_ACQUIRE) == WORD_ASLEEP)
        if (futex_wait_until(&self->word, WORD_ASLEEP, deadline == TIME_NEVER ? NULL : &limit) ==
            -ETIMEDOUT)
            break;
    gate_close(depth);
}

/* One sleep. Called and left with the lock held; true: the wait is done, and then the lock is not
 * held. */
static bool sleep_locked(struct waiter *waiter, uint64_t deadline)
{
    struct wait_state *self = waiter->state;
    uint64_t limit = sleep_limit_locked(waiter, deadline);
    __atomic_store_n(&self->word, WORD_ASLEEP, __ATOMIC_RELAXED);
    dispatcher_unlock();
    sleep_until(self, limit);
    if (__atomic_load_n(&self->word, __ATOMIC_ACQUIRE) == WORD_DONE)
        return true;
    dispatcher_lock();
    if (!waiter->done)
        return false;
    /* Done, but whoever did it has not set the word yet and still reads our frame. */
    dispatcher_unlock();
    await_waker(self);
    return true;
}

static NTSTATUS wait_locked(struct waiter *waiter, uint64_t deadline)
{
    struct wait_state *self = waiter->state;
    bool listed = false;
    for (;;) {
        uint64_t now = time_monotonic();
        if (satisfy_locked(waiter, now))
            break;
        waiter->result = STATUS_USER_APC;
        if (waiter->alertable && (self->apcs || timer_next_apc_locked(self) <= now))
            break;
        waiter->result = STATUS_TIMEOUT;
        if (now >= deadline)
            break;
        if (!listed) {
            for (unsigned i = 0; i < waiter->count; i++)
                wait_block_insert(&waiter->blocks[i], waiter->blocks[i].waitable);
            self->waiter = waiter;
            self->waking = false;
            listed = true;
        }
        if (sleep_locked(waiter, deadline))
            return waiter->result;
    }
    if (listed)
        leave_lists_locked(waiter);
    dispatcher_unlock();
    return waiter->result;
}

static NTSTATUS wait_with(struct wait_block *blocks, unsigned count,
                          struct waitable *const *objects, bool all, bool alertable,
                          uint64_t deadline)
{
    struct waiter waiter = {
        .state = wait_self(), .blocks = blocks, .count = count, .all = all, .alertable = alertable};
    for (unsigned i = 0; i < count; i++) {
        blocks[i].waitable = objects[i];
        blocks[i].waiter = &waiter;
    }
    dispatcher_lock();
    NTSTATUS status = wait_locked(&waiter, deadline);
    if (status == STATUS_USER_APC)
        wait_run_apcs();
    return status;
}

/* Apart, so that the common wait does not carry 2 KiB of blocks on the caller's stack. */
static __attribute__((noinline)) NTSTATUS wait_many(unsigned count, struct waitable *const *objects,
                                                    bool all, bool alertable, uint64_t deadline)
{
    struct wait_block blocks[WAIT_MAXIMUM];
    return wait_with(blocks, count, objects, all, alertable, deadline);
}

NTSTATUS wait_for(unsigned count, struct waitable *const *objects, bool all, bool alertable,
                  uint64_t deadline)
{
    struct wait_block blocks[2];
    if (count > 2)
        return wait_many(count, objects, all, alertable, deadline);
    all = all && count > 0;
    return wait_with(blocks, count, objects, all, alertable, deadline);
}

NTSTATUS wait_lookup(HANDLE handle, struct waitable **ret_waitable)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_ANY, SYNCHRONIZE, &object);
    if (status != STATUS_SUCCESS)
        return status;
    if (!object->waitable) {
        object_unref(object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    *ret_waitable = (struct waitable *)object;
    return STATUS_SUCCESS;
}
