/*
 * A million live regions of 64 KiB: what allocating, asking about and freeing one of them costs
 * against a thousand, and what the books of one take.
 *
 * Memory: the resident set (/proc/self/statm) after the million was reserved, less before. Nothing
 * of the regions themselves is ever touched or committed, so that what grew is the books; page
 * tables are not part of a resident set.
 */
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
    start = now();
    for (unsigned i = 0; i < MANY; i++)
        if (!VirtualFree(regions[i], 0, MEM_RELEASE))
            return 1;
    printf("books of one region of 1 000 000: %.0f bytes (at most 256)%s   made in %.0f ns each, "
           "freed in %.0f ns\n",
           books, books > 256 ? " ABOVE" : "", all, (now() - start) / MANY);
    return 0;
}
