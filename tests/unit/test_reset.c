/* MEM_RESET and MEM_RESET_UNDO: what was lost is told, and nothing else. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "kernel32/face.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

#define P   4096u
#define RC  (MEM_RESERVE | MEM_COMMIT)
#define MIB (1ull << 20)

static char *allocate(uint64_t size)
{
    char *memory = VirtualAlloc(NULL, size, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    for (uint64_t at = 0; at < size; at += P)
        memory[at + 77] = (char)(at / P % 100 + 1);
    return memory;
}

static void release(void *memory)
{
    ck_assert(mm_space_is_valid());
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert(mm_space_is_valid());
}

static void reset(void *at, uint64_t size)
{
    ck_assert_ptr_eq(VirtualAlloc(at, size, MEM_RESET, PAGE_NOACCESS), at);
    ck_assert(mm_space_is_valid());
}

/* The undo answers: everything is there, or (`lost`) something is not. */
static void undo(void *at, uint64_t size, bool lost)
{
    last_error_set(4711);
    ck_assert_ptr_eq(VirtualAlloc(at, size, MEM_RESET_UNDO, PAGE_READWRITE), lost ? NULL : at);
    ck_assert_uint_eq(last_error_get(), lost ? ERROR_GEN_FAILURE : 4711);
    ck_assert(mm_space_is_valid());
}

static void check(const char *memory, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        ck_assert_int_eq(memory[i * P + 77], (char)(i % 100 + 1));
}

/* As the kernel does when it runs short: no call of ours knows. */
static void lose(char *memory, unsigned page)
{
    ck_assert_int_eq(madvise(memory + page * P, P, MADV_DONTNEED), 0);
}

static void use_lazy(void)
{
    setenv("WINMEM_RETURN", "lazy", 1);
    setenv("WINMEM_AVAILABLE", "1024G", 1); /* low offers are the kernel's at once */
    unsetenv("WINMEM_OFFER_DISCARD");
    fault_init();
}

START_TEST(without_a_switch_a_host_program_loses_nothing)
{
    char *memory = allocate(16 * P);
    unsetenv("WINMEM_RETURN");
    reset(memory, 16 * P);
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0); /* its own system calls write there */
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    ck_assert_int_eq(read(pipes[0], memory, 1), 1);
    undo(memory, 16 * P, false);
    check(memory, 0, 16);
    release(memory);
}
END_TEST

START_TEST(what_is_left_alone_is_intact) /* 32 */
{
    char *memory = allocate(16 * P);
    reset(memory, 16 * P);
    check(memory, 0, 16); /* readable meanwhile */
    undo(memory, 16 * P, false);
    check(memory, 0, 16);
    memory[0] = 5;
    release(memory);
}
END_TEST

START_TEST(a_lost_page_is_told_once_and_only_where_it_was)
{
    char *memory = allocate(16 * P);
    reset(memory, 16 * P);
    lose(memory, 3);
    undo(memory, 3 * P, false);
    undo(memory + 4 * P, 12 * P, false);
    undo(memory + 3 * P, P, true);
    undo(memory, 16 * P, false); /* it has told */
    check(memory, 0, 3);
    check(memory, 4, 16);
    ck_assert_int_eq(memory[3 * P + 77], 0);
    release(memory);
}
END_TEST

START_TEST(a_page_of_zeros_cannot_be_lost)
{
    char *memory = allocate(4 * P);
    memory[P + 77] = 0;
    reset(memory, 4 * P);
    lose(memory, 1);
    undo(memory, 4 * P, false);
    release(memory);
}
END_TEST

START_TEST(a_write_wakes_and_what_was_lost_stays_known)
{
    char *memory = allocate(16 * P);
    reset(memory, 16 * P);
    lose(memory, 5);
    memory[5 * P + 77] = 99; /* a value that looks like contents */
    memory[7 * P + 77] = 0;  /* and one that looks like a loss */
    ck_assert(mm_space_is_valid());
    undo(memory + 6 * P, 10 * P, false);
    undo(memory, 6 * P, true);
    ck_assert_int_eq(memory[5 * P + 77], 99);
    release(memory);
}
END_TEST

START_TEST(a_write_wakes_a_part_of_much)
{
    char *memory = allocate(16 * MIB);
    reset(memory, 16 * MIB);
    memory[9 * MIB] = 1;
    ck_assert(mm_space_is_valid());
    /* far away it sleeps: a loss there is noticed, one at the write is the program's own affair */
    lose(memory, 15 * MIB / P);
    undo(memory + 8 * MIB, 2 * MIB, false);
    undo(memory + 10 * MIB, 6 * MIB, true);
    undo(memory, 16 * MIB, false);
    release(memory);
}
END_TEST

START_TEST(what_woke_is_kept)
{
    char *memory = allocate(16 * P);
    unsigned char there[16];
    reset(memory, 16 * P);
    memory[0] = 1;
    ck_assert_int_eq(mincore(memory, 16 * P, there), 0);
    /* the kernel may drop clean pages that were offered: these are none any more */
    ck_assert_int_eq(madvise(memory, 16 * P, MADV_PAGEOUT), 0);
    undo(memory, 16 * P, false);
    check(memory, 1, 16);
    release(memory);
}
END_TEST

START_TEST(a_new_reset_knows_what_is_still_gone)
{
    char *memory = allocate(4 * P);
    reset(memory, 4 * P);
    lose(memory, 0);
    reset(memory, 4 * P); /* still asleep */
    undo(memory, 4 * P, true);
    undo(memory, 4 * P, false); /* told */
    reset(memory, 4 * P);
    lose(memory, 3);
    memory[3 * P + 9] = 1; /* new contents, which are all there */
    reset(memory, 4 * P);
    undo(memory, 4 * P, false);
    reset(memory, 4 * P);
    lose(memory, 1);
    memory[2 * P] = 1; /* awake, and remembered */
    reset(memory, 4 * P);
    lose(memory, 2);
    undo(memory + 3 * P, P, false);
    undo(memory, 3 * P, true);
    release(memory);
}
END_TEST

START_TEST(now_drops_at_once_and_says_so)
{
    char *memory = allocate(8 * P);
    setenv("WINMEM_RETURN", "now", 1);
    memory[77] = 0;
    reset(memory, 8 * P);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(memory[i * P + 77], 0);
    undo(memory, P, false); /* was zero */
    memory[P] = 1;
    undo(memory + P, 7 * P, true);
    release(memory);
}
END_TEST

START_TEST(keep_gives_nothing_away)
{
    char *memory = allocate(8 * P);
    setenv("WINMEM_RETURN", "keep", 1);
    reset(memory, 8 * P);
    ck_assert_int_eq(madvise(memory, 8 * P, MADV_PAGEOUT), 0);
    undo(memory, 8 * P, false);
    check(memory, 0, 8);
    release(memory);
}
END_TEST

START_TEST(a_test_decides_what_is_lost)
{
    static const char *const modes[] = {"lazy", "now", "keep"};
    setenv("WINMEM_OFFER_DISCARD", "all", 1);
    for (unsigned i = 0; i < 3; i++) {
        char *memory = allocate(8 * P);
        setenv("WINMEM_RETURN", modes[i], 1);
        reset(memory, 8 * P);
        ck_assert_int_eq(memory[5 * P + 77], 0);
        undo(memory, 8 * P, true);
        release(memory);
    }
    setenv("WINMEM_RETURN", "lazy", 1);
    setenv("WINMEM_OFFER_DISCARD", "<=4", 1); /* of offers only */
    char *memory = allocate(8 * P);
    reset(memory, 8 * P);
    undo(memory, 8 * P, false);
    setenv("WINMEM_OFFER_DISCARD", "seed:7", 1);
    unsigned lost = 0;
    reset(memory, 8 * P);
    for (unsigned i = 0; i < 8; i++)
        lost += memory[i * P + 77] == 0;
    ck_assert(lost > 0 && lost < 8);
    undo(memory, 8 * P, true);
    release(memory);
}
END_TEST

START_TEST(other_calls_meet_what_sleeps)
{
    char *memory = allocate(16 * P);
    DWORD old;
    reset(memory, 16 * P);
    lose(memory, 2);
    ck_assert(VirtualProtect(memory, 4 * P, PAGE_READONLY, &old));
    ck_assert(mm_space_is_valid());
    check(memory, 3, 4);
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 4 * P, 2 * P, MEM_COMMIT, PAGE_EXECUTE_READWRITE));
    ck_assert_uint_eq(DiscardVirtualMemory(memory + 6 * P, P), 0);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 12 * P, VmOfferPriorityNormal), 0);
    ck_assert_ptr_null(VirtualAlloc(memory, P, MEM_RESET, PAGE_READWRITE));
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_ADDRESS);
    ck_assert_ptr_null(VirtualAlloc(memory, P, MEM_RESET_UNDO, PAGE_READWRITE));
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 12 * P), 0); /* lost before it was offered */
    ck_assert(mm_space_is_valid());
    undo(memory + 3 * P, 3 * P, false);
    undo(memory + 6 * P, P, true); /* discarded */
    undo(memory + 7 * P, 9 * P, false);
    undo(memory, 3 * P, true);
    reset(memory, 16 * P); /* read-only pages stay what they are */
    ck_assert(VirtualFree(memory + 8 * P, 4 * P, MEM_DECOMMIT));
    ck_assert(mm_space_is_valid());
    ck_assert_ptr_null(VirtualAlloc(memory, 16 * P, MEM_RESET_UNDO, PAGE_READWRITE));
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_ADDRESS);
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 8 * P, 4 * P, MEM_COMMIT, PAGE_READWRITE));
    memory[9 * P] = 1;
    undo(memory, 16 * P, false);
    release(memory);
}
END_TEST

START_TEST(what_an_offer_loses_of_a_reset_is_told_twice)
{
    static const char *const modes[] = {"lazy", "keep", "now"};
    for (unsigned i = 0; i < 3; i++) {
        char *memory = allocate(16 * P);
        setenv("WINMEM_RETURN", "lazy", 1);
        reset(memory + 4 * P, 8 * P);
        lose(memory, 5); /* by the reset alone */
        setenv("WINMEM_RETURN", modes[i], 1);
        ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * P, VmOfferPriorityNormal), 0);
        ck_assert(mm_space_is_valid());
        if (i < 2) {
            lose(memory, 2);
            lose(memory, 9);
        }
        /* of the other priority, and in two parts */
        ck_assert_uint_eq(OfferVirtualMemory(memory, 10 * P, VmOfferPriorityVeryLow), 0);
        ck_assert_uint_eq(ReclaimVirtualMemory(memory + 4 * P, 2 * P), i < 2 ? 0 : ERROR_BUSY);
        if (i < 2) /* all but one page that was lost before are there */
            check(memory, 4, 5);
        ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * P), ERROR_BUSY);
        ck_assert(mm_space_is_valid());
        undo(memory, 4 * P, false); /* which were offered only */
        undo(memory + 12 * P, 4 * P, false);
        undo(memory + 5 * P, P, true);
        undo(memory + 6 * P, 3 * P, i == 2);
        memory[9 * P] = 1; /* too late */
        undo(memory + 9 * P, P, true);
        undo(memory, 16 * P, i == 2);
        undo(memory, 16 * P, false);
        release(memory);
    }
}
END_TEST

START_TEST(an_offer_that_kept_all_is_not_the_last)
{
    char *memory = allocate(16 * P);
    reset(memory, 16 * P);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * P, VmOfferPriorityLow), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * P), 0);
    check(memory, 0, 16);
    /* awake, and nobody has written to it: there is no other time to tell that it is gone */
    ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * P, VmOfferPriorityLow), 0);
    lose(memory, 1);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * P), ERROR_BUSY);
    undo(memory + 2 * P, 14 * P, false);
    undo(memory, 2 * P, true);
    undo(memory, 16 * P, false);
    /* undone: a loss by an offer now is the offer's alone */
    ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * P, VmOfferPriorityLow), 0);
    lose(memory, 3);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * P), ERROR_BUSY);
    undo(memory, 16 * P, false);
    release(memory);
}
END_TEST

/* A write wakes its surroundings, which are offered then: their loss is still the undo's to tell. */
START_TEST(a_neighbour_that_was_woken_is_offered_and_lost)
{
    static const char *const modes[] = {"lazy", "keep", "now"};
    for (unsigned i = 0; i < 3; i++) {
        char *memory = allocate(16 * P);
        setenv("WINMEM_RETURN", "lazy", 1);
        reset(memory, 8 * P);
        memory[3 * P + 77] = 100; /* all of the eight pages are awake */
        reset(memory + 12 * P, 2 * P);
        lose(memory, 12);
        memory[12 * P] = 1; /* awake, and one of the two is lost */
        setenv("WINMEM_RETURN", modes[i], 1);
        ck_assert_uint_eq(OfferVirtualMemory(memory, 16 * P, VmOfferPriorityLow), 0);
        ck_assert(mm_space_is_valid());
        if (i < 2) {
            lose(memory, 5);
            lose(memory, 9);
            lose(memory, 13);
        }
        ck_assert_uint_eq(ReclaimVirtualMemory(memory, 16 * P), ERROR_BUSY);
        undo(memory + 4 * P, P, i == 2);
        undo(memory + 5 * P, P, true);
        undo(memory + 8 * P, 4 * P, false); /* never was reset */
        undo(memory + 12 * P, P, true);
        undo(memory + 13 * P, P, true);
        undo(memory + 14 * P, 2 * P, false);
        release(memory);
    }
}
END_TEST

/* Where nothing sleeps, a reset still makes a loss by an offer the undo's to tell. */
START_TEST(what_never_slept_is_offered_and_lost)
{
    static const char *const modes[] = {"keep", "lazy"};
    for (unsigned i = 0; i < 2; i++) {
        DWORD old;
        char *memory = allocate(4 * P);
        setenv("WINMEM_RETURN", modes[i], 1);
        ck_assert(VirtualProtect(memory, 4 * P, PAGE_READONLY, &old));
        reset(memory, 2 * P);
        ck_assert_uint_eq(OfferVirtualMemory(memory, 4 * P, VmOfferPriorityLow), 0);
        lose(memory, 1);
        lose(memory, 2);
        ck_assert_uint_eq(ReclaimVirtualMemory(memory, 4 * P), ERROR_BUSY);
        undo(memory, P, false);
        undo(memory + 2 * P, 2 * P, false);
        undo(memory, 2 * P, true);
        release(memory);
    }
}
END_TEST

/* A guard page that was reset and lost, as _resetstkoflw puts one where the stack had grown. */
START_TEST(a_stack_that_grows_remembers_what_was_lost)
{
    char *memory = VirtualAlloc(NULL, 64 * P, MEM_RESERVE, PAGE_READWRITE);
    DWORD old;
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 60 * P, 4 * P, MEM_COMMIT, PAGE_READWRITE));
    memset(memory + 60 * P, 1, 4 * P);
    reset(memory + 60 * P, 3 * P);
    lose(memory, 62);
    memory[62 * P] = 1;
    ck_assert(VirtualProtect(memory + 62 * P, P, PAGE_READWRITE | PAGE_GUARD, &old));
    reset(memory + 60 * P, 2 * P); /* below the stack something sleeps */
    struct mm_stack stack = {.base = (uint64_t)memory + 64 * P,
                             .limit = (uint64_t)memory + 63 * P,
                             .floor = (uint64_t)memory};
    mm_thread_stack = &stack;
    __asm__ volatile("" ::: "memory"); /* a fault reads it */
    *(volatile char *)(memory + 62 * P) = 2;
    *(volatile char *)(memory + 61 * P) = 2;
    *(volatile char *)(memory + 58 * P) = 2;
    __asm__ volatile("" ::: "memory");
    mm_thread_stack = NULL;
    ck_assert_uint_eq(stack.limit, (uint64_t)memory + 58 * P);
    ck_assert(mm_space_is_valid());
    undo(memory + 60 * P, 2 * P, false);
    undo(memory + 62 * P, P, true);
    release(memory);
}
END_TEST

START_TEST(released_asleep)
{
    char *memory = allocate(16 * P);
    reset(memory + P, 4 * P);
    release(memory);
    memory = allocate(16 * P); /* likely the same place */
    memory[P] = 1;
    release(memory);
}
END_TEST

START_TEST(memory_of_several_protections)
{
    char *memory = allocate(8 * P);
    DWORD old;
    ck_assert(VirtualProtect(memory + 2 * P, P, PAGE_NOACCESS, &old));
    ck_assert(VirtualProtect(memory + 4 * P, P, PAGE_READWRITE | PAGE_GUARD, &old));
    ck_assert(VirtualProtect(memory + 6 * P, P, PAGE_EXECUTE_READWRITE, &old));
    reset(memory, 8 * P);
    lose(memory, 6);
    undo(memory, 6 * P, false);
    undo(memory + 6 * P, P, true);
    undo(memory, 8 * P, false);
    MEMORY_BASIC_INFORMATION info;
    ck_assert_uint_eq(VirtualQuery(memory + 4 * P, &info, sizeof info), sizeof info);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE | PAGE_GUARD);
    release(memory);
}
END_TEST

START_TEST(before_the_kernel_writes)
{
    char *memory = allocate(8 * MIB);
    int pipes[2];
    reset(memory, 8 * MIB);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    mm_will_write((uint64_t)memory + 3 * MIB + 1, 1);
    ck_assert_int_eq(read(pipes[0], memory + 3 * MIB + 1, 1), 1);
    ck_assert_int_eq(memory[3 * MIB + 1], 'x');
    ck_assert(mm_space_is_valid());
    release(memory);
}
END_TEST

/* Without the right to pin, a write may lose its surroundings, but the answer is right. */
static int no_pin(uint64_t address, uint64_t size)
{
    (void)address, (void)size;
    return -1;
}

START_TEST(who_cannot_pin_loses_for_certain)
{
    static struct host_ops without;
    char *memory = allocate(64 * P);
    const struct host_ops *real = host;
    without = *real;
    without.pin = no_pin;
    reset(memory, 64 * P);
    host = &without;
    __asm__ volatile("" ::: "memory");
    *(volatile char *)(memory + 20 * P) = 1;
    __asm__ volatile("" ::: "memory"); /* the host is replaced until here */
    host = real;
    ck_assert_int_eq(memory[20 * P + 77], 0);
    check(memory, 48, 64); /* another part */
    undo(memory + 20 * P, P, true);
    undo(memory + 48 * P, 16 * P, false);
    release(memory);
}
END_TEST

/* Two threads write all of it while it is reset and undone: no write is lost. */
static char *arena;

static void *write_on(void *word)
{
    volatile char *mine = arena + (uintptr_t)word;
    for (unsigned round = 0; round < 200; round++)
        for (unsigned page = 0; page < 256; page++) {
            mine[page * P] = (char)round;
            if (mine[page * P] != (char)round)
                return "a write was lost";
        }
    return NULL;
}

START_TEST(writers_lose_nothing)
{
    pthread_t threads[2];
    void *said[2];
    arena = allocate(MIB);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, write_on, (void *)(uintptr_t)(i * 8 + 200)), 0);
    for (unsigned round = 0; round < 300; round++) {
        reset(arena, MIB);
        undo(arena, MIB, false);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &said[i]);
        ck_assert_ptr_null(said[i]);
    }
    check(arena, 0, 256);
    release(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reset");
    TCase *tests = tcase_create("reset");
    SRunner *runner = srunner_create(suite);
    tcase_add_checked_fixture(tests, use_lazy, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, without_a_switch_a_host_program_loses_nothing);
    tcase_add_test(tests, what_is_left_alone_is_intact);
    tcase_add_test(tests, a_lost_page_is_told_once_and_only_where_it_was);
    tcase_add_test(tests, a_page_of_zeros_cannot_be_lost);
    tcase_add_test(tests, a_write_wakes_and_what_was_lost_stays_known);
    tcase_add_test(tests, a_write_wakes_a_part_of_much);
    tcase_add_test(tests, what_woke_is_kept);
    tcase_add_test(tests, a_new_reset_knows_what_is_still_gone);
    tcase_add_test(tests, now_drops_at_once_and_says_so);
    tcase_add_test(tests, keep_gives_nothing_away);
    tcase_add_test(tests, a_test_decides_what_is_lost);
    tcase_add_test(tests, other_calls_meet_what_sleeps);
    tcase_add_test(tests, what_an_offer_loses_of_a_reset_is_told_twice);
    tcase_add_test(tests, an_offer_that_kept_all_is_not_the_last);
    tcase_add_test(tests, a_neighbour_that_was_woken_is_offered_and_lost);
    tcase_add_test(tests, what_never_slept_is_offered_and_lost);
    tcase_add_test(tests, a_stack_that_grows_remembers_what_was_lost);
    tcase_add_test(tests, released_asleep);
    tcase_add_test(tests, memory_of_several_protections);
    tcase_add_test(tests, before_the_kernel_writes);
    tcase_add_test(tests, who_cannot_pin_loses_for_certain);
    tcase_add_test(tests, writers_lose_nothing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
