/* Who goes when room is needed, and what makes young: "WHO GOES" and "AGE" of d3dkmt/vidmm.h. */
#include "tests/unit/engine_rules_kit.h"

START_TEST(offers_go_first_by_priority_then_age)
{
    uint32_t idle = kit_idle(1, PAGE), high = kit_offered(1, PAGE, 3);
    uint32_t normal = kit_offered(2, PAGE, 2), young = kit_offered(1, PAGE, 1);
    uint32_t order[4] = {kit_offered(2, PAGE, 1), young, normal, high};
    vidmm_offer(ONE, young, 1, false); /* again: as young as can be */
    fill(0);
    for (unsigned n = 0; n < 4; n++) {
        for (unsigned i = 0; i < 4; i++)
            ck_assert_int_eq(is_lost(order[i]), i < n);
        ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    }
    ck_assert(is_lost(high));
    ck_assert_uint_eq(kit_of(idle)->place, VID_LOCAL);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(idle)->place, VID_NOWHERE);
    ck_assert(!is_lost(idle));
}
END_TEST

START_TEST(idle_ones_go_by_class_then_age)
{
    uint32_t important = kit_idle(1, PAGE), used = kit_idle(1, PAGE), old = kit_idle(2, PAGE);
    vidmm_set_priority(ONE, important, 0xA0000000);
    ck_assert_int_eq(vidmm_use(ONE, used, &kit_paging), STATUS_SUCCESS);
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(old)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(used)->place, VID_LOCAL);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(used)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(important)->place, VID_LOCAL);
}
END_TEST

START_TEST(idle_ones_go_first_from_who_is_over_its_budget)
{
    uint32_t old = kit_idle(1, PAGE), theirs = kit_idle(2, PAGE);
    kit_held(2, 16 * PAGE); /* the budget is 15 */
    vidmm_set_priority(TWO, theirs, 0xFFFFFFFF);
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(theirs)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(old)->place, VID_LOCAL);
}
END_TEST

START_TEST(held_ones_go_from_who_is_over_its_budget_only)
{
    uint32_t first = kit_held(2, 2 * PAGE), second = kit_held(2, 15 * PAGE), mine;
    uint32_t own = kit_held(1, 8 * PAGE);
    fill(0);
    mine = away(1, 1);
    ck_assert_int_eq(kit_resident(1, mine, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(first)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(first)->references, 1);
    ck_assert_uint_eq(ONE->adapter->usage[2].demoted.first, TWO->openings[first].allocation);
    /* one page of the two is left; then nobody is over */
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_NO_MEMORY);
    ck_assert_uint_eq(kit_of(second)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(own)->place, VID_LOCAL);
}
END_TEST

START_TEST(who_is_over_its_own_budget_takes_nothing_held)
{
    uint32_t theirs = kit_held(2, 16 * PAGE);
    kit_held(1, 15 * PAGE);
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 1), VIDMM_OVER_BUDGET), STATUS_NO_MEMORY);
    ck_assert_uint_eq(kit_of(theirs)->place, VID_LOCAL);
    ck_assert_int_eq(kit_resident(1, away(1, 1), VIDMM_OVER_BUDGET | VIDMM_MUST), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(theirs)->place, VID_NOWHERE);
}
END_TEST

START_TEST(must_takes_from_others_but_never_from_oneself)
{
    uint32_t theirs = kit_held(2, 4 * PAGE), mine = kit_held(1, 4 * PAGE);
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 5), VIDMM_OVER_BUDGET | VIDMM_MUST), STATUS_NO_MEMORY);
    ck_assert_uint_eq(kit_of(theirs)->place, VID_LOCAL);
    ck_assert_int_eq(kit_resident(1, away(1, 4), VIDMM_OVER_BUDGET | VIDMM_MUST), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(theirs)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(mine)->place, VID_LOCAL);
}
END_TEST

START_TEST(nothing_is_lost_for_a_list_that_fails)
{
    uint32_t offered = kit_offered(2, 4 * PAGE, 1), idle = kit_idle(1, 4 * PAGE);
    uint32_t list[3] = {away(1, 2), away(1, 5), away(1, 2)};
    uint64_t discards = ONE->adapter->discards, evictions = ONE->adapter->evictions;
    fill(0);
    kit_missing = 0;
    ck_assert_int_eq(
        vidmm_make_resident(ONE, list, 3, VIDMM_OVER_BUDGET, &kit_paging, &kit_missing),
        STATUS_NO_MEMORY);
    ck_assert(!is_lost(offered));
    ck_assert_uint_eq(kit_of(idle)->place, VID_LOCAL);
    ck_assert_uint_eq(ONE->adapter->discards, discards);
    ck_assert_uint_eq(ONE->adapter->evictions, evictions);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!kit_of(list[i])->references && !kit_of(list[i])->place);
    ck_assert_uint_eq(kit_missing, PAGE); /* 9 are wanted, 8 can be had */
}
END_TEST

START_TEST(a_list_protects_its_own)
{
    uint32_t list[2] = {away(1, 2), kit_idle(1, 2 * PAGE)};
    uint32_t other = kit_idle(2, 2 * PAGE);
    fill(0);
    ck_assert_int_eq(vidmm_make_resident(ONE, list, 2, 0, &kit_paging, &kit_missing),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(list[1])->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(other)->place, VID_NOWHERE);
}
END_TEST

START_TEST(an_offer_ages_whatever_happens_to_it)
{
    uint32_t old = kit_held(1, PAGE), shared = kit_open(2, old), young;
    kit_resident(2, shared, 0);
    vidmm_offer(ONE, old, 1, false);
    young = kit_offered(1, PAGE, 1);
    ck_assert_int_eq(vidmm_evict(TWO, shared, 0, &kit_paging), STATUS_SUCCESS);
    vidmm_set_priority(ONE, old, 0xC8000000);
    vidmm_close(ONE, old); /* another owner */
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert(is_lost(shared));
    ck_assert(!is_lost(young));
}
END_TEST

START_TEST(another_class_makes_young_and_the_same_does_not)
{
    uint32_t first = kit_idle(1, PAGE), second = kit_idle(1, PAGE);
    vidmm_set_priority(ONE, first, KIT_NORMAL + 1);
    fill(0);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(first)->place, VID_NOWHERE);
    ck_assert_int_eq(vidmm_use(ONE, first, &kit_paging), STATUS_SUCCESS); /* second goes */
    ck_assert_uint_eq(kit_of(second)->place, VID_NOWHERE);
    fill(1);
    ck_assert_int_eq(vidmm_use(ONE, second, &kit_paging), STATUS_SUCCESS);
    vidmm_set_priority(ONE, first, 0x28000000);
    vidmm_set_priority(ONE, first, KIT_NORMAL);
    ck_assert_int_eq(kit_resident(1, away(1, 1), 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(first)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(second)->place, VID_NOWHERE);
}
END_TEST

int main(void)
{
    TCase *tests = rules_case("gpu_room");
    tcase_add_test(tests, offers_go_first_by_priority_then_age);
    tcase_add_test(tests, idle_ones_go_by_class_then_age);
    tcase_add_test(tests, idle_ones_go_first_from_who_is_over_its_budget);
    tcase_add_test(tests, held_ones_go_from_who_is_over_its_budget_only);
    tcase_add_test(tests, who_is_over_its_own_budget_takes_nothing_held);
    tcase_add_test(tests, must_takes_from_others_but_never_from_oneself);
    tcase_add_test(tests, nothing_is_lost_for_a_list_that_fails);
    tcase_add_test(tests, a_list_protects_its_own);
    tcase_add_test(tests, an_offer_ages_whatever_happens_to_it);
    tcase_add_test(tests, another_class_makes_young_and_the_same_does_not);
    return suite_run("gpu_room", tests);
}
