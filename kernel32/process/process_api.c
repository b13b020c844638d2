/* What is left of the process's own functions: caches, error codes, identity. */
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/child.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/utf.h"
#include "memoryapi/object.h"

/* x86 keeps its instruction cache coherent: there is nothing to flush. */
NTSTATUS nt_NtFlushInstructionCache(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T Length)
{
    return handle_is_current_process(ProcessHandle, 0);
}

/* Afterwards every thread of the process has passed a memory barrier. */
void k32_FlushProcessWriteBuffers(void)
{
    static int registered; /* atomic */
    if (!__atomic_load_n(&registered, __ATOMIC_ACQUIRE)) {
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        __atomic_store_n(&registered, 1, __ATOMIC_RELEASE);
    }
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

ULONG nt_RtlNtStatusToDosError(NTSTATUS Status)
{
    return last_error_from_status(Status);
}

ULONG nt_RtlGetLastWin32Error(void)
{
    return last_error_get();
}

void nt_RtlSetLastWin32Error(ULONG Win32Error)
{
    last_error_set(Win32Error);
}

/* dwFlags 1 (PROCESS_NAME_NATIVE) asks for the name in the NT namespace. */
static NTSTATUS give_image_name(const WCHAR *path, DWORD length, DWORD flags, LPWSTR ret_name,
                                PDWORD size)
{
    static const WCHAR native[] = {'\\', '?', '?', '\\'};
    DWORD prefix = flags & 1 ? 4 : 0;
    if (flags & ~1u)
        return STATUS_INVALID_PARAMETER;
    if (*size <= prefix + length)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(ret_name, native, prefix * sizeof *ret_name);
    memcpy(ret_name + prefix, path, length * sizeof *ret_name);
    ret_name[prefix + length] = 0;
    *size = prefix + length;
    return STATUS_SUCCESS;
}

BOOL k32_QueryFullProcessImageNameW(HANDLE hProcess, DWORD dwFlags, LPWSTR lpExeName,
                                    PDWORD lpdwSize)
{
    struct child *child;
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS && !process_peb)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (status == STATUS_SUCCESS) {
        const UNICODE_STRING *path = &process_peb->parameters->image_path;
        return face_bool(
            give_image_name(path->Buffer, path->Length / 2u, dwFlags, lpExeName, lpdwSize));
    }
    status = child_lookup(hProcess, PROCESS_QUERY_LIMITED_INFORMATION, &child);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = give_image_name(child->program, (DWORD)wide_length(child->program), dwFlags, lpExeName,
                             lpdwSize);
    child_unref(child);
    return face_bool(status);
}

BOOL k32_QueryFullProcessImageNameA(HANDLE hProcess, DWORD dwFlags, LPSTR lpExeName,
                                    PDWORD lpdwSize)
{
    WCHAR wide[512];
    DWORD length = sizeof wide / sizeof wide[0];
    if (!k32_QueryFullProcessImageNameW(hProcess, dwFlags, wide, &length))
        return FALSE;
    size_t size = utf16_to_utf8(wide, length, lpExeName, *lpdwSize, NULL);
    if (size >= *lpdwSize)
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    lpExeName[size] = 0;
    *lpdwSize = (DWORD)size;
    return TRUE;
}
