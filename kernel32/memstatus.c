/*
 * How much memory there is. The machine's numbers are those of memoryapi/pressure.h, in a control
 * group with a limit those of the group; the process's come from the books of the memory manager.
 */
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/mm.h"
#include "memoryapi/pressure.h"
#include "memoryapi/usage.h"

#define LARGE_PAGE (2u << 20) /* bytes: the smallest large page of every x86-64 processor */

static bool memory_status(MEMORYSTATUSEX *ret_status)
{
    struct mm_memory memory;
    struct mm_system_commit commit;
    struct mm_address_space addresses;
    if (!pressure_read(&memory) || !mm_system_commit(&memory, &commit))
        return false;
    mm_address_space(&addresses);
    uint64_t available = mm_available(&memory);
    *ret_status = (MEMORYSTATUSEX){
        .dwLength = sizeof *ret_status,
        .dwMemoryLoad = (DWORD)(100 * (memory.total - available) / memory.total),
        .ullTotalPhys = memory.total,
        .ullAvailPhys = available,
        .ullTotalPageFile = commit.limit,
        .ullAvailPageFile = commit.limit - commit.total,
        .ullTotalVirtual = addresses.total,
        .ullAvailVirtual = addresses.available,
    };
    return true;
}

BOOL k32_GlobalMemoryStatusEx(LPMEMORYSTATUSEX lpBuffer)
{
    DWORD length;
    MEMORYSTATUSEX status;
    if (!face_take(lpBuffer, &length, sizeof length)) /* the first member */
        return face_bool(STATUS_ACCESS_VIOLATION);
    if (length != sizeof status)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!memory_status(&status))
        return face_bool(STATUS_NOT_SUPPORTED);
    return face_bool(face_give(lpBuffer, &status, sizeof status) ? STATUS_SUCCESS
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

SIZE_T k32_GetLargePageMinimum(void)
{
    return LARGE_PAGE;
}
