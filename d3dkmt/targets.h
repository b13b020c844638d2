/*
 * The allocations that a call is about: handles of allocations, or of resources, which stand for all
 * of theirs. Copied from the caller, then found under kmt_lock.
 */
#pragma once

#include "d3dkmt/kmt.h"

#define TARGETS_ROOM 64u

struct targets {
    /* the caller's handles */
    uint32_t handle_count;
    bool resources; /* they are of resources */
    D3DKMT_HANDLE *handles;
    /* found, in the order of the handles */
    uint32_t count;
    struct kmt_allocation **list;
    uint32_t *owner; /* of resources: which handle each came from; NULL: one for one */
    D3DKMT_HANDLE handle_room[TARGETS_ROOM];
    struct kmt_allocation *room[TARGETS_ROOM];
};

/* Copies `count` handles from one of two lists; the other has to be NULL. Nothing may be locked. */
NTSTATUS targets_copy(struct targets *targets, const D3DKMT_HANDLE *resources,
                      const D3DKMT_HANDLE *allocations, uint32_t count);
/*
 * A resource, or a list of allocations: the form of calls with hResource, phAllocationList and
 * AllocationCount. A resource forbids the others.
 */
NTSTATUS targets_copy_resource(struct targets *targets, D3DKMT_HANDLE resource,
                               const D3DKMT_HANDLE *allocations, uint32_t count);
/* pre: kmt_lock. STATUS_INVALID_PARAMETER: one is not of the device. STATUS_NO_MEMORY. */
NTSTATUS targets_find(struct targets *targets, const struct kmt_device *device);
/* The same of a device by its handle, lost or not. */
NTSTATUS targets_find_of(struct targets *targets, D3DKMT_HANDLE device,
                         struct kmt_device **ret_device);
/* And of one that has to work: as kmt_use_device. */
NTSTATUS targets_find_usable(struct targets *targets, D3DKMT_HANDLE device,
                             struct kmt_device **ret_device);
/*
 * The answers, one for each handle, that took the place of the handles go to the caller. Nothing may
 * be locked. STATUS_ACCESS_VIOLATION.
 */
NTSTATUS targets_answer(const struct targets *targets, void *at);
/* Their openings, malloc'd: what the engine works on. NULL: there is no memory. */
uint32_t *targets_openings(const struct targets *targets);
void targets_free(struct targets *targets);

/* The handle that target `i` came from. */
static inline uint32_t targets_owner(const struct targets *targets, uint32_t i)
{
    return targets->owner ? targets->owner[i] : i;
}
