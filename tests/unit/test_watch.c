/* Write watch: GetWriteWatch and ResetWriteWatch. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "tests/unit/watch_kit.h"
#include "tests/sanitized.h"

START_TEST(written_pages_are_told_in_order) /* 104, 107 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    TOLD(memory, 16, 0, "");
    memory[3 * P + 17] = 1;
    memory[0] = 1;
    for (unsigned i = 8; i < 16; i++)
        ck_assert_int_eq(memory[i * P], 0);
    TOLD(memory, 16, 0, "0 3");
    TOLD(memory, 16, 0, "0 3"); /* asking changes nothing */
    release(memory);
}
END_TEST

START_TEST(reset_begins_anew) /* 105, 106 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 16; i++)
        memory[i * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "");
    memory[5 * P] = 2;
    TOLD(memory, 16, 0, "5");
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 16 * P), 0);
    TOLD(memory, 16, 0, "");
    memory[5 * P] = 3;
    memory[6 * P] = 3;
    memory[7 * P] = 3;
    ck_assert_uint_eq(ResetWriteWatch((char *)memory + 6 * P + 1, 1), 0);
    TOLD(memory, 16, 0, "5 7");
    ck_assert_int_eq(memory[6 * P], 3);
    release(memory);
}
END_TEST

START_TEST(too_small_an_array_resets_what_it_told)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 10; i++)
        memory[i * P] = 1;
    ck_assert_str_eq(told(memory, 16, WRITE_WATCH_FLAG_RESET, 4), "0 1 2 3");
    ck_assert_str_eq(told(memory, 16, 0, 2), "4 5");
    ck_assert_str_eq(told(memory, 16, WRITE_WATCH_FLAG_RESET, 5), "4 5 6 7 8");
    TOLD(memory, 16, 0, "9");
    release(memory);
}
END_TEST

START_TEST(a_range_is_whole_pages)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    PVOID addresses[8];
    ULONG_PTR count = 8;
    DWORD granularity;
    for (unsigned i = 0; i < 8; i++)
        memory[i * P] = 1;
    ck_assert_uint_eq(
        GetWriteWatch(0, (char *)memory + 2 * P - 1, 2, addresses, &count, &granularity), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(addresses[0] == memory + P);
    ck_assert(addresses[1] == memory + 2 * P);
    release(memory);
}
END_TEST

START_TEST(more_stretches_than_one_step_takes)
{
    enum { PAGES = 2000 };
    volatile char *memory = watched(PAGES, RC, PAGE_READWRITE);
    PVOID *addresses = calloc(PAGES, sizeof *addresses);
    ULONG_PTR count = PAGES;
    DWORD granularity;
    for (unsigned i = 1; i < PAGES; i += 3)
        memory[i * P] = 1;
    ck_assert_uint_eq(GetWriteWatch(WRITE_WATCH_FLAG_RESET, (void *)memory, PAGES * P, addresses,
                                    &count, &granularity),
                      0);
    ck_assert_uint_eq(count, (PAGES + 1) / 3);
    for (unsigned i = 0; i < count; i++)
        ck_assert(addresses[i] == memory + (3 * i + 1) * P);
    TOLD(memory, PAGES, 0, "");
    free(addresses);
    release(memory);
}
END_TEST

START_TEST(only_committed_pages_and_since_the_commit)
{
    volatile char *memory = watched(64, MEM_RESERVE, PAGE_READWRITE);
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "");
    ck_assert_ptr_nonnull(
        VirtualAlloc((void *)(memory + 4 * P), 4 * P, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 32 * P), P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, 0, "");
    memory[5 * P] = memory[6 * P] = memory[32 * P] = 1;
    TOLD(memory, 64, 0, "5 6 32");
    ck_assert(VirtualFree((void *)(memory + 5 * P), P, MEM_DECOMMIT));
    TOLD(memory, 64, 0, "6 32");
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 5 * P), P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, 0, "6 32");
    ck_assert_int_eq(memory[5 * P], 0);
    TOLD(memory, 64, 0, "6 32");
    memory[5 * P] = 1;
    /* a second commit of what is committed keeps contents and what is known of them */
    ck_assert_ptr_nonnull(VirtualAlloc((void *)memory, 64 * P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "5 6 32");
    memory[7 * P] = memory[40 * P] = 1;
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "7 40");
    release(memory);
}
END_TEST

START_TEST(protection_does_not_change_what_was_written)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    DWORD old;
    memory[1 * P] = memory[2 * P] = memory[3 * P] = memory[4 * P] = 1;
    ck_assert(VirtualProtect((void *)(memory + 1 * P), 2 * P, PAGE_READONLY, &old));
    ck_assert(VirtualProtect((void *)(memory + 3 * P), 2 * P, PAGE_NOACCESS, &old));
    ck_assert(VirtualProtect((void *)(memory + 8 * P), 2 * P, PAGE_READWRITE | PAGE_GUARD, &old));
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2 3 4");
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 3 * P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 8 * P, true), STATUS_GUARD_PAGE_VIOLATION);
    ck_assert_int_eq(touch(memory + 9 * P, false), STATUS_GUARD_PAGE_VIOLATION);
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + 9 * P, false), 0);
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + 8 * P, true), 0);
    TOLD(memory, 16, 0, "8");
    ck_assert(VirtualProtect((void *)memory, 16 * P, PAGE_EXECUTE_READWRITE, &old));
    TOLD(memory, 16, 0, "8");
    memory[2 * P] = 2;
    memory[12 * P] = 2;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "2 8 12");
    memory[2 * P] = 3;
    TOLD(memory, 16, 0, "2");
    release(memory);
}
END_TEST

START_TEST(offered_discarded_and_reset_pages)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    memory[1 * P] = memory[2 * P] = memory[5 * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2 5");
    memory[2 * P] = 2;
    ck_assert_uint_eq(OfferVirtualMemory((void *)(memory + P), 2 * P, VmOfferPriorityNormal), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory((void *)(memory + P), 2 * P), 0);
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    memory[1 * P] = 3;
    memory[5 * P] = 3;
    memory[6 * P] = 3;
    ck_assert_uint_eq(DiscardVirtualMemory((void *)(memory + 5 * P), P), 0);
    TOLD(memory, 16, 0, "1 6");
    memory[5 * P] = 4;
    TOLD(memory, 16, 0, "1 5 6");
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 6 * P), P, MEM_RESET, PAGE_READWRITE));
    memory[6 * P] = 5;
    TOLD(memory, 16, 0, "1 5 6");
    /* what is locked is not dropped, and stays written */
    ck_assert(VirtualLock((void *)(memory + 5 * P), P));
    ck_assert_uint_eq(DiscardVirtualMemory((void *)memory, 16 * P), 0);
    TOLD(memory, 16, 0, "5");
    ck_assert_int_eq(memory[5 * P], 4);
    release(memory);
}
END_TEST

/* Fails, with last error `code`, and nothing is written or reset. */
START_TEST(dropped_pages_that_were_reclaimed_are_told)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    memory[1 * P] = memory[2 * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    setenv("WINMEM_RETURN", "now", 1);
    ck_assert_uint_eq(OfferVirtualMemory((void *)(memory + P), 2 * P, VmOfferPriorityNormal), 0);
    unsetenv("WINMEM_RETURN");
    ck_assert_uint_eq(ReclaimVirtualMemory((void *)(memory + P), 2 * P), 170);
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    TOLD(memory, 16, 0, "");
    release(memory);
}
END_TEST

static void fails(DWORD flags, volatile char *base, SIZE_T size, PVOID *addresses, ULONG_PTR *count,
                  DWORD *granularity, DWORD code)
{
    last_error_set(4711);
    ck_assert_uint_eq(GetWriteWatch(flags, (void *)base, size, addresses, count, granularity),
                      (UINT)-1);
    ck_assert_uint_eq(last_error_get(), code);
}

START_TEST(mistakes_are_refused_and_change_nothing) /* 108 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    volatile char *plain = VirtualAlloc(NULL, 16 * P, RC, PAGE_READWRITE);
    volatile char *closed = VirtualAlloc(NULL, 16 * P, MEM_RESERVE, PAGE_READWRITE);
    PVOID addresses[16] = {(PVOID)0x1234};
    ULONG_PTR count = 16;
    DWORD granularity = 99;
    memory[P] = 1;
    fails(2, memory, 16 * P, addresses, &count, &granularity, 87);
    fails(1, plain, P, addresses, &count, &granularity, 87);
    fails(1, NULL, P, addresses, &count, &granularity, 87);
    fails(1, memory, 16 * P + 1, addresses, &count, &granularity, 87);
    fails(1, memory, 0, addresses, &count, &granularity, 87);
    fails(1, memory, ~0ull, addresses, &count, &granularity, 87);
    fails(1, memory, 16 * P, addresses, NULL, &granularity, 998);
    fails(1, memory, 16 * P, addresses, &count, NULL, 998);
    fails(1, memory, 16 * P, NULL, &count, &granularity, 998);
    fails(1, memory, 16 * P, (PVOID *)closed, &count, &granularity, 998);
    /* the array reaches from a good page into a bad one, though one element would do */
    fails(1, memory, 16 * P, (PVOID *)(plain + 16 * P) - 15, &count, &granularity, 998);
    ck_assert_uint_eq(count, 16);
    ck_assert_uint_eq(granularity, 99);
    ck_assert(addresses[0] == (PVOID)0x1234);
    TOLD(memory, 16, 0, "1");
    count = 0;
    fails(1, memory, P, addresses, &count, &granularity, 87);
    fails(1, memory, P, NULL, &count, &granularity, 87);
    ck_assert_uint_eq(ResetWriteWatch((void *)plain, P), (UINT)-1);
    ck_assert_uint_eq(last_error_get(), 87);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 17 * P), (UINT)-1);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 0), (UINT)-1);
    TOLD(memory, 16, 0, "1");
    /* the flag belongs to a reservation */
    ck_assert_ptr_null(VirtualAlloc(NULL, P, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
    ck_assert_uint_eq(last_error_get(), 87);
    ck_assert_ptr_null(
        VirtualAlloc((void *)memory, P, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
    release(memory);
    release(plain);
    release(closed);
}
END_TEST

START_TEST(the_native_calls)
{
    volatile char *memory = watched(4, RC, PAGE_READWRITE);
    PVOID addresses[4];
    ULONG_PTR count = 4;
    ULONG granularity = 0;
    memory[2 * P] = 1;
    last_error_set(4711);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 2, (void *)memory, P, addresses, &count, &granularity),
        STATUS_INVALID_PARAMETER_2);
    ck_assert_int_eq(
        nt_NtGetWriteWatch((HANDLE)0x7770, 0, (void *)memory, P, addresses, &count, &granularity),
        STATUS_INVALID_HANDLE);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 0, (void *)memory, 5 * P, addresses, &count, &granularity),
        STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 0, (void *)memory, P, addresses, NULL, &granularity),
        STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 1, (void *)memory, 4 * P, addresses, &count, &granularity),
        STATUS_SUCCESS);
    ck_assert_uint_eq(count, 1);
    ck_assert(addresses[0] == memory + 2 * P);
    memory[0] = 1;
    ck_assert_int_eq(nt_NtResetWriteWatch((HANDLE)0x7770, (void *)memory, 4 * P),
                     STATUS_INVALID_HANDLE);
    TOLD(memory, 4, 0, "0");
    ck_assert_int_eq(nt_NtResetWriteWatch(CURRENT, (void *)memory, 4 * P), STATUS_SUCCESS);
    TOLD(memory, 4, 0, "");
    ck_assert_uint_eq(last_error_get(), 4711);
    release(memory);
}
END_TEST

START_TEST(the_results_may_lie_in_the_watched_memory)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    PVOID *addresses = (PVOID *)(memory + 4 * P);
    ULONG_PTR count = 8;
    DWORD granularity;
    memory[P] = 1;
    ck_assert_uint_eq(GetWriteWatch(1, (void *)memory, 8 * P, addresses, &count, &granularity), 0);
    /* the place is looked at first, which counts: written is at least what was written */
    ck_assert_uint_eq(count, 2);
    ck_assert(addresses[0] == memory + P);
    ck_assert(addresses[1] == memory + 4 * P);
    TOLD(memory, 8, 0, "4"); /* the results themselves */
    release(memory);
}
END_TEST

START_TEST(a_new_allocation_at_the_same_place_starts_clean)
{
    for (unsigned i = 0; i < 4; i++) {
        volatile char *memory = watched(16, RC, PAGE_READWRITE);
        TOLD(memory, 16, 0, "");
        memory[3 * P] = 1;
        TOLD(memory, 16, 0, "3");
        release(memory);
        char *plain = VirtualAlloc((void *)memory, 16 * P, RC, PAGE_READWRITE);
        ck_assert(plain == memory);
        ck_assert_int_eq(plain[3 * P], 0);
        plain[3 * P] = 1;
        PVOID addresses[16];
        ULONG_PTR count = 16;
        DWORD granularity;
        fails(0, plain, 16 * P, addresses, &count, &granularity, 87);
        release(plain);
    }
}
END_TEST

START_TEST(half_a_terabyte)
{
    SIZE_T size = 1ull << 39;
    volatile char *memory = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_WRITE_WATCH, PAGE_READWRITE);
    PVOID addresses[MOST];
    ULONG_PTR count = MOST;
    DWORD granularity;
    ck_assert(memory != NULL);
    for (unsigned i = 0; i < 8; i++) {
        volatile char *at = memory + (SIZE_T)i * (size / 8) + 5 * P;
        ck_assert_ptr_nonnull(VirtualAlloc((void *)at, 1 << 20, MEM_COMMIT, PAGE_READWRITE));
        at[P] = 1;
    }
    ck_assert_uint_eq(GetWriteWatch(1, (void *)memory, size, addresses, &count, &granularity), 0);
    ck_assert_uint_eq(count, 8);
    for (unsigned i = 0; i < 8; i++)
        ck_assert(addresses[i] == memory + (SIZE_T)i * (size / 8) + 6 * P);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, size), 0);
    release(memory);
}
END_TEST

START_TEST(a_forked_child_sees_its_own_writes)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    int status;
    memory[P] = 1;
    TOLD(memory, 8, WRITE_WATCH_FLAG_RESET, "1");
    memory[2 * P] = 1;
    pid_t child = fork();
    if (child == 0) {
        /* what has contents may count as written; after a reset nothing does */
        bool good = ResetWriteWatch((void *)memory, 8 * P) == 0;
        memory[3 * P] = memory[P] = 2;
        good = good && strcmp(told(memory, 8, 0, MOST), "1 3") == 0;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    memory[4 * P] = 1;
    TOLD(memory, 8, WRITE_WATCH_FLAG_RESET, "2 4");
    release(memory);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, written_pages_are_told_in_order);
    tcase_add_test(tests, reset_begins_anew);
    tcase_add_test(tests, too_small_an_array_resets_what_it_told);
    tcase_add_test(tests, a_range_is_whole_pages);
    tcase_add_test(tests, more_stretches_than_one_step_takes);
    tcase_add_test(tests, only_committed_pages_and_since_the_commit);
    tcase_add_test(tests, protection_does_not_change_what_was_written);
    tcase_add_test(tests, offered_discarded_and_reset_pages);
    tcase_add_test(tests, dropped_pages_that_were_reclaimed_are_told);
    tcase_add_test(tests, mistakes_are_refused_and_change_nothing);
    tcase_add_test(tests, the_native_calls);
    tcase_add_test(tests, the_results_may_lie_in_the_watched_memory);
    tcase_add_test(tests, a_new_allocation_at_the_same_place_starts_clean);
    if (!NARROW) /* it may be there, and may not */
        tcase_add_test(tests, half_a_terabyte);
    tcase_add_test(tests, a_forked_child_sees_its_own_writes);
}

int main(void)
{
    return watch_run("watch", add_tests);
}
