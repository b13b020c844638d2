/*
 * Memory resource notifications: objects that are signalled while memory is short, or while there is
 * plenty. The thread of memoryapi/pressure.h keeps their state, as long as there are any.
 */
#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/wait.h"
#include "memoryapi/pressure.h"

/* Of a handle: it can be asked and waited for. */
#define QUERY_STATE 0x0001u
#define ALL_ACCESS  (QUERY_STATE | READ_CONTROL | SYNCHRONIZE)
/* 100 ns: how often a wait looks itself where no thread does, in the child of a fork. */
#define LOOK_PERIOD (100u * TIME_MILLISECOND)

struct notification {
    struct waitable waitable;
    enum memory_level level; /* constant after init: the one that signals */
    /* under the dispatcher lock */
    bool set;
    struct notification *next;
};

static struct notification *notifications; /* under the dispatcher lock */

static void on_level(const struct mm_memory *memory)
{
    dispatcher_lock();
    for (struct notification *at = notifications; at; at = at->next) {
        at->set = at->level == memory->level;
        if (at->set)
            waitable_changed(&at->waitable);
    }
    dispatcher_unlock();
}

static void forget(struct notification *notification)
{
    struct notification **at = &notifications;
    dispatcher_lock();
    while (*at != notification)
        at = &(*at)->next;
    *at = notification->next;
    if (!notifications)
        pressure_unsubscribe(on_level);
    dispatcher_unlock();
}

static void destroy(struct object *object)
{
    forget((struct notification *)object);
    free(object);
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    struct notification *notification = (struct notification *)waitable;
    struct mm_memory memory;
    if (!pressure_is_watched() && pressure_read(&memory))
        notification->set = notification->level == memory.level;
    return notification->set;
}

static uint64_t due(struct waitable *waitable)
{
    return pressure_is_watched() ? UINT64_MAX : time_monotonic() + LOOK_PERIOD;
}

static const struct object_rights rights = {
    .read = READ_CONTROL | QUERY_STATE,
    .write = READ_CONTROL,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = ALL_ACCESS,
};
static const struct object_ops ops = {
    OBJECT_MEMORY_NOTIFICATION, "memory notification", destroy, NULL, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, NULL, due};

static NTSTATUS create(enum memory_level level, struct object **ret_object)
{
    struct mm_memory memory;
    if (!pressure_read(&memory))
        return STATUS_NOT_SUPPORTED;
    struct notification *notification = malloc(sizeof *notification);
    if (!notification)
        return STATUS_NO_MEMORY;
    waitable_init(&notification->waitable, &ops, &wait_ops);
    notification->level = level;
    notification->set = level == memory.level;
    dispatcher_lock();
    notification->next = notifications;
    notifications = notification;
    dispatcher_unlock();
    NTSTATUS status = pressure_subscribe(on_level);
    if (status != STATUS_SUCCESS) {
        object_unref(&notification->waitable.object);
        return status;
    }
    /* the level may have changed since it was read above, before the thread knew of this one */
    pressure_look_again();
    *ret_object = &notification->waitable.object;
    return STATUS_SUCCESS;
}

HANDLE k32_CreateMemoryResourceNotification(MEMORY_RESOURCE_NOTIFICATION_TYPE NotificationType)
{
    struct object *object;
    HANDLE handle = NULL;
    if (NotificationType != LowMemoryResourceNotification &&
        NotificationType != HighMemoryResourceNotification)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    NTSTATUS status = create(
        NotificationType == LowMemoryResourceNotification ? MEMORY_LOW : MEMORY_HIGH, &object);
    if (status == STATUS_SUCCESS) {
        status = handle_create(object, ALL_ACCESS, false, &handle);
        object_unref(object);
    }
    return face_pointer(status, handle);
}

/* Looks for itself: the answer is of now, not of the thread's last look. */
BOOL k32_QueryMemoryResourceNotification(HANDLE ResourceNotificationHandle, PBOOL ResourceState)
{
    struct object *object;
    struct mm_memory memory;
    NTSTATUS status =
        handle_lookup(ResourceNotificationHandle, OBJECT_MEMORY_NOTIFICATION, QUERY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    enum memory_level level = ((struct notification *)object)->level;
    object_unref(object);
    if (!ResourceState)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!pressure_read(&memory))
        return face_bool(STATUS_NOT_SUPPORTED);
    BOOL state = level == memory.level;
    return face_bool(face_give(ResourceState, &state, sizeof state) ? STATUS_SUCCESS
                                                                    : STATUS_ACCESS_VIOLATION);
}
