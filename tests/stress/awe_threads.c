/*
 * Threads that show their frames in windows of their own and in one that all share, take frames away
 * from each other, free and get them, while some fork: at the end the books are sound, every frame
 * has the contents its owner gave it, and nobody met a page of somebody else's.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/awe.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"

#define SELF    ((HANDLE)-1)
#define THREADS 4u
#define FRAMES  24u
#define PAGES   64u
#define ROUNDS  4000u

static uint8_t *shared_window;
static ULONG_PTR common[FRAMES]; /* frames that all threads map */
static unsigned wrong;

#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "awe_threads: line %d: %s\n", __LINE__, #condition);                   \
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);                                       \
        }                                                                                          \
    } while (0)

struct worker {
    pthread_t thread;
    uint64_t number, state;
    uint8_t *window;
    ULONG_PTR frames[FRAMES];
    uint64_t granted; /* calls for a common frame that succeeded */
};

static uint32_t below(struct worker *worker, uint32_t limit)
{
    worker->state = worker->state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((worker->state >> 33) % limit);
}

/* The first word of a frame says whose it is and which. */
static uint64_t mark(const struct worker *worker, uint32_t frame)
{
    return worker->number << 32 | (frame + 1);
}

/* A stretch of frames appears in the own window, where nobody else maps, and leaves it. */
static void use_own_window(struct worker *worker)
{
    uint32_t count = 1 + below(worker, FRAMES), first = below(worker, PAGES - count);
    uint8_t *start = worker->window + first * 4096u;
    NEED(k32_MapUserPhysicalPages(start, count, worker->frames));
    for (uint32_t i = 0; i < count; i++)
        NEED(*(volatile uint64_t *)(start + i * 4096u) == mark(worker, i));
    NEED(k32_MapUserPhysicalPages(start, count, NULL));
}

/* Places of the shared window are overwritten by whoever comes: a page is somebody's, or gone. */
static void use_shared_window(struct worker *worker)
{
    uint32_t page = below(worker, PAGES), frame = below(worker, FRAMES);
    PVOID place = shared_window + page * 4096u;
    uint64_t value;
    NEED(k32_MapUserPhysicalPagesScatter(&place, 1, &worker->frames[frame]));
    if (guarded_read(place, &value, sizeof value)) {
        uint64_t owner = value >> 32, which = value & 0xFFFFFFFFu;
        NEED(owner <= THREADS && which >= 1 && which <= FRAMES);
    }
    /* with only what is there now: the own frame may have been thrown out already */
    NEED(k32_MapUserPhysicalPages(shared_window, PAGES, NULL));
}

/* One thread at a time can show a common frame; the others are refused. */
static void fight_for_common(struct worker *worker)
{
    PVOID place = worker->window + (PAGES - 1) * 4096u;
    uint32_t frame = below(worker, FRAMES);
    uint64_t value = 0;
    if (!k32_MapUserPhysicalPagesScatter(&place, 1, &common[frame]))
        return;
    worker->granted++;
    NEED(guarded_read(place, &value, sizeof value) && value == frame + 1);
    NEED(k32_MapUserPhysicalPages(place, 1, NULL));
}

static void renew_frame(struct worker *worker)
{
    uint32_t frame = below(worker, FRAMES);
    ULONG_PTR count = 1;
    NEED(k32_FreeUserPhysicalPages(SELF, &count, &worker->frames[frame]) && count == 1);
    NEED(k32_AllocateUserPhysicalPages(SELF, &count, &worker->frames[frame]) && count == 1);
    NEED(k32_MapUserPhysicalPages(worker->window, 1, &worker->frames[frame]));
    NEED(*(volatile uint64_t *)worker->window == 0);
    *(volatile uint64_t *)worker->window = mark(worker, frame);
    NEED(k32_MapUserPhysicalPages(worker->window, 1, NULL));
}

static void make_child(void)
{
    int code = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(awe_is_valid() && awe.owned == 0 ? 0 : 1);
    NEED(child > 0 && waitpid(child, &code, 0) == child && code == 0);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        switch (below(worker, 8)) {
        case 0:
        case 1:
        case 2:
            use_own_window(worker);
            break;
        case 3:
        case 4:
            use_shared_window(worker);
            break;
        case 5:
            renew_frame(worker);
            break;
        default:
            fight_for_common(worker);
        }
        if (worker->number == 1 && round % 256 == 0)
            make_child();
    }
    return NULL;
}

static uint8_t *new_window(void)
{
    return k32_VirtualAlloc(NULL, PAGES * 4096u, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
}

static bool prepare(struct worker *worker, uint64_t number)
{
    ULONG_PTR count = FRAMES;
    *worker = (struct worker){.number = number, .state = number * 77, .window = new_window()};
    if (!worker->window || !k32_AllocateUserPhysicalPages(SELF, &count, worker->frames) ||
        count != FRAMES || !k32_MapUserPhysicalPages(worker->window, FRAMES, worker->frames))
        return false;
    for (uint32_t i = 0; i < FRAMES; i++)
        *(volatile uint64_t *)(worker->window + i * 4096u) = mark(worker, i);
    return k32_MapUserPhysicalPages(worker->window, FRAMES, NULL);
}

int main(void)
{
    static struct worker workers[THREADS], owner;
    uint64_t granted = 0;
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    shared_window = new_window();
    NEED(shared_window && prepare(&owner, 0));
    for (uint32_t i = 0; i < FRAMES; i++)
        common[i] = owner.frames[i];
    for (unsigned i = 0; i < THREADS; i++)
        NEED(prepare(&workers[i], i + 1));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        granted += workers[i].granted;
    }
    NEED(k32_MapUserPhysicalPages(shared_window, PAGES, NULL));
    for (unsigned i = 0; i < THREADS; i++) {
        NEED(k32_MapUserPhysicalPages(workers[i].window, FRAMES, workers[i].frames));
        for (uint32_t j = 0; j < FRAMES; j++)
            NEED(*(volatile uint64_t *)(workers[i].window + j * 4096u) == mark(&workers[i], j));
    }
    NEED(awe_is_valid() && mm_space_is_valid());
    NEED(awe.owned == (THREADS + 1) * FRAMES);
    NEED(granted > ROUNDS / 8);
    printf("awe_threads: %u wrong, %lu common frames granted\n", wrong, granted);
    return wrong != 0;
}
