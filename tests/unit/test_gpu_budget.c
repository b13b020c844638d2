/* Budgets and pressure: how they shift, who is told, what is enough. */
#include "tests/unit/engine_rules_kit.h"

static uint64_t budget(unsigned process)
{
    return ONE->adapter->usage[process].budget[VID_LOCAL];
}

/* For who works in the background, too, and of a budget that was set. */
START_TEST(what_is_told_without_a_device_holds_with_one)
{
    for (unsigned i = 0; i < 3; i++) {
        vidmm_set_background(ONE, 3, i == 1);
        THREE->adapter->usage[3].fixed[VID_LOCAL] = i == 2 ? 5 * PAGE : 0;
        uint64_t told = vidmm_budget(THREE, 3, VID_LOCAL);
        vidmm_add_device(THREE);
        ck_assert_uint_eq(vidmm_budget(THREE, 3, VID_LOCAL), told);
        vidmm_remove_device(THREE);
        ck_assert_uint_eq(vidmm_budget(THREE, 3, VID_LOCAL), told);
    }
}
END_TEST

START_TEST(budgets_shift)
{
    uint64_t all = 2 * MIB - 2 * MIB / 20;
    ck_assert_uint_eq(budget(1), all / 2);
    ck_assert_uint_eq(budget(3), 0);
    vidmm_set_background(ONE, 2, true);
    ck_assert_uint_eq(budget(1), all * 4 / 5);
    ck_assert_uint_eq(budget(2), all / 5);
    ck_assert_int_eq(vidmm_reserve(TWO, VID_LOCAL, MIB), STATUS_SUCCESS);
    ck_assert_uint_eq(budget(2), MIB + (all - MIB) / 5);
    ck_assert_uint_eq(vidmm_available_for_reservation(ONE, 1, VID_LOCAL), 0);
    ck_assert_uint_eq(vidmm_available_for_reservation(TWO, 2, VID_LOCAL), MIB);
    ck_assert_int_eq(vidmm_reserve(ONE, VID_LOCAL, 1), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_reserve(TWO, VID_LOCAL, MIB + 1), STATUS_INVALID_PARAMETER);
    vidmm_press(ONE, VID_LOCAL, 2 * MIB); /* a budget is never below its reservation */
    ck_assert_uint_eq(budget(2), MIB);
    ck_assert_uint_eq(budget(1), 0);
    vidmm_press(ONE, VID_LOCAL, 0);
    vidmm_remove_device(TWO);
    ck_assert_uint_eq(budget(1), all);
    ck_assert_uint_eq(budget(2), 0);
}
END_TEST

START_TEST(who_is_over_a_smaller_budget_is_told)
{
    uint32_t one = kit_held(1, 15 * PAGE);
    struct vid_usage *usage = &ONE->adapter->usage[1];
    uint32_t other = kit_create(1, 512 * KIB, VID_NONLOCAL, KIT_NONLOCAL);
    ck_assert_int_eq(kit_resident(1, other, VIDMM_OVER_BUDGET), STATUS_SUCCESS);
    usage->trims = usage->trim = 0;
    vidmm_add_device(THREE);
    ck_assert_uint_eq(usage->trims, 1);
    ck_assert_uint_eq(usage->trim,
                      15 * PAGE - budget(1) + (512 * KIB - usage->budget[VID_NONLOCAL]));
    ck_assert_uint_eq(vidmm_over_budget(ONE, 1, VID_LOCAL), 15 * PAGE - budget(1));
    vidmm_evict(ONE, one, 0, &kit_paging);
    vidmm_evict(ONE, other, 0, &kit_paging);
    vidmm_add_device(&kit_views[4]);
    ck_assert_uint_eq(usage->trims, 1);
    ck_assert_uint_eq(ONE->adapter->usage[2].trims, 0);
}
END_TEST

START_TEST(evicting_what_is_missing_is_enough)
{
    uint32_t held[10], more = away(1, 9);
    for (unsigned i = 0; i < 10; i++)
        held[i] = kit_held(1, PAGE);
    kit_missing = 0;
    ck_assert_int_eq(kit_resident(1, more, 0), STATUS_NO_MEMORY);
    ck_assert_uint_eq(kit_missing, 19 * PAGE - budget(1));
    for (unsigned i = 0; i * PAGE < kit_missing; i++)
        vidmm_evict(ONE, held[i], i % 2 ? VIDMM_ONLY_IF_NEEDED : 0, &kit_paging);
    ck_assert_int_eq(kit_resident(1, more, 0), STATUS_SUCCESS);
}
END_TEST

START_TEST(pressure_over_what_is_placed_is_worked_off_first)
{
    uint32_t idle = kit_idle(1, 4 * PAGE), held = kit_held(2, 8 * PAGE);
    uint32_t request = away(1, 4);
    ck_assert_int_eq(vidmm_reserve(TWO, VID_LOCAL, 8 * PAGE), STATUS_SUCCESS);
    ONE->adapter->segments[VID_LOCAL].pressure = 21 * PAGE; /* one page over */
    ck_assert_uint_eq(local_room(), 0);
    ck_assert_int_eq(kit_resident(1, request, VIDMM_OVER_BUDGET), STATUS_NO_MEMORY);
    ck_assert(!vidmm_make_room(ONE, VID_LOCAL, 4 * PAGE, 0, &kit_paging));
    ck_assert_uint_eq(kit_of(idle)->place, VID_LOCAL);
    ck_assert(vidmm_make_room(ONE, VID_LOCAL, 3 * PAGE, 0, &kit_paging));
    ck_assert_uint_eq(kit_of(idle)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(held)->place, VID_LOCAL);
}
END_TEST

START_TEST(pressure_puts_out_at_once_and_survives_a_rebuild)
{
    uint32_t own = kit_held(1, 8 * PAGE), other = kit_held(2, 8 * PAGE), offered, place;
    offered = kit_offered(1, PAGE, 1);
    ck_assert(vidmm_press(ONE, VID_LOCAL, 16 * PAGE));
    ck_assert(is_lost(offered));
    ck_assert(vidmm_press(ONE, VID_LOCAL, 20 * PAGE)); /* 5 pages each: both are over */
    ck_assert_uint_ne(kit_of(own)->place == VID_LOCAL, kit_of(other)->place == VID_LOCAL);
    /* more than budgets can tell: reservations stay */
    vidmm_reserve(ONE, VID_LOCAL, 8 * PAGE);
    vidmm_reserve(TWO, VID_LOCAL, 8 * PAGE);
    ck_assert(!vidmm_press(ONE, VID_LOCAL, 30 * PAGE));
    place = kit_of(own)->place;
    vidmm_rebuild(ONE);
    ck_assert_uint_eq(kit_of(own)->place, place);
    ck_assert_uint_eq(ONE->adapter->segments[VID_LOCAL].used, 8 * PAGE);
    ck_assert(vidmm_press(ONE, VID_LOCAL, 0));
    vidmm_restore(ONE, &kit_paging);
    vidmm_restore(TWO, &kit_paging);
    ck_assert_uint_eq(kit_of(own)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(other)->place, VID_LOCAL);
}
END_TEST

int main(void)
{
    TCase *tests = rules_case("gpu_budget");
    tcase_add_test(tests, what_is_told_without_a_device_holds_with_one);
    tcase_add_test(tests, budgets_shift);
    tcase_add_test(tests, who_is_over_a_smaller_budget_is_told);
    tcase_add_test(tests, evicting_what_is_missing_is_enough);
    tcase_add_test(tests, pressure_over_what_is_placed_is_worked_off_first);
    tcase_add_test(tests, pressure_puts_out_at_once_and_survives_a_rebuild);
    return suite_run("gpu_budget", tests);
}
