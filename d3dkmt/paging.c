/* Paging queues on the virtual clock. */
#include "d3dkmt/paging.h"

#include <stdlib.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"

NTSTATUS paging_create(struct kmt_device *device, int32_t priority,
                       struct kmt_paging_queue **ret_queue)
{
    const struct sync_wish wish = {.type = D3DDDI_MONITORED_FENCE,
                                   .flags = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal};
    struct kmt_paging_queue *queue = calloc(1, sizeof *queue);
    NTSTATUS status = queue ? sync_create(device, &wish, &queue->fence) : STATUS_NO_MEMORY;
    if (status != STATUS_SUCCESS) {
        free(queue);
        return status;
    }
    if (!kmt_handle_create(&queue->object, KMT_PAGING_QUEUE)) {
        sync_destroy(queue->fence);
        free(queue);
        return STATUS_NO_MEMORY;
    }
    queue->fence->queue = true;
    queue->device = device;
    queue->priority = priority;
    link_add(&device->paging_queues, &queue->link);
    *ret_queue = queue;
    return STATUS_SUCCESS;
}

void paging_destroy(struct kmt_paging_queue *queue)
{
    if (!queue->device->ended)
        clock_reach(queue->device->mm, queue->ready);
    kmt_handle_destroy(&queue->object);
    link_remove(&queue->link);
    sync_destroy(queue->fence);
    free(queue);
}

static void finish(void *subject, uint64_t value)
{
    sync_signal(subject, value, false);
    sync_unref(subject);
}

/* When the queue can begin something. */
static uint64_t next_start(const struct kmt_paging_queue *queue)
{
    uint64_t start = clock_here(queue->device->mm);
    link_each(at, &queue->device->paging_queues)
    {
        const struct kmt_paging_queue *other = container_of(at, struct kmt_paging_queue, link);
        if ((other == queue || other->priority > queue->priority) && other->ready > start)
            start = other->ready;
    }
    return start;
}

void paging_begin(const struct kmt_paging_queue *queue, struct vid_paging *ret_moved)
{
    *ret_moved = (struct vid_paging){.start = next_start(queue), .timed = true};
}

void paging_begin_now(const struct vidmm *mm, struct vid_paging *ret_moved)
{
    *ret_moved = (struct vid_paging){.start = clock_now(mm), .timed = true};
}

uint64_t paging_cost(const struct vidmm *mm, const struct vid_paging *moved)
{
    uint64_t time = vidmm_moving_time(mm, moved), now = clock_now(mm);
    return moved->until > now + time ? moved->until - now : time;
}

NTSTATUS paging_enqueue(struct kmt_paging_queue *queue, const struct vid_paging *moved,
                        uint64_t *ret_fence_value)
{
    const struct vidmm *mm = queue->device->mm;
    struct sync_core *fence = queue->fence->core;
    uint64_t time = vidmm_moving_time(mm, moved), end = time ? next_start(queue) + time : 0;
    if (moved->until > end)
        end = moved->until;
    if (time || (end > queue->ready && end > clock_now(mm))) {
        queue->last++;
        queue->ready = end > queue->ready ? end : queue->ready;
        if (clock_reserve(mm, 1)) {
            clock_at(mm, queue->ready, finish, sync_ref(fence), queue->last);
        } else {
            clock_reach(mm, queue->ready);
            finish(sync_ref(fence), queue->last);
            engine_settle();
        }
    }
    *ret_fence_value = queue->last;
    return sync_value(fence) >= queue->last ? STATUS_SUCCESS : STATUS_PENDING;
}

void paging_wait(const struct vidmm *mm, const struct vid_paging *moved)
{
    clock_reach(mm, clock_now(mm) + paging_cost(mm, moved));
}

NTSTATUS paging_find(D3DKMT_HANDLE handle, struct kmt_paging_queue **ret_queue)
{
    struct kmt_paging_queue *queue = kmt_find(handle, KMT_PAGING_QUEUE);
    if (!queue)
        return STATUS_INVALID_PARAMETER;
    *ret_queue = queue;
    return kmt_device_state(queue->device);
}
