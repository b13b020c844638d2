/* Mutexes: owned by a thread, entered again by it, abandoned when it ends. */
#include "kernel32/process/mutex.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/names.h"

static void unlink_locked(struct mutex *mutex)
{
    *mutex->link = mutex->next;
    if (mutex->next)
        mutex->next->link = mutex->link;
    mutex->owner = NULL;
}

static void own_locked(struct mutex *mutex, struct wait_state *who)
{
    mutex->owner = who;
    mutex->next = who->mutexes;
    mutex->link = &who->mutexes;
    if (mutex->next)
        mutex->next->link = &mutex->next;
    who->mutexes = mutex;
}

static void destroy(struct object *object)
{
    struct mutex *mutex = (struct mutex *)object;
    object_forget_name(object);
    dispatcher_lock();
    if (mutex->owner)
        unlink_locked(mutex);
    dispatcher_unlock();
    free(mutex);
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    struct mutex *mutex = (struct mutex *)waitable;
    return !mutex->owner || mutex->owner == who;
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    struct mutex *mutex = (struct mutex *)waitable;
    bool abandoned = mutex->abandoned;
    if (!mutex->owner)
        own_locked(mutex, who);
    mutex->recursion++;
    mutex->abandoned = false;
    return abandoned;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | MUTEX_MODIFY_STATE,
    .write = READ_CONTROL,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = MUTEX_ALL_ACCESS,
};
static const struct object_ops ops = {OBJECT_MUTEX, "mutex", destroy, NULL, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, consume, NULL};

void mutex_abandon_all_locked(struct wait_state *state)
{
    struct mutex *mutex;
    while ((mutex = state->mutexes) != NULL) {
        unlink_locked(mutex);
        mutex->recursion = 0;
        mutex->abandoned = true;
        waitable_changed(&mutex->waitable);
    }
}

HANDLE k32_CreateMutexExW(LPSECURITY_ATTRIBUTES lpMutexAttributes, LPCWSTR lpName, DWORD dwFlags,
                          DWORD dwDesiredAccess)
{
    if (dwFlags & ~CREATE_MUTEX_INITIAL_OWNER) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    struct mutex *mutex = calloc(1, sizeof *mutex);
    if (mutex) {
        waitable_init(&mutex->waitable, &ops, &wait_ops);
        if (dwFlags & CREATE_MUTEX_INITIAL_OWNER) {
            dispatcher_lock();
            consume(&mutex->waitable, wait_self());
            dispatcher_unlock();
        }
    }
    return object_publish((struct object *)mutex, lpName, dwDesiredAccess, lpMutexAttributes);
}

HANDLE k32_CreateMutexExA(LPSECURITY_ATTRIBUTES lpMutexAttributes, LPCSTR lpName, DWORD dwFlags,
                          DWORD dwDesiredAccess)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_CreateMutexExW(lpMutexAttributes, name, dwFlags, dwDesiredAccess);
}

HANDLE k32_CreateMutexW(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner, LPCWSTR lpName)
{
    return k32_CreateMutexExW(lpMutexAttributes, lpName,
                              bInitialOwner ? CREATE_MUTEX_INITIAL_OWNER : 0, MUTEX_ALL_ACCESS);
}

HANDLE k32_CreateMutexA(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner, LPCSTR lpName)
{
    return k32_CreateMutexExA(lpMutexAttributes, lpName,
                              bInitialOwner ? CREATE_MUTEX_INITIAL_OWNER : 0, MUTEX_ALL_ACCESS);
}

HANDLE k32_OpenMutexW(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCWSTR lpName)
{
    return object_open(lpName, OBJECT_MUTEX, dwDesiredAccess, bInheritHandle);
}

HANDLE k32_OpenMutexA(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCSTR lpName)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_OpenMutexW(dwDesiredAccess, bInheritHandle, name);
}

NTSTATUS mutex_release(struct object *object)
{
    struct mutex *mutex = (struct mutex *)object;
    NTSTATUS status = STATUS_SUCCESS;
    struct wait_state *self = wait_self();
    dispatcher_lock();
    if (mutex->owner != self) {
        status = STATUS_MUTANT_NOT_OWNED;
    } else if (--mutex->recursion == 0) {
        unlink_locked(mutex);
        waitable_changed(&mutex->waitable);
    }
    dispatcher_unlock();
    return status;
}

BOOL k32_ReleaseMutex(HANDLE hMutex)
{
    struct object *object;
    NTSTATUS status = handle_lookup(hMutex, OBJECT_MUTEX, 0, &object);
    if (status == STATUS_SUCCESS) {
        status = mutex_release(object);
        object_unref(object);
    }
    return face_bool(status);
}
