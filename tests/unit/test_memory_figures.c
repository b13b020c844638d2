/*
 * What is told about memory: status, counters, limits of working set and file cache, installed
 * memory; on a made machine where its numbers matter.
 */
#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/psapi.h>
#include <winmem/sysinfoapi.h>
#include <winmem/winbase.h>
#include <winmem/winnt.h>
#include "kernel32/face.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/mm.h"
#include "memoryapi/pressure.h"
#include "memoryapi/privilege.h"
#include "memoryapi/workingset.h"
#include "tests/unit/machine_kit.h"
#include "tests/unit/suite.h"

#define P    4096u
#define RC   (MEM_RESERVE | MEM_COMMIT)
#define SELF ((HANDLE)(intptr_t)-1)
#define BAD  ((void *)8)

#define EXPECT_FAILS(call, code)                                                                   \
    do {                                                                                           \
        last_error_set(0);                                                                         \
        ck_assert(!(call));                                                                        \
        ck_assert_uint_eq(last_error_get(), code);                                                 \
    } while (0)

static MEMORYSTATUSEX status_now(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    ck_assert(GlobalMemoryStatusEx(&status));
    return status;
}

static void own_use(unsigned mib)
{
    char text[256];
    snprintf(text, sizeof text,
             "VmHWM:  %u kB\nVmRSS:  %u kB\nRssAnon:  %u kB\nRssFile:  0 kB\nRssShmem:  1024 kB\n"
             "VmSwap:  0 kB\n",
             2 * (mib + 1) << 10, (mib + 1) << 10, mib << 10);
    make("/proc/self/status", text);
}

START_TEST(status_of_a_machine)
{
    make_machine(1000, 250);
    own_use(9);
    MEMORYSTATUSEX status = status_now();
    ck_assert_uint_eq(status.dwMemoryLoad, 75);
    ck_assert_uint_eq(status.ullTotalPhys, 1000 * M);
    ck_assert_uint_eq(status.ullAvailPhys, 250 * M);
    ck_assert_uint_eq(status.ullTotalPageFile, 1000 * M + G); /* with the swap space */
    ck_assert_uint_eq(status.ullTotalVirtual, 0x7FFFFFFE0000ull);
    remove_machine();
}
END_TEST

/* 1000 - 250 MiB and half of the swap space are in use, 10 MiB of that by us, who committed none. */
START_TEST(what_others_use_cannot_be_committed)
{
    make_machine(1000, 250);
    own_use(9);
    MEMORYSTATUSEX before = status_now();
    PROCESS_MEMORY_COUNTERS_EX counters;
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&counters, sizeof counters));
    ck_assert_uint_eq(before.ullTotalPageFile - before.ullAvailPageFile,
                      740 * M + 512 * M + counters.PrivateUsage);

    void *memory = VirtualAlloc(NULL, 64 * M, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_uint_eq(status_now().ullAvailPageFile, before.ullAvailPageFile);
    ck_assert_uint_eq(status_now().ullAvailVirtual, before.ullAvailVirtual - 64 * M);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, 16 * M, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_uint_eq(status_now().ullAvailPageFile, before.ullAvailPageFile - 16 * M);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_uint_eq(status_now().ullAvailPageFile, before.ullAvailPageFile);
    ck_assert_uint_eq(status_now().ullAvailVirtual, before.ullAvailVirtual);
    remove_machine();
}
END_TEST

/* The made machine does not change: what rises is what this process offers and keeps for itself. */
START_TEST(offered_memory_is_available)
{
    make_machine(1000, 250);
    own_use(9);
    void *memory = VirtualAlloc(NULL, 16 * M, RC, PAGE_READWRITE);
    memset(memory, 1, 16 * M);
    uint64_t before = status_now().ullAvailPhys;
    ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * M, VmOfferPriorityNormal), 0);
    struct mm_offers offers;
    mm_offer_state(&offers);
    ck_assert_uint_eq(offers.held + offers.given, 16 * M);
    ck_assert_uint_eq(status_now().ullAvailPhys, before + offers.held);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * M), 0);
    ck_assert_uint_eq(status_now().ullAvailPhys, before);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    remove_machine();
}
END_TEST

START_TEST(status_of_a_container)
{
    make_machine(8192, 4096);
    own_use(9);
    make("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    make("/proc/self/cgroup", "0::/box\n");
    make_number("/sys/fs/cgroup/box/memory.max", 200 * M);
    make_number("/sys/fs/cgroup/box/memory.current", 50 * M);
    make("/sys/fs/cgroup/box/memory.swap.max", "0\n");
    MEMORYSTATUSEX status = status_now();
    ck_assert_uint_eq(status.ullTotalPhys, 200 * M);
    ck_assert_uint_eq(status.ullAvailPhys, 150 * M);
    ck_assert_uint_eq(status.dwMemoryLoad, 25);
    ck_assert_uint_eq(status.ullTotalPageFile, 200 * M);

    PERFORMANCE_INFORMATION information = {0};
    ck_assert(K32GetPerformanceInfo(&information, sizeof information));
    ck_assert_uint_eq(information.cb, 104);
    ck_assert_uint_eq(information.PageSize, P);
    ck_assert_uint_eq(information.PhysicalTotal, 200 * M / P);
    ck_assert_uint_eq(information.PhysicalAvailable, 150 * M / P);
    ck_assert_uint_eq(information.CommitLimit, 200 * M / P);
    ck_assert_uint_eq(information.SystemCache, 3 * M / P);
    ck_assert_uint_eq(information.KernelTotal,
                      information.KernelPaged + information.KernelNonpaged);
    ck_assert_uint_eq(status.ullAvailPageFile / P,
                      information.CommitLimit - information.CommitTotal);
    ck_assert_uint_ge(information.CommitPeak, information.CommitTotal);
    ck_assert_uint_ge(information.ProcessCount, 1);
    ck_assert_uint_ge(information.ThreadCount, 1);
    remove_machine();
}
END_TEST

/* As WINMEM_COMMIT_LIMIT and WINMEM_ADDRESS_SPACE: read again, as at the start of a process. */
static void choose(const char *name, const char *size)
{
    VirtualFree(VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
    ck_assert_int_eq(setenv(name, size, 1), 0);
    limits_init();
}

/* sdk-api sysinfoapi/MEMORYSTATUSEX: what the current process can commit. Pages until it fails. */
static void check_commit(uint64_t total, uint64_t available)
{
    struct mm_commit commit;
    MEMORYSTATUSEX status = status_now();
    PERFORMANCE_INFORMATION information;
    mm_commit_state(&commit);
    ck_assert_uint_eq(status.ullTotalPageFile, total);
    ck_assert_uint_eq(status.ullAvailPageFile, available - commit.charge);
    ck_assert(K32GetPerformanceInfo(&information, sizeof information));
    ck_assert_uint_eq(information.CommitLimit, total / P);
    ck_assert_uint_eq(information.CommitTotal, (total - available + commit.charge) / P);
}

START_TEST(a_chosen_limit_is_what_can_be_committed)
{
    make_machine(1000, 250); /* others: 750 - 10 MiB, and 512 of 1024 MiB swap space */
    own_use(9);
    choose("WINMEM_COMMIT_LIMIT", "512M");
    check_commit(512 * M, 512 * M);
    void *memory = VirtualAlloc(NULL, 100 * M, RC, PAGE_READWRITE);
    check_commit(512 * M, 512 * M);
    uint64_t left = status_now().ullAvailPageFile;
    EXPECT_FAILS(VirtualAlloc(NULL, left + P, RC, PAGE_READWRITE), 1455);
    void *rest = VirtualAlloc(NULL, left, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(rest);
    ck_assert_uint_eq(status_now().ullAvailPageFile, 0);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE) && VirtualFree(rest, 0, MEM_RELEASE));
    /* not more than the others leave of the machine */
    choose("WINMEM_COMMIT_LIMIT", "1000M");
    check_commit(1000 * M, 2024 * M - 740 * M - 512 * M);
    choose("WINMEM_COMMIT_LIMIT", "3000M"); /* the machine counts as that large */
    check_commit(3000 * M, 3000 * M - 740 * M - 512 * M);
    remove_machine();
}
END_TEST

/* What can be committed beyond a container's limit, for somebody says so, is what is said. */
START_TEST(a_chosen_limit_in_a_container)
{
    make_machine(8192, 4096);
    own_use(9);
    make("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    make("/proc/self/cgroup", "0::/box\n");
    make_number("/sys/fs/cgroup/box/memory.max", 300 * M);
    make_number("/sys/fs/cgroup/box/memory.current", 10 * M);
    make("/sys/fs/cgroup/box/memory.swap.max", "0\n");
    choose("WINMEM_COMMIT_LIMIT", "1G");
    check_commit(G, G);
    ck_assert_uint_eq(status_now().ullTotalPhys, 300 * M);
    ck_assert_ptr_nonnull(VirtualAlloc(NULL, status_now().ullAvailPageFile, RC, PAGE_READWRITE));
    ck_assert_uint_eq(status_now().ullAvailPageFile, 0);
    EXPECT_FAILS(VirtualAlloc(NULL, P, RC, PAGE_READWRITE), 1455);
    remove_machine();
}
END_TEST

START_TEST(a_chosen_address_space_is_all_there_is)
{
    MEMORYSTATUSEX before = status_now();
    struct mm_reserve reserve;
    mm_reserve_state(&reserve);
    choose("WINMEM_ADDRESS_SPACE", "256M");
    MEMORYSTATUSEX status = status_now();
    ck_assert_uint_eq(status.ullTotalVirtual, 256 * M);
    ck_assert_uint_eq(status.ullAvailVirtual, 256 * M - reserve.charge);
    EXPECT_FAILS(VirtualAlloc(NULL, status.ullAvailVirtual + P, MEM_RESERVE, PAGE_NOACCESS), 8);
    void *memory = VirtualAlloc(NULL, status.ullAvailVirtual, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq(status_now().ullAvailVirtual, 0);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    /* more than there is */
    choose("WINMEM_ADDRESS_SPACE", "1024T");
    status = status_now();
    ck_assert_uint_eq(status.ullTotalVirtual, before.ullTotalVirtual);
    ck_assert_uint_eq(status.ullAvailVirtual, before.ullAvailVirtual);
}
END_TEST

START_TEST(performance_mistakes)
{
    PERFORMANCE_INFORMATION information = {.PageSize = 5};
    EXPECT_FAILS(GetPerformanceInfo(&information, 103), 24);
    ck_assert_uint_eq(information.PageSize, 5);
    EXPECT_FAILS(GetPerformanceInfo(NULL, 104), 998);
    ck_assert(GetPerformanceInfo(&information, 200));
    ck_assert_uint_eq(information.cb, 104);
}
END_TEST

START_TEST(counters_of_three_sizes)
{
    PROCESS_MEMORY_COUNTERS_EX2 counters;
    make_machine(1000, 250);
    own_use(9);
    static const DWORD sizes[][2] = {{72, 72}, {79, 72}, {80, 80}, {95, 80}, {96, 96}, {500, 96}};
    for (unsigned i = 0; i < array_length(sizes); i++) {
        memset(&counters, 0x55, sizeof counters);
        ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&counters, sizes[i][0]));
        ck_assert_uint_eq(counters.cb, sizes[i][1]);
        ck_assert_uint_eq(counters.WorkingSetSize, 10 * M);
        ck_assert_uint_eq(counters.PeakWorkingSetSize, 20 * M);
        ck_assert_int_eq(counters.PrivateUsage == 0x5555555555555555u, sizes[i][1] < 80);
        if (sizes[i][1] >= 96)
            ck_assert_uint_eq(counters.PrivateWorkingSetSize, 9 * M);
        else
            ck_assert_uint_eq(counters.PrivateWorkingSetSize, 0x5555555555555555u);
    }
    remove_machine();
    EXPECT_FAILS(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)BAD, 72), 998);
}
END_TEST

static PROCESS_MEMORY_COUNTERS_EX2 counters_now(void)
{
    PROCESS_MEMORY_COUNTERS_EX2 counters;
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&counters, sizeof counters));
    return counters;
}

/* The pages this test makes and loses count; the host is behind by some. */
static void check_set(const PROCESS_MEMORY_COUNTERS_EX2 *before, uint64_t more)
{
    PROCESS_MEMORY_COUNTERS_EX2 counters = counters_now();
    ck_assert_uint_ge(counters.WorkingSetSize + M, before->WorkingSetSize + more);
    ck_assert_uint_le(counters.WorkingSetSize, before->WorkingSetSize + more + M);
    ck_assert_uint_ge(counters.PrivateWorkingSetSize + M, before->PrivateWorkingSetSize + more);
    ck_assert_uint_le(counters.PrivateWorkingSetSize, before->PrivateWorkingSetSize + more + M);
    ck_assert_uint_ge(counters.PeakWorkingSetSize, counters.WorkingSetSize);
}

/*
 * sdk-api memoryapi/OfferVirtualMemory: removed from the working set, while still in memory, given
 * to the host or not, in several regions. 32 MiB: touched, only read, never touched, by turns.
 */
START_TEST(offered_memory_leaves_the_working_set)
{
    static const OFFER_PRIORITY priorities[] = {VmOfferPriorityNormal, VmOfferPriorityVeryLow};
    char *memory = VirtualAlloc(NULL, 32 * M, RC, PAGE_READWRITE),
         *other = VirtualAlloc(NULL, 8 * M, RC, PAGE_READWRITE);
    host_caps.pagemap = _i < 2;
    setenv("WINMEM_AVAILABLE", "1024G", 1); /* the low ones go to the host at once */
    pressure_read_setting();
    PROCESS_MEMORY_COUNTERS_EX2 before = counters_now();
    for (unsigned i = 0; i < 32 * M / P; i++)
        if (i % 64 < 32)
            memory[(uint64_t)i * P] = 1;
        else if (i % 64 < 48)
            ck_assert_int_eq(((volatile char *)memory)[(uint64_t)i * P], 0);
    memset(other, 1, 8 * M);
    check_set(&before, 24 * M);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * M, priorities[_i % 2]), 0);
    struct mm_offers offers;
    mm_offer_state(&offers);
    ck_assert_uint_eq(_i % 2 ? offers.given : offers.held, 16 * M);
    check_set(&before, 16 * M);
    ck_assert_uint_eq(OfferVirtualMemory(other + M, 2 * M, priorities[_i % 2]), 0);
    check_set(&before, 14 * M);
    ck_assert_uint_eq(counters_now().PrivateUsage, before.PrivateUsage); /* in the commit charge */
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * M), 0);
    check_set(&before, 22 * M);
    ck_assert(VirtualFree(other, 0, MEM_RELEASE));
    check_set(&before, 16 * M);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

/* sdk-api psapi/PROCESS_MEMORY_COUNTERS_EX: the commit charge, whether touched or not. */
START_TEST(commit_is_charged_untouched)
{
    PROCESS_MEMORY_COUNTERS_EX before, after;
    const DWORD size = sizeof before;
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&before, size));
    void *memory = VirtualAlloc(NULL, 8 * M, RC, PAGE_READWRITE);
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&after, size));
    ck_assert_uint_eq(after.PrivateUsage, before.PrivateUsage + 8 * M);
    ck_assert_uint_eq(after.PagefileUsage, after.PrivateUsage);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert(K32GetProcessMemoryInfo(SELF, (PPROCESS_MEMORY_COUNTERS)&after, size));
    ck_assert_uint_eq(after.PrivateUsage, before.PrivateUsage);
    ck_assert_uint_ge(after.PeakPagefileUsage, before.PrivateUsage + 8 * M);
}
END_TEST

static void check_limits(SIZE_T minimum, SIZE_T maximum, DWORD flags)
{
    SIZE_T low = 1, high = 2;
    DWORD got = 3;
    ck_assert(GetProcessWorkingSetSizeEx(SELF, &low, &high, &got));
    ck_assert_uint_eq(low, minimum);
    ck_assert_uint_eq(high, maximum);
    ck_assert_uint_eq(got, flags);
    low = high = 0;
    ck_assert(GetProcessWorkingSetSize(SELF, &low, &high));
    ck_assert_uint_eq(low, minimum);
    ck_assert_uint_eq(high, maximum);
}

START_TEST(working_set_limits)
{
    const DWORD none = QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE;
    check_limits(204800, 1413120, none);
    ck_assert(SetProcessWorkingSetSize(SELF, 100 * P, 400 * P));
    check_limits(100 * P, 400 * P, none);
    ck_assert(SetProcessWorkingSetSize(SELF, 30 * P + 1, 31 * P + 1));
    check_limits(31 * P, 32 * P, none);
    ck_assert(SetProcessWorkingSetSize(SELF, 1, 1)); /* raised, the maximum with the minimum */
    check_limits(20 * P, 20 * P, none);
    ck_assert(SetProcessWorkingSetSizeEx(
        SELF, 50 * P, 60 * P, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_ENABLE));
    check_limits(50 * P, 60 * P, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_ENABLE);
    ck_assert(SetProcessWorkingSetSizeEx(SELF, 50 * P, 60 * P, QUOTA_LIMITS_HARDWS_MAX_DISABLE));
    check_limits(50 * P, 60 * P, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE);
    ck_assert(SetProcessWorkingSetSize(SELF, 50 * P, 70 * P)); /* enforcement stays */
    check_limits(50 * P, 70 * P, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE);
    /* emptying changes no limit */
    ck_assert(SetProcessWorkingSetSize(SELF, (SIZE_T)-1, (SIZE_T)-1));
    ck_assert(SetProcessWorkingSetSizeEx(SELF, (SIZE_T)-1, (SIZE_T)-1, 0));
    ck_assert(K32EmptyWorkingSet(SELF));
    check_limits(50 * P, 70 * P, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE);
}
END_TEST

START_TEST(working_set_mistakes)
{
    SIZE_T low = 5, high = 6;
    DWORD flags = 7;
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 0, 400 * P), 87);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 0, 0), 87);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 100 * P, 99 * P), 87);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, (SIZE_T)-1, 400 * P), 87);
    EXPECT_FAILS(SetProcessWorkingSetSizeEx(SELF, 50 * P, 60 * P, 3), 87);
    EXPECT_FAILS(SetProcessWorkingSetSizeEx(SELF, 50 * P, 60 * P, 12), 87);
    EXPECT_FAILS(SetProcessWorkingSetSizeEx(SELF, 50 * P, 60 * P, 16), 87);
    EXPECT_FAILS(SetProcessWorkingSetSizeEx(SELF, (SIZE_T)-1, (SIZE_T)-1, 3), 87);
    EXPECT_FAILS(SetProcessWorkingSetSize((HANDLE)0x7770, 50 * P, 60 * P), 6);
    EXPECT_FAILS(K32EmptyWorkingSet((HANDLE)0x7770), 6);
    EXPECT_FAILS(GetProcessWorkingSetSize((HANDLE)0x7770, &low, &high), 6);
    EXPECT_FAILS(GetProcessWorkingSetSize(SELF, &low, NULL), 998);
    EXPECT_FAILS(GetProcessWorkingSetSize(SELF, NULL, &high), 998);
    EXPECT_FAILS(GetProcessWorkingSetSizeEx(SELF, &low, &high, NULL), 998);
    EXPECT_FAILS(GetProcessWorkingSetSizeEx(SELF, &low, BAD, &flags), 998);
    EXPECT_FAILS(GetProcessWorkingSetSizeEx(SELF, &low, &high, BAD), 998);
    ck_assert_uint_eq(low, 5);
    ck_assert_uint_eq(high, 6);
    ck_assert_uint_eq(flags, 7);
    check_limits(204800, 1413120, 10);
}
END_TEST

START_TEST(working_set_rises_by_what_is_there)
{
    make_machine(1000, 250);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 300 * M, 400 * M), 1450);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 50 * P + 248 * M + P, 400 * M), 1450);
    ck_assert(SetProcessWorkingSetSize(SELF, 50 * P + 248 * M, 1ull << 40));
    check_limits(50 * P + 248 * M, 1ull << 40, 10);
    privilege_set(privileges_of_process(), PRIVILEGE_INCREASE_WORKING_SET, PRIVILEGE_REMOVED);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 249 * M, 1ull << 40), 1314);
    EXPECT_FAILS(SetProcessWorkingSetSize(SELF, 50 * P, (1ull << 40) + P), 1314);
    ck_assert(SetProcessWorkingSetSize(SELF, 50 * P, 60 * P)); /* to lower is free */
    remove_machine();
}
END_TEST

START_TEST(emptying_keeps_contents)
{
    volatile char *memory = VirtualAlloc(NULL, 4 * M, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 4 * M; i += P)
        memory[i] = (char)(i / P + 1);
    ck_assert(K32EmptyWorkingSet(SELF));
    ck_assert(EmptyWorkingSet(SELF));
    for (unsigned i = 0; i < 4 * M; i += P)
        ck_assert_int_eq(memory[i], (char)(i / P + 1));
    VirtualFree((void *)memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(file_cache_limits)
{
    SIZE_T low = 1, high = 2;
    DWORD flags = 3;
    EXPECT_FAILS(SetSystemFileCacheSize(1 * M, 2 * M, 0), 1314);
    EXPECT_FAILS(SetSystemFileCacheSize((SIZE_T)-1, (SIZE_T)-1, 0), 1314);
    EXPECT_FAILS(SetSystemFileCacheSize(1 * M, 2 * M, 3), 87);
    EXPECT_FAILS(SetSystemFileCacheSize(1 * M, 2 * M, 12), 87);
    ck_assert(GetSystemFileCacheSize(&low, &high, &flags));
    ck_assert_uint_eq(flags, 0);
    ck_assert_uint_lt(low, high);
    EXPECT_FAILS(GetSystemFileCacheSize(&low, &high, NULL), 998);
    EXPECT_FAILS(GetSystemFileCacheSize(NULL, &high, &flags), 998);
    EXPECT_FAILS(GetSystemFileCacheSize(&low, BAD, &flags), 998);
}
END_TEST

static void allow_quota(void)
{
    struct privileges *privileges = privileges_of_process();
    privileges->held |= 1ull << PRIVILEGE_INCREASE_QUOTA;
    privilege_set(privileges, PRIVILEGE_INCREASE_QUOTA, PRIVILEGE_ENABLED);
}

static void check_cache(SIZE_T minimum, SIZE_T maximum, DWORD flags)
{
    SIZE_T low = 1, high = 2;
    DWORD got = 99;
    ck_assert(GetSystemFileCacheSize(&low, &high, &got));
    ck_assert_uint_eq(low, minimum);
    ck_assert_uint_eq(high, maximum);
    ck_assert_uint_eq(got, flags);
}

START_TEST(file_cache_with_the_privilege)
{
    char text[16] = "";
    make_machine(1000, 250);
    allow_quota();
    ck_assert(SetSystemFileCacheSize(2 * M, 3 * M, FILE_CACHE_MAX_HARD_ENABLE));
    check_cache(2 * M, 3 * M, FILE_CACHE_MAX_HARD_ENABLE);
    ck_assert(SetSystemFileCacheSize(2 * M, 4 * M, FILE_CACHE_MIN_HARD_ENABLE));
    check_cache(2 * M, 4 * M, FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MIN_HARD_ENABLE);
    ck_assert(SetSystemFileCacheSize(2 * M, 4 * M, FILE_CACHE_MAX_HARD_DISABLE));
    check_cache(2 * M, 4 * M, FILE_CACHE_MIN_HARD_ENABLE);
    EXPECT_FAILS(SetSystemFileCacheSize(5 * M, 4 * M, 0), 87);
    EXPECT_FAILS(SetSystemFileCacheSize((SIZE_T)-1, 4 * M, 0), 87);
    EXPECT_FAILS(SetSystemFileCacheSize(2 * M, (SIZE_T)-1, 0), 87);
    /* flushing really asks the host, and says so when that fails */
    EXPECT_FAILS(SetSystemFileCacheSize((SIZE_T)-1, (SIZE_T)-1, 0), 5);
    make("/proc/sys/vm/drop_caches", "");
    ck_assert(SetSystemFileCacheSize((SIZE_T)-1, (SIZE_T)-1, 0));
    int file = text_open_file("/proc/sys/vm/drop_caches", O_RDONLY);
    ck_assert_int_eq(read(file, text, sizeof text - 1), 1);
    ck_assert_str_eq(text, "1");
    close(file);
    check_cache(2 * M, 4 * M, FILE_CACHE_MIN_HARD_ENABLE);
    remove_machine();
}
END_TEST

static void make_table(const unsigned char *bytes, size_t size)
{
    char path[128];
    make("/sys/firmware/dmi/tables/DMI", "");
    snprintf(path, sizeof path, "%s/sys/firmware/dmi/tables/DMI", root);
    FILE *file = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* A BIOS structure with strings, then memory devices: 512 MiB, empty, 2 GiB by the extended size,
 * 65536 KiB, unknown; then the end. */
static const unsigned char table[] = {
    0, 6, 1,    0,    1,    2,           'a',  0,    'b', 'c', 0,  0,  17, 34, 2, 0, 0, 0,
    0, 0, 0,    0,    0,    0,           0x00, 0x02, 0,   0,   0,  0,  0,  0,  0, 0, 0, 0,
    0, 0, 0,    0,    0,    0,           0,    0,    0,   0,   0,  0,  17, 14, 3, 0, 0, 0,
    0, 0, 0,    0,    0,    0,           0x00, 0x00, 0,   0,   17, 34, 4,  0,  0, 0, 0, 0,
    0, 0, 0,    0,    0xFF, 0x7F,        0,    0,    0,   0,   0,  0,  0,  0,  0, 0, 0, 0,
    0, 0, 0x00, 0x08, 0x00, 0x00,        0,    0,    0,   0,   17, 14, 5,  0,  0, 0, 0, 0,
    0, 0, 0,    0,    0x00, 0x80 + 0x40, 0,    0,    17,  14,  6,  0,  0,  0,  0, 0, 0, 0,
    0, 0, 0xFF, 0xFF, 0,    0,           127,  4,    7,   0,   0,  0,
};

START_TEST(installed_memory_from_the_firmware)
{
    ULONGLONG kib = 77;
    make_machine(2500, 250);
    make_table(table, sizeof table);
    ck_assert(GetPhysicallyInstalledSystemMemory(&kib));
    ck_assert_uint_eq(kib, (512 + 2048) * 1024 + 16384);
    EXPECT_FAILS(GetPhysicallyInstalledSystemMemory(BAD), 998);
    remove_machine();
    kib = 77;
    make_machine(2600, 250); /* less is installed than there is */
    make_table(table, sizeof table);
    EXPECT_FAILS(GetPhysicallyInstalledSystemMemory(&kib), 13);
    remove_machine();
    make_machine(512, 250);
    make_table(table, 30); /* ends inside a structure */
    EXPECT_FAILS(GetPhysicallyInstalledSystemMemory(&kib), 13);
    make_table((const unsigned char[]){17, 2, 0, 0, 0, 0}, 6); /* too short to be one */
    EXPECT_FAILS(GetPhysicallyInstalledSystemMemory(&kib), 13);
    ck_assert_uint_eq(kib, 77);
    remove_machine();
}
END_TEST

START_TEST(installed_memory_from_the_kernel)
{
    ULONGLONG kib = 77;
    make_machine(200, 100);
    make("/sys/devices/system/memory/block_size_bytes", "8000000\n");
    make("/sys/devices/system/memory/memory0/online", "1\n");
    make("/sys/devices/system/memory/memory12/online", "1\n");
    ck_assert(GetPhysicallyInstalledSystemMemory(&kib));
    ck_assert_uint_eq(kib, 256 << 10);
    remove_machine();
    make_machine(200, 100);
    ck_assert(GetPhysicallyInstalledSystemMemory(&kib));
    ck_assert_uint_eq(kib, 256 << 10);
    remove_machine();
    make_machine(7800, 100);
    ck_assert(GetPhysicallyInstalledSystemMemory(&kib));
    ck_assert_uint_eq(kib, 8ull << 20);
    remove_machine();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("memory figures");
    tcase_add_test(tests, status_of_a_machine);
    tcase_add_test(tests, what_others_use_cannot_be_committed);
    tcase_add_test(tests, offered_memory_is_available);
    tcase_add_test(tests, status_of_a_container);
    tcase_add_test(tests, a_chosen_limit_is_what_can_be_committed);
    tcase_add_test(tests, a_chosen_limit_in_a_container);
    tcase_add_test(tests, a_chosen_address_space_is_all_there_is);
    tcase_add_test(tests, performance_mistakes);
    tcase_add_test(tests, counters_of_three_sizes);
    tcase_add_loop_test(tests, offered_memory_leaves_the_working_set, 0, 4);
    tcase_add_test(tests, commit_is_charged_untouched);
    tcase_add_test(tests, working_set_limits);
    tcase_add_test(tests, working_set_mistakes);
    tcase_add_test(tests, working_set_rises_by_what_is_there);
    tcase_add_test(tests, emptying_keeps_contents);
    tcase_add_test(tests, file_cache_limits);
    tcase_add_test(tests, file_cache_with_the_privilege);
    tcase_add_test(tests, installed_memory_from_the_firmware);
    tcase_add_test(tests, installed_memory_from_the_kernel);
    return suite_run("memory figures", tests);
}
