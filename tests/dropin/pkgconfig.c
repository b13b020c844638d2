/*
 * Drop-in use 1: a C program built against the installed headers with pkg-config. Prints "N passed,
 * N failed".
 */
#include <stdio.h>
#include <string.h>
#include <winmem/errhandlingapi.h>
#include <winmem/memoryapi.h>
#include <winmem/winnt.h>

static int passed, failed;

static void check(int good, const char *what)
{
    good ? passed++ : failed++;
    if (!good)
        printf("failed: %s\n", what);
}

int main(void)
{
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    char *p = VirtualAlloc(NULL, 100000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    check(p != NULL, "VirtualAlloc gives memory");
    check(((uintptr_t)p & 0xFFFF) == 0, "at a multiple of 64 KiB");
    memset(p, 'x', 100000);
    check(VirtualQuery(p + 5000, &info, sizeof info) == sizeof info,
          "VirtualQuery fills its structure");
    check(info.AllocationBase == p, "which names the allocation's base");
    check(info.State == MEM_COMMIT && info.Protect == PAGE_READWRITE && info.Type == MEM_PRIVATE,
          "and its state");
    FillMemory(p, 8, 'f');
    ZeroMemory(p + 1, 2);
    CopyMemory(p + 4, p, 2);
    MoveMemory(p + 5, p + 4, 3);
    check(memcmp(p, "f\0\0fff\0fx", 9) == 0, "FillMemory, ZeroMemory, CopyMemory, MoveMemory");
    check(SecureZeroMemory(p, 8) == p && memcmp(p, "\0\0\0\0\0\0\0\0x", 9) == 0,
          "SecureZeroMemory");
    p[0] = 5;
    check(RtlSecureZeroMemory(p, 1) == p && p[0] == 0, "RtlSecureZeroMemory");
    check(RtlEqualMemory(p, p + 1, 7) && !RtlEqualMemory(p + 1, p + 2, 8), "RtlEqualMemory");
    check(VirtualProtect(p, 1, PAGE_READONLY, &old) && old == PAGE_READWRITE,
          "VirtualProtect tells the old protection");
    check(OfferVirtualMemory(p + 4096, 4096, VmOfferPriorityLow) == ERROR_SUCCESS,
          "OfferVirtualMemory offers");
    check(ReclaimVirtualMemory(p + 4096, 4096) == ERROR_SUCCESS && p[4096] == 'x',
          "ReclaimVirtualMemory gives back intact");
    check(VirtualFree(p, 0, MEM_RELEASE), "VirtualFree releases");
    check(VirtualQuery(p, &info, sizeof info) == sizeof info && info.State == MEM_FREE,
          "the range is free then");
    check(!VirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_READWRITE), "a size of 0 is refused");
    check(GetLastError() == ERROR_INVALID_PARAMETER, "with the documented error");
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
