/*
 * Imports a function of a DLL that nobody has. It may start all the same; only the call, made when
 * there is an argument, ends it.
 */
#include "kit.h"

__declspec(dllimport) int WINAPI NoSuchFunction(int);

void start(void)
{
    const char *at = GetCommandLineA();
    int quoted = 0;

    for (; *at && (quoted || *at != ' '); at++)
        quoted ^= *at == '"';
    while (*at == ' ')
        at++;
    kit_print("started\n");
    if (*at)
        kit_number((ULONG64)NoSuchFunction(1), 10);
    kit_print("ended\n");
    ExitProcess(0);
}
