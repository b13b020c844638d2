/* The calls of ntdll behind the others. */
#include "conformance.h"

static void vm075(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    SIZE_T stored = 0;
    LONG first = api.NtQueryVirtualMemory(GetCurrentProcess(), p, 0, p,
                                          sizeof(MEMORY_BASIC_INFORMATION), &stored);
    LONG second = api.NtQueryVirtualMemory(GetCurrentProcess(), p, 0, p,
                                           sizeof(MEMORY_BASIC_INFORMATION), &stored);
    ok("a system service fails on the guard", first < 0);
    same("and then succeeds", second, 0);
    drop(p);
}

static void vm139(void)
{
    PVOID base = NULL;
    SIZE_T size = 5000;
    same("status",
         api.NtAllocateVirtualMemory(GetCurrentProcess(), &base, 0, &size, MEM_RESERVE,
                                     PAGE_NOACCESS),
         0);
    same("size", size, 2 * PAGE);
    same("base", (ULONG64)base % GRANULE, 0);
    drop(base);
}

static void vm140(void)
{
    static MEMORY_BASIC_INFORMATION info;
    SIZE_T stored = 0;
    same("class",
         (DWORD)api.NtQueryVirtualMemory(GetCurrentProcess(), &info, 0x7777, &info, sizeof info,
                                         &stored),
         0xC0000003u);
    same("length",
         (DWORD)api.NtQueryVirtualMemory(GetCurrentProcess(), &info, 0, &info, 8, &stored),
         0xC0000004u);
}

static void vm141(void)
{
    PVOID base = NULL;
    SIZE_T size = 0;
    SetLastError(4711);
    ok("fails", api.NtAllocateVirtualMemory(GetCurrentProcess(), &base, 0, &size, MEM_RESERVE,
                                            PAGE_NOACCESS) < 0);
    same("last error", GetLastError(), 4711);
}

static void vm152(void)
{
    char *p = take_rw(4);
    PVOID base = p + PAGE + 5;
    SIZE_T size = PAGE;
    ULONG old = 0;
    same("protect",
         api.NtProtectVirtualMemory(GetCurrentProcess(), &base, &size, PAGE_READONLY, &old), 0);
    same("base", (ULONG64)base, (ULONG64)p + PAGE);
    same("size", size, 2 * PAGE);
    same("old", old, PAGE_READWRITE);
    base = p + PAGE - 1;
    size = 2;
    same("decommit", api.NtFreeVirtualMemory(GetCurrentProcess(), &base, &size, MEM_DECOMMIT), 0);
    same("base", (ULONG64)base, (ULONG64)p);
    same("size", size, 2 * PAGE);
    base = p;
    size = 0;
    same("release", api.NtFreeVirtualMemory(GetCurrentProcess(), &base, &size, MEM_RELEASE), 0);
    same("state", look(p).State, MEM_FREE);
}

static void vm155(void)
{
    char *p = take_rw(2), *values = take_rw(1);
    PVOID *base = (PVOID *)values;
    SIZE_T *size = (SIZE_T *)(values + 64);
    ULONG old;
    DWORD before;
    *base = p;
    *size = PAGE;
    VirtualProtect(values, PAGE, PAGE_READONLY, &before);
    ok("protect",
       api.NtProtectVirtualMemory(GetCurrentProcess(), base, size, PAGE_READONLY, &old) < 0);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    ok("decommit", api.NtFreeVirtualMemory(GetCurrentProcess(), base, size, MEM_DECOMMIT) < 0);
    same("unchanged", look(p).State, MEM_COMMIT);
    drop(p);
    drop(values);
}

static void vm187(void)
{
    char *p;
    PVOID base;
    SIZE_T size = 2;
    if (!HERE(NtLockVirtualMemory) || !HERE(NtUnlockVirtualMemory))
        return;
    p = take_rw(2);
    base = p + PAGE - 1;
    same("lock", api.NtLockVirtualMemory(GetCurrentProcess(), &base, &size, 1), 0);
    same("base", (ULONG64)base, (ULONG64)p);
    same("size", size, 2 * PAGE);
    same("again", api.NtLockVirtualMemory(GetCurrentProcess(), &base, &size, 1), 0x40000019);
    same("unlock", api.NtUnlockVirtualMemory(GetCurrentProcess(), &base, &size, 1), 0);
    drop(p);
}

static void vm188(void)
{
    ULONG64 name[128];
    SIZE_T stored = 0;
    char *p = take_rw(1);
    same("status",
         (DWORD)api.NtQueryVirtualMemory(GetCurrentProcess(), p, 2, name, sizeof name, &stored),
         0xC0000141u);
    drop(p);
}

const struct statement native_statements[] = {S(075), S(139), S(140), S(141), S(152),
                                              S(155), S(187), S(188), END};
