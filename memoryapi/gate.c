/*
 * The state behind the gates: per-thread depth, and what a call to a function that nobody built
 * says.
 */
#include "memoryapi/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__thread struct gate_state gate_self __attribute__((tls_model("initial-exec")));
bool gate_tracing;

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
