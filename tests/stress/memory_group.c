/*
 * A real memory cgroup with a limit: what is told about memory is the group's,
 * also from a group inside it, and notifications follow what the process uses
 * and offers. Skipped (exit 77) where no cgroup can be made.
 */
#include "kernel32/face.h"
#include "memoryapi/offer.h"
#include "memoryapi/pressure.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/psapi.h>
#include <winmem/sysinfoapi.h>
#include <winmem/winnt.h>

#define MIB   (1ull << 20)
#define LIMIT (64 * MIB) /* low below an eighth, high from three times that on */
#define RC    (MEM_RESERVE | MEM_COMMIT)

static unsigned failures;

#define CHECK(condition, format, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("line %d: " #condition ": " format "\n", __LINE__, __VA_ARGS__);                \
        }                                                                                          \
    } while (0)

static bool write_file(const char *group, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0)
        close(file);
    return done;
}

static bool enter(const char *group)
{
    char self[32];
    snprintf(self, sizeof self, "%d", getpid());
    return write_file(group, "cgroup.procs", self);
}

static bool make_group(const char *group, const char *limit_file)
{
    char limit[32];
    snprintf(limit, sizeof limit, "%llu", LIMIT);
    if (mkdir(group, 0700) != 0)
        return false;
    if (write_file(group, limit_file, limit) && enter(group))
        return true;
    rmdir(group);
    return false;
}

static MEMORYSTATUSEX status_now(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    if (!GlobalMemoryStatusEx(&status))
        abort();
    return status;
}

static void check_figures(void)
{
    MEMORYSTATUSEX status = status_now();
    PERFORMANCE_INFORMATION information;
    CHECK(status.ullTotalPhys == LIMIT, "%llu", (unsigned long long)status.ullTotalPhys);
    CHECK(status.ullAvailPhys <= LIMIT && status.ullAvailPhys > LIMIT / 2, "%llu",
          (unsigned long long)status.ullAvailPhys);
    if (!K32GetPerformanceInfo(&information, sizeof information))
        abort();
    CHECK(information.PhysicalTotal == LIMIT / 4096, "%llu",
          (unsigned long long)information.PhysicalTotal);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void touch(char *memory, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += 4096)
        memory[at] = 1;
}

/* What is left follows what is used; what is offered is available. */
static void check_notifications(void)
{
    HANDLE low = CreateMemoryResourceNotification(LowMemoryResourceNotification),
           high = CreateMemoryResourceNotification(HighMemoryResourceNotification);
    uint64_t before = status_now().ullAvailPhys, size = before - 3 * MIB;
    CHECK(k32_WaitForSingleObject(high, 0) == WAIT_OBJECT_0, "%d", 0);
    CHECK(k32_WaitForSingleObject(low, 0) == WAIT_TIMEOUT, "%d", 0);
    char *memory = VirtualAlloc(NULL, size, RC, PAGE_READWRITE);
    touch(memory, size);
    double start = seconds();
    CHECK(k32_WaitForSingleObject(low, 10000) == WAIT_OBJECT_0, "%f s", seconds() - start);
    printf("low after %.3f s\n", seconds() - start);
    CHECK(k32_WaitForSingleObject(high, 0) == WAIT_TIMEOUT, "%d", 0);
    uint64_t used = status_now().ullAvailPhys;
    CHECK(used < 8 * MIB, "%llu", (unsigned long long)used);

    CHECK(OfferVirtualMemory(memory, size & ~4095ull, VmOfferPriorityLow) == 0, "%d", 0);
    /* the kernel may take two seconds to bring the numbers of a group up to date
   */
    start = seconds();
    CHECK(k32_WaitForSingleObject(high, 10000) == WAIT_OBJECT_0, "%f s", seconds() - start);
    uint64_t offered = status_now().ullAvailPhys;
    CHECK(offered > before / 2, "%llu", (unsigned long long)offered);
    printf("high after %.3f s\n", seconds() - start);
    CHECK(k32_WaitForSingleObject(low, 0) == WAIT_TIMEOUT, "%d", 0);
    VirtualFree(memory, 0, MEM_RELEASE);
    k32_CloseHandle(low);
    k32_CloseHandle(high);
}

/* What the kernel got and gave back is used again, though it lies among the files for long. */
static void check_reclaimed(void)
{
    uint64_t before = status_now().ullAvailPhys, size = 30 * MIB, now;
    HANDLE low = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    char *memory = VirtualAlloc(NULL, size, RC, PAGE_READWRITE);
    touch(memory, size);
    /* as under a pressure that is pretended, low offers go to the kernel at once */
    setenv("WINMEM_AVAILABLE", "1024G", 1);
    pressure_read_setting();
    CHECK(OfferVirtualMemory(memory, size, VmOfferPriorityVeryLow) == 0, "%d", 0);
    unsetenv("WINMEM_AVAILABLE");
    pressure_read_setting();
    CHECK(offer_given() * 4096 == size, "%llu", (unsigned long long)offer_given());
    now = status_now().ullAvailPhys;
    CHECK(now + 3 * MIB > before, "%llu", (unsigned long long)now);
    CHECK(ReclaimVirtualMemory(memory, size) == 0, "%d", 0);
    touch(memory, size);
    now = status_now().ullAvailPhys;
    CHECK(now + size < before + 3 * MIB && now + size + 3 * MIB > before, "%llu of %llu",
          (unsigned long long)now, (unsigned long long)before);
    /* what is short then is told */
    char *more = VirtualAlloc(NULL, now - 3 * MIB, RC, PAGE_READWRITE);
    touch(more, now - 3 * MIB);
    CHECK(k32_WaitForSingleObject(low, 10000) == WAIT_OBJECT_0, "%llu",
          (unsigned long long)status_now().ullAvailPhys);
    VirtualFree(more, 0, MEM_RELEASE);
    VirtualFree(memory, 0, MEM_RELEASE);
    k32_CloseHandle(low);
}

/* Another limit, or another group, is seen a moment later. */
static void check_moving(const char *group, const char *limit_file, const char *inner)
{
    write_file(inner, limit_file, "50331648");
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    MEMORYSTATUSEX status = status_now();
    CHECK(status.ullTotalPhys == 48 * MIB, "%llu", (unsigned long long)status.ullTotalPhys);
    enter(group);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    check_figures();
}

int main(void)
{
    char group[256], inner[300];
    const char *root = "/sys/fs/cgroup/memory", *limit_file = "memory.limit_in_bytes";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0) {
        root = "/sys/fs/cgroup";
        limit_file = "memory.max";
    }
    snprintf(group, sizeof group, "%s/winmem-test-%d", root, getpid());
    snprintf(inner, sizeof inner, "%s/inner", group);
    if (!make_group(group, limit_file)) {
        printf("memory_group: skipped, no memory cgroup can be made here (%s)\n", strerror(errno));
        return 77;
    }
    check_figures();
    check_notifications();
    check_reclaimed();
    if (mkdir(inner, 0700) == 0 && enter(inner)) {
        check_figures();
        check_notifications();
        check_moving(group, limit_file, inner);
    }
    enter(root);
    rmdir(inner);
    rmdir(group);
    printf("memory_group: %u failures\n", failures);
    return failures != 0;
}
