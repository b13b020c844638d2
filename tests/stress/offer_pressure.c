/*
 * Offered memory under real shortage: in a memory cgroup the kernel drops offered pages while other
 * memory is used, and reclaim must tell exactly which were lost. Skipped (exit 77) where no cgroup
 * can be made. WINMEM_ROUNDS sets the number of rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"

#define LIMIT         (64ull << 20) /* bytes of the cgroup */
#define PAGES         8192u         /* 32 MiB offered */
#define PRESSURE      (48ull << 20)
#define LESS_PRESSURE (20ull << 20) /* fits beside all pages reclaimed */
#define CHUNK         3u            /* pages reclaimed in one call, besides single ones */

static char group[256];

static bool write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0)
        close(file);
    return done;
}

static bool enter(const char *root, const char *limit_file)
{
    char limit[32], self[32];
    snprintf(group, sizeof group, "%s/winmem-test-%d", root, getpid());
    snprintf(limit, sizeof limit, "%llu", LIMIT);
    snprintf(self, sizeof self, "%d", getpid());
    if (mkdir(group, 0700) != 0)
        return false;
    if (write_file(limit_file, limit) && write_file("cgroup.procs", self))
        return true;
    rmdir(group);
    return false;
}

static void leave(const char *root)
{
    char inside[256], self[32];
    snprintf(inside, sizeof inside, "%s", group);
    snprintf(self, sizeof self, "%d", getpid());
    snprintf(group, sizeof group, "%s", root);
    write_file("cgroup.procs", self);
    rmdir(inside);
}

/*
 * One nonzero word at a place that differs from page to page; every eighth page stays zero, every
 * sixteenth is never touched.
 */
static uint64_t word_of(unsigned page, unsigned round)
{
    return page % 8 == 0 ? 0 : 0x1000000ull * (round + 1) + page;
}

static volatile uint64_t *place_of(uint64_t base, unsigned page, unsigned round)
{
    return (volatile uint64_t *)(base + (uint64_t)page * PAGE_SIZE) + (page * 7 + round * 13) % 512;
}

static void use_memory(uint64_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        memory[at] = 1;
    munmap(memory, size);
}

struct count {
    unsigned dropped, intact, wrong;
};

static uint64_t kept[PAGES]; /* the word of each page when it was reclaimed */

static void check(uint64_t base, unsigned first, unsigned pages, unsigned round, bool discarded,
                  struct count *count)
{
    unsigned lost = 0;
    for (unsigned page = first; page < first + pages; page++)
        lost += (kept[page] = *place_of(base, page, round)) != word_of(page, round);
    if (discarded != (lost != 0))
        count->wrong++;
    count->dropped += lost;
    count->intact += pages - lost;
}

static void run(uint64_t base, unsigned round, struct count *count)
{
    for (unsigned page = 0; page < PAGES; page++)
        if (page % 16 != 0)
            *place_of(base, page, round) = word_of(page, round);
    if (mm_offer(base, PAGES * PAGE_SIZE, 1 + round % 4) != STATUS_SUCCESS)
        abort();
    use_memory(PRESSURE);
    for (unsigned page = 0; page < PAGES;) {
        unsigned pages = round % 2 || page + CHUNK > PAGES ? 1 : CHUNK;
        bool discarded = false;
        if (mm_reclaim(base + (uint64_t)page * PAGE_SIZE, pages * PAGE_SIZE, &discarded) !=
            STATUS_SUCCESS)
            abort();
        check(base, page, pages, round, discarded, count);
        page += pages;
    }
    /* what was reclaimed is the program's again: no later shortage may take it */
    use_memory(LESS_PRESSURE);
    for (unsigned page = 0; page < PAGES; page++)
        count->wrong += *place_of(base, page, round) != kept[page];
}

int main(void)
{
    const char *text = getenv("WINMEM_ROUNDS"), *root = "/sys/fs/cgroup/memory";
    unsigned rounds = text ? (unsigned)atoi(text) : 6;
    struct count count = {0};
    struct mm_request request = {
        .size = PAGES * PAGE_SIZE, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};

    if (!enter(root, "memory.limit_in_bytes") && !enter(root = "/sys/fs/cgroup", "memory.max")) {
        printf("offer_pressure: skipped, no memory cgroup can be made here (%s)\n",
               strerror(errno));
        return 77;
    }
    if (mm_allocate(&request) != STATUS_SUCCESS)
        abort();
    for (unsigned round = 0; round < rounds; round++) {
        run(request.base, round, &count);
        /* every page begins at zero again */
        uint64_t base = request.base, size = PAGES * PAGE_SIZE;
        if (mm_free(&base, &size, MEM_DECOMMIT) != STATUS_SUCCESS)
            abort();
        request.type = MEM_COMMIT;
        if (mm_allocate(&request) != STATUS_SUCCESS)
            abort();
    }
    leave(root);
    printf("offer_pressure: %u rounds, %u pages dropped, %u intact, %u wrong answers\n", rounds,
           count.dropped, count.intact, count.wrong);
    if (count.dropped == 0)
        printf("offer_pressure: the kernel dropped nothing: this run proved little\n");
    return count.wrong != 0 || !mm_space_is_valid();
}
