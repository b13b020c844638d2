/*
 * The virtual clock of an adapter: vid_adapter.clock, nanoseconds since the machine was made, the
 * same for all processes. It only grows, and moves
 *   - by adapter.call_cost with each call that works on the adapter (clock_call)
 *   - to the time at which something is complete that somebody waits for (clock_step)
 *   - when a program makes no call for 10 ms of real time while work of its process is under way, to
 *     the next time at which some of that is complete (ticker.c): it may be reading a fence's value
 * so that the same calls always take the same virtual time. WINMEM_GPU_TICK=0 takes the last away;
 * a wait that is told by an event is then over before the call that begins it returns, if the
 * process can bring that about by itself.
 *
 * What will be complete later is kept by each process for itself, per adapter, ordered by time and
 * then by when it was entered.
 *
 * pre, for all but clock_now: kmt_lock
 */
#pragma once

#include "d3dkmt/kmt.h"

/* Places that are never refused: one for each node (context.h). */
#define CLOCK_SURE KMT_NODES

/* Which adapter of its machine it is. */
static inline unsigned vidmm_index(const struct vidmm *mm)
{
    return (unsigned)(mm->adapter - vid_adapter_at(mm->machine, 0));
}

uint64_t clock_now(const struct vidmm *mm);
/* The time of what is being done: while something becomes complete, when that is; else now. */
uint64_t clock_here(const struct vidmm *mm);
/* A call of the program begins to work on the adapter: takes its time, and all that is due is done. */
void clock_call(const struct vidmm *mm);
/* Room for `more` entries beside the sure ones. False: there is no memory. */
bool clock_reserve(const struct vidmm *mm, uint32_t more);
/* `happen(subject, value)` at `time`. pre: reserved */
void clock_at(const struct vidmm *mm, uint64_t time, void (*happen)(void *subject, uint64_t value),
              void *subject, uint64_t value);
/* Nothing happens to the subject any more. */
void clock_forget(const struct vidmm *mm, const void *subject);
/* What is due is done, up to `time`, which the clock reaches. */
void clock_reach(const struct vidmm *mm, uint64_t time);
/* To the next time at which something is complete. False: nothing is under way. */
bool clock_step(const struct vidmm *mm);
/* The same with all adapters that something is under way on; one step each. */
bool clock_step_all(void);
bool clock_is_pending(void);
/* Nothing is under way any more; adapters are as if never used. */
void clock_leave(void);

/* ticker.c */
/* Whether time goes on without calls: WINMEM_GPU_TICK is not 0. */
bool ticker_is_on(void);
/* Something is under way or waited for: the thread has to look. */
void ticker_wake(void);
/* A call was made. */
void ticker_note_call(void);
/* Nothing may be looked at until the next call. */
void ticker_rest(void);
/* In the child of a fork: the thread is the parent's. */
void ticker_begin_child(void);
