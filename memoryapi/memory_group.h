/*
 * The control groups this process is in, as far as they limit memory (Linux cgroups, version 1 and
 * 2). A limit of a group binds all groups below it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "memoryapi/kept_file.h"

struct memory_group {
    unsigned version;     /* 1 or 2; 0: no memory controller */
    unsigned mount;       /* length of the part of `path` that is the mount point */
    char path[TEXT_PATH]; /* of the process's own group, without a slash at the end */
};

/* From /proc/self/cgroup and /proc/self/mountinfo. Processes can be moved: look again. */
void memory_group_find(struct memory_group *ret_group);

/* Groups with a limit, one above the other; those beyond are passed over. */
#define MEMORY_GROUP_LEVELS 16

/* What is read each time. Zero bytes: nothing known. Under the lock of kept_file.h. */
struct memory_group_kept {
    struct memory_group group;
    uint64_t limit;      /* bytes: the lowest of the group and its ancestors; UINT64_MAX: none */
    uint64_t swap_limit; /* bytes of swap it may use beside memory; UINT64_MAX: no limit */
    unsigned count;
    struct memory_group_level {
        unsigned length; /* of its part of the path */
        uint64_t limit;
        struct kept_file usage, stat;
    } levels[MEMORY_GROUP_LEVELS];
};

/* Finds the groups and their limits (again). */
void memory_group_keep(struct memory_group_kept *kept);
/*
 * Lowers *available, in bytes, to the least that one of the groups leaves; caches to be dropped are
 * left. `given` and *ret_given, which is set when it was lowered: as in lazyfree.h, of that
 * group. Lowers *unused likewise to what is left without the caches.
 */
void memory_group_lower(struct memory_group_kept *kept, uint64_t *available, uint64_t given,
                        uint64_t *ret_given, uint64_t *unused);
/*
 * A file of the group that has the lowest limit, or of the process's own when none has one: what
 * tells about shortage. False when there is no memory controller or the path is too long.
 */
bool memory_group_tightest(const struct memory_group *group, const char *name,
                           char ret_path[TEXT_PATH]);
