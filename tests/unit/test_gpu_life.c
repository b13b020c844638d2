/* An allocation's life, alone and shared, and what makes no sense in it: d3dkmt/vidmm.h. */
#include "tests/unit/engine_rules_kit.h"

START_TEST(references_hold_and_the_last_evict_puts_out)
{
    uint32_t one = away(1, 1);
    ck_assert_uint_eq(kit_of(one)->place, VID_NOWHERE);
    ck_assert_int_eq(vidmm_evict(ONE, one, 0, &kit_paging), STATUS_INVALID_PARAMETER);
    uint32_t twice[2] = {one, one};
    ck_assert_int_eq(vidmm_make_resident(ONE, twice, 2, 0, &kit_paging, &kit_missing),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->references, 2);
    ck_assert_uint_eq(kit_paging.in[VID_LOCAL], PAGE);
    ck_assert_uint_eq(ONE->adapter->usage[1].referenced[VID_LOCAL], PAGE);
    ck_assert_int_eq(vidmm_evict(ONE, one, 0, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    ck_assert_int_eq(vidmm_evict(ONE, one, VIDMM_ONLY_IF_NEEDED, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL); /* idle */
    ck_assert_int_eq(vidmm_evict(ONE, one, 0, &kit_paging), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kit_resident(1, one, 0), STATUS_SUCCESS);
    ck_assert_int_eq(vidmm_evict(ONE, one, 0, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_paging.out[VID_LOCAL], 0); /* nobody wrote */
}
END_TEST

START_TEST(what_was_written_is_copied_out_once)
{
    uint32_t one = kit_held(1, PAGE);
    ck_assert_int_eq(vidmm_lock_cpu(ONE, one, true), STATUS_SUCCESS);
    ck_assert_int_eq(vidmm_unlock_cpu(ONE, one), STATUS_SUCCESS);
    ck_assert_int_eq(vidmm_unlock_cpu(ONE, one), STATUS_INVALID_PARAMETER);
    vidmm_evict(ONE, one, 0, &kit_paging);
    ck_assert_uint_eq(kit_paging.out[VID_LOCAL], PAGE);
    kit_resident(1, one, 0);
    vidmm_evict(ONE, one, 0, &kit_paging);
    ck_assert_uint_eq(kit_paging.out[VID_LOCAL], PAGE);
    vidmm_lock_cpu(ONE, one, true);
    kit_resident(1, one, 0);
    vidmm_evict(ONE, one, VIDMM_CLEAN, &kit_paging);
    ck_assert_uint_eq(kit_paging.out[VID_LOCAL], PAGE);
}
END_TEST

START_TEST(an_offer_comes_back_as_it_was)
{
    uint32_t held = kit_offered(1, PAGE, 2), idle = kit_idle(1, PAGE), out = away(1, 1);
    ck_assert_uint_eq(ONE->adapter->usage[1].resident[VID_LOCAL], PAGE); /* of `idle` */
    ck_assert_int_eq(vidmm_lock_cpu(ONE, held, false), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_use(ONE, held, &kit_paging), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kit_resident(1, held, 0), STATUS_INVALID_PARAMETER);
    vidmm_offer(ONE, idle, 3, false);
    vidmm_offer(ONE, idle, 1, false); /* offers do not nest */
    ck_assert_uint_eq(kit_of(idle)->offered, VID_OFFER_LOW);
    vidmm_offer(ONE, out, 3, false);
    ck_assert_uint_eq(ONE->adapter->offered_bytes, 3 * PAGE);
    ck_assert_int_eq(vidmm_reclaim(ONE, held, &kit_paging), VIDMM_INTACT);
    ck_assert_int_eq(vidmm_reclaim(ONE, idle, &kit_paging), VIDMM_INTACT);
    ck_assert_int_eq(vidmm_reclaim(ONE, out, &kit_paging), VIDMM_INTACT);
    ck_assert_int_eq(vidmm_reclaim(ONE, out, &kit_paging), VIDMM_INTACT); /* not offered */
    ck_assert_uint_eq(kit_of(held)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(out)->place, VID_NOWHERE);
    ck_assert_uint_eq(ONE->adapter->usage[1].referenced[VID_LOCAL], PAGE);
    ck_assert_uint_eq(ONE->adapter->offered_bytes, 0);
}
END_TEST

START_TEST(what_is_lost_is_told_once_and_brought_back)
{
    uint32_t one = kit_held(1, PAGE);
    kit_lose(1, one);
    ck_assert(is_lost(one) && !kit_of(one)->place);
    ck_assert_uint_eq(ONE->adapter->usage[1].discarded_bytes, PAGE);
    vidmm_offer(ONE, one, 3, false); /* does not bring it back */
    ck_assert(is_lost(one));
    ck_assert_int_eq(vidmm_reclaim(ONE, one, &kit_paging), VIDMM_DISCARDED);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    ck_assert_int_eq(vidmm_reclaim(ONE, one, &kit_paging), VIDMM_INTACT);
    vidmm_offer(ONE, one, 1, false);
    ck_assert(vidmm_close(ONE, one));
    ck_assert_uint_eq(ONE->adapter->offered_bytes, 0);
}
END_TEST

START_TEST(a_reclaim_brings_its_own_back_before_others)
{
    uint32_t waits = kit_held(1, PAGE), one = kit_held(1, PAGE);
    kit_lose(1, one);
    vidmm_put_out(ONE, ONE->openings[waits].allocation, &kit_paging);
    fill(1);
    vidmm_reclaim(ONE, one, &kit_paging);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(waits)->place, VID_NOWHERE);
    vidmm_evict(ONE, one, 0, &kit_paging);
    vidmm_restore(ONE, &kit_paging);
    ck_assert_uint_eq(kit_of(waits)->place, VID_LOCAL);
}
END_TEST

START_TEST(restoring_passes_over_what_does_not_fit)
{
    uint32_t large = kit_held(1, 8 * PAGE), small = kit_held(1, PAGE);
    vidmm_put_out(ONE, ONE->openings[large].allocation, &kit_paging);
    vidmm_put_out(ONE, ONE->openings[small].allocation, &kit_paging);
    fill(4);
    vidmm_restore(ONE, &kit_paging);
    ck_assert_uint_eq(kit_of(large)->place, VID_NOWHERE);
    ck_assert_uint_eq(kit_of(small)->place, VID_LOCAL);
}
END_TEST

START_TEST(restoring_brings_home_what_had_to_go_elsewhere)
{
    uint32_t one = kit_create(1, 4 * PAGE, VID_LOCAL, KIT_BOTH), other;
    ck_assert(vidmm_press(ONE, VID_LOCAL, ONE->adapter->segments[VID_LOCAL].size));
    ck_assert_int_eq(kit_resident(1, one, VIDMM_OVER_BUDGET), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    vidmm_restore(ONE, &kit_paging);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    ck_assert(vidmm_press(ONE, VID_LOCAL, 0));
    vidmm_restore(ONE, &kit_paging);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    other = kit_create(1, PAGE, VID_NONLOCAL, KIT_BOTH); /* this one is at home there */
    ck_assert_int_eq(kit_resident(1, other, VIDMM_OVER_BUDGET), STATUS_SUCCESS);
    vidmm_restore(ONE, &kit_paging);
    ck_assert_uint_eq(kit_of(other)->place, VID_NONLOCAL);
    ck_assert(vidmm_is_valid(ONE, 2));
}
END_TEST

START_TEST(auto_follows_the_priority)
{
    static const struct {
        uint32_t priority;
        enum vid_offer offer;
    } cases[] = {{0, VID_OFFER_LOW},
                 {0x77FFFFFF, VID_OFFER_LOW},
                 {0x78000000, VID_OFFER_NORMAL},
                 {0x78000001, VID_OFFER_HIGH},
                 {0xFFFFFFFF, VID_OFFER_HIGH}};
    uint32_t one = away(1, 1);
    for (size_t i = 0; i < array_length(cases); i++) {
        vidmm_set_priority(ONE, one, cases[i].priority);
        ck_assert_int_eq(vidmm_offer(ONE, one, 4, false), STATUS_SUCCESS);
        ck_assert_uint_eq(kit_of(one)->offered, cases[i].offer);
    }
}
END_TEST

START_TEST(decommitted_is_for_good)
{
    uint32_t plain = kit_offered(1, PAGE, 1), high = kit_held(1, PAGE), low = kit_held(1, PAGE);
    uint32_t theirs = kit_held(2, PAGE);
    vidmm_offer(ONE, high, 3, true);
    vidmm_offer(ONE, low, 1, true);
    vidmm_offer(TWO, theirs, 1, true);
    ck_assert_uint_eq(ONE->adapter->usage[1].decommittable, 2 * PAGE);
    ck_assert_uint_eq(vidmm_decommit(ONE, 1), PAGE);
    ck_assert(is_lost(low) && !is_lost(high));
    ck_assert_uint_eq(ONE->adapter->usage[1].decommittable, PAGE);
    ck_assert_uint_eq(ONE->adapter->usage[1].decommits, 1);
    ck_assert_uint_eq(vidmm_decommit(ONE, ~0ull), PAGE);
    ck_assert_uint_eq(vidmm_decommit(ONE, ~0ull), 0);
    ck_assert(!is_lost(plain) && !is_lost(theirs));
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(vidmm_reclaim(ONE, low, &kit_paging), VIDMM_NOT_COMMITTED);
    ck_assert_int_eq(vidmm_lock_cpu(ONE, low, false), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kit_resident(1, low, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_use(ONE, low, &kit_paging), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_offer(ONE, low, 1, false), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_evict(ONE, low, 0, &kit_paging), STATUS_SUCCESS);
    ck_assert(vidmm_close(ONE, low));
}
END_TEST

START_TEST(discarding_offers_leaves_as_many_bytes)
{
    uint32_t out = away(1, 1), low = kit_offered(2, PAGE, 1), high = kit_offered(1, PAGE, 3);
    vidmm_offer(ONE, out, 1, false); /* nowhere, and the youngest of the low ones */
    vidmm_discard_offers(ONE, 2 * PAGE);
    ck_assert(is_lost(low) && !is_lost(out));
    vidmm_discard_offers(ONE, 2 * PAGE - 1);
    ck_assert(is_lost(out) && !is_lost(high));
    vidmm_discard_offers(ONE, 0);
    ck_assert(is_lost(high));
}
END_TEST

START_TEST(changed_places_move_it)
{
    uint32_t one = kit_create(1, PAGE, VID_LOCAL, KIT_BOTH), offered;
    kit_resident(1, one, 0);
    memset(&kit_paging, 0, sizeof kit_paging);
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_LOCAL, KIT_BOTH, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_paging.in[VID_LOCAL] + kit_paging.in[VID_NONLOCAL], 0);
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_NONLOCAL, KIT_BOTH, &kit_paging),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_LOCAL, KIT_LOCAL, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    offered = kit_offered(1, PAGE, 1);
    ck_assert_int_eq(vidmm_set_places(ONE, offered, VID_NONLOCAL, KIT_NONLOCAL, &kit_paging),
                     STATUS_SUCCESS);
    ck_assert(!kit_of(offered)->place && !is_lost(offered));
    fill(0); /* no room: it stays where it may be */
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_NONLOCAL, KIT_BOTH, &kit_paging),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    ck_assert(vidmm_press(ONE, VID_LOCAL, 2 * MIB));
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_LOCAL, KIT_BOTH, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_LOCAL, KIT_NONLOCAL, &kit_paging),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(the_other_place_serves_too)
{
    uint32_t one = kit_create(1, PAGE, VID_LOCAL, KIT_BOTH), idle = kit_idle(2, PAGE);
    fill(0);
    ck_assert_int_eq(kit_resident(1, one, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL); /* idle ones cost nobody anything */
    ck_assert_uint_eq(kit_of(idle)->place, VID_NOWHERE);
    uint32_t other = kit_create(1, PAGE, VID_LOCAL, KIT_BOTH);
    ck_assert_int_eq(kit_resident(1, other, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(other)->place, VID_NONLOCAL);
}
END_TEST

/* --- sharing --- */

START_TEST(the_owner_pays_while_he_has_it)
{
    uint32_t first = kit_held(1, PAGE), own = kit_open(1, first), other = kit_open(2, first);
    kit_resident(2, other, 0);
    ck_assert_uint_eq(ONE->adapter->usage[1].resident[VID_LOCAL], PAGE);
    ck_assert(!vidmm_close(ONE, first));
    ck_assert_uint_eq(kit_of(own)->owner, 1);
    ck_assert_uint_eq(kit_of(own)->references, 1);
    ck_assert(!vidmm_close(ONE, own));
    ck_assert_uint_eq(kit_of(other)->owner, 2);
    ck_assert_uint_eq(ONE->adapter->usage[1].resident[VID_LOCAL], 0);
    ck_assert_uint_eq(ONE->adapter->usage[2].referenced[VID_LOCAL], PAGE);
    ck_assert(vidmm_close(TWO, other));
    ck_assert_uint_eq(ONE->adapter->live, 0);
}
END_TEST

START_TEST(a_lock_of_anybody_forbids_the_offer)
{
    uint32_t one = kit_held(1, PAGE), other = kit_open(2, one);
    ck_assert_int_eq(vidmm_lock_cpu(TWO, other, false), STATUS_SUCCESS);
    ck_assert_int_eq(vidmm_offer(ONE, one, 1, false), STATUS_INVALID_PARAMETER);
    ck_assert(!vidmm_close(TWO, other)); /* ends its locks */
    ck_assert_int_eq(vidmm_offer(ONE, one, 1, false), STATUS_SUCCESS);
    other = kit_open(2, one);
    ck_assert_int_eq(vidmm_reclaim(TWO, other, &kit_paging), VIDMM_INTACT);
    ck_assert_int_eq(vidmm_lock_cpu(ONE, one, true), STATUS_SUCCESS);
}
END_TEST

START_TEST(sweeping_takes_all_of_one_process)
{
    uint32_t one = kit_held(1, PAGE), other = kit_open(2, one);
    kit_offered(1, PAGE, 1);
    vidmm_reserve(ONE, VID_LOCAL, PAGE);
    ck_assert(vidmm_sweep(TWO, 1));
    ck_assert(!vidmm_sweep(TWO, 1));
    ck_assert_uint_eq(ONE->adapter->live, 1);
    ck_assert_uint_eq(kit_of(other)->owner, 2);
    ck_assert_uint_eq(ONE->adapter->usage[1].devices, 0);
    ck_assert_uint_eq(ONE->adapter->usage[2].budget[VID_LOCAL], 2 * MIB - 2 * MIB / 20);
}
END_TEST

/* --- what is refused --- */

START_TEST(wishes_that_make_no_sense)
{
    static const struct {
        uint64_t size;
        uint8_t wanted, allowed;
        NTSTATUS status;
    } cases[] = {
        {0, VID_LOCAL, KIT_LOCAL, STATUS_INVALID_PARAMETER},
        {~0ull, VID_LOCAL, KIT_LOCAL, STATUS_INVALID_PARAMETER},
        {~0ull - 4094, VID_LOCAL, KIT_LOCAL, STATUS_INVALID_PARAMETER},
        {1, VID_NOWHERE, KIT_BOTH, STATUS_INVALID_PARAMETER},
        {1, VID_LOCAL, 0, STATUS_INVALID_PARAMETER},
        {1, VID_LOCAL, KIT_NONLOCAL, STATUS_INVALID_PARAMETER},
        {1, VID_LOCAL, KIT_LOCAL | 1, STATUS_INVALID_PARAMETER},
        {1, VID_PLACES, 1u << VID_PLACES, STATUS_INVALID_PARAMETER},
        {1, 200, KIT_BOTH, STATUS_INVALID_PARAMETER},
        {~0ull - 4095, VID_LOCAL, KIT_BOTH, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {2 * MIB + 1, VID_LOCAL, KIT_BOTH, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {2 * MIB, VID_NONLOCAL, KIT_NONLOCAL, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {2 * MIB, VID_LOCAL, KIT_BOTH, STATUS_SUCCESS},
        {2 * MIB, VID_NONLOCAL, KIT_BOTH, STATUS_SUCCESS},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct vid_wish wish = {
            .size = cases[i].size, .wanted = cases[i].wanted, .allowed = cases[i].allowed};
        uint32_t opening = 12345;
        ck_assert_int_eq(vidmm_create(ONE, &wish, &opening), cases[i].status);
        ck_assert_int_eq(opening == 12345, cases[i].status != STATUS_SUCCESS);
    }
    ck_assert_uint_eq(ONE->adapter->live, 2);
}
END_TEST

START_TEST(offers_that_make_no_sense)
{
    static const uint32_t priorities[] = {0, 5, 0x80000001, ~0u};
    uint32_t one = kit_held(1, PAGE);
    for (size_t i = 0; i < array_length(priorities); i++)
        ck_assert_int_eq(vidmm_offer(ONE, one, priorities[i], true), STATUS_INVALID_PARAMETER);
    ck_assert(!kit_of(one)->offered && !kit_of(one)->decommit && !is_lost(one));
}
END_TEST

START_TEST(counts_do_not_overflow)
{
    uint32_t one = kit_held(1, PAGE), list[2] = {one, one};
    kit_of(one)->references = ONE->openings[one].references = UINT32_MAX - 1;
    ck_assert_int_eq(vidmm_make_resident(ONE, list, 2, 0, &kit_paging, &kit_missing),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_make_resident(ONE, list, 1, 0, &kit_paging, &kit_missing),
                     STATUS_SUCCESS);
    ONE->openings[one].locks = UINT16_MAX;
    ck_assert_int_eq(vidmm_lock_cpu(ONE, one, true), STATUS_GRAPHICS_TOO_MANY_REFERENCES);
    ck_assert(!kit_of(one)->written);
    ck_assert_uint_eq(ONE->openings[one].locks, UINT16_MAX);
}
END_TEST

/* --- events --- */

START_TEST(the_newest_events_are_kept)
{
    uint64_t before = ONE->adapter->events;
    kit_free();
    setup();
    ck_assert_uint_ne(before, 0);
    for (unsigned i = 0; i < VID_EVENTS + 10; i++)
        vidmm_event(ONE, VID_EVENT_RESET, i, 1, 0, 0);
    before = ONE->adapter->events;
    ck_assert_uint_eq(ONE->events[(before - 1) % VID_EVENTS].allocation, VID_EVENTS + 9);
    ck_assert_uint_eq(ONE->events[before % VID_EVENTS].allocation, 10);
}
END_TEST

int main(void)
{
    TCase *tests = rules_case("gpu_life");
    tcase_add_test(tests, references_hold_and_the_last_evict_puts_out);
    tcase_add_test(tests, what_was_written_is_copied_out_once);
    tcase_add_test(tests, an_offer_comes_back_as_it_was);
    tcase_add_test(tests, what_is_lost_is_told_once_and_brought_back);
    tcase_add_test(tests, a_reclaim_brings_its_own_back_before_others);
    tcase_add_test(tests, restoring_passes_over_what_does_not_fit);
    tcase_add_test(tests, restoring_brings_home_what_had_to_go_elsewhere);
    tcase_add_test(tests, auto_follows_the_priority);
    tcase_add_test(tests, decommitted_is_for_good);
    tcase_add_test(tests, discarding_offers_leaves_as_many_bytes);
    tcase_add_test(tests, changed_places_move_it);
    tcase_add_test(tests, the_other_place_serves_too);
    tcase_add_test(tests, the_owner_pays_while_he_has_it);
    tcase_add_test(tests, a_lock_of_anybody_forbids_the_offer);
    tcase_add_test(tests, sweeping_takes_all_of_one_process);
    tcase_add_test(tests, wishes_that_make_no_sense);
    tcase_add_test(tests, offers_that_make_no_sense);
    tcase_add_test(tests, counts_do_not_overflow);
    tcase_add_test(tests, the_newest_events_are_kept);
    return suite_run("gpu_life", tests);
}
