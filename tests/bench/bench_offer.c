/*
 * What it costs to offer 64 MiB and take them back intact, for each page, next to the least that
 * the kernel can be asked for the same: MADV_FREE, and one write to each page, which is how a page
 * is taken back. All pages hold data.
 *
 * While there is ample room the policy holds back Normal for ever and VeryLow for a moment. What an
 * offer costs all in all that is still there after that moment, when it was given to the kernel, is
 * seen where WINMEM_AVAILABLE lets it be given at once.
 */
#include <string.h>
#include <sys/mman.h>
#include <winmem/memoryapi.h>
#include "bench_kit.h"

#define ROUNDS 11
#define SIZE   (64 * MIB)
#define PAGES  (SIZE / (4 * KIB))

static void fill(char *area)
{
    for (unsigned long page = 0; page < PAGES; page++)
        memset(area + page * 4 * KIB, (int)(page % 255 + 1), 4 * KIB);
}

/* Nanoseconds for one page. Exits when the contents are not what they were. */
static double our_round(char *area, OFFER_PRIORITY priority)
{
    double start = now();
    DWORD offered = OfferVirtualMemory(area, SIZE, priority),
          reclaimed = ReclaimVirtualMemory(area, SIZE);
    double spent = now() - start;
    if (offered != ERROR_SUCCESS || (reclaimed != ERROR_SUCCESS && reclaimed != ERROR_BUSY))
        exit(1);
    for (unsigned long page = 0; page < PAGES && reclaimed == ERROR_SUCCESS; page++)
        if (area[page * 4 * KIB + 77] != (char)(page % 255 + 1))
            exit(1);
    return spent / (double)PAGES;
}

static double host_round(char *area)
{
    double start = now();
    madvise(area, SIZE, MADV_FREE);
    for (unsigned long page = 0; page < PAGES; page++)
        ((volatile char *)area)[page * 4 * KIB] = (char)(page % 255 + 1);
    return (now() - start) / (double)PAGES;
}

int main(void)
{
    char *area = VirtualAlloc(NULL, SIZE, RC, PAGE_READWRITE);
    char *host_area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double normal[ROUNDS], low[ROUNDS], given[ROUNDS], theirs[ROUNDS];

    if (!area || host_area == MAP_FAILED)
        return 1;
    fill(area);
    fill(host_area);
    for (unsigned round = 0; round < ROUNDS; round++) {
        normal[round] = our_round(area, VmOfferPriorityNormal);
        low[round] = our_round(area, VmOfferPriorityVeryLow);
        setenv("WINMEM_AVAILABLE", "1024G", 1);
        given[round] = our_round(area, VmOfferPriorityVeryLow);
        unsetenv("WINMEM_AVAILABLE");
        theirs[round] = host_round(host_area);
    }
    double price = median(theirs, ROUNDS);
    line("offer + reclaim intact, each 4 KiB of 64 MiB, winmem to MADV_FREE + write",
         median(normal, ROUNDS), price, 1.5);
    line("the same with the lowest priority", median(low, ROUNDS), price, 1.5);
    line("the same when it was given to the kernel meanwhile", median(given, ROUNDS), price, 1.5);
    return 0;
}
