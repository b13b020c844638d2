/*
 * The video memory manager against a plain oracle: arrays that are searched from end to end, written
 * from the text of d3dkmt/vidmm.h. Some processes share one adapter that is too small for them; each
 * answer, each allocation's state, and all sums are compared after every operation, and the engine
 * walks its invariants. The seed is printed; WINMEM_SEED sets it, WINMEM_ROUNDS how many operations;
 * without that it works for a time. Here: the machine, what befalls all of it, and the choice of
 * operations.
 */
#include <sys/mman.h>
#include <time.h>
#include "d3dkmt/plan.h"
#include "tests/model/gpu_model.h"

#define SECONDS 12

struct vidmm views[PROCESSES];
const struct vidmm *mm;
struct vid_paging paging, expected_paging;
uint64_t counts[32];
static uint64_t state, round_number;
static const char *what = "";

__attribute__((noreturn)) void failed(int line, const char *condition)
{
    fprintf(stderr, "gpu_model: operation %lu (%s, process %u): line %d: %s\n", round_number, what,
            mm->process, line, condition);
    vidmm_is_valid(mm, 2);
    vidmm_dump(mm, 2);
    abort();
}

uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

static void try_press(void)
{
    unsigned place = 1 + below(2);
    uint64_t bytes = below(2) ? 0 : below((uint32_t)(size_of[place] * 5 / 4));
    bool done = vidmm_press(mm, place, bytes);
    struct thing *thing = NULL;
    pressure[place] = bytes;
    oracle_share();
    while (oracle_free_bytes(place) < 0 && (thing = oracle_victim(0, place, 3)))
        oracle_goes(thing);
    memset(&expected_paging, 0, sizeof expected_paging); /* nobody waits for that */
    CHECK(done == (oracle_free_bytes(place) >= 0));
}

static void try_make_room(void)
{
    unsigned place = 1 + below(2), flags = below(4) ? 0 : VIDMM_MUST;
    uint64_t asked = below(1000000), bytes = oracle_cost(&(struct thing){.size = asked}, place);
    int64_t have = oracle_to_be_had(place);
    bool done = vidmm_make_room(mm, place, asked, flags, &paging);
    if (have < (int64_t)bytes &&
        (flags || oracle_held(mm->process, place) + bytes <= members[mm->process].budget[place]))
        have += oracle_of_others(mm->process, place, flags != 0);
    CHECK(done == (have >= (int64_t)bytes));
    if (done)
        oracle_make_room(mm->process, place, bytes, flags != 0);
}

static void try_reserve(void)
{
    unsigned place = 1 + below(2);
    uint64_t bytes = below(5) ? below((uint32_t)size_of[place] / 3) : 0, others = 0;
    if (!members[mm->process].devices)
        return;
    for (unsigned p = 1; p < PROCESSES; p++)
        others += p == mm->process ? 0 : members[p].reservation[place];
    uint64_t half = size_of[place] / 2, available = half > others ? half - others : 0;
    CHECK(vidmm_available_for_reservation(mm, mm->process, place) == available);
    CHECK(vidmm_reserve(mm, place, bytes) ==
          (bytes <= available ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER));
    if (bytes > available)
        return;
    members[mm->process].reservation[place] = bytes;
    oracle_share();
}

static void try_device(void)
{
    struct member *member = &members[mm->process];
    if (member->devices > 1 || (member->devices && random_handle(true) < 0)) {
        vidmm_remove_device(mm);
        if (!--member->devices) {
            memset(member->reservation, 0, sizeof member->reservation);
            oracle_share();
        }
        return;
    }
    vidmm_add_device(mm);
    if (!member->devices++)
        oracle_share();
}

static void try_background(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    members[process].background = below(2);
    vidmm_set_background(mm, (uint16_t)process, members[process].background);
    oracle_share();
}

/* Its handles go, lowest first, and it has nothing. */
static void oracle_sweep(unsigned process, bool ages)
{
    for (;;) {
        unsigned best = HANDLES;
        for (unsigned i = 0; i < HANDLES; i++)
            if (handles[i].live && handles[i].process == process &&
                (best == HANDLES || handles[i].opening < handles[best].opening))
                best = i;
        if (best == HANDLES)
            break;
        close_handle(best, ages);
    }
    members[process] = (struct member){0};
    oracle_share();
}

static void try_sweep(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    if (below(4))
        return;
    bool had = members[process].devices != 0;
    CHECK(vidmm_sweep(mm, (uint16_t)process) == had);
    oracle_sweep(process, true);
}

static bool is_alive(const struct vidmm *unused, uint16_t process)
{
    (void)unused;
    return !dead[process];
}

static void try_rebuild(void)
{
    unsigned process = 1 + below(PROCESSES - 1);
    if (below(8) == 0) {
        dead[process] = true;
        vidmm_rebuild(mm);
        dead[process] = false;
        if (members[process].devices)
            oracle_sweep(process, false);
    } else {
        vidmm_rebuild(mm);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
    unsigned weight;
} operations[] = {
    {"create", try_create, 60},      {"open", try_open, 30},
    {"close", try_close, 12},        {"priority", try_priority, 10},
    {"places", try_places, 15},      {"lock", try_lock, 20},
    {"unlock", try_unlock, 40},      {"make resident", try_make_resident, 60},
    {"evict", try_evict, 60},        {"use", try_use, 25},
    {"restore", try_restore, 5},     {"offer", try_offer, 45},
    {"reclaim", try_reclaim, 45},    {"decommit", try_decommit, 1},
    {"discard", try_discard, 2},     {"press", try_press, 4},
    {"make room", try_make_room, 8}, {"reserve", try_reserve, 5},
    {"device", try_device, 6},       {"background", try_background, 3},
    {"sweep", try_sweep, 2},         {"rebuild", try_rebuild, 2},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static void one_operation(void)
{
    unsigned all = 0, pick;
    size_t i = 0;
    for (size_t n = 0; n < OPERATIONS; n++)
        all += operations[n].weight;
    for (pick = below(all); pick >= operations[i].weight; i++)
        pick -= operations[i].weight;
    mm = &views[1 + below(PROCESSES - 1)];
    what = operations[i].name;
    counts[i]++;
    memset(&paging, 0, sizeof paging);
    memset(&expected_paging, 0, sizeof expected_paging);
    operations[i].run();
    CHECK(memcmp(&paging, &expected_paging, sizeof paging) == 0);
    for (unsigned t = 0; t < THINGS; t++)
        if (things[t].live)
            compare_thing(&things[t]);
    for (unsigned h = 0; h < HANDLES; h++)
        if (handles[h].live) {
            const struct vid_opening *real = &mm->openings[handles[h].opening];
            CHECK(real->allocation == things[handles[h].thing].index);
            CHECK(real->references == handles[h].references && real->locks == handles[h].locks);
        }
    if (round_number % 8 == 0)
        compare_sums();
    if (round_number % 64 == 0)
        CHECK(vidmm_is_valid(mm, 2));
}

static void make_machine(void)
{
    static struct vid_plan machine_plan;
    struct vid_plan_wrong wrong;
    mm = &views[1];
    if (!vid_plan_parse("adapter local=6M nonlocal=3M fail=7:50", &machine_plan, &wrong))
        abort();
    struct vid_machine *machine =
        mmap(NULL, vid_machine_size(&machine_plan), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (machine == MAP_FAILED || !vid_machine_make(machine, &machine_plan))
        abort();
    for (unsigned p = 1; p < PROCESSES; p++) {
        vidmm_see(&views[p], machine, 0, (uint16_t)p);
        views[p].is_alive = is_alive;
    }
    size_of[VID_LOCAL] = 6u << 20;
    size_of[VID_NONLOCAL] = 3u << 20;
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t limit = rounds ? strtoull(rounds, NULL, 0) : 1000000;
    time_t end = rounds ? 0 : time(NULL) + SECONDS;
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("gpu_model: WINMEM_SEED=%lu\n", state);
    fflush(stdout);
    make_machine();
    for (; round_number < limit; round_number++) {
        one_operation();
        if (end && round_number % 256 == 0 && time(NULL) >= end)
            break;
    }
    compare_sums();
    CHECK(vidmm_is_valid(mm, 2));
    printf("gpu_model: %lu operations, %lu discards, %lu evictions;", round_number,
           mm->adapter->discards, mm->adapter->evictions);
    for (size_t i = 0; i < OPERATIONS; i++)
        printf(" %s %lu", operations[i].name, counts[i]);
    printf("; made resident %lu, refused %lu\n", counts[30], counts[31]);
    return 0;
}
