/*
 * Contents of machines that nobody uses. Who leaves takes them away, and who is killed leaves them
 * to the others; when there are none, whoever comes to any machine of the directory sees to it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "d3dkmt/machine_file.h"

#define PREFIX "share-"

/* The machine that a file of contents belongs to; false: it is none. */
static bool read_owner(const char *file, char ret_machine[32])
{
    const char *name = file + strlen(PREFIX), *dash = strrchr(file, '-');
    if (strncmp(file, PREFIX, strlen(PREFIX)) != 0 || dash <= name || dash - name >= 32 ||
        !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
        return false;
    snprintf(ret_machine, 32, "%.*s", (int)(dash - name), name);
    return true;
}

/* The gate is closed, by us. */
static void remove_unless_used(int directory, const char *machine)
{
    char name[64];
    snprintf(name, sizeof name, "gpu-%s", machine);
    int file = gpu_directory_file(directory, name, O_RDWR);
    if (file < 0)
        return; /* removed by hand: those who are left may still be using them */
    if (!machine_file_is_held(file, 0, VID_PROCESSES)) {
        snprintf(name, sizeof name, PREFIX "%s-", machine);
        gpu_directory_remove(directory, name);
    }
    close(file);
}

/* Somebody who is at the gate sees to it himself. */
static void look_at(int directory, const char *machine)
{
    char name[64];
    snprintf(name, sizeof name, "gpu-%s.lock", machine);
    int gate = gpu_directory_file(directory, name, O_RDWR);
    if (gate < 0)
        return;
    if (machine_file_hold(gate, 0, false))
        remove_unless_used(directory, machine);
    close(gate);
}

void leftover_remove(int directory, const char *own)
{
    char machine[32], seen[32] = "";
    DIR *list = gpu_directory_list(directory);
    const struct dirent *entry;
    if (!list)
        return;
    /* our own files must not be opened: to close them would give our slot back */
    while ((entry = readdir(list)) != NULL) {
        if (!read_owner(entry->d_name, machine) || strcmp(machine, own) == 0 ||
            strcmp(machine, seen) == 0)
            continue;
        memcpy(seen, machine, sizeof seen);
        look_at(directory, machine);
    }
    closedir(list);
}
