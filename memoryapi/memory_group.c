/* Control groups: where they are mounted, which one is ours, what it and its ancestors leave. */
#include "memoryapi/memory_group.h"

#include <stdio.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/lazyfree.h"

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

static void close_level(struct memory_group_level *level)
{
    kept_close(&level->usage);
    kept_close(&level->stat);
    level->length = 0;
}

void memory_group_keep(struct memory_group_kept *kept)
{
    struct memory_group *group = &kept->group;
    char path[TEXT_PATH];
    unsigned count = 0;
    memcpy(path, group->path, sizeof path);
    memory_group_find(group);
    bool moved = strcmp(path, group->path) != 0;
    kept->limit = kept->swap_limit = UINT64_MAX;
    memcpy(path, group->path, sizeof path);
    while (group->version) {
        struct memory_group_level *level = &kept->levels[count];
        uint64_t limit = limit_of(path, group->version);
        uint64_t swap = swap_limit_of(path, group->version, limit);
        kept->swap_limit = swap < kept->swap_limit ? swap : kept->swap_limit;
        kept->limit = limit < kept->limit ? limit : kept->limit;
        if (limit != UINT64_MAX && count < MEMORY_GROUP_LEVELS) {
            if (moved || level->length != strlen(path))
                close_level(level);
            level->length = (unsigned)strlen(path);
            level->limit = limit;
            count++;
        }
        if (!go_up(path, group->mount))
            break;
    }
    for (unsigned i = count; i < kept->count; i++)
        close_level(&kept->levels[i]);
    kept->count = count;
}

/*
 * The file cache that was not used lately is the first thing the kernel drops. Version 1 keeps the
 * sums over the groups below under names of their own.
 */
static uint64_t droppable(struct kept_file *stat, const char *path, unsigned version,
                          uint64_t given, uint64_t *ret_given)
{
    struct file_lists lists = {.cache = UINT64_MAX};
    uint64_t swap_cache = 0, shared = 0;
    bool old = version == 1;
    const struct text_key keys[] = {
        {old ? "total_cache" : "file", &lists.cache},
        {old ? "total_shmem" : "shmem", &shared},
        {old ? "total_swapcached" : "swapcached", &swap_cache},
        {old ? "total_active_file" : "active_file", &lists.active},
        {old ? "total_inactive_file" : "inactive_file", &lists.inactive},
    };
    if (!kept_numbers(stat, path, keys, array_length(keys)))
        return 0;
    /* both are counted as files */
    shared += swap_cache;
    if (lists.cache != UINT64_MAX)
        lists.cache -= shared < lists.cache ? shared : lists.cache;
    uint64_t stuck = lazyfree_stuck(&lists, given, ret_given);
    return lists.inactive - (stuck < lists.inactive ? stuck : lists.inactive);
}

/* What one group leaves, or at least `enough`: caches are then not asked for, which takes long. */
static uint64_t left_of(struct memory_group_kept *kept, struct memory_group_level *level,
                        uint64_t enough, uint64_t given, uint64_t *ret_given, uint64_t *ret_unused)
{
    bool old = kept->group.version == 1;
    char path[TEXT_PATH];
    uint64_t used;
    *ret_given = 0;
    if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)level->length, kept->group.path,
                         old ? "memory.usage_in_bytes" : "memory.current") >= sizeof path ||
        !kept_number(&level->usage, path, &used))
        return level->limit;
    *ret_unused = used < level->limit ? level->limit - used : 0;
    if (*ret_unused >= enough)
        return enough;
    snprintf(path, sizeof path, "%.*s/memory.stat", (int)level->length, kept->group.path);
    uint64_t cache = droppable(&level->stat, path, kept->group.version, given, ret_given);
    used -= cache < used ? cache : used;
    return used < level->limit ? level->limit - used : 0;
}

void memory_group_lower(struct memory_group_kept *kept, uint64_t *available, uint64_t given,
                        uint64_t *ret_given, uint64_t *unused)
{
    for (unsigned i = 0; i < kept->count; i++) {
        uint64_t counted, alone = UINT64_MAX;
        uint64_t left = left_of(kept, &kept->levels[i], *available, given, &counted, &alone);
        *unused = alone < *unused ? alone : *unused;
        if (left >= *available)
            continue;
        *available = left;
        *ret_given = counted;
    }
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
