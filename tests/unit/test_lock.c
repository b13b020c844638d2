/* VirtualLock, VirtualUnlock and hints: what is locked, by the books and by the kernel. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "tests/sanitized.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P            4096u
#define G            65536u
#define QUOTA        42u /* pages: the default minimum of 50 less 8 */
#define THIS_PROCESS ((HANDLE)-1)
#define RC           (MEM_RESERVE | MEM_COMMIT)

static unsigned locked(const void *address)
{
    PSAPI_WORKING_SET_EX_INFORMATION page = {.VirtualAddress = (PVOID)address};
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, &page, sizeof page));
    return page.VirtualAttributes.Locked;
}

/* Kilobytes that the kernel holds locked in [start, end). */
static unsigned long kernel_locked(const void *start, uint64_t size)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    unsigned long from, to, kib, sum = 0;
    bool inside = false;
    char line[512];
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from >= (uint64_t)start && to <= (uint64_t)start + size;
        else if (inside && sscanf(line, "Locked: %lu kB", &kib) == 1)
            sum += kib;
    }
    fclose(file);
    return sum;
}

START_TEST(lock_and_unlock) /* 92, 93, 94 */
{
    char *memory = allocate(16 * P, RC, PAGE_READWRITE);
    EXPECT_FAILS(VirtualUnlock(memory, P), 158);
    ck_assert(VirtualLock(memory + 4 * P + 4095, 2));
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(locked(memory + i * P), i == 4 || i == 5);
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 8);
    ck_assert(VirtualLock(memory + 5 * P, 3 * P)); /* one of them is locked before */
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 16);
    EXPECT_FAILS(VirtualUnlock(memory + 3 * P, 3 * P), 158);
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 16); /* those that are stay */
    ck_assert(VirtualUnlock(memory + 4 * P, 4 * P));
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 0);
    EXPECT_FAILS(VirtualUnlock(memory + 5 * P, P), 158);
    ck_assert_uint_eq(locked(memory + 5 * P), 0);
    ck_assert_int_eq(memory[5 * P], 0);
    release(memory);
    EXPECT_FAILS(VirtualUnlock(memory, P), 158);
}
END_TEST

START_TEST(what_cannot_be_locked) /* 95 */
{
    char *memory = allocate(16 * P, MEM_RESERVE, PAGE_READWRITE);
    DWORD old;
    VirtualAlloc(memory, 12 * P, MEM_COMMIT, PAGE_READWRITE);
    EXPECT_FAILS(VirtualLock(memory, 13 * P), 998);
    EXPECT_FAILS(VirtualLock(memory + 12 * P, 1), 998);
    EXPECT_FAILS(VirtualLock(memory + 8 * P, G), 998); /* reserved, before what is free */
    VirtualProtect(memory + 3 * P, P, PAGE_NOACCESS, &old);
    EXPECT_FAILS(VirtualLock(memory, 4 * P), 998);
    VirtualFree(memory + 5 * P, P, MEM_DECOMMIT);
    EXPECT_FAILS(VirtualLock(memory + 4 * P, 3 * P), 998);
    ck_assert_uint_eq(k32_OfferVirtualMemory(memory + 8 * P, P, 4), 0);
    EXPECT_FAILS(VirtualLock(memory + 7 * P, 2 * P), 998);
    EXPECT_FAILS(VirtualLock(memory, 0), 87);
    EXPECT_FAILS(VirtualLock(memory, ~0ull), 87);
    EXPECT_FAILS(VirtualLock((void *)(MM_HIGHEST_ADDRESS + 1), 1), 87);
    EXPECT_FAILS(VirtualUnlock(memory, 0), 87);
    EXPECT_FAILS(VirtualUnlock(memory, 1ull << 40), 158);
    for (unsigned i = 0; i < 12; i++)
        ck_assert_uint_eq(locked(memory + i * P), 0);
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 0);
    release(memory);
    EXPECT_FAILS(VirtualLock(memory, 1), 487);
}
END_TEST

START_TEST(every_access_can_be_locked)
{
    static const DWORD protections[] = {PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE,
                                        PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE};
    char *memory = allocate(16 * P, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 5; i++) {
        DWORD old;
        memory[i * P] = (char)(i + 1);
        VirtualProtect(memory + i * P, P, protections[i], &old);
    }
    ck_assert(VirtualLock(memory, 6 * P));
    ck_assert_uint_eq(kernel_locked(memory, 16 * P), 24);
    DWORD old;
    ck_assert(VirtualProtect(memory, 6 * P, PAGE_READONLY, &old)); /* a lock stays */
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(locked(memory + i * P), 1);
        ck_assert_int_eq(memory[i * P], (char)(i + 1));
    }
    ck_assert(VirtualUnlock(memory, 6 * P));
    release(memory);
}
END_TEST

START_TEST(a_guard_page_is_spent_by_a_lock) /* 96 */
{
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    VirtualProtect(memory + 2 * P, 2 * P, PAGE_READWRITE | PAGE_GUARD, &old);
    EXPECT_FAILS(VirtualLock(memory, 8 * P), 0x80000001);
    VirtualQuery(memory + 2 * P, &info, sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
    VirtualQuery(memory + 3 * P, &info, sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE | PAGE_GUARD);
    ck_assert_uint_eq(kernel_locked(memory, 8 * P), 0);
    EXPECT_FAILS(VirtualLock(memory, 8 * P), 0x80000001);
    ck_assert(VirtualLock(memory, 8 * P));
    ck_assert_uint_eq(kernel_locked(memory, 8 * P), 32);
    release(memory);
    /* what is in the way before it is met first */
    memory = allocate(4 * P, RC, PAGE_READWRITE);
    VirtualProtect(memory, P, PAGE_NOACCESS, &old);
    VirtualProtect(memory + P, P, PAGE_READONLY | PAGE_GUARD, &old);
    EXPECT_FAILS(VirtualLock(memory, 2 * P), 998);
    VirtualQuery(memory + P, &info, sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READONLY | PAGE_GUARD);
    release(memory);
}
END_TEST

START_TEST(the_quota_is_that_of_the_working_set)
{
    char *memory = allocate(100 * P, RC, PAGE_READWRITE);
    EXPECT_FAILS(VirtualLock(memory, (QUOTA + 1) * P), 1453);
    ck_assert_uint_eq(kernel_locked(memory, 100 * P), 0);
    ck_assert(VirtualLock(memory, QUOTA * P));
    EXPECT_FAILS(VirtualLock(memory + QUOTA * P, 1), 1453);
    ck_assert(VirtualLock(memory, QUOTA * P)); /* nothing new */
    /* everything that ends a lock gives its pages back */
    ck_assert(VirtualFree(memory, 10 * P, MEM_DECOMMIT));
    ck_assert(VirtualLock(memory + QUOTA * P, 10 * P));
    ck_assert_uint_eq(kernel_locked(memory, 100 * P), QUOTA * 4);
    EXPECT_FAILS(VirtualLock(memory + 90 * P, 1), 1453);
    ck_assert_uint_eq(k32_OfferVirtualMemory(memory + 20 * P, 5 * P, 4), 0);
    ck_assert_uint_eq(kernel_locked(memory, 100 * P), (QUOTA - 5) * 4);
    ck_assert(VirtualLock(memory + 90 * P, 5 * P));
    EXPECT_FAILS(VirtualLock(memory + 95 * P, 1), 1453);
    ck_assert_uint_eq(k32_ReclaimVirtualMemory(memory + 20 * P, 5 * P), 0);
    ck_assert_uint_eq(locked(memory + 20 * P), 0);
    release(memory);
    memory = allocate(QUOTA * P, RC, PAGE_READWRITE);
    ck_assert(VirtualLock(memory, QUOTA * P));
    release(memory);
}
END_TEST

START_TEST(a_larger_working_set_allows_more) /* 97 */
{
    char *memory = allocate(100 * P, RC, PAGE_READWRITE);
    ck_assert(k32_SetProcessWorkingSetSize(THIS_PROCESS, 80 * P, 400 * P));
    EXPECT_FAILS(VirtualLock(memory, 73 * P), 1453);
    ck_assert(VirtualLock(memory, 72 * P));
    release(memory);
}
END_TEST

START_TEST(neighbours_are_locked_together)
{
    char *place = allocate(3 * G, MEM_RESERVE, PAGE_NOACCESS);
    release(place);
    ck_assert_ptr_eq(VirtualAlloc(place, G, RC, PAGE_READWRITE), place);
    EXPECT_FAILS(VirtualLock(place + G - 3 * P, 6 * P), 487);
    ck_assert_ptr_eq(VirtualAlloc(place + G, G, RC, PAGE_READWRITE), place + G);
    ck_assert(VirtualLock(place + G - 3 * P, 6 * P));
    ck_assert_uint_eq(locked(place + G - 3 * P), 1);
    ck_assert_uint_eq(locked(place + G + 2 * P), 1);
    ck_assert_uint_eq(locked(place + G + 3 * P), 0);
    EXPECT_FAILS(VirtualUnlock(place + G - 3 * P, 7 * P), 158);
    ck_assert(VirtualUnlock(place + G - 2 * P, 4 * P));
    ck_assert_uint_eq(kernel_locked(place, 2 * G), 8);
    release(place);
    release(place + G);
}
END_TEST

START_TEST(locked_pages_are_freed_and_discarded)
{
    char *memory = allocate(8 << 20, RC, PAGE_READWRITE);
    memset(memory, 7, 64 * P);
    ck_assert(VirtualLock(memory, 16 * P));
    ck_assert_uint_eq(k32_DiscardVirtualMemory(memory + 8 * P, 16 * P), 0);
    ck_assert_uint_eq(locked(memory + 8 * P), 1);
    ck_assert_int_eq(memory[8 * P], 7); /* locked: still there */
    ck_assert_int_eq(memory[16 * P], 0);
    ck_assert(VirtualFree(memory + 4 * P, 4 * P, MEM_DECOMMIT));
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 4 * P, 4 * P, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_int_eq(memory[5 * P], 0);
    ck_assert_uint_eq(locked(memory + 5 * P), 0);
    ck_assert_uint_eq(kernel_locked(memory, 8 << 20), 12 * 4);
    DWORD old;
    ck_assert(VirtualProtect(memory, P, PAGE_NOACCESS, &old));
    release(memory);
    memory = allocate(P, RC, PAGE_READWRITE);
    ck_assert(VirtualLock(memory, P));
    release(memory);
}
END_TEST

static const struct host_ops *host_before;

static int refuse_lock(uint64_t address, uint64_t size)
{
    return -EPERM;
}

/* What the host refuses to unlock cannot be dropped: nothing is, not even what lies before it. */
START_TEST(a_decommit_that_cannot_unlock_changes_nothing)
{
    const struct host_ops *real = host;
    struct host_ops fake = *real;
    char *memory = allocate(32 * P, RC, PAGE_READWRITE);
    memset(memory, 7, 32 * P);
    ck_assert(VirtualLock(memory + 8 * P, 4 * P));
    ck_assert(VirtualLock(memory + 20 * P, 4 * P));
    fake.unlock = refuse_lock;
    host = &fake;
    EXPECT_FAILS(VirtualFree(memory, 32 * P, MEM_DECOMMIT), ERROR_ACCESS_DENIED);
    host = real;
    for (unsigned i = 0; i < 32 * P; i++)
        ck_assert_int_eq(memory[i], 7);
    ck_assert_uint_eq(kernel_locked(memory, 32 * P), 8 * 4);
    ck_assert(VirtualFree(memory, 32 * P, MEM_DECOMMIT));
    release(memory);
}
END_TEST

static unsigned drops_left;

static int drop_some(uint64_t address, uint64_t size)
{
    return drops_left && drops_left-- ? host_before->drop(address, size) : -ENOMEM;
}

START_TEST(a_discard_that_dropped_something_succeeds)
{
    struct host_ops fake = *host;
    char *memory = allocate(16 * P, RC, PAGE_READWRITE);
    memset(memory, 7, 16 * P);
    ck_assert(VirtualLock(memory + 8 * P, P));
    host_before = host;
    fake.drop = drop_some;
    for (drops_left = 0; drops_left < 2; drops_left++) {
        unsigned dropped = drops_left;
        host = &fake;
        DWORD code = k32_DiscardVirtualMemory(memory, 16 * P);
        host = host_before;
        drops_left = dropped;
        ck_assert_uint_eq(code, dropped ? 0 : ERROR_NOT_ENOUGH_MEMORY);
        ck_assert_int_eq(memory[0], dropped ? 0 : 7);
        ck_assert_int_eq(memory[8 * P], 7);
        ck_assert_int_eq(memory[15 * P], 7);
    }
    release(memory);
}
END_TEST

START_TEST(a_limit_of_the_host_is_the_quota)
{
    const struct host_ops *real = host;
    struct host_ops fake = *real;
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    fake.lock = refuse_lock;
    host = &fake;
    EXPECT_FAILS(VirtualLock(memory, P), 1453);
    host = real;
    ck_assert_uint_eq(locked(memory), 0);
    ck_assert(VirtualLock(memory, P));
    release(memory);
}
END_TEST

START_TEST(native_locks_write_the_range_back)
{
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    PVOID base = memory + P + 5;
    SIZE_T size = P;
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, 1), 0);
    ck_assert_ptr_eq(base, memory + P);
    ck_assert_uint_eq(size, 2 * P);
    size = 3 * P;
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, 1), STATUS_WAS_LOCKED);
    base = memory + 7 * P;
    size = 1;
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, 0),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, 4),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, 2),
                     STATUS_PRIVILEGE_NOT_HELD);
    ck_assert_int_eq(nt_NtLockVirtualMemory((HANDLE)0x7770, &base, &size, 1),
                     STATUS_INVALID_HANDLE);
    ck_assert_int_eq(nt_NtLockVirtualMemory(THIS_PROCESS, NULL, &size, 1), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(nt_NtUnlockVirtualMemory(THIS_PROCESS, &base, &size, 1), STATUS_NOT_LOCKED);
    ck_assert_uint_eq(size, 1);
    base = memory + P;
    size = P + 1;
    ck_assert_int_eq(nt_NtUnlockVirtualMemory(THIS_PROCESS, &base, &size, 1), 0);
    ck_assert_uint_eq(size, 2 * P);
    ck_assert_uint_eq(kernel_locked(memory, 8 * P), 4);
    ck_assert(k32_VirtualUnlockEx(NULL, memory + 3 * P, P));
    EXPECT_FAILS(k32_VirtualUnlockEx((HANDLE)0x7770, memory, P), 6);
    release(memory);
}
END_TEST

static struct {
    uint64_t address, size;
    enum host_hint hint;
} hints[16];
static unsigned hint_count;

static int note_hint(uint64_t address, uint64_t size, enum host_hint hint)
{
    ck_assert_uint_lt(hint_count, 16);
    hints[hint_count].address = address;
    hints[hint_count].size = size;
    hints[hint_count++].hint = hint;
    return -EINVAL; /* whatever the host says */
}

#define EXPECT_HINT(number, start, length, kind)                                                   \
    do {                                                                                           \
        ck_assert_uint_eq(hints[number].address, (uint64_t)(start));                               \
        ck_assert_uint_eq(hints[number].size, length);                                             \
        ck_assert_int_eq(hints[number].hint, kind);                                                \
    } while (0)

START_TEST(hints_reach_what_is_committed)
{
    const struct host_ops *real = host;
    char *memory = allocate(4 * G, MEM_RESERVE, PAGE_READWRITE);
    struct host_ops fake;
    DWORD old;
    VirtualAlloc(memory + P, 4 * P, MEM_COMMIT, PAGE_READWRITE);
    VirtualAlloc(memory + 8 * P, 2 * P, MEM_COMMIT, PAGE_READONLY);
    VirtualAlloc(memory + 20 * P, 2 * P, MEM_COMMIT, PAGE_NOACCESS);
    VirtualProtect(memory + 4 * P, P, PAGE_READWRITE | PAGE_GUARD, &old);
    fake = *host;
    fake.hint = note_hint;
    real = host;
    host = &fake;
    WIN32_MEMORY_RANGE_ENTRY ranges[] = {{memory + 2 * P + 7, 100}, {memory, 4 * G}, {NULL, 0}};
    ck_assert(PrefetchVirtualMemory(THIS_PROCESS, 3, ranges, 0));
    ck_assert_uint_eq(hint_count, 3);
    EXPECT_HINT(0, memory + 2 * P, P, HOST_WILL_NEED);
    EXPECT_HINT(1, memory + P, 3 * P, HOST_WILL_NEED);
    EXPECT_HINT(2, memory + 8 * P, 2 * P, HOST_WILL_NEED);
    /* the native classes */
    MEMORY_RANGE_ENTRY range = {memory + 8 * P, 1};
    static const struct {
        INT class;
        ULONG value;
        NTSTATUS status;
        int hint; /* -1: none */
    } calls[] = {{0, 0, 0, HOST_WILL_NEED},
                 {0, 1, 0, HOST_MAKE_PRESENT},
                 {0, 2, STATUS_INVALID_PARAMETER_5, -1},
                 {1, 0, 0, HOST_COOL},
                 {1, 4, 0, HOST_COOL},
                 {1, 5, 0, -1},
                 {1, 6, STATUS_INVALID_PARAMETER_5, -1},
                 {7, 0, 0, HOST_PAGE_OUT},
                 {7, 1, STATUS_INVALID_PARAMETER_5, -1},
                 {2, 0, STATUS_NOT_SUPPORTED, -1},
                 {6, 0, STATUS_NOT_SUPPORTED, -1},
                 {8, 0, STATUS_INVALID_PARAMETER_2, -1},
                 {-1, 0, STATUS_INVALID_PARAMETER_2, -1}};
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        ULONG value = calls[i].value;
        hint_count = 0;
        ck_assert_int_eq(
            nt_NtSetInformationVirtualMemory(THIS_PROCESS, calls[i].class, 1, &range, &value, 4),
            calls[i].status);
        ck_assert_uint_eq(hint_count, calls[i].hint >= 0);
        if (calls[i].hint >= 0)
            EXPECT_HINT(0, memory + 8 * P, P, (enum host_hint)calls[i].hint);
    }
    /* nothing is done when any entry is wrong */
    hint_count = 0;
    WIN32_MEMORY_RANGE_ENTRY many[100];
    for (unsigned i = 0; i < 100; i++)
        many[i] = (WIN32_MEMORY_RANGE_ENTRY){memory + P, 1};
    many[99].NumberOfBytes = ~0ull;
    EXPECT_FAILS(PrefetchVirtualMemory(THIS_PROCESS, 100, many, 0), 87);
    EXPECT_FAILS(PrefetchVirtualMemory(THIS_PROCESS, 0, many, 0), 87);
    EXPECT_FAILS(PrefetchVirtualMemory(THIS_PROCESS, 1, many, 1), 87);
    EXPECT_FAILS(PrefetchVirtualMemory(THIS_PROCESS, ~0ull / 2, many, 0), 87);
    EXPECT_FAILS(PrefetchVirtualMemory(THIS_PROCESS, 1, NULL, 0), 998);
    EXPECT_FAILS(PrefetchVirtualMemory((HANDLE)0x7770, 1, many, 0), 6);
    ck_assert_uint_eq(hint_count, 0);
    host = real;
    release(memory);
}
END_TEST

START_TEST(pages_are_made_present)
{
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    MEMORY_RANGE_ENTRY range = {memory, 4 * P};
    PSAPI_WORKING_SET_EX_INFORMATION page = {.VirtualAddress = memory + 3 * P};
    ULONG flags = 1;
    if (!host_caps.populate)
        return;
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 0, 1, &range, &flags, 4), 0);
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, &page, sizeof page));
    ck_assert_uint_eq(page.VirtualAttributes.Valid, 1);
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 0, 1, &range, &flags, 8),
                     STATUS_INVALID_PARAMETER_6);
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 0, 0, &range, &flags, 4),
                     STATUS_INVALID_PARAMETER_3);
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 0, 1, &range, NULL, 4),
                     STATUS_ACCESS_VIOLATION);
    release(memory);
}
END_TEST

START_TEST(written_pages_are_made_clean)
{
    char *memory = allocate(8 * P, RC | MEM_WRITE_WATCH, PAGE_READWRITE);
    char *plain = allocate(8 * P, RC, PAGE_READWRITE);
    MEMORY_RANGE_ENTRY ranges[] = {{memory, P}, {memory + 2 * P + 9, 1}, {memory + 7 * P, P + 1}};
    PVOID written[8];
    ULONG_PTR count = 8;
    ULONG none = 0, page;
    memset(memory, 1, 3 * P);
    /* nothing is done when any range is wrong */
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 3, 3, ranges, &none, 4),
                     STATUS_INVALID_PARAMETER_4);
    ck_assert_uint_eq(GetWriteWatch(0, memory, 8 * P, written, &count, &page), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 3, 2, ranges, &none, 4), 0);
    count = 8;
    ck_assert_uint_eq(GetWriteWatch(0, memory, 8 * P, written, &count, &page), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_eq(written[0], memory + P);
    ranges[0].VirtualAddress = plain;
    ck_assert_int_eq(nt_NtSetInformationVirtualMemory(THIS_PROCESS, 3, 1, ranges, &none, 4),
                     STATUS_INVALID_PARAMETER_4);
    release(memory);
    release(plain);
}
END_TEST

START_TEST(there_is_nothing_to_flush)
{
    char *memory = allocate(P, RC, PAGE_READWRITE);
    PVOID base = memory;
    SIZE_T size = P;
    IO_STATUS_BLOCK block;
    ck_assert_int_eq(nt_NtFlushVirtualMemory(THIS_PROCESS, &base, &size, &block),
                     STATUS_NOT_MAPPED_VIEW);
    ck_assert_int_eq(nt_NtFlushVirtualMemory(THIS_PROCESS, &base, &size, NULL),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(nt_NtFlushVirtualMemory((HANDLE)0x7770, &base, &size, &block),
                     STATUS_INVALID_HANDLE);
    base = (PVOID)(MM_HIGHEST_ADDRESS + 1);
    ck_assert_int_eq(nt_NtFlushVirtualMemory(THIS_PROCESS, &base, &size, &block),
                     STATUS_INVALID_PARAMETER_2);
    release(memory);
    base = memory;
    ck_assert_int_eq(nt_NtFlushVirtualMemory(THIS_PROCESS, &base, &size, &block),
                     STATUS_NOT_MAPPED_VIEW);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lock");
    tcase_add_checked_fixture(tests, fault_init, NULL);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, lock_and_unlock);
    tcase_add_test(tests, what_cannot_be_locked);
    tcase_add_test(tests, every_access_can_be_locked);
    tcase_add_test(tests, a_guard_page_is_spent_by_a_lock);
    tcase_add_test(tests, the_quota_is_that_of_the_working_set);
    tcase_add_test(tests, a_larger_working_set_allows_more);
    tcase_add_test(tests, neighbours_are_locked_together);
    tcase_add_test(tests, locked_pages_are_freed_and_discarded);
    tcase_add_test(tests, a_decommit_that_cannot_unlock_changes_nothing);
    tcase_add_test(tests, a_discard_that_dropped_something_succeeds);
    tcase_add_test(tests, a_limit_of_the_host_is_the_quota);
    tcase_add_test(tests, native_locks_write_the_range_back);
    tcase_add_test(tests, hints_reach_what_is_committed);
    tcase_add_test(tests, pages_are_made_present);
    tcase_add_test(tests, written_pages_are_made_clean);
    tcase_add_test(tests, there_is_nothing_to_flush);
    return suite_run("lock", tests);
}
