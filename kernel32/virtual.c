/* The VirtualAlloc family. */
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/object.h"

#define THIS_PROCESS                    ((HANDLE)-1)
#define PROCESS_VM_OPERATION_RIGHT      0x0008u
#define PROCESS_QUERY_INFORMATION_RIGHT 0x0400u

LPVOID k32_VirtualAllocEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType,
                          DWORD flProtect)
{
    struct mm_request request = {.base = (uint64_t)lpAddress,
                                 .size = dwSize,
                                 .type = flAllocationType,
                                 .protect = flProtect};
    NTSTATUS status = hProcess == THIS_PROCESS
                          ? STATUS_SUCCESS
                          : handle_is_current_process(hProcess, PROCESS_VM_OPERATION_RIGHT);
    /* an address in the lowest 64 KiB is malformed, not "anywhere" */
    if (status == STATUS_SUCCESS && lpAddress && request.base < MM_LOWEST_ADDRESS)
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS)
        status = mm_allocate(&request);
    return face_pointer(status, (LPVOID)request.base);
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
