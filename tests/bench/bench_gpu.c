/*
 * What the video memory manager costs, at its own level: each line is our nanoseconds against the
 * most they may be, or against the same with fewer allocations.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench_kit.h"
#include "d3dkmt/plan.h"
#include "d3dkmt/vidmm.h"

#define LIST    1000u
#define BATCH   100u
#define ROUNDS  9u
#define SEGMENT (128 * GIB)
#define WHILE   1e8 /* nanoseconds */

static struct vid_paging paging;
static uint64_t missing;

/* `process` of a machine in memory that others may share. */
static struct vid_machine *make(const char *text, int sharing)
{
    static struct vid_plan plan;
    struct vid_plan_wrong wrong;
    struct vid_machine *machine;
    if (!vid_plan_parse(text, &plan, &wrong))
        abort();
    machine = mmap(NULL, vid_machine_size(&plan), PROT_READ | PROT_WRITE,
                   sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (machine == MAP_FAILED || !vid_machine_make(machine, &plan))
        abort();
    return machine;
}

static void see(struct vidmm *mm, struct vid_machine *machine, uint32_t adapter, uint16_t process)
{
    vidmm_see(mm, machine, adapter, process);
    vidmm_add_device(mm);
}

static uint32_t create(const struct vidmm *mm, uint64_t size, uint32_t priority)
{
    struct vid_wish wish = {
        .size = size, .priority = priority, .wanted = VID_LOCAL, .allowed = 1u << VID_LOCAL};
    uint32_t opening = VID_NONE;
    if (vidmm_create(mm, &wish, &opening) < 0)
        abort();
    return opening;
}

static uint32_t *create_many(const struct vidmm *mm, uint32_t count, bool resident)
{
    uint32_t *openings = malloc(count * sizeof *openings);
    if (!openings)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        openings[i] = create(mm, 65536, resident ? i % 5 << 28 : 0);
        if (resident &&
            vidmm_make_resident(mm, &openings[i], 1, VIDMM_OVER_BUDGET, &paging, &missing) < 0)
            abort();
    }
    return openings;
}

/* So that the next in a list is not the next in memory. */
static void shuffle(uint32_t *openings, uint32_t count)
{
    uint64_t state = 1;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j, other;
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        j = (uint32_t)((state >> 33) % (i + 1));
        other = openings[i];
        openings[i] = openings[j];
        openings[j] = other;
    }
}

static void offer_and_reclaim(const struct vidmm *mm, const uint32_t *list, uint32_t count)
{
    vidmm_lock(mm);
    for (uint32_t i = 0; i < count; i++) {
        vidmm_ahead(mm, list, i, count);
        if (vidmm_offer(mm, list[i], 1 + i % 3, false) < 0)
            abort();
    }
    vidmm_unlock(mm);
    vidmm_lock(mm);
    for (uint32_t i = 0; i < count; i++) {
        vidmm_ahead(mm, list, i, count);
        if (vidmm_reclaim(mm, list[i], &paging) != VIDMM_INTACT)
            abort();
    }
    vidmm_unlock(mm);
}

static void evict_and_return(const struct vidmm *mm, uint32_t *list, uint32_t count)
{
    vidmm_lock(mm);
    for (uint32_t i = 0; i < count; i++) {
        vidmm_ahead(mm, list, i, count);
        vidmm_evict(mm, list[i], 0, &paging);
    }
    if (vidmm_make_resident(mm, list, count, VIDMM_OVER_BUDGET, &paging, &missing) < 0)
        abort();
    vidmm_unlock(mm);
}

static void close_and_create(const struct vidmm *mm, uint32_t *list, uint32_t count)
{
    vidmm_lock(mm);
    for (uint32_t i = 0; i < count; i++) {
        vidmm_ahead(mm, list, i, count);
        vidmm_close(mm, list[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        list[i] = create(mm, 65536, i % 5 << 28);
    if (vidmm_make_resident(mm, list, count, VIDMM_OVER_BUDGET, &paging, &missing) < 0)
        abort();
    vidmm_unlock(mm);
}

enum work { OFFER_AND_RECLAIM, EVICT_AND_RETURN, CLOSE_AND_CREATE, WORKS };

/* Nanoseconds for one allocation, by `count` live ones in lists of LIST. */
static void measure(uint32_t count, double spent[WORKS])
{
    struct vid_machine *machine = make("adapter local=128G nonlocal=1G", MAP_PRIVATE);
    struct vidmm mm;
    uint32_t *openings, at = 0;
    see(&mm, machine, 0, 1);
    openings = create_many(&mm, count, true);
    shuffle(openings, count);
    for (enum work work = 0; work < WORKS; work++) {
        double times[ROUNDS * 5];
        for (unsigned i = 0; i < ROUNDS * 5; i++, at = (at + LIST) % count) {
            double begin = now();
            if (work == OFFER_AND_RECLAIM)
                offer_and_reclaim(&mm, openings + at, LIST);
            else if (work == EVICT_AND_RETURN)
                evict_and_return(&mm, openings + at, LIST);
            else
                close_and_create(&mm, openings + at, LIST);
            times[i] = (now() - begin) / LIST;
        }
        spent[work] = median(times, ROUNDS * 5);
    }
    free(openings);
    munmap(machine, machine->size);
}

static void few_and_many(void)
{
    static const char *const names[] = {"offer and reclaim", "evict and make resident",
                                        "close, create and make resident"};
    double few[WORKS], many[WORKS];
    char name[96];
    measure(1000, few);
    line("offer and reclaim of one in a list of 1000", few[OFFER_AND_RECLAIM], 200, 1);
    measure(1000000, many);
    for (enum work work = 0; work < WORKS; work++) {
        snprintf(name, sizeof name, "%s, among 1,000,000 to among 1000", names[work]);
        line(name, many[work], few[work], 3);
    }
}

/* Each that comes puts another one out: half of them have room. For one, in lists of BATCH. */
static double full(uint32_t count)
{
    struct vid_machine *machine = make("adapter local=128G nonlocal=1G", MAP_PRIVATE);
    struct vidmm mm;
    uint32_t *openings, at = 0;
    double times[ROUNDS];
    see(&mm, machine, 0, 1);
    openings = create_many(&mm, count, false);
    shuffle(openings, count);
    vidmm_press(&mm, VID_LOCAL, SEGMENT - count / 2 * 65536ull);
    for (uint32_t i = 0; i < count; i++)
        vidmm_use(&mm, openings[i], &paging);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t before = mm.adapter->evictions;
        double begin = now();
        for (uint32_t i = 0; i < 200; i++, at = (at + BATCH) % count) {
            vidmm_lock(&mm);
            if (vidmm_make_resident(&mm, openings + at, BATCH, VIDMM_OVER_BUDGET, &paging,
                                    &missing) < 0)
                abort();
            for (uint32_t n = 0; n < BATCH; n++)
                if (vidmm_evict(&mm, openings[at + n], VIDMM_ONLY_IF_NEEDED, &paging) < 0)
                    abort();
            vidmm_unlock(&mm);
        }
        times[round] = (now() - begin) / 200 / BATCH;
        if (mm.adapter->evictions - before != 200 * BATCH)
            abort();
    }
    free(openings);
    munmap(machine, machine->size);
    return median(times, ROUNDS);
}

static void victims(void)
{
    double few = full(1000);
    line("make resident and evict of one, with a victim", few, 2000, 1); /* 500,000 a second */
    for (uint32_t count = 10000; count <= 1000000; count *= 10) {
        char name[64];
        snprintf(name, sizeof name, "the same, among %u to among 1000", count);
        line(name, full(count), few, 3);
    }
}

/* How often a process offers and reclaims a list on its adapter in a while. */
static uint64_t work_for(struct vid_machine *machine, uint32_t adapter, uint16_t process,
                         double nanoseconds)
{
    struct vidmm mm;
    uint32_t *openings;
    uint64_t rounds = 0;
    see(&mm, machine, adapter, process);
    openings = create_many(&mm, LIST, true);
    for (double end = now() + nanoseconds; now() < end; rounds++)
        offer_and_reclaim(&mm, openings, LIST);
    free(openings);
    return rounds;
}

/* Nanoseconds for one, of two processes at once: on two adapters of one machine, or of two. */
static double two_processes(bool one_machine)
{
    const char *text = one_machine ? "adapter local=8G nonlocal=1G; adapter local=8G nonlocal=1G"
                                   : "adapter local=8G nonlocal=1G";
    struct vid_machine *first = make(text, MAP_SHARED);
    struct vid_machine *second = one_machine ? first : make(text, MAP_SHARED);
    uint64_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double spent;
    if (done == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < 2; i++)
        if (fork() == 0) {
            done[i] = work_for(i ? second : first, one_machine ? i : 0, (uint16_t)(1 + i), WHILE);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    spent = 2 * WHILE / LIST / (double)(done[0] + done[1]);
    if (!one_machine)
        munmap(second, second->size);
    munmap(first, first->size);
    munmap(done, 4096);
    return spent;
}

static void adapters(void)
{
    double one[ROUNDS], two[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        two[i] = two_processes(false);
        one[i] = two_processes(true);
    }
    line("two processes on two adapters, of one machine to of two", median(one, ROUNDS),
         median(two, ROUNDS), 1.2);
}

int main(void)
{
    few_and_many();
    victims();
    adapters();
    return 0;
}
