/* Events: manual reset stay signalled, automatic ones let one waiter go. */
#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/names.h"
#include "kernel32/process/wait.h"
#include "memoryapi/guarded.h"

struct event {
    struct waitable waitable;
    bool manual; /* constant after init */
    bool set;    /* under the dispatcher lock */
};

static void destroy(struct object *object)
{
    object_forget_name(object);
    free(object);
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return ((struct event *)waitable)->set;
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    struct event *event = (struct event *)waitable;
    event->set = event->manual;
    return false;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | EVENT_QUERY_STATE,
    .write = READ_CONTROL | EVENT_MODIFY_STATE,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = EVENT_ALL_ACCESS,
};
static bool set_event(struct object *object)
{
    struct event *event = (struct event *)object;
    dispatcher_lock();
    event->set = true;
    waitable_changed(&event->waitable);
    dispatcher_unlock();
    return true;
}

static const struct object_ops ops = {.type = OBJECT_EVENT,
                                      .name = "event",
                                      .destroy = destroy,
                                      .signal = set_event,
                                      .rights = &rights};
static const struct waitable_ops wait_ops = {signalled, consume, NULL};

static struct object *event_create(bool manual, bool set)
{
    struct event *event = malloc(sizeof *event);
    if (!event)
        return NULL;
    waitable_init(&event->waitable, &ops, &wait_ops);
    event->manual = manual;
    event->set = set;
    return &event->waitable.object;
}

HANDLE k32_CreateEventW(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
                        BOOL bInitialState, LPCWSTR lpName)
{
    return object_publish(event_create(bManualReset, bInitialState), lpName, EVENT_ALL_ACCESS,
                          lpEventAttributes);
}

HANDLE k32_CreateEventA(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
                        BOOL bInitialState, LPCSTR lpName)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_CreateEventW(lpEventAttributes, bManualReset, bInitialState, name);
}

HANDLE k32_CreateEventExW(LPSECURITY_ATTRIBUTES lpEventAttributes, LPCWSTR lpName, DWORD dwFlags,
                          DWORD dwDesiredAccess)
{
    if (dwFlags & ~(CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET)) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    return object_publish(
        event_create(dwFlags & CREATE_EVENT_MANUAL_RESET, dwFlags & CREATE_EVENT_INITIAL_SET),
        lpName, dwDesiredAccess, lpEventAttributes);
}

HANDLE k32_CreateEventExA(LPSECURITY_ATTRIBUTES lpEventAttributes, LPCSTR lpName, DWORD dwFlags,
                          DWORD dwDesiredAccess)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_CreateEventExW(lpEventAttributes, name, dwFlags, dwDesiredAccess);
}

HANDLE k32_OpenEventW(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCWSTR lpName)
{
    return object_open(lpName, OBJECT_EVENT, dwDesiredAccess, bInheritHandle);
}

HANDLE k32_OpenEventA(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCSTR lpName)
{
    WCHAR buffer[NAME_LENGTH];
    const WCHAR *name;
    if (!name_widen(lpName, buffer, &name))
        return NULL;
    return k32_OpenEventW(dwDesiredAccess, bInheritHandle, name);
}

enum change { CHANGE_SET, CHANGE_RESET, CHANGE_PULSE };

static NTSTATUS event_change(HANDLE handle, enum change change, bool *ret_was_set)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_EVENT, EVENT_MODIFY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return status;
    struct event *event = (struct event *)object;
    dispatcher_lock();
    *ret_was_set = event->set;
    event->set = change != CHANGE_RESET;
    if (event->set)
        waitable_changed(&event->waitable);
    if (change == CHANGE_PULSE)
        event->set = false;
    dispatcher_unlock();
    object_unref(object);
    return STATUS_SUCCESS;
}

BOOL k32_SetEvent(HANDLE hEvent)
{
    bool was;
    return face_bool(event_change(hEvent, CHANGE_SET, &was));
}

BOOL k32_ResetEvent(HANDLE hEvent)
{
    bool was;
    return face_bool(event_change(hEvent, CHANGE_RESET, &was));
}

BOOL k32_PulseEvent(HANDLE hEvent)
{
    bool was;
    return face_bool(event_change(hEvent, CHANGE_PULSE, &was));
}

static NTSTATUS change_and_tell(HANDLE handle, enum change change, PLONG ret_previous)
{
    bool was;
    NTSTATUS status = event_change(handle, change, &was);
    LONG previous = was;
    if (status == STATUS_SUCCESS && ret_previous &&
        !guarded_write(ret_previous, &previous, sizeof previous))
        return STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_NtSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    return change_and_tell(EventHandle, CHANGE_SET, PreviousState);
}

NTSTATUS nt_NtResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    return change_and_tell(EventHandle, CHANGE_RESET, PreviousState);
}

#define NOTIFICATION_EVENT    0u
#define SYNCHRONIZATION_EVENT 1u

NTSTATUS nt_NtCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                          POBJECT_ATTRIBUTES ObjectAttributes, DWORD EventType,
                          BOOLEAN InitialState)
{
    HANDLE handle;
    if (EventType != NOTIFICATION_EVENT && EventType != SYNCHRONIZATION_EVENT)
        return STATUS_INVALID_PARAMETER;
    OBJECT_ATTRIBUTES attributes = {0};
    if (ObjectAttributes && !guarded_read(ObjectAttributes, &attributes, sizeof attributes))
        return STATUS_ACCESS_VIOLATION;
    if (attributes.ObjectName)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    struct object *event = event_create(EventType == NOTIFICATION_EVENT, InitialState);
    if (!event)
        return STATUS_NO_MEMORY;
    NTSTATUS status =
        handle_create(event, DesiredAccess, attributes.Attributes & OBJ_INHERIT, &handle);
    object_unref(event);
    if (status == STATUS_SUCCESS && !guarded_write(EventHandle, &handle, sizeof handle)) {
        handle_close(handle);
        return STATUS_ACCESS_VIOLATION;
    }
    return status;
}
