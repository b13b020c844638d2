/* Offer, reclaim, discard, the native calls, and stacks that grow. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P       4096u
#define RC      (MEM_RESERVE | MEM_COMMIT)
#define CURRENT ((HANDLE)-1)

START_TEST(offered_memory_cannot_be_touched_and_comes_back) /* 98, 99 */
{
    char *memory = allocate(8 * P, RC, PAGE_READWRITE);
    memset(memory, 6, 8 * P);
    ck_assert_uint_eq(OfferVirtualMemory(memory + P, 4 * P, VmOfferPriorityLow), 0);
    ck_assert_int_eq(touch(memory + P, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 4 * P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory, true), 0);
    ck_assert_uint_eq(query(memory).RegionSize, 8 * P); /* not visible in a query */
    ck_assert_uint_eq(query(memory + P).Protect, PAGE_READWRITE);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 8 * P), 0);
    for (unsigned i = P; i < 8 * P; i++)
        ck_assert_int_eq(memory[i], 6);
    release(memory);
}
END_TEST

START_TEST(malformed_offers_are_answered_by_code) /* 100, 142 */
{
    char *memory = allocate(4 * P, RC, PAGE_READWRITE);
    ck_assert(VirtualFree(memory + 3 * P, P, MEM_DECOMMIT));
    last_error_set(4711);
    ck_assert_uint_eq(OfferVirtualMemory(memory + 1, P, 1), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, P + 1, 1), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 0, 1), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, P, 0), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, P, 5), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 4 * P, 1), 487);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 5 * P, 1), 487);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + 1, P), 87);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 4 * P), 487);
    ck_assert_uint_eq(DiscardVirtualMemory(memory, 17), 87);
    ck_assert_uint_eq(DiscardVirtualMemory(memory, 4 * P), 487);
    ck_assert_uint_eq(last_error_get(), 4711);
    ck_assert_int_eq(touch(memory + 2 * P, true), 0);
    release(memory);
}
END_TEST

START_TEST(a_policy_discards_on_purpose)
{
    char *memory = allocate(4 * P, RC, PAGE_READWRITE);
    setenv("WINMEM_OFFER_DISCARD", "<=2", 1);
    memset(memory, 1, 2 * P); /* two pages stay zero: losing them is no loss */
    ck_assert_uint_eq(OfferVirtualMemory(memory, P, 2), 0);
    ck_assert_uint_eq(OfferVirtualMemory(memory + P, P, 3), 0);
    ck_assert_uint_eq(OfferVirtualMemory(memory + 2 * P, 2 * P, 1), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, P), 170);
    ck_assert_int_eq(memory[0], 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + P, P), 0);
    ck_assert_int_eq(memory[P], 1);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + 2 * P, 2 * P), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 4 * P), 0); /* nothing is offered now */
    unsetenv("WINMEM_OFFER_DISCARD");
    release(memory);
}
END_TEST

START_TEST(protection_of_offered_pages_comes_back_changed)
{
    char *memory = allocate(2 * P, RC, PAGE_READWRITE);
    DWORD old;
    memory[0] = 9;
    ck_assert_uint_eq(OfferVirtualMemory(memory, 2 * P, 4), 0);
    ck_assert(VirtualProtect(memory, P, PAGE_READONLY, &old));
    ck_assert_int_eq(touch(memory, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 2 * P), 0);
    ck_assert_int_eq(memory[0], 9);
    ck_assert_int_eq(touch(memory, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + P, true), 0);
    release(memory);
}
END_TEST

START_TEST(committed_again_offered_pages_stay_offered)
{
    char *memory = allocate(4 * P, RC, PAGE_READWRITE);
    memory[P] = 9;
    ck_assert(VirtualFree(memory, P, MEM_DECOMMIT));
    ck_assert_uint_eq(OfferVirtualMemory(memory + P, 2 * P, 4), 0);
    ck_assert_ptr_eq(VirtualAlloc(memory, 4 * P, MEM_COMMIT, PAGE_READONLY), memory);
    ck_assert(mm_space_is_valid());
    ck_assert_uint_eq(query(memory).RegionSize, 4 * P);
    ck_assert_uint_eq(query(memory).Protect, PAGE_READONLY);
    ck_assert_int_eq(touch(memory, false), 0);
    ck_assert_int_eq(touch(memory + P, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 3 * P, false), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + P, 2 * P), 0);
    ck_assert_int_eq(memory[P], 9);
    ck_assert_int_eq(touch(memory + P, true), STATUS_ACCESS_VIOLATION);
    release(memory);
}
END_TEST

START_TEST(discard_wants_read_write) /* 101, 102 */
{
    char *memory = allocate(P, RC, PAGE_READWRITE);
    DWORD old;
    memory[0] = 9;
    ck_assert(VirtualProtect(memory, P, PAGE_READONLY, &old));
    ck_assert_uint_eq(DiscardVirtualMemory(memory, P), 87);
    ck_assert_int_eq(memory[0], 9);
    ck_assert(VirtualProtect(memory, P, PAGE_READWRITE, &old));
    ck_assert_uint_eq(DiscardVirtualMemory(memory, P), 0);
    ck_assert_uint_eq(query(memory).State, MEM_COMMIT);
    ck_assert_int_eq(touch(memory, true), 0);
    release(memory);
}
END_TEST

START_TEST(native_calls_write_the_rounded_range_back) /* 139 to 141 */
{
    PVOID base = NULL;
    SIZE_T size = P + 1, length = 0;
    ULONG old = 0;
    MEMORY_BASIC_INFORMATION info;
    last_error_set(4711);
    ck_assert_int_eq(nt_NtAllocateVirtualMemory(CURRENT, &base, 0, &size, RC, PAGE_READWRITE), 0);
    ck_assert_uint_eq((uint64_t)base % 65536, 0);
    ck_assert_uint_eq(size, 2 * P);
    PVOID at = (char *)base + P + 5;
    size = 1;
    ck_assert_int_eq(nt_NtProtectVirtualMemory(CURRENT, &at, &size, PAGE_READONLY, &old), 0);
    ck_assert_ptr_eq(at, (char *)base + P);
    ck_assert_uint_eq(size, P);
    ck_assert_uint_eq(old, PAGE_READWRITE);
    ck_assert_int_eq(nt_NtQueryVirtualMemory(CURRENT, base, 0, &info, sizeof info, &length), 0);
    ck_assert_uint_eq(info.RegionSize, P);
    ck_assert_uint_eq(length, sizeof info);
    ck_assert_int_eq(nt_NtQueryVirtualMemory(CURRENT, base, 0, &info, 10, NULL),
                     (NTSTATUS)0xC0000004);
    ck_assert_int_eq(nt_NtQueryVirtualMemory(CURRENT, base, 999, &info, sizeof info, NULL),
                     (NTSTATUS)0xC0000003);
    ck_assert_int_eq(nt_NtQueryVirtualMemory(CURRENT, (PVOID)~0ull, 0, &info, sizeof info, NULL),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(nt_NtAllocateVirtualMemory(CURRENT, NULL, 0, &size, RC, PAGE_READWRITE),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(
        nt_NtAllocateVirtualMemory((HANDLE)0x7770, &base, 0, &size, RC, PAGE_READWRITE),
        STATUS_INVALID_HANDLE);
    size = 0;
    ck_assert_int_eq(nt_NtFreeVirtualMemory(CURRENT, &base, &size, MEM_RELEASE), 0);
    ck_assert_uint_eq(size, 2 * P);
    size = 0;
    ck_assert_int_eq(nt_NtFreeVirtualMemory(CURRENT, &base, &size, MEM_RELEASE),
                     STATUS_MEMORY_NOT_ALLOCATED);
    ck_assert_uint_eq(last_error_get(), 4711);
}
END_TEST

/* A native call that answers with a failure has changed nothing, its out-parameters included. */
START_TEST(native_calls_fail_before_they_change_anything)
{
    char *memory = allocate(2 * P, RC, PAGE_READWRITE), *fixed = allocate(P, RC, PAGE_READWRITE);
    PVOID *base = (PVOID *)fixed, plain_base;
    SIZE_T *size = (SIZE_T *)(fixed + 64), plain_size = P;
    ULONG old = 77;
    DWORD before;
    *base = memory;
    *size = P;
    ck_assert(VirtualProtect(fixed, P, PAGE_READONLY, &before));
    ck_assert_int_eq(nt_NtProtectVirtualMemory(CURRENT, base, size, PAGE_READONLY, &old),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(query(memory).Protect, PAGE_READWRITE);
    ck_assert_int_eq(nt_NtFreeVirtualMemory(CURRENT, base, size, MEM_DECOMMIT),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(query(memory).State, MEM_COMMIT);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_int_eq(nt_NtAllocateVirtualMemory(CURRENT, base, 0, size, RC, PAGE_READWRITE),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(query(memory).State, MEM_FREE);
    plain_base = fixed;
    ck_assert_int_eq(nt_NtProtectVirtualMemory(CURRENT, &plain_base, &plain_size, 0, &old),
                     (NTSTATUS)0xC0000045);
    ck_assert_uint_eq(old, 77);
    ck_assert_int_eq(nt_NtProtectVirtualMemory(CURRENT, &plain_base, &plain_size, PAGE_READWRITE,
                                               (ULONG *)fixed),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(query(fixed).Protect, PAGE_READONLY);
    /* the call itself takes the place of its answers away: done is done */
    ck_assert(VirtualProtect(fixed, P, PAGE_READWRITE, &before));
    *base = fixed;
    *size = P;
    ck_assert_int_eq(nt_NtProtectVirtualMemory(CURRENT, base, size, PAGE_READONLY, &old), 0);
    ck_assert_uint_eq(old, PAGE_READWRITE);
    ck_assert_uint_eq(query(fixed).Protect, PAGE_READONLY);
    release(fixed);
}
END_TEST

static unsigned moves;

static void count_move(struct mm_stack *stack)
{
    (void)stack;
    moves++;
}

/* A reservation with its top page committed and a guard page below, as a thread's stack begins. */
static struct mm_stack make_stack(unsigned pages)
{
    uint64_t floor = (uint64_t)allocate(pages * P, MEM_RESERVE, PAGE_READWRITE),
             base = floor + pages * P;
    ck_assert_ptr_nonnull(
        VirtualAlloc((void *)(base - 2 * P), P, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD));
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(base - P), P, MEM_COMMIT, PAGE_READWRITE));
    moves = 0;
    return (struct mm_stack){.base = base, .limit = base - P, .floor = floor, .moved = count_move};
}

START_TEST(a_stack_grows_and_overflows_once)
{
    struct mm_stack stack = make_stack(64);
    char *floor = (char *)stack.floor;
    mm_thread_stack = &stack;
    ck_assert_int_eq(touch(floor + 62 * P + 100, true), 0);
    ck_assert_uint_eq(stack.limit, (uint64_t)floor + 62 * P);
    ck_assert_uint_eq(query(floor + 61 * P).Protect, PAGE_READWRITE | PAGE_GUARD);
    ck_assert_uint_eq(query(floor + 60 * P).State, MEM_RESERVE);
    ck_assert_int_eq(touch(floor + 40 * P, true), 0); /* native code skips pages */
    ck_assert_uint_eq(stack.limit, (uint64_t)floor + 40 * P);
    ck_assert_uint_eq(query(floor + 39 * P).Protect, PAGE_READWRITE | PAGE_GUARD);
    ck_assert_uint_eq(query(floor + 40 * P).RegionSize, 24 * P);
    ck_assert_uint_eq(moves, 2);
    ck_assert_int_eq(touch(floor + P, true), STATUS_STACK_OVERFLOW);
    ck_assert_int_eq(touch(floor + P, true), 0);                   /* the handler has all of it */
    ck_assert_int_eq(touch(floor, true), STATUS_ACCESS_VIOLATION); /* the last page never */
    ck_assert_uint_eq(query(floor).State, MEM_RESERVE);
    ck_assert_uint_eq(query(floor + P).RegionSize, 63 * P);
    ck_assert_uint_eq(moves, 3);
    mm_thread_stack = NULL;
    release(floor);
}
END_TEST

START_TEST(another_threads_stack_does_not_grow)
{
    struct mm_stack stack = make_stack(64);
    char *floor = (char *)stack.floor;
    ck_assert_int_eq(touch(floor + 62 * P, true), STATUS_GUARD_PAGE_VIOLATION);
    ck_assert_int_eq(touch(floor + 61 * P, true), STATUS_ACCESS_VIOLATION);
    release(floor);
}
END_TEST

START_TEST(the_guarantee_is_left_for_the_handler)
{
    struct mm_stack stack = make_stack(64);
    char *floor = (char *)stack.floor;
    stack.guarantee = 32 * P;
    mm_thread_stack = &stack;
    ck_assert_int_eq(touch(floor + 40 * P, true), 0);
    ck_assert_int_eq(touch(floor + 32 * P, true), STATUS_STACK_OVERFLOW);
    mm_thread_stack = NULL;
    release(floor);
}
END_TEST

START_TEST(an_offered_guard_page_lets_no_stack_grow)
{
    struct mm_stack stack = make_stack(64);
    char *floor = (char *)stack.floor;
    struct mm_offers offers;
    mm_thread_stack = &stack;
    ck_assert_uint_eq(OfferVirtualMemory(floor + 62 * P, P, VmOfferPriorityLow), 0);
    ck_assert_int_eq(touch(floor + 62 * P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(floor + 60 * P, true), STATUS_STACK_OVERFLOW);
    ck_assert_uint_eq(query(floor + 60 * P).State, MEM_RESERVE);
    ck_assert_uint_eq(ReclaimVirtualMemory(floor + 62 * P, P), 0);
    ck_assert_int_eq(touch(floor + 62 * P, true), 0);
    mm_thread_stack = NULL;
    release(floor);
    mm_offer_state(&offers);
    ck_assert_uint_eq(offers.held + offers.given + offers.dropped, 0);
}
END_TEST

static const struct host_ops *real;

static int refuse_to_close(uint64_t address, uint64_t size, unsigned access)
{
    return access == HOST_NONE ? -ENOMEM : real->protect(address, size, access);
}

START_TEST(a_guard_page_that_cannot_be_made_stays_reserved)
{
    struct mm_stack stack = make_stack(64);
    struct host_ops fake = *host;
    char *floor = (char *)stack.floor;
    real = host;
    fake.protect = refuse_to_close;
    mm_thread_stack = &stack;
    host = &fake;
    ck_assert_int_eq(touch(floor + 62 * P, true), STATUS_STACK_OVERFLOW);
    host = real;
    mm_thread_stack = NULL;
    ck_assert_uint_eq(query(floor + 61 * P).State, MEM_RESERVE);
    ck_assert_int_eq(touch(floor + 61 * P, true), STATUS_ACCESS_VIOLATION);
    release(floor);
}
END_TEST

/* Low offers are the kernel's at once. */
static void start(void)
{
    setenv("WINMEM_AVAILABLE", "1024G", 1);
    fault_init();
}

int main(void)
{
    TCase *tests = tcase_create("offer");
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, offered_memory_cannot_be_touched_and_comes_back);
    tcase_add_test(tests, malformed_offers_are_answered_by_code);
    tcase_add_test(tests, a_policy_discards_on_purpose);
    tcase_add_test(tests, protection_of_offered_pages_comes_back_changed);
    tcase_add_test(tests, committed_again_offered_pages_stay_offered);
    tcase_add_test(tests, discard_wants_read_write);
    tcase_add_test(tests, native_calls_write_the_rounded_range_back);
    tcase_add_test(tests, native_calls_fail_before_they_change_anything);
    tcase_add_test(tests, a_stack_grows_and_overflows_once);
    tcase_add_test(tests, another_threads_stack_does_not_grow);
    tcase_add_test(tests, the_guarantee_is_left_for_the_handler);
    tcase_add_test(tests, an_offered_guard_page_lets_no_stack_grow);
    tcase_add_test(tests, a_guard_page_that_cannot_be_made_stays_reserved);
    return suite_run("offer", tests);
}
