/* Guarded copies, and faults that belong to somebody else. */
#include <check.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <winmem/memoryapi.h>
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/guarded.h"

static char *page(int protection)
{
    return mmap(NULL, PAGE_SIZE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

START_TEST(good_memory_is_copied)
{
    char from[100], to[100];
    for (unsigned size = 0; size <= sizeof from; size++) {
        for (unsigned i = 0; i < sizeof from; i++)
            from[i] = (char)(i + size);
        memset(to, 0, sizeof to);
        ck_assert(guarded_copy(to, from, size));
        ck_assert_mem_eq(to, from, size);
        for (unsigned i = size; i < sizeof to; i++)
            ck_assert_int_eq(to[i], 0);
    }
}
END_TEST

START_TEST(bad_memory_gives_false)
{
    char *none = page(PROT_NONE), *readonly = page(PROT_READ);
    char buffer[64] = "x";
    for (unsigned size = 1; size <= sizeof buffer; size++) {
        ck_assert(!guarded_read(none, buffer, size));
        ck_assert(!guarded_write(none, buffer, size));
        ck_assert(!guarded_write(readonly, buffer, size));
        ck_assert(guarded_read(readonly, buffer, size));
    }
    ck_assert(!guarded_read(NULL, buffer, 8));
    ck_assert(!guarded_read((void *)0x8000000000000000ull, buffer, 8));
    ck_assert(!guarded_write((void *)~0ull, buffer, 1));
}
END_TEST

START_TEST(a_copy_stops_at_the_bad_page)
{
    char *two =
        mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char buffer[100];
    mprotect(two + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
    memset(buffer, 'b', sizeof buffer);
    ck_assert(!guarded_write(two + PAGE_SIZE - 50, buffer, sizeof buffer));
    ck_assert(guarded_write(two + PAGE_SIZE - 50, buffer, 50));
    ck_assert_int_eq(two[PAGE_SIZE - 1], 'b');
}
END_TEST

/* Two pages, of which the second cannot be read. */
static char *page_with_end(void)
{
    char *two =
        mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(two + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
    return two;
}

START_TEST(lengths_at_every_place)
{
    char *end = page_with_end() + PAGE_SIZE;
    size_t length;
    for (unsigned size = 0; size < 70; size++)
        for (unsigned before_end = size + 1; before_end < size + 34; before_end++) {
            char *string = end - before_end;
            memset(end - 200, 0, 200); /* zeros before and after the string */
            memset(string, 'x', size);
            length = 4711;
            ck_assert(guarded_length(string, &length));
            ck_assert_uint_eq(length, size);
        }
    for (unsigned size = 0; size < 70; size++)
        for (unsigned before_end = 2 * size + 2; before_end < 2 * size + 36; before_end++) {
            char *string = end - before_end;
            memset(end - 200, 0, 200);
            for (unsigned i = 0; i < size; i++) /* no unit is 0, every second byte may be */
                memcpy(string + 2 * i, i % 2 ? "\0x" : "x\0", 2);
            length = 4711;
            ck_assert(guarded_wide_length((const uint16_t *)string, &length));
            ck_assert_uint_eq(length, size);
        }
}
END_TEST

START_TEST(no_length_without_an_end)
{
    char *end = page_with_end() + PAGE_SIZE;
    size_t length = 4711;
    memset(end - 200, 'x', 200);
    for (unsigned before_end = 0; before_end < 40; before_end++) {
        ck_assert(!guarded_length(end - before_end, &length));
        ck_assert(!guarded_wide_length((const uint16_t *)(end - before_end), &length));
    }
    ck_assert(!guarded_length((const char *)8, &length));
    ck_assert(!guarded_wide_length((const uint16_t *)0x8000000000000000ull, &length));
    ck_assert_uint_eq(length, 4711);
}
END_TEST

static sigjmp_buf back;
static void *volatile where;

static void host_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    where = info->si_addr;
    siglongjmp(back, 1);
}

START_TEST(other_faults_reach_the_handler_that_was_there)
{
    struct sigaction action = {.sa_sigaction = host_handler, .sa_flags = SA_SIGINFO};
    char *none = page(PROT_NONE);
    sigaction(SIGSEGV, &action, NULL);
    fault_init();
    for (volatile unsigned i = 0; i < 3; i++) {
        where = NULL;
        if (sigsetjmp(back, 1) == 0) {
            none[i] = 1;
            ck_abort_msg("the write went through");
        }
        ck_assert_ptr_eq(where, none + i);
    }
}
END_TEST

/* The guard is gone after the first access, so a second try would go through in silence. */
START_TEST(a_guard_that_nobody_handles_ends_the_program)
{
    char *page =
        VirtualAlloc(NULL, PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    ck_assert_ptr_nonnull(page);
    *(volatile char *)page = 1;
    ck_abort_msg("the access went through");
}
END_TEST

START_TEST(without_a_handler_the_default_happens)
{
    fault_init();
    *(volatile char *)page(PROT_NONE) = 1;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guarded");
    TCase *tests = tcase_create("guarded");
    tcase_add_checked_fixture(tests, fault_init, NULL);
    tcase_add_test(tests, good_memory_is_copied);
    tcase_add_test(tests, bad_memory_gives_false);
    tcase_add_test(tests, a_copy_stops_at_the_bad_page);
    tcase_add_test(tests, lengths_at_every_place);
    tcase_add_test(tests, no_length_without_an_end);
    suite_add_tcase(suite, tests);
    TCase *bare = tcase_create("host handlers");
    tcase_add_test(bare, other_faults_reach_the_handler_that_was_there);
    tcase_add_test_raise_signal(bare, a_guard_that_nobody_handles_ends_the_program, SIGSEGV);
    tcase_add_test_raise_signal(bare, without_a_handler_the_default_happens, SIGSEGV);
    suite_add_tcase(suite, bare);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
