/*
 * A million live regions of 64 KiB: what allocating, asking about and freeing one of them costs
 * against a thousand, and what the books of one take.
 *
 * Memory: the resident set (/proc/self/statm) after the million was reserved, less before. Nothing
 * of the regions themselves is ever touched or committed, so that what grew is the books; page
 * tables are not part of a resident set.
 *
 * A million books are in no cache, and a call on one of them waits for memory more than it computes.
 * What one such wait takes here is measured too: a chain through as many bytes, each step from where
 * the one before led. It is what nothing can be below.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "bench_kit.h"

#define MANY    1000000u
#define FEW     1000u
#define SAMPLES 1000u /* calls a price is the mean of */
#define ROUNDS  15

struct prices {
    double allocate, query, release; /* medians of means, nanoseconds */
};

static char *regions[MANY + SAMPLES];

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0;
    if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
        exit(1);
    fclose(file);
    return (double)resident * 4 * KIB;
}

static char *allocate(void)
{
    char *region = VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE, PAGE_READWRITE);
    if (!region) {
        printf("no more regions\n");
        exit(1);
    }
    return region;
}

/*
 * Of `count` live regions: asks about regions all over, allocates some more and frees as many that
 * lie scattered among the others.
 */
static struct prices price(unsigned count)
{
    double allocating[ROUNDS], asking[ROUNDS], freeing[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        MEMORY_BASIC_INFORMATION info;
        double start = now();
        for (unsigned i = 0; i < SAMPLES; i++)
            regions[count + i] = allocate();
        allocating[round] = (now() - start) / SAMPLES;
        start = now();
        for (unsigned i = 0; i < SAMPLES; i++)
            VirtualQuery(regions[i * 7919ul % count], &info, sizeof info);
        asking[round] = (now() - start) / SAMPLES;
        for (unsigned i = 0; i < SAMPLES; i++) {
            unsigned other = (unsigned)((i * 104729ul + round) % count);
            char *kept = regions[other];
            regions[other] = regions[count + i];
            regions[count + i] = kept;
        }
        start = now();
        for (unsigned i = 0; i < SAMPLES; i++)
            VirtualFree(regions[count + i], 0, MEM_RELEASE);
        freeing[round] = (now() - start) / SAMPLES;
    }
    return (struct prices){median(allocating, ROUNDS), median(asking, ROUNDS),
                           median(freeing, ROUNDS)};
}

/* Nanoseconds for one step of a chain, in no order, through 256 MiB of lines in huge pages. */
static double price_of_miss(void)
{
    enum { LINE = 64, LINES = 256 * MIB / LINE, STEPS = 500000, HUGE = 2 * MIB };
    char *room =
        mmap(NULL, 256 * MIB + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        exit(1);
    char *lines = (char *)(((unsigned long)room + HUGE - 1) & ~(HUGE - 1ul)), *at = lines;
    madvise(lines, 256 * MIB, MADV_HUGEPAGE);
    /* x -> 5 x + 1 passes through all residues of a power of two; high bits then come low */
    for (unsigned long x = 0; x < LINES; x++) {
        unsigned long from = (x * 2654435761u) % LINES,
                      to = ((5 * x + 1) % LINES * 2654435761u) % LINES;
        *(char **)(lines + from * LINE) = lines + to * LINE;
    }
    double start = now();
    for (unsigned step = 0; step < STEPS; step++)
        at = *(char *volatile *)at;
    double spent = (now() - start) / STEPS;
    munmap(room, 256 * MIB + HUGE);
    return spent;
}

int main(void)
{
    struct prices few, many;
    double before, books, start, all;
    unsigned count = 0;

    for (unsigned i = 0; i < MANY + SAMPLES; i++)
        regions[i] = (char *)1; /* the list is resident before anything is measured */
    while (count < FEW)
        regions[count++] = allocate();
    few = price(FEW);
    before = resident_bytes();
    start = now();
    while (count < MANY)
        regions[count++] = allocate();
    all = (now() - start) / (MANY - FEW);
    books = (resident_bytes() - before) / (MANY - FEW);
    many = price(MANY);
    line("allocate 64 KiB, 1 000 000 regions to 1 000", many.allocate, few.allocate, 3);
    line("query, 1 000 000 regions to 1 000", many.query, few.query, 3);
    line("free 64 KiB, 1 000 000 regions to 1 000", many.release, few.release, 3);
    double miss = price_of_miss();
    printf(
        "a miss of all caches: %.0f ns; what the million adds, in such: allocate %.1f, query %.1f, "
        "free %.1f\n",
        miss, (many.allocate - few.allocate) / miss, (many.query - few.query) / miss,
        (many.release - few.release) / miss);
    start = now();
    for (unsigned i = 0; i < MANY; i++)
        if (!VirtualFree(regions[i], 0, MEM_RELEASE))
            return 1;
    printf("books of one region of 1 000 000: %.0f bytes (at most 256)%s   made in %.0f ns each, "
           "freed in %.0f ns\n",
           books, books > 256 ? " ABOVE" : "", all, (now() - start) / MANY);
    return 0;
}
