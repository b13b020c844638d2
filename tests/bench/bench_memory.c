/*
 * Prices of memory calls next to what the kernel takes for the same by plain mappings, in one run,
 * alternating, as medians. What is judged is that every second page of a gigabyte can be committed.
 */
#include <sys/mman.h>
#include <winmem/memoryapi.h>
#include "bench_kit.h"

#define ROUNDS 21

static char *area, *host_area;

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

static void our_flip(void)
{
    DWORD old;
    VirtualProtect(area + 41 * MIB, 4 * KIB, PAGE_READONLY, &old);
    VirtualProtect(area + 41 * MIB, 4 * KIB, PAGE_READWRITE, &old);
}

static void host_flip(void)
{
    mprotect(host_area + 41 * MIB, 4 * KIB, PROT_READ);
    mprotect(host_area + 41 * MIB, 4 * KIB, PROT_READ | PROT_WRITE);
}

static void our_page(void)
{
    VirtualAlloc(area + 40 * MIB, 4 * KIB, MEM_COMMIT, PAGE_READWRITE);
    VirtualFree(area + 40 * MIB, 4 * KIB, MEM_DECOMMIT);
}

static void host_page(void)
{
    mprotect(host_area + 40 * MIB, 4 * KIB, PROT_READ | PROT_WRITE);
    mprotect(host_area + 40 * MIB, 4 * KIB, PROT_NONE);
}

static double time_of(void (*call)(void), unsigned times)
{
    double start = now();
    for (unsigned i = 0; i < times; i++)
        call();
    return (now() - start) / times;
}

static void bench(const char *name, void (*ours)(void), void (*theirs)(void), double limit)
{
    double a[ROUNDS], b[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        a[i] = time_of(ours, 2000);
        b[i] = time_of(theirs, 2000);
    }
    line(name, median(a, ROUNDS), median(b, ROUNDS), limit);
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
    return median(prices, ROUNDS);
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
    VirtualAlloc(area + 40 * MIB, 2 * MIB, MEM_COMMIT, PAGE_READWRITE);
    mprotect(host_area + 40 * MIB, 2 * MIB, PROT_READ | PROT_WRITE);
    area[41 * MIB] = host_area[41 * MIB] = 1;
    bench("protect 4 KiB read-only and back, winmem to mprotect", our_flip, host_flip, 1.2);
    bench_query();
    VirtualFree(area, 0, MEM_DECOMMIT);
    failed = bench_every_second_page();
    VirtualFree(area, 0, MEM_RELEASE);
    return failed;
}
