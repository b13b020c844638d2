/* Address windowing extensions: the calls around memoryapi/awe.h. */
#include "memoryapi/awe.h"

#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"
#include "memoryapi/privilege.h"

#define NUMA_NODE_PARAMETER 2u /* MemExtendedParameterNumaNode */

static NTSTATUS allocate(HANDLE process, PULONG_PTR number, PULONG_PTR array)
{
    uint64_t wanted, count;
    NTSTATUS status = handle_is_current_process(process, PROCESS_VM_OPERATION);
    if (NT_SUCCESS(status) && !privilege_enabled(PRIVILEGE_LOCK_MEMORY))
        status = STATUS_PRIVILEGE_NOT_HELD;
    if (NT_SUCCESS(status) && (!guarded_touch(number) || !guarded_read(number, &wanted, 8)))
        status = STATUS_ACCESS_VIOLATION;
    if (NT_SUCCESS(status) && wanted > 0 && !guarded_touch(array))
        status = STATUS_ACCESS_VIOLATION;
    if (NT_SUCCESS(status))
        status = awe_allocate(wanted, array, &count);
    if (NT_SUCCESS(status))
        guarded_write(number, &count, sizeof count);
    return status;
}

static bool is_node(uint64_t node)
{
    ULONG highest = 0;
    return node == NUMA_NO_PREFERRED_NODE ||
           (k32_GetNumaHighestNodeNumber(&highest) && node <= highest);
}

/* A preferred node is the only thing that pages may be asked for with. */
static NTSTATUS check_parameters(const MEM_EXTENDED_PARAMETER *parameters, uint32_t count)
{
    struct {
        uint64_t type; /* the low 8 bits; the others are reserved */
        uint64_t value;
    } parameter;
    if (count > 0 && !parameters)
        return STATUS_INVALID_PARAMETER;
    if (count > 0 && !guarded_read(parameters, &parameter, sizeof parameter))
        return STATUS_ACCESS_VIOLATION;
    return count == 0 || (count == 1 && parameter.type == NUMA_NODE_PARAMETER &&
                          is_node((uint32_t)parameter.value))
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

NTSTATUS nt_NtAllocateUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages,
                                        PULONG_PTR UserPfnArray)
{
    return allocate(ProcessHandle, NumberOfPages, UserPfnArray);
}

NTSTATUS nt_NtAllocateUserPhysicalPagesEx(HANDLE ProcessHandle, PULONG_PTR NumberOfPages,
                                          PULONG_PTR UserPfnArray,
                                          PMEM_EXTENDED_PARAMETER ExtendedParameters,
                                          ULONG ExtendedParameterCount)
{
    NTSTATUS status = check_parameters(ExtendedParameters, ExtendedParameterCount);
    return NT_SUCCESS(status) ? allocate(ProcessHandle, NumberOfPages, UserPfnArray) : status;
}

NTSTATUS nt_NtFreeUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages,
                                    PULONG_PTR UserPfnArray)
{
    uint64_t wanted, count = 0;
    if (!guarded_touch(NumberOfPages) || !guarded_read(NumberOfPages, &wanted, 8))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION);
    if (NT_SUCCESS(status))
        status = awe_free(wanted, UserPfnArray, &count);
    guarded_write(NumberOfPages, &count, sizeof count);
    return status;
}

NTSTATUS nt_NtMapUserPhysicalPages(PVOID VirtualAddress, ULONG_PTR NumberOfPages,
                                   PULONG_PTR UserPfnArray)
{
    return awe_map((uint64_t)VirtualAddress, NumberOfPages, UserPfnArray);
}

NTSTATUS nt_NtMapUserPhysicalPagesScatter(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages,
                                          PULONG_PTR UserPfnArray)
{
    return awe_map_scatter(VirtualAddresses, NumberOfPages, UserPfnArray);
}

BOOL k32_AllocateUserPhysicalPages(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray)
{
    return face_bool(allocate(hProcess, NumberOfPages, PageArray));
}

BOOL k32_AllocateUserPhysicalPagesNuma(HANDLE hProcess, PULONG_PTR NumberOfPages,
                                       PULONG_PTR PageArray, DWORD nndPreferred)
{
    return face_bool(is_node(nndPreferred) ? allocate(hProcess, NumberOfPages, PageArray)
                                           : STATUS_INVALID_PARAMETER);
}

BOOL k32_AllocateUserPhysicalPages2(HANDLE ObjectHandle, PULONG_PTR NumberOfPages,
                                    PULONG_PTR PageArray,
                                    MEM_EXTENDED_PARAMETER *ExtendedParameters,
                                    ULONG ExtendedParameterCount)
{
    return face_bool(nt_NtAllocateUserPhysicalPagesEx(ObjectHandle, NumberOfPages, PageArray,
                                                      ExtendedParameters, ExtendedParameterCount));
}

BOOL k32_FreeUserPhysicalPages(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray)
{
    return face_bool(nt_NtFreeUserPhysicalPages(hProcess, NumberOfPages, PageArray));
}

BOOL k32_MapUserPhysicalPages(PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR PageArray)
{
    return face_bool(nt_NtMapUserPhysicalPages(VirtualAddress, NumberOfPages, PageArray));
}

BOOL k32_MapUserPhysicalPagesScatter(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages,
                                     PULONG_PTR PageArray)
{
    return face_bool(nt_NtMapUserPhysicalPagesScatter(VirtualAddresses, NumberOfPages, PageArray));
}
