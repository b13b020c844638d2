/* Wait completion packets (NtAssociateWaitCompletionPacket and its two companions). */
#include "kernel32/process/waitpacket.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "kernel32/process/iocp.h"
#include "memoryapi/guarded.h"

static void leave_locked(struct wait_packet *packet)
{
    wait_block_remove(&packet->block);
    *packet->link = packet->next;
    if (packet->next)
        packet->next->link = packet->link;
}

bool wait_packet_take_locked(struct wait_packet *packet, uint64_t now)
{
    struct waitable *target = packet->target;
    if (!target->wait_ops->signalled(target, NULL, now))
        return false;
    if (target->wait_ops->consume)
        target->wait_ops->consume(target, NULL);
    leave_locked(packet);
    packet->state = PACKET_QUEUED;
    object_ref(&packet->object); /* the queued completion's */
    packet->completion->packet = packet;
    port_append_locked(packet->port, packet->completion);
    return true;
}

bool wait_packet_signal_locked(struct wait_block *block, uint64_t now)
{
    struct wait_packet *packet = container_of(block, struct wait_packet, block);
    struct waitable *port = &packet->port->waitable;
    bool taken = wait_packet_take_locked(packet, now);
    if (taken)
        waitable_changed(port);
    else if (packet->target->wait_ops->due)
        waitable_look_again(port); /* its waiters may have to sleep shorter */
    return taken;
}

/* What an association held; dropped without the lock. */
struct held {
    struct object *port, *target;
    struct completion *completion;
};

static struct held let_go_locked(struct wait_packet *packet)
{
    struct held held = {&packet->port->waitable.object, &packet->target->object,
                        packet->completion};
    packet->state = PACKET_IDLE;
    packet->port = NULL;
    packet->target = NULL;
    packet->completion = NULL;
    return held;
}

static void held_drop(struct held held)
{
    if (held.completion)
        completion_free(held.completion);
    object_unref(held.target);
    object_unref(held.port);
}

/* STATUS_SUCCESS, STATUS_PENDING (queued, and not to be taken back), STATUS_CANCELLED (not
 * associated). */
static NTSTATUS cancel(struct wait_packet *packet, bool remove_signalled)
{
    NTSTATUS status = STATUS_SUCCESS;
    struct held held = {0};
    dispatcher_lock();
    if (packet->state == PACKET_IDLE) {
        status = STATUS_CANCELLED;
    } else if (packet->state == PACKET_WAITING) {
        leave_locked(packet);
        held = let_go_locked(packet);
    } else if (!remove_signalled) {
        status = STATUS_PENDING;
    } else {
        port_remove_locked(packet->port, packet->completion);
        held = let_go_locked(packet);
    }
    dispatcher_unlock();
    held_drop(held);
    return status;
}

void wait_packet_cancel_all(struct port *port)
{
    for (;;) {
        struct held held = {0};
        dispatcher_lock();
        struct wait_packet *packet = port->packets;
        if (packet) {
            leave_locked(packet);
            held = let_go_locked(packet);
        }
        dispatcher_unlock();
        if (!packet)
            return;
        held_drop(held);
    }
}

static void destroy(struct object *object)
{
    free(object);
}

/* A packet that waits has no purpose without a handle; one that is queued is still delivered. */
static void closed(struct object *object)
{
    cancel((struct wait_packet *)object, false);
}

static const struct object_ops ops = {
    OBJECT_WAIT_PACKET, "wait completion packet", destroy, closed, NULL, NULL};

NTSTATUS nt_NtCreateWaitCompletionPacket(PHANDLE WaitCompletionPacketHandle,
                                         ACCESS_MASK DesiredAccess,
                                         POBJECT_ATTRIBUTES ObjectAttributes)
{
    HANDLE handle;
    if (ObjectAttributes && ObjectAttributes->ObjectName && ObjectAttributes->ObjectName->Length)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    struct wait_packet *packet = calloc(1, sizeof *packet);
    if (!packet)
        return STATUS_NO_MEMORY;
    object_init(&packet->object, &ops);
    bool inherit = ObjectAttributes && (ObjectAttributes->Attributes & OBJ_INHERIT);
    NTSTATUS status = handle_create(&packet->object, DesiredAccess, inherit, &handle);
    object_unref(&packet->object);
    if (status == STATUS_SUCCESS &&
        !guarded_write(WaitCompletionPacketHandle, &handle, sizeof handle)) {
        handle_close(handle);
        return STATUS_ACCESS_VIOLATION;
    }
    return status;
}

/* Takes over what `held` has when it succeeds. */
static NTSTATUS associate(struct wait_packet *packet, struct held held, bool *ret_signalled)
{
    struct port *port = (struct port *)held.port;
    dispatcher_lock();
    NTSTATUS status = STATUS_SUCCESS;
    if (packet->state != PACKET_IDLE) {
        status = STATUS_INVALID_PARAMETER_1;
    } else if (port->closed) {
        status = STATUS_INVALID_HANDLE;
    } else {
        packet->state = PACKET_WAITING;
        packet->port = port;
        packet->target = (struct waitable *)held.target;
        packet->completion = held.completion;
        packet->block.waiter = NULL;
        wait_block_insert(&packet->block, packet->target);
        packet->next = port->packets;
        packet->link = &port->packets;
        if (packet->next)
            packet->next->link = &packet->next;
        port->packets = packet;
        *ret_signalled = wait_packet_signal_locked(&packet->block, time_monotonic());
    }
    dispatcher_unlock();
    return status;
}

static NTSTATUS lookup_target(HANDLE handle, struct object **ret_target)
{
    struct waitable *target;
    NTSTATUS status = wait_lookup(handle, &target);
    if (status != STATUS_SUCCESS)
        return status;
    if (target->object.ops->type == OBJECT_MUTEX) {
        object_unref(&target->object);
        return STATUS_INVALID_PARAMETER; /* a packet cannot own one */
    }
    *ret_target = &target->object;
    return STATUS_SUCCESS;
}

NTSTATUS nt_NtAssociateWaitCompletionPacket(HANDLE WaitCompletionPacketHandle,
                                            HANDLE IoCompletionHandle, HANDLE TargetObjectHandle,
                                            PVOID KeyContext, PVOID ApcContext, NTSTATUS IoStatus,
                                            ULONG_PTR IoStatusInformation, PBOOLEAN AlreadySignaled)
{
    struct object *packet = NULL;
    struct held held = {0};
    bool signalled = false;
    NTSTATUS status = handle_lookup(WaitCompletionPacketHandle, OBJECT_WAIT_PACKET, 0x1, &packet);
    if (status == STATUS_SUCCESS)
        status = handle_lookup(IoCompletionHandle, OBJECT_COMPLETION_PORT,
                               IO_COMPLETION_MODIFY_STATE, &held.port);
    if (status == STATUS_SUCCESS)
        status = lookup_target(TargetObjectHandle, &held.target);
    if (status == STATUS_SUCCESS && !(held.completion = calloc(1, sizeof *held.completion)))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS) {
        held.completion->key = (ULONG_PTR)KeyContext;
        held.completion->overlapped = ApcContext;
        held.completion->status = IoStatus;
        held.completion->bytes = IoStatusInformation;
        status = associate((struct wait_packet *)packet, held, &signalled);
    }
    if (status != STATUS_SUCCESS)
        held_drop(held);
    object_unref(packet);
    BOOLEAN already = signalled;
    if (status == STATUS_SUCCESS && AlreadySignaled &&
        !guarded_write(AlreadySignaled, &already, sizeof already))
        return STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_NtCancelWaitCompletionPacket(HANDLE WaitCompletionPacketHandle,
                                         BOOLEAN RemoveSignaledPacket)
{
    struct object *packet;
    NTSTATUS status = handle_lookup(WaitCompletionPacketHandle, OBJECT_WAIT_PACKET, 0x1, &packet);
    if (status != STATUS_SUCCESS)
        return status;
    status = cancel((struct wait_packet *)packet, RemoveSignaledPacket);
    object_unref(packet);
    return status;
}
