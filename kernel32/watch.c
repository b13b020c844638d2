/* Write watch: the caller's pointers and the process handle around the engine's two entries. */
#include "memoryapi/watch.h"
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

#define PROCESS_VM_OPERATION_RIGHT 0x0008u

static NTSTATUS check_process(HANDLE process)
{
    return process == THIS_PROCESS ? STATUS_SUCCESS
                                   : handle_is_current_process(process, PROCESS_VM_OPERATION_RIGHT);
}

/* Whether a caller's value can be written, first byte and last, without changing it. */
static bool writable(void *at, size_t size)
{
    return guarded_touch(at) && guarded_touch((char *)at + size - 1);
}

NTSTATUS nt_NtGetWriteWatch(HANDLE ProcessHandle, ULONG Flags, PVOID BaseAddress, SIZE_T RegionSize,
                            PVOID *UserAddressArray, PULONG_PTR EntriesInUserAddressArray,
                            PULONG Granularity)
{
    struct mm_watch_query query = {.flags = Flags,
                                   .base = (uint64_t)BaseAddress,
                                   .size = RegionSize,
                                   .addresses = UserAddressArray};
    uint32_t granularity = PAGE_SIZE;
    NTSTATUS status = check_process(ProcessHandle);
    /* what cannot be written must be known before pages are reset */
    if (status == STATUS_SUCCESS &&
        (!writable(EntriesInUserAddressArray, sizeof query.capacity) ||
         !writable(Granularity, sizeof granularity) ||
         !guarded_read(EntriesInUserAddressArray, &query.capacity, sizeof query.capacity)))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = mm_watch_get(&query);
    if (status == STATUS_SUCCESS) {
        guarded_write(EntriesInUserAddressArray, &query.ret_count, sizeof query.ret_count);
        guarded_write(Granularity, &granularity, sizeof granularity);
    }
    return status;
}

NTSTATUS nt_NtResetWriteWatch(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T RegionSize)
{
    NTSTATUS status = check_process(ProcessHandle);
    return status == STATUS_SUCCESS ? mm_watch_reset((uint64_t)BaseAddress, RegionSize) : status;
}

/* 0 is success here; any failure has the one value. */
static UINT answer(NTSTATUS status)
{
    return face_bool(status) ? 0 : (UINT)-1;
}

UINT k32_GetWriteWatch(DWORD dwFlags, PVOID lpBaseAddress, SIZE_T dwRegionSize, PVOID *lpAddresses,
                       PULONG_PTR lpdwCount, LPDWORD lpdwGranularity)
{
    return answer(nt_NtGetWriteWatch(THIS_PROCESS, dwFlags, lpBaseAddress, dwRegionSize,
                                     lpAddresses, lpdwCount, lpdwGranularity));
}

UINT k32_ResetWriteWatch(LPVOID lpBaseAddress, SIZE_T dwRegionSize)
{
    return answer(nt_NtResetWriteWatch(THIS_PROCESS, lpBaseAddress, dwRegionSize));
}
