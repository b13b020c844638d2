/*
 * Targets of indirect calls that control flow guard lets through. It is never on, as for a program
 * that was not built for it; naming targets is then refused (documented for
 * SetProcessValidCallTargets).
 */
#include "kernel32/face.h"
#include "memoryapi/object.h"

static BOOL refuse(HANDLE process)
{
    NTSTATUS status = handle_is_current_process(process, PROCESS_VM_OPERATION);
    return face_bool(NT_SUCCESS(status) ? STATUS_INVALID_PARAMETER : status);
}

BOOL k32_SetProcessValidCallTargets(HANDLE hProcess, PVOID VirtualAddress, SIZE_T RegionSize,
                                    ULONG NumberOfOffsets, PCFG_CALL_TARGET_INFO OffsetInformation)
{
    return refuse(hProcess);
}

BOOL k32_SetProcessValidCallTargetsForMappedView(HANDLE Process, PVOID VirtualAddress,
                                                 SIZE_T RegionSize, ULONG NumberOfOffsets,
                                                 PCFG_CALL_TARGET_INFO OffsetInformation,
                                                 HANDLE Section, ULONG64 ExpectedFileOffset)
{
    return refuse(Process);
}
