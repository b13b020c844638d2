/*
 * What the calls have in common that put a wait or a signal into the streams of contexts: the handles
 * they name, found. pre, for all but streamed_event: kmt_lock
 */
#pragma once

#include "d3dkmt/context.h"

struct streamed {
    uint32_t contexts, objects;
    struct kmt_context *context[1 + D3DDDI_MAX_BROADCAST_CONTEXT];
    struct sync_target target[D3DDDI_MAX_OBJECT_SIGNALED];
};

#define SYNC_KIND(type) (1u << (type))
#define SYNC_TAKEN      (SYNC_KIND(D3DDDI_SYNCHRONIZATION_MUTEX) | SYNC_KIND(D3DDDI_SEMAPHORE))
#define SYNC_VALUED     (SYNC_TAKEN | SYNC_KIND(D3DDDI_FENCE))
#define SYNC_NOTICE     SYNC_KIND(D3DDDI_CPU_NOTIFICATION)
#define SYNC_MONITORED  SYNC_KIND(D3DDDI_MONITORED_FENCE)

/* Which objects, with which values. */
struct streamed_rule {
    uint32_t kinds;
    uint32_t denied;        /* flag of the opening that forbids it */
    const uint64_t *values; /* for each object; NULL: `value` for all */
    uint64_t value;
};

/* The context that a call is about, or its first one; the call begins (clock_call). NULL: none. */
struct kmt_context *streamed_begin(D3DKMT_HANDLE context);
/*
 * Adds contexts, of one adapter, that can work. STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED.
 */
NTSTATUS streamed_find_contexts(struct streamed *call, const D3DKMT_HANDLE *handles,
                                uint32_t count);
/* STATUS_INVALID_PARAMETER, STATUS_ACCESS_DENIED. pre: there is room */
NTSTATUS streamed_find_objects(struct streamed *call, const D3DKMT_HANDLE *handles, uint32_t count,
                               const struct streamed_rule *rule);
/* Without a ticker nobody else would let an event come that the program waits for now. */
void streamed_drive(const struct streamed *call);
/* Whether the first object is a monitored fence; the union of a call holds a list then. */
bool streamed_is_monitored(const D3DKMT_HANDLE *handles);

/*
 * A reference to the event. STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED: it was opened without the
 * right to set it.
 */
NTSTATUS streamed_event(HANDLE handle, struct object **ret_event);
