/* What is where in memory: allocations as a whole, pages of the working set. */
#include "kernel32/face.h"

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
    return face_bool(nt_NtQueryVirtualMemory(Process, (PVOID)VirtualAddress,
                                             MemoryRegionInformation, MemoryInformation,
                                             MemoryInformationSize, ReturnSize));
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
