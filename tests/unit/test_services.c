/*
 * ATL thunks, the registrations that are kept, what privileges refuse, enclaves, and the memory of
 * this process through its handle.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/atlthunk.h>
#include <winmem/enclaveapi.h>
#include <winmem/memoryapi.h>
#include <winmem/psapi.h>
#include <winmem/winbase.h>
#include <winmem/winternl.h>
#include "kernel32/face.h"
#include "tests/unit/suite.h"

#define P    4096u
#define RC   (MEM_RESERVE | MEM_COMMIT)
#define SELF ((HANDLE)(intptr_t)-1)

#define EXPECT_FAILS(call, error)                                                                  \
    do {                                                                                           \
        last_error_set(0xABCD);                                                                    \
        ck_assert(!(call));                                                                        \
        ck_assert_uint_eq(last_error_get(), error);                                                \
    } while (0)

static WINAPI LRESULT sum(HWND first, UINT message, WPARAM w, LPARAM l)
{
    return (LRESULT)(1000 * (uint64_t)first + 100 * message + 10 * w + (uint64_t)l);
}

static WINAPI LRESULT first_only(HWND first, UINT message, WPARAM w, LPARAM l)
{
    return (LRESULT)first;
}

START_TEST(thunks_replace_the_first_argument)
{
    AtlThunkData_t *a = AtlThunk_AllocateData(), *b = AtlThunk_AllocateData();
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_ne(a, b);
    AtlThunk_InitData(a, (PVOID)sum, 7);
    AtlThunk_InitData(b, (PVOID)first_only, 0x123456789ABCDEF0u);
    WNDPROC call_a = AtlThunk_DataToCode(a), call_b = AtlThunk_DataToCode(b);
    ck_assert_int_eq(call_a((HWND)99, 1, 2, 3), 7123);
    ck_assert_uint_eq((uint64_t)call_b((HWND)99, 1, 2, 3), 0x123456789ABCDEF0u);
    AtlThunk_InitData(a, (PVOID)sum, 8);
    ck_assert_int_eq(call_a(NULL, 1, 2, 3), 8123);

    MEMORY_BASIC_INFORMATION info;
    VirtualQuery((void *)call_a, &info, sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_EXECUTE_READ);
    VirtualQuery(a, &info, sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
    AtlThunk_FreeData(a);
    AtlThunk_FreeData(b);
    AtlThunk_FreeData(NULL);
}
END_TEST

START_TEST(many_thunks)
{
    enum { COUNT = 2500 }; /* more than two blocks */
    static AtlThunkData_t *thunks[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        thunks[i] = AtlThunk_AllocateData();
        AtlThunk_InitData(thunks[i], (PVOID)first_only, i);
    }
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert_int_eq(AtlThunk_DataToCode(thunks[i])(NULL, 0, 0, 0), i);
    AtlThunkData_t *freed = thunks[17];
    AtlThunk_FreeData(freed);
    ck_assert_ptr_eq(AtlThunk_AllocateData(), freed);
}
END_TEST

static unsigned called;

static WINAPI BOOLEAN not_mine(PVOID address, SIZE_T range)
{
    called++;
    return FALSE;
}

static WINAPI BOOLEAN mine(PVOID address, SIZE_T range)
{
    called += range == 5 ? 100 : 0;
    return TRUE;
}

START_TEST(secure_memory_registrations)
{
    ck_assert(AddSecureMemoryCacheCallback(not_mine));
    ck_assert(AddSecureMemoryCacheCallback(mine));
    ck_assert(RtlFlushSecureMemoryCache(NULL, 5));
    ck_assert_uint_eq(called, 101);
    ck_assert(RemoveSecureMemoryCacheCallback(mine));
    ck_assert(!RtlFlushSecureMemoryCache(NULL, 5));
    ck_assert_uint_eq(called, 102);
    ck_assert(RemoveSecureMemoryCacheCallback(not_mine));
    EXPECT_FAILS(RemoveSecureMemoryCacheCallback(not_mine), 87);
    ck_assert(!RtlFlushSecureMemoryCache(NULL, 5));
    ck_assert_uint_eq(called, 102);
}
END_TEST

static WINAPI void never_called(void)
{
    abort();
}

START_TEST(bad_memory_registrations)
{
    ULONG capabilities = 7;
    int other;
    ck_assert(GetMemoryErrorHandlingCapabilities(&capabilities));
    ck_assert_uint_eq(capabilities, 0);
    EXPECT_FAILS(GetMemoryErrorHandlingCapabilities(NULL), 998);
    PVOID a = RegisterBadMemoryNotification(never_called),
          b = RegisterBadMemoryNotification(never_called);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_ne(a, b);
    ck_assert(UnregisterBadMemoryNotification(a));
    EXPECT_FAILS(UnregisterBadMemoryNotification(a), 6);
    ck_assert(UnregisterBadMemoryNotification(b));
    EXPECT_FAILS(UnregisterBadMemoryNotification(&other), 6);
    EXPECT_FAILS(UnregisterBadMemoryNotification(NULL), 6);
    EXPECT_FAILS(RegisterBadMemoryNotification(NULL), 87);
}
END_TEST

START_TEST(privileges_and_enclaves)
{
    ULONG_PTR count = 3, frames[3] = {1, 2, 3};
    EXPECT_FAILS(AllocateUserPhysicalPages(SELF, &count, frames), 1314);
    EXPECT_FAILS(AllocateUserPhysicalPagesNuma(SELF, &count, frames, 0), 1314);
    EXPECT_FAILS(AllocateUserPhysicalPages((HANDLE)0x7770, &count, frames), 6);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(NtAllocateUserPhysicalPages(SELF, &count, frames), (NTSTATUS)0xC0000061);
    EXPECT_FAILS(SetSystemFileCacheSize(1 << 20, 2 << 20, 0), 1314);
    EXPECT_FAILS(SetSystemFileCacheSize(1 << 20, 2 << 20, 3), 87);
    EXPECT_FAILS(SetSystemFileCacheSize(1 << 20, 2 << 20, 12), 87);
    EXPECT_FAILS(IsEnclaveTypeSupported(0x99), 50);
    EXPECT_FAILS(CreateEnclave(SELF, NULL, 1 << 21, 0, 0x99, frames, sizeof frames, NULL), 50);
}
END_TEST

START_TEST(reading_and_writing_this_process)
{
    char *memory = VirtualAlloc(NULL, 3 * P, RC, PAGE_READWRITE), buffer[2 * P];
    SIZE_T done = 99;
    DWORD old;
    memset(memory, 5, 3 * P);
    ck_assert(ReadProcessMemory(SELF, memory + 10, buffer, 2 * P, &done));
    ck_assert_uint_eq(done, 2 * P);
    ck_assert_int_eq(buffer[2 * P - 1], 5);
    ck_assert(WriteProcessMemory(SELF, memory, "abc", 3, NULL));
    ck_assert_mem_eq(memory, "abc\5", 4);

    ck_assert(VirtualProtect(memory + P, P, PAGE_READONLY, &old));
    EXPECT_FAILS(WriteProcessMemory(SELF, memory + 100, buffer, P, &done), 299);
    ck_assert_uint_eq(done, P - 100);
    ck_assert(VirtualFree(memory + P, P, MEM_DECOMMIT));
    EXPECT_FAILS(ReadProcessMemory(SELF, memory + 100, buffer, P, &done), 299);
    ck_assert_uint_eq(done, P - 100);
    EXPECT_FAILS(ReadProcessMemory(SELF, memory, memory + P, 8, &done), 998);
    ck_assert_uint_eq(done, 0);
    EXPECT_FAILS(ReadProcessMemory((HANDLE)0x7770, memory, buffer, 8, NULL), 6);
    ck_assert_int_eq(NtReadVirtualMemory(SELF, memory + P, buffer, 8, NULL), (NTSTATUS)0x8000000D);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(a_read_spends_a_guard) /* win32 Memory/creating-guard-pages, for any system service */
{
    char *memory = VirtualAlloc(NULL, P, RC, PAGE_READWRITE | PAGE_GUARD), buffer[8];
    EXPECT_FAILS(ReadProcessMemory(SELF, memory, buffer, 8, NULL), 299);
    ck_assert(ReadProcessMemory(SELF, memory, buffer, 8, NULL));
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(memory_counters)
{
    PROCESS_MEMORY_COUNTERS_EX before = {0}, after = {0};
    const SIZE_T size = 16 << 20;
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&before, sizeof before));
    ck_assert_uint_eq(before.cb, 80);
    ck_assert_uint_le(before.WorkingSetSize, before.PeakWorkingSetSize);
    ck_assert_uint_gt(before.PageFaultCount, 0);
    char *memory = VirtualAlloc(NULL, size, RC, PAGE_READWRITE);
    memset(memory, 1, size);
    ck_assert(GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&after, sizeof after));
    ck_assert_uint_ge(after.PrivateUsage, before.PrivateUsage + size / 2);
    VirtualFree(memory, 0, MEM_RELEASE);
    PROCESS_MEMORY_COUNTERS small;
    ck_assert(K32GetProcessMemoryInfo(SELF, &small, sizeof small));
    ck_assert_uint_eq(small.cb, 72);
    EXPECT_FAILS(K32GetProcessMemoryInfo(SELF, &small, 71), 122);
    EXPECT_FAILS(K32GetProcessMemoryInfo((HANDLE)0x7770, &small, 72), 6);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("services");
    tcase_add_test(tests, thunks_replace_the_first_argument);
    tcase_add_test(tests, many_thunks);
    tcase_add_test(tests, secure_memory_registrations);
    tcase_add_test(tests, bad_memory_registrations);
    tcase_add_test(tests, privileges_and_enclaves);
    tcase_add_test(tests, reading_and_writing_this_process);
    tcase_add_test(tests, a_read_spends_a_guard);
    tcase_add_test(tests, memory_counters);
    return suite_run("services", tests);
}
