/*
 * What a Windows program can see of virtual memory, statement by statement. Runs on Windows, under
 * Wine and under winmem, and prints the same machine-readable lines (kit.h). One program, so that
 * it is easily taken to another system; this file has what its parts share.
 *
 *     conformance.exe [PREFIX]      only the statements whose identity begins with PREFIX
 */
#include "conformance.h"

struct optional_functions api;

char *take(SIZE_T size, DWORD type, DWORD protect)
{
    return VirtualAlloc(NULL, size, type, protect);
}

char *take_rw(unsigned pages)
{
    return take(pages * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void drop(void *base)
{
    VirtualFree(base, 0, MEM_RELEASE);
}

MEMORY_BASIC_INFORMATION look(const volatile void *address)
{
    MEMORY_BASIC_INFORMATION info;
    memset(&info, 0, sizeof info);
    VirtualQuery((const void *)address, &info, sizeof info);
    return info;
}

char *free_place(SIZE_T size)
{
    char *p = take(size, MEM_RESERVE, PAGE_NOACCESS);
    drop(p);
    return p;
}

char *neighbours(DWORD type)
{
    char *p = free_place(2 * GRANULE);
    char *a = VirtualAlloc(p, GRANULE, type, PAGE_READWRITE);
    char *b = VirtualAlloc(p + GRANULE, GRANULE, type, PAGE_READWRITE);
    return a == p && b == p + GRANULE ? p : NULL;
}

void refused(const char *what, void *got, DWORD error, int line)
{
    DWORD last = GetLastError();
    kit_same(what, (ULONG64)got, 0, line);
    if (!got)
        kit_same(what, last, error, line);
    else
        drop(got);
}

void denied(const char *what, BOOL got, DWORD error, int line)
{
    DWORD last = GetLastError();
    kit_same(what, (ULONG64)got, 0, line);
    kit_same(what, last, error, line);
}

/* The limits of the working set are asked for before locking raises them. */
static const struct statement *const tables[] = {
    allocate_statements, alloc2_statements,      free_statements,     protect_statements,
    query_statements,    offer_statements,       watch_statements,    workingset_statements,
    lock_statements,     placeholder_statements, physical_statements, general_statements,
    bytes_statements,    native_statements,      process_statements,  NULL,
};

/* From the library that has it on this system. */
static void *find(const char *name)
{
    static const char *const libraries[] = {"kernelbase.dll", "kernel32.dll", "ntdll.dll",
                                            "advapi32.dll", "atlthunk.dll"};
    unsigned i;

    for (i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        HMODULE library = LoadLibraryA(libraries[i]);
        void *function = library ? (void *)GetProcAddress(library, name) : NULL;
        if (function)
            return function;
    }
    return NULL;
}

static void find_all(void)
{
#define FIND_DECLARED(name)                 *(void **)&api.name = find(#name);
#define FIND_OTHER(result, name, arguments) *(void **)&api.name = find(#name);
    DECLARED_FUNCTIONS(FIND_DECLARED)
    OTHER_FUNCTIONS(FIND_OTHER)
}

void start(void)
{
    char *command = GetCommandLineA(), *only = NULL;

    find_all();
    for (; *command; command++)
        if (command[0] == ' ' && command[1] == 'V')
            only = command + 1;
    ExitProcess((UINT)kit_run_tables(tables, only));
}
