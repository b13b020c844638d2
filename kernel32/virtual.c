/* The VirtualAlloc family. */
#include "kernel32/face.h"
#include "memoryapi/extended.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/object.h"

#define PROCESS_VM_OPERATION_RIGHT      0x0008u
#define PROCESS_QUERY_INFORMATION_RIGHT 0x0400u
#define EXECUTE_PROTECTIONS                                                                        \
    (PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY)

static LPVOID allocate(HANDLE process, struct mm_request *request)
{
    NTSTATUS status = process == THIS_PROCESS
                          ? STATUS_SUCCESS
                          : handle_is_current_process(process, PROCESS_VM_OPERATION_RIGHT);
    /* an address in the lowest 64 KiB is malformed, not "anywhere" */
    if (status == STATUS_SUCCESS && request->base && request->base < MM_LOWEST_ADDRESS)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = mm_allocate(request);
    return face_pointer(status, (LPVOID)request->base);
}

LPVOID k32_VirtualAllocEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType,
                          DWORD flProtect)
{
    struct mm_request request = {.base = (uint64_t)lpAddress,
                                 .size = dwSize,
                                 .type = flAllocationType,
                                 .protect = flProtect};
    return allocate(hProcess, &request);
}

LPVOID k32_VirtualAllocExNuma(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize,
                              DWORD flAllocationType, DWORD flProtect, DWORD nndPreferred)
{
    struct mm_request request = {.base = (uint64_t)lpAddress,
                                 .size = dwSize,
                                 .type = flAllocationType,
                                 .protect = flProtect};
    if (nndPreferred != NUMA_NO_PREFERRED_NODE)
        request.node =
            nndPreferred < MM_NODE_MANDATORY - 1 ? mm_node(nndPreferred) : MM_NODE_MANDATORY - 1;
    return allocate(hProcess, &request);
}

/*
 * VirtualAlloc rounds what it is given; this one takes whole pages and, for a reservation, a
 * multiple of the granularity.
 */
static bool is_whole(const struct mm_request *request)
{
    bool anew = (request->type & MEM_RESERVE) && !(request->type & MEM_REPLACE_PLACEHOLDER);
    return is_aligned(request->size, PAGE_SIZE) &&
           is_aligned(request->base, anew ? ALLOCATION_GRANULARITY : PAGE_SIZE);
}

PVOID k32_VirtualAlloc2(HANDLE Process, PVOID BaseAddress, SIZE_T Size, ULONG AllocationType,
                        ULONG PageProtection, MEM_EXTENDED_PARAMETER *ExtendedParameters,
                        ULONG ParameterCount)
{
    struct mm_request request = {.base = (uint64_t)BaseAddress,
                                 .size = Size,
                                 .type = AllocationType,
                                 .protect = PageProtection,
                                 .placeholders = true};
    NTSTATUS status = is_whole(&request)
                          ? extended_read(ExtendedParameters, ParameterCount, &request)
                          : STATUS_INVALID_PARAMETER;
    return status == STATUS_SUCCESS ? allocate(Process ? Process : THIS_PROCESS, &request)
                                    : face_pointer(status, NULL);
}

PVOID k32_VirtualAlloc2FromApp(HANDLE Process, PVOID BaseAddress, SIZE_T Size, ULONG AllocationType,
                               ULONG PageProtection, MEM_EXTENDED_PARAMETER *ExtendedParameters,
                               ULONG ParameterCount)
{
    if (PageProtection & EXECUTE_PROTECTIONS)
        return face_pointer(STATUS_INVALID_PAGE_PROTECTION, NULL);
    return k32_VirtualAlloc2(Process, BaseAddress, Size, AllocationType, PageProtection,
                             ExtendedParameters, ParameterCount);
}

PVOID k32_VirtualAllocFromApp(PVOID BaseAddress, SIZE_T Size, ULONG AllocationType,
                              ULONG Protection)
{
    if (Protection & EXECUTE_PROTECTIONS)
        return face_pointer(STATUS_INVALID_PAGE_PROTECTION, NULL);
    return k32_VirtualAlloc(BaseAddress, Size, AllocationType, Protection);
}

LPVOID k32_VirtualAlloc(LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType, DWORD flProtect)
{
    return k32_VirtualAllocEx(THIS_PROCESS, lpAddress, dwSize, flAllocationType, flProtect);
}

BOOL k32_VirtualFreeEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType)
{
    uint64_t base = (uint64_t)lpAddress, size = dwSize;
    NTSTATUS status = hProcess == THIS_PROCESS
                          ? STATUS_SUCCESS
                          : handle_is_current_process(hProcess, PROCESS_VM_OPERATION_RIGHT);
    /* the native call would release a part; this one releases all or fails */
    if (status == STATUS_SUCCESS &&
        ((dwFreeType & MM_FREE_IMAGE) || (dwFreeType == MEM_RELEASE && dwSize != 0)))
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = mm_free(&base, &size, dwFreeType);
    return face_bool(status);
}

BOOL k32_VirtualFree(LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType)
{
    return k32_VirtualFreeEx(THIS_PROCESS, lpAddress, dwSize, dwFreeType);
}

BOOL k32_VirtualProtectEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect,
                          PDWORD lpflOldProtect)
{
    uint64_t base = (uint64_t)lpAddress, size = dwSize;
    uint32_t old = 0;
    NTSTATUS status = hProcess == THIS_PROCESS
                          ? STATUS_SUCCESS
                          : handle_is_current_process(hProcess, PROCESS_VM_OPERATION_RIGHT);
    /* a place for the old protection that cannot be written must fail before anything changes */
    if (status == STATUS_SUCCESS &&
        (!guarded_touch(lpflOldProtect) || !guarded_touch((char *)lpflOldProtect + sizeof old - 1)))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = mm_protect(&base, &size, flNewProtect, &old);
    if (status == STATUS_SUCCESS)
        guarded_write(lpflOldProtect, &old, sizeof old);
    return face_bool(status);
}

BOOL k32_VirtualProtect(LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect, PDWORD lpflOldProtect)
{
    return k32_VirtualProtectEx(THIS_PROCESS, lpAddress, dwSize, flNewProtect, lpflOldProtect);
}

/* The capability to make code at run time counts as granted, never to memory written meanwhile. */
BOOL k32_VirtualProtectFromApp(PVOID Address, SIZE_T Size, ULONG NewProtection,
                               PULONG OldProtection)
{
    if (NewProtection & (PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY))
        return face_bool(STATUS_INVALID_PAGE_PROTECTION);
    return k32_VirtualProtect(Address, Size, NewProtection, OldProtection);
}

SIZE_T k32_VirtualQueryEx(HANDLE hProcess, LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer,
                          SIZE_T dwLength)
{
    MEMORY_BASIC_INFORMATION information;
    NTSTATUS status = dwLength < sizeof information ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS && hProcess != THIS_PROCESS)
        status = handle_is_current_process(hProcess, PROCESS_QUERY_INFORMATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = mm_query((uint64_t)lpAddress, &information);
    if (status == STATUS_SUCCESS && !guarded_write(lpBuffer, &information, sizeof information))
        status = STATUS_ACCESS_VIOLATION;
    return face_bool(status) ? sizeof information : 0;
}

SIZE_T k32_VirtualQuery(LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer, SIZE_T dwLength)
{
    return k32_VirtualQueryEx(THIS_PROCESS, lpAddress, lpBuffer, dwLength);
}
