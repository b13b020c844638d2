/*
 * The commit limit and the limit of address space: what counts, what is given back, and that
 * nothing is left behind when a limit is met. Each test is a process; limits are read again in it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <winmem/memoryapi.h>
#include "kernel32/face.h"
#include "memoryapi/fault.h"
#include "memoryapi/limits.h"
#include "memoryapi/mm.h"
#include "memoryapi/setting.h"
#include "tests/unit/machine_kit.h"
#include "tests/unit/suite.h"

#define P  4096u
#define RC (MEM_RESERVE | MEM_COMMIT)

static uint64_t charged(void)
{
    struct mm_commit state;
    mm_commit_state(&state);
    ck_assert(mm_space_is_valid());
    return state.charge;
}

static void limit(const char *name, const char *size)
{
    VirtualFree(VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
    ck_assert_int_eq(setenv(name, size, 1), 0);
    limits_init();
}

#define EXPECT_ERROR(call, error)                                                                  \
    do {                                                                                           \
        last_error_set(0);                                                                         \
        ck_assert_ptr_null(call);                                                                  \
        ck_assert_uint_eq(last_error_get(), error);                                                \
    } while (0)

START_TEST(committing_charges_and_freeing_gives_back)
{
    uint64_t before = charged();
    char *memory = VirtualAlloc(NULL, 64 * P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_uint_eq(charged(), before); /* reserving is free */
    ck_assert_ptr_nonnull(VirtualAlloc(memory, 10 * P, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_uint_eq(charged(), before + 10 * P);
    /* only what was not committed yet is charged */
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 5 * P, 10 * P, MEM_COMMIT, PAGE_READONLY));
    ck_assert_uint_eq(charged(), before + 15 * P);
    ck_assert(VirtualFree(memory + P, 3 * P, MEM_DECOMMIT));
    ck_assert(VirtualFree(memory + P, 4 * P, MEM_DECOMMIT));
    ck_assert_uint_eq(charged(), before + 11 * P);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_uint_eq(charged(), before);
}
END_TEST

START_TEST(the_commit_limit_is_met_exactly)
{
    limit("WINMEM_COMMIT_LIMIT", "1M");
    char *memory = VirtualAlloc(NULL, 2 * M, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, M - P, MEM_COMMIT, PAGE_READWRITE));
    EXPECT_ERROR(VirtualAlloc(memory + M - P, 2 * P, MEM_COMMIT, PAGE_READWRITE), 1455);
    EXPECT_ERROR(VirtualAlloc(NULL, 2 * P, RC, PAGE_READWRITE), 1455);
    ck_assert_uint_eq(charged(), M - P);
    /* what is committed may be committed again at the limit, with one page more */
    ck_assert_ptr_nonnull(VirtualAlloc(memory, M, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_ptr_nonnull(VirtualAlloc(memory, M, MEM_COMMIT, PAGE_READWRITE));
    EXPECT_ERROR(VirtualAlloc(NULL, 1, RC, PAGE_READWRITE), 1455);
    ck_assert(VirtualFree(memory, P, MEM_DECOMMIT));
    void *page = VirtualAlloc(NULL, 1, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(page);
    ck_assert(VirtualFree(page, 0, MEM_RELEASE));
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_uint_eq(charged(), 0);
}
END_TEST

START_TEST(a_stack_that_cannot_grow_has_room_to_say_so)
{
    uint64_t before = charged();
    char *floor = VirtualAlloc(NULL, 128 * P, MEM_RESERVE, PAGE_READWRITE), *top = floor + 126 * P;
    ck_assert_ptr_nonnull(VirtualAlloc(top, P, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD));
    ck_assert_ptr_nonnull(VirtualAlloc(top + P, P, MEM_COMMIT, PAGE_READWRITE));
    struct mm_stack stack = {
        .base = (uint64_t)top + 2 * P, .limit = (uint64_t)top + P, .floor = (uint64_t)floor};
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)charged());
    limit("WINMEM_COMMIT_LIMIT", size);
    mm_thread_stack = &stack;
    ck_assert_int_eq(mm_fault((uint64_t)top, FAULT_WRITE), MM_FAULT_STACK);
    /* the page that was the guard, and room for the handler, with nothing below */
    ck_assert_uint_eq(stack.limit, (uint64_t)top - 16 * P);
    ck_assert_uint_eq(charged(), before + 18 * P);
    top[-16 * (int)P] = 1;
    EXPECT_ERROR(VirtualAlloc(NULL, P, RC, PAGE_READWRITE), 1455);
    /* at the very end it is all that is left */
    ck_assert_int_eq(mm_fault((uint64_t)floor + 3 * P, FAULT_WRITE), MM_FAULT_STACK);
    ck_assert_uint_eq(stack.limit, (uint64_t)floor + P);
    ck_assert_uint_eq(charged(), before + 127 * P);
    ck_assert_int_eq(mm_fault((uint64_t)floor, FAULT_WRITE), MM_FAULT_DENIED);
    mm_thread_stack = NULL;
    ck_assert(VirtualFree(floor, 0, MEM_RELEASE));
    ck_assert_uint_eq(charged(), before);
}
END_TEST

START_TEST(the_native_status_is_commitment_limit)
{
    limit("WINMEM_COMMIT_LIMIT", "64K");
    struct mm_request request = {.size = M, .type = RC, .protect = PAGE_READWRITE};
    ck_assert_uint_eq((uint32_t)mm_allocate(&request), 0xC000012D);
}
END_TEST

START_TEST(address_space_is_limited_and_given_back)
{
    limit("WINMEM_ADDRESS_SPACE", "4M");
    void *first = VirtualAlloc(NULL, 3 * M, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert_ptr_nonnull(first);
    EXPECT_ERROR(VirtualAlloc(NULL, M + 1, MEM_RESERVE, PAGE_NOACCESS), 8);
    void *second = VirtualAlloc(NULL, M, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(second);
    EXPECT_ERROR(VirtualAlloc(NULL, 1, RC, PAGE_READWRITE), 8);
    ck_assert(VirtualFree(first, 0, MEM_RELEASE));
    first = VirtualAlloc(NULL, 3 * M, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert_ptr_nonnull(first);
    ck_assert(mm_space_is_valid());
}
END_TEST

START_TEST(the_limit_is_the_machines_when_nobody_says)
{
    struct sysinfo machine;
    struct mm_commit state;
    ck_assert_int_eq(sysinfo(&machine), 0);
    make_machine(
        (unsigned)(((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit >> 20) + 1,
        1024);
    limits_init(); /* a made machine without containers, larger than the real one */
    mm_commit_state(&state);
    uint64_t real = ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit;
    ck_assert_uint_eq(state.limit / P, real / P);
    EXPECT_ERROR(VirtualAlloc(NULL, state.limit + P, RC, PAGE_READWRITE), 1455);
    void *space = VirtualAlloc(NULL, state.limit + P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_nonnull(space);
    ck_assert(VirtualFree(space, 0, MEM_RELEASE));
    remove_machine();
}
END_TEST

/* A container of `limit` bytes, and none of the machine's swap space. */
static void in_container(uint64_t limit)
{
    if (*text_root)
        remove_machine();
    make_machine(8192, 4096);
    make("/proc/self/cgroup", "0::/box\n");
    make("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    make_number("/sys/fs/cgroup/box/memory.current", 1 << 20);
    make_number("/sys/fs/cgroup/box/memory.max", limit);
    make_number("/sys/fs/cgroup/box/memory.swap.max", 0);
    limits_init();
}

START_TEST(the_limit_is_the_containers_when_that_is_lower)
{
    struct mm_commit state;
    VirtualFree(VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
    in_container(256ull << 20);
    /* met by a program that never asks for it, in one step or in many */
    EXPECT_ERROR(VirtualAlloc(NULL, (256ull << 20) + P, RC, PAGE_READWRITE), 1455);
    in_container(64ull << 20);
    char *memory = VirtualAlloc(NULL, 65 * M, MEM_RESERVE, PAGE_READWRITE);
    for (unsigned i = 0; i < 64; i++)
        ck_assert_ptr_nonnull(VirtualAlloc(memory + i * M, M, MEM_COMMIT, PAGE_READWRITE));
    EXPECT_ERROR(VirtualAlloc(memory + 64 * M, P, MEM_COMMIT, PAGE_READWRITE), 1455);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    mm_commit_state(&state);
    ck_assert_uint_eq(state.limit, 64ull << 20);
    /* what somebody says counts alone; a limit that is higher than the machine does not */
    setenv("WINMEM_COMMIT_LIMIT", "100M", 1);
    in_container(64ull << 20);
    mm_commit_state(&state);
    ck_assert_uint_eq(state.limit, 100ull << 20);
    unsetenv("WINMEM_COMMIT_LIMIT");
    in_container(1ull << 60);
    mm_commit_state(&state);
    ck_assert_uint_le(state.limit, 8192ull << 20);
    remove_machine();
}
END_TEST

START_TEST(a_size_is_a_number_with_a_unit)
{
    static const struct {
        const char *text;
        bool fits;
        uint64_t size;
    } cases[] = {{"0", true, 0},
                 {"512", true, 512},
                 {"2K", true, 2048},
                 {"512M", true, 512ull << 20},
                 {"3G", true, 3ull << 30},
                 {"1T", true, 1ull << 40},
                 {"18446744073709551615", true, UINT64_MAX},
                 {"16777215T", true, 16777215ull << 40},
                 {"16777216T", false, 0},
                 {"18446744073709551616", false, 0},
                 {"", false, 0},
                 {"M", false, 0},
                 {"-1", false, 0},
                 {" 1", false, 0},
                 {"1MB", false, 0},
                 {"1m", false, 0},
                 {"0x10", false, 0}};
    uint64_t size = 1;
    ck_assert(setting_size(cases[_i].text, &size) == cases[_i].fits);
    ck_assert_uint_eq(size, cases[_i].fits ? cases[_i].size : 1);
}
END_TEST

/* All allocations fail, except what a loader does, and nothing is left behind. */
START_TEST(allocations_fail_on_request)
{
    char *memory = VirtualAlloc(NULL, 16 * P, MEM_RESERVE, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    uint64_t before = charged();
    limit("WINMEM_FAIL_ALLOCATION", "3:1");
    EXPECT_ERROR(VirtualAlloc(memory, P, MEM_COMMIT, PAGE_READWRITE), 1455);
    EXPECT_ERROR(VirtualAlloc(NULL, P, RC, PAGE_READWRITE), 1455);
    EXPECT_ERROR(VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_READWRITE), 8);
    EXPECT_ERROR(VirtualAlloc(NULL, P, MEM_RESERVE, 3), 87); /* a mistake stays one */
    ck_assert_uint_eq(charged(), before);
    limits_exempt(true);
    ck_assert_ptr_nonnull(VirtualAlloc(memory, P, MEM_COMMIT, PAGE_READWRITE));
    limits_exempt(false);
    EXPECT_ERROR(VirtualAlloc(memory, P, MEM_COMMIT, PAGE_READWRITE), 1455);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE)); /* giving back never fails */
    ck_assert_uint_eq(charged(), before);
}
END_TEST

START_TEST(a_seed_may_have_a_rate)
{
    static const char *const wrong[] = {"",
                                        "x",
                                        "-1",
                                        " 1",
                                        "1:",
                                        "1:0",
                                        "1:x",
                                        "1:2:3",
                                        "1 ",
                                        ":2",
                                        "18446744073709551616",
                                        "1:18446744073709551616"};
    uint64_t seed = 77, one_in = 77;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!limits_read_failing(wrong[i], &seed, &one_in), "'%s'", wrong[i]);
    ck_assert(seed == 77 && one_in == 77);
    ck_assert(limits_read_failing("5", &seed, &one_in) && seed == 5 && one_in == 16);
    ck_assert(limits_read_failing("0x10:3", &seed, &one_in) && seed == 16 && one_in == 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, allocations_fail_on_request);
    tcase_add_test(tests, a_seed_may_have_a_rate);
    tcase_add_test(tests, committing_charges_and_freeing_gives_back);
    tcase_add_test(tests, the_commit_limit_is_met_exactly);
    tcase_add_test(tests, a_stack_that_cannot_grow_has_room_to_say_so);
    tcase_add_test(tests, the_native_status_is_commitment_limit);
    tcase_add_test(tests, address_space_is_limited_and_given_back);
    tcase_add_test(tests, the_limit_is_the_machines_when_nobody_says);
    tcase_add_test(tests, the_limit_is_the_containers_when_that_is_lower);
    tcase_add_loop_test(tests, a_size_is_a_number_with_a_unit, 0, 17);
    return suite_run("limits", tests);
}
