/* The native calls that lock pages, flush views and pass hints on. */
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/lock.h"
#include "memoryapi/native.h"
#include "memoryapi/object.h"
#include "memoryapi/privilege.h"
#include "memoryapi/watch.h"

#include "faces.h"

#define PROCESS_VM_OPERATION_RIGHT 0x0008u
#define ENTRIES_AT_ONCE            64u
#define PREFETCH_TO_WORKING_SET    1u /* VM_PREFETCH_TO_WORKING_SET */
#define NORMAL_PRIORITY            5u /* MEMORY_PRIORITY_NORMAL, the highest */

static NTSTATUS check_map_type(ULONG type)
{
    if (type == 0 || (type & ~(ULONG)(MAP_PROCESS | MAP_SYSTEM)))
        return STATUS_INVALID_PARAMETER;
    return (type & MAP_SYSTEM) && !privilege_enabled(PRIVILEGE_LOCK_MEMORY)
               ? STATUS_PRIVILEGE_NOT_HELD
               : STATUS_SUCCESS;
}

static NTSTATUS begin(HANDLE process, PVOID *base, PSIZE_T size, ULONG type, uint64_t *ret_base,
                      uint64_t *ret_size)
{
    NTSTATUS status = check_map_type(type);
    if (status == STATUS_SUCCESS)
        status = native_read_range(base, size, ret_base, ret_size);
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(process, PROCESS_VM_OPERATION_RIGHT);
    return status;
}

NTSTATUS nt_NtLockVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                ULONG MapType)
{
    uint64_t base, size;
    bool was_locked;
    NTSTATUS status = begin(ProcessHandle, BaseAddress, RegionSize, MapType, &base, &size);
    if (status == STATUS_SUCCESS)
        status = mm_lock(&base, &size, &was_locked);
    if (status != STATUS_SUCCESS)
        return status;
    native_write_range(BaseAddress, RegionSize, base, size);
    return was_locked ? STATUS_WAS_LOCKED : STATUS_SUCCESS;
}

NTSTATUS nt_NtUnlockVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                  ULONG MapType)
{
    uint64_t base, size;
    NTSTATUS status = begin(ProcessHandle, BaseAddress, RegionSize, MapType, &base, &size);
    if (status == STATUS_SUCCESS)
        status = mm_unlock(&base, &size);
    if (status == STATUS_SUCCESS)
        native_write_range(BaseAddress, RegionSize, base, size);
    return status;
}

/* Only a view of a file has anything to be written, and there is none: every address is refused. */
NTSTATUS nt_NtFlushVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                 PIO_STATUS_BLOCK IoStatus)
{
    MEMORY_BASIC_INFORMATION information;
    uint64_t base, size;
    NTSTATUS status = native_read_range(BaseAddress, RegionSize, &base, &size);
    if (status == STATUS_SUCCESS && !native_is_writable(IoStatus, sizeof *IoStatus))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
    if (status != STATUS_SUCCESS)
        return status;
    if (base > MM_HIGHEST_ADDRESS || size > SPACE_END - base)
        return STATUS_INVALID_PARAMETER_2;
    status = mm_query(base, &information);
    if (status != STATUS_SUCCESS)
        return status;
    return information.State == MEM_FREE || information.Type == MEM_PRIVATE
               ? STATUS_NOT_MAPPED_VIEW
               : STATUS_NOT_MAPPED_DATA;
}

/* Whether [start, end) is a part of one region with MEM_WRITE_WATCH. */
static bool is_watched(uint64_t start, uint64_t end)
{
    MEMORY_REGION_INFORMATION region;
    return start < end && mm_query_region(start, &region) == STATUS_SUCCESS &&
           (region.RegionType & MEMORY_REGION_MAPPED_WRITE_WATCH) &&
           end <= (uint64_t)region.AllocationBase + region.RegionSize;
}

static NTSTATUS check_entries(const MEMORY_RANGE_ENTRY *entries, unsigned count, bool watched)
{
    uint64_t end;
    for (unsigned i = 0; i < count; i++)
        if (add_overflows((uint64_t)entries[i].VirtualAddress, entries[i].NumberOfBytes, &end) ||
            end > SPACE_END || (watched && !is_watched((uint64_t)entries[i].VirtualAddress, end)))
            return STATUS_INVALID_PARAMETER_4;
    return STATUS_SUCCESS;
}

/* What is to be done with each range. */
struct wish {
    bool any;   /* anything at all */
    bool clean; /* pages with write watch are not written; else a hint */
    enum host_hint hint;
};

static NTSTATUS choose(unsigned class, uint32_t value, struct wish *ret_wish)
{
    uint32_t highest = class == VmPrefetchInformation       ? PREFETCH_TO_WORKING_SET
                       : class == VmPagePriorityInformation ? NORMAL_PRIORITY
                                                            : 0;
    if (value > highest)
        return STATUS_INVALID_PARAMETER_5;
    ret_wish->any = class != VmPagePriorityInformation || value < NORMAL_PRIORITY;
    ret_wish->clean = class == VmPageDirtyStateInformation;
    ret_wish->hint = class == VmPagePriorityInformation           ? HOST_COOL
                     : class == VmRemoveFromWorkingSetInformation ? HOST_PAGE_OUT
                     : value                                      ? HOST_MAKE_PRESENT
                                                                  : HOST_WILL_NEED;
    return STATUS_SUCCESS;
}

static NTSTATUS act_on_entries(const MEMORY_RANGE_ENTRY *entries, unsigned count,
                               const struct wish *wish)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (unsigned i = 0; i < count && status == STATUS_SUCCESS; i++) {
        uint64_t start = (uint64_t)entries[i].VirtualAddress,
                 end = start + entries[i].NumberOfBytes;
        if (wish->clean)
            status = mm_watch_reset(start, end - start);
        else if (start < end)
            status = mm_hint(round_down(start, PAGE_SIZE), round_up(end, PAGE_SIZE), wish->hint);
    }
    return status;
}

/* All entries are looked at before anything is done, so the array is read twice. */
static NTSTATUS walk_entries(const MEMORY_RANGE_ENTRY *entries, uint64_t count, bool act,
                             const struct wish *wish)
{
    MEMORY_RANGE_ENTRY here[ENTRIES_AT_ONCE];
    NTSTATUS status = STATUS_SUCCESS;
    for (uint64_t done = 0; done < count && status == STATUS_SUCCESS; done += ENTRIES_AT_ONCE) {
        unsigned few = (unsigned)(count - done < ENTRIES_AT_ONCE ? count - done : ENTRIES_AT_ONCE);
        if (!guarded_copy(here, entries + done, few * sizeof here[0]))
            return STATUS_ACCESS_VIOLATION;
        status = check_entries(here, few, wish->clean);
        if (act && status == STATUS_SUCCESS)
            status = act_on_entries(here, few, wish);
    }
    return status;
}

static NTSTATUS act_on_all(HANDLE process, unsigned class, uint64_t count,
                           const MEMORY_RANGE_ENTRY *entries, const void *information)
{
    struct wish wish;
    uint32_t value;
    NTSTATUS status = handle_is_current_process(process, PROCESS_VM_OPERATION_RIGHT);
    if (status == STATUS_SUCCESS && !guarded_read(information, &value, sizeof value))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = choose(class, value, &wish);
    if (status == STATUS_SUCCESS)
        status = walk_entries(entries, count, false, &wish);
    if (status == STATUS_SUCCESS && wish.any)
        status = walk_entries(entries, count, true, &wish);
    return status;
}

static bool is_known(unsigned class)
{
    return class == VmPrefetchInformation || class == VmPagePriorityInformation ||
           class == VmPageDirtyStateInformation || class == VmRemoveFromWorkingSetInformation;
}

NTSTATUS nt_NtSetInformationVirtualMemory(HANDLE ProcessHandle,
                                          VIRTUAL_MEMORY_INFORMATION_CLASS VmInformationClass,
                                          ULONG_PTR NumberOfEntries,
                                          PMEMORY_RANGE_ENTRY VirtualAddresses, PVOID VmInformation,
                                          ULONG VmInformationLength)
{
    unsigned class = (unsigned)VmInformationClass;
    if (class > VmRemoveFromWorkingSetInformation)
        return STATUS_INVALID_PARAMETER_2;
    if (NumberOfEntries == 0 || NumberOfEntries > UINT64_MAX / sizeof *VirtualAddresses)
        return STATUS_INVALID_PARAMETER_3;
    if (!is_known(class)) {
        NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
        return status == STATUS_SUCCESS ? STATUS_NOT_SUPPORTED : status;
    }
    if (VmInformationLength != sizeof(ULONG))
        return STATUS_INVALID_PARAMETER_6;
    return act_on_all(ProcessHandle, class, NumberOfEntries, VirtualAddresses, VmInformation);
}
