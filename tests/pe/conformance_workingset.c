/* The pages of the process that are in memory, and prefetching others. */
#include "conformance.h"

static void vm103(void)
{
    char *p;
    WIN32_MEMORY_RANGE_ENTRY range;
    if (!HERE(PrefetchVirtualMemory))
        return;
    p = take_rw(2);
    range.VirtualAddress = p;
    range.NumberOfBytes = 2 * PAGE;
    ok("flags", !api.PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 1));
    ok("no flags", api.PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0));
    drop(p);
}

static void vm109(void)
{
    PSAPI_WORKING_SET_EX_INFORMATION each[2];
    char *p;
    if (!HERE(K32QueryWorkingSetEx))
        return;
    p = take_rw(2);
    p[0] = 1;
    memset(each, 0, sizeof each);
    each[0].VirtualAddress = p;
    each[1].VirtualAddress = p + PAGE;
    ok("asked", api.K32QueryWorkingSetEx(GetCurrentProcess(), each, sizeof each));
    same("touched", each[0].VirtualAttributes.Valid, 1);
    same("its protection", each[0].VirtualAttributes.Win32Protection, PAGE_READWRITE);
    same("not shared", each[0].VirtualAttributes.Shared, 0);
    same("not touched", each[1].VirtualAttributes.Valid, 0);
    drop(p);
}

static void vm110(void)
{
    ULONG_PTR entries = 0;
    if (!HERE(K32QueryWorkingSet))
        return;
    no_success("short", api.K32QueryWorkingSet(GetCurrentProcess(), &entries, sizeof entries),
               ERROR_BAD_LENGTH);
    ok("number", entries > 0);
}

static void vm111(void)
{
    if (!HERE(K32EmptyWorkingSet))
        return;
    ok("empty", api.K32EmptyWorkingSet(GetCurrentProcess()));
    ok("the other way", SetProcessWorkingSetSize(GetCurrentProcess(), (SIZE_T)-1, (SIZE_T)-1));
}

static void vm112(void)
{
    SIZE_T minimum = 0, maximum = 0;
    ok("asked", GetProcessWorkingSetSize(GetCurrentProcess(), &minimum, &maximum));
    same("minimum", minimum, 50 * PAGE);
    same("maximum", maximum, 345 * PAGE);
}

static void vm168(void)
{
    WIN32_MEMORY_RANGE_ENTRY ranges[2];
    char *p;
    if (!HERE(PrefetchVirtualMemory))
        return;
    p = take(PAGE, MEM_RESERVE, PAGE_NOACCESS);
    ranges[0].VirtualAddress = p;
    ranges[0].NumberOfBytes = PAGE;
    ranges[1].VirtualAddress = free_place(GRANULE);
    ranges[1].NumberOfBytes = GRANULE;
    ok("a hint", api.PrefetchVirtualMemory(GetCurrentProcess(), 2, ranges, 0));
    same("still reserved", look(p).State, MEM_RESERVE);
    drop(p);
}

static void vm181(void)
{
    SIZE_T minimum = 0, maximum = 0, low = 0, high = 0;
    HANDLE self = GetCurrentProcess();
    ok("before", GetProcessWorkingSetSize(self, &minimum, &maximum));
    no_success("0", SetProcessWorkingSetSize(self, 0, maximum), ERROR_INVALID_PARAMETER);
    no_success("wrong way", SetProcessWorkingSetSize(self, 500 * PAGE, 400 * PAGE),
               ERROR_INVALID_PARAMETER);
    ok("nothing changed", GetProcessWorkingSetSize(self, &low, &high));
    same("minimum", low, minimum);
    same("maximum", high, maximum);
    ok("small", SetProcessWorkingSetSize(self, PAGE, 100 * PAGE));
    ok("asked", GetProcessWorkingSetSize(self, &low, &high));
    same("raised", low, 20 * PAGE);
    ok("restore", SetProcessWorkingSetSize(self, minimum, maximum));
}

const struct statement workingset_statements[] = {S(103), S(109), S(110), S(112),
                                                  S(111), S(168), S(181), END};
