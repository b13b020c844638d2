/* Segments that are full, count otherwise, or break their promise; memory for records that is out. */
#include "d3dkmt/segment.h"
#include "engine_kit.h"
#include "memoryapi/base.h"
#include "tests/unit/suite.h"

#define ONE  (&kit_views[1])
#define PAGE (64 * KIB)

static unsigned takes_left; /* of seg_liar */

static uint64_t plain_cost(const struct vid_segment *segment, uint64_t size)
{
    return segment_managers[VID_LOCAL]->cost(segment, size);
}

static uint64_t plain_room(const struct vid_segment *segment)
{
    return segment_managers[VID_LOCAL]->room(segment);
}

static uint64_t plain_most(const struct vid_segment *segment)
{
    return segment_managers[VID_LOCAL]->most(segment);
}

static bool plain_take(struct vid_segment *segment, uint64_t size)
{
    return segment_managers[VID_LOCAL]->take(segment, size);
}

static void plain_give(struct vid_segment *segment, uint64_t size)
{
    segment_managers[VID_LOCAL]->give(segment, size);
}

static bool plain_find(struct vid_segment *segment, uint64_t size)
{
    return segment_managers[VID_LOCAL]->find(segment, size);
}

static bool take_while_allowed(struct vid_segment *segment, uint64_t size)
{
    return takes_left && takes_left-- && plain_take(segment, size);
}

static uint64_t no_room(const struct vid_segment *segment)
{
    (void)segment;
    return 0;
}

static bool take_nothing(struct vid_segment *segment, uint64_t size)
{
    (void)segment;
    (void)size;
    return false;
}

static uint64_t double_cost(const struct vid_segment *segment, uint64_t size)
{
    return 2 * plain_cost(segment, size);
}

static bool double_take(struct vid_segment *segment, uint64_t size)
{
    return plain_take(segment, 2 * size);
}

static void double_give(struct vid_segment *segment, uint64_t size)
{
    plain_give(segment, 2 * size);
}

static bool double_find(struct vid_segment *segment, uint64_t size)
{
    return plain_find(segment, 2 * size);
}

static const struct vid_segment_ops seg_full = {.name = "full",
                                                .cost = plain_cost,
                                                .room = no_room,
                                                .take = take_nothing,
                                                .give = plain_give,
                                                .find = plain_find,
                                                .most = plain_most};
static const struct vid_segment_ops seg_liar = {.name = "liar",
                                                .cost = plain_cost,
                                                .room = plain_room,
                                                .take = take_while_allowed,
                                                .give = plain_give,
                                                .find = plain_find,
                                                .most = plain_most};
static const struct vid_segment_ops seg_double = {.name = "double",
                                                  .cost = double_cost,
                                                  .room = plain_room,
                                                  .take = double_take,
                                                  .give = double_give,
                                                  .find = double_find,
                                                  .most = plain_most};

static const struct vid_segment_ops *managers[VID_PLACES];

static void make_with(const struct vid_segment_ops *local)
{
    kit_make("adapter local=2M nonlocal=1M");
    managers[VID_LOCAL] = local;
    managers[VID_NONLOCAL] = segment_managers[VID_NONLOCAL];
    for (unsigned p = 1; p < KIT_PROCESSES; p++)
        kit_views[p].places = managers;
}

static struct vid_allocation all_of[16];

static void remember(void)
{
    memcpy(all_of, ONE->allocations, sizeof all_of);
}

/* Every record as it was; lists may be in another order. */
static void expect_as_before(void)
{
    for (unsigned i = 1; i < array_length(all_of); i++) {
        const struct vid_allocation *now = &ONE->allocations[i], *was = &all_of[i];
        ck_assert_uint_eq(now->live, was->live);
        ck_assert_uint_eq(now->place, was->place);
        ck_assert_uint_eq(now->references, was->references);
        ck_assert_uint_eq(now->offered, was->offered);
        ck_assert_uint_eq(now->lost, was->lost);
    }
    ck_assert(vidmm_is_valid(ONE, 2));
}

START_TEST(a_full_segment_is_left_alone)
{
    uint32_t idle, offered, one;
    make_with(segment_managers[VID_LOCAL]);
    idle = kit_idle(2, PAGE);
    offered = kit_offered(2, PAGE, 1);
    one = kit_create(1, 4 * PAGE, VID_LOCAL, KIT_LOCAL);
    managers[VID_LOCAL] = &seg_full;
    remember();
    for (unsigned flags = 0; flags < 4; flags++)
        ck_assert_int_eq(kit_resident(1, one, flags), STATUS_NO_MEMORY);
    ck_assert_int_eq(vidmm_use(ONE, one, &kit_paging), STATUS_NO_MEMORY);
    ck_assert(!vidmm_make_room(ONE, VID_LOCAL, 4 * PAGE, VIDMM_MUST, &kit_paging));
    expect_as_before();
    ck_assert(kit_of(idle)->place && !kit_of(offered)->lost);
    ck_assert_int_eq(vidmm_set_places(ONE, one, VID_LOCAL, KIT_BOTH, &kit_paging), STATUS_SUCCESS);
    ck_assert_int_eq(kit_resident(1, one, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(one)->place, VID_NONLOCAL);
    managers[VID_LOCAL] = segment_managers[VID_LOCAL];
    kit_free();
}
END_TEST

/* It says that there is room and then has none, at the first, second, ... one of a list. */
START_TEST(a_broken_promise_fails_the_list)
{
    uint32_t list[6];
    make_with(&seg_liar);
    takes_left = 2;
    list[0] = kit_held(1, PAGE);
    list[1] = kit_idle(1, PAGE);
    for (unsigned i = 2; i < 6; i++)
        list[i] = kit_create(1, PAGE, VID_LOCAL, KIT_LOCAL);
    takes_left = (unsigned)_i;
    ck_assert_int_eq(vidmm_make_resident(ONE, list, 6, 0, &kit_paging, &kit_missing),
                     _i < 4 ? STATUS_NO_MEMORY : STATUS_SUCCESS);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(kit_of(list[i])->references, (i == 0) + (_i == 4));
    ck_assert_uint_eq(kit_of(list[0])->place, VID_LOCAL);
    kit_free();
}
END_TEST

START_TEST(a_manager_counts_as_it_likes)
{
    uint32_t one;
    make_with(&seg_double);
    one = kit_held(1, PAGE);
    ck_assert_uint_eq(ONE->adapter->segments[VID_LOCAL].used, 2 * PAGE);
    ck_assert_uint_eq(ONE->adapter->usage[1].referenced[VID_LOCAL], 2 * PAGE);
    vidmm_rebuild(ONE);
    ck_assert_uint_eq(ONE->adapter->segments[VID_LOCAL].used, 2 * PAGE);
    ck_assert_int_eq(kit_resident(1, kit_create(1, 7 * PAGE, VID_LOCAL, KIT_LOCAL), 0),
                     STATUS_NO_MEMORY); /* 16 of 15 */
    ck_assert_int_eq(vidmm_evict(ONE, one, 0, &kit_paging), STATUS_SUCCESS);
    ck_assert_uint_eq(ONE->adapter->segments[VID_LOCAL].used, 0);
    kit_free();
}
END_TEST

START_TEST(what_cannot_be_there_is_dropped_by_a_rebuild)
{
    uint32_t one, two;
    make_with(segment_managers[VID_LOCAL]);
    one = kit_held(1, 20 * PAGE);
    two = kit_held(2, 10 * PAGE);
    kit_of(two)->size = 20 * PAGE; /* a damaged file: more than the segment has */
    vidmm_rebuild(ONE);
    ck_assert_uint_eq(kit_of(one)->place, VID_LOCAL);
    ck_assert_uint_eq(kit_of(two)->place, VID_NOWHERE);
    kit_of(two)->place = 77;
    kit_of(one)->wanted = 9;
    vidmm_rebuild(ONE);
    ck_assert_uint_eq(ONE->adapter->live, 1);
    kit_free();
}
END_TEST

/* --- records --- */

static unsigned chunks_left, chunks_asked;
static uint64_t backed_to; /* the last byte that got memory */

static bool back_some(const struct vidmm *mm, uint64_t offset, uint64_t size)
{
    ck_assert_uint_ge(offset, mm->adapter->allocations_at);
    ck_assert_uint_le(offset + size, mm->adapter->events_at);
    chunks_asked++;
    if (!chunks_left)
        return false;
    chunks_left--;
    if (offset + size > backed_to)
        backed_to = offset + size;
    return true;
}

static NTSTATUS create(uint32_t *ret_opening)
{
    struct vid_wish wish = {.size = 1, .wanted = VID_LOCAL, .allowed = KIT_LOCAL};
    return vidmm_create(ONE, &wish, ret_opening);
}

/* Memory for the n-th chunk of records, of either kind, is not there. */
START_TEST(a_chunk_of_records_fails)
{
    uint32_t opening, made = 0, last = VID_NONE;
    uint64_t live;
    kit_make("adapter local=2M nonlocal=1M");
    kit_views[1].back = back_some;
    chunks_left = (unsigned)_i;
    while (create(&opening) == STATUS_SUCCESS) {
        last = opening;
        made++;
    }
    live = ONE->adapter->live;
    ck_assert_uint_eq(live, made);
    ck_assert_uint_eq(chunks_asked, (unsigned)_i + 1);
    ck_assert_int_eq(create(&opening), STATUS_NO_MEMORY);
    ck_assert_int_eq(create(&opening), STATUS_NO_MEMORY);
    if (last) {
        ck_assert_int_eq(create(&opening), STATUS_NO_MEMORY);
        ck_assert(vidmm_close(ONE, last));
        ck_assert_int_eq(create(&opening), STATUS_SUCCESS); /* the records of the closed one */
    }
    ck_assert(vidmm_is_valid(ONE, 2));
    ck_assert_uint_eq(ONE->adapter->live, live);
    chunks_left = 3; /* allocations, when they are there, openings */
    ck_assert_int_eq(create(&opening), STATUS_SUCCESS);
    ck_assert_uint_lt((uint64_t)((char *)&ONE->openings[opening + 1] - (char *)kit_machine),
                      backed_to + 1);
    kit_free();
}
END_TEST

START_TEST(opening_again_needs_a_record_too)
{
    uint32_t first = VID_NONE, opening, made = 0;
    kit_make("adapter local=2M nonlocal=1M");
    ck_assert_int_eq(create(&first), STATUS_SUCCESS);
    kit_views[1].back = back_some;
    chunks_left = 0;
    while (vidmm_open(ONE, ONE->openings[first].allocation, 1, &opening) == STATUS_SUCCESS)
        made++;
    ck_assert_uint_eq(kit_of(first)->openings, made + 1);
    kit_free();
}
END_TEST

START_TEST(the_same_attempts_fail_with_the_same_seed)
{
    bool failed[200];
    unsigned count = 0;
    for (unsigned run = 0; run < 2; run++) {
        kit_make("adapter local=2M nonlocal=1M fail=11:8");
        for (unsigned i = 0; i < array_length(failed); i++) {
            uint32_t opening;
            NTSTATUS status = create(&opening);
            ck_assert(status == STATUS_SUCCESS || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY);
            if (run)
                ck_assert_int_eq(failed[i], status != STATUS_SUCCESS);
            failed[i] = status != STATUS_SUCCESS;
            count += run && failed[i];
        }
        kit_free();
    }
    ck_assert_uint_gt(count, 200 / 8 / 2);
    ck_assert_uint_lt(count, 200 / 8 * 2);
}
END_TEST

int main(void)
{
    TCase *failing = tcase_create("failing");
    tcase_add_test(failing, a_full_segment_is_left_alone);
    tcase_add_loop_test(failing, a_broken_promise_fails_the_list, 0, 5);
    tcase_add_test(failing, a_manager_counts_as_it_likes);
    tcase_add_test(failing, what_cannot_be_there_is_dropped_by_a_rebuild);
    tcase_add_loop_test(failing, a_chunk_of_records_fails, 0, 7);
    tcase_add_test(failing, opening_again_needs_a_record_too);
    tcase_add_test(failing, the_same_attempts_fail_with_the_same_seed);
    return suite_run("gpu_failing", failing);
}
