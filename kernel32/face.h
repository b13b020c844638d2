/*
 * How a face answers: status to BOOL or pointer with last error. The only way NTSTATUS becomes a
 * Win32 error.
 */
#pragma once

#include <stdbool.h>
#include <winmem/windef.h>
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "faces.h"

DWORD last_error_from_status(NTSTATUS status);
/* Last error lives in the TEB of a Windows thread (gs:[0x68]), else in thread storage of ours. */
void last_error_set(DWORD code);
DWORD last_error_get(void);
/* In the TEB, while the calling thread has one; NULL else. */
extern __thread DWORD *last_error_place __attribute__((tls_model("initial-exec")));

/* What GetCurrentProcess answers. */
#define THIS_PROCESS ((HANDLE)-1)

#define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)

/* TRUE, or FALSE with the last error set. A success leaves the last error alone. */
static inline BOOL face_bool(NTSTATUS status)
{
    if (likely(NT_SUCCESS(status)))
        return TRUE;
    last_error_set(last_error_from_status(status));
    return FALSE;
}

static inline void *face_pointer(NTSTATUS status, void *pointer)
{
    if (likely(NT_SUCCESS(status)))
        return pointer;
    last_error_set(last_error_from_status(status));
    return NULL;
}

/*
 * Reading and writing memory of the caller's that Windows itself touches in user mode (give.c): a
 * bad pointer raises the access violation in a Windows thread, whose handlers may make it good;
 * else false. With no lock held. face_may_give: whether it is worth trying.
 */
bool face_give(void *to, const void *value, size_t size);
bool face_take(const void *from, void *ret_value, size_t size);
bool face_may_give(void *to, size_t size);
