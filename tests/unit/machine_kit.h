/* A made machine: files below a folder that stands for "/" while a test looks at memory. */
#pragma once

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "memoryapi/textfile.h"

#define M (1ull << 20)
#define G (1ull << 30)

static char root[64];

/* Makes the folders on the way, too. */
static void make(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = whole + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_number(const char *path, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)number);
    make(path, text);
}

/* A machine of `total` MiB with `available` MiB, and no groups. */
static void make_machine(unsigned total, unsigned available)
{
    char text[512];
    strcpy(root, "/tmp/winmem-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    __atomic_store_n(&text_root, root, __ATOMIC_RELAXED);
    snprintf(text, sizeof text,
             "MemTotal:       %u kB\nMemFree:  1 kB\nMemAvailable:   %u kB\nBuffers:  1024 kB\n"
             "Cached:  2048 kB\nSwapTotal:  1048576 kB\nSwapFree:  524288 kB\n"
             "CommitLimit:  4194304 kB\nCommitted_AS:   65536 kB\n",
             total << 10, available << 10);
    make("/proc/meminfo", text);
    make("/proc/self/cgroup", "0::/\n");
    make("/proc/self/mountinfo", "22 1 0:20 / / rw - ext4 /dev/root rw\n");
}

static void remove_machine(void)
{
    char command[128];
    __atomic_store_n(&text_root, "", __ATOMIC_RELAXED);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}
