/*
 * The border between Windows code and ours. Every exported function is a generated gate:
 *
 *     gate_enter(); face(...); [trace] gate_leave();
 *
 * Between enter and leave the thread is "inside": it may hold our locks, so another thread's
 * SuspendThread must not stop it there. A suspension that arrives inside is left pending, and the
 * thread parks at gate_leave(). Blocking waits that hold no lock open a window with
 * gate_open()/gate_close(), as do calls back into Windows code.
 *
 * A program without Windows threads (drop-in use) pays one increment and one decrement.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gate_state {
    /* how many gates deep this thread is; changed only by the thread itself */
    volatile uint32_t depth;
    /* a suspension waits for depth 0; set by the suspend signal handler */
    volatile uint32_t pending;
    /* locks of ours that this thread holds (futex.h): a fault meanwhile is our own mistake */
    uint32_t locks;
    /* what names the thread as claimer of a region (claim.c); 0: it claimed none yet */
    uint32_t claimer;
    /* lowest committed address of a Windows thread's stack; 0 for a host thread (fault.h) */
    uint64_t stack_limit;
};

/*
 * Our code runs on the program's stack. What a call may need of it is made sure of before the call
 * takes any lock: the stack grows then, or its overflow is raised as the caller's; a stack that the
 * program has made of its own memory becomes writable.
 */
#define GATE_ROOM (24u << 10)

extern __thread struct gate_state gate_self __attribute__((tls_model("initial-exec")));
extern bool gate_tracing; /* constant after start */
/*
 * Not 0 while writes to memory of the program may be refused for a moment: its pages that sleep
 * (reset.c), its regions watched by marks (watch.c). Atomic.
 */
extern uint64_t gate_closed_memory;

/*
 * Stops the calling thread until it is resumed. Installed by the process layer; never called
 * without it.
 */
extern void (*gate_park)(void);

void gate_make_room(void);
_Noreturn void gate_missing(const char *module, const char *name);
void winmem_set_last_error(uint32_t code);
uint32_t winmem_get_last_error(void);

/* gate_enter for a signal handler, which has a stack of its own. */
__attribute__((always_inline)) static inline void gate_step_in(void)
{
    gate_self.depth = gate_self.depth + 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

__attribute__((always_inline)) static inline void gate_enter(void)
{
    if (__builtin_expect((uint64_t)__builtin_frame_address(0) - gate_self.stack_limit < GATE_ROOM,
                         0) ||
        __builtin_expect(__atomic_load_n(&gate_closed_memory, __ATOMIC_RELAXED) != 0, 0))
        gate_make_room();
    gate_step_in();
}

__attribute__((always_inline)) static inline void gate_leave(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    gate_self.depth = gate_self.depth - 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(gate_self.pending && gate_self.depth == 0, 0))
        gate_park();
}

/* A window in which the thread may be stopped: it holds no lock and touches no shared state. */
static inline uint32_t gate_open(void)
{
    uint32_t depth = gate_self.depth;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    gate_self.depth = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(gate_self.pending, 0))
        gate_park();
    return depth;
}

static inline void gate_close(uint32_t depth)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    gate_self.depth = depth;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
