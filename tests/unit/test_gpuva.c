/* The books of GPU addresses: the numbered pictures of gpuva.h, and where ranges are found. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/gpuva.h"

#define PAGES   16u
#define BASE    (GPUVA_FIRST + 16 * PAGE_SIZE)
#define WRITE   1
#define LETTERS 26u

static struct gpuva space;
static struct kmt_link memories[LETTERS]; /* a to z */

static void begin(void)
{
    gpuva_init(&space, GPUVA_END);
    for (unsigned i = 0; i < LETTERS; i++)
        link_init(&memories[i]);
}

static void end(void)
{
    ck_assert(gpuva_is_valid(&space, 2));
    gpuva_fini(&space);
    for (unsigned i = 0; i < LETTERS; i++)
        ck_assert(link_is_empty(&memories[i]));
}

static uint64_t at(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

/* Page n of a memory is mapped at page n, unless `offset` says otherwise. */
static struct gpuva_operation set(unsigned page, unsigned count, char letter)
{
    struct gpuva_operation operation = {.address = at(page), .size = count * PAGE_SIZE};
    if (letter >= 'a') {
        operation.content.memory = &memories[letter - 'a'];
        operation.content.offset = page * PAGE_SIZE;
        operation.content.protection = WRITE;
    } else {
        operation.content.state = letter == '.' ? GPUVA_ZERO : GPUVA_NO_ACCESS;
    }
    return operation;
}

static void put(unsigned page, unsigned count, char letter)
{
    const struct gpuva_operation operation = set(page, count, letter);
    ck_assert_int_eq(gpuva_update(&space, &operation, 1), STATUS_SUCCESS);
    ck_assert(gpuva_is_valid(&space, 2));
}

static void copy(unsigned from, unsigned count, unsigned to)
{
    const struct gpuva_operation operation = {
        .copy = true, .address = at(to), .size = count * PAGE_SIZE, .source = at(from)};
    ck_assert_int_eq(gpuva_update(&space, &operation, 1), STATUS_SUCCESS);
    ck_assert(gpuva_is_valid(&space, 2));
}

/* A reservation with the pieces of the picture. */
static void draw(const char *picture)
{
    uint64_t address;
    const struct gpuva_wish wish = {.base = BASE, .size = PAGES * PAGE_SIZE, .alignment = 65536};
    begin();
    ck_assert_int_eq(gpuva_reserve(&space, &wish, GPUVA_ZERO, &address), STATUS_SUCCESS);
    ck_assert_uint_eq(address, BASE);
    for (unsigned i = 0, count; picture[i]; i += count) {
        for (count = 1; picture[i + count] == picture[i];)
            count++;
        if (picture[i] != '.')
            put(i, count, picture[i]);
    }
}

static char letter_of(unsigned page)
{
    struct gpuva_seen seen;
    if (!gpuva_look(&space, at(page), &seen))
        return ' ';
    if (seen.content.memory)
        return (char)('a' + (seen.content.memory - memories));
    return seen.content.state == GPUVA_ZERO ? '.' : '!';
}

static uint64_t offset_of(unsigned page)
{
    struct gpuva_seen seen;
    ck_assert(gpuva_look(&space, at(page), &seen));
    return seen.content.offset / PAGE_SIZE;
}

static unsigned pieces(void)
{
    unsigned count = 0;
    for (const struct gpuva_piece *piece = gpuva_first_piece(&space, 0); piece;
         piece = gpuva_next_piece(piece))
        count++;
    return count;
}

static void shows(const char *picture, unsigned count)
{
    char seen[PAGES + 1] = "";
    for (unsigned i = 0; picture[i]; i++)
        seen[i] = letter_of(i);
    ck_assert_str_eq(seen, picture);
    ck_assert_uint_eq(pieces(), count);
}

/* Every page of a memory is where it was put. */
static void shows_all(const char *picture, unsigned count)
{
    shows(picture, count);
    for (unsigned i = 0; picture[i]; i++)
        if (picture[i] >= 'a')
            ck_assert_uint_eq(offset_of(i), i);
}

START_TEST(picture_1_where_nothing_is)
{
    draw("......");
    put(1, 4, 'n');
    shows_all(".nnnn.", 1);
    end();
}
END_TEST

START_TEST(picture_2_just_one)
{
    draw("oooooo");
    put(0, 6, 'n');
    shows_all("nnnnnn", 1);
    ck_assert(link_is_empty(&memories['o' - 'a']));
    end();
}
END_TEST

START_TEST(picture_3_the_beginning_of_one)
{
    draw("oooooo");
    put(0, 3, 'n');
    shows_all("nnnooo", 2);
    end();
}
END_TEST

START_TEST(picture_4_the_end_of_one)
{
    draw("oooooo");
    put(3, 3, 'n');
    shows_all("ooonnn", 2);
    end();
}
END_TEST

START_TEST(picture_5_the_middle_of_one)
{
    draw("oooooo");
    put(2, 2, 'n');
    shows_all("oonnoo", 3);
    end();
}
END_TEST

START_TEST(picture_6_several_and_what_is_between)
{
    draw("ooopp.");
    put(0, 6, 'n');
    shows_all("nnnnnn", 1);
    ck_assert(link_is_empty(&memories['p' - 'a']));
    end();
}
END_TEST

START_TEST(picture_7_an_end_and_a_beginning)
{
    draw("oooppp");
    put(2, 2, 'n');
    shows_all("oonnpp", 3);
    end();
}
END_TEST

START_TEST(picture_8_continues_the_one_before)
{
    draw("ooo...");
    put(3, 3, 'o');
    shows_all("oooooo", 1);
    end();
}
END_TEST

START_TEST(picture_9_continues_into_the_one_behind)
{
    draw("...ooo");
    put(0, 3, 'o');
    shows_all("oooooo", 1);
    end();
}
END_TEST

START_TEST(picture_10_continues_both)
{
    draw("oo..oo");
    put(2, 2, 'o');
    shows_all("oooooo", 1);
    end();
}
END_TEST

START_TEST(picture_11_the_same_again)
{
    draw("oooooo");
    put(2, 2, 'o');
    shows_all("oooooo", 1);
    end();
}
END_TEST

START_TEST(picture_12_the_state_of_the_range)
{
    draw("oooooo");
    put(2, 2, '.');
    shows_all("oo..oo", 2);
    put(0, 2, '!');
    shows_all("!!..oo", 2);
    put(1, 1, '.');
    shows_all("!...oo", 2);
    end();
}
END_TEST

START_TEST(picture_13_what_repeats_keeps_its_phase)
{
    struct gpuva_operation repeat = set(0, 6, 'o');
    const uint64_t expected[] = {7, 8, 2, 3, 7, 8};
    draw("......");
    repeat.content.offset = 7 * PAGE_SIZE;
    repeat.content.period = 2 * PAGE_SIZE;
    ck_assert_int_eq(gpuva_update(&space, &repeat, 1), STATUS_SUCCESS);
    put(2, 2, 'n');
    shows("oonnoo", 3);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(offset_of(i), expected[i]);
    put(4, 1, '.');
    ck_assert_uint_eq(offset_of(5), 8);
    ck_assert_int_eq(gpuva_update(&space, &repeat, 1), STATUS_SUCCESS);
    shows("oooooo", 1);
    end();
}
END_TEST

START_TEST(what_differs_stays_apart)
{
    struct gpuva_operation next = set(3, 3, 'o');
    draw("ooo...");
    next.content.protection = 0;
    ck_assert_int_eq(gpuva_update(&space, &next, 1), STATUS_SUCCESS);
    shows("oooooo", 2);
    next = set(3, 3, 'o');
    next.content.offset = 0;
    ck_assert_int_eq(gpuva_update(&space, &next, 1), STATUS_SUCCESS);
    shows("oooooo", 2);
    next.content.offset = 3 * PAGE_SIZE;
    next.content.period = PAGE_SIZE;
    ck_assert_int_eq(gpuva_update(&space, &next, 1), STATUS_SUCCESS);
    shows("oooooo", 2);
    end();
}
END_TEST

START_TEST(picture_14_copy)
{
    draw("oo.p..");
    copy(1, 3, 3);
    shows("oo.o.p", 3);
    ck_assert_uint_eq(offset_of(3), 1);
    ck_assert_uint_eq(offset_of(5), 3);
    end();
    draw("oo.p..");
    copy(1, 1, 3);
    shows("oo.o..", 2);
    end();
}
END_TEST

START_TEST(picture_15_copy_onto_its_own_end)
{
    const uint64_t expected[] = {0, 1, 0, 1, 0, 5};
    draw("op.q.q");
    copy(0, 4, 2); /* 0 1 . 3 onto 2 to 5 */
    shows("opop.q", 5);
    ck_assert_uint_eq(offset_of(5), 3);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(offset_of(i), expected[i]);
    end();
}
END_TEST

START_TEST(picture_16_copy_onto_its_own_beginning)
{
    const uint64_t expected[] = {2, 3, 0, 5, 0, 5};
    draw("..op.q");
    copy(2, 4, 0);
    shows("op.q.q", 4);
    for (unsigned i = 0; i < 6; i++)
        if (letter_of(i) != '.')
            ck_assert_uint_eq(offset_of(i), expected[i]);
    end();
}
END_TEST

START_TEST(later_operations_win) /* KMT-362 */
{
    struct gpuva_operation list[12];
    draw("......");
    for (unsigned i = 0; i < 12; i++)
        list[i] = set(i / 2, 2, i % 2 ? 'n' : 'o');
    ck_assert_int_eq(gpuva_update(&space, list, 12), STATUS_SUCCESS);
    shows_all("nnnnnnn", 1);
    end();
}
END_TEST

/* --- ranges --- */

static NTSTATUS reserve(uint64_t base, uint64_t pages, uint64_t minimum, uint64_t maximum,
                        uint64_t *ret_address)
{
    const struct gpuva_wish wish = {.base = base,
                                    .minimum = minimum,
                                    .maximum = maximum,
                                    .size = pages * PAGE_SIZE,
                                    .alignment = 65536};
    NTSTATUS status = gpuva_reserve(&space, &wish, GPUVA_NO_ACCESS, ret_address);
    ck_assert(gpuva_is_valid(&space, 2));
    return status;
}

static NTSTATUS map(uint64_t base, uint64_t pages, char letter, uint64_t *ret_address)
{
    const struct gpuva_wish wish = {
        .base = base, .size = pages * PAGE_SIZE, .alignment = PAGE_SIZE};
    struct gpuva_operation operation = set(0, 1, letter);
    NTSTATUS status = gpuva_map(&space, &wish, &operation.content, ret_address);
    ck_assert(gpuva_is_valid(&space, 2));
    return status;
}

START_TEST(the_lowest_place_is_chosen)
{
    uint64_t a, b, c, d;
    begin();
    ck_assert_int_eq(reserve(0, 16, 0, 0, &a), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(0, 32, 0, 0, &b), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(0, 16, 0, 0, &c), STATUS_SUCCESS);
    ck_assert_uint_eq(a, GPUVA_FIRST); /* KMT-344 */
    ck_assert_uint_eq(b, a + 0x10000);
    ck_assert_uint_eq(c, b + 0x20000);
    ck_assert_int_eq(gpuva_free(&space, b, 0x20000), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(0, 48, 0, 0, &d), STATUS_SUCCESS);
    ck_assert_uint_eq(d, c + 0x10000);
    ck_assert_int_eq(reserve(0, 16, 0, 0, &b), STATUS_SUCCESS);
    ck_assert_uint_eq(b, a + 0x10000);
    ck_assert_int_eq(map(0, 3, 'a', &d), STATUS_SUCCESS);
    ck_assert_uint_eq(d, b + 0x10000);
    ck_assert_int_eq(reserve(0, 16, 0, 0, &b), STATUS_SUCCESS); /* 13 pages are too few */
    ck_assert_uint_eq(b, c + 0x40000);
    end();
}
END_TEST

START_TEST(limits_are_kept) /* KMT-342, 386 */
{
    uint64_t a, untouched = 77;
    begin();
    ck_assert_int_eq(reserve(0, 16, 0x500000, 0x510000, &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, 0x500000);
    ck_assert_int_eq(reserve(0, 16, 0x500000, 0x510000, &untouched),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    ck_assert_int_eq(reserve(0, 32, 0x4F0000, 0x510000, &untouched),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    ck_assert_int_eq(reserve(0, 16, 0x600000, 0x500000, &untouched),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    ck_assert_int_eq(reserve(0, 16, GPUVA_END - 0x8000, 0, &untouched),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    ck_assert_int_eq(reserve(0, 16, 0 - 0x10000ull, 0, &untouched),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    ck_assert_uint_eq(untouched, 77);
    ck_assert_int_eq(reserve(0, 16, 0x4F8000, 0, &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, 0x510000);
    ck_assert_int_eq(reserve(0, 16, GPUVA_END - 0x10000, 0, &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, GPUVA_END - 0x10000);
    end();
}
END_TEST

START_TEST(a_base_is_taken_or_refused) /* KMT-341, 343 */
{
    uint64_t a, untouched = 77;
    begin();
    ck_assert_int_eq(reserve(0x100000, 32, 0x700000, 0x600000, &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, 0x100000);
    ck_assert_int_eq(reserve(0x110000, 16, 0, 0, &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(reserve(0xF0000, 32, 0, 0, &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(reserve(0xF0000, 64, 0, 0, &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(reserve(GPUVA_END - 0x10000, 32, 0, 0, &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(reserve(0 - 0x10000ull, 32, 0, 0, &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(untouched, 77);
    ck_assert_int_eq(reserve(0xF0000, 16, 0, 0, &a), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(0x120000, 16, 0, 0, &a), STATUS_SUCCESS);
    end();
}
END_TEST

START_TEST(only_a_whole_range_is_freed) /* KMT-357, 358, 360 */
{
    uint64_t a, b;
    begin();
    ck_assert_int_eq(reserve(0, 32, 0, 0, &a), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(0, 16, 0, 0, &b), STATUS_SUCCESS);
    ck_assert_int_eq(gpuva_free(&space, a, 0x10000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(gpuva_free(&space, a + 0x10000, 0x10000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(gpuva_free(&space, a, 0x30000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(gpuva_free(&space, 0, 0x10000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(gpuva_free(&space, a, 0x20000), STATUS_SUCCESS);
    ck_assert_int_eq(gpuva_free(&space, a, 0x20000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(reserve(a, 16, 0, 0, &b), STATUS_SUCCESS);
    end();
}
END_TEST

START_TEST(maps_lie_in_one_range_or_none) /* KMT-347, 348, 350 */
{
    uint64_t a, untouched = 77;
    begin();
    ck_assert_int_eq(reserve(BASE, 16, 0, 0, &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(15), 2, 'o', &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(map(at(0) - PAGE_SIZE, 2, 'o', &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(untouched, 77);
    ck_assert_int_eq(map(at(16), 4, 'p', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(15), 2, 'o', &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(map(at(17), 2, '.', &untouched), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(map(at(17), 2, 'o', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(1), 2, '.', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(2), 2, 'o', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(20), 1, '.', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(20), 1, '!', &untouched), STATUS_INVALID_PARAMETER);
    char seen[22] = "";
    for (unsigned i = 0; i < 21; i++)
        seen[i] = letter_of(i);
    ck_assert_str_eq(seen, "!.oo!!!!!!!!!!!!poop.");
    ck_assert_int_eq(gpuva_free(&space, at(17), 2 * PAGE_SIZE), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(gpuva_free(&space, at(16), 4 * PAGE_SIZE), STATUS_SUCCESS);
    end();
}
END_TEST

START_TEST(what_goes_with_memory) /* KMT-355, 356 */
{
    uint64_t a, b, c;
    begin();
    ck_assert_int_eq(reserve(BASE, 16, 0, 0, &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(0), 4, 'o', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(16), 4, 'o', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(17), 1, 'p', &a), STATUS_SUCCESS);
    ck_assert_int_eq(map(0, 4, 'o', &b), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(30), 4, '.', &c), STATUS_SUCCESS);
    ck_assert_int_eq(map(at(31), 1, 'o', &c), STATUS_SUCCESS);
    gpuva_forget(&space, &memories['o' - 'a']);
    ck_assert(gpuva_is_valid(&space, 2));
    ck_assert_int_eq(letter_of(0), '!');
    ck_assert_int_eq(letter_of(16), '!'); /* another allocation holds the range */
    ck_assert_int_eq(letter_of(17), 'p');
    ck_assert_int_eq(letter_of(31), '.');
    ck_assert_int_eq(gpuva_free(&space, b, 4 * PAGE_SIZE), STATUS_INVALID_PARAMETER);
    gpuva_forget(&space, &memories['p' - 'a']);
    ck_assert_int_eq(letter_of(16), ' ');
    ck_assert_int_eq(letter_of(17), ' ');
    ck_assert_int_eq(letter_of(15), '!');
    end();
}
END_TEST

START_TEST(thousands_of_ranges)
{
    enum { COUNT = 20000 };
    uint64_t a;
    begin();
    for (unsigned i = 0; i < COUNT; i++) {
        const struct gpuva_wish wish = {.size = 2 * PAGE_SIZE, .alignment = PAGE_SIZE};
        struct gpuva_operation operation = set(0, 1, 'o');
        ck_assert_int_eq(gpuva_map(&space, &wish, &operation.content, &a), STATUS_SUCCESS);
        ck_assert_uint_eq(a, GPUVA_FIRST + i * 2 * PAGE_SIZE);
    }
    ck_assert_int_eq(gpuva_free(&space, GPUVA_FIRST + 777 * 2 * PAGE_SIZE, 2 * PAGE_SIZE),
                     STATUS_SUCCESS);
    ck_assert_int_eq(map(0, 3, 'p', &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, GPUVA_FIRST + COUNT * 2 * PAGE_SIZE);
    ck_assert_int_eq(map(0, 2, 'p', &a), STATUS_SUCCESS);
    ck_assert_uint_eq(a, GPUVA_FIRST + 777 * 2 * PAGE_SIZE);
    gpuva_forget(&space, &memories['o' - 'a']);
    ck_assert_uint_eq(pieces(), 2);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpuva");
    TCase *tcase = tcase_create("pictures");
    tcase_add_test(tcase, picture_1_where_nothing_is);
    tcase_add_test(tcase, picture_2_just_one);
    tcase_add_test(tcase, picture_3_the_beginning_of_one);
    tcase_add_test(tcase, picture_4_the_end_of_one);
    tcase_add_test(tcase, picture_5_the_middle_of_one);
    tcase_add_test(tcase, picture_6_several_and_what_is_between);
    tcase_add_test(tcase, picture_7_an_end_and_a_beginning);
    tcase_add_test(tcase, picture_8_continues_the_one_before);
    tcase_add_test(tcase, picture_9_continues_into_the_one_behind);
    tcase_add_test(tcase, picture_10_continues_both);
    tcase_add_test(tcase, picture_11_the_same_again);
    tcase_add_test(tcase, picture_12_the_state_of_the_range);
    tcase_add_test(tcase, picture_13_what_repeats_keeps_its_phase);
    tcase_add_test(tcase, picture_14_copy);
    tcase_add_test(tcase, picture_15_copy_onto_its_own_end);
    tcase_add_test(tcase, picture_16_copy_onto_its_own_beginning);
    tcase_add_test(tcase, what_differs_stays_apart);
    tcase_add_test(tcase, later_operations_win);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ranges");
    tcase_add_test(tcase, the_lowest_place_is_chosen);
    tcase_add_test(tcase, limits_are_kept);
    tcase_add_test(tcase, a_base_is_taken_or_refused);
    tcase_add_test(tcase, only_a_whole_range_is_freed);
    tcase_add_test(tcase, maps_lie_in_one_range_or_none);
    tcase_add_test(tcase, what_goes_with_memory);
    tcase_add_test(tcase, thousands_of_ranges);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
