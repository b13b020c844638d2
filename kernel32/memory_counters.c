/* Memory counters of a process and of the machine (psapi). */
#include <ctype.h>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include "kernel32/face.h"
#include "memoryapi/limits.h"
#include "memoryapi/object.h"
#include "memoryapi/pressure.h"
#include "memoryapi/residency.h"
#include "memoryapi/textfile.h"
#include "memoryapi/usage.h"

/* The largest of the three structures that a buffer of `cb` bytes can take; 0: none. */
static DWORD counters_size(DWORD cb)
{
    static const DWORD sizes[] = {sizeof(PROCESS_MEMORY_COUNTERS_EX2),
                                  sizeof(PROCESS_MEMORY_COUNTERS_EX),
                                  sizeof(PROCESS_MEMORY_COUNTERS)};
    for (unsigned i = 0; i < array_length(sizes); i++)
        if (cb >= sizes[i])
            return sizes[i];
    return 0;
}

/*
 * The working set is all that is in memory but for offered pages (sdk-api memoryapi/
 * OfferVirtualMemory); its peak is the host's, who counts them. The commit charge is what the
 * program committed, and offering gives none of it back. Kernel pools are not charged to a process
 * here.
 */
BOOL k32_K32GetProcessMemoryInfo(HANDLE Process, PPROCESS_MEMORY_COUNTERS ppsmemCounters, DWORD cb)
{
    struct mm_resident resident;
    struct mm_commit commit;
    struct rusage usage;
    DWORD size = counters_size(cb);
    NTSTATUS status = handle_is_current_process(Process, PROCESS_QUERY_LIMITED_INFORMATION);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    if (size == 0)
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    if (!mm_resident_now(&resident) || getrusage(RUSAGE_SELF, &usage) != 0)
        return face_bool(STATUS_NOT_SUPPORTED);
    uint64_t offered = mm_offered_resident();
    resident.now -= offered < resident.now ? offered : resident.now;
    resident.anonymous -= offered < resident.anonymous ? offered : resident.anonymous;
    mm_commit_state(&commit);
    PROCESS_MEMORY_COUNTERS_EX2 counters = {
        .cb = size,
        .PageFaultCount = (DWORD)(usage.ru_minflt + usage.ru_majflt),
        .PeakWorkingSetSize = resident.peak,
        .WorkingSetSize = resident.now,
        .PagefileUsage = commit.charge,
        .PeakPagefileUsage = commit.peak,
        .PrivateUsage = commit.charge,
        .PrivateWorkingSetSize = resident.anonymous,
        .SharedCommitUsage = resident.shared,
    };
    return face_bool(face_give(ppsmemCounters, &counters, size) ? STATUS_SUCCESS
                                                                : STATUS_ACCESS_VIOLATION);
}

static DWORD count_processes(void)
{
    DWORD count = 0;
    DIR *folder = opendir("/proc");
    if (!folder)
        return 1;
    for (struct dirent *entry; (entry = readdir(folder));)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    closedir(folder);
    return count ? count : 1;
}

/* The host's open files are its handles; ours are known to us only. */
static DWORD count_handles(void)
{
    uint64_t files = 0;
    if (!text_number("/proc/sys/fs/file-nr", &files))
        files = 0;
    return (DWORD)files + handle_count();
}

/* The most that was ever seen here: the host keeps no peak. In bytes. */
static uint64_t commit_peak(uint64_t total)
{
    static uint64_t peak;
    uint64_t before = __atomic_load_n(&peak, __ATOMIC_RELAXED);
    while (total > before && !__atomic_compare_exchange_n(&peak, &before, total, true,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return total > before ? total : before;
}

BOOL k32_K32GetPerformanceInfo(PPERFORMANCE_INFORMATION pPerformanceInformation, DWORD cb)
{
    struct mm_memory memory;
    struct mm_system_commit commit;
    struct sysinfo machine;
    if (cb < sizeof *pPerformanceInformation)
        return face_bool(STATUS_INFO_LENGTH_MISMATCH);
    if (!pressure_read(&memory) || !mm_system_commit(&memory, &commit) || sysinfo(&machine) != 0)
        return face_bool(STATUS_NOT_SUPPORTED);
    PERFORMANCE_INFORMATION information = {
        .cb = sizeof information,
        .CommitTotal = commit.total / PAGE_SIZE,
        .CommitLimit = commit.limit / PAGE_SIZE,
        .CommitPeak = commit_peak(commit.total) / PAGE_SIZE,
        .PhysicalTotal = memory.total / PAGE_SIZE,
        .PhysicalAvailable = mm_available(&memory) / PAGE_SIZE,
        .SystemCache = memory.cached / PAGE_SIZE,
        .KernelTotal = memory.kernel / PAGE_SIZE,
        .KernelPaged = memory.kernel_reclaimable / PAGE_SIZE,
        .KernelNonpaged = memory.kernel / PAGE_SIZE - memory.kernel_reclaimable / PAGE_SIZE,
        .PageSize = PAGE_SIZE,
        .HandleCount = count_handles(),
        .ProcessCount = count_processes(),
        .ThreadCount = machine.procs, /* Linux counts tasks there */
    };
    return face_bool(face_give(pPerformanceInformation, &information, sizeof information)
                         ? STATUS_SUCCESS
                         : STATUS_ACCESS_VIOLATION);
}
