/*
 * Windows on physical pages: a call that shows 1024 scattered pages over 1024 others, for each page
 * against one mapping of a page of a memory file; and a million pages at a million scattered
 * places, where mappings would have ended at 65 530.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/sysinfoapi.h>
#include <winmem/winbase.h>
#include "bench_kit.h"

#define ROUNDS  31
#define PAGES   1024u
#define MILLION 1000000u
#define AT_ONCE 4000u
#define PAGE    4096ull
#define SELF    ((HANDLE)-1)

static void need(BOOL good, const char *what)
{
    if (good)
        return;
    printf("%s failed\n", what);
    exit(1);
}

/* Scattered: so that no two that follow one another lie side by side. */
static uint64_t scattered(uint64_t i, uint64_t count)
{
    return i * 7919 % count;
}

static void remap(void)
{
    static ULONG_PTR all[2 * PAGES], sets[2][PAGES];
    double ours[ROUNDS], theirs[ROUNDS];
    ULONG_PTR count = 2 * PAGES;
    char *window = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    int file = memfd_create("bench", MFD_CLOEXEC);
    char *area = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    need(window && AllocateUserPhysicalPages(SELF, &count, all) && count == 2 * PAGES, "pages");
    need(file >= 0 && fallocate(file, 0, 0, 2 * PAGES * PAGE) == 0 && area != MAP_FAILED, "file");
    for (unsigned i = 0; i < 2 * PAGES; i++)
        sets[i / PAGES][i % PAGES] = all[scattered(i, 2 * PAGES)];
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now();
        need(MapUserPhysicalPages(window, PAGES, sets[round % 2]), "MapUserPhysicalPages");
        ours[round] = (now() - start) / PAGES;
        start = now();
        for (uint64_t i = 0; i < PAGES; i++) {
            uint64_t from = scattered(i + round % 2 * PAGES, 2 * PAGES);
            need(mmap(area + i * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                      (off_t)(from * PAGE)) != MAP_FAILED,
                 "mmap");
        }
        theirs[round] = (now() - start) / PAGES;
        for (uint64_t i = 0; i < PAGES; i++) {
            window[i * PAGE]++;
            area[i * PAGE]++;
        }
    }
    line("show a page over another, scattered", median(ours, ROUNDS), median(theirs, ROUNDS), 1.1);
    munmap(area, PAGES * PAGE);
    close(file);
    FreeUserPhysicalPages(SELF, &count, all);
    VirtualFree(window, 0, MEM_RELEASE);
}

static unsigned mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "re");
    unsigned count = 0;
    for (int c; file && (c = fgetc(file)) != EOF;)
        count += c == '\n';
    if (file)
        fclose(file);
    return count;
}

/* Nanoseconds a page that showing [from, to) of all takes, every second page of the window. */
static double show(char *window, const ULONG_PTR *frames, unsigned from, unsigned to)
{
    static void *places[AT_ONCE];
    static ULONG_PTR some[AT_ONCE];
    double start = now();
    for (unsigned done = from; done < to; done += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            places[i] = window + 2 * PAGE * scattered(done + i, MILLION);
            some[i] = frames[done + i];
        }
        need(MapUserPhysicalPagesScatter(places, AT_ONCE, some), "a million pages");
    }
    return (now() - start) / (to - from);
}

static void million(void)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    ULONG_PTR count = MILLION, *frames = malloc(MILLION * sizeof *frames);
    char *window =
        VirtualAlloc(NULL, 2 * MILLION * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    need(frames && window && GlobalMemoryStatusEx(&memory), "a window of 8 GB");
    if (memory.ullAvailPhys < 6 * GIB) {
        printf("a million pages: not enough memory to try\n");
        return;
    }
    double start = now();
    need(AllocateUserPhysicalPages(SELF, &count, frames) && count == MILLION, "a million frames");
    printf("a page from the system, zeroed: %.0f ns\n", (now() - start) / MILLION);
    unsigned before = mappings();
    double first = show(window, frames, 0, 40000);
    show(window, frames, 40000, 960000);
    double last = show(window, frames, 960000, MILLION);
    line("show a page: the last of a million, the first", last, first, 2);
    line("mappings of a million scattered pages, before", mappings() + before, before, 2.1);
    for (unsigned i = 0; i < MILLION; i += 1009)
        window[2 * PAGE * scattered(i, MILLION)] = 1;
    start = now();
    need(VirtualFree(window, 0, MEM_RELEASE), "the end of the window");
    printf("a page of a window that goes: %.0f ns\n", (now() - start) / MILLION);
    start = now();
    need(FreeUserPhysicalPages(SELF, &count, frames) && count == MILLION, "freeing");
    printf("a page that is freed: %.0f ns\n", (now() - start) / MILLION);
    free(frames);
}

int main(void)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    remap();
    million();
    return 0;
}
