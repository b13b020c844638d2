/*
 * Processes that work on one machine and are killed at any instant. After each kill a survivor looks
 * at every invariant, and finds the memory of the dead returned.
 *
 *     gpu_kill [ROUNDS]        WINMEM_SEED=N repeats the choices, though not the instants
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "d3dkmt/state.h"
#include "memoryapi/base.h"
#include "memoryapi/leave.h"

#define WORKERS 4
#define MOST    64 /* openings of one worker in one adapter */

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state += 0x9E3779B97F4A7C15ull;
    return mix64(random_state) % limit;
}

static _Noreturn void fail(const char *what, unsigned long number)
{
    fprintf(stderr, "gpu_kill: %s (%lu)\n", what, number);
    exit(1);
}

struct own {
    uint32_t openings[VID_ADAPTERS][MOST];
    uint32_t counts[VID_ADAPTERS];
    uint32_t devices[VID_ADAPTERS];
};

static void make(const struct vidmm *mm, struct own *own, uint32_t adapter)
{
    uint8_t place = random_below(2) ? VID_LOCAL : VID_NONLOCAL;
    struct vid_wish wish = {.size = 4096 * (1 + random_below(2048)),
                            .priority = (uint32_t)random_below(16) << 28,
                            .handle = 1,
                            .wanted = place,
                            .allowed = (uint8_t)(1u << place | (random_below(2) ? 6u : 0u))};
    uint32_t opening;
    if (own->counts[adapter] == MOST)
        return;
    if (!own->devices[adapter]++)
        vidmm_add_device(mm);
    if (random_below(8) == 0) {
        wish.share = __atomic_add_fetch(&mm->machine->shares, 1, __ATOMIC_RELAXED);
        if (share_contents_create(wish.share, 4096) != STATUS_SUCCESS)
            return;
    }
    if (vidmm_create(mm, &wish, &opening) == STATUS_SUCCESS)
        own->openings[adapter][own->counts[adapter]++] = opening;
    else if (wish.share)
        share_contents_remove(wish.share);
}

/* What another process shares is opened, when it is found. */
static void open_other(const struct vidmm *mm, struct own *own, uint32_t adapter)
{
    uint32_t index = 1 + (uint32_t)random_below(mm->adapter->allocations_used), opening;
    if (index >= mm->adapter->allocations_used || !mm->allocations[index].live ||
        !mm->allocations[index].share || own->counts[adapter] == MOST || !own->devices[adapter])
        return;
    if (vidmm_open(mm, index, 2, &opening) == STATUS_SUCCESS)
        own->openings[adapter][own->counts[adapter]++] = opening;
}

static void drop(const struct vidmm *mm, struct own *own, uint32_t adapter, uint32_t which)
{
    uint32_t opening = own->openings[adapter][which];
    uint64_t share = vidmm_of(mm, opening)->share;
    if (vidmm_close(mm, opening) && share)
        share_contents_remove(share);
    own->openings[adapter][which] = own->openings[adapter][--own->counts[adapter]];
}

static void work_on(const struct vidmm *mm, uint32_t opening)
{
    struct vid_paging paging = {0};
    uint64_t missing;
    switch (random_below(10)) {
    case 0 ... 2:
        vidmm_make_resident(mm, &opening, 1, (unsigned)random_below(4), &paging, &missing);
        break;
    case 3:
        vidmm_evict(mm, opening, random_below(2) ? VIDMM_ONLY_IF_NEEDED : 0, &paging);
        break;
    case 4:
        vidmm_use(mm, opening, &paging);
        break;
    case 5 ... 6:
        if (vidmm_offer(mm, opening, 1 + (uint32_t)random_below(3), false) == STATUS_SUCCESS &&
            random_below(8) == 0)
            vidmm_lose(mm, mm->openings[opening].allocation);
        break;
    case 7:
        vidmm_reclaim(mm, opening, &paging);
        break;
    case 8:
        vidmm_set_priority(mm, opening, (uint32_t)random_below(16) << 28);
        break;
    default:
        if (vidmm_lock_cpu(mm, opening, true) == STATUS_SUCCESS)
            vidmm_unlock_cpu(mm, opening);
    }
}

static void work_on_adapter(const struct vidmm *mm)
{
    struct vid_paging paging = {0};
    switch (random_below(5)) {
    case 0:
        vidmm_press(mm, VID_LOCAL, random_below(4) * (8ull << 20));
        break;
    case 1:
        vidmm_discard_offers(mm, random_below(32ull << 20));
        break;
    case 2:
        vidmm_set_background(mm, mm->process, random_below(2));
        break;
    case 3:
        vidmm_reserve(mm, VID_LOCAL, random_below(8ull << 20));
        break;
    default:
        vidmm_restore(mm, &paging);
    }
}

static void step(struct own *own)
{
    uint32_t adapter = (uint32_t)random_below(gpu_adapter_count());
    const struct vidmm *mm = gpu_adapter(adapter);
    uint64_t what = random_below(16), which = random_below(MOST);
    vidmm_lock(mm);
    if (what < 3)
        make(mm, own, adapter);
    else if (what == 3)
        open_other(mm, own, adapter);
    else if (which < own->counts[adapter] && what == 4)
        drop(mm, own, adapter, (uint32_t)which);
    else if (which < own->counts[adapter] && what < 15)
        work_on(mm, own->openings[adapter][which]);
    else if (own->devices[adapter] && what == 15)
        work_on_adapter(mm);
    vidmm_unlock(mm);
    if (what == 5)
        gpu_sweep_dead(mm);
    if (what == 6) {
        uint32_t fence = gpu_fence_take();
        if (fence && random_below(2))
            gpu_fence_give(fence);
    }
}

static _Noreturn void worker(uint64_t seed, bool leaves)
{
    static struct own own;
    random_state = seed;
    if (gpu_attach() != STATUS_SUCCESS)
        _exit(1);
    for (unsigned steps = 0; !leaves || steps < 200; steps++)
        step(&own);
    leave_run();
    _exit(0);
}

/* The survivor's view; `nobody`: all others are dead. */
static void look(unsigned round, uint32_t slots_free_from)
{
    gpu_sweep_dead_now();
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        const struct vidmm *mm = gpu_adapter(i);
        vidmm_lock(mm);
        if (!vidmm_is_valid(mm, STDERR_FILENO))
            fail("an invariant does not hold", round);
        for (uint32_t p = 1; p < VID_PROCESSES && slots_free_from; p++)
            if (p != gpu_process() && mm->adapter->usage[p].devices)
                fail("a dead process has devices", p);
        if (slots_free_from && (mm->adapter->live || mm->adapter->segments[VID_LOCAL].used ||
                                mm->adapter->segments[VID_NONLOCAL].used))
            fail("memory of the dead was not returned", round);
        vidmm_unlock(mm);
    }
    for (uint32_t p = 1; p < VID_PROCESSES && slots_free_from; p++)
        if (p != gpu_process() && gpu_machine()->processes[p].pid)
            fail("a dead process has a slot", p);
}

static void run_round(unsigned round)
{
    pid_t pids[WORKERS];
    uint64_t seed = random_below(UINT64_MAX);
    for (unsigned i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            worker(seed + i, i == WORKERS - 1 && round % 2);
        if (pids[i] < 0)
            fail("fork", round);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        struct timespec instant = {0, (long)random_below(i ? 1500000 : 6000000)};
        nanosleep(&instant, NULL);
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        look(round, i == WORKERS - 1);
    }
}

int main(int argc, char **argv)
{
    char directory[32] = "/tmp/winmem-kill-XXXXXX", command[64];
    const char *seed = getenv("WINMEM_SEED");
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    if (access("/dev/shm", W_OK) == 0)
        strcpy(directory, "/dev/shm/winmem-kill-XXXXXX");
    if (!mkdtemp(directory))
        fail("no directory", 0);
    setenv("WINMEM_GPU_DIR", directory, 1);
    setenv("WINMEM_GPU",
           "name=kill; adapter local=64M nonlocal=64M; adapter local=32M nonlocal=128M", 1);
    random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %lu\n", random_state);
    fflush(stdout);
    if (gpu_attach() != STATUS_SUCCESS)
        fail("no machine", 0);
    for (unsigned round = 0; round < rounds; round++)
        run_round(round);
    printf("%u rounds, %lu events\n", rounds, gpu_adapter(0)->adapter->events);
    gpu_detach();
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) != 0;
}
