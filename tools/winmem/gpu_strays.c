/*
 * winmem gpu: processes whose machine's file somebody removed by hand. They go on with it, while
 * later programs make another one.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "tools/winmem/gpu.h"

/* As the kernel tells it of a mapping: without links, and with the word behind it. */
static bool deleted_path(char *ret_text, size_t room)
{
    static char folder[PATH_MAX];
    char *real;
    const char *path = gpu_machine_path(), *name = strrchr(path, '/');
    if (!name || name == path || (size_t)(name - path) >= sizeof folder)
        return false;
    memcpy(folder, path, (size_t)(name - path));
    folder[name - path] = '\0';
    real = realpath(folder, NULL); /* NULL: the directory went, too */
    int length = snprintf(ret_text, room, "%s%s (deleted)\n", real ? real : folder, name);
    free(real);
    return length > 0 && (size_t)length < room;
}

static bool has_mapped(const char *pid, const char *deleted)
{
    static char line[PATH_MAX + 128];
    char path[300];
    const char *at;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = (at = strchr(line, '/')) != NULL && strcmp(at, deleted) == 0;
    if (maps)
        fclose(maps);
    return found;
}

void gpu_warn_of_strays(void)
{
    static char deleted[PATH_MAX + 64];
    const struct dirent *entry;
    DIR *processes = deleted_path(deleted, sizeof deleted) ? opendir("/proc") : NULL;
    if (!processes)
        return;
    while ((entry = readdir(processes)) != NULL)
        if (*entry->d_name >= '1' && *entry->d_name <= '9' && has_mapped(entry->d_name, deleted))
            fprintf(stderr,
                    "winmem: gpu: process %s has a machine of its own: its file %s was removed\n",
                    entry->d_name, gpu_machine_path());
    closedir(processes);
}
