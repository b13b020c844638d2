/* What the process wants to happen when something goes wrong; nobody shows dialogs here anyway. */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/exception.h"

/* SEM_NOALIGNMENTFAULTEXCEPT stays once it was set (sdk-api errhandlingapi/SetErrorMode). */
#define NO_ALIGNMENT_FAULTS 0x4u
#define ERROR_MODE_FLAGS    0x8007u
#define THREAD_MODE_FLAGS   0x8003u

static uint32_t error_mode; /* atomic */
static __thread uint32_t thread_error_mode;

UINT k32_SetErrorMode(UINT uMode)
{
    uint32_t old = __atomic_load_n(&error_mode, __ATOMIC_RELAXED), mode;
    do {
        mode = (uMode & ERROR_MODE_FLAGS) | (old & NO_ALIGNMENT_FAULTS);
    } while (!__atomic_compare_exchange_n(&error_mode, &old, mode, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return old;
}

UINT k32_GetErrorMode(void)
{
    return __atomic_load_n(&error_mode, __ATOMIC_RELAXED);
}

BOOL k32_SetThreadErrorMode(DWORD dwNewMode, LPDWORD lpOldMode)
{
    if (dwNewMode & ~THREAD_MODE_FLAGS)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (lpOldMode)
        *lpOldMode = thread_error_mode;
    thread_error_mode = dwNewMode;
    return TRUE;
}

DWORD k32_GetThreadErrorMode(void)
{
    return thread_error_mode;
}

static uint32_t report_flags; /* atomic */

#define RESULT_OK       ((HRESULT)0)
#define INVALID_HANDLE  ((HRESULT)0x80070006) /* HRESULT_FROM_WIN32(ERROR_INVALID_HANDLE) */
#define INVALID_POINTER ((HRESULT)0x80070057) /* ... (ERROR_INVALID_PARAMETER) */

HRESULT k32_WerSetFlags(DWORD dwFlags)
{
    __atomic_store_n(&report_flags, dwFlags, __ATOMIC_RELAXED);
    return RESULT_OK;
}

HRESULT k32_WerGetFlags(HANDLE hProcess, PDWORD pdwFlags)
{
    if (!pdwFlags)
        return INVALID_POINTER;
    if (hProcess != (HANDLE)-1)
        return INVALID_HANDLE;
    *pdwFlags = __atomic_load_n(&report_flags, __ATOMIC_RELAXED);
    return RESULT_OK;
}

/* No handler is asked: the process ends with the exception's code (sdk-api RaiseFailFastException).
 */
void k32_RaiseFailFastException(PEXCEPTION_RECORD pExceptionRecord, PCONTEXT pContextRecord,
                                DWORD dwFlags)
{
    EXCEPTION_RECORD record = {
        .ExceptionCode = (DWORD)STATUS_FAIL_FAST_EXCEPTION,
        .ExceptionAddress = __builtin_return_address(0),
    };
    if (pExceptionRecord)
        record = *pExceptionRecord;
    exception_fatal(&record);
}
