/*
 * Functions that a program asks to be called when memory secured by a driver changes, or when the
 * hardware finds bad pages. Neither happens here: the registrations are kept, so that they can be
 * taken back, and called only by RtlFlushSecureMemoryCache.
 */
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/futex.h"
#include "memoryapi/guarded.h"

#define LIMIT 64 /* registrations of one kind */

static struct futex_lock lock;
static PSECURE_MEMORY_CACHE_CALLBACK
    secure[LIMIT]; /* under `lock`, in the order of registration, NULL behind the last */
static PBAD_MEMORY_CALLBACK_ROUTINE
    bad_memory[LIMIT]; /* under `lock`; a handle is the address of its entry */

NTSTATUS nt_RtlRegisterSecureMemoryCacheCallback(PSECURE_MEMORY_CACHE_CALLBACK Callback)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    if (!Callback)
        return STATUS_INVALID_PARAMETER;
    futex_lock(&lock);
    for (unsigned i = 0; i < LIMIT; i++) {
        if (!secure[i]) {
            secure[i] = Callback;
            status = STATUS_SUCCESS;
            break;
        }
    }
    futex_unlock(&lock);
    return status;
}

/* The first of several equal registrations goes. */
NTSTATUS nt_RtlDeregisterSecureMemoryCacheCallback(PSECURE_MEMORY_CACHE_CALLBACK Callback)
{
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    futex_lock(&lock);
    for (unsigned i = 0; i < LIMIT && secure[i]; i++) {
        if (secure[i] == Callback) {
            memmove(&secure[i], &secure[i + 1], (LIMIT - 1 - i) * sizeof secure[0]);
            secure[LIMIT - 1] = NULL;
            status = STATUS_SUCCESS;
            break;
        }
    }
    futex_unlock(&lock);
    return status;
}

/* Whether one of the functions says that the range was its own. They are called without the lock:
 * they may register or remove. */
BOOLEAN nt_RtlFlushSecureMemoryCache(PVOID MemoryCache, SIZE_T MemoryLength)
{
    PSECURE_MEMORY_CACHE_CALLBACK now[LIMIT];
    futex_lock(&lock);
    memcpy(now, secure, sizeof now);
    futex_unlock(&lock);
    for (unsigned i = 0; i < LIMIT && now[i]; i++) {
        uint32_t depth = gate_open();
        BOOLEAN done = now[i](MemoryCache, MemoryLength);
        gate_close(depth);
        if (done)
            return TRUE;
    }
    return FALSE;
}

BOOL k32_AddSecureMemoryCacheCallback(PSECURE_MEMORY_CACHE_CALLBACK pfnCallBack)
{
    return face_bool(nt_RtlRegisterSecureMemoryCacheCallback(pfnCallBack));
}

BOOL k32_RemoveSecureMemoryCacheCallback(PSECURE_MEMORY_CACHE_CALLBACK pfnCallBack)
{
    return face_bool(nt_RtlDeregisterSecureMemoryCacheCallback(pfnCallBack));
}

/* Linux takes bad pages out of use by itself and tells programs nothing about the hardware's
 * abilities. */
BOOL k32_GetMemoryErrorHandlingCapabilities(PULONG Capabilities)
{
    const ULONG none = 0;
    return face_bool(guarded_write(Capabilities, &none, sizeof none) ? STATUS_SUCCESS
                                                                     : STATUS_ACCESS_VIOLATION);
}

PVOID k32_RegisterBadMemoryNotification(PBAD_MEMORY_CALLBACK_ROUTINE Callback)
{
    PBAD_MEMORY_CALLBACK_ROUTINE *entry = NULL;
    if (!Callback)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    futex_lock(&lock);
    for (unsigned i = 0; i < LIMIT && !entry; i++)
        if (!bad_memory[i])
            entry = &bad_memory[i];
    if (entry)
        *entry = Callback;
    futex_unlock(&lock);
    return face_pointer(entry ? STATUS_SUCCESS : STATUS_NO_MEMORY, entry);
}

BOOL k32_UnregisterBadMemoryNotification(PVOID RegistrationHandle)
{
    NTSTATUS status = STATUS_INVALID_HANDLE;
    futex_lock(&lock);
    for (unsigned i = 0; i < LIMIT; i++) {
        if (RegistrationHandle == &bad_memory[i] && bad_memory[i]) {
            bad_memory[i] = NULL;
            status = STATUS_SUCCESS;
        }
    }
    futex_unlock(&lock);
    return face_bool(status);
}
