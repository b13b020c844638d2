/* Completion ports, for waitpacket.c. */
#pragma once

#include "kernel32/process/wait.h"

struct wait_packet;

struct completion {
    struct completion *next;
    ULONG_PTR key;
    PVOID overlapped;
    NTSTATUS status;
    ULONG_PTR bytes;
    struct wait_packet
        *packet; /* it came from this packet, to which a reference is held; NULL otherwise */
    struct object *release[2]; /* references to drop when it is taken, without the lock */
};

struct port {
    struct waitable waitable;
    /* under the dispatcher lock */
    struct completion *first, *last;
    struct wait_packet *packets; /* waiting for their objects */
    bool closed;                 /* no handle is left: waits end with ERROR_ABANDONED_WAIT_0 */
};

/* Appends; waitable_changed() is the caller's. Under the dispatcher lock. */
void port_append_locked(struct port *port, struct completion *completion);
/* Takes one that is queued out of the queue. Under the dispatcher lock. */
void port_remove_locked(struct port *port, struct completion *completion);
/* Frees what was taken and drops its references. No lock held. */
void completion_free(struct completion *completion);
