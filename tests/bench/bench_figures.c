/*
 * What it costs to ask how much memory there is, next to the least that the kernel can be asked for
 * the same: one read of /proc/meminfo, through a descriptor that stays open.
 */
#include <fcntl.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/psapi.h>
#include <winmem/sysinfoapi.h>
#include <winmem/winnt.h>
#include "bench_kit.h"

#define ROUNDS 1001

static int meminfo;
static HANDLE notification;

static void read_meminfo(void)
{
    static char text[8192];
    if (pread(meminfo, text, sizeof text, 0) <= 0)
        exit(1);
}

static void ask_status(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    if (!GlobalMemoryStatusEx(&status) || status.ullAvailPhys == 0)
        exit(1);
}

static void ask_notification(void)
{
    BOOL state;
    if (!QueryMemoryResourceNotification(notification, &state))
        exit(1);
}

static void ask_counters(void)
{
    PROCESS_MEMORY_COUNTERS counters;
    if (!K32GetProcessMemoryInfo((HANDLE)-1, &counters, sizeof counters))
        exit(1);
}

static double price_of(void (*ask)(void))
{
    static double spent[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now();
        ask();
        spent[round] = now() - start;
    }
    return median(spent, ROUNDS);
}

int main(void)
{
    meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    notification = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    if (meminfo < 0 || !notification)
        return 1;
    double least = price_of(read_meminfo);
    line("GlobalMemoryStatusEx to one read of /proc/meminfo", price_of(ask_status), least, 5);
    line("QueryMemoryResourceNotification to the same", price_of(ask_notification), least, 4);
    line("K32GetProcessMemoryInfo to the same", price_of(ask_counters), least, 8);
    return 0;
}
