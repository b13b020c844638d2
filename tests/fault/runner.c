/* Runs every scenario with every call failing once (scenario.h), and counts. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "kernel32/process/start_record.h"
#include "memoryapi/awe.h"
#include "memoryapi/exports.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/mm.h"
#include "memoryapi/space.h"
#include "tests/fault/failing.h"
#include "tests/fault/scenario.h"

/* The files scenarios_*.c, one a line. */
#define LISTS(X)                                                                                   \
    X(virtual)                                                                                     \
    X(offer)                                                                                       \
    X(watch)                                                                                       \
    X(image)                                                                                       \
    X(face)                                                                                        \
    X(alloc2)                                                                                      \
    X(placeholder)                                                                                 \
    X(awe)                                                                                         \
    X(frames)                                                                                      \
    X(inspect)                                                                                     \
    X(workingset)                                                                                  \
    X(gpuva)                                                                                       \
    X(gpu)                                                                                         \
    X(child)                                                                                       \
    X(process) /* last: see there */

#define DECLARE(family) extern const struct scenario family##_scenarios[];
LISTS(DECLARE)
#define NAME(family) family##_scenarios,
static const struct scenario *const lists[] = {LISTS(NAME)};

/* Families every built function of which is to be in a scenario. */
static const char *const families[] = {"virtual", "offer",         "awe",       "general",
                                       "native",  "native_memory", "workingset"};

#define TEXT    32768u
#define WATCHED 4u /* files that a thread of the library opens and closes when it likes */

/*
 * What can be seen of the world: the books as text, and through the kernel the first 64 pages, where
 * most happens, and every seventh of the others.
 */
struct snapshot {
    char books[TEXT];
    uint64_t value[WORLD_PAGES];
    bool readable[WORLD_PAGES];
    uint64_t charge; /* bytes committed */
    uint64_t frames; /* physical pages that the process has */
};

uint64_t world;
static const struct scenario *scenario;
static unsigned step_number, run_number;
static enum failing_kind run_kind;
static struct {
    unsigned scenarios, injected, survived, undone, kept;
} counts;

void scenario_broken(const char *condition, const char *file, int line)
{
    static const char *const kinds[] = {"host call", "host call (rare error)", "allocation"};
    failing_off();
    fprintf(stderr, "host_failure: '%s', step %u, with %s %u failing (%s): %s:%d: %s\n",
            scenario ? scenario->name : "start", step_number, kinds[run_kind], run_number,
            failing_happened() ? failing_happened() : "none so far", file, line, condition);
    mm_space_dump(2);
    abort();
}

static unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;
    CHECK(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* The books but for what is not ours: an arena that was taken stays when the call then fails. */
static void read_books(char *text)
{
    static int file = -1;
    static char all[2 * TEXT];
    char *line, *rest = all;
    ssize_t length;
    if (file < 0)
        file = memfd_create("books", MFD_CLOEXEC);
    CHECK(file >= 0 && ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
    mm_space_dump(file);
    length = pread(file, all, sizeof all - 1, 0);
    CHECK(length >= 0 && length < (ssize_t)sizeof all - 1);
    all[length] = 0;
    *text = 0;
    while ((line = strsep(&rest, "\n")))
        if (!strstr(line, "barrier")) {
            CHECK((size_t)(stpcpy(stpcpy(text, line), "\n") - text) < TEXT);
            text += strlen(text);
        }
}

static void look(struct snapshot *snapshot)
{
    struct mm_commit commit;
    memset(snapshot, 0, sizeof *snapshot);
    mm_commit_state(&commit);
    snapshot->charge = commit.charge;
    snapshot->frames = awe.owned;
    CHECK(awe_is_valid());
    read_books(snapshot->books);
    for (unsigned i = 0; i < WORLD_PAGES; i += i < 64 ? 1 : 7) {
        struct iovec local = {&snapshot->value[i], 8},
                     remote = {(void *)(world + (uint64_t)i * PAGE_SIZE), 8};
        snapshot->readable[i] = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 8;
    }
    CHECK(mm_space_is_valid());
    CHECK(space.claims == 0 && space.waiters == 0);
    CHECK(space.map.region_pool.promised == 0 && space.map.run_pool.promised == 0);
}

static void check_same(const struct snapshot *a, const struct snapshot *b)
{
    if (strcmp(a->books, b->books) != 0)
        fprintf(stderr, "--- before\n%s--- after\n%s", a->books, b->books);
    CHECK(strcmp(a->books, b->books) == 0);
    CHECK(a->charge == b->charge && a->frames == b->frames);
    CHECK(memcmp(a->readable, b->readable, sizeof a->readable) == 0);
    CHECK(memcmp(a->value, b->value, sizeof a->value) == 0);
    counts.kept++;
}

/* What a call may answer when the host or the allocator refuses. */
static bool is_shortage(NTSTATUS status)
{
    static const NTSTATUS allowed[] = {STATUS_NO_MEMORY,
                                       STATUS_COMMITMENT_LIMIT,
                                       STATUS_INSUFFICIENT_RESOURCES,
                                       STATUS_CONFLICTING_ADDRESSES,
                                       STATUS_ACCESS_VIOLATION,
                                       STATUS_WORKING_SET_QUOTA,
                                       OF_WIN32(ERROR_WORKING_SET_QUOTA),
                                       OF_WIN32(ERROR_NOT_ENOUGH_MEMORY),
                                       OF_WIN32(ERROR_COMMITMENT_LIMIT),
                                       OF_WIN32(ERROR_NO_SYSTEM_RESOURCES),
                                       OF_WIN32(ERROR_INVALID_ADDRESS),
                                       OF_WIN32(ERROR_TOO_MANY_OPEN_FILES),
                                       OF_WIN32(ERROR_NOACCESS)};
    for (unsigned i = 0; i < array_length(allowed); i++)
        if (status == allowed[i])
            return true;
    fprintf(stderr, "host_failure: status 0x%08x\n", (unsigned)status);
    return false;
}

static void check_answer(NTSTATUS status, const struct step *step)
{
    if (status != step->answer)
        fprintf(stderr, "host_failure: status 0x%08x\n", (unsigned)status);
    CHECK(status == step->answer);
}

static NTSTATUS make(const struct step *step)
{
    failing_on();
    NTSTATUS status = step->call(step);
    failing_off();
    return status;
}

/*
 * The first run: what each step leaves behind is what later runs are compared with. references[0]
 * is the world before any step.
 */
static void run_first(const struct step *step, struct snapshot *references)
{
    NTSTATUS status = make(step);
    check_answer(status, step);
    look(&references[step_number + 1]);
}

/*
 * Until something fails, a run is the first one again, so nothing has to be looked at. `before` is
 * what was there when the step began.
 */
static void run_step(const struct step *step, const struct snapshot *references)
{
    static struct snapshot seen, after;
    const struct snapshot *before = &references[step_number];
    bool failed_before = failing_happened() != NULL,
         compare = !scenario->remains && !scenario->varies;
    long blocks = failing_live_blocks();
    NTSTATUS status;

    if (!compare) {
        look(&seen);
        before = &seen;
    }
    status = make(step);
    if (failing_happened() && !failed_before) {
        counts.injected++;
        counts.survived += status == step->answer;
        if (status != step->answer) {
            CHECK(is_shortage(status));
            look(&after);
            if (!scenario->partial)
                check_same(before, &after);
            CHECK(failing_live_blocks() == blocks);
            counts.undone++;
            status = make(step);
        }
    }
    check_answer(status, step);
    if (failing_happened()) {
        look(&after);
        if (compare)
            check_same(&references[step_number + 1], &after);
    }
}

static void clean_up(void)
{
    if (scenario->after)
        scenario->after();
    for (uint64_t at = world; at < world + WORLD_PAGES * PAGE_SIZE;) {
        MEMORY_BASIC_INFORMATION info;
        CHECK(mm_query(at, &info) == STATUS_SUCCESS);
        at = (uint64_t)info.BaseAddress + info.RegionSize;
        if (info.State != MEM_FREE && info.BaseAddress == info.AllocationBase) {
            uint64_t start = (uint64_t)info.AllocationBase, size = 0;
            CHECK(mm_free(&start, &size, MEM_RELEASE) == STATUS_SUCCESS);
            at = start + size;
        }
    }
}

/* Whether the call that was to fail was made at all. */
static bool run(enum failing_kind kind, unsigned n, struct snapshot *references, bool first)
{
    run_kind = kind;
    run_number = n;
    failing_start(kind, n);
    for (step_number = 0; step_number < STEPS && scenario->steps[step_number].call; step_number++)
        if (first)
            run_first(&scenario->steps[step_number], references);
        else
            run_step(&scenario->steps[step_number], references);
    clean_up();
    return failing_happened() != NULL;
}

/* Everything that a scenario might leave behind. */
struct remains {
    uint64_t charge;
    uint64_t regions, runs;
    long blocks;
    unsigned files;
};

static struct remains what_remains(void)
{
    struct mm_commit commit;
    mm_commit_state(&commit);
    return (struct remains){commit.charge, space.map.count, space.map.run_pool.in_use,
                            failing_live_blocks(), open_files()};
}

static void run_scenario(const struct scenario *which)
{
    static struct snapshot references[STEPS + 1], end;
    struct remains before, after;
    unsigned injected = counts.injected;

    scenario = which;
    counts.scenarios++;
    /* what is made once and kept is made in the first run */
    look(&references[0]);
    run(FAILING_HOST, 0, references, true);
    before = what_remains();
    for (unsigned kind = 0; kind < FAILING_KINDS; kind++)
        for (unsigned n = 1; run((enum failing_kind)kind, n, references, false); n++)
            continue;
    after = what_remains();
    step_number = STEPS;
    CHECK(scenario->remains || after.regions == before.regions);
    CHECK(scenario->remains || after.runs == before.runs);
    CHECK(scenario->remains || after.charge == before.charge);
    CHECK(after.blocks == before.blocks);
    CHECK(scenario->watched ? after.files <= before.files + WATCHED : after.files == before.files);
    if (!scenario->remains) {
        look(&end);
        check_same(&references[0], &end);
    }
    printf("%-44s %u failures\n", scenario->name, counts.injected - injected);
    fflush(stdout);
}

static bool is_named(const char *name)
{
    size_t length = strlen(name);
    for (unsigned list = 0; list < array_length(lists); list++)
        for (const struct scenario *each = lists[list]; each->name; each++)
            for (const char *at = each->functions; at && (at = strstr(at, name)); at += length)
                if ((at == each->functions || at[-1] == ' ') && (!at[length] || at[length] == ' '))
                    return true;
    return false;
}

/* Functions of the families that no scenario names. */
static unsigned missing_functions(void)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        for (unsigned family = 0; family < array_length(families); family++)
            if (strcmp(entry->family, families[family]) == 0 && entry->status == EXPORT_DONE &&
                !is_named(entry->name)) {
                printf("no scenario: %s\n", entry->name);
                missing++;
            }
    }
    return missing;
}

static void find_world(void)
{
    struct mm_request place = {
        .size = WORLD_PAGES * PAGE_SIZE, .type = MEM_RESERVE, .protect = PAGE_NOACCESS};
    uint64_t size = 0;
    CHECK(mm_allocate(&place) == STATUS_SUCCESS);
    world = place.base;
    CHECK(mm_free(&place.base, &size, MEM_RELEASE) == STATUS_SUCCESS);
}

int main(int argc, char **argv)
{
    unsigned missing;
    char byte;
    /* the program that scenarios_child.c starts: waits while it is suspended */
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return read(START_GATE_DESCRIPTOR, &byte, 1) > 1;
    /* memory that is reset may go in a host program too; nothing is looked at by another thread */
    setenv("WINMEM_RETURN", "lazy", 1);
    setenv("WINMEM_AVAILABLE", "1024G", 1);
    fault_init();
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    if (argc > 1 && strcmp(argv[1], "owned") == 0)
        mm_own_address_space();
    find_world();
    failing_install();
    for (unsigned list = 0; list < array_length(lists); list++)
        for (const struct scenario *each = lists[list]; each->name; each++)
            run_scenario(each);
    missing = missing_functions();
    printf("%u scenarios, %u injected failures: %u calls failed and changed nothing, %u coped; "
           "%u comparisons; %u functions without a scenario\n",
           counts.scenarios, counts.injected, counts.undone, counts.survived, counts.kept, missing);
    return 0;
}
