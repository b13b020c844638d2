/*
 * The state behind the gates: per-thread depth, and what a call to a function that nobody built
 * says.
 */
#include "memoryapi/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"

__thread struct gate_state gate_self __attribute__((tls_model("initial-exec")));
bool gate_tracing;

uint64_t gate_closed_memory;

/* Page by page from above: each touch may let the stack grow by one guard page. */
static void touch_stack(const struct mm_stack *stack, uint64_t here)
{
    for (uint64_t down = PAGE_SIZE; down <= GATE_ROOM && here - down >= stack->floor + PAGE_SIZE;
         down += PAGE_SIZE)
        (void)*(volatile char *)(here - down);
}

/*
 * The next page is for what looks after the others: a fault in it is met while nothing is held yet.
 * Where the program's stack ends so soon, the call will find out.
 */
static void open_own_stack(uint64_t here)
{
    guarded_touch((void *)(here - PAGE_SIZE));
    mm_will_push(here, GATE_ROOM);
    mm_watch_expect((void *)(here - GATE_ROOM), GATE_ROOM);
}

void gate_make_room(void)
{
    const struct mm_stack *stack = mm_thread_stack;
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    if (gate_self.depth)
        return;
    if (!stack || here < stack->limit || here >= stack->base) {
        if (__atomic_load_n(&gate_closed_memory, __ATOMIC_RELAXED))
            open_own_stack(here);
    } else if (here - stack->limit < GATE_ROOM) {
        touch_stack(stack, here);
    }
}

static void park_without_process(void)
{
}

void (*gate_park)(void) = park_without_process;

_Noreturn void gate_missing(const char *module, const char *name)
{
    dprintf(STDERR_FILENO, "winmem: the program called %s!%s, which winmem does not provide\n",
            module, name);
    _exit(3);
}
