/*
 * The VirtualAlloc family through its exported gates. A number in a comment is the rule of
 * Microsoft's documentation as listed in spec/: rounding, states, errors. Constants stand here as
 * numbers from the public headers where the value itself is the point.
 */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <winmem/memoryapi.h>
#include "memoryapi/mm.h"
#include "tests/sanitized.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P  4096u
#define G  65536u
#define RC (MEM_RESERVE | MEM_COMMIT)

#define EXPECT_RUN(address, state, protect, size)                                                  \
    do {                                                                                           \
        MEMORY_BASIC_INFORMATION info_ = query(address);                                           \
        ck_assert_ptr_eq(info_.BaseAddress, (void *)(address));                                    \
        ck_assert_uint_eq(info_.State, state);                                                     \
        ck_assert_uint_eq(info_.Protect, protect);                                                 \
        ck_assert_uint_eq(info_.RegionSize, size);                                                 \
    } while (0)

/* A free address with `size` bytes of free space, that is G-aligned. */
static char *free_place(uint64_t size)
{
    char *place = allocate(size + G, MEM_RESERVE, PAGE_NOACCESS);
    release(place);
    return place;
}

START_TEST(fresh_memory_is_aligned_and_zero) /* 1, 2, 3 */
{
    char *memory = allocate(1, RC, PAGE_READWRITE);
    ck_assert_uint_eq((uint64_t)memory % G, 0);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, P);
    ck_assert_ptr_eq(query(memory).AllocationBase, memory);
    ck_assert_uint_eq(query(memory).AllocationProtect, PAGE_READWRITE);
    ck_assert_uint_eq(query(memory).Type, MEM_PRIVATE);
    for (unsigned i = 0; i < P; i++)
        ck_assert_int_eq(memory[i], 0);
    release(memory);
    char *large = allocate(3 << 20, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 3u << 20; i++)
        if (large[i])
            ck_abort_msg("byte %u is not zero", i);
    memset(large, 1, 3 << 20);
    release(large);
    large = allocate(3 << 20, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 3u << 20; i++)
        if (large[i])
            ck_abort_msg("reused byte %u is not zero", i);
    release(large);
}
END_TEST

START_TEST(reserve_rounds_to_pages_only) /* 4, 5, 6 */
{
    char *memory = allocate(1, MEM_RESERVE, PAGE_READONLY);
    EXPECT_RUN(memory, MEM_RESERVE, 0, P);
    ck_assert_uint_eq(query(memory).AllocationProtect, PAGE_READONLY);
    ck_assert_uint_eq(query(memory + P).State, MEM_FREE);
    ck_assert_uint_eq(query(memory + P).Protect, PAGE_NOACCESS);
    ck_assert_ptr_null(query(memory + P).AllocationBase);
    ck_assert_uint_eq(query(memory + P).Type, 0);
    EXPECT_FAILS(VirtualAlloc(memory + P, P, MEM_RESERVE, PAGE_READWRITE), 487);
    release(memory);
}
END_TEST

START_TEST(an_explicit_reserve_rounds_down) /* 7, 8 */
{
    char *place = free_place(4 * G);
    char *memory = VirtualAlloc(place + 123, 2 * P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_eq(memory, place);
    EXPECT_RUN(memory, MEM_RESERVE, 0, 3 * P); /* byte 123 + 2P - 1 lies in the third page */
    release(memory);
}
END_TEST

START_TEST(commit_rounds_to_touched_pages) /* 9, 10, 12, 13, 16 */
{
    char *place = free_place(4 * G);
    char *memory = VirtualAlloc(place, G, MEM_RESERVE, PAGE_READWRITE),
         *next = VirtualAlloc(place + G, G, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_eq(memory, place);
    ck_assert_ptr_eq(next, place + G);
    ck_assert_ptr_eq(VirtualAlloc(memory + P + 5, 1, MEM_COMMIT, PAGE_READWRITE), memory + P);
    EXPECT_RUN(memory, MEM_RESERVE, 0, P);
    EXPECT_RUN(memory + P, MEM_COMMIT, PAGE_READWRITE, P);
    ck_assert_ptr_eq(VirtualAlloc(memory + 5 * P - 1, 2, MEM_COMMIT, PAGE_READONLY),
                     memory + 4 * P);
    EXPECT_RUN(memory + 4 * P, MEM_COMMIT, PAGE_READONLY, 2 * P);
    EXPECT_FAILS(VirtualAlloc(memory + G - P, 2 * P, MEM_COMMIT, PAGE_READWRITE), 487);
    EXPECT_RUN(memory + 6 * P, MEM_RESERVE, 0, 10 * P);
    EXPECT_RUN(next, MEM_RESERVE, 0, G); /* 34, 82: regions stay apart */
    ck_assert_ptr_eq(query(next).AllocationBase, next);
    EXPECT_FAILS(VirtualAlloc(place, 3 * G, MEM_RESERVE, PAGE_READWRITE), 487);
    EXPECT_FAILS(VirtualAlloc(place, G, RC, PAGE_READWRITE), 487);
    release(memory);
    release(next);
}
END_TEST

START_TEST(commit_needs_a_reservation) /* 11 */
{
    char *place = free_place(G);
    EXPECT_FAILS(VirtualAlloc(place, P, MEM_COMMIT, PAGE_READWRITE), 487);
}
END_TEST

START_TEST(commit_twice_keeps_contents) /* 14, 15 */
{
    char *memory = allocate(8 * P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_eq(VirtualAlloc(memory + 2 * P, P, MEM_COMMIT, PAGE_READWRITE), memory + 2 * P);
    memory[2 * P] = 42;
    ck_assert_ptr_eq(VirtualAlloc(memory, 8 * P, MEM_COMMIT, PAGE_READWRITE), memory);
    ck_assert_int_eq(memory[2 * P], 42);
    ck_assert_int_eq(memory[3 * P], 0);
    ck_assert_ptr_eq(VirtualAlloc(memory, 8 * P, MEM_COMMIT, PAGE_READONLY), memory);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READONLY, 8 * P);
    ck_assert_int_eq(memory[2 * P], 42);
    ck_assert_int_eq(touch(memory, true), STATUS_ACCESS_VIOLATION);
    ck_assert_ptr_eq(VirtualAlloc(memory + P, P, MEM_COMMIT, PAGE_READWRITE), memory + P);
    ck_assert_int_eq(touch(memory + P, true), 0);
    ck_assert_int_eq(touch(memory + 2 * P, true), STATUS_ACCESS_VIOLATION);
    release(memory);
}
END_TEST

START_TEST(malformed_requests_are_refused) /* 17 to 23, 26 to 30, 33 */
{
    char *memory = allocate(P, RC, PAGE_READWRITE);
    static const struct {
        uint64_t size;
        DWORD type, protect, error;
    } bad[] = {
        {0, RC, PAGE_READWRITE, 87},
        {P, 0, PAGE_READWRITE, 87},
        {P, RC | 0x10, PAGE_READWRITE, 87},
        {P, MEM_TOP_DOWN, PAGE_READWRITE, 87},
        {P, RC, 0, 87},
        {P, MEM_RESERVE, 0, 87},
        {P, RC, PAGE_READONLY | PAGE_READWRITE, 87},
        {P, RC, PAGE_GUARD, 87},
        {P, RC, PAGE_GUARD | PAGE_NOACCESS, 87},
        {P, RC, PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE, 87},
        {P, RC, PAGE_READWRITE | PAGE_NOCACHE | PAGE_GUARD, 87},
        {P, RC, PAGE_NOACCESS | PAGE_NOCACHE, 87},
        {P, RC, PAGE_WRITECOPY, 87},
        {P, RC, PAGE_EXECUTE_WRITECOPY, 87},
        {P, RC, PAGE_READWRITE | 0x80000, 87},
        {P, RC, PAGE_READWRITE | PAGE_TARGETS_INVALID, 87},
        {P, MEM_RESERVE | MEM_PHYSICAL, PAGE_READONLY, 87},
        {P, MEM_PHYSICAL, PAGE_READWRITE, 87},
        {P, RC | MEM_PHYSICAL, PAGE_READWRITE, 87},
        {P, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE, 1314},
        {P, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE, 87},
        {2 << 20, MEM_RESERVE | MEM_LARGE_PAGES, PAGE_READWRITE, 87},
        {P, RC | MEM_LARGE_PAGES, PAGE_READWRITE, 87},
        {2 << 20, RC | MEM_LARGE_PAGES, PAGE_READWRITE, 1314},
        {MM_HIGHEST_ADDRESS + 1, MEM_RESERVE, PAGE_READWRITE, 8},
        {MM_HIGHEST_ADDRESS + 2, MEM_RESERVE, PAGE_READWRITE, 87},
        {1ull << 62, RC, PAGE_READWRITE, 87},
        {~0ull, MEM_RESERVE, PAGE_READWRITE, 87},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        last_error_set(0);
        ck_assert_msg(!VirtualAlloc(NULL, bad[i].size, bad[i].type, bad[i].protect), "case %u", i);
        ck_assert_msg(last_error_get() == bad[i].error, "case %u: error %u", i, last_error_get());
    }
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_RESET | MEM_COMMIT, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_RESET, 0), 87);
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_RESET | MEM_RESET_UNDO, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(memory, ~0ull, MEM_COMMIT, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc((void *)0x7FFFFFFF0000, P, MEM_RESERVE, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc((void *)0x1000, P, MEM_RESERVE, PAGE_READWRITE), 87);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, P);
    release(memory);
}
END_TEST

START_TEST(every_private_protection_is_accepted)
{
    static const DWORD good[] = {PAGE_NOACCESS,
                                 PAGE_READONLY,
                                 PAGE_READWRITE,
                                 PAGE_EXECUTE,
                                 PAGE_EXECUTE_READ,
                                 PAGE_EXECUTE_READWRITE,
                                 PAGE_READWRITE | PAGE_NOCACHE,
                                 PAGE_READWRITE | PAGE_WRITECOMBINE,
                                 PAGE_READONLY | PAGE_GUARD};
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *memory = allocate(2 * P, RC, good[i]);
        EXPECT_RUN(memory, MEM_COMMIT, good[i], 2 * P);
        release(memory);
    }
    char *memory = allocate(P, RC, PAGE_EXECUTE_READ | PAGE_TARGETS_INVALID);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_EXECUTE_READ, P);
    release(memory);
}
END_TEST

START_TEST(top_down_and_implicit_reserve) /* 24, 25 */
{
    char *low = allocate(G, RC, PAGE_READWRITE),
         *high = allocate(G, RC | MEM_TOP_DOWN, PAGE_READWRITE);
    ck_assert(high >= low);
    release(high);
    release(low);
    low = allocate(P, MEM_COMMIT, PAGE_READWRITE);
    EXPECT_RUN(low, MEM_COMMIT, PAGE_READWRITE, P);
    ck_assert_int_eq(touch(low, true), 0);
    release(low);
}
END_TEST

START_TEST(freed_space_is_used_again)
{
    char *first = allocate(G, RC, PAGE_READWRITE), *second = allocate(G, RC, PAGE_READWRITE);
    release(first);
    char *again = allocate(G, RC, PAGE_READWRITE);
    ck_assert_ptr_eq(again, first); /* lowest fit */
    release(again);
    release(second);
}
END_TEST

START_TEST(reset_keeps_what_undo_promises) /* 31, 32 */
{
    char *memory = allocate(2 * P, MEM_RESERVE, PAGE_READWRITE);
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_RESET, PAGE_READWRITE), 487);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, P, MEM_COMMIT, PAGE_READWRITE));
    EXPECT_FAILS(VirtualAlloc(memory, 2 * P, MEM_RESET, PAGE_READWRITE), 487);
    memset(memory, 7, P);
    ck_assert_ptr_eq(VirtualAlloc(memory, P, MEM_RESET, PAGE_NOACCESS), memory);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, P);
    ck_assert_ptr_eq(VirtualAlloc(memory, P, MEM_RESET_UNDO, PAGE_NOACCESS), memory);
    for (unsigned i = 0; i < P; i++)
        ck_assert_int_eq(memory[i], 7);
    release(memory);
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_RESET, PAGE_READWRITE), 487);
}
END_TEST

START_TEST(release_rules) /* 49 to 52, 56, 57, 59 */
{
    char *memory = allocate(4 * P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, 2 * P, MEM_COMMIT, PAGE_READWRITE));
    EXPECT_FAILS(VirtualFree(memory + P, 0, MEM_RELEASE), 487);
    EXPECT_FAILS(VirtualFree(memory, P, MEM_RELEASE), 87);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_RELEASE | MEM_DECOMMIT), 87);
    EXPECT_FAILS(VirtualFree(memory, 0, 0), 87);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_RELEASE | 0x10), 87);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_RELEASE | 0x40000000), 87);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, 2 * P);
    release(memory);
    ck_assert_uint_eq(query(memory).State, MEM_FREE);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_RELEASE), 487);
    EXPECT_FAILS(VirtualFree(NULL, 0, MEM_RELEASE), 487);
}
END_TEST

START_TEST(decommit_rules) /* 53 to 55, 58, 61 and decommit beyond the end */
{
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    memset(memory, 5, 8 * P);
    ck_assert(VirtualFree(memory + 2 * P - 1, 2, MEM_DECOMMIT));
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, P);
    EXPECT_RUN(memory + P, MEM_RESERVE, 0, 2 * P);
    EXPECT_RUN(memory + 3 * P, MEM_COMMIT, PAGE_READWRITE, 5 * P);
    ck_assert_int_eq(touch(memory + P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(kit_raised.access, 1);
    ck_assert_uint_eq(kit_raised.address, (uint64_t)memory + P);
    ck_assert_int_eq(memory[0], 5);
    ck_assert_int_eq(memory[3 * P], 5);
    ck_assert(VirtualFree(memory + P, P, MEM_DECOMMIT));
    EXPECT_FAILS(VirtualFree(memory + P, 0, MEM_DECOMMIT), 487);
    EXPECT_FAILS(VirtualFree(memory + 7 * P, 2 * P, MEM_DECOMMIT), 87);
    EXPECT_RUN(memory + 3 * P, MEM_COMMIT, PAGE_READWRITE, 5 * P);
    ck_assert_ptr_nonnull(VirtualAlloc(memory + P, 2 * P, MEM_COMMIT, PAGE_READWRITE));
    for (unsigned i = P; i < 3 * P; i++)
        ck_assert_int_eq(memory[i], 0);
    ck_assert(VirtualFree(memory, 0, MEM_DECOMMIT));
    EXPECT_RUN(memory, MEM_RESERVE, 0, 8 * P);
    release(memory);
    EXPECT_FAILS(VirtualFree(memory, P, MEM_DECOMMIT), 487);
}
END_TEST

START_TEST(decommit_of_other_protections_reads_zero_again)
{
    static const DWORD each[] = {PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE | PAGE_GUARD,
                                 PAGE_EXECUTE_READWRITE};
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    DWORD old;
    memset(memory, 9, 8 * P);
    for (unsigned i = 0; i < 4; i++)
        ck_assert(VirtualProtect(memory + 2 * i * P, P, each[i], &old));
    ck_assert(VirtualFree(memory, 8 * P, MEM_DECOMMIT));
    EXPECT_RUN(memory, MEM_RESERVE, 0, 8 * P);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, 8 * P, MEM_COMMIT, PAGE_READWRITE));
    for (unsigned i = 0; i < 8 * P; i++)
        ck_assert_int_eq(memory[i], 0);
    memset(memory, 9, 8 * P);
    release(memory);
}
END_TEST

START_TEST(protect_rules) /* 62 to 67, 76 and size 0, two regions, bad values */
{
    char *place = free_place(4 * G), *memory = VirtualAlloc(place, 4 * P, RC, PAGE_READWRITE), *far;
    DWORD old = 77;
    memset(memory, 3, 4 * P);
    ck_assert(VirtualProtect(memory + 2 * P - 1, 2, PAGE_READONLY, &old));
    ck_assert_uint_eq(old, PAGE_READWRITE);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, P);
    EXPECT_RUN(memory + P, MEM_COMMIT, PAGE_READONLY, 2 * P);
    ck_assert_uint_eq(query(memory + P).AllocationProtect, PAGE_READWRITE);
    ck_assert(VirtualProtect(memory + P, 3 * P, PAGE_NOACCESS, &old));
    ck_assert_uint_eq(old, PAGE_READONLY);
    ck_assert_int_eq(touch(memory + P, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(kit_raised.access, 0);
    ck_assert(VirtualProtect(memory, 4 * P, PAGE_READWRITE, &old));
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, 4 * P);
    for (unsigned i = 0; i < 4 * P; i++)
        ck_assert_int_eq(memory[i], 3);
    old = 77;
    EXPECT_FAILS(VirtualProtect(memory, P, PAGE_READONLY, NULL), 998);
    EXPECT_FAILS(VirtualProtect(memory, P, 0, &old), 87);
    EXPECT_FAILS(VirtualProtect(memory, P, PAGE_WRITECOPY, &old), 87);
    EXPECT_FAILS(VirtualProtect(memory, P, PAGE_GUARD | PAGE_NOACCESS, &old), 87);
    EXPECT_FAILS(VirtualProtect(memory, 0, PAGE_READONLY, &old), 87);
    far = VirtualAlloc(place + G, P, RC, PAGE_READWRITE);
    EXPECT_FAILS(VirtualProtect(memory, G + P, PAGE_READONLY, &old), 487);
    ck_assert(VirtualFree(memory + 3 * P, P, MEM_DECOMMIT));
    EXPECT_FAILS(VirtualProtect(memory, 4 * P, PAGE_READONLY, &old), 487);
    EXPECT_FAILS(VirtualProtect(place + 2 * G, P, PAGE_READONLY, &old), 487);
    ck_assert_uint_eq(old, 77);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, 3 * P);
    release(memory);
    release(far);
}
END_TEST

START_TEST(execution_is_refused_without_the_right) /* 70 */
{
    static const unsigned char ret = 0xC3;
    char *code = allocate(P, RC, PAGE_READWRITE);
    DWORD old;
    memcpy(code, &ret, 1);
    kit_raised.code = 0;
    fault_hook = kit_on_exception;
    if (sigsetjmp(kit_back, 1) == 0)
        ((void (*)(void))code)();
    fault_hook = NULL;
    ck_assert_int_eq(kit_raised.code, STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(kit_raised.access, 8);
    ck_assert(VirtualProtect(code, P, PAGE_EXECUTE_READ, &old));
    ((void (*)(void))code)();
    release(code);
}
END_TEST

START_TEST(a_guard_page_alarms_once) /* 71 to 74 */
{
    char *memory = allocate(4 * P, RC, PAGE_READWRITE);
    DWORD old;
    memory[P] = 11;
    ck_assert(VirtualProtect(memory + P, 2 * P, PAGE_READWRITE | PAGE_GUARD, &old));
    ck_assert_int_eq(touch(memory + P + 8, false), STATUS_GUARD_PAGE_VIOLATION);
    ck_assert_uint_eq(kit_raised.address, (uint64_t)memory + P + 8);
    EXPECT_RUN(memory, MEM_COMMIT, PAGE_READWRITE, 2 * P);
    EXPECT_RUN(memory + 2 * P, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD, P);
    ck_assert_int_eq(touch(memory + P, false), 0);
    ck_assert_int_eq(memory[P], 11);
    ck_assert(VirtualProtect(memory + P, P, PAGE_READONLY | PAGE_GUARD, &old));
    ck_assert_uint_eq(old, PAGE_READWRITE);
    ck_assert_int_eq(touch(memory + P, true), STATUS_GUARD_PAGE_VIOLATION);
    ck_assert_int_eq(touch(memory + P, true), STATUS_ACCESS_VIOLATION);
    ck_assert(VirtualProtect(memory + P, P, PAGE_READWRITE | PAGE_GUARD, &old));
    ck_assert_uint_eq(old, PAGE_READONLY);
    ck_assert(mm_space_is_valid());
    release(memory);
}
END_TEST

START_TEST(a_service_uses_up_the_guard) /* 75 */
{
    char *memory = allocate(P, RC, PAGE_READWRITE | PAGE_GUARD);
    EXPECT_FAILS(VirtualQuery(memory, (void *)memory, 48), 998);
    ck_assert_uint_eq(query(memory).Protect, PAGE_READWRITE);
    ck_assert_uint_eq(VirtualQuery(memory, (void *)memory, 48), 48);
    release(memory);
}
END_TEST

START_TEST(query_rules) /* 78 to 85 */
{
    char *memory = allocate(10 * P, RC, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION info = query(memory + P + 5);
    ck_assert_ptr_eq(info.BaseAddress, memory + P);
    ck_assert_uint_eq(info.RegionSize, 9 * P);
    ck_assert_ptr_eq(info.AllocationBase, memory);
    EXPECT_FAILS(VirtualQuery(memory, &info, 10), 24);
    EXPECT_FAILS(VirtualQuery((void *)~0ull, &info, sizeof info), 87);
    EXPECT_FAILS(VirtualQuery((void *)0x7FFFFFFF0000, &info, sizeof info), 87);
    EXPECT_FAILS(VirtualQuery(memory, NULL, sizeof info), 998);
    ck_assert_uint_eq(query(NULL).State, MEM_FREE);
    ck_assert_ptr_eq(query(NULL).BaseAddress, NULL);
    release(memory);
    uint64_t at = 0;
    for (unsigned steps = 0; at <= MM_HIGHEST_ADDRESS && steps < 100000; steps++) {
        info = query((void *)at);
        ck_assert_uint_eq((uint64_t)info.BaseAddress, at);
        ck_assert_uint_gt(info.RegionSize, 0);
        ck_assert(info.State == MEM_FREE || info.State == MEM_RESERVE || info.State == MEM_COMMIT);
        at += info.RegionSize;
    }
    ck_assert_uint_eq(at, MM_HIGHEST_ADDRESS + 1);
}
END_TEST

START_TEST(ex_functions_check_the_handle) /* 35, 36 */
{
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    HANDLE self = (HANDLE)-1, wrong = (HANDLE)0x7770;
    char *memory = VirtualAllocEx(self, NULL, P, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    ck_assert(VirtualProtectEx(self, memory, P, PAGE_READONLY, &old));
    ck_assert_uint_eq(VirtualQueryEx(self, memory, &info, sizeof info), 48);
    ck_assert_uint_eq(info.Protect, PAGE_READONLY);
    EXPECT_FAILS(VirtualAllocEx(wrong, NULL, P, RC, PAGE_READWRITE), 6);
    EXPECT_FAILS(VirtualProtectEx(wrong, memory, P, PAGE_READWRITE, &old), 6);
    EXPECT_FAILS(VirtualQueryEx(wrong, memory, &info, sizeof info), 6);
    EXPECT_FAILS(VirtualFreeEx(wrong, memory, 0, MEM_RELEASE), 6);
    ck_assert(VirtualFreeEx(self, memory, 0, MEM_RELEASE));
}
END_TEST

START_TEST(a_success_leaves_the_last_error_alone)
{
    last_error_set(4711);
    char *memory = allocate(P, RC, PAGE_READWRITE);
    release(memory);
    ck_assert_uint_eq(last_error_get(), 4711);
}
END_TEST

/* However often an access meets the changes of other threads. */
START_TEST(an_access_is_retried_while_others_change_things)
{
    char *memory = allocate(P, RC, PAGE_READWRITE);
    DWORD old;
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(VirtualProtect(memory, P, i & 1 ? PAGE_READONLY : PAGE_READWRITE, &old));
        ck_assert_int_eq(mm_fault((uint64_t)memory, FAULT_READ), MM_FAULT_RESUME);
    }
    enum mm_fault_result result = MM_FAULT_RESUME;
    for (unsigned i = 0; i < 1000 && result == MM_FAULT_RESUME; i++)
        result = mm_fault((uint64_t)memory, FAULT_READ);
    ck_assert_int_eq(result, MM_FAULT_DENIED); /* nobody does: books and host disagree */
    release(memory);
}
END_TEST

START_TEST(cache_modifiers_stay_with_memory_allocated_with_them)
{
    static const DWORD each[] = {PAGE_NOCACHE, PAGE_WRITECOMBINE};
    char *plain = allocate(P, RC, PAGE_READWRITE);
    DWORD old = 77;
    for (unsigned i = 0; i < 2; i++) {
        char *memory = allocate(P, RC, PAGE_READWRITE | each[i]);
        ck_assert(VirtualProtect(memory, P, PAGE_READONLY | each[i], &old));
        ck_assert_uint_eq(old, PAGE_READWRITE | each[i]);
        EXPECT_RUN(memory, MEM_COMMIT, PAGE_READONLY | each[i], P);
        EXPECT_FAILS(VirtualProtect(memory, P, PAGE_NOACCESS | each[i], &old), 87);
        EXPECT_FAILS(VirtualProtect(memory, P, PAGE_READONLY | each[1 - i], &old), 87);
        EXPECT_FAILS(VirtualProtect(plain, P, PAGE_READWRITE | each[i], &old), 87);
        release(memory);
    }
    release(plain);
}
END_TEST

START_TEST(the_ends_of_the_address_space)
{
    MEMORY_BASIC_INFORMATION low = query(NULL), next = query((void *)0x10000);
    ck_assert_uint_eq(low.State, MEM_FREE);
    ck_assert_uint_eq(low.Protect, PAGE_NOACCESS);
    /* one run, whatever begins at 64 KiB being free */
    ck_assert_uint_eq(low.RegionSize, 0x10000 + (next.State == MEM_FREE ? next.RegionSize : 0));
    ck_assert_uint_eq(query((void *)0x5000).RegionSize, low.RegionSize - 0x5000);
    ck_assert_uint_eq(query((void *)0x7FFFFFFEFFFF).RegionSize, P);
    EXPECT_FAILS(VirtualQuery((void *)0x7FFFFFFF0000, &low, sizeof low), 87);
    EXPECT_FAILS(VirtualFree((void *)0x7FFFFFFF0000, 0, MEM_RELEASE), 87);
    EXPECT_FAILS(VirtualFree((void *)0xFFFF800000000000, P, MEM_DECOMMIT), 87);
    EXPECT_FAILS(VirtualAlloc((void *)0xFFFF800000000000, P, MEM_COMMIT, PAGE_READWRITE), 87);
}
END_TEST

START_TEST(commit_beyond_the_limit)
{
    char *memory = allocate(64 << 20, MEM_RESERVE, PAGE_READWRITE);
    struct rlimit limit = {1 << 20, 1 << 20}; /* of private writable memory */
    if (SHADOWED || NARROW) {                 /* the sanitizer could not go on either */
        release(memory);
        return;
    }
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    EXPECT_FAILS(VirtualAlloc(memory, 64 << 20, MEM_COMMIT, PAGE_READWRITE), 1455);
    EXPECT_FAILS(VirtualAlloc(NULL, 64 << 20, RC, PAGE_READWRITE), 1455);
    EXPECT_RUN(memory, MEM_RESERVE, 0, 64u << 20);
    release(memory);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("virtual");
    tcase_add_checked_fixture(tests, fault_init, NULL);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, fresh_memory_is_aligned_and_zero);
    tcase_add_test(tests, an_access_is_retried_while_others_change_things);
    tcase_add_test(tests, cache_modifiers_stay_with_memory_allocated_with_them);
    tcase_add_test(tests, the_ends_of_the_address_space);
    tcase_add_test(tests, commit_beyond_the_limit);
    tcase_add_test(tests, reserve_rounds_to_pages_only);
    tcase_add_test(tests, an_explicit_reserve_rounds_down);
    tcase_add_test(tests, commit_rounds_to_touched_pages);
    tcase_add_test(tests, commit_needs_a_reservation);
    tcase_add_test(tests, commit_twice_keeps_contents);
    tcase_add_test(tests, malformed_requests_are_refused);
    tcase_add_test(tests, every_private_protection_is_accepted);
    tcase_add_test(tests, top_down_and_implicit_reserve);
    tcase_add_test(tests, freed_space_is_used_again);
    tcase_add_test(tests, reset_keeps_what_undo_promises);
    tcase_add_test(tests, release_rules);
    tcase_add_test(tests, decommit_rules);
    tcase_add_test(tests, decommit_of_other_protections_reads_zero_again);
    tcase_add_test(tests, protect_rules);
    tcase_add_test(tests, execution_is_refused_without_the_right);
    tcase_add_test(tests, a_guard_page_alarms_once);
    tcase_add_test(tests, a_service_uses_up_the_guard);
    tcase_add_test(tests, query_rules);
    tcase_add_test(tests, ex_functions_check_the_handle);
    tcase_add_test(tests, a_success_leaves_the_last_error_alone);
    return suite_run("virtual", tests);
}
