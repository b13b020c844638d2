/* /proc/meminfo and the numbers of control groups, put together. */
#include "memoryapi/machine_memory.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/kept_file.h"
#include "memoryapi/lazyfree.h"
#include "memoryapi/memory_group.h"
#include "memoryapi/pressure.h"

/* Nanoseconds: after so long, which groups there are and what limits them is looked up again. */
#define LOOK_PERIOD (500ull * 1000 * 1000)

/* Under the lock of kept_file.h. */
static struct {
    struct kept_file file; /* /proc/meminfo */
    struct memory_group_kept groups;
    uint64_t looked; /* nanoseconds of the clock; 0: never */
    pid_t who;       /* whose groups they are */
    bool commit_strict;
    uint64_t low; /* bytes: below that, the kernel begins to make memory free */
} machine;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The sum over the zones, in pages there ("        low      4096"). */
static uint64_t read_low(void)
{
    struct text_file text;
    uint64_t pages = 0;
    if (text_open(&text, "/proc/zoneinfo") != 0)
        return 0;
    for (char *line; (line = text_line(&text));) {
        unsigned long long zone;
        if (sscanf(line, " low %llu", &zone) == 1)
            pages += zone;
    }
    text_close(&text);
    return pages * PAGE_SIZE;
}

/* A made machine changes at any time. */
static void look_up(void)
{
    struct timespec now;
    uint64_t mode = 0;
    bool made = *__atomic_load_n(&text_root, __ATOMIC_RELAXED);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (machine.looked && time - machine.looked < LOOK_PERIOD && machine.who == getpid() && !made)
        return;
    memory_group_keep(&machine.groups);
    /* 2: never more than CommitLimit (proc_sys_vm(5)) */
    machine.commit_strict = text_number("/proc/sys/vm/overcommit_memory", &mode) && mode == 2;
    machine.low = read_low();
    machine.who = getpid();
    machine.looked = made ? 0 : time;
}

/* /proc/meminfo, which counts in KiB. */
static bool read_machine(struct mm_memory *memory, uint64_t given)
{
    struct file_lists lists = {0};
    uint64_t buffers = 0, shared = 0;
    const struct text_key keys[] = {
        {"MemTotal:", &memory->machine_total},
        {"MemFree:", &memory->unused},
        {"MemAvailable:", &memory->machine_available},
        {"SwapTotal:", &memory->swap_total},
        {"SwapFree:", &memory->swap_free},
        {"CommitLimit:", &memory->commit_limit},
        {"Committed_AS:", &memory->commit_used},
        {"Cached:", &memory->cached},
        {"Buffers:", &buffers},
        {"Shmem:", &shared},
        {"Active(file):", &lists.active},
        {"Inactive(file):", &lists.inactive},
        {"Slab:", &memory->kernel},
        {"SReclaimable:", &memory->kernel_reclaimable},
    };
    if (!kept_numbers(&machine.file, "/proc/meminfo", keys, array_length(keys)))
        return false;
    for (unsigned i = 0; i < array_length(keys); i++)
        *keys[i].ret_value <<= 10;
    memory->cached += buffers;
    lists.cache = memory->cached - least(shared, memory->cached);
    uint64_t stuck = lazyfree_stuck(&lists, given, &memory->given);
    memory->machine_available =
        lazyfree_available(memory->machine_available, &lists, stuck, machine.low);
    return memory->machine_total != 0;
}

bool machine_memory_read(struct mm_memory *memory, uint64_t given)
{
    kept_lock();
    look_up();
    bool known = read_machine(memory, given);
    if (known) {
        uint64_t available = memory->machine_available;
        memory_group_lower(&machine.groups, &available, given, &memory->given, &memory->unused);
        memory->limit = machine.groups.limit;
        memory->total = least(memory->machine_total, memory->limit);
        memory->available = least(available, memory->total);
        memory->swap_total = least(memory->swap_total, machine.groups.swap_limit);
        memory->swap_free = least(memory->swap_free, memory->swap_total);
        memory->commit_strict = machine.commit_strict;
    }
    kept_unlock();
    return known;
}
