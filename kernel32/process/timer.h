/* Waitable timers as wait.c sees them: their completion routines belong to the thread that set
 * them. */
#pragma once

#include "kernel32/process/wait.h"

/* When the next routine of this thread has to run (0: now), or TIME_NEVER. Under the dispatcher
 * lock. */
uint64_t timer_next_apc_locked(struct wait_state *state);
/* Runs the due routines of the calling thread; false when there were none. */
bool timer_run_apcs(struct wait_state *self);
/* The thread ends. Under the dispatcher lock. */
void timer_forget_all_locked(struct wait_state *state);
