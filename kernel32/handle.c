/* Closing, duplicating and describing handles. */
#include "kernel32/face.h"
#include "kernel32/process/wait.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

BOOL k32_CloseHandle(HANDLE hObject)
{
    return face_bool(handle_close(hObject));
}

NTSTATUS nt_NtClose(HANDLE Handle)
{
    return handle_close(Handle);
}

/* Both process handles have to name this process: the handles of others are out of reach. */
static NTSTATUS duplicate(HANDLE source_process, HANDLE source, HANDLE target_process,
                          HANDLE *ret_handle, ACCESS_MASK access, bool inherit, DWORD options)
{
    HANDLE made = NULL;
    NTSTATUS status = handle_is_current_process(source_process, PROCESS_DUP_HANDLE);
    if (status != STATUS_SUCCESS)
        return status;
    if (target_process || ret_handle) {
        status = handle_is_current_process(target_process, PROCESS_DUP_HANDLE);
        if (status == STATUS_SUCCESS)
            status =
                handle_duplicate(source, access, options & DUPLICATE_SAME_ACCESS, inherit, &made);
    }
    /* sdk-api DuplicateHandle: the source is closed whatever else happens. */
    if (options & DUPLICATE_CLOSE_SOURCE)
        handle_close(source);
    if (status == STATUS_SUCCESS && ret_handle && !guarded_write(ret_handle, &made, sizeof made)) {
        handle_close(made);
        return STATUS_ACCESS_VIOLATION;
    }
    if (status == STATUS_SUCCESS && !ret_handle && made)
        handle_close(made);
    return status;
}

BOOL k32_DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
                         HANDLE hTargetProcessHandle, LPHANDLE lpTargetHandle,
                         DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwOptions)
{
    return face_bool(duplicate(hSourceProcessHandle, hSourceHandle, hTargetProcessHandle,
                               lpTargetHandle, dwDesiredAccess, bInheritHandle, dwOptions));
}

NTSTATUS nt_NtDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle,
                              HANDLE TargetProcessHandle, PHANDLE TargetHandle,
                              ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    return duplicate(SourceProcessHandle, SourceHandle, TargetProcessHandle, TargetHandle,
                     DesiredAccess, HandleAttributes & OBJ_INHERIT, Options);
}

BOOL k32_GetHandleInformation(HANDLE hObject, LPDWORD lpdwFlags)
{
    uint32_t flags;
    NTSTATUS status = handle_flags(hObject, &flags);
    if (status == STATUS_SUCCESS)
        *lpdwFlags = flags;
    return face_bool(status);
}

BOOL k32_SetHandleInformation(HANDLE hObject, DWORD dwMask, DWORD dwFlags)
{
    if (dwMask & ~(HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE))
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(handle_set_flags(hObject, dwMask, dwFlags));
}

BOOL k32_CompareObjectHandles(HANDLE hFirstObjectHandle, HANDLE hSecondObjectHandle)
{
    struct object *first = NULL, *second = NULL;
    NTSTATUS status = handle_lookup(hFirstObjectHandle, OBJECT_ANY, 0, &first);
    if (status == STATUS_SUCCESS)
        status = handle_lookup(hSecondObjectHandle, OBJECT_ANY, 0, &second);
    BOOL same = status == STATUS_SUCCESS && first == second;
    object_unref(first);
    object_unref(second);
    if (!same)
        last_error_set(status == STATUS_SUCCESS ? ERROR_NOT_SAME_OBJECT
                                                : last_error_from_status(status));
    return same;
}

BOOL k32_GetProcessHandleCount(HANDLE hProcess, PDWORD pdwHandleCount)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status == STATUS_SUCCESS)
        *pdwHandleCount = handle_count();
    return face_bool(status);
}
