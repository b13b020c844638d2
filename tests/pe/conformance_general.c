/* The machine's memory, execution prevention, enclaves, thunks. */
#include "conformance.h"

static void vm125(void)
{
    MEMORYSTATUSEX status;
    memset(&status, 0xEE, sizeof status);
    status.dwLength = sizeof status;
    same("size", sizeof status, 64);
    ok("asked", GlobalMemoryStatusEx(&status));
    ok("load", status.dwMemoryLoad <= 100);
    ok("some memory", status.ullTotalPhys > 0);
    ok("available", status.ullAvailPhys <= status.ullTotalPhys);
    ok("available to commit", status.ullAvailPageFile <= status.ullTotalPageFile);
    ok("available addresses", status.ullAvailVirtual < status.ullTotalVirtual);
    same("extended", status.ullAvailExtendedVirtual, 0);
}

static void vm126(void)
{
    if (!HERE(GetPhysicallyInstalledSystemMemory))
        return;
    no_success("nowhere", api.GetPhysicallyInstalledSystemMemory(NULL), ERROR_INVALID_PARAMETER);
}

static void vm127(void)
{
    SIZE_T minimum;
    if (!HERE(GetLargePageMinimum))
        return;
    minimum = api.GetLargePageMinimum();
    same("power of two", minimum & (minimum - 1), 0);
    ok("not below a page", minimum == 0 || minimum >= PAGE);
}

static void vm128(void)
{
    HANDLE low, high;
    BOOL is_low = 7, is_high = 7;
    if (!HERE(CreateMemoryResourceNotification) || !HERE(QueryMemoryResourceNotification))
        return;
    low = api.CreateMemoryResourceNotification(LowMemoryResourceNotification);
    high = api.CreateMemoryResourceNotification(HighMemoryResourceNotification);
    ok("handles", low && high);
    ok("ask low", api.QueryMemoryResourceNotification(low, &is_low));
    ok("ask high", api.QueryMemoryResourceNotification(high, &is_high));
    ok("yes or no", is_low == 0 || is_low == 1);
    ok("yes or no", is_high == 0 || is_high == 1);
    ok("not both", !(is_low && is_high));
    CloseHandle(low);
    CloseHandle(high);
}

static void vm135(void)
{
    DWORD flags = 0x55;
    BOOL permanent = 0x55;
    if (!HERE(GetProcessDEPPolicy))
        return;
    no_success("64 bits", api.GetProcessDEPPolicy(GetCurrentProcess(), &flags, &permanent),
               ERROR_NOT_SUPPORTED);
    same("flags untouched", flags, 0x55);
    same("permanent untouched", permanent, 0x55);
}

static void vm136(void)
{
    if (!HERE(GetSystemDEPPolicy))
        return;
    ok("one of four", (unsigned)api.GetSystemDEPPolicy() <= 3);
}

static void vm137(void)
{
    static char information[4096];
    if (!HERE(IsEnclaveTypeSupported) || !HERE(CreateEnclave))
        return;
    ok("supported", !api.IsEnclaveTypeSupported(0x99));
    no_memory("made",
              api.CreateEnclave(GetCurrentProcess(), NULL, 1 << 21, 0, 0x99, information,
                                sizeof information, NULL),
              ERROR_NOT_SUPPORTED);
}

static struct {
    ULONG64 window, w, l;
    UINT message;
    int calls;
} delivered;

static LRESULT WINAPI receive(HWND window, UINT message, WPARAM w, LPARAM l)
{
    delivered.window = (ULONG64)window;
    delivered.message = message;
    delivered.w = w;
    delivered.l = (ULONG64)l;
    delivered.calls++;
    return 0x123456789ABC;
}

static void vm138(void)
{
    const ULONG64 own = 0xFEDCBA9876543210;
    void *thunk, *second;
    if (!HERE(AtlThunk_AllocateData) || !HERE(AtlThunk_InitData) || !HERE(AtlThunk_DataToCode) ||
        !HERE(AtlThunk_FreeData))
        return;
    thunk = api.AtlThunk_AllocateData();
    second = api.AtlThunk_AllocateData();
    ok("two thunks", thunk && second && thunk != second);
    api.AtlThunk_InitData(thunk, (void *)receive, own);
    api.AtlThunk_InitData(second, (void *)receive, 2);
    same("result", api.AtlThunk_DataToCode(thunk)((HWND)0x77, 0x111, ~0ull, -5), 0x123456789ABC);
    same("own value", delivered.window, own);
    same("message", delivered.message, 0x111);
    same("w", delivered.w, ~0ull);
    same("l", delivered.l, (ULONG64)-5);
    api.AtlThunk_DataToCode(second)((HWND)0x77, 1, 2, 3);
    same("the other's", delivered.window, 2);
    same("calls", (ULONG64)delivered.calls, 2);
    api.AtlThunk_FreeData(thunk);
    api.AtlThunk_FreeData(second);
}

static void vm180(void)
{
    MEMORYSTATUSEX status;
    unsigned i, wrong = 0;
    memset(&status, 0x77, sizeof status);
    status.dwLength = sizeof status - 1;
    no_success("short", GlobalMemoryStatusEx(&status), ERROR_INVALID_PARAMETER);
    for (i = 4; i < sizeof status; i++)
        wrong += ((unsigned char *)&status)[i] != 0x77;
    same("bytes written", wrong, 0);
}

static void vm182(void)
{
    if (!HERE(SetSystemFileCacheSize))
        return;
    no_success("set", api.SetSystemFileCacheSize(1 << 20, 1 << 24, 0), ERROR_PRIVILEGE_NOT_HELD);
}

static void vm183(void)
{
    char *p;
    if (!HERE(DeleteEnclave))
        return;
    p = take_rw(1);
    no_success("delete", api.DeleteEnclave(p), ERROR_INVALID_ADDRESS);
    same("still there", look(p).State, MEM_COMMIT);
    drop(p);
}

static void vm189(void)
{
    void *registration;
    if (!HERE(RegisterBadMemoryNotification) || !HERE(UnregisterBadMemoryNotification))
        return;
    registration = api.RegisterBadMemoryNotification((PBAD_MEMORY_CALLBACK_ROUTINE)vm136);
    ok("registered", registration != NULL);
    ok("taken back", api.UnregisterBadMemoryNotification(registration));
    ok("once", !api.UnregisterBadMemoryNotification(registration));
}

static BOOLEAN CALLBACK nothing_secured(PVOID address, SIZE_T size)
{
    return FALSE;
}

static void vm190(void)
{
    if (!HERE(AddSecureMemoryCacheCallback) || !HERE(RemoveSecureMemoryCacheCallback))
        return;
    ok("not there", !api.RemoveSecureMemoryCacheCallback(nothing_secured));
    ok("added", api.AddSecureMemoryCacheCallback(nothing_secured));
    ok("removed", api.RemoveSecureMemoryCacheCallback(nothing_secured));
    ok("once", !api.RemoveSecureMemoryCacheCallback(nothing_secured));
}

static void vm193(void)
{
    struct {
        ULONG64 offset, flags;
    } target = {0, 1};
    char *p;
    if (!HERE(SetProcessValidCallTargets))
        return;
    p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READ);
    ok("refused", !api.SetProcessValidCallTargets(GetCurrentProcess(), p, PAGE, 1, &target));
    same("unmarked", target.flags, 1);
    drop(p);
}

static struct {
    char *base, *next;
    unsigned raised;
} lazy;

/* Commits what is touched. */
static LONG WINAPI commit_lazily(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    char *at = (char *)record->ExceptionInformation[1];
    if (record->ExceptionCode != STATUS_ACCESS_VIOLATION || at < lazy.base ||
        at >= lazy.base + 64 * PAGE)
        return EXCEPTION_CONTINUE_SEARCH;
    lazy.raised++;
    VirtualAlloc(at, 1, MEM_COMMIT, PAGE_READWRITE);
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* A place that ends one reserved page and begins another. */
static void *lazy_place(void)
{
    lazy.raised = 0;
    lazy.next += 2 * PAGE;
    return lazy.next - 8;
}

static void vm201(void)
{
    HANDLE self = GetCurrentProcess(), low = NULL, handler;
    MEMORYSTATUSEX *status;
    SIZE_T *size, other;
    DWORD *flags;
    lazy.base = lazy.next = take(64 * PAGE, MEM_RESERVE, PAGE_READWRITE);
    handler = AddVectoredExceptionHandler(1, commit_lazily);
    status = lazy_place();
    no_success("a length of 0", GlobalMemoryStatusEx(status), ERROR_INVALID_PARAMETER);
    same("raised for the length", lazy.raised, 1);
    status->dwLength = sizeof *status;
    ok("with a length", GlobalMemoryStatusEx(status));
    same("raised for the rest", lazy.raised, 2);
    ok("filled", status->ullTotalPhys > 0 && status->ullTotalVirtual > 0);
    GlobalMemoryStatus(lazy_place());
    ok("GlobalMemoryStatus", lazy.raised > 0);
    GetSystemInfo(lazy_place());
    ok("GetSystemInfo", lazy.raised > 0);
    size = lazy_place();
    ok("working set", GetProcessWorkingSetSize(self, size, &other));
    ok("raised", lazy.raised > 0 && *size > 0);
    flags = lazy_place();
    ok("working set and flags", GetProcessWorkingSetSizeEx(self, &other, &other, flags));
    ok("raised", lazy.raised > 0);
    if (api.CreateMemoryResourceNotification && api.QueryMemoryResourceNotification &&
        (low = api.CreateMemoryResourceNotification(LowMemoryResourceNotification)) != NULL) {
        ok("notification", api.QueryMemoryResourceNotification(low, lazy_place()));
        ok("raised", lazy.raised > 0);
        CloseHandle(low);
    }
    if (api.GetPhysicallyInstalledSystemMemory) {
        api.GetPhysicallyInstalledSystemMemory(lazy_place());
        ok("installed memory", lazy.raised > 0);
    }
    if (api.K32GetProcessMemoryInfo) {
        ok("counters",
           api.K32GetProcessMemoryInfo(self, lazy_place(), sizeof(PROCESS_MEMORY_COUNTERS)));
        ok("raised", lazy.raised > 0);
    }
    RemoveVectoredExceptionHandler(handler);
    drop(lazy.base);
}

const struct statement general_statements[] = {S(125), S(126), S(127), S(128), S(135), S(136),
                                               S(137), S(138), S(180), S(182), S(183), S(189),
                                               S(190), S(193), S(201), END};
