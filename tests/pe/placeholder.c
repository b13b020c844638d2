/*
 * A buffer that lives in placeholders: carved at pages, replaced, given back and joined, as
 * allocators of runtimes do; and where a program finds VirtualAlloc2.
 */
#include "kit.h"

/* newer than the headers of the compiler */
#ifndef MEM_REPLACE_PLACEHOLDER
#define MEM_REPLACE_PLACEHOLDER   0x4000
#define MEM_RESERVE_PLACEHOLDER   0x40000
#define MEM_COALESCE_PLACEHOLDERS 0x1
#define MEM_PRESERVE_PLACEHOLDER  0x2
#endif

typedef void *(WINAPI *allocate2)(HANDLE, void *, SIZE_T, ULONG, ULONG, void *, ULONG);

static allocate2 virtual_alloc2;

static char *placeholder(SIZE_T size)
{
    return virtual_alloc2(NULL, NULL, size, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
                          NULL, 0);
}

static char *replace(char *at, SIZE_T size, DWORD type)
{
    return virtual_alloc2(GetCurrentProcess(), at, size,
                          MEM_RESERVE | MEM_REPLACE_PLACEHOLDER | type, PAGE_READWRITE, NULL, 0);
}

static BOOL preserve(char *at, SIZE_T size)
{
    return VirtualFree(at, size, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
}

static BOOL coalesce(char *at, SIZE_T size)
{
    return VirtualFree(at, size, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS);
}

static void *base_of(const void *address)
{
    MEMORY_BASIC_INFORMATION info;
    return VirtualQuery(address, &info, sizeof info) ? info.AllocationBase : NULL;
}

static FARPROC found_in(const wchar_t *library)
{
    HMODULE module = LoadLibraryW(library);
    return module ? GetProcAddress(module, "VirtualAlloc2") : NULL;
}

static void ph001(void)
{
    FARPROC base = found_in(L"kernelbase.dll"),
            set = found_in(L"api-ms-win-core-memory-l1-1-6.dll");
    ok("in kernelbase", base != NULL);
    same("in its API set", (ULONG64)set, (ULONG64)base);
    virtual_alloc2 = (allocate2)(void *)base;
}

/* Two halves of a ring, each put in and taken out many times; what is beside it stays. */
static void ph002(void)
{
    const SIZE_T half = 3 * PAGE; /* no granule */
    char *ring = placeholder(2 * half);
    ok("made", ring != NULL);
    ok("cut in the middle", preserve(ring, half));
    for (unsigned round = 0; round < 50; round++) {
        char *at = ring + (round % 2 ? half : 0);
        same("replaced", (ULONG64)replace(at, half, MEM_COMMIT), (ULONG64)at);
        same("zero", at[0] | at[half - 1], 0);
        at[0] = at[half - 1] = (char)(round + 1);
        if (round == 0)
            continue;
        char *other = ring + (round % 2 ? 0 : half);
        same("the other half", other[0], round);
        ok("given back", preserve(other, half));
        same("and gone", probe_read(other, PROBE_ONCE).code, EXCEPTION_ACCESS_VIOLATION);
    }
    ok("the last half", preserve(ring + half, half));
    ok("joined", coalesce(ring, 2 * half));
    same("one", (ULONG64)base_of(ring + half), (ULONG64)ring);
    ok("released", VirtualFree(ring, 0, MEM_RELEASE));
}

/* Pieces of all sizes from one placeholder, in no order, and back. */
static void ph003(void)
{
    enum { PAGES = 200, PIECES = 19 };
    char *space = placeholder(PAGES * PAGE);
    unsigned starts[PIECES + 1], at = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        starts[i] = at;
        at += 1 + i % 5 * 5;
    }
    starts[PIECES] = PAGES;
    for (unsigned i = 0; i + 1 < PIECES; i++)
        ok("carved", preserve(space + starts[i] * PAGE, (starts[i + 1] - starts[i]) * PAGE));
    for (unsigned i = 0; i < PIECES; i++) {
        unsigned piece = i * 7 % PIECES;
        char *from = space + starts[piece] * PAGE;
        SIZE_T size = (starts[piece + 1] - starts[piece]) * PAGE;
        same("replaced", (ULONG64)replace(from, size, piece % 3 ? MEM_COMMIT : 0), (ULONG64)from);
        if (piece % 3 == 0)
            ok("committed", VirtualAlloc(from, size, MEM_COMMIT, PAGE_READWRITE) == from);
        same("zero", from[size - 1], 0);
        from[size - 1] = (char)(piece + 1);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        char *from = space + starts[i] * PAGE, *end = space + starts[i + 1] * PAGE;
        same("kept", end[-1], i + 1);
        same("its own", (ULONG64)base_of(end - 1), (ULONG64)from);
        ok("given back", preserve(from, (SIZE_T)(end - from)));
    }
    ok("joined", coalesce(space, PAGES * PAGE));
    same("as one", (ULONG64)replace(space, PAGES * PAGE, MEM_COMMIT), (ULONG64)space);
    same("zero again", space[starts[3] * PAGE - 1], 0);
    ok("released", VirtualFree(space, 0, MEM_RELEASE));
}

/* Part of an allocation becomes a placeholder: nobody else gets the place meanwhile. */
static void ph004(void)
{
    char *memory = VirtualAlloc(NULL, 4 * GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    memory[0] = memory[2 * GRANULE] = memory[4 * GRANULE - 1] = 5;
    ok("given back in part", preserve(memory + GRANULE, GRANULE + PAGE));
    same("before", memory[0], 5);
    same("after", memory[4 * GRANULE - 1], 5);
    same("gone", probe_read(memory + 2 * GRANULE, PROBE_ONCE).code, EXCEPTION_ACCESS_VIOLATION);
    ok("taken", VirtualAlloc(memory + GRANULE, PAGE, MEM_RESERVE, PAGE_NOACCESS) == NULL);
    same("error", GetLastError(), ERROR_INVALID_ADDRESS);
    ok("replaced", replace(memory + GRANULE, GRANULE + PAGE, MEM_COMMIT) != NULL);
    same("zero", memory[2 * GRANULE], 0);
    ok("the first", VirtualFree(memory, 0, MEM_RELEASE));
    ok("the second", VirtualFree(memory + GRANULE, 0, MEM_RELEASE));
    ok("the third", VirtualFree(memory + 2 * GRANULE + PAGE, 0, MEM_RELEASE));
    memory = VirtualAlloc(memory, 4 * GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ok("all of it again", memory != NULL);
    ok("released", VirtualFree(memory, 0, MEM_RELEASE));
}

static const struct statement statements[] = {
    {"PH-001", ph001},
    {"PH-002", ph002},
    {"PH-003", ph003},
    {"PH-004", ph004},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
