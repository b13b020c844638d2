/*
 * Prices of memory calls next to what the kernel takes for the same by plain mappings, in one run,
 * alternating, as medians. Prints `name: ratio (limit) times`. Times say little on a busy machine,
 * so a ratio above its limit is only marked; what is judged is that every second page of a gigabyte
 * can be committed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <winmem/memoryapi.h>

#define ROUNDS 21
#define RC     (MEM_RESERVE | MEM_COMMIT)
#define KIB    1024ull
#define GIB    (1024ull * 1024 * KIB)

static char *area, *host_area;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void our_64k(void)
{
    VirtualFree(VirtualAlloc(NULL, 64 * KIB, RC, PAGE_READWRITE), 0, MEM_RELEASE);
}

static void host_64k(void)
{
    munmap(mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           64 * KIB);
}

static void our_reserve(void)
{
    VirtualFree(VirtualAlloc(NULL, 1024 * KIB, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
}

static void host_reserve(void)
{
    munmap(mmap(NULL, 1024 * KIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
           1024 * KIB);
}

static void our_page(void)
{
    VirtualAlloc(area + 40 * 1024 * KIB, 4 * KIB, MEM_COMMIT, PAGE_READWRITE);
    VirtualFree(area + 40 * 1024 * KIB, 4 * KIB, MEM_DECOMMIT);
}

static void host_page(void)
{
    mprotect(host_area + 40 * 1024 * KIB, 4 * KIB, PROT_READ | PROT_WRITE);
    mprotect(host_area + 40 * 1024 * KIB, 4 * KIB, PROT_NONE);
}

static double time_of(void (*call)(void), unsigned times)
{
    double start = now();
    for (unsigned i = 0; i < times; i++)
        call();
    return (now() - start) / times;
}

static void line(const char *name, double ours, double theirs, double limit)
{
    printf("%s: %.2f (at most %.2f)%s   %.0f ns to %.0f ns\n", name, ours / theirs, limit,
           ours / theirs > limit ? " ABOVE" : "", ours, theirs);
}

static void bench(const char *name, void (*ours)(void), void (*theirs)(void), double limit)
{
    double a[ROUNDS], b[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        a[i] = time_of(ours, 2000);
        b[i] = time_of(theirs, 2000);
    }
    qsort(a, ROUNDS, sizeof a[0], compare);
    qsort(b, ROUNDS, sizeof b[0], compare);
    line(name, a[ROUNDS / 2], b[ROUNDS / 2], limit);
}

/* Nanoseconds of a query of one of `count` live regions, chosen in a scattered order. */
static double query_price(char **regions, unsigned count)
{
    double prices[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        MEMORY_BASIC_INFORMATION info;
        double start = now();
        for (unsigned i = 0; i < 20000; i++)
            VirtualQuery(regions[i * 7919u % count], &info, sizeof info);
        prices[round] = (now() - start) / 20000;
    }
    qsort(prices, ROUNDS, sizeof prices[0], compare);
    return prices[ROUNDS / 2];
}

static void bench_query(void)
{
    static char *regions[30000];
    double few, many;
    for (unsigned i = 0; i < 10; i++)
        regions[i] = VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE, PAGE_READWRITE);
    few = query_price(regions, 10);
    for (unsigned i = 10; i < 30000; i++)
        regions[i] = VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE, PAGE_READWRITE);
    many = query_price(regions, 30000);
    line("query, 30 000 regions to 10", many, few, 2);
    for (unsigned i = 0; i < 30000; i++)
        VirtualFree(regions[i], 0, MEM_RELEASE);
}

/*
 * A quarter of the pages at a time: the last quarter may not cost more than a few times the first.
 */
static int bench_every_second_page(void)
{
    double price[4];
    for (unsigned quarter = 0; quarter < 4; quarter++) {
        double start = now();
        for (unsigned i = 0; i < 32768; i++) {
            char *page = area + (quarter * 32768ull + i) * 8 * KIB;
            if (VirtualAlloc(page, 4 * KIB, MEM_COMMIT, PAGE_READWRITE) != page) {
                printf("commit of every second page fails after %u\n", quarter * 32768 + i);
                return 1;
            }
        }
        price[quarter] = (now() - start) / 32768;
    }
    line("commit of every second page, last quarter to first", price[3], price[0], 2);
    return 0;
}

int main(void)
{
    int failed;
    area = VirtualAlloc(NULL, GIB, MEM_RESERVE, PAGE_READWRITE);
    host_area = mmap(NULL, GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!area || host_area == MAP_FAILED)
        return 1;
    bench("allocate + free 64 KiB, winmem to mmap", our_64k, host_64k, 0.5);
    bench("reserve + release 1 MiB, winmem to mmap", our_reserve, host_reserve, 0.2);
    bench("commit + decommit 4 KiB in 1 GiB, winmem to mprotect", our_page, host_page, 0.5);
    bench_query();
    VirtualFree(area, 0, MEM_DECOMMIT);
    failed = bench_every_second_page();
    VirtualFree(area, 0, MEM_RELEASE);
    return failed;
}
