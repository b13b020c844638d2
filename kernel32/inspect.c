/* What is where in memory: allocations as a whole, pages of the working set. */
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

#define DOCUMENTED_FLAGS 0x3Fu /* of WIN32_MEMORY_REGION_INFORMATION; the others are reserved */

/* In an answer that was just written. */
static NTSTATUS hide_native_flags(PVOID information)
{
    char *at = (char *)information + offsetof(WIN32_MEMORY_REGION_INFORMATION, Flags);
    ULONG flags;
    bool done = guarded_read(at, &flags, sizeof flags);
    flags &= DOCUMENTED_FLAGS;
    return done && guarded_write(at, &flags, sizeof flags) ? STATUS_SUCCESS
                                                           : STATUS_ACCESS_VIOLATION;
}

BOOL k32_QueryVirtualMemoryInformation(HANDLE Process, LPCVOID VirtualAddress,
                                       WIN32_MEMORY_INFORMATION_CLASS MemoryInformationClass,
                                       PVOID MemoryInformation, SIZE_T MemoryInformationSize,
                                       PSIZE_T ReturnSize)
{
    _Static_assert(sizeof(WIN32_MEMORY_REGION_INFORMATION) ==
                       offsetof(MEMORY_REGION_INFORMATION, PartitionId),
                   "the native class answers with the same bytes");
    if (MemoryInformationClass != MemoryRegionInfo)
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status =
        nt_NtQueryVirtualMemory(Process, (PVOID)VirtualAddress, MemoryRegionInformation,
                                MemoryInformation, MemoryInformationSize, ReturnSize);
    return face_bool(NT_SUCCESS(status) ? hide_native_flags(MemoryInformation) : status);
}

BOOL k32_K32QueryWorkingSet(HANDLE hProcess, PVOID pv, DWORD cb)
{
    return face_bool(
        nt_NtQueryVirtualMemory(hProcess, NULL, MemoryWorkingSetInformation, pv, cb, NULL));
}

BOOL k32_K32QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb)
{
    return face_bool(
        nt_NtQueryVirtualMemory(hProcess, NULL, MemoryWorkingSetExInformation, pv, cb, NULL));
}
