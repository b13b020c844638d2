/* The process, processors, versions, names, random bytes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/processor.h"
#include "memoryapi/fault.h"
#include "tests/unit/suite.h"

START_TEST(system_info)
{
    SYSTEM_INFO info;
    k32_GetSystemInfo(&info);
    ck_assert_uint_eq(info.dwPageSize, 4096);
    ck_assert_uint_eq(info.dwAllocationGranularity, 65536);
    ck_assert_ptr_eq(info.lpMinimumApplicationAddress, (LPVOID)0x10000);
    ck_assert_ptr_eq(info.lpMaximumApplicationAddress, (LPVOID)0x7FFFFFFEFFFFull);
    ck_assert_uint_eq(info.wProcessorArchitecture, 9);
    ck_assert_uint_eq(info.dwNumberOfProcessors,
                      (unsigned)__builtin_popcountll(info.dwActiveProcessorMask));
    ck_assert_uint_ge(info.dwNumberOfProcessors, 1);
}
END_TEST

START_TEST(affinity)
{
    DWORD_PTR process, system;
    ck_assert_int_eq(k32_GetProcessAffinityMask((HANDLE)-1, &process, &system), TRUE);
    ck_assert_uint_eq(process, system);
    ck_assert_int_eq(k32_SetProcessAffinityMask((HANDLE)-1, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    if (processor_count() < 64)
        ck_assert_int_eq(k32_SetProcessAffinityMask((HANDLE)-1, 1ull << processor_count()), FALSE);
    ck_assert_int_eq(k32_SetProcessAffinityMask((HANDLE)-1, 1), TRUE);
    ck_assert_int_eq(k32_GetProcessAffinityMask((HANDLE)-1, &process, &system), TRUE);
    ck_assert_uint_eq(process, 1);
    ck_assert_uint_eq(k32_GetCurrentProcessorNumber(), 0);
    ck_assert_uint_eq(k32_GetActiveProcessorCount(0xFFFF), processor_count());
    ck_assert_uint_eq(k32_GetActiveProcessorCount(1), 0);
}
END_TEST

START_TEST(topology)
{
    DWORD size = 0;
    ck_assert_int_eq(k32_GetLogicalProcessorInformation(NULL, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size % 32, 0);
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION *old = malloc(size);
    ck_assert_int_eq(k32_GetLogicalProcessorInformation(old, &size), TRUE);
    uint64_t cores = 0;
    for (unsigned i = 0; i < size / 32; i++)
        if (old[i].Relationship == 0)
            cores |= old[i].ProcessorMask;
    ck_assert_uint_eq(cores, processor_mask());
    free(old);
    size = 0;
    ck_assert_int_eq(k32_GetLogicalProcessorInformationEx(0xFFFF, NULL, &size), FALSE);
    char *buffer = malloc(size);
    ck_assert_int_eq(k32_GetLogicalProcessorInformationEx(0xFFFF, (PVOID)buffer, &size), TRUE);
    DWORD at = 0;
    unsigned groups = 0;
    while (at < size) {
        SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *record = (PVOID)(buffer + at);
        if (record->Relationship == 4) {
            groups++;
            ck_assert_uint_eq(record->Group.ActiveProcessorCount, processor_count());
        }
        at += record->Size;
    }
    ck_assert_uint_eq(at, size);
    ck_assert_uint_eq(groups, 1);
    free(buffer);
}
END_TEST

START_TEST(versions_agree)
{
    OSVERSIONINFOEXW one = {.dwOSVersionInfoSize = 284},
                     two = {.dwOSVersionInfoSize = 276, .wProductType = 77};
    ck_assert_int_eq(nt_RtlGetVersion(&one), STATUS_SUCCESS);
    ck_assert_uint_eq(one.dwMajorVersion, 10);
    ck_assert_uint_eq(one.wProductType, 1);
    ck_assert_int_eq(k32_GetVersionExW(&two), TRUE);
    ck_assert_uint_eq(two.dwBuildNumber, one.dwBuildNumber);
    ck_assert_uint_eq(two.wProductType, 77);
    two.dwOSVersionInfoSize = 100;
    ck_assert_int_eq(k32_GetVersionExW(&two), FALSE);
    ck_assert_uint_eq(k32_GetVersion() >> 16, one.dwBuildNumber);
    ck_assert_uint_eq(k32_GetVersion() & 0xFF, 10);
    ck_assert_int_eq(nt_RtlGetVersion(NULL), STATUS_ACCESS_VIOLATION);
}
END_TEST

START_TEST(version_conditions)
{
    const DWORD minor = 1, major = 2, build = 4;
    /* VER_GREATER_EQUAL for major and minor: 3 at bits 3-5 and 0-2 */
    ULONGLONG mask = k32_VerSetConditionMask(k32_VerSetConditionMask(0, major, 3), minor, 3);
    ck_assert_uint_eq(mask, 3 << 3 | 3);
    OSVERSIONINFOEXW want = {.dwMajorVersion = 6, .dwMinorVersion = 3};
    ck_assert_int_eq(k32_VerifyVersionInfoW(&want, major | minor, mask),
                     TRUE); /* 10.0 is above 6.3 */
    want.dwMajorVersion = 10;
    want.dwMinorVersion = 1;
    ck_assert_int_eq(k32_VerifyVersionInfoW(&want, major | minor, mask), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_OLD_WIN_VERSION);
    ck_assert_int_eq(k32_VerifyVersionInfoW(&want, build, mask), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
}
END_TEST

START_TEST(the_process)
{
    DWORD code = 0;
    HANDLE handle = k32_OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)getpid());
    ck_assert_ptr_nonnull(handle);
    ck_assert_uint_eq(k32_GetProcessId(handle), (DWORD)getpid());
    ck_assert_int_eq(k32_GetExitCodeProcess(handle, &code), TRUE);
    ck_assert_uint_eq(code, 259);
    ck_assert_int_eq(k32_TerminateProcess(handle, 1), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
    ck_assert_ptr_null(k32_OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0));
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    HANDLE real;
    ck_assert_int_eq(k32_DuplicateHandle((HANDLE)-1, (HANDLE)-1, (HANDLE)-1, &real, 0, FALSE, 2),
                     TRUE);
    ck_assert_uint_lt((uint64_t)real, 0x1000);
    ck_assert_int_eq(k32_CompareObjectHandles(real, handle), TRUE);
    ck_assert_uint_eq(k32_WaitForSingleObject(real, 0), WAIT_TIMEOUT);
    FILETIME created, ended, kernel, user;
    ck_assert_int_eq(k32_GetProcessTimes(real, &created, &ended, &kernel, &user), TRUE);
    PROCESS_BASIC_INFORMATION basic;
    ULONG length;
    ck_assert_int_eq(nt_NtQueryInformationProcess(real, 0, &basic, sizeof basic, &length),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(basic.UniqueProcessId, (ULONG_PTR)getpid());
    ck_assert_int_eq(nt_NtQueryInformationProcess(real, 0, &basic, 4, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    ck_assert_uint_eq(length, 48);
    ck_assert_int_eq(nt_NtQueryInformationProcess(real, 0, (PVOID)8, 48, NULL),
                     STATUS_ACCESS_VIOLATION);
}
END_TEST

START_TEST(random_bytes)
{
    static BYTE one[300000], two[300000];
    ck_assert_int_eq(bcrypt_ProcessPrng(one, sizeof one), TRUE);
    ck_assert_int_eq(adv_SystemFunction036(two, sizeof two), TRUE);
    ck_assert_int_ne(memcmp(one, two, sizeof one), 0);
    unsigned zeros = 0;
    for (size_t i = sizeof one - 1000; i < sizeof one; i++)
        zeros += one[i] == 0;
    ck_assert_uint_lt(zeros, 100); /* filled to the end */
    ck_assert_int_eq(bcr_BCryptGenRandom(NULL, one, 4, 0), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(bcr_BCryptGenRandom(NULL, one, 4, 2), STATUS_SUCCESS);
}
END_TEST

START_TEST(names_and_directories)
{
    WCHAR wide[64];
    char narrow[64];
    DWORD size = 0;
    ck_assert_uint_eq(k32_GetSystemDirectoryA(narrow, 64), 19);
    ck_assert_str_eq(narrow, "C:\\Windows\\System32");
    ck_assert_uint_eq(k32_GetSystemDirectoryW(wide, 19), 20);
    ck_assert_int_eq(k32_GetComputerNameW(NULL, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_BUFFER_OVERFLOW);
    ck_assert_uint_ge(size, 2);
    ck_assert_int_eq(k32_GetComputerNameW(wide, &size), TRUE);
    ck_assert_uint_eq(wide[size], 0);
    size = 0;
    ck_assert_int_eq(adv_GetUserNameW(NULL, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_int_eq(adv_GetUserNameW(wide, &size), TRUE);
    ck_assert_uint_eq(wide[size - 1], 0);
    FILETIME idle, kernel, user;
    ck_assert_int_eq(k32_GetSystemTimes(&idle, &kernel, &user), TRUE);
    ck_assert_int_eq(k32_IsProcessorFeaturePresent(10), TRUE);
    ck_assert_int_eq(k32_IsProcessorFeaturePresent(4), FALSE);
}
END_TEST

static void setup(void)
{
    fault_init();
}

int main(void)
{
    TCase *tcase = tcase_create("system");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, system_info);
    tcase_add_test(tcase, affinity);
    tcase_add_test(tcase, topology);
    tcase_add_test(tcase, versions_agree);
    tcase_add_test(tcase, version_conditions);
    tcase_add_test(tcase, the_process);
    tcase_add_test(tcase, random_bytes);
    tcase_add_test(tcase, names_and_directories);
    return suite_run("system", tcase);
}
