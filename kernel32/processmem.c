/*
 * The memory of a process as seen through a handle: reading and writing. Only the calling
 * process can be opened, so a copy is one within it, which stops at the first page that cannot be
 * accessed.
 */
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/object.h"

static bool is_good(void *at, bool writing)
{
    uint8_t byte;
    return writing ? guarded_touch(at) : guarded_read(at, &byte, 1);
}

/*
 * Page by page of the process's side, so that the count tells how far it came. What stopped it is
 * told by looking at the caller's side: looking at the other one again could find a guard page that
 * this copy has just spent.
 */
static NTSTATUS copy(char *buffer, char *memory, uint64_t size, bool reading, uint64_t *ret_done)
{
    uint64_t done = 0;
    NTSTATUS status = STATUS_SUCCESS;
    while (done < size && status == STATUS_SUCCESS) {
        uint64_t piece = PAGE_SIZE - (uint64_t)(memory + done) % PAGE_SIZE;
        piece = piece < size - done ? piece : size - done;
        char *here = buffer + done, *there = memory + done;
        if (reading ? guarded_copy(here, there, piece) : guarded_copy(there, here, piece))
            done += piece;
        else if (is_good(here, reading) && is_good(here + piece - 1, reading))
            status = STATUS_PARTIAL_COPY;
        else
            status = STATUS_ACCESS_VIOLATION;
    }
    *ret_done = done;
    return status;
}

static NTSTATUS finish(NTSTATUS status, uint64_t done, PSIZE_T ret_count)
{
    if (ret_count && !guarded_write(ret_count, &done, sizeof done))
        return STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_NtReadVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer,
                                SIZE_T NumberOfBytesToRead, PSIZE_T NumberOfBytesRead)
{
    uint64_t done = 0;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_VM_READ);
    if (!NT_SUCCESS(status))
        return status;
    status = copy(Buffer, BaseAddress, NumberOfBytesToRead, true, &done);
    return finish(status, done, NumberOfBytesRead);
}

NTSTATUS nt_NtWriteVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer,
                                 SIZE_T NumberOfBytesToWrite, PSIZE_T NumberOfBytesWritten)
{
    uint64_t done = 0;
    NTSTATUS status =
        handle_is_current_process(ProcessHandle, PROCESS_VM_WRITE | PROCESS_VM_OPERATION);
    if (!NT_SUCCESS(status))
        return status;
    status = copy(Buffer, BaseAddress, NumberOfBytesToWrite, false, &done);
    return finish(status, done, NumberOfBytesWritten);
}

BOOL k32_ReadProcessMemory(HANDLE hProcess, LPCVOID lpBaseAddress, LPVOID lpBuffer, SIZE_T nSize,
                           PSIZE_T lpNumberOfBytesRead)
{
    return face_bool(nt_NtReadVirtualMemory(hProcess, (PVOID)lpBaseAddress, lpBuffer, nSize,
                                            lpNumberOfBytesRead));
}

BOOL k32_Toolhelp32ReadProcessMemory(DWORD th32ProcessID, LPCVOID lpBaseAddress, LPVOID lpBuffer,
                                     SIZE_T cbRead, PSIZE_T lpNumberOfBytesRead)
{
    if (th32ProcessID && th32ProcessID != k32_GetCurrentProcessId())
        return face_bool(STATUS_INVALID_PARAMETER);
    return k32_ReadProcessMemory((HANDLE)-1, lpBaseAddress, lpBuffer, cbRead, lpNumberOfBytesRead);
}

BOOL k32_WriteProcessMemory(HANDLE hProcess, LPVOID lpBaseAddress, LPCVOID lpBuffer, SIZE_T nSize,
                            PSIZE_T lpNumberOfBytesWritten)
{
    return face_bool(nt_NtWriteVirtualMemory(hProcess, lpBaseAddress, (PVOID)lpBuffer, nSize,
                                             lpNumberOfBytesWritten));
}
