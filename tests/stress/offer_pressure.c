/*
 * Offered memory under real shortage, in a memory cgroup. Each part is a process of its own, so that
 * one that the kernel kills for want of memory is a failure that is told:
 *
 *   offers  the kernel drops offered pages while other memory is used, and reclaim must tell exactly
 *           which were lost;
 *   policy  blocks of all priorities and ages, only our own policy drops, memory shrinks slowly:
 *           always the lowest priority, and the oldest inside one, before anything else. With
 *           WINMEM_RETURN=keep, since an order can be asserted only of what the policy drops by
 *           itself: otherwise VeryLow and Low are the kernel's at once, and it takes single pages of
 *           them in an order of its own (offer_policy.h);
 *   order   one large block of each priority, the lowest offered last, nothing set: the kernel takes
 *           single pages, but none of a block while there is enough of the ones before it;
 *   resets  MEM_RESET and its undo while threads write to a part of the pages;
 *   fast    as in policy, but memory goes faster than anybody can look, and the kernel drops too:
 *           no order, only that each loss is told.
 *
 * Skipped (exit 77) where no cgroup can be made. WINMEM_ROUNDS sets the number of rounds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"

#define MIB           (1ull << 20)
#define LIMIT         (64 * MIB) /* bytes of the cgroup */
#define PAGES         8192u      /* 32 MiB offered */
#define PRESSURE      (48 * MIB)
#define LESS_PRESSURE (20 * MIB) /* fits beside all pages reclaimed */
#define CHUNK         3u         /* pages reclaimed in one call, besides single ones */

/* What the policy holds back needs this much room (offer_policy.h). */
#define POLICY_LIMIT (384 * MIB)
#define PRIORITIES   4u
#define AGES         4u /* blocks of each priority */
#define BLOCKS       (PRIORITIES * AGES)
#define BLOCK_PAGES  1024u
#define BLOCK_SIZE   ((uint64_t)BLOCK_PAGES * PAGE_SIZE)
#define STEP         (2 * MIB) /* memory used between two looks of the policy */
#define WRITERS      2u

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

/* Groups of processes that were killed before they could remove them. */
static void remove_leftovers(const char *root)
{
    static const char prefix[] = "winmem-test-";
    DIR *folder = opendir(root);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int owner = strncmp(entry->d_name, prefix, strlen(prefix)) == 0
                        ? atoi(entry->d_name + strlen(prefix))
                        : 0;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
        if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH)
            rmdir(path);
    }
    closedir(folder);
}

static bool make_group(const char *root, const char *limit_file)
{
    char limit[32];
    remove_leftovers(root);
    snprintf(group, sizeof group, "%s/winmem-test-%d", root, getpid());
    snprintf(limit, sizeof limit, "%llu", LIMIT);
    if (mkdir(group, 0700) != 0)
        return false;
    if (write_file(limit_file, limit))
        return true;
    rmdir(group);
    return false;
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
    unsigned rounds, offered, dropped, intact, wrong;
    unsigned by_priority[PRIORITIES + 1]; /* pages dropped */
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

static void nap(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static uint64_t allocate(uint64_t size)
{
    struct mm_request request = {
        .size = size, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};
    if (mm_allocate(&request) != STATUS_SUCCESS)
        abort();
    return request.base;
}

static void release(uint64_t base)
{
    uint64_t size = 0;
    if (mm_free(&base, &size, MEM_RELEASE) != STATUS_SUCCESS)
        abort();
}

static void part_offers(struct count *count, unsigned rounds)
{
    struct mm_request request = {.base = allocate(PAGES * PAGE_SIZE),
                                 .size = PAGES * PAGE_SIZE,
                                 .type = MEM_COMMIT,
                                 .protect = PAGE_READWRITE};
    for (unsigned round = 0; round < rounds; round++) {
        unsigned before = count->dropped;
        run(request.base, round, count);
        count->offered += PAGES;
        count->by_priority[1 + round % 4] += count->dropped - before;
        /* every page begins at zero again */
        uint64_t base = request.base, size = PAGES * PAGE_SIZE;
        if (mm_free(&base, &size, MEM_DECOMMIT) != STATUS_SUCCESS ||
            mm_allocate(&request) != STATUS_SUCCESS)
            abort();
    }
}

/* Block number `age` in the order of the offers; the priorities mix differently each round. */
static unsigned priority_of(unsigned age, unsigned round)
{
    return 1 + (age * 3 + age / PRIORITIES + round) % PRIORITIES;
}

static void offer_blocks(const uint64_t blocks[BLOCKS], unsigned round, struct count *count)
{
    for (unsigned age = 0; age < BLOCKS; age++)
        for (unsigned page = 0; page < BLOCK_PAGES; page++)
            *(volatile uint64_t *)(blocks[age] + page * PAGE_SIZE) = word_of(2 * page + 1, age);
    for (unsigned age = 0; age < BLOCKS; age++)
        if (mm_offer(blocks[age], BLOCK_SIZE, priority_of(age, round)) != STATUS_SUCCESS)
            abort();
    count->offered += BLOCKS * BLOCK_PAGES;
}

/* Pages of the block that were lost. */
static unsigned reclaim_block(uint64_t base, unsigned age, struct count *count)
{
    bool discarded = false;
    unsigned lost = 0;
    if (mm_reclaim(base, BLOCK_SIZE, &discarded) != STATUS_SUCCESS)
        abort();
    for (unsigned page = 0; page < BLOCK_PAGES; page++) {
        uint64_t word = *(volatile uint64_t *)(base + page * PAGE_SIZE);
        lost += word == 0;
        count->wrong += word != 0 && word != word_of(2 * page + 1, age);
    }
    count->wrong += discarded != (lost != 0);
    count->dropped += lost;
    count->intact += BLOCK_PAGES - lost;
    return lost;
}

/* `ordered`: whole blocks, and none while one that comes before it in the order is there. */
static void reclaim_blocks(const uint64_t blocks[BLOCKS], unsigned round, bool ordered,
                           struct count *count)
{
    bool some_left = false;
    for (unsigned priority = 1; priority <= PRIORITIES; priority++)
        for (unsigned age = 0; age < BLOCKS; age++) {
            if (priority_of(age, round) != priority)
                continue;
            unsigned lost = reclaim_block(blocks[age], age, count);
            count->by_priority[priority] += lost;
            if (ordered && lost != 0 && (some_left || lost != BLOCK_PAGES)) {
                printf("offer_pressure: round %u: block %u, priority %u: %u pages dropped%s\n",
                       round, age, priority, lost, some_left ? " before a lower one" : "");
                count->wrong++;
            }
            some_left |= lost != BLOCK_PAGES;
        }
}

/* Room is left for what the policy keeps: it drops until it is half-way to plenty. */
static void use_slowly(uint64_t size)
{
    volatile char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
        memory[at] = 1;
        if (at % STEP == 0 && at > size - 64 * MIB)
            nap(12);
    }
    nap(60);
    munmap((void *)memory, size);
}

static void part_blocks(struct count *count, unsigned rounds, bool slow)
{
    uint64_t blocks[BLOCKS];
    for (unsigned round = 0; round < rounds; round++) {
        /* what must go differs: nearly nothing up to nearly all */
        uint64_t beside = POLICY_LIMIT - BLOCKS * BLOCK_SIZE;
        for (unsigned age = 0; age < BLOCKS; age++)
            blocks[age] = allocate(BLOCK_SIZE);
        offer_blocks(blocks, round, count);
        if (slow)
            use_slowly(beside - 28 * MIB + round % 5 * 10 * MIB);
        else
            use_memory(POLICY_LIMIT - 24 * MIB - round % 3 * 16 * MIB);
        reclaim_blocks(blocks, round, slow, count);
        for (unsigned age = 0; age < BLOCKS; age++)
            release(blocks[age]);
    }
}

static void part_policy(struct count *count, unsigned rounds)
{
    setenv("WINMEM_RETURN", "keep", 1); /* the kernel, which knows no order, drops nothing */
    part_blocks(count, rounds, true);
}

static void part_fast(struct count *count, unsigned rounds)
{
    part_blocks(count, rounds, false);
}

#define LARGE_PAGES (11u * BLOCK_PAGES) /* 44 MiB */

static void offer_falling(uint64_t blocks[PRIORITIES + 1])
{
    for (unsigned priority = PRIORITIES; priority > 0; priority--) {
        blocks[priority] = allocate((uint64_t)LARGE_PAGES * PAGE_SIZE);
        for (unsigned page = 0; page < LARGE_PAGES; page++)
            *(volatile uint64_t *)(blocks[priority] + page * PAGE_SIZE) = page + 1;
    }
    for (unsigned priority = PRIORITIES; priority > 0; priority--)
        if (mm_offer(blocks[priority], (uint64_t)LARGE_PAGES * PAGE_SIZE, priority) !=
            STATUS_SUCCESS)
            abort();
}

/* What is used takes the first block, and at most half of the second. */
static void part_order(struct count *count, unsigned rounds)
{
    uint64_t blocks[PRIORITIES + 1];
    for (unsigned round = 0; round < rounds; round++) {
        unsigned lost[PRIORITIES + 1] = {0};
        offer_falling(blocks);
        count->offered += PRIORITIES * LARGE_PAGES;
        nap(200);
        use_slowly(POLICY_LIMIT - (uint64_t)PRIORITIES * LARGE_PAGES * PAGE_SIZE + 44 * MIB);
        for (unsigned priority = 1; priority <= PRIORITIES; priority++) {
            bool discarded = false;
            if (mm_reclaim(blocks[priority], (uint64_t)LARGE_PAGES * PAGE_SIZE, &discarded) !=
                STATUS_SUCCESS)
                abort();
            for (unsigned page = 0; page < LARGE_PAGES; page++)
                lost[priority] +=
                    *(volatile uint64_t *)(blocks[priority] + page * PAGE_SIZE) != page + 1;
            count->wrong += discarded != (lost[priority] != 0);
            count->dropped += lost[priority];
            count->intact += LARGE_PAGES - lost[priority];
            count->by_priority[priority] += lost[priority];
            release(blocks[priority]);
        }
        if (lost[3] || lost[4] || lost[1] < LARGE_PAGES / 2 || lost[2] > lost[1]) {
            printf("offer_pressure: round %u: %u, %u, %u, %u pages lost\n", round, lost[1], lost[2],
                   lost[3], lost[4]);
            count->wrong++;
        }
    }
}

/* The second word of some pages is written meanwhile, each by one thread. */
struct writer {
    pthread_t thread;
    uint64_t base;
    unsigned number;
    uint64_t last[PAGES]; /* what was written; 0: nothing */
    bool stop;            /* atomic */
};
static struct writer writers[WRITERS];

static volatile uint64_t *second_word(uint64_t base, unsigned page)
{
    return (volatile uint64_t *)(base + (uint64_t)page * PAGE_SIZE + PAGE_SIZE - 8);
}

static void *keep_writing(void *context)
{
    struct writer *writer = context;
    uint64_t value = 0x7000000000000000ull;
    for (unsigned n = 0; !__atomic_load_n(&writer->stop, __ATOMIC_RELAXED); n++) {
        unsigned page = (n * 4 * WRITERS * 37 + 4 * writer->number + 1) % (PAGES / 8);
        *second_word(writer->base, page) = writer->last[page] = ++value;
        if (n % 16 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

/* Whether the page is as the undo says of it: the first word was never rewritten. */
static void check_reset(uint64_t base, unsigned first, unsigned pages, bool discarded,
                        unsigned round, struct count *count)
{
    unsigned lost = 0;
    for (unsigned page = first; page < first + pages; page++) {
        uint64_t word = *(volatile uint64_t *)(base + (uint64_t)page * PAGE_SIZE), written = 0;
        lost += word == 0;
        count->wrong += word != 0 && word != word_of(2 * page + 1, round);
        for (unsigned i = 0; i < WRITERS; i++)
            written = writers[i].last[page] ? writers[i].last[page] : written;
        count->wrong += *second_word(base, page) != written;
    }
    count->wrong += discarded != (lost != 0);
    count->dropped += lost;
    count->intact += pages - lost;
}

static void reset_round(uint64_t base, unsigned round, struct count *count)
{
    struct mm_request reset = {
        .base = base, .size = PAGES * PAGE_SIZE, .type = MEM_RESET, .protect = PAGE_NOACCESS};
    memset(writers, 0, sizeof writers);
    for (unsigned page = 0; page < PAGES; page++) {
        *(volatile uint64_t *)(base + (uint64_t)page * PAGE_SIZE) = word_of(2 * page + 1, round);
        *second_word(base, page) = 0;
    }
    if (mm_allocate(&reset) != STATUS_SUCCESS)
        abort();
    count->offered += PAGES;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i].base = base;
        writers[i].number = i;
        if (pthread_create(&writers[i].thread, NULL, keep_writing, &writers[i]) != 0)
            abort();
    }
    use_memory(44 * MIB - round % 3 * 3 * MIB);
    NTSTATUS answers[PAGES / 64]; /* with the writers still at work */
    for (unsigned i = 0; i < PAGES / 64; i++) {
        struct mm_request undo = {.base = base + i * 64ull * PAGE_SIZE,
                                  .size = 64 * PAGE_SIZE,
                                  .type = MEM_RESET_UNDO,
                                  .protect = PAGE_NOACCESS};
        answers[i] = mm_allocate(&undo);
        if (answers[i] != STATUS_SUCCESS && answers[i] != STATUS_UNSUCCESSFUL)
            abort();
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        __atomic_store_n(&writers[i].stop, true, __ATOMIC_RELAXED);
        pthread_join(writers[i].thread, NULL);
    }
    for (unsigned i = 0; i < PAGES / 64; i++)
        check_reset(base, i * 64, 64, answers[i] != STATUS_SUCCESS, round, count);
}

static void part_resets(struct count *count, unsigned rounds)
{
    mm_own_address_space(); /* elsewhere what was reset is not given to the kernel */
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t base = allocate(PAGES * PAGE_SIZE);
        reset_round(base, round, count);
        release(base);
    }
}

/* In the group, as a process of its own. False: something was wrong, which is then printed. */
static bool part(const char *name, void (*work)(struct count *, unsigned), unsigned rounds,
                 uint64_t limit, const char *limit_file)
{
    struct count *count =
        mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char text[32];
    int status = 0;
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit);
    if (count == MAP_FAILED || !write_file(limit_file, text))
        return false;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        snprintf(text, sizeof text, "%d", getpid());
        if (!write_file("cgroup.procs", text))
            abort();
        work(count, rounds);
        count->rounds = rounds;
        count->wrong += !mm_space_is_valid();
        fflush(stdout);
        _exit(count->wrong != 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    printf("offer_pressure: %s: %u rounds, %u pages, %u dropped (by priority %u %u %u %u), "
           "%u intact, %u wrong answers\n",
           name, count->rounds, count->offered, count->dropped, count->by_priority[1],
           count->by_priority[2], count->by_priority[3], count->by_priority[4], count->intact,
           count->wrong);
    if (WIFSIGNALED(status))
        printf("offer_pressure: %s: ended by signal %d%s\n", name, WTERMSIG(status),
               WTERMSIG(status) == SIGKILL ? ", out of memory" : "");
    if (count->dropped == 0)
        printf("offer_pressure: %s: nothing was dropped: this run proved little\n", name);
    return status == 0;
}

int main(void)
{
    const char *text = getenv("WINMEM_ROUNDS"), *root = "/sys/fs/cgroup/memory",
               *limit_file = "memory.limit_in_bytes";
    unsigned rounds = text ? (unsigned)atoi(text) : 5;

    if (!make_group(root, limit_file) &&
        !make_group(root = "/sys/fs/cgroup", limit_file = "memory.max")) {
        printf("offer_pressure: skipped, no memory cgroup can be made here (%s)\n",
               strerror(errno));
        return 77;
    }
    bool right = part("offers", part_offers, rounds, LIMIT, limit_file);
    right &= part("policy", part_policy, rounds, POLICY_LIMIT, limit_file);
    right &= part("order", part_order, rounds, POLICY_LIMIT, limit_file);
    right &= part("resets", part_resets, rounds, LIMIT, limit_file);
    right &= part("fast", part_fast, rounds, POLICY_LIMIT, limit_file);
    /* a group stays busy for a moment after its last process */
    for (unsigned tries = 0; rmdir(group) != 0 && errno == EBUSY && tries < 100; tries++)
        nap(10);
    return !right;
}
