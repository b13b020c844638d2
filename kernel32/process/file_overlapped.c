/* After an overlapped call: its result, its cancellation; and calls that end in a routine. */
#include "kernel32/face.h"
#include "kernel32/process/file.h"

/* Every operation of a file has ended by the time its call returns; what is still pending belongs
 * to somebody else, who will set the event. */
BOOL k32_GetOverlappedResultEx(HANDLE hFile, LPOVERLAPPED lpOverlapped,
                               LPDWORD lpNumberOfBytesTransferred, DWORD dwMilliseconds,
                               BOOL bAlertable)
{
    if ((uint32_t)__atomic_load_n(&lpOverlapped->Internal, __ATOMIC_ACQUIRE) == STATUS_PENDING) {
        HANDLE handle = (HANDLE)((uint64_t)lpOverlapped->hEvent & ~1ull);
        if (dwMilliseconds == 0) {
            last_error_set(ERROR_IO_INCOMPLETE);
            return FALSE;
        }
        DWORD waited =
            k32_WaitForSingleObjectEx(handle ? handle : hFile, dwMilliseconds, bAlertable);
        if (waited != WAIT_OBJECT_0) {
            if (waited != WAIT_FAILED)
                last_error_set(waited);
            return FALSE;
        }
    }
    *lpNumberOfBytesTransferred = (DWORD)lpOverlapped->InternalHigh;
    return face_bool((NTSTATUS)lpOverlapped->Internal);
}

BOOL k32_GetOverlappedResult(HANDLE hFile, LPOVERLAPPED lpOverlapped,
                             LPDWORD lpNumberOfBytesTransferred, BOOL bWait)
{
    return k32_GetOverlappedResultEx(hFile, lpOverlapped, lpNumberOfBytesTransferred,
                                     bWait ? INFINITE : 0, FALSE);
}

static NTSTATUS check(HANDLE handle)
{
    struct file *file;
    NTSTATUS status = file_lookup(handle, 0, &file);
    if (status == STATUS_SUCCESS)
        file_unref(file);
    return status;
}

/* Nothing to cancel is a success here, and a failure for CancelIoEx. */
BOOL k32_CancelIo(HANDLE hFile)
{
    return face_bool(check(hFile));
}

BOOL k32_CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped)
{
    NTSTATUS status = check(hFile);
    return face_bool(status == STATUS_SUCCESS ? STATUS_NOT_FOUND : status);
}

static void queue_routine(LPOVERLAPPED_COMPLETION_ROUTINE routine, OVERLAPPED *overlapped)
{
    NTSTATUS status = (NTSTATUS)overlapped->Internal;
    wait_queue_apc(wait_self(), (PVOID)routine,
                   NT_SUCCESS(status) ? 0 : last_error_from_status(status),
                   overlapped->InternalHigh, (uint64_t)overlapped);
}

/* The routine also hears of the end of the file (sdk-api fileapi/ReadFileEx). */
BOOL k32_ReadFileEx(HANDLE hFile, LPVOID lpBuffer, DWORD nNumberOfBytesToRead,
                    LPOVERLAPPED lpOverlapped, LPOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine)
{
    HANDLE event = lpOverlapped->hEvent; /* the caller's to use */
    lpOverlapped->hEvent = NULL;
    BOOL done = k32_ReadFile(hFile, lpBuffer, nNumberOfBytesToRead, NULL, lpOverlapped);
    lpOverlapped->hEvent = event;
    if (!done && last_error_get() != ERROR_HANDLE_EOF)
        return FALSE;
    queue_routine(lpCompletionRoutine, lpOverlapped);
    last_error_set(ERROR_SUCCESS);
    return TRUE;
}

BOOL k32_WriteFileEx(HANDLE hFile, LPCVOID lpBuffer, DWORD nNumberOfBytesToWrite,
                     LPOVERLAPPED lpOverlapped, LPOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine)
{
    HANDLE event = lpOverlapped->hEvent;
    lpOverlapped->hEvent = NULL;
    BOOL done = k32_WriteFile(hFile, lpBuffer, nNumberOfBytesToWrite, NULL, lpOverlapped);
    lpOverlapped->hEvent = event;
    if (!done)
        return FALSE;
    queue_routine(lpCompletionRoutine, lpOverlapped);
    last_error_set(ERROR_SUCCESS);
    return TRUE;
}
