/*
 * Address windowing extensions, as a program uses them: it enables the privilege to lock memory,
 * gets pages, and shows them in windows. Where the account does not hold the privilege there is
 * nothing to prove but the refusal.
 */
#include "kit.h"

#define PAGES 4u

static BOOL(WINAPI *open_token)(HANDLE process, DWORD access, HANDLE *token);
static BOOL(WINAPI *lookup)(LPCSTR system, LPCSTR name, PLUID luid);
static BOOL(WINAPI *adjust)(HANDLE token, BOOL all, PTOKEN_PRIVILEGES state, DWORD size,
                            PTOKEN_PRIVILEGES before, PDWORD ret_size);
static BOOL(WINAPI *information)(HANDLE token, TOKEN_INFORMATION_CLASS class, LPVOID into,
                                 DWORD size, PDWORD ret_size);

static HANDLE token;
static BOOL held;
static ULONG_PTR frames[2 * PAGES];
static char *first, *second;

/* False: not all was assigned. */
static BOOL set_privilege(DWORD attributes)
{
    TOKEN_PRIVILEGES state = {.PrivilegeCount = 1};
    lookup(NULL, "SeLockMemoryPrivilege", &state.Privileges[0].Luid);
    state.Privileges[0].Attributes = attributes;
    return adjust(token, FALSE, &state, 0, NULL, NULL) && GetLastError() == ERROR_SUCCESS;
}

static BOOL lacks(void)
{
    if (!held)
        kit_skip("the privilege to lock memory is not held");
    return !held;
}

static char *window(void)
{
    return VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
}

static void refused(BOOL result, DWORD error, int line)
{
    DWORD last = GetLastError();
    kit_same("refused", (ULONG64)result, FALSE, line);
    kit_same("last error", last, error, line);
}

/* Held or not: a privilege that is not enabled does not count. */
static void aw001(void)
{
    ULONG_PTR count = 2;
    refused(AllocateUserPhysicalPages(GetCurrentProcess(), &count, frames),
            ERROR_PRIVILEGE_NOT_HELD, __LINE__);
    refused(window() != NULL, ERROR_PRIVILEGE_NOT_HELD, __LINE__);
    refused(VirtualAlloc(NULL, 2 << 20, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES,
                         PAGE_READWRITE) != NULL,
            ERROR_PRIVILEGE_NOT_HELD, __LINE__);
    same("count", count, 2);
}

static void aw002(void)
{
    DWORD buffer[64], size = 0, found = 0;
    LUID luid;
    held = set_privilege(SE_PRIVILEGE_ENABLED);
    if (lacks())
        return;
    lookup(NULL, "SeLockMemoryPrivilege", &luid);
    same("number", luid.LowPart, 4);
    ok("information", information(token, TokenPrivileges, buffer, sizeof buffer, &size));
    for (DWORD i = 0; i < buffer[0]; i++)
        if (buffer[1 + 3 * i] == luid.LowPart)
            found = buffer[3 + 3 * i];
    same("attributes", found & SE_PRIVILEGE_ENABLED, SE_PRIVILEGE_ENABLED);
    ULONG_PTR count = 2 * PAGES;
    ok("pages", AllocateUserPhysicalPages(GetCurrentProcess(), &count, frames));
    same("all of them", count, 2 * PAGES);
    ok("windows", (first = window()) && (second = window()));
}

static void aw003(void)
{
    if (lacks())
        return;
    ok("map", MapUserPhysicalPages(first, PAGES, frames));
    for (unsigned i = 0; i < PAGES; i++) {
        same("zero", first[i * PAGE + 17], 0);
        first[i * PAGE + 17] = (char)(i + 1);
    }
    ok("empty", MapUserPhysicalPages(first, PAGES, NULL));
    ok("map elsewhere", MapUserPhysicalPages(second, PAGES, frames));
    for (unsigned i = 0; i < PAGES; i++)
        same("kept", second[i * PAGE + 17], i + 1);
    /* others over them */
    ok("over", MapUserPhysicalPages(second, PAGES, frames + PAGES));
    same("of the other page", second[17], 0);
    ok("empty again", MapUserPhysicalPages(second, PAGES, NULL));
}

/* Touching a page of a window that shows nothing. */
static void aw004(void)
{
    if (lacks())
        return;
    ok("map", MapUserPhysicalPages(first, 1, frames));
    struct probe read = probe_read(first + PAGE + 5, PROBE_ONCE);
    same("code", read.first, STATUS_ACCESS_VIOLATION);
    same("parameters", read.parameters, 2);
    same("kind", read.kind, 0);
    same("address", read.address, (ULONG64)first + PAGE + 5);
    struct probe written = probe_write(second, PROBE_ONCE);
    same("code", written.first, STATUS_ACCESS_VIOLATION);
    same("kind", written.kind, 1);
    same("address", written.address, (ULONG64)second);
    same("a page that shows one", probe_write(first, PROBE_ONCE).first, 0);
    ok("empty", MapUserPhysicalPages(first, 1, NULL));
    same("no more", probe_read(first, PROBE_ONCE).first, STATUS_ACCESS_VIOLATION);
}

static void aw005(void)
{
    PVOID places[PAGES];
    ULONG_PTR turned[PAGES];
    if (lacks())
        return;
    for (unsigned i = 0; i < PAGES; i++)
        places[i] = (i % 2 ? first : second) + (PAGES - 1 - i) * PAGE;
    ok("scatter", MapUserPhysicalPagesScatter(places, PAGES, frames));
    for (unsigned i = 0; i < PAGES; i++)
        *(char *)places[i] = (char)(i + 'a');
    turned[0] = frames[PAGES];
    turned[1] = 0;
    turned[2] = frames[2];
    turned[3] = frames[PAGES + 1];
    ok("turn", MapUserPhysicalPagesScatter(places, PAGES, turned));
    same("another one", *(char *)places[0], 0);
    same("emptied", probe_read(places[1], PROBE_ONCE).first, STATUS_ACCESS_VIOLATION);
    same("as it was", *(char *)places[2], 'c');
    ok("empty all", MapUserPhysicalPagesScatter(places, PAGES, NULL));
    ok("back", MapUserPhysicalPages(first, PAGES, frames));
    same("kept", first[PAGE], 'b');
    ok("empty", MapUserPhysicalPages(first, PAGES, NULL));
}

/* All or nothing. */
static void aw006(void)
{
    ULONG_PTR set[2] = {frames[1], frames[0]};
    if (lacks())
        return;
    ok("map", MapUserPhysicalPages(first, 1, frames));
    refused(MapUserPhysicalPages(second, 2, set), ERROR_INVALID_PARAMETER, __LINE__);
    same("nothing", probe_read(second, PROBE_ONCE).first, STATUS_ACCESS_VIOLATION);
    same("there still", probe_read(first, PROBE_ONCE).first, 0);
    set[1] = 0x7FFFFFF0; /* nobody's */
    refused(MapUserPhysicalPages(second, 2, set), ERROR_INVALID_PARAMETER, __LINE__);
    same("nothing", probe_read(second, PROBE_ONCE).first, STATUS_ACCESS_VIOLATION);
    ok("too long", !MapUserPhysicalPages(second, PAGES + 1, frames));
}

static void aw007(void)
{
    DWORD old;
    if (lacks())
        return;
    ok("protect", !VirtualProtect(first, PAGE, PAGE_READONLY, &old));
    ok("guard", !VirtualProtect(first, PAGE, PAGE_READWRITE | PAGE_GUARD, &old));
    ok("decommit", !VirtualFree(first, PAGE, MEM_DECOMMIT));
    ok("commit", !VirtualAlloc(first, PAGE, MEM_COMMIT, PAGE_READWRITE));
    ok("read-only window", !VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READONLY));
    same("usable", probe_write(first, PROBE_ONCE).first, 0);
}

/* The window goes, its pages stay; freed pages leave their windows, and come back empty. */
static void aw008(void)
{
    ULONG_PTR count = PAGES;
    if (lacks())
        return;
    first[100] = 42;
    ok("release", VirtualFree(first, 0, MEM_RELEASE));
    ok("map", MapUserPhysicalPages(second, PAGES, frames));
    same("kept", second[100], 42);
    ok("free", FreeUserPhysicalPages(GetCurrentProcess(), &count, frames));
    same("count", count, PAGES);
    same("unmapped", probe_read(second, PROBE_ONCE).first, STATUS_ACCESS_VIOLATION);
    count = 2;
    ok("twice", !FreeUserPhysicalPages(GetCurrentProcess(), &count, frames));
    same("none", count, 0);
    count = PAGES;
    ok("again", AllocateUserPhysicalPages(GetCurrentProcess(), &count, frames));
    ok("map", MapUserPhysicalPages(second, PAGES, frames));
    for (unsigned i = 0; i < PAGES * PAGE; i++)
        if (second[i])
            same("zero", second[i], 0);
}

static void aw009(void)
{
    if (lacks())
        return;
    ok("disable", set_privilege(0));
    aw001();
    ok("map without", MapUserPhysicalPages(second, PAGES, NULL));
}

static const struct statement statements[] = {
    {"AW-001", aw001}, {"AW-002", aw002}, {"AW-003", aw003}, {"AW-004", aw004}, {"AW-005", aw005},
    {"AW-006", aw006}, {"AW-007", aw007}, {"AW-008", aw008}, {"AW-009", aw009},
};

void start(void)
{
    HMODULE library = LoadLibraryA("advapi32.dll");
    open_token = (void *)GetProcAddress(library, "OpenProcessToken");
    lookup = (void *)GetProcAddress(library, "LookupPrivilegeValueA");
    adjust = (void *)GetProcAddress(library, "AdjustTokenPrivileges");
    information = (void *)GetProcAddress(library, "GetTokenInformation");
    open_token(GetCurrentProcess(), TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token);
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
