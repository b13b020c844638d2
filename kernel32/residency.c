/* Keeping pages in memory, and bringing them there. */
#include "kernel32/face.h"

BOOL k32_VirtualLock(LPVOID lpAddress, SIZE_T dwSize)
{
    return face_bool(nt_NtLockVirtualMemory(THIS_PROCESS, &lpAddress, &dwSize, MAP_PROCESS));
}

BOOL k32_VirtualUnlock(LPVOID lpAddress, SIZE_T dwSize)
{
    return face_bool(nt_NtUnlockVirtualMemory(THIS_PROCESS, &lpAddress, &dwSize, MAP_PROCESS));
}

BOOL k32_VirtualUnlockEx(HANDLE Process, LPVOID Address, SIZE_T Size)
{
    return face_bool(
        nt_NtUnlockVirtualMemory(Process ? Process : THIS_PROCESS, &Address, &Size, MAP_PROCESS));
}

BOOL k32_PrefetchVirtualMemory(HANDLE hProcess, ULONG_PTR NumberOfEntries,
                               PWIN32_MEMORY_RANGE_ENTRY VirtualAddresses, ULONG Flags)
{
    ULONG none = 0;
    _Static_assert(sizeof *VirtualAddresses == sizeof(MEMORY_RANGE_ENTRY), "the same entries");
    if (Flags)
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(nt_NtSetInformationVirtualMemory(
        hProcess, VmPrefetchInformation, NumberOfEntries, (PMEMORY_RANGE_ENTRY)VirtualAddresses,
        &none, sizeof none));
}
