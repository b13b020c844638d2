/*
 * What needs a privilege: to lock memory, to raise quotas. A process holds neither here, as an
 * ordinary user's process on Windows.
 */
#include "kernel32/face.h"
#include "memoryapi/object.h"
#include "memoryapi/privilege.h"

static NTSTATUS refuse(HANDLE process)
{
    NTSTATUS status = handle_is_current_process(process, PROCESS_VM_OPERATION);
    if (NT_SUCCESS(status))
        status = privilege_enabled(PRIVILEGE_LOCK_MEMORY) ? STATUS_INSUFFICIENT_RESOURCES
                                                          : STATUS_PRIVILEGE_NOT_HELD;
    return status;
}

NTSTATUS nt_NtAllocateUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages,
                                        PULONG_PTR UserPfnArray)
{
    return refuse(ProcessHandle);
}

NTSTATUS nt_NtAllocateUserPhysicalPagesEx(HANDLE ProcessHandle, PULONG_PTR NumberOfPages,
                                          PULONG_PTR UserPfnArray,
                                          PMEM_EXTENDED_PARAMETER ExtendedParameters,
                                          ULONG ExtendedParameterCount)
{
    return refuse(ProcessHandle);
}

BOOL k32_AllocateUserPhysicalPages(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray)
{
    return face_bool(refuse(hProcess));
}

BOOL k32_AllocateUserPhysicalPagesNuma(HANDLE hProcess, PULONG_PTR NumberOfPages,
                                       PULONG_PTR PageArray, DWORD nndPreferred)
{
    return face_bool(refuse(hProcess));
}

BOOL k32_AllocateUserPhysicalPages2(HANDLE ObjectHandle, PULONG_PTR NumberOfPages,
                                    PULONG_PTR PageArray,
                                    MEM_EXTENDED_PARAMETER *ExtendedParameters,
                                    ULONG ExtendedParameterCount)
{
    return face_bool(refuse(ObjectHandle));
}

/* Flags that contradict each other are refused before the privilege is looked at. */
BOOL k32_SetSystemFileCacheSize(SIZE_T MinimumFileCacheSize, SIZE_T MaximumFileCacheSize,
                                DWORD Flags)
{
    const DWORD most = FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE;
    const DWORD least = FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE;
    if ((Flags & most) == most || (Flags & least) == least || (Flags & ~(most | least)))
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(STATUS_PRIVILEGE_NOT_HELD);
}
