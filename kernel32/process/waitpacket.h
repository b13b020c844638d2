/*
 * Wait completion packets: "when this object is signalled, post that to this port". A packet stands
 * in the waiter list of the object like a thread would; a port knows its packets, so that whoever
 * waits for the port also watches the due times of their timers.
 */
#pragma once

#include "kernel32/process/wait.h"

struct completion;
struct port;

enum packet_state { PACKET_IDLE, PACKET_WAITING, PACKET_QUEUED };

struct wait_packet {
    struct object object;
    /* under the dispatcher lock */
    enum packet_state state;
    struct wait_block block;          /* in the target's list while waiting */
    struct port *port;                /* a reference unless idle */
    struct waitable *target;          /* a reference unless idle */
    struct completion *completion;    /* what will be posted; the port's while queued */
    struct wait_packet *next, **link; /* in port->packets while waiting */
};

/* When the target is signalled: takes the signal, leaves the list and is queued, telling nobody.
 * Under the dispatcher lock. */
bool wait_packet_take_locked(struct wait_packet *packet, uint64_t now);
/* The port's last handle is gone. */
void wait_packet_cancel_all(struct port *port);
/* The target changed; true when the packet took its signal and left the list. Under the dispatcher
 * lock. */
bool wait_packet_signal_locked(struct wait_block *block, uint64_t now);
