/*
 * The last error of the calling thread, and the one table that turns an NTSTATUS into a Win32
 * error.
 */
#include "kernel32/face.h"

#include "faces.h"
#include "status_table.h"

static __thread DWORD native_last_error;
__thread DWORD *last_error_place __attribute__((tls_model("initial-exec")));

DWORD last_error_get(void)
{
    return last_error_place ? *last_error_place : native_last_error;
}

void last_error_set(DWORD code)
{
    *(last_error_place ? last_error_place : &native_last_error) = code;
}

void winmem_set_last_error(uint32_t code)
{
    last_error_set(code);
}

uint32_t winmem_get_last_error(void)
{
    return last_error_get();
}

DWORD last_error_from_status(NTSTATUS status)
{
    switch (status) {
#define X(nt, win32)                                                                               \
    case nt:                                                                                       \
        return win32;
        STATUS_TABLE
#undef X
    default:
        return 317; /* ERROR_MR_MID_NOT_FOUND: what Windows says of a status it has no code for */
    }
}

DWORD k32_GetLastError(void)
{
    return last_error_get();
}

void k32_SetLastError(DWORD dwErrCode)
{
    last_error_set(dwErrCode);
}
