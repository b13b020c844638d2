/*
 * What a console program needs besides memory: threads and their stacks, thread-local slots, waits,
 * timers, completion ports, suspension and contexts, exceptions, files, environment, modules. Same
 * lines as conformance.exe (kit.h).
 *
 *     process.exe [PREFIX]
 */
#include "process.h"

static const struct statement *const tables[] = {
    thread_statements,
    suspend_statements,
    wait_statements,
    exception_statements,
    environ_statements,
    file_statements,
    NULL,
};

/* The only argument of the command line, or NULL: the first word after the program's name. */
static const char *argument(void)
{
    const char *at = GetCommandLineA();
    int quoted = 0;
    for (; *at && (quoted || *at != ' '); at++)
        quoted ^= *at == '"';
    while (*at == ' ')
        at++;
    return *at ? at : NULL;
}

void start(void)
{
    UINT code;
    make_folder();
    code = (UINT)kit_run_tables(tables, argument());
    remove_folder();
    ExitProcess(code);
}
