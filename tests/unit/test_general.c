/*
 * Memory status, data execution prevention, the run-time library's memory routines and the old
 * pointer checks, through their gates.
 */
#include <check.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include <winmem/sysinfoapi.h>
#include <winmem/winbase.h>
#include <winmem/winnt.h>
#include "kernel32/face.h"
#include "tests/unit/suite.h"

#define P  4096u
#define RC (MEM_RESERVE | MEM_COMMIT)

static char *pages(unsigned count, DWORD protect)
{
    char *memory = VirtualAlloc(NULL, count * P, RC, protect);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

START_TEST(moving_overlapping_bytes)
{
    char bytes[] = "abcdefgh";
    RtlMoveMemory(bytes + 2, bytes, 5);
    ck_assert_str_eq(bytes, "ababcdeh");
    RtlMoveMemory(bytes, bytes + 2, 5);
    ck_assert_str_eq(bytes, "abcdedeh");
    RtlCopyMemory(bytes, "XY", 2);
    ck_assert_str_eq(bytes, "XYcdedeh");
}
END_TEST

START_TEST(filling_takes_the_length_first)
{
    unsigned char bytes[20];
    memset(bytes, 1, sizeof bytes);
    RtlFillMemory(bytes, 16, 0xAB);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(bytes[i], i < 16 ? 0xAB : 1);
    RtlZeroMemory(bytes + 1, 3);
    ck_assert_uint_eq(bytes[0], 0xAB);
    ck_assert_uint_eq(bytes[1] | bytes[2] | bytes[3], 0);
    ck_assert_uint_eq(bytes[4], 0xAB);
}
END_TEST

START_TEST(comparing_counts_the_equal_prefix)
{
    char a[40], b[40];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    ck_assert_uint_eq(RtlCompareMemory(a, b, 0), 0);
    ck_assert_uint_eq(RtlCompareMemory(a, b, 40), 40);
    for (unsigned i = 0; i < 40; i++) {
        b[i] = (char)0x80;
        ck_assert_uint_eq(RtlCompareMemory(a, b, 40), i);
        ck_assert_uint_eq(RtlCompareMemory(a, b, i), i);
        b[i] = 'x';
    }
    uint32_t words[4] = {7, 7, 8, 7};
    ck_assert_uint_eq(RtlCompareMemoryUlong(words, 15, 7), 8);
    ck_assert_uint_eq(RtlCompareMemoryUlong(words, 7, 7), 4);
}
END_TEST

START_TEST(bad_pointers)
{
    char *memory = pages(3, PAGE_READWRITE);
    DWORD old;
    memory[P - 1] = 42;
    ck_assert(VirtualProtect(memory + P, P, PAGE_READONLY, &old));
    ck_assert(VirtualFree(memory + 2 * P, P, MEM_DECOMMIT));
    ck_assert(!IsBadReadPtr(NULL, 0));
    ck_assert(IsBadReadPtr(NULL, 1));
    ck_assert(!IsBadReadPtr(memory, 2 * P));
    ck_assert(IsBadReadPtr(memory, 2 * P + 1));
    ck_assert(IsBadReadPtr(memory, (UINT_PTR)-1));
    ck_assert(IsBadReadPtr((void *)0x8000000000000000u, 1));
    ck_assert(IsBadHugeReadPtr(memory + P, P + 1));
    ck_assert(!IsBadWritePtr(memory, P));
    ck_assert(IsBadWritePtr(memory, P + 1));
    ck_assert(IsBadWritePtr(memory + P - 1, 2));
    ck_assert_int_eq(memory[P - 1], 42);
    ck_assert(IsBadHugeWritePtr(memory + 2 * P, 1));
    ck_assert(!IsBadCodePtr((FARPROC)(void *)memory));
    last_error_set(0);
    ck_assert(IsBadCodePtr((FARPROC)(void *)(memory + 2 * P)));
    ck_assert_uint_eq(last_error_get(), 998);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(bad_strings)
{
    char *memory = pages(2, PAGE_READWRITE);
    ck_assert(VirtualFree(memory + P, P, MEM_DECOMMIT));
    memset(memory, 'x', P);
    ck_assert(!IsBadStringPtrA(memory, P));
    ck_assert(IsBadStringPtrA(memory, P + 1));
    ck_assert(!IsBadStringPtrW((LPCWSTR)(void *)memory, P / 2));
    ck_assert(IsBadStringPtrW((LPCWSTR)(void *)memory, P / 2 + 1));
    memory[P - 2] = memory[P - 1] = 0;
    ck_assert(!IsBadStringPtrA(memory, 2 * P));
    ck_assert(!IsBadStringPtrW((LPCWSTR)(void *)memory, P));
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(a_guard_page_is_bad_once)
{
    char *memory = pages(1, PAGE_READWRITE | PAGE_GUARD);
    ck_assert(IsBadReadPtr(memory, 1));
    ck_assert(!IsBadReadPtr(memory, 1));
    DWORD old;
    ck_assert(VirtualProtect(memory, P, PAGE_READWRITE | PAGE_GUARD, &old));
    ck_assert(IsBadWritePtr(memory, 1));
    ck_assert(!IsBadWritePtr(memory, 1));
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(memory_status)
{
    MEMORYSTATUSEX status = {.dwLength = 64};
    ck_assert(GlobalMemoryStatusEx(&status));
    ck_assert_uint_le(status.dwMemoryLoad, 100);
    ck_assert_uint_gt(status.ullTotalPhys, 64u << 20);
    ck_assert_uint_le(status.ullAvailPhys, status.ullTotalPhys);
    ck_assert_uint_le(status.ullAvailPageFile, status.ullTotalPageFile);
    ck_assert_uint_eq(status.ullAvailExtendedVirtual, 0);
    ck_assert_uint_le(status.ullAvailVirtual, status.ullTotalVirtual);

    const uint64_t size = 64u << 20;
    void *memory = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    MEMORYSTATUSEX after = {.dwLength = 64};
    ck_assert(GlobalMemoryStatusEx(&after));
    ck_assert_uint_le(after.ullAvailVirtual + size, status.ullAvailVirtual);
    VirtualFree(memory, 0, MEM_RELEASE);

    MEMORYSTATUS small = {.dwLength = 0};
    GlobalMemoryStatus(&small);
    ck_assert_uint_eq(small.dwLength, 56);
    ck_assert_uint_eq(small.dwTotalPhys, status.ullTotalPhys);
    ck_assert_uint_eq(small.dwTotalVirtual, status.ullTotalVirtual);
}
END_TEST

START_TEST(memory_status_refuses)
{
    MEMORYSTATUSEX status = {.dwLength = 56, .ullTotalPhys = 5};
    ck_assert(!GlobalMemoryStatusEx(&status));
    ck_assert_uint_eq(last_error_get(), 87);
    ck_assert_uint_eq(status.ullTotalPhys, 5);
    ck_assert(!GlobalMemoryStatusEx(NULL));
    ck_assert_uint_eq(last_error_get(), 998);
    ck_assert(!GetPhysicallyInstalledSystemMemory(NULL));
    ck_assert_uint_eq(last_error_get(), 87);
}
END_TEST

START_TEST(installed_is_at_least_usable)
{
    MEMORYSTATUSEX status = {.dwLength = 64};
    ULONGLONG kib = 77;
    ck_assert(GlobalMemoryStatusEx(&status));
    if (GetPhysicallyInstalledSystemMemory(&kib)) {
        ck_assert_uint_ge(kib, status.ullTotalPhys >> 10);
    } else { /* a container without /sys */
        ck_assert_uint_eq(last_error_get(), 13);
        ck_assert_uint_eq(kib, 77);
    }
}
END_TEST

START_TEST(large_pages_and_execution_prevention)
{
    DWORD flags = 9;
    BOOL permanent = 9;
    ck_assert_uint_eq(GetLargePageMinimum(), 2u << 20);
    ck_assert(!GetProcessDEPPolicy((HANDLE)(intptr_t)-1, &flags, &permanent));
    ck_assert_uint_eq(last_error_get(), 50);
    ck_assert_uint_eq(flags, 9);
    last_error_set(0);
    ck_assert(!SetProcessDEPPolicy(PROCESS_DEP_ENABLE));
    ck_assert_uint_eq(last_error_get(), 50);
    ck_assert_int_eq(GetSystemDEPPolicy(), 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("general");
    tcase_add_test(tests, moving_overlapping_bytes);
    tcase_add_test(tests, filling_takes_the_length_first);
    tcase_add_test(tests, comparing_counts_the_equal_prefix);
    tcase_add_test(tests, bad_pointers);
    tcase_add_test(tests, bad_strings);
    tcase_add_test(tests, a_guard_page_is_bad_once);
    tcase_add_test(tests, memory_status);
    tcase_add_test(tests, memory_status_refuses);
    tcase_add_test(tests, installed_is_at_least_usable);
    tcase_add_test(tests, large_pages_and_execution_prevention);
    return suite_run("general", tests);
}
