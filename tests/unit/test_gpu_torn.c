/*
 * A process dies in the middle of an operation. It is run one instruction at a time, and after each
 * that changed the machine a copy of the machine, as it is then, is rebuilt: it has to be valid, the
 * living have what they had, and nothing that was lost is told to be intact.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine_kit.h"
#include "memoryapi/base.h"

#define DYING   1u
#define LIVING  2u
#define GONE    3u /* died before, and is swept by the dying one */
#define SEGMENT (1u << 20)
#define SCENE   32u

/* What of a machine such a small scene touches. */
static struct {
    uint64_t at, size;
} parts[4];

static struct vid_machine *copy;
static uint32_t scene[SCENE]; /* openings, by enum actor */
static bool dying_is_dead;

enum actor {
    OWN_HELD,
    OWN_IDLE,
    OWN_AWAY,    /* nowhere */
    OWN_OFFERED, /* with references */
    OWN_DEMOTED,
    OWN_LARGE,   /* nowhere; needs others' room */
    SHARED_LOST, /* of both; theirs is the next one */
    THEIR_LOST,
    SHARED_HELD,
    THEIR_HELD,
    SHARED_OFFERED,
    THEIR_OFFERED,
    BORROWED, /* theirs, opened by the dying one */
    LENT,
    OTHER_IDLE, /* of the living one alone, as all below */
    OTHER_LOW,
    OTHER_HIGH,
    OTHER_OVER,
    OTHER_LOCKED,
    GONES_OWN,
    GONES_SHARED,
    GONES_LENT,
    ACTORS
};

static bool is_alive(const struct vidmm *mm, uint16_t process)
{
    (void)mm;
    return process != GONE && (process != DYING || !dying_is_dead);
}

static void set_scene(void)
{
    struct vidmm *own = &kit_views[DYING], *other = &kit_views[LIVING];
    uint32_t *s = scene;
    vidmm_add_device(&kit_views[GONE]);
    s[OWN_HELD] = kit_held(DYING, 64 * KIB);
    s[OWN_IDLE] = kit_idle(DYING, 64 * KIB);
    s[OWN_AWAY] = kit_create(DYING, 100 * KIB, VID_LOCAL, KIT_BOTH);
    s[OWN_OFFERED] = kit_offered(DYING, 64 * KIB, 2);
    s[OWN_DEMOTED] = kit_held(DYING, 64 * KIB);
    vidmm_put_out(own, own->openings[s[OWN_DEMOTED]].allocation, &kit_paging);
    s[OWN_LARGE] = kit_create(DYING, 256 * KIB, VID_LOCAL, KIT_BOTH);
    s[SHARED_LOST] = kit_held(DYING, 64 * KIB);
    s[THEIR_LOST] = kit_open(LIVING, s[SHARED_LOST]);
    kit_lose(DYING, s[SHARED_LOST]);
    s[SHARED_HELD] = kit_held(DYING, 64 * KIB);
    s[THEIR_HELD] = kit_open(LIVING, s[SHARED_HELD]);
    kit_resident(LIVING, s[THEIR_HELD], VIDMM_OVER_BUDGET);
    s[SHARED_OFFERED] = kit_held(DYING, 64 * KIB);
    s[THEIR_OFFERED] = kit_open(LIVING, s[SHARED_OFFERED]);
    vidmm_offer(own, s[SHARED_OFFERED], 2, true);
    s[LENT] = kit_held(LIVING, 64 * KIB);
    s[BORROWED] = kit_open(DYING, s[LENT]);
    s[OTHER_IDLE] = kit_idle(LIVING, 64 * KIB);
    s[OTHER_LOW] = kit_offered(LIVING, 64 * KIB, 1);
    s[OTHER_HIGH] = kit_offered(LIVING, 64 * KIB, 3);
    s[OTHER_OVER] = kit_held(LIVING, 128 * KIB);
    s[OTHER_LOCKED] = kit_create(LIVING, 64 * KIB, VID_NONLOCAL, KIT_NONLOCAL);
    vidmm_lock_cpu(other, s[OTHER_LOCKED], true);
    s[GONES_OWN] = kit_idle(GONE, 64 * KIB);
    s[GONES_SHARED] = kit_create(GONE, 64 * KIB, VID_NONLOCAL, KIT_BOTH);
    kit_resident(GONE, s[GONES_SHARED], VIDMM_OVER_BUDGET);
    s[GONES_LENT] = kit_open(LIVING, s[GONES_SHARED]);
    ck_assert(vidmm_is_valid(own, 2));
}

static void find_parts(void)
{
    const struct vid_adapter *adapter = kit_views[1].adapter;
    parts[0].size = kit_machine->adapters_at + sizeof *adapter;
    parts[1].at = adapter->allocations_at;
    parts[1].size = 64 * sizeof(struct vid_allocation);
    parts[2].at = adapter->openings_at;
    parts[2].size = 64 * sizeof(struct vid_opening);
    parts[3].at = adapter->events_at;
    parts[3].size = 512 * sizeof(struct vid_event);
    ck_assert_uint_lt(adapter->events, 400);
}

/* Copies what is different, and tells whether anything was. */
static bool take_copy(struct vid_machine *to, const struct vid_machine *from)
{
    bool different = false;
    for (unsigned i = 0; i < array_length(parts); i++) {
        char *target = (char *)to + parts[i].at;
        const char *source = (const char *)from + parts[i].at;
        if (memcmp(target, source, parts[i].size) == 0)
            continue;
        memcpy(target, source, parts[i].size);
        different |= i < 3; /* an event more is not worth a look */
    }
    return different;
}

static struct vid_machine *make_copy(int sharing)
{
    void *memory = mmap(NULL, kit_machine->size, PROT_READ | PROT_WRITE,
                        sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    take_copy(memory, kit_machine);
    return memory;
}

/* --- operations of the dying one --- */

static const struct vidmm *own;

static void do_create(void)
{
    struct vid_wish wish = {
        .size = 1, .share = 9, .priority = 5, .wanted = VID_LOCAL, .allowed = KIT_BOTH};
    uint32_t opening;
    vidmm_create(own, &wish, &opening);
}

static void do_open(void)
{
    uint32_t opening;
    vidmm_open(own, own->openings[scene[LENT]].allocation, 1, &opening);
}

static void do_close(void)
{
    vidmm_close(own, scene[OWN_HELD]);
    vidmm_close(own, scene[SHARED_HELD]);
    vidmm_close(own, scene[SHARED_LOST]);
    vidmm_close(own, scene[BORROWED]);
}

static void do_properties(void)
{
    vidmm_set_priority(own, scene[SHARED_HELD], 0xA0000000);
    vidmm_set_places(own, scene[SHARED_HELD], VID_NONLOCAL, KIT_NONLOCAL, &kit_paging);
    vidmm_set_places(own, scene[BORROWED], VID_NONLOCAL, KIT_BOTH, &kit_paging);
    vidmm_lock_cpu(own, scene[BORROWED], true);
    vidmm_unlock_cpu(own, scene[BORROWED]);
}

static void do_make_resident(void)
{
    uint32_t list[] = {scene[OWN_LARGE], scene[BORROWED], scene[OWN_IDLE], scene[OWN_AWAY],
                       scene[OWN_LARGE]};
    vidmm_make_resident(own, list, 5, VIDMM_OVER_BUDGET | VIDMM_MUST, &kit_paging, &kit_missing);
}

static void do_evict(void)
{
    vidmm_evict(own, scene[SHARED_HELD], 0, &kit_paging);
    vidmm_evict(own, scene[OWN_OFFERED], VIDMM_CLEAN, &kit_paging);
    vidmm_evict(own, scene[OWN_HELD], 0, &kit_paging);
}

static void do_use_and_restore(void)
{
    vidmm_use(own, scene[OWN_AWAY], &kit_paging);
    vidmm_restore(own, &kit_paging);
}

static void do_offer(void)
{
    vidmm_offer(own, scene[SHARED_HELD], 3, true);
    vidmm_offer(own, scene[SHARED_OFFERED], 1, true);
    vidmm_lose(own, own->openings[scene[SHARED_OFFERED]].allocation);
    vidmm_offer(own, scene[OWN_HELD], 4, false);
    vidmm_lose(own, own->openings[scene[OWN_HELD]].allocation);
}

static void do_reclaim(void)
{
    vidmm_reclaim(own, scene[SHARED_LOST], &kit_paging);
    vidmm_reclaim(own, scene[SHARED_OFFERED], &kit_paging);
    vidmm_reclaim(own, scene[OWN_OFFERED], &kit_paging);
}

static void do_decommit(void)
{
    vidmm_decommit(own, SEGMENT);
    vidmm_reclaim(own, scene[SHARED_OFFERED], &kit_paging);
}

static void do_discard(void)
{
    vidmm_discard_offers(own, 64 * KIB);
}

static void do_press(void)
{
    vidmm_press(own, VID_LOCAL, SEGMENT * 3 / 4);
}

static void do_budget(void)
{
    vidmm_reserve(own, VID_LOCAL, 128 * KIB);
    vidmm_set_background(own, LIVING, true);
    vidmm_add_device(own);
    vidmm_remove_device(own);
}

static void do_sweep(void)
{
    vidmm_sweep(own, GONE);
}

static void do_rebuild(void)
{
    vidmm_rebuild(own);
}

static const struct {
    void (*run)(void);
    unsigned every; /* so manieth change is looked at */
    uint32_t loses; /* 1 << actor that it may lose */
} operations[] = {
    {do_create, 1, 0},
    {do_open, 1, 0},
    {do_close, 1, 0},
    {do_properties, 1, 0},
    {do_make_resident, 1, ~0u},
    {do_evict, 1, 0},
    {do_use_and_restore, 1, ~0u},
    {do_offer, 1, 1u << THEIR_OFFERED},
    {do_reclaim, 1, ~0u},
    {do_decommit, 1, 1u << THEIR_OFFERED},
    {do_discard, 1, ~0u},
    {do_press, 3, ~0u},
    {do_budget, 2, 0},
    {do_sweep, 5, 0},
    {do_rebuild, 29, 0},
};

/* --- what has to hold after it --- */

/* One opening of the living as it is now against what it was. */
static void compare(enum actor actor, bool reclaims, uint32_t loses, const struct vidmm *now,
                    const struct vidmm *before)
{
    const struct vid_opening *mine = &now->openings[scene[actor]];
    const struct vid_opening *was = &before->openings[scene[actor]];
    const struct vid_allocation *a = &now->allocations[mine->allocation];
    const struct vid_allocation *b = &before->allocations[was->allocation];
    ck_assert_uint_eq(mine->allocation, was->allocation);
    ck_assert_uint_eq(mine->process, LIVING);
    ck_assert_uint_eq(mine->references, was->references);
    ck_assert_uint_eq(mine->locks, was->locks);
    ck_assert(a->live);
    ck_assert_uint_eq(a->size, b->size);
    ck_assert_uint_eq(a->share, b->share);
    if (b->lost) /* still lost, or somebody took it to be cleared */
        ck_assert(a->lost || (reclaims && !a->offered));
    else if (!b->offered && actor != THEIR_HELD)
        ck_assert(!a->offered && !a->lost);
    if (a->lost && !b->lost)
        ck_assert(loses & 1u << actor && (b->offered || actor == THEIR_HELD));
    if (!a->lost && !a->offered && b->offered)
        ck_assert(reclaims);
}

/* The machine as it is in `torn` is taken over by the living one. */
static void take_over(const struct vid_machine *torn, const struct vidmm *before, bool reclaims,
                      uint32_t loses)
{
    static const enum actor living[] = {THEIR_LOST,   THEIR_HELD, THEIR_OFFERED, LENT,
                                        OTHER_IDLE,   OTHER_LOW,  OTHER_HIGH,    OTHER_OVER,
                                        OTHER_LOCKED, GONES_LENT};
    struct vidmm mm;
    bool was_lost;
    take_copy(copy, torn);
    vidmm_see(&mm, copy, 0, LIVING);
    mm.is_alive = is_alive;
    was_lost = vidmm_is_lost(&mm, scene[THEIR_LOST]);
    vidmm_rebuild(&mm);
    ck_assert(vidmm_is_valid(&mm, 2));
    if (was_lost) /* a reclaim that was begun told nobody */
        ck_assert(vidmm_is_lost(&mm, scene[THEIR_LOST]));
    for (unsigned i = 0; i < array_length(living); i++)
        compare(living[i], reclaims, loses, &mm, before);
    ck_assert_uint_eq(mm.adapter->usage[GONE].devices, 0);
    if (dying_is_dead)
        ck_assert_uint_eq(mm.adapter->usage[DYING].devices, 0);
}

static bool step(pid_t child, int *ret_status)
{
    ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(child, ret_status, 0), child);
    return WIFSTOPPED(*ret_status) && WSTOPSIG(*ret_status) == SIGTRAP;
}

static pid_t start(void (*run)(void))
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        run();
        raise(SIGSTOP);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSTOPPED(status));
    return child;
}

static void make_machine(void)
{
    struct vid_plan plan;
    struct vid_plan_wrong wrong;
    struct vid_machine *machine;
    ck_assert(vid_plan_parse("adapter local=1M nonlocal=512K", &plan, &wrong));
    machine = kit_memory(&plan, MAP_SHARED);
    ck_assert(vid_machine_make(machine, &plan));
    kit_see(machine);
    own = &kit_views[DYING];
    vidmm_add_device(&kit_views[DYING]);
    vidmm_add_device(&kit_views[LIVING]);
    kit_views[DYING].is_alive = kit_views[LIVING].is_alive = is_alive;
    set_scene();
}

START_TEST(every_cut_is_mended)
{
    unsigned changes = 0, looks = 0;
    int status;
    pid_t child;
    struct vid_machine *first, *last;
    struct vidmm before;
    make_machine();
    find_parts();
    first = make_copy(MAP_PRIVATE);
    last = make_copy(MAP_PRIVATE);
    copy = make_copy(MAP_PRIVATE);
    vidmm_see(&before, first, 0, LIVING);
    child = start(operations[_i].run);
    while (step(child, &status)) {
        if (!take_copy(last, kit_machine) || ++changes % operations[_i].every)
            continue;
        for (unsigned dead = 0; dead < 2; dead++) {
            dying_is_dead = dead;
            take_over(last, &before,
                      operations[_i].run == do_reclaim || operations[_i].run == do_decommit,
                      operations[_i].loses);
        }
        looks++;
    }
    ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ck_assert_uint_gt(looks, 5);
    ck_assert(vidmm_is_valid(own, 2)); /* it came to its end */
}
END_TEST

static void locked_work(void)
{
    vidmm_lock(own);
    do_make_resident();
    do_reclaim();
    do_press();
    vidmm_unlock(own);
}

START_TEST(who_locks_next_mends_it)
{
    int status;
    make_machine();
    vidmm_lock(own); /* the first call of a function takes many steps to find it */
    vidmm_unlock(own);
    dying_is_dead = true;
    pid_t child = start(locked_work);
    for (int i = 0; i < 400 + 977 * _i; i++)
        ck_assert(step(child, &status));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    vidmm_lock(&kit_views[LIVING]);
    ck_assert(vidmm_is_valid(&kit_views[LIVING], 2));
    ck_assert_uint_eq(own->adapter->usage[DYING].devices, 0);
    for (unsigned i = 1; i < own->adapter->openings_used; i++)
        ck_assert(!own->openings[i].allocation || own->openings[i].process == LIVING);
    vidmm_unlock(&kit_views[LIVING]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu_torn");
    TCase *tests = tcase_create("torn");
    SRunner *runner = srunner_create(suite);
    int failed;
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, every_cut_is_mended, 0, (int)array_length(operations));
    tcase_add_loop_test(tests, who_locks_next_mends_it, 0, 8);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
