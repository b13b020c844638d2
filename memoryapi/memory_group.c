/* Control groups: where they are mounted, which one is ours, what it and its ancestors leave. */
#include "memoryapi/memory_group.h"

#include <stdio.h>
#include <string.h>
#include "memoryapi/base.h"

/* Whether `word` is one of the comma-separated words of `list`, which ends at a blank or ':'. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (;;) {
        size_t span = strcspn(list, ", :\t");
        if (span == length && memcmp(list, word, length) == 0)
            return true;
        if (list[span] != ',')
            return false;
        list += span + 1;
    }
}

/* "\040" is how the kernel writes a blank in a path; in place. */
static void unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from; to++) {
        unsigned a, b, c;
        if (from[0] == '\\' && (a = (unsigned)from[1] - '0') < 4 &&
            (b = (unsigned)from[2] - '0') < 8 && (c = (unsigned)from[3] - '0') < 8) {
            *to = (char)(a << 6 | b << 3 | c);
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/*
 * The path of our group in the hierarchy of a version ("4:memory:/a/b", "0::/a/b"). False when we
 * are in none.
 */
static bool find_own_path(unsigned version, char *ret_path, size_t size)
{
    struct text_file text;
    bool found = false;
    if (text_open(&text, "/proc/self/cgroup") != 0)
        return false;
    for (char *line; !found && (line = text_line(&text));) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        found = version == 2 ? strncmp(line, "0::", 3) == 0 : has_word(controllers + 1, "memory");
        if (found && (size_t)snprintf(ret_path, size, "%s", path + 1) >= size)
            found = false;
    }
    text_close(&text);
    return found;
}

/*
 * One line of mountinfo: "36 25 0:31 ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS".
 * Splits it in place.
 */
static bool is_mount_of(char *line, unsigned version, char **ret_root, char **ret_point)
{
    char *rest = strstr(line, " - "), *saved, *field = NULL;
    if (!rest)
        return false;
    *rest = '\0';
    char *type = strtok_r(rest + 3, " ", &saved);
    char *source = strtok_r(NULL, " ", &saved);
    char *options = source ? strtok_r(NULL, " ", &saved) : NULL;
    *ret_root = *ret_point = NULL;
    if (!type || strcmp(type, version == 2 ? "cgroup2" : "cgroup") != 0)
        return false;
    if (version == 1 && (!options || !has_word(options, "memory")))
        return false;
    for (unsigned i = 0; i < 5; i++) {
        field = strtok_r(i ? NULL : line, " ", &saved);
        if (i == 3)
            *ret_root = field;
    }
    *ret_point = field;
    return field != NULL;
}

/*
 * Where the group `own` lies below a mount that shows the hierarchy from `root` on. A container
 * may see a part of it only, or see a path that leads out of what it sees ("/.."): the mount point
 * itself is then the nearest thing.
 */
static const char *below(const char *own, const char *root)
{
    size_t length = strlen(root);
    if (strncmp(own, "/..", 3) == 0)
        return "";
    if (strcmp(root, "/") == 0)
        return strcmp(own, "/") == 0 ? "" : own;
    if (strncmp(own, root, length) == 0 && (own[length] == '/' || !own[length]))
        return own + length;
    return "";
}

/* Cuts the last part of a path below the mount point off; false when none is left. */
static bool go_up(char *path, unsigned mount)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash < path + mount)
        return false;
    *slash = '\0';
    return true;
}

static bool number_in(const char *folder, const char *name, uint64_t *ret_value)
{
    char path[TEXT_PATH];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return false;
    return text_number(path, ret_value);
}

/*
 * Whether memory is counted in the group or one above it. In the hierarchy of version 2 that can be
 * off from some group down, or everywhere, and the root group has no numbers.
 */
static bool has_memory(const struct memory_group *group)
{
    const char *name = group->version == 1 ? "memory.usage_in_bytes" : "memory.current";
    char path[TEXT_PATH];
    uint64_t value;
    memcpy(path, group->path, sizeof path);
    do
        if (number_in(path, name, &value))
            return true;
    while (go_up(path, group->mount));
    return false;
}

static bool find_version(unsigned version, struct memory_group *group)
{
    char own[TEXT_PATH], *root, *point;
    struct text_file text;
    bool found = false;
    if (!find_own_path(version, own, sizeof own) || text_open(&text, "/proc/self/mountinfo") != 0)
        return false;
    for (char *line; !found && (line = text_line(&text));) {
        if (!is_mount_of(line, version, &root, &point))
            continue;
        unescape(root);
        unescape(point);
        group->version = version;
        group->mount = (unsigned)strlen(point);
        found = (size_t)snprintf(group->path, sizeof group->path, "%s%s", point, below(own, root)) <
                    sizeof group->path &&
                has_memory(group);
    }
    text_close(&text);
    return found;
}

void memory_group_find(struct memory_group *ret_group)
{
    ret_group->version = 0;
    ret_group->mount = 0;
    ret_group->path[0] = '\0';
    /* the memory controller is in one of the two only */
    if (!find_version(2, ret_group) && !find_version(1, ret_group))
        ret_group->version = 0;
}

/*
 * The page cache that was not used lately: the first thing the kernel drops. Version 1 keeps the
 * sum over the groups below under a name of its own.
 */
static uint64_t droppable(const char *folder, unsigned version)
{
    char path[TEXT_PATH];
    uint64_t bytes = 0;
    const struct text_key key = {version == 1 ? "total_inactive_file" : "inactive_file", &bytes};
    if ((size_t)snprintf(path, sizeof path, "%s/memory.stat", folder) < sizeof path)
        text_numbers(path, &key, 1);
    return bytes;
}

/* Version 1 says "no limit" with the highest number of whole pages that fits a long. */
static bool is_limit(uint64_t value)
{
    return value < (uint64_t)INT64_MAX / PAGE_SIZE * PAGE_SIZE;
}

/* The limit of one group: the lower of the two that version 2 has, for memory.high is held too. */
static uint64_t limit_of(const char *folder, unsigned version)
{
    uint64_t limit, high;
    if (!number_in(folder, version == 1 ? "memory.limit_in_bytes" : "memory.max", &limit) ||
        !is_limit(limit))
        limit = UINT64_MAX;
    if (version == 2 && number_in(folder, "memory.high", &high) && high < limit)
        limit = high;
    return limit;
}

static uint64_t left_of(const char *folder, unsigned version, uint64_t limit, uint64_t *ret_unused)
{
    uint64_t used;
    *ret_unused = limit;
    if (!number_in(folder, version == 1 ? "memory.usage_in_bytes" : "memory.current", &used))
        return limit;
    *ret_unused = used < limit ? limit - used : 0;
    uint64_t cache = droppable(folder, version);
    used -= cache < used ? cache : used;
    return used < limit ? limit - used : 0;
}

/* Version 1 limits memory and swap together, in files that exist when swap is counted at all. */
static uint64_t swap_limit_of(const char *folder, unsigned version, uint64_t limit)
{
    uint64_t value;
    if (version == 2)
        return number_in(folder, "memory.swap.max", &value) ? value : UINT64_MAX;
    if (!number_in(folder, "memory.memsw.limit_in_bytes", &value) || !is_limit(value))
        return UINT64_MAX;
    return limit == UINT64_MAX || value < limit ? 0 : value - limit;
}

void memory_group_read(const struct memory_group *group, struct memory_group_state *ret_state)
{
    char path[TEXT_PATH];
    uint64_t unused;
    *ret_state = (struct memory_group_state){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    if (group->version == 0)
        return;
    memcpy(path, group->path, sizeof path);
    do {
        uint64_t limit = limit_of(path, group->version);
        uint64_t swap = swap_limit_of(path, group->version, limit);
        ret_state->swap_limit = swap < ret_state->swap_limit ? swap : ret_state->swap_limit;
        if (limit == UINT64_MAX)
            continue;
        uint64_t left = left_of(path, group->version, limit, &unused);
        ret_state->unused = unused < ret_state->unused ? unused : ret_state->unused;
        ret_state->limit = limit < ret_state->limit ? limit : ret_state->limit;
        ret_state->available = left < ret_state->available ? left : ret_state->available;
    } while (go_up(path, group->mount));
}

bool memory_group_tightest(const struct memory_group *group, const char *name,
                           char ret_path[TEXT_PATH])
{
    char path[TEXT_PATH], tightest[TEXT_PATH];
    uint64_t lowest = UINT64_MAX;
    if (group->version == 0)
        return false;
    memcpy(path, group->path, sizeof path);
    memcpy(tightest, path, sizeof path);
    do {
        uint64_t limit = limit_of(path, group->version);
        if (limit >= lowest)
            continue;
        lowest = limit;
        memcpy(tightest, path, sizeof path);
    } while (go_up(path, group->mount));
    return (size_t)snprintf(ret_path, TEXT_PATH, "%s/%s", tightest, name) < TEXT_PATH;
}
