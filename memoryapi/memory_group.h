/*
 * The control groups this process is in, as far as they limit memory (Linux cgroups, version 1 and
 * 2). A limit of a group binds all groups below it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/textfile.h"

struct memory_group {
    unsigned version;     /* 1 or 2; 0: no memory controller */
    unsigned mount;       /* length of the part of `path` that is the mount point */
    char path[TEXT_PATH]; /* of the process's own group, without a slash at the end */
};

/* In bytes; UINT64_MAX where nothing limits. */
struct memory_group_state {
    uint64_t limit;      /* the lowest of the group and its ancestors */
    uint64_t available;  /* the least that one of them leaves; caches to be dropped are left */
    uint64_t unused;     /* the same without the caches; always up to date */
    uint64_t swap_limit; /* swap it may use beside memory */
};

/* From /proc/self/cgroup and /proc/self/mountinfo. Processes can be moved: look again each time. */
void memory_group_find(struct memory_group *ret_group);
void memory_group_read(const struct memory_group *group, struct memory_group_state *ret_state);
/*
 * A file of the group that has the lowest limit, or of the process's own when none has one: what
 * tells about shortage. False when there is no memory controller or the path is too long.
 */
bool memory_group_tightest(const struct memory_group *group, const char *name,
                           char ret_path[TEXT_PATH]);
