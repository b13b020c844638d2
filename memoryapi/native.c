/* The native calls: in/out pointers and the process handle around the engine's entries. */
#include "memoryapi/extended.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/native.h"
#include "memoryapi/object.h"

#include "faces.h"

#define PROCESS_VM_OPERATION_RIGHT 0x0008u

/*
 * ZeroBits: 0..20 counts zero bits from bit 31 up for a 32-bit address; above 32 it is a mask of
 * allowed bits.
 */
static NTSTATUS highest_of_zero_bits(ULONG_PTR zero_bits, uint64_t *ret_highest)
{
    *ret_highest = 0;
    if (zero_bits == 0)
        return STATUS_SUCCESS;
    if (zero_bits <= 20)
        *ret_highest = (1ull << (32 - zero_bits)) - 1;
    else if (zero_bits > 32)
        *ret_highest = (1ull << (64 - __builtin_clzll(zero_bits))) - 1;
    else
        return STATUS_INVALID_PARAMETER_3;
    if (*ret_highest > MM_HIGHEST_ADDRESS)
        *ret_highest = 0;
    return STATUS_SUCCESS;
}

bool native_is_writable(void *at, size_t size)
{
    return guarded_touch(at) && guarded_touch((char *)at + size - 1);
}

NTSTATUS native_read_range(PVOID *base, PSIZE_T size, uint64_t *ret_base, uint64_t *ret_size)
{
    return native_is_writable(base, 8) && native_is_writable(size, 8) &&
                   guarded_read(base, ret_base, 8) && guarded_read(size, ret_size, 8)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

void native_write_range(PVOID *base, PSIZE_T size, uint64_t new_base, uint64_t new_size)
{
    guarded_write(base, &new_base, 8);
    guarded_write(size, &new_size, 8);
}

NTSTATUS nt_NtAllocateVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits,
                                    PSIZE_T RegionSize, ULONG AllocationType, ULONG Protect)
{
    struct mm_request request = {.type = AllocationType, .protect = Protect};
    NTSTATUS status = highest_of_zero_bits(ZeroBits, &request.highest);
    if (status == STATUS_SUCCESS)
        status = native_read_range(BaseAddress, RegionSize, &request.base, &request.size);
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = mm_allocate(&request);
    if (status == STATUS_SUCCESS)
        native_write_range(BaseAddress, RegionSize, request.base, request.size);
    return status;
}

NTSTATUS nt_NtAllocateVirtualMemoryEx(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                      ULONG AllocationType, ULONG PageProtection,
                                      PMEM_EXTENDED_PARAMETER ExtendedParameters,
                                      ULONG ExtendedParameterCount)
{
    struct mm_request request = {
        .type = AllocationType, .protect = PageProtection, .placeholders = true};
    NTSTATUS status = native_read_range(BaseAddress, RegionSize, &request.base, &request.size);
    if (status == STATUS_SUCCESS)
        status = extended_read(ExtendedParameters, ExtendedParameterCount, &request);
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = mm_allocate(&request);
    if (status == STATUS_SUCCESS)
        native_write_range(BaseAddress, RegionSize, request.base, request.size);
    return status;
}

NTSTATUS nt_NtFreeVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                ULONG FreeType)
{
    uint64_t base, size;
    NTSTATUS status = native_read_range(BaseAddress, RegionSize, &base, &size);
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status =
            FreeType & MM_FREE_IMAGE ? STATUS_INVALID_PARAMETER : mm_free(&base, &size, FreeType);
    if (status == STATUS_SUCCESS)
        native_write_range(BaseAddress, RegionSize, base, size);
    return status;
}

NTSTATUS nt_NtProtectVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                                   ULONG NewProtect, PULONG OldProtect)
{
    uint64_t base, size;
    uint32_t old = 0;
    NTSTATUS status = native_read_range(BaseAddress, RegionSize, &base, &size);
    if (status == STATUS_SUCCESS && !native_is_writable(OldProtect, sizeof old))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = handle_is_current_process(ProcessHandle, PROCESS_VM_OPERATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = mm_protect(&base, &size, NewProtect, &old);
    if (status == STATUS_SUCCESS) {
        native_write_range(BaseAddress, RegionSize, base, size);
        guarded_write(OldProtect, &old, sizeof old);
    }
    return status;
}
