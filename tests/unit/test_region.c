/* The region map: the numbered pictures of region.h, the search for free space, the index. */
#include <check.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/region.h"
#include "tests/unit/suite.h"

#define BASE (1ull << 36)
#define G    ALLOCATION_GRANULARITY

static struct region_map map;
static const struct run_state state_a = {.committed = true, .protect = PAGE_READWRITE};
static const struct run_state state_b = {.committed = true, .protect = PAGE_READONLY};
static const struct run_state state_c = {.protect = 0};

static void set_up(void)
{
    host_init();
    region_map_init(&map, NULL);
    ck_assert(pool_reserve(&map.region_pool, 64) && pool_reserve(&map.run_pool, 64));
}

static uint64_t at(unsigned page)
{
    return BASE + (uint64_t)page * PAGE_SIZE;
}

/* A region of nine pages painted with a letter each. */
static struct region *paint(const char *letters)
{
    struct region *region = region_insert(&map, BASE, 9 * PAGE_SIZE, &state_a);
    for (unsigned i = 0; i < 9; i++)
        region_set(&map, region, at(i), at(i + 1),
                   letters[i] == 'A'   ? &state_a
                   : letters[i] == 'B' ? &state_b
                                       : &state_c);
    ck_assert(region_map_is_valid(&map));
    return region;
}

/* The letters are page by page; a run border stands where the letter changes, and nowhere else. */
static void expect(const struct region *region, const char *letters)
{
    unsigned borders = 0, runs = 0;
    for (unsigned i = 0; i < 9; i++) {
        const struct run *run = run_find(region, at(i));
        char letter = !run->state.committed                  ? 'C'
                      : run->state.protect == PAGE_READWRITE ? 'A'
                                                             : 'B';
        ck_assert_msg(letter == letters[i], "page %u is %c, not %c", i, letter, letters[i]);
        borders += i > 0 && letters[i] != letters[i - 1];
    }
    for (const struct run *run = run_find(region, BASE); run; run = run_next(run))
        runs++;
    ck_assert_uint_eq(runs, borders + 1);
    ck_assert(region_map_is_valid(&map));
}

static const struct {
    int picture;
    const char *before;
    unsigned from, to;
    const char *after;
} pictures[] = {
    {1, "AAAAAAAAA", 3, 6, "AAABBBAAA"}, {2, "AAAAAAAAA", 0, 4, "BBBBAAAAA"},
    {2, "AAAAAAAAA", 5, 9, "AAAAABBBB"}, {3, "AAAAAAAAA", 0, 9, "BBBBBBBBB"},
    {4, "AAAACCCCC", 2, 6, "AABBBBCCC"}, {5, "AAACCCAAA", 3, 6, "AAABBBAAA"},
    {5, "AAACCCAAA", 2, 7, "AABBBBBAA"}, {6, "BBBAAABBB", 3, 6, "BBBBBBBBB"},
    {6, "BBBAAAAAA", 3, 5, "BBBBBAAAA"}, {6, "AAAAAABBB", 4, 6, "AAAABBBBB"},
    {6, "BBBBBBBBB", 2, 5, "BBBBBBBBB"},
};

START_TEST(pictures_of_split_and_merge)
{
    struct region *region = paint(pictures[_i].before);
    uint64_t in_use = map.run_pool.in_use;
    region_set(&map, region, at(pictures[_i].from), at(pictures[_i].to), &state_b);
    expect(region, pictures[_i].after);
    ck_assert_uint_le(map.run_pool.in_use, in_use + 2); /* what a caller has to reserve */
    region_remove(&map, region);
    ck_assert_uint_eq(map.run_pool.in_use, 0);
    ck_assert_uint_eq(map.count, 0);
    ck_assert(region_map_is_valid(&map));
}
END_TEST

START_TEST(committed_pages_are_counted)
{
    struct region *region = paint("AACCBBCCA");
    ck_assert_uint_eq(region->committed, 5);
    region_set(&map, region, at(1), at(5), &state_c);
    ck_assert_uint_eq(region->committed, 3);
}
END_TEST

START_TEST(free_space_is_found_lowest_and_highest_first)
{
    struct region_request request = {
        .size = 2 * G, .alignment = G, .lowest = BASE, .end = BASE + 16 * G};
    region_insert(&map, BASE, G, &state_c);
    region_insert(&map, BASE + 2 * G, G, &state_c); /* gap of one before it */
    /* gap of two; the rest of its granule is lost */
    region_insert(&map, BASE + 5 * G, PAGE_SIZE, &state_c);
    ck_assert_uint_eq(region_find_free(&map, &request), BASE + 3 * G);
    request.top_down = true;
    ck_assert_uint_eq(region_find_free(&map, &request), BASE + 14 * G);
    request.top_down = false;
    request.size = 3 * G;
    ck_assert_uint_eq(region_find_free(&map, &request), BASE + 6 * G);
    request.alignment = 8 * G;
    ck_assert_uint_eq(region_find_free(&map, &request), BASE + 8 * G);
    request.size = 9 * G;
    ck_assert_uint_eq(region_find_free(&map, &request), 0);
    request.alignment = G;
    request.size = 10 * G;
    ck_assert_uint_eq(region_find_free(&map, &request), BASE + 6 * G);
    request.size = 11 * G;
    ck_assert_uint_eq(region_find_free(&map, &request), 0);
}
END_TEST

START_TEST(a_partly_used_granule_is_free_behind_its_region)
{
    struct region *region = region_insert(&map, BASE, PAGE_SIZE, &state_c);
    ck_assert_ptr_eq(region_find(&map, BASE + PAGE_SIZE - 1), region);
    ck_assert_ptr_null(region_find(&map, BASE + PAGE_SIZE));
    ck_assert_ptr_null(region_find(&map, BASE - 1));
    ck_assert(!region_is_free(&map, BASE, PAGE_SIZE));
    ck_assert(region_is_free(&map, BASE + G, G));
    ck_assert(!region_is_free(&map, BASE - G, 2 * G));
}
END_TEST

START_TEST(the_books_of_a_region_are_small)
{
    ck_assert_uint_le(sizeof(struct region), 256); /* bytes for a region with one run */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("region");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_loop_test(tests, pictures_of_split_and_merge, 0, array_length(pictures));
    tcase_add_test(tests, committed_pages_are_counted);
    tcase_add_test(tests, free_space_is_found_lowest_and_highest_first);
    tcase_add_test(tests, a_partly_used_granule_is_free_behind_its_region);
    tcase_add_test(tests, the_books_of_a_region_are_small);
    return suite_run("region", tests);
}
