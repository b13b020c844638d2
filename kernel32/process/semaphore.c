/* Semaphores. */
#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/names.h"
#include "kernel32/process/mutex.h"
#include "kernel32/process/wait.h"

struct semaphore {
    struct waitable waitable;
    LONG maximum; /* constant after init */
    LONG count;   /* under the dispatcher lock */
};

static void destroy(struct object *object)
{
    object_forget_name(object);
    free(object);
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return ((struct semaphore *)waitable)->count > 0;
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    ((struct semaphore *)waitable)->count--;
    return false;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | 0x1, /* SEMAPHORE_QUERY_STATE */
    .write = READ_CONTROL | SEMAPHORE_MODIFY_STATE,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = SEMAPHORE_ALL_ACCESS,
};
static const struct object_ops ops = {OBJECT_SEMAPHORE, "semaphore", destroy, NULL, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, consume, NULL};

HANDLE k32_CreateSemaphoreExW(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
                              LONG lMaximumCount, LPCWSTR lpName, DWORD dwFlags,
                              DWORD dwDesiredAccess)
{
    if (lMaximumCount <= 0 || lInitialCount < 0 || lInitialCount > lMaximumCount || dwFlags) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    struct semaphore *semaphore = malloc(sizeof *semaphore);
    if (semaphore) {
        waitable_init(&semaphore->waitable, &ops, &wait_ops);
        semaphore->maximum = lMaximumCount;
        semaphore->count = lInitialCount;
    }
    return object_publish((struct object *)semaphore, lpName, dwDesiredAccess,
                          lpSemaphoreAttributes);
}

HANDLE k32_CreateSemaphoreExA(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
                              LONG lMaximumCount, LPCSTR lpName, DWORD dwFlags,
                              DWORD dwDesiredAccess)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_CreateSemaphoreExW(lpSemaphoreAttributes, lInitialCount, lMaximumCount, name,
                                  dwFlags, dwDesiredAccess);
}

HANDLE k32_CreateSemaphoreW(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
                            LONG lMaximumCount, LPCWSTR lpName)
{
    return k32_CreateSemaphoreExW(lpSemaphoreAttributes, lInitialCount, lMaximumCount, lpName, 0,
                                  SEMAPHORE_ALL_ACCESS);
}

HANDLE k32_CreateSemaphoreA(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
                            LONG lMaximumCount, LPCSTR lpName)
{
    return k32_CreateSemaphoreExA(lpSemaphoreAttributes, lInitialCount, lMaximumCount, lpName, 0,
                                  SEMAPHORE_ALL_ACCESS);
}

HANDLE k32_OpenSemaphoreW(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCWSTR lpName)
{
    return object_open(lpName, OBJECT_SEMAPHORE, dwDesiredAccess, bInheritHandle);
}

HANDLE k32_OpenSemaphoreA(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCSTR lpName)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_OpenSemaphoreW(dwDesiredAccess, bInheritHandle, name);
}

NTSTATUS semaphore_release(HANDLE handle, LONG amount, LONG *ret_previous)
{
    struct object *object;
    LONG previous = 0;
    if (amount <= 0)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = handle_lookup(handle, OBJECT_SEMAPHORE, SEMAPHORE_MODIFY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return status;
    struct semaphore *semaphore = (struct semaphore *)object;
    dispatcher_lock();
    if (amount > semaphore->maximum - semaphore->count) {
        status = STATUS_SEMAPHORE_LIMIT_EXCEEDED;
    } else {
        previous = semaphore->count;
        semaphore->count += amount;
        waitable_changed(&semaphore->waitable);
    }
    dispatcher_unlock();
    object_unref(object);
    if (status == STATUS_SUCCESS && ret_previous)
        *ret_previous = previous;
    return status;
}

BOOL k32_ReleaseSemaphore(HANDLE hSemaphore, LONG lReleaseCount, LPLONG lpPreviousCount)
{
    return face_bool(semaphore_release(hSemaphore, lReleaseCount, lpPreviousCount));
}
