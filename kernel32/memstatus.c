/*
 * How much memory there is. The machine's numbers come from the kernel at each call; the process's
 * from the books of the memory manager.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"

#define LARGE_PAGE (2u << 20) /* bytes: the smallest large page of every x86-64 processor */

/* In bytes. */
struct machine_memory {
    uint64_t total, available, swap, swap_free, commit_limit, committed;
};

/* False when /proc/meminfo does not tell. */
static bool read_machine_memory(struct machine_memory *ret_memory)
{
    struct machine_memory memory = {0};
    const struct {
        const char *name;
        uint64_t *value;
    } wanted[] = {
        {"MemTotal:", &memory.total},           {"MemAvailable:", &memory.available},
        {"SwapTotal:", &memory.swap},           {"SwapFree:", &memory.swap_free},
        {"CommitLimit:", &memory.commit_limit}, {"Committed_AS:", &memory.committed},
    };
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return false;
    char line[128];
    while (fgets(line, sizeof line, file)) {
        char name[64];
        unsigned long long kib;
        if (sscanf(line, "%63s %llu", name, &kib) != 2)
            continue;
        for (unsigned i = 0; i < array_length(wanted); i++)
            if (strcmp(name, wanted[i].name) == 0)
                *wanted[i].value = kib << 10;
    }
    fclose(file);
    *ret_memory = memory;
    return memory.total != 0 && memory.available <= memory.total;
}

/* Whether the kernel refuses to promise more than CommitLimit (vm.overcommit_memory 2). */
static bool commit_is_strict(void)
{
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    if (!file)
        return false;
    int mode = fgetc(file);
    fclose(file);
    return mode == '2';
}

/* Bytes of the user address space that are neither reserved nor committed. */
static uint64_t free_address_space(void)
{
    uint64_t sum = 0, address = MM_LOWEST_ADDRESS;
    MEMORY_BASIC_INFORMATION info;
    while (address < MM_HIGHEST_ADDRESS && NT_SUCCESS(mm_query(address, &info)) &&
           info.RegionSize != 0) {
        if (info.State == MEM_FREE)
            sum += info.RegionSize;
        address = (uint64_t)info.BaseAddress + info.RegionSize;
    }
    return sum;
}

static uint64_t less_or_zero(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static bool memory_status(MEMORYSTATUSEX *ret_status)
{
    struct machine_memory memory;
    if (!read_machine_memory(&memory))
        return false;
    bool strict = commit_is_strict();
    *ret_status = (MEMORYSTATUSEX){
        .dwLength = sizeof *ret_status,
        .dwMemoryLoad = (DWORD)(100 * (memory.total - memory.available) / memory.total),
        .ullTotalPhys = memory.total,
        .ullAvailPhys = memory.available,
        .ullTotalPageFile = strict ? memory.commit_limit : memory.total + memory.swap,
        .ullAvailPageFile = strict ? less_or_zero(memory.commit_limit, memory.committed)
                                   : memory.available + memory.swap_free,
        .ullTotalVirtual = MM_HIGHEST_ADDRESS + 1 - MM_LOWEST_ADDRESS,
        .ullAvailVirtual = free_address_space(),
    };
    return true;
}

BOOL k32_GlobalMemoryStatusEx(LPMEMORYSTATUSEX lpBuffer)
{
    DWORD length;
    MEMORYSTATUSEX status;
    if (!guarded_read(lpBuffer, &length, sizeof length)) /* the first member */
        return face_bool(STATUS_ACCESS_VIOLATION);
    if (length != sizeof status)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!memory_status(&status))
        return face_bool(STATUS_NOT_SUPPORTED);
    return face_bool(guarded_copy(lpBuffer, &status, sizeof status) ? STATUS_SUCCESS
                                                                    : STATUS_ACCESS_VIOLATION);
}

/* It has no way to fail: a bad pointer raises an access violation, unknown numbers are 0. */
void k32_GlobalMemoryStatus(LPMEMORYSTATUS lpBuffer)
{
    MEMORYSTATUSEX status;
    if (!memory_status(&status))
        memset(&status, 0, sizeof status);
    *lpBuffer = (MEMORYSTATUS){
        .dwLength = sizeof *lpBuffer,
        .dwMemoryLoad = status.dwMemoryLoad,
        .dwTotalPhys = status.ullTotalPhys,
        .dwAvailPhys = status.ullAvailPhys,
        .dwTotalPageFile = status.ullTotalPageFile,
        .dwAvailPageFile = status.ullAvailPageFile,
        .dwTotalVirtual = status.ullTotalVirtual,
        .dwAvailVirtual = status.ullAvailVirtual,
    };
}

/* In bytes, 0 when the kernel does not tell: the memory blocks it found, which include what it
 * keeps for itself. */
static uint64_t installed_memory(void)
{
    unsigned long long block = 0, blocks = 0;
    FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llx", &block) != 1)
        block = 0;
    fclose(file);
    DIR *folder = opendir("/sys/devices/system/memory");
    if (!folder)
        return 0;
    unsigned number;
    for (struct dirent *entry; (entry = readdir(folder));)
        blocks += sscanf(entry->d_name, "memory%u", &number) == 1;
    closedir(folder);
    return block * blocks;
}

BOOL k32_GetPhysicallyInstalledSystemMemory(PULONGLONG TotalMemoryInKilobytes)
{
    struct machine_memory memory;
    if (!TotalMemoryInKilobytes)
        return face_bool(STATUS_INVALID_PARAMETER);
    ULONGLONG installed = installed_memory();
    if (!read_machine_memory(&memory) || installed < memory.total) {
        last_error_set(ERROR_INVALID_DATA);
        return FALSE;
    }
    installed >>= 10;
    return face_bool(guarded_write(TotalMemoryInKilobytes, &installed, sizeof installed)
                         ? STATUS_SUCCESS
                         : STATUS_ACCESS_VIOLATION);
}

SIZE_T k32_GetLargePageMinimum(void)
{
    return LARGE_PAGE;
}
