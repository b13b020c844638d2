/* What is asked about a process and its memory, what is copied, and who is told. */
#include "faces.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW           PAGE_READWRITE
#define THIS_PROCESS ((HANDLE)(intptr_t)-1)

static void *place(const struct step *step)
{
    return (void *)step_start(step);
}

/* From the pages of the step to those from `a` on. */
static NTSTATUS do_copy(const struct step *step)
{
    static char buffer[8 * PAGE_SIZE];
    void *to = (void *)(world + (uint64_t)step->a * PAGE_SIZE);
    SIZE_T done = 0, size = step_size(step);
    CHECK(size <= sizeof buffer);
    if (!k32_ReadProcessMemory(THIS_PROCESS, place(step), buffer, size, &done))
        return of_bool(FALSE);
    CHECK(done == size);
    done = 0;
    if (!k32_WriteProcessMemory(THIS_PROCESS, to, buffer, size, &done))
        return of_bool(FALSE);
    CHECK(done == size);
    return STATUS_SUCCESS;
}

static NTSTATUS do_region_information(const struct step *step)
{
    WIN32_MEMORY_REGION_INFORMATION info = {0};
    SIZE_T size = 0;
    BOOL done = k32_QueryVirtualMemoryInformation(THIS_PROCESS, place(step), MemoryRegionInfo,
                                                  &info, sizeof info, &size);
    CHECK(!done || (info.AllocationBase == (void *)world && info.RegionSize == step_size(step)));
    return of_bool(done);
}

static NTSTATUS do_memory_status(const struct step *step)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    MEMORYSTATUS old = {0};
    BOOL done = k32_GlobalMemoryStatusEx(&status);
    (void)step;
    k32_GlobalMemoryStatus(&old);
    CHECK(!done || (status.ullTotalPhys != 0 && status.ullAvailPhys <= status.ullTotalPhys));
    return of_bool(done);
}

static NTSTATUS do_process_memory(const struct step *step)
{
    PROCESS_MEMORY_COUNTERS counters = {0};
    BOOL done = k32_K32GetProcessMemoryInfo(THIS_PROCESS, &counters, sizeof counters);
    (void)step;
    CHECK(!done || counters.WorkingSetSize != 0);
    return of_bool(done);
}

static NTSTATUS do_installed_memory(const struct step *step)
{
    ULONGLONG kilobytes = 0;
    BOOL done = k32_GetPhysicallyInstalledSystemMemory(&kilobytes);
    (void)step;
    CHECK(done == (kilobytes != 0));
    CHECK(k32_GetLargePageMinimum() != 1);
    return of_bool(done);
}

/* Made, asked and given up again: what it takes must be gone. */
static NTSTATUS do_notification(const struct step *step)
{
    HANDLE handle =
        k32_CreateMemoryResourceNotification((MEMORY_RESOURCE_NOTIFICATION_TYPE)step->a);
    BOOL state = 7;
    NTSTATUS status;
    if (!handle)
        return of_bool(FALSE);
    status = of_bool(k32_QueryMemoryResourceNotification(handle, &state));
    CHECK(status != STATUS_SUCCESS || state == TRUE || state == FALSE);
    CHECK(k32_CloseHandle(handle));
    return status;
}

static __attribute__((ms_abi)) BOOLEAN keep(PVOID address, SIZE_T size)
{
    (void)address, (void)size;
    return FALSE;
}

static NTSTATUS do_add_callback(const struct step *step)
{
    return step->a ? nt_RtlRegisterSecureMemoryCacheCallback(keep)
                   : of_bool(k32_AddSecureMemoryCacheCallback(keep));
}

static NTSTATUS do_remove_callback(const struct step *step)
{
    return step->a ? nt_RtlDeregisterSecureMemoryCacheCallback(keep)
                   : of_bool(k32_RemoveSecureMemoryCacheCallback(keep));
}

static NTSTATUS do_flush_cache(const struct step *step)
{
    CHECK(!nt_RtlFlushSecureMemoryCache(place(step), step_size(step)));
    return STATUS_SUCCESS;
}

static NTSTATUS do_execution_policy(const struct step *step)
{
    DWORD flags;
    BOOL permanent;
    (void)step;
    CHECK(k32_GetSystemDEPPolicy() >= 0);
    CHECK(!k32_SetProcessDEPPolicy(1));
    return of_bool(k32_GetProcessDEPPolicy(THIS_PROCESS, &flags, &permanent));
}

static NTSTATUS do_file_cache(const struct step *step)
{
    return of_bool(k32_SetSystemFileCacheSize(1 << 20, 1 << 30, step->a));
}

const struct scenario process_scenarios[] = {
    {"copies within the process",
     "ReadProcessMemory WriteProcessMemory",
     {BOTH(0, 32, RW), FILL(0, 8), {do_copy, 0, 8, 16, 0, 0}, {do_copy, 16, 8, 24, 0, 0}}},
    {"a copy out of what is not there",
     "ReadProcessMemory",
     {RESERVE(0, 32), {do_copy, 0, 8, 16, 0, OF_WIN32(ERROR_PARTIAL_COPY)}}},
    {"an allocation as a whole",
     "QueryVirtualMemoryInformation",
     {RESERVE(0, 32), COMMIT(3, 4, RW), {do_region_information, 4, 32, 0, 0, 0}}},
    {"how much memory there is",
     "GlobalMemoryStatus GlobalMemoryStatusEx GetPhysicallyInstalledSystemMemory "
     "GetLargePageMinimum",
     {{do_memory_status, 0, 0, 0, 0, 0}, {do_installed_memory, 0, 0, 0, 0, 0}}},
    {"what the process has of it",
     "GetProcessMemoryInfo K32GetProcessMemoryInfo",
     {BOTH(0, 32, RW), {do_process_memory, 0, 0, 0, 0, 0}}},
    {"callbacks of secure caches",
     "AddSecureMemoryCacheCallback RemoveSecureMemoryCacheCallback "
     "RtlRegisterSecureMemoryCacheCallback RtlDeregisterSecureMemoryCacheCallback "
     "RtlFlushSecureMemoryCache",
     {{do_add_callback, 0, 0, 0, 0, 0},
      {do_flush_cache, 0, 4, 0, 0, 0},
      {do_remove_callback, 0, 0, 0, 0, 0},
      {do_add_callback, 0, 0, 1, 0, 0},
      {do_flush_cache, 0, 4, 0, 0, 0},
      {do_remove_callback, 0, 0, 1, 0, 0}}},
    {"limits of the file cache, without the privilege",
     "SetSystemFileCacheSize",
     {{do_file_cache, 0, 0, 0, 0, OF_WIN32(ERROR_PRIVILEGE_NOT_HELD)}}},
    {"what a 64-bit process is refused",
     "GetProcessDEPPolicy SetProcessDEPPolicy GetSystemDEPPolicy",
     {{do_execution_policy, 0, 0, 0, 0, OF_WIN32(ERROR_NOT_SUPPORTED)}}},
    /* last: its thread closes files when it likes */
    {"being told when memory runs short",
     "CreateMemoryResourceNotification QueryMemoryResourceNotification",
     {{do_notification, 0, 0, LowMemoryResourceNotification, 0, 0},
      {do_notification, 0, 0, HighMemoryResourceNotification, 0, 0}},
     .watched = true},
    {0},
};
