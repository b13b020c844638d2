/* Environment, modules, time. */
#include "process.h"

static void en001(void)
{
    char text[64];
    ok("set", SetEnvironmentVariableA("winmem_Test", "value one"));
    same("length", GetEnvironmentVariableA("WINMEM_TEST", text, sizeof text), 9);
    same("text", text[6], 'o');
    same("needs", GetEnvironmentVariableA("winmem_test", text, 4), 10);
    ok("unset", SetEnvironmentVariableA("winmem_Test", NULL));
    SetLastError(0);
    same("gone", GetEnvironmentVariableA("winmem_Test", text, sizeof text), 0);
    same("error", GetLastError(), ERROR_ENVVAR_NOT_FOUND);
}

static void en002(void)
{
    HMODULE kernel32 = GetModuleHandleA("KERNEL32"), ntdll = GetModuleHandleW(L"ntdll.dll");
    IMAGE_DOS_HEADER *dos = (IMAGE_DOS_HEADER *)kernel32;
    ok("both", kernel32 && ntdll && kernel32 != ntdll);
    same("a module is an image", dos->e_magic, IMAGE_DOS_SIGNATURE);
    ok("function", GetProcAddress(kernel32, "VirtualAlloc") != NULL);
    SetLastError(0);
    ok("unknown", GetProcAddress(kernel32, "NoSuchFunction") == NULL);
    same("error", GetLastError(), ERROR_PROC_NOT_FOUND);
    SetLastError(0);
    ok("no module", LoadLibraryA("no-such-module.dll") == NULL);
    same("error", GetLastError(), ERROR_MOD_NOT_FOUND);
}

static void en003(void)
{
    SYSTEM_INFO info;
    memset(&info, 0, sizeof info);
    GetSystemInfo(&info);
    same("page", info.dwPageSize, PAGE);
    same("granularity", info.dwAllocationGranularity, GRANULE);
    same("lowest", (ULONG64)info.lpMinimumApplicationAddress, 0x10000);
    same("highest", (ULONG64)info.lpMaximumApplicationAddress, 0x7FFFFFFEFFFFull);
    ok("processors", info.dwNumberOfProcessors >= 1);
    same("architecture", info.wProcessorArchitecture, PROCESSOR_ARCHITECTURE_AMD64);
}

static ULONG64 shared_time(ULONG offset)
{
    volatile ULONG *at = (volatile ULONG *)(ULONG64)(0x7FFE0000 + offset);
    ULONG high, low;
    do {
        high = at[1];
        low = at[0];
    } while (high != at[2]);
    return ((ULONG64)high << 32) | low;
}

static void en004(void)
{
    ULONG64 interrupt = shared_time(0x08), system = shared_time(0x14);
    FILETIME now;
    LONGLONG difference;
    GetSystemTimeAsFileTime(&now);
    difference = (LONGLONG)((((ULONG64)now.dwHighDateTime << 32) | now.dwLowDateTime) - system);
    ok("the shared page has the time of day", difference > -2000000 && difference < 2000000);
    Sleep(50);
    difference = (LONGLONG)(shared_time(0x08) - interrupt);
    ok("interrupt time runs", difference > 300000 && difference < 20000000);
    same("major version", *(volatile ULONG *)0x7FFE026C, 10);
}

static void en005(void)
{
    LARGE_INTEGER frequency, a, b;
    ok("frequency", QueryPerformanceFrequency(&frequency) && frequency.QuadPart > 0);
    QueryPerformanceCounter(&a);
    Sleep(20);
    QueryPerformanceCounter(&b);
    ok("runs", b.QuadPart - a.QuadPart >= frequency.QuadPart / 80);
}

static void en006(void)
{
    char *teb = (char *)NtCurrentTeb(), *peb = *(char **)(teb + 0x60);
    same("self", *(ULONG64 *)(teb + 0x30), (ULONG64)teb);
    same("process", *(ULONG64 *)(teb + 0x40), GetCurrentProcessId());
    same("thread", *(ULONG64 *)(teb + 0x48), GetCurrentThreadId());
    SetLastError(0x1234);
    same("last error", *(DWORD *)(teb + 0x68), 0x1234);
    same("image base", *(ULONG64 *)(peb + 0x10), (ULONG64)GetModuleHandleA(NULL));
    ok("loader data", *(void **)(peb + 0x18) != NULL);
    ok("parameters", *(void **)(peb + 0x20) != NULL);
}

const struct statement environ_statements[] = {
    S("EN-001", en001),
    S("EN-002", en002),
    S("EN-003", en003),
    S("EN-004", en004),
    S("EN-005", en005),
    S("EN-006", en006),
    END,
};
