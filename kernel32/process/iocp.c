/* I/O completion ports: a queue of completions, and threads that wait for them. */
#include "kernel32/process/iocp.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/waitpacket.h"

/* What a thread that waits for a port wants, and gets. */
struct completion_request {
    unsigned maximum;
    unsigned count;
    struct completion *taken, *last_taken;
    bool abandoned;
};

NTSTATUS (*completion_port_associate)(struct object *file, struct object *port, ULONG_PTR key);

/*
 * Moves the packets whose timers are due into the queue: a timer tells nobody by itself. Nobody is
 * woken for them: who waits for the port wakes up at the same due time.
 */
static void harvest_locked(struct port *port, uint64_t now)
{
    struct wait_packet *packet = port->packets;
    while (packet) {
        struct wait_packet *next = packet->next;
        if (packet->target->wait_ops->due)
            wait_packet_take_locked(packet, now);
        packet = next;
    }
}

static void take_one_locked(struct port *port, struct completion_request *request)
{
    struct completion *completion = port->first;
    port->first = completion->next;
    if (!port->first)
        port->last = NULL;
    completion->next = NULL;
    if (request->last_taken)
        request->last_taken->next = completion;
    else
        request->taken = completion;
    request->last_taken = completion;
    request->count++;
    struct wait_packet *packet = completion->packet;
    if (packet) {
        packet->state = PACKET_IDLE;
        completion->release[0] = &packet->port->waitable.object;
        completion->release[1] = &packet->target->object;
        packet->port = NULL;
        packet->target = NULL;
        packet->completion = NULL;
    }
}

static bool consume(struct waitable *waitable, struct wait_state *who)
{
    struct port *port = (struct port *)waitable;
    struct completion_request *request = who ? who->request : NULL;
    if (!request)
        return false;
    while (port->first && request->count < request->maximum)
        take_one_locked(port, request);
    request->abandoned = request->count == 0;
    return false;
}

static uint64_t due(struct waitable *waitable)
{
    uint64_t next = TIME_NEVER;
    for (struct wait_packet *packet = ((struct port *)waitable)->packets; packet;
         packet = packet->next) {
        uint64_t when = packet->target->wait_ops->due
                            ? packet->target->wait_ops->due(packet->target)
                            : TIME_NEVER;
        if (when < next)
            next = when;
    }
    return next;
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    struct port *port = (struct port *)waitable;
    if (port->packets)
        harvest_locked(port, now);
    return port->first || port->closed;
}

static void destroy(struct object *object)
{
    struct port *port = (struct port *)object;
    while (port->first) {
        struct completion *completion = port->first;
        port->first = completion->next;
        completion_free(completion);
    }
    free(port);
}

/* What is queued goes now: a packet in the queue and its port refer to each other. */
static void closed(struct object *object)
{
    struct port *port = (struct port *)object;
    struct completion_request request = {.maximum = UINT32_MAX};
    dispatcher_lock();
    port->closed = true;
    while (port->first)
        take_one_locked(port, &request);
    waitable_changed(&port->waitable);
    dispatcher_unlock();
    wait_packet_cancel_all(port);
    while (request.taken) {
        struct completion *next = request.taken->next;
        completion_free(request.taken);
        request.taken = next;
    }
}

static const struct object_rights rights = {
    .read = READ_CONTROL | IO_COMPLETION_QUERY_STATE,
    .write = READ_CONTROL | IO_COMPLETION_MODIFY_STATE,
    .execute = READ_CONTROL | SYNCHRONIZE,
    .all = IO_COMPLETION_ALL_ACCESS,
};
static const struct object_ops ops = {
    OBJECT_COMPLETION_PORT, "completion port", destroy, closed, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, consume, due};

void completion_free(struct completion *completion)
{
    if (completion->packet)
        object_unref(&completion->packet->object);
    object_unref(completion->release[0]);
    object_unref(completion->release[1]);
    free(completion);
}

void port_append_locked(struct port *port, struct completion *completion)
{
    completion->next = NULL;
    if (port->last)
        port->last->next = completion;
    else
        port->first = completion;
    port->last = completion;
}

void port_remove_locked(struct port *port, struct completion *completion)
{
    struct completion **link = &port->first, *previous = NULL;
    while (*link != completion) {
        previous = *link;
        link = &previous->next;
    }
    *link = completion->next;
    if (port->last == completion)
        port->last = previous;
}

NTSTATUS completion_port_post(struct object *object, ULONG_PTR key, PVOID overlapped,
                              NTSTATUS status, ULONG_PTR bytes)
{
    struct completion *completion = calloc(1, sizeof *completion);
    if (!completion)
        return STATUS_NO_MEMORY;
    completion->key = key;
    completion->overlapped = overlapped;
    completion->status = status;
    completion->bytes = bytes;
    struct port *port = (struct port *)object;
    dispatcher_lock();
    bool dropped = port->closed;
    if (!dropped)
        port_append_locked(port, completion);
    waitable_changed(&port->waitable);
    dispatcher_unlock();
    if (dropped)
        free(completion);
    return STATUS_SUCCESS;
}

static HANDLE port_create(void)
{
    HANDLE handle;
    struct port *port = calloc(1, sizeof *port);
    if (!port)
        return face_pointer(STATUS_NO_MEMORY, NULL);
    waitable_init(&port->waitable, &ops, &wait_ops);
    NTSTATUS status =
        handle_create(&port->waitable.object, IO_COMPLETION_ALL_ACCESS, false, &handle);
    object_unref(&port->waitable.object);
    return face_pointer(status, status == STATUS_SUCCESS ? handle : NULL);
}

static NTSTATUS associate(HANDLE file_handle, HANDLE port_handle, ULONG_PTR key)
{
    struct object *file, *port;
    NTSTATUS status =
        handle_lookup(port_handle, OBJECT_COMPLETION_PORT, IO_COMPLETION_MODIFY_STATE, &port);
    if (status != STATUS_SUCCESS)
        return status;
    status = handle_lookup(file_handle, OBJECT_FILE, 0, &file);
    if (status == STATUS_SUCCESS) {
        status = completion_port_associate ? completion_port_associate(file, port, key)
                                           : STATUS_INVALID_PARAMETER;
        object_unref(file);
    }
    object_unref(port);
    return status;
}

HANDLE k32_CreateIoCompletionPort(HANDLE FileHandle, HANDLE ExistingCompletionPort,
                                  ULONG_PTR CompletionKey, DWORD NumberOfConcurrentThreads)
{
    if (FileHandle == (HANDLE)-1)
        return ExistingCompletionPort ? face_pointer(STATUS_INVALID_PARAMETER, NULL)
                                      : port_create();
    HANDLE port = ExistingCompletionPort ? ExistingCompletionPort : port_create();
    if (!port)
        return NULL;
    NTSTATUS status = associate(FileHandle, port, CompletionKey);
    if (status != STATUS_SUCCESS && !ExistingCompletionPort)
        handle_close(port);
    return face_pointer(status, port);
}

BOOL k32_PostQueuedCompletionStatus(HANDLE CompletionPort, DWORD dwNumberOfBytesTransferred,
                                    ULONG_PTR dwCompletionKey, LPOVERLAPPED lpOverlapped)
{
    struct object *port;
    NTSTATUS status =
        handle_lookup(CompletionPort, OBJECT_COMPLETION_PORT, IO_COMPLETION_MODIFY_STATE, &port);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = completion_port_post(port, dwCompletionKey, lpOverlapped, STATUS_SUCCESS,
                                  dwNumberOfBytesTransferred);
    object_unref(port);
    return face_bool(status);
}

/* Fills the request; STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC, STATUS_ABANDONED_WAIT_0 or a
 * failure. */
static NTSTATUS dequeue(HANDLE handle, struct completion_request *request, bool alertable,
                        uint64_t deadline)
{
    struct object *object;
    NTSTATUS status =
        handle_lookup(handle, OBJECT_COMPLETION_PORT, IO_COMPLETION_MODIFY_STATE, &object);
    if (status != STATUS_SUCCESS)
        return status;
    struct waitable *port = (struct waitable *)object;
    struct wait_state *self = wait_self();
    self->request = request;
    status = wait_for(1, &port, false, alertable, deadline);
    self->request = NULL;
    object_unref(object);
    return request->abandoned ? STATUS_ABANDONED_WAIT_0 : status;
}

static DWORD dequeue_error(NTSTATUS status)
{
    switch (status) {
    case STATUS_TIMEOUT:
        return WAIT_TIMEOUT;
    case STATUS_USER_APC:
        return WAIT_IO_COMPLETION;
    default:
        return last_error_from_status(status);
    }
}

BOOL k32_GetQueuedCompletionStatus(HANDLE CompletionPort, LPDWORD lpNumberOfBytesTransferred,
                                   PULONG_PTR lpCompletionKey, LPOVERLAPPED *lpOverlapped,
                                   DWORD dwMilliseconds)
{
    struct completion_request request = {.maximum = 1};
    NTSTATUS status = dequeue(CompletionPort, &request, false, time_deadline(dwMilliseconds));
    if (status != STATUS_SUCCESS) {
        *lpOverlapped = NULL;
        last_error_set(dequeue_error(status));
        return FALSE;
    }
    struct completion taken = *request.taken;
    completion_free(request.taken);
    *lpNumberOfBytesTransferred = (DWORD)taken.bytes;
    *lpCompletionKey = taken.key;
    *lpOverlapped = taken.overlapped;
    return face_bool(taken.status);
}

BOOL k32_GetQueuedCompletionStatusEx(HANDLE CompletionPort,
                                     LPOVERLAPPED_ENTRY lpCompletionPortEntries, ULONG ulCount,
                                     PULONG ulNumEntriesRemoved, DWORD dwMilliseconds,
                                     BOOL fAlertable)
{
    if (ulCount == 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    struct completion_request request = {.maximum = ulCount};
    NTSTATUS status = dequeue(CompletionPort, &request, fAlertable, time_deadline(dwMilliseconds));
    if (status != STATUS_SUCCESS) {
        *ulNumEntriesRemoved = 0;
        last_error_set(dequeue_error(status));
        return FALSE;
    }
    LPOVERLAPPED_ENTRY entry = lpCompletionPortEntries;
    for (struct completion *at = request.taken, *next; at; at = next, entry++) {
        next = at->next;
        *entry = (OVERLAPPED_ENTRY){at->key, at->overlapped, (ULONG_PTR)(uint32_t)at->status,
                                    (DWORD)at->bytes};
        completion_free(at);
    }
    *ulNumEntriesRemoved = request.count;
    return TRUE;
}
