/* Waits of the CPU for fences: those that block, and those that set an event. */
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/sync.h"
#include "memoryapi/futex.h"

#define POLL_MS 1u /* without futex_waitv (Linux 5.16) */

/* A wait that sets an event. */
struct later {
    struct kmt_link link;
    struct object *event;
    D3DKMT_HANDLE device;
    uint32_t count;
    bool any;
    struct later_target {
        D3DKMT_HANDLE handle;
        struct sync_target target;
    } targets[];
};

/* under kmt_lock */
static struct kmt_link laters = {&laters, &laters};
static bool waitv_is_missing;

static uint32_t changes;  /* atomic: counts signals and destructions while somebody sleeps */
static uint32_t sleepers; /* under kmt_lock */

void sync_wake(const struct sync_core *core)
{
    if (sleepers) {
        __atomic_add_fetch(&changes, 1, __ATOMIC_RELEASE);
        futex_wake(&changes, INT32_MAX);
    }
    /* other processes sleep on the number itself */
    if (core && core->fence && core->record)
        syscall(SYS_futex, core->at, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static struct timespec from_now(uint32_t milliseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += (long)milliseconds * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

/* `at` has the lower half first: this is for little-endian machines. */
static uint32_t fill(struct futex_waitv *waits, const struct sync_target *targets, uint32_t count,
                     uint32_t seen)
{
    uint32_t used = 0;
    waits[used++] = (struct futex_waitv){
        .val = seen, .uaddr = (uintptr_t)&changes, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
    for (uint32_t i = 0; i < count; i++)
        if (targets[i].core->record)
            waits[used++] = (struct futex_waitv){.val = (uint32_t)sync_value(targets[i].core),
                                                 .uaddr = (uintptr_t)targets[i].core->at,
                                                 .flags = FUTEX_32};
    return used;
}

void sync_sleep(const struct sync_target *targets, uint32_t count, uint32_t most_ms)
{
    struct futex_waitv waits[1 + D3DDDI_MAX_OBJECT_WAITED_ON];
    uint32_t seen = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
    uint32_t used = fill(waits, targets, count, seen);
    bool poll = used > 1 && waitv_is_missing;
    struct timespec until = from_now(poll ? POLL_MS : most_ms);
    sleepers++;
    kmt_unlock();
    uint32_t depth = gate_open();
    if (used == 1 || poll)
        futex_wait_until(&changes, seen, &until);
    else if (syscall(SYS_futex_waitv, waits, used, 0, &until, CLOCK_MONOTONIC) < 0 &&
             errno == ENOSYS)
        poll = true;
    gate_close(depth);
    kmt_lock();
    waitv_is_missing |= poll;
    sleepers--;
}

/* The objects of a request. STATUS_INVALID_PARAMETER, STATUS_ACCESS_DENIED. */
static NTSTATUS find_targets(const struct sync_wait_request *request, struct sync_target *targets)
{
    for (uint32_t i = 0; i < request->count; i++) {
        const struct kmt_sync *sync = kmt_find(request->handles[i], KMT_SYNC);
        if (!sync || sync->core->type != D3DDDI_MONITORED_FENCE)
            return STATUS_INVALID_PARAMETER;
        if (sync->flags & D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait)
            return STATUS_ACCESS_DENIED;
        targets[i] = (struct sync_target){sync->core, request->values[i]};
    }
    return STATUS_SUCCESS;
}

/*
 * Whether it is over, with the status it is over with. A wait that a reset ends, because fences get
 * their largest value by it, is a success; one that cannot end any more is not.
 */
static bool look(const struct sync_wait_request *request, struct sync_target *targets, bool first,
                 NTSTATUS *ret_status)
{
    struct kmt_device *device = kmt_find(request->device, KMT_DEVICE);
    NTSTATUS status = device ? find_targets(request, targets) : STATUS_INVALID_PARAMETER;
    bool over = false;
    if (status == STATUS_SUCCESS) {
        engine_notice(device->mm);
        status = kmt_device_state(device);
        over = sync_is_over(targets, request->count, request->any, false);
        if (over && !first && device->ended != D3DKMT_DEVICEEXECUTION_STOPPED)
            status = STATUS_SUCCESS;
    }
    *ret_status = status;
    return over || status != STATUS_SUCCESS;
}

void sync_let_time_pass(const struct vidmm *mm, const struct sync_target *targets, uint32_t count)
{
    if (!clock_step(mm) && !clock_step_all()) {
        for (uint32_t i = 0; i < count; i++)
            sync_ref(targets[i].core);
        sync_sleep(targets, count, SYNC_LOOK_AGAIN_MS);
        for (uint32_t i = 0; i < count; i++)
            sync_unref(targets[i].core);
        engine_stir();
    }
    engine_settle();
}

NTSTATUS sync_wait(const struct sync_wait_request *request)
{
    struct sync_target targets[D3DDDI_MAX_OBJECT_WAITED_ON];
    NTSTATUS status;
    kmt_lock();
    const struct kmt_device *device = kmt_begin_device(request->device);
    const struct vidmm *mm = device ? device->mm : NULL; /* the device may go while this sleeps */
    for (bool first = true; !look(request, targets, first, &status); first = false)
        sync_let_time_pass(mm, targets, request->count);
    kmt_unlock();
    return status;
}

static void end_later(struct later *later)
{
    later->event->ops->signal(later->event);
    link_remove(&later->link);
    for (uint32_t i = 0; i < later->count; i++)
        sync_unref(later->targets[i].target.core);
    object_unref(later->event);
    free(later);
}

static bool later_is_over(const struct later *later)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < later->count; i++)
        reached += sync_is_over(&later->targets[i].target, 1, false, false);
    return later->any ? reached > 0 : reached == later->count;
}

void sync_wait_settle(void)
{
    for (struct kmt_link *at = laters.next, *next; at != &laters; at = next) {
        struct later *later = container_of(at, struct later, link);
        next = at->next;
        if (later_is_over(later))
            end_later(later);
    }
}

bool sync_wait_is_pending(void)
{
    return !link_is_empty(&laters);
}

void sync_wait_forget(const struct kmt_sync *sync)
{
    for (struct kmt_link *at = laters.next, *next; at != &laters; at = next) {
        struct later *later = container_of(at, struct later, link);
        next = at->next;
        for (uint32_t i = 0; i < later->count; i++)
            if (later->targets[i].handle == sync->object.handle) {
                end_later(later);
                break;
            }
    }
}

/* Without a ticker nobody would bring it about. */
static void drive(const struct later *wanted)
{
    for (;;) {
        bool waits = false;
        link_each(at, &laters) waits |= at == &wanted->link;
        if (!waits || !clock_step_all())
            return;
        engine_settle();
    }
}

NTSTATUS sync_wait_later(const struct sync_wait_request *request, struct object *event)
{
    struct sync_target targets[D3DDDI_MAX_OBJECT_WAITED_ON];
    NTSTATUS status;
    bool over = look(request, targets, true, &status);
    if (status != STATUS_SUCCESS)
        return status;
    struct later *later = malloc(sizeof *later + request->count * sizeof later->targets[0]);
    if (!later)
        return STATUS_NO_MEMORY;
    *later = (struct later){.event = object_ref(event),
                            .device = request->device,
                            .count = request->count,
                            .any = request->any};
    for (uint32_t i = 0; i < request->count; i++) {
        later->targets[i].handle = request->handles[i];
        later->targets[i].target = targets[i];
        sync_ref(targets[i].core);
    }
    link_add(&laters, &later->link);
    if (over)
        end_later(later);
    else if (ticker_is_on())
        ticker_wake();
    else
        drive(later);
    return STATUS_SUCCESS;
}

void sync_wait_begin_child(void)
{
    link_init(&laters);
    sleepers = 0;
}
