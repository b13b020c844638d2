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

const struct statement general_statements[] = {S(125), S(126), S(127), S(128), S(135),
                                               S(136), S(137), S(138), END};
