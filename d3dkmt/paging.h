/*
 * Paging queues: what carries out moves of memory, in order and in virtual time. Its fence takes the
 * values 1, 2, ... as the moves are done. Of the queues of a device those of higher priority go
 * first: a move begins when what its queue and those above have to do is done.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/sync.h"

struct kmt_paging_queue {
    struct kmt_object object;
    struct kmt_device *device;
    struct kmt_link link; /* in the device */
    int32_t priority;     /* D3DDDI_PAGINGQUEUE_PRIORITY_* */
    struct kmt_sync *fence;
    uint64_t ready; /* virtual time at which all that it has is done */
    uint64_t last;  /* value of the newest move */
};

/* Nothing moved yet; what will be comes behind what the queue has to do, or at once. */
void paging_begin(const struct kmt_paging_queue *queue, struct vid_paging *ret_moved);
void paging_begin_now(const struct vidmm *mm, struct vid_paging *ret_moved);
/* Virtual nanoseconds until the moves are done that begin now, and those of others that count. */
uint64_t paging_cost(const struct vidmm *mm, const struct vid_paging *moved);
/* STATUS_NO_MEMORY. */
NTSTATUS paging_create(struct kmt_device *device, int32_t priority,
                       struct kmt_paging_queue **ret_queue);
/* What it has to do is done first, unless its device has ended. */
void paging_destroy(struct kmt_paging_queue *queue);
/*
 * Takes the time for what was moved, and for what others are still moving of it. *ret_fence_value: the fence has it when that is done;
 * STATUS_PENDING until then, STATUS_SUCCESS when it has it already. Does not fail: without memory to
 * remember it by, the time passes at once.
 */
NTSTATUS paging_enqueue(struct kmt_paging_queue *queue, const struct vid_paging *moved,
                        uint64_t *ret_fence_value);
/* The program's call waits for what was moved: the clock goes on by its time. */
void paging_wait(const struct vidmm *mm, const struct vid_paging *moved);
/* STATUS_INVALID_PARAMETER: no queue; else what kmt_device_state says of its device. */
NTSTATUS paging_find(D3DKMT_HANDLE handle, struct kmt_paging_queue **ret_queue);
