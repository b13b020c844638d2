/* The limits of the working set, and emptying it, by handle of a process. */
#include "memoryapi/workingset.h"

#include "kernel32/face.h"
#include "memoryapi/object.h"

/* All outputs or none, where a bad one is an error. */
static NTSTATUS give(PSIZE_T minimum, PSIZE_T maximum, PDWORD flags)
{
    struct mm_working_set limits;
    if (!face_may_give(minimum, sizeof *minimum) || !face_may_give(maximum, sizeof *maximum))
        return STATUS_ACCESS_VIOLATION;
    mm_working_set_limits(&limits);
    if (!face_give(flags, &limits.flags, sizeof limits.flags) ||
        !face_give(minimum, &limits.minimum, sizeof limits.minimum) ||
        !face_give(maximum, &limits.maximum, sizeof limits.maximum))
        return STATUS_ACCESS_VIOLATION;
    return STATUS_SUCCESS;
}

BOOL k32_GetProcessWorkingSetSize(HANDLE hProcess, PSIZE_T lpMinimumWorkingSetSize,
                                  PSIZE_T lpMaximumWorkingSetSize)
{
    DWORD flags;
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (NT_SUCCESS(status))
        status = give(lpMinimumWorkingSetSize, lpMaximumWorkingSetSize, &flags);
    return face_bool(status);
}

BOOL k32_GetProcessWorkingSetSizeEx(HANDLE hProcess, PSIZE_T lpMinimumWorkingSetSize,
                                    PSIZE_T lpMaximumWorkingSetSize, PDWORD Flags)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (NT_SUCCESS(status))
        status = give(lpMinimumWorkingSetSize, lpMaximumWorkingSetSize, Flags);
    return face_bool(status);
}

BOOL k32_SetProcessWorkingSetSizeEx(HANDLE hProcess, SIZE_T dwMinimumWorkingSetSize,
                                    SIZE_T dwMaximumWorkingSetSize, DWORD Flags)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_SET_QUOTA);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    return face_bool(
        mm_set_working_set_limits(dwMinimumWorkingSetSize, dwMaximumWorkingSetSize, Flags));
}

BOOL k32_SetProcessWorkingSetSize(HANDLE hProcess, SIZE_T dwMinimumWorkingSetSize,
                                  SIZE_T dwMaximumWorkingSetSize)
{
    return k32_SetProcessWorkingSetSizeEx(hProcess, dwMinimumWorkingSetSize,
                                          dwMaximumWorkingSetSize, 0);
}

BOOL k32_K32EmptyWorkingSet(HANDLE hProcess)
{
    NTSTATUS status =
        handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SET_QUOTA);
    return face_bool(NT_SUCCESS(status) ? mm_empty_working_set() : status);
}
