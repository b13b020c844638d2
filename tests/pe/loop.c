/*
 * Forwarders that lead nowhere: the look-up ends, without a function. Statement by statement
 * (kit.h).
 */
#include "kit.h"

static HMODULE library;

static void not_found(const char *name, int line)
{
    SetLastError(0);
    kit_same(name, (ULONG64)(void *)GetProcAddress(library, name), 0, line);
    kit_same("an error", GetLastError() != 0, 1, line);
}

static void lf001(void)
{
    not_found("one", __LINE__);
    not_found("two", __LINE__);
    not_found("itself", __LINE__);
}

static void lf002(void)
{
    not_found("nowhere", __LINE__);
}

static void lf003(void)
{
    not_found("unknown", __LINE__);
}

static const struct statement statements[] = {
    {"LF-001", lf001}, {"LF-002", lf002}, {"LF-003", lf003}};

void start(void)
{
    library = LoadLibraryW(L"dll_loop.dll");
    if (!library)
        ExitProcess(8);
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
