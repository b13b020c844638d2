/*
 * How much more two threads do than one, allocating and freeing blocks of their own; beside it what
 * the kernel itself makes of two threads that do the same two calls without any books, which is the
 * most there is to have.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "bench_kit.h"

#define ROUNDS 15
#define CALLS  2000u
#define BLOCK  (64 * KIB)

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

static pthread_barrier_t barrier;
static char *host_blocks[2];

static void our_pair(unsigned thread)
{
    (void)thread;
    VirtualFree(VirtualAlloc(NULL, BLOCK, RC, PAGE_READWRITE), 0, MEM_RELEASE);
}

static void our_touched_pair(unsigned thread)
{
    char *block = VirtualAlloc(NULL, BLOCK, RC, PAGE_READWRITE);
    block[0] = (char)thread;
    VirtualFree(block, 0, MEM_RELEASE);
}

static void reserve_pair(unsigned thread)
{
    (void)thread;
    VirtualFree(VirtualAlloc(NULL, BLOCK, MEM_RESERVE, PAGE_READWRITE), 0, MEM_RELEASE);
}

static void host_pair(unsigned thread)
{
    madvise(host_blocks[thread], BLOCK, MADV_GUARD_REMOVE);
    madvise(host_blocks[thread], BLOCK, MADV_GUARD_INSTALL);
}

static void host_touched_pair(unsigned thread)
{
    madvise(host_blocks[thread], BLOCK, MADV_GUARD_REMOVE);
    host_blocks[thread][0] = (char)thread;
    madvise(host_blocks[thread], BLOCK, MADV_GUARD_INSTALL);
}

struct worker {
    pthread_t thread;
    void (*pair)(unsigned thread);
    unsigned number;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < CALLS; i++)
        worker->pair(worker->number);
    return NULL;
}

/* Nanoseconds for one pair when `threads` threads do CALLS of them each. */
static double price(void (*pair)(unsigned thread), unsigned threads)
{
    struct worker workers[2];
    double start;
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.pair = pair, .number = i};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            exit(1);
    }
    start = now();
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
    return (now() - start) / (CALLS * threads);
}

/*
 * How much two threads get done in the time of one. `least` 0: for comparison. The best of some
 * rounds each: whatever else runs on the machine only makes them slower.
 */
static void bench(const char *name, void (*pair)(unsigned thread), double least)
{
    double one = 1e18, two = 1e18;
    char bound[32] = "(comparison)";
    for (unsigned round = 0; round < ROUNDS; round++) {
        double alone = price(pair, 1), both = price(pair, 2);
        one = alone < one ? alone : one;
        two = both < two ? both : two;
    }
    if (least > 0)
        snprintf(bound, sizeof bound, "(at least %.2f)%s", least,
                 one / two < least ? " BELOW" : "");
    printf("%s: %.2f %s   %.0f ns alone, %.0f ns by two\n", name, one / two, bound, one, two);
    fflush(stdout);
}

int main(void)
{
    char *area = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return 1;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        printf("two threads to one: left out, there is one processor\n");
        return 77;
    }
    host_blocks[0] = area;
    host_blocks[1] = area + 32 * MIB;
    bench("two threads reserve + release 64 KiB, winmem", reserve_pair, 1.5);
    bench("two threads allocate + free 64 KiB, winmem", our_pair, 1.5);
    bench("two threads allocate, touch, free 64 KiB, winmem", our_touched_pair, 1.5);
    if (madvise(area, 4 * KIB, MADV_GUARD_REMOVE) == 0) {
        bench("two threads unguard + guard 64 KiB, kernel", host_pair, 0);
        bench("two threads unguard, touch, guard 64 KiB, kernel", host_touched_pair, 0);
    }
    return 0;
}
