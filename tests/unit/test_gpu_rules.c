/* Who goes, what lives how, and what is refused: the sentences of d3dkmt/vidmm.h one by one. */
#include <stdlib.h>
#include "engine_kit.h"
#include "memoryapi/base.h"

#define ONE   (&kit_views[1])
#define TWO   (&kit_views[2])
#define THREE (&kit_views[3])
#define PAGE  (64 * KIB) /* of local memory */

/* 32 pages of local memory: a budget of 15 for each of two processes. */
static void setup(void)
{
    kit_make("adapter local=2M nonlocal=1M");
}

static uint64_t local_room(void)
{
    return segment_managers[VID_LOCAL]->room(&ONE->adapter->segments[VID_LOCAL]);
}

/* Leaves `pages` of local memory free, by pressure of which the budgets know nothing. */
static void fill(uint64_t pages)
{
    ONE->adapter->segments[VID_LOCAL].pressure += local_room() - pages * PAGE;
}

static uint32_t away(unsigned process, uint64_t pages)
{
    return kit_create(process, pages * PAGE, VID_LOCAL, KIT_LOCAL);
}

static bool is_lost(uint32_t opening)
{
    return vidmm_is_lost(ONE, opening);
}

/* --- who goes --- */

START_TEST(offers_go_first_by_priority_then_age)
{
    uint32_t idle = kit_idle(1, PAGE), high = kit_offered(1, PAGE, 3);
    uint32_t normal = kit_offered(2, PAGE, 2), young = kit_offered(1, PAGE, 1);
    uint32_t order[4] = {kit_offered(2, PAGE, 1), young, normal, high};
    vidmm_offer(ONE, young, 1, false, false); /* again: as young as can be */
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
    vidmm_offer(ONE, old, 1, false, false);
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

/* --- an allocation's life --- */

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
    vidmm_offer(ONE, idle, 3, false, false);
    vidmm_offer(ONE, idle, 1, false, false); /* offers do not nest */
    ck_assert_uint_eq(kit_of(idle)->offered, VID_OFFER_LOW);
    vidmm_offer(ONE, out, 3, false, false);
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
    ck_assert_int_eq(vidmm_offer(ONE, one, 2, true, false), STATUS_SUCCESS);
    ck_assert(is_lost(one) && !kit_of(one)->place);
    ck_assert_uint_eq(ONE->adapter->usage[1].discarded_bytes, PAGE);
    vidmm_offer(ONE, one, 3, false, false); /* does not bring it back */
    ck_assert(is_lost(one));
    ck_assert_int_eq(vidmm_reclaim(ONE, one, &kit_paging), VIDMM_DISCARDED);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    ck_assert_int_eq(vidmm_reclaim(ONE, one, &kit_paging), VIDMM_INTACT);
    vidmm_offer(ONE, one, 1, false, false);
    ck_assert(vidmm_close(ONE, one));
    ck_assert_uint_eq(ONE->adapter->offered_bytes, 0);
}
END_TEST

START_TEST(a_reclaim_brings_its_own_back_before_others)
{
    uint32_t waits = kit_held(1, PAGE), one = kit_held(1, PAGE);
    vidmm_offer(ONE, one, 1, true, false);
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
        ck_assert_int_eq(vidmm_offer(ONE, one, 4, false, false), STATUS_SUCCESS);
        ck_assert_uint_eq(kit_of(one)->offered, cases[i].offer);
    }
}
END_TEST

START_TEST(decommitted_is_for_good)
{
    uint32_t plain = kit_offered(1, PAGE, 1), high = kit_held(1, PAGE), low = kit_held(1, PAGE);
    uint32_t theirs = kit_held(2, PAGE);
    vidmm_offer(ONE, high, 3, false, true);
    vidmm_offer(ONE, low, 1, false, true);
    vidmm_offer(TWO, theirs, 1, false, true);
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
    ck_assert_int_eq(vidmm_offer(ONE, low, 1, false, false), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(vidmm_evict(ONE, low, 0, &kit_paging), STATUS_SUCCESS);
    ck_assert(vidmm_close(ONE, low));
}
END_TEST

START_TEST(discarding_offers_leaves_as_many_bytes)
{
    uint32_t out = away(1, 1), low = kit_offered(2, PAGE, 1), high = kit_offered(1, PAGE, 3);
    vidmm_offer(ONE, out, 1, false, false); /* nowhere, and the youngest of the low ones */
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
    ck_assert_int_eq(vidmm_offer(ONE, one, 1, false, false), STATUS_INVALID_PARAMETER);
    ck_assert(!vidmm_close(TWO, other)); /* ends its locks */
    ck_assert_int_eq(vidmm_offer(ONE, one, 1, false, false), STATUS_SUCCESS);
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
        ck_assert_int_eq(vidmm_offer(ONE, one, priorities[i], true, true),
                         STATUS_INVALID_PARAMETER);
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
    ck_assert_int_eq(vidmm_lock_cpu(ONE, one, true), STATUS_INVALID_PARAMETER);
    ck_assert(!kit_of(one)->written);
}
END_TEST

/* --- budgets and pressure --- */

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

static void add_tests(TCase *rules)
{
    tcase_add_test(rules, offers_go_first_by_priority_then_age);
    tcase_add_test(rules, idle_ones_go_by_class_then_age);
    tcase_add_test(rules, idle_ones_go_first_from_who_is_over_its_budget);
    tcase_add_test(rules, held_ones_go_from_who_is_over_its_budget_only);
    tcase_add_test(rules, who_is_over_its_own_budget_takes_nothing_held);
    tcase_add_test(rules, must_takes_from_others_but_never_from_oneself);
    tcase_add_test(rules, nothing_is_lost_for_a_list_that_fails);
    tcase_add_test(rules, a_list_protects_its_own);
    tcase_add_test(rules, an_offer_ages_whatever_happens_to_it);
    tcase_add_test(rules, another_class_makes_young_and_the_same_does_not);
    tcase_add_test(rules, references_hold_and_the_last_evict_puts_out);
    tcase_add_test(rules, what_was_written_is_copied_out_once);
    tcase_add_test(rules, an_offer_comes_back_as_it_was);
    tcase_add_test(rules, what_is_lost_is_told_once_and_brought_back);
    tcase_add_test(rules, a_reclaim_brings_its_own_back_before_others);
    tcase_add_test(rules, restoring_passes_over_what_does_not_fit);
    tcase_add_test(rules, auto_follows_the_priority);
    tcase_add_test(rules, decommitted_is_for_good);
    tcase_add_test(rules, discarding_offers_leaves_as_many_bytes);
    tcase_add_test(rules, changed_places_move_it);
    tcase_add_test(rules, the_other_place_serves_too);
    tcase_add_test(rules, the_owner_pays_while_he_has_it);
    tcase_add_test(rules, a_lock_of_anybody_forbids_the_offer);
    tcase_add_test(rules, sweeping_takes_all_of_one_process);
    tcase_add_test(rules, wishes_that_make_no_sense);
    tcase_add_test(rules, offers_that_make_no_sense);
    tcase_add_test(rules, counts_do_not_overflow);
    tcase_add_test(rules, what_is_told_without_a_device_holds_with_one);
    tcase_add_test(rules, budgets_shift);
    tcase_add_test(rules, who_is_over_a_smaller_budget_is_told);
    tcase_add_test(rules, evicting_what_is_missing_is_enough);
    tcase_add_test(rules, pressure_over_what_is_placed_is_worked_off_first);
    tcase_add_test(rules, pressure_puts_out_at_once_and_survives_a_rebuild);
    tcase_add_test(rules, the_newest_events_are_kept);
}

int main(void)
{
    Suite *suite = suite_create("gpu_rules");
    TCase *rules = tcase_create("rules");
    SRunner *runner = srunner_create(suite);
    int failed;
    tcase_add_checked_fixture(rules, setup, kit_free);
    add_tests(rules);
    suite_add_tcase(suite, rules);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
