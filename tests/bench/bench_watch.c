/*
 * Prices of write watch next to the kernel's own: one PAGEMAP_SCAN that reads and resets the same
 * kind of range, and the first write to memory that nobody watches. Both sides use small pages:
 * watched memory never has huge ones, and against those a first write would be dearer by what 512
 * faults cost more than one. With WINMEM_HOST_CAPS=-watch the same rows show what the marks cost
 * that serve without the kernel's help; nothing is judged then.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <math.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "bench_kit.h"
#include "memoryapi/host_kernel.h"

#define ROUNDS 15
#define SIZE   (64 * MIB)
#define PAGE   (4 * KIB)
#define PAGES  (SIZE / PAGE)

static char *ours, *theirs;
static int pagemap = -1;
static PVOID addresses[PAGES];
static struct page_region found[PAGES];

/* A range that the kernel watches for us, or false. */
static bool watch_theirs(void)
{
    struct uffdio_api api = {.api = UFFD_API,
                             .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED};
    struct uffdio_register request = {.range = {(uint64_t)theirs, SIZE},
                                      .mode = UFFDIO_REGISTER_MODE_WP};
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    return faults >= 0 && pagemap >= 0 && ioctl(faults, UFFDIO_API, &api) == 0 &&
           ioctl(faults, UFFDIO_REGISTER, &request) == 0;
}

static unsigned long scan_theirs(void)
{
    struct pm_scan_arg scan = {
        .size = sizeof scan,
        .flags = PM_SCAN_CHECK_WPASYNC | PM_SCAN_WP_MATCHING,
        .start = (uint64_t)theirs,
        .end = (uint64_t)theirs + SIZE,
        .vec = (uint64_t)found,
        .vec_len = PAGES,
        .category_mask = PAGE_IS_WRITTEN | PAGE_IS_PFNZERO,
        .category_inverted = PAGE_IS_PFNZERO,
        .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        .return_mask = PAGE_IS_WRITTEN,
    };
    return (unsigned long)ioctl(pagemap, PAGEMAP_SCAN, &scan);
}

static unsigned long scan_ours(void)
{
    ULONG_PTR count = PAGES;
    DWORD granularity;
    if (GetWriteWatch(WRITE_WATCH_FLAG_RESET, ours, SIZE, addresses, &count, &granularity) != 0)
        abort();
    return count;
}

static void write_every(char *memory, uint64_t step)
{
    for (uint64_t at = 0; at < SIZE; at += step)
        *(volatile char *)(memory + at) = 1;
}

static double time_scan(unsigned long (*scan)(void), char *memory, uint64_t step)
{
    write_every(memory, step);
    double start = now();
    unsigned long count = scan();
    double spent = now() - start;
    if (count != (SIZE + step - 1) / step && step > PAGE)
        printf("%lu stretches instead of %llu\n", count, (SIZE + step - 1) / step);
    return spent;
}

static void bench_scan(const char *name, uint64_t step, double limit)
{
    double a[ROUNDS], b[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        a[i] = time_scan(scan_ours, ours, step);
        b[i] = time_scan(scan_theirs, theirs, step);
    }
    line(name, median(a, ROUNDS), median(b, ROUNDS), limit);
}

static double time_writes(char *memory)
{
    double start = now();
    write_every(memory, PAGE);
    return (now() - start) / PAGES;
}

/* A page of `first` against a page of fresh memory that nobody watches. */
static void bench_write(const char *name, char *(*first)(void), double limit)
{
    double a[ROUNDS], b[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        char *memory = first();
        a[i] = time_writes(memory);
        if (memory != ours)
            VirtualFree(memory, 0, MEM_RELEASE);
        char *plain = VirtualAlloc(NULL, SIZE, RC, PAGE_READWRITE);
        madvise(plain, SIZE, MADV_NOHUGEPAGE);
        b[i] = time_writes(plain);
        VirtualFree(plain, 0, MEM_RELEASE);
    }
    line(name, median(a, ROUNDS), median(b, ROUNDS), limit);
}

static char *fresh(void)
{
    return VirtualAlloc(NULL, SIZE, RC | MEM_WRITE_WATCH, PAGE_READWRITE);
}

static char *reset(void)
{
    ResetWriteWatch(ours, SIZE);
    return ours;
}

int main(void)
{
    const char *caps = getenv("WINMEM_HOST_CAPS");
    bool judged = !caps || !strstr(caps, "-watch");
    double none = HUGE_VAL;
    ours = fresh();
    theirs = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(theirs, SIZE, MADV_NOHUGEPAGE);
    if (!ours || theirs == MAP_FAILED)
        abort();
    if (!watch_theirs()) {
        printf("this kernel does not tell written pages: nothing to compare with\n");
        return 0;
    }
    write_every(ours, PAGE);
    write_every(theirs, PAGE);
    scan_ours();
    scan_theirs();
    bench_scan("written pages of 64 MiB, 1 % written, with reset", 100 * PAGE, judged ? 1.3 : none);
    bench_scan("written pages of 64 MiB, none but one", SIZE, judged ? 1.3 : none);
    bench_scan("written pages of 64 MiB, every second", 2 * PAGE, judged ? 1.3 : none);
    bench_scan("written pages of 64 MiB, all", PAGE, none);
    bench_write("first write to a watched page", fresh, judged ? 2 : none);
    bench_write("first write to a page after a reset", reset, judged ? 2 : none);
    return 0;
}
