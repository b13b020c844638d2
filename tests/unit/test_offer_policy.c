/* Which offers are held, given to the kernel and dropped: by priority, then by age. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "memoryapi/fault.h"
#include "memoryapi/mm.h"
#include "memoryapi/pressure.h"
#include "tests/unit/suite.h"

#define P    4096u
#define RC   (MEM_RESERVE | MEM_COMMIT)
#define LOST 170u

static char *memory; /* 64 pages, all with contents */

static void start(void)
{
    fault_init();
    unsetenv("WINMEM_RETURN");
    unsetenv("WINMEM_OFFER_DISCARD");
    unsetenv("WINMEM_OFFER_BUDGET");
    unsetenv("WINMEM_AVAILABLE");
    pressure_read_setting();
    memory = VirtualAlloc(NULL, 64 * P, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 7, 64 * P);
}

static void end(void)
{
    struct mm_offers offers;
    ck_assert(mm_space_is_valid());
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    mm_offer_state(&offers);
    ck_assert_uint_eq(offers.held + offers.given + offers.dropped, 0);
}

static void offer(unsigned page, unsigned count, unsigned priority)
{
    ck_assert_uint_eq(OfferVirtualMemory(memory + page * P, count * P, (OFFER_PRIORITY)priority),
                      0);
}

static unsigned reclaim(unsigned page, unsigned count)
{
    unsigned code = ReclaimVirtualMemory(memory + page * P, count * P);
    for (unsigned i = page; code == 0 && i < page + count; i++)
        ck_assert_int_eq(memory[i * P + 5], 7);
    return code;
}

static struct mm_offers state(void)
{
    struct mm_offers offers;
    mm_offer_state(&offers);
    return offers;
}

/* Low ones are given at once, and no thread looks. */
static void give_low_at_once(void)
{
    setenv("WINMEM_AVAILABLE", "1024G", 1);
}

START_TEST(high_priorities_are_held_while_there_is_room)
{
    give_low_at_once();
    offer(0, 8, 4);
    offer(8, 8, 3);
    offer(16, 8, 2);
    offer(24, 8, 1);
    ck_assert_uint_eq(state().held, 16 * P);
    ck_assert_uint_eq(state().given, 16 * P);
    /* as the kernel would: held pages are none that it may drop */
    ck_assert_int_eq(madvise(memory + 16 * P, P, MADV_DONTNEED), 0);
    ck_assert_uint_eq(reclaim(0, 16), 0);
    ck_assert_uint_eq(reclaim(16, 1), LOST);
    ck_assert_uint_eq(reclaim(17, 15), 0);
    ck_assert_uint_eq(state().held + state().given, 0);
}
END_TEST

/* Parts of an allocation that is cut are given up, kept and told about each alone. */
START_TEST(an_offer_across_a_cut)
{
    uint64_t base = (uint64_t)memory + 16 * P, size = 16 * P, head = (uint64_t)memory;
    uint64_t head_size = 4 * P;
    offer(0, 64, 4);
    ck_assert_uint_eq(state().held, 64 * P);
    ck_assert_int_eq(mm_free(&base, &size, MEM_RELEASE), 0);
    ck_assert_uint_eq(state().held, 48 * P);
    ck_assert_int_eq(mm_free(&head, &head_size, MEM_RELEASE), 0);
    ck_assert_uint_eq(state().held, 44 * P);
    char *other = VirtualAlloc(NULL, P, RC, PAGE_READWRITE);
    setenv("WINMEM_OFFER_BUDGET", "140K", 1); /* one of them is enough */
    ck_assert_uint_eq(OfferVirtualMemory(other, P, 4), 0);
    ck_assert_uint_eq(state().dropped, 32 * P);
    ck_assert_uint_eq(state().held, 13 * P);
    ck_assert_uint_eq(reclaim(4, 6), 0);
    setenv("WINMEM_OFFER_BUDGET", "0", 1);
    ck_assert_uint_eq(OfferVirtualMemory(other, P, 4), 0);
    ck_assert_uint_eq(reclaim(10, 6), LOST);
    ck_assert_uint_eq(reclaim(32, 32), LOST);
    ck_assert_uint_eq(state().held + state().given, 0);
    ck_assert(mm_space_is_valid());
    ck_assert(VirtualFree(memory + 4 * P, 0, MEM_RELEASE));
    ck_assert(VirtualFree(other, 0, MEM_RELEASE));
    memory += 32 * P;
}
END_TEST

START_TEST(beyond_the_budget_the_lowest_priority_goes_and_the_oldest_first)
{
    setenv("WINMEM_OFFER_BUDGET", "64K", 1);
    offer(0, 4, 4);
    offer(4, 4, 2);
    offer(8, 4, 1);
    offer(12, 4, 1);
    ck_assert_uint_eq(state().dropped, 0); /* just fits */
    offer(16, 1, 3);
    ck_assert_uint_eq(state().dropped, 4 * P); /* a whole offer */
    offer(20, 8, 3);
    ck_assert_uint_eq(state().dropped, 12 * P);
    ck_assert_uint_eq(state().discards, 12 * P);
    ck_assert_uint_eq(reclaim(8, 4), LOST);
    ck_assert_uint_eq(reclaim(12, 2), LOST);
    ck_assert_uint_eq(reclaim(14, 2), LOST);
    ck_assert_uint_eq(reclaim(4, 4), LOST);
    ck_assert_uint_eq(reclaim(0, 4), 0);
    ck_assert_uint_eq(reclaim(16, 12), 0);
    ck_assert_int_eq(memory[8 * P], 0);
}
END_TEST

START_TEST(without_a_budget_worth_the_name_all_goes_but_zeros)
{
    setenv("WINMEM_OFFER_BUDGET", "0", 1);
    memset(memory + 2 * P, 0, P);
    offer(0, 4, 4);
    ck_assert_uint_eq(reclaim(0, 2), LOST);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + 2 * P, P), 0);
    ck_assert_uint_eq(reclaim(3, 1), LOST);
}
END_TEST

START_TEST(another_priority_is_another_place_in_the_order)
{
    offer(0, 8, 1);
    offer(8, 8, 2);
    offer(2, 4, 4); /* a part of the first */
    ck_assert(mm_space_is_valid());
    setenv("WINMEM_OFFER_BUDGET", "53248", 1); /* 13 pages: the rest of the first is enough */
    offer(16, 1, 4);
    ck_assert_uint_eq(reclaim(0, 2), LOST);
    ck_assert_uint_eq(reclaim(6, 2), LOST);
    ck_assert_uint_eq(reclaim(2, 4), 0);
    ck_assert_uint_eq(reclaim(8, 9), 0);
}
END_TEST

START_TEST(the_same_priority_again_changes_nothing)
{
    offer(0, 4, 2);
    offer(4, 4, 2);
    offer(0, 8, 2);
    setenv("WINMEM_OFFER_BUDGET", "20480", 1);
    offer(8, 1, 4);
    ck_assert_uint_eq(reclaim(4, 5), 0);
    ck_assert_uint_eq(reclaim(0, 4), LOST);
}
END_TEST

/* The thread looks at memory, once more than it has. */
static void look(void)
{
    pressure_look_again();
    usleep(120000);
}

START_TEST(the_lowest_priority_is_held_for_a_moment)
{
    offer(0, 8, 1);
    offer(8, 8, 2);
    offer(16, 8, 3);
    offer(24, 8, 4);
    ck_assert_uint_eq(state().held, 32 * P);
    ck_assert_uint_eq(reclaim(0, 4), 0);
    for (unsigned i = 0; i < 100 && state().given < 4 * P; i++)
        look();
    ck_assert_uint_eq(state().given, 4 * P);
    look();
    look();
    ck_assert_uint_eq(state().held, 24 * P);
    /* as the kernel would, from now on */
    ck_assert_int_eq(madvise(memory + 5 * P, P, MADV_DONTNEED), 0);
    ck_assert_uint_eq(reclaim(4, 1), 0);
    ck_assert_uint_eq(reclaim(5, 1), LOST);
    ck_assert_uint_eq(reclaim(6, 26), 0);
    ck_assert(mm_space_is_valid());
}
END_TEST

/* Not by the look that follows the offer, which may come at once, but by one after it. */
START_TEST(a_moment_lasts_from_look_to_look)
{
    offer(63, 1, 4); /* starts the thread, which looks */
    usleep(100000);
    for (unsigned i = 0; i < 10; i++) {
        offer(0, 8, 1);
        uint64_t start = state().given;
        ck_assert_uint_eq(start, 0);
        look(); /* sees it for the first time; a look of the thread's own is rarer: each second */
        bool held = state().held == 9 * P;
        look();
        bool given = state().given == 8 * P;
        ck_assert_uint_eq(reclaim(0, 8), 0);
        if (held && given)
            break;
        ck_assert_uint_lt(i, 9);
    }
    ck_assert_uint_eq(reclaim(63, 1), 0);
}
END_TEST

START_TEST(a_held_offer_of_low_priority_becomes_the_kernels)
{
    give_low_at_once();
    offer(0, 8, 4);
    offer(0, 8, 1);
    ck_assert_uint_eq(state().held, 0);
    ck_assert_uint_eq(state().given, 8 * P);
    ck_assert_int_eq(madvise(memory, P, MADV_DONTNEED), 0);
    offer(0, 8, 4); /* what may be lost stays so */
    ck_assert_uint_eq(reclaim(0, 1), LOST);
    ck_assert_uint_eq(reclaim(1, 7), 0);
}
END_TEST

START_TEST(parts_that_are_gone_are_not_dropped)
{
    char *other = memory + 32 * P;
    give_low_at_once();
    offer(0, 16, 2);
    ck_assert_uint_eq(reclaim(3, 2), 0);
    ck_assert(VirtualFree(memory + 8 * P, 2 * P, MEM_DECOMMIT));
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 8 * P, 2 * P, MEM_COMMIT, PAGE_READWRITE));
    memory[8 * P] = 1;
    ck_assert_uint_eq(state().given, 12 * P);
    setenv("WINMEM_OFFER_BUDGET", "0", 1);
    ck_assert_uint_eq(OfferVirtualMemory(other, P, VmOfferPriorityNormal), 0);
    ck_assert_int_eq(memory[3 * P], 7);
    ck_assert_int_eq(memory[8 * P], 1);
    ck_assert_uint_eq(reclaim(0, 3), LOST);
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + 3 * P, 2 * P), 0);
    ck_assert_uint_eq(reclaim(15, 1), LOST);
}
END_TEST

START_TEST(a_pretended_shortage_drops_until_there_is_enough)
{
    struct mm_memory now;
    offer(0, 8, 4);
    offer(8, 8, 1);
    setenv("WINMEM_AVAILABLE", "1K", 1);
    pressure_read_setting();
    ck_assert(pressure_read(&now));
    ck_assert_int_eq(now.level, MEMORY_LOW);
    offer(16, 8, 4); /* far from enough, whatever is dropped */
    ck_assert_uint_eq(state().dropped, 24 * P);
    ck_assert_uint_eq(reclaim(0, 24), LOST);
}
END_TEST

START_TEST(a_real_shortage_is_told_by_the_thread)
{
    char name[] = "/tmp/winmem-available-XXXXXX", setting[64];
    int file = mkstemp(name);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pwrite(file, "900G", 4, 0), 4);
    snprintf(setting, sizeof setting, "@%s", name);
    setenv("WINMEM_AVAILABLE", setting, 1);
    pressure_read_setting();
    offer(0, 8, 4);
    offer(8, 8, 3);
    ck_assert_uint_eq(state().held, 16 * P);
    struct mm_memory now;
    ck_assert(pressure_read(&now));
    char text[32];
    int length = snprintf(text, sizeof text, "%lu", now.high - P); /* in the middle */
    ck_assert_int_eq(pwrite(file, text, (size_t)length, 0), length);
    for (unsigned i = 0; i < 1000 && state().held; i++)
        usleep(10000);
    ck_assert_uint_eq(state().held, 0);
    ck_assert_uint_eq(state().given, 16 * P);
    ck_assert_int_eq(ftruncate(file, 0), 0);
    ck_assert_int_eq(pwrite(file, "1K", 2, 0), 2);
    for (unsigned i = 0; i < 1000 && state().given; i++)
        usleep(10000);
    ck_assert_uint_eq(state().dropped, 16 * P);
    ck_assert_uint_eq(reclaim(0, 16), LOST);
    unlink(name);
    close(file);
}
END_TEST

START_TEST(the_switch_keeps_or_drops_at_once)
{
    setenv("WINMEM_RETURN", "keep", 1);
    offer(0, 8, 1);
    ck_assert_uint_eq(state().held, 8 * P);
    ck_assert_uint_eq(reclaim(0, 8), 0);
    setenv("WINMEM_RETURN", "now", 1);
    offer(0, 8, 4);
    ck_assert_uint_eq(state().dropped, 8 * P);
    ck_assert_uint_eq(reclaim(0, 8), LOST);
}
END_TEST

START_TEST(released_while_offered)
{
    char *gone = VirtualAlloc(NULL, 16 * P, RC, PAGE_READWRITE);
    ck_assert_uint_eq(OfferVirtualMemory(gone, 4 * P, VmOfferPriorityVeryLow), 0);
    ck_assert_uint_eq(OfferVirtualMemory(gone + 8 * P, 4 * P, VmOfferPriorityNormal), 0);
    ck_assert(VirtualFree(gone, 0, MEM_RELEASE));
    ck_assert_uint_eq(state().given + state().held, 0);
    setenv("WINMEM_OFFER_BUDGET", "0", 1);
    offer(0, 1, 1);
    ck_assert_uint_eq(reclaim(0, 1), LOST);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("offer_policy");
    tcase_add_checked_fixture(tests, start, end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, high_priorities_are_held_while_there_is_room);
    tcase_add_test(tests, the_lowest_priority_is_held_for_a_moment);
    tcase_add_test(tests, a_moment_lasts_from_look_to_look);
    tcase_add_test(tests, an_offer_across_a_cut);
    tcase_add_test(tests, beyond_the_budget_the_lowest_priority_goes_and_the_oldest_first);
    tcase_add_test(tests, without_a_budget_worth_the_name_all_goes_but_zeros);
    tcase_add_test(tests, another_priority_is_another_place_in_the_order);
    tcase_add_test(tests, the_same_priority_again_changes_nothing);
    tcase_add_test(tests, a_held_offer_of_low_priority_becomes_the_kernels);
    tcase_add_test(tests, parts_that_are_gone_are_not_dropped);
    tcase_add_test(tests, a_pretended_shortage_drops_until_there_is_enough);
    tcase_add_test(tests, a_real_shortage_is_told_by_the_thread);
    tcase_add_test(tests, the_switch_keeps_or_drops_at_once);
    tcase_add_test(tests, released_while_offered);
    return suite_run("offer_policy", tests);
}
