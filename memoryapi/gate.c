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

__thread struct gate_state gate_self __attribute__((tls_model("initial-exec")));
bool gate_tracing;

/* Page by page from above: each touch may let the stack grow by one guard page. */
void gate_make_room(void)
{
    const struct mm_stack *stack = mm_thread_stack;
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    if (!stack || gate_self.depth || here < stack->limit || here >= stack->base)
        return;
    for (uint64_t down = PAGE_SIZE; down <= GATE_ROOM && here - down >= stack->floor + PAGE_SIZE;
         down += PAGE_SIZE)
        (void)*(volatile char *)(here - down);
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
