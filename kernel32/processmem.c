/*
 * The memory of a process as seen through a handle: reading, writing, counters. Only the calling
 * process can be opened, so a copy is one within it, which stops at the first page that cannot be
 * accessed.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

static bool is_good(void *at, bool writing)
{
    uint8_t byte;
    return writing ? guarded_touch(at) : guarded_read(at, &byte, 1);
}

/*
 * Page by page of the process's side, so that the count tells how far it came. What stopped it is
 * told by looking at the caller's side: looking at the other one again could find a guard page that
 * this copy has just spent.
 */
static NTSTATUS copy(char *buffer, char *memory, uint64_t size, bool reading, uint64_t *ret_done)
{
    uint64_t done = 0;
    NTSTATUS status = STATUS_SUCCESS;
    while (done < size && status == STATUS_SUCCESS) {
        uint64_t piece = PAGE_SIZE - (uint64_t)(memory + done) % PAGE_SIZE;
        piece = piece < size - done ? piece : size - done;
        char *here = buffer + done, *there = memory + done;
        if (reading ? guarded_copy(here, there, piece) : guarded_copy(there, here, piece))
            done += piece;
        else if (is_good(here, reading) && is_good(here + piece - 1, reading))
            status = STATUS_PARTIAL_COPY;
        else
            status = STATUS_ACCESS_VIOLATION;
    }
    *ret_done = done;
    return status;
}

static NTSTATUS finish(NTSTATUS status, uint64_t done, PSIZE_T ret_count)
{
    if (ret_count && !guarded_write(ret_count, &done, sizeof done))
        return STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_NtReadVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer,
                                SIZE_T NumberOfBytesToRead, PSIZE_T NumberOfBytesRead)
{
    uint64_t done = 0;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_VM_READ);
    if (!NT_SUCCESS(status))
        return status;
    status = copy(Buffer, BaseAddress, NumberOfBytesToRead, true, &done);
    return finish(status, done, NumberOfBytesRead);
}

NTSTATUS nt_NtWriteVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer,
                                 SIZE_T NumberOfBytesToWrite, PSIZE_T NumberOfBytesWritten)
{
    uint64_t done = 0;
    NTSTATUS status =
        handle_is_current_process(ProcessHandle, PROCESS_VM_WRITE | PROCESS_VM_OPERATION);
    if (!NT_SUCCESS(status))
        return status;
    status = copy(Buffer, BaseAddress, NumberOfBytesToWrite, false, &done);
    return finish(status, done, NumberOfBytesWritten);
}

BOOL k32_ReadProcessMemory(HANDLE hProcess, LPCVOID lpBaseAddress, LPVOID lpBuffer, SIZE_T nSize,
                           PSIZE_T lpNumberOfBytesRead)
{
    return face_bool(nt_NtReadVirtualMemory(hProcess, (PVOID)lpBaseAddress, lpBuffer, nSize,
                                            lpNumberOfBytesRead));
}

BOOL k32_WriteProcessMemory(HANDLE hProcess, LPVOID lpBaseAddress, LPCVOID lpBuffer, SIZE_T nSize,
                            PSIZE_T lpNumberOfBytesWritten)
{
    return face_bool(nt_NtWriteVirtualMemory(hProcess, lpBaseAddress, (PVOID)lpBuffer, nSize,
                                             lpNumberOfBytesWritten));
}

/* The fields of /proc/self/status that Windows has a counter for, in bytes. */
static bool read_own_status(PROCESS_MEMORY_COUNTERS_EX *counters)
{
    SIZE_T anonymous = 0, swapped = 0;
    const struct {
        const char *name;
        SIZE_T *value;
    } wanted[] = {
        {"VmHWM:", &counters->PeakWorkingSetSize},
        {"VmRSS:", &counters->WorkingSetSize},
        {"RssAnon:", &anonymous},
        {"VmSwap:", &swapped},
    };
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return false;
    char line[128], name[32];
    unsigned long long kib;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%31s %llu", name, &kib) == 2)
            for (unsigned i = 0; i < array_length(wanted); i++)
                if (strcmp(name, wanted[i].name) == 0)
                    *wanted[i].value = kib << 10;
    fclose(file);
    counters->PagefileUsage = counters->PrivateUsage = counters->PeakPagefileUsage =
        anonymous + swapped;
    return counters->WorkingSetSize != 0;
}

/* Windows charges commit when memory is committed; the nearest the host counts is private memory in
 * use, in RAM or swapped out. */
BOOL k32_K32GetProcessMemoryInfo(HANDLE Process, PPROCESS_MEMORY_COUNTERS ppsmemCounters, DWORD cb)
{
    NTSTATUS status = handle_is_current_process(Process, PROCESS_QUERY_LIMITED_INFORMATION);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    if (cb < sizeof(PROCESS_MEMORY_COUNTERS))
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    DWORD size = cb >= sizeof(PROCESS_MEMORY_COUNTERS_EX) ? sizeof(PROCESS_MEMORY_COUNTERS_EX)
                                                          : sizeof(PROCESS_MEMORY_COUNTERS);
    PROCESS_MEMORY_COUNTERS_EX counters = {.cb = size};
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || !read_own_status(&counters))
        return face_bool(STATUS_NOT_SUPPORTED);
    counters.PageFaultCount = (DWORD)(usage.ru_minflt + usage.ru_majflt);
    return face_bool(guarded_copy(ppsmemCounters, &counters, size) ? STATUS_SUCCESS
                                                                   : STATUS_ACCESS_VIOLATION);
}
