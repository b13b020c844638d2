/* Nodes, what runs on them, and what a hang or a reset ends. */
#include "d3dkmt/engine.h"

#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/context.h"
#include "d3dkmt/state.h"
#include "d3dkmt/sync.h"

struct node {
    struct kmt_context *context; /* whose work runs; NULL: none */
    uint64_t since;
};

struct engine {
    const struct vidmm *mm; /* NULL: never used */
    struct kmt_link contexts;
    struct node nodes[KMT_NODES];
    uint32_t running, resets; /* of the adapter, as seen last */
    bool hanging;             /* it is a device of ours that is to blame */
};

#define HANGS_MOST   6u             /* one more within HANGS_WITHIN, and the adapter stops */
#define HANGS_WITHIN 60000000000ull /* virtual nanoseconds: TdrLimitTime */

/* under kmt_lock */
static struct engine engines[VID_ADAPTERS];
static bool stirred, settling;

static struct engine *engine_of(const struct vidmm *mm)
{
    struct engine *engine = &engines[vidmm_index(mm)];
    if (!engine->mm) {
        engine->mm = mm;
        if (!engine->contexts.next)
            link_init(&engine->contexts);
    }
    return engine;
}

bool engine_is_ready(const struct vidmm *mm)
{
    return clock_reserve(mm, 0);
}

void engine_add(struct kmt_context *context)
{
    link_add(&engine_of(context->mm)->contexts, &context->in_engine);
}

static void idle(struct node *node, uint64_t until)
{
    const struct vidmm *mm = node->context->mm;
    uint32_t number = node->context->made.node;
    uint64_t ran = until - node->since;
    __atomic_add_fetch(&mm->adapter->ran[number], ran, __ATOMIC_RELAXED);
    __atomic_add_fetch(&mm->adapter->usage[mm->process].ran[number], ran, __ATOMIC_RELAXED);
    node->context->running = false;
    node->context = NULL;
}

void engine_stop(struct kmt_context *context)
{
    struct node *node = &engine_of(context->mm)->nodes[context->made.node];
    clock_forget(context->mm, node);
    idle(node, clock_here(context->mm));
}

void engine_stir(void)
{
    stirred = true;
}

/* The work of a node is finished. */
static void finish(void *subject, uint64_t value)
{
    struct node *node = subject;
    struct kmt_context *context = node->context;
    idle(node, clock_here(context->mm));
    context_finish_step(context, &context->first, true);
    stirred = true;
}

static uint32_t recent_hangs(const struct vidmm *mm)
{
    uint64_t within = mm->adapter->timeouts_within ? mm->adapter->timeouts_within : HANGS_WITHIN;
    uint64_t now = clock_here(mm), count = 0, newest = mm->adapter->events;
    for (uint64_t i = 0; i < newest && i < VID_EVENTS; i++) {
        const struct vid_event *event = &mm->events[(newest - 1 - i) % VID_EVENTS];
        if (event->time + within < now)
            break;
        count += event->kind == VID_EVENT_HANG;
    }
    return (uint32_t)count;
}

/* The adapter is reset for what `process` had it do; VID_PROCESSES: for nothing. */
static void reset(const struct vidmm *mm, uint32_t process)
{
    vidmm_lock(mm);
    uint64_t most = mm->adapter->timeouts_most ? mm->adapter->timeouts_most : HANGS_MOST;
    bool last = recent_hangs(mm) >= most;
    if (process == VID_PROCESSES) /* a timeout all the same */
        vidmm_event(mm, VID_EVENT_HANG, VID_NONE, mm->process, 0, VID_NOWHERE);
    vidmm_reset_adapter(mm, (uint16_t)process);
    if (last)
        vidmm_stop_adapter(mm);
    vidmm_unlock(mm);
}

static void hang(void *subject, uint64_t value)
{
    struct node *node = subject;
    struct kmt_context *context = node->context;
    const struct vidmm *mm = context->mm;
    struct engine *engine = engine_of(mm);
    reset(mm, mm->process);
    if (!context->device)
        context_drop(context);
    else if (__atomic_load_n(&mm->adapter->running, __ATOMIC_RELAXED) == VID_RUNNING)
        device_end(context->device, D3DKMT_DEVICEEXECUTION_HUNG);
    engine->hanging = true;
    engine_notice(mm);
    engine->hanging = false;
    stirred = true;
}

void engine_reset(const struct vidmm *mm)
{
    reset(mm, VID_PROCESSES);
    engine_notice(mm);
    stirred = true;
}

/* A device of ours that has work for the node; NULL: none. */
static struct kmt_device *device_on(const struct engine *engine, uint32_t node)
{
    link_each(at, &engine->contexts)
    {
        const struct kmt_context *context = container_of(at, struct kmt_context, in_engine);
        if (context->made.node == node && context->first && context->device &&
            !context->device->ended)
            return context->device;
    }
    return NULL;
}

void engine_reset_node(const struct vidmm *mm, uint32_t node)
{
    struct kmt_device *device;
    vidmm_lock(mm);
    mm->adapter->node_timeouts++;
    vidmm_event(mm, VID_EVENT_HANG, VID_NONE, mm->process, 0, 0);
    vidmm_unlock(mm);
    while ((device = device_on(engine_of(mm), node)))
        device_end(device, D3DKMT_DEVICEEXECUTION_HUNG);
    stirred = true;
}

/* The wait at the beginning of the stream is not over; when it is, it has taken what it waited for. */
static bool is_blocked(const struct kmt_context *context)
{
    const struct context_step *step = context->first;
    return context->device && !sync_is_over(step->targets, step->count, false, true);
}

/* Waits and signals at the beginning of the stream. */
static void advance(struct kmt_context *context)
{
    while (context->first && context->first->kind != STEP_WORK) {
        if (context->first->kind == STEP_WAIT && is_blocked(context))
            return;
        context_finish_step(context, &context->first, true);
    }
    if (!context->first && !context->device)
        context_free(context);
}

/* Signals that come when the work before them begins. */
static void signal_early(struct kmt_context *context)
{
    struct context_step **next = &context->first->next;
    while (*next && (*next)->at_submission)
        context_finish_step(context, next, true);
}

/* From the lowest to the highest: idle, -7 to 7, real time. */
static int32_t level(const struct kmt_context *context)
{
    int32_t priority = context->priority;
    if (!(priority & D3DKMT_SETCONTEXTSCHEDULINGPRIORITY_ABSOLUTE) || priority < 0)
        return priority;
    priority &= 31;
    return priority == 0 ? -8 : priority == 1 ? 0 : priority;
}

static bool goes_before(const struct kmt_context *a, const struct kmt_context *b)
{
    if (level(a) != level(b))
        return level(a) > level(b);
    if (a->in_process != b->in_process)
        return a->in_process > b->in_process;
    return a->first->order < b->first->order;
}

static bool is_patient(const struct kmt_context *context)
{
    return context->made.flags & D3DDDI_CREATECONTEXTFLAGS_DisableGpuTimeout ||
           (context->device && context->device->flags & D3DKMT_CREATEDEVICEFLAGS_DisableGpuTimeout);
}

static void start(struct engine *engine, unsigned number)
{
    struct node *node = &engine->nodes[number];
    struct kmt_context *best = NULL;
    if (node->context)
        return;
    link_each(at, &engine->contexts)
    {
        struct kmt_context *context = container_of(at, struct kmt_context, in_engine);
        if (context->made.node == number && context->first && context->first->kind == STEP_WORK &&
            (!best || goes_before(context, best)))
            best = context;
    }
    if (!best)
        return;
    uint64_t now = clock_here(engine->mm), duration = best->first->duration;
    bool hangs = duration > ENGINE_TIMEOUT && !best->first->moving && !is_patient(best);
    node->context = best;
    node->since = now;
    best->running = true;
    clock_at(engine->mm, now + (hangs ? ENGINE_TIMEOUT : duration), hangs ? hang : finish, node, 0);
}

static void go_on(struct engine *engine)
{
    for (struct kmt_link *at = engine->contexts.next, *next; at != &engine->contexts; at = next) {
        next = at->next;
        advance(container_of(at, struct kmt_context, in_engine));
    }
    for (unsigned i = 0; i < KMT_NODES; i++) {
        start(engine, i);
        if (engine->nodes[i].context)
            signal_early(engine->nodes[i].context);
    }
}

void engine_settle(void)
{
    if (settling)
        return;
    settling = true;
    while (stirred) {
        stirred = false;
        for (unsigned i = 0; i < VID_ADAPTERS; i++)
            if (engines[i].mm)
                go_on(&engines[i]);
        sync_wait_settle();
    }
    settling = false;
}

static bool tell_device(struct kmt_object *object, void *about)
{
    struct kmt_device *device = container_of(object, struct kmt_device, object);
    const struct engine *engine = about;
    const struct vid_adapter *adapter = engine->mm->adapter;
    uint32_t hung = __atomic_load_n(&adapter->hung_process, __ATOMIC_RELAXED);
    bool ours = !engine->hanging && hung == engine->mm->process;
    if (device->mm->adapter != adapter)
        return true;
    if (engine->running != VID_RUNNING)
        device_end(device, D3DKMT_DEVICEEXECUTION_STOPPED);
    else if (device->resets != engine->resets)
        device_end(device, ours ? D3DKMT_DEVICEEXECUTION_HUNG : D3DKMT_DEVICEEXECUTION_RESET);
    return true;
}

void engine_notice(const struct vidmm *mm)
{
    struct engine *engine = engine_of(mm);
    const struct vid_adapter *adapter = mm->adapter;
    uint32_t running = __atomic_load_n(&adapter->running, __ATOMIC_ACQUIRE);
    uint32_t resets = __atomic_load_n(&adapter->resets, __ATOMIC_ACQUIRE);
    if (running == engine->running && resets == engine->resets)
        return;
    engine->running = running;
    engine->resets = resets;
    kmt_for_each(KMT_DEVICE, tell_device, engine);
}

void engine_notice_all(void)
{
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        if (engines[i].mm)
            engine_notice(engines[i].mm);
}

bool engine_waits_for_others(void)
{
    for (unsigned i = 0; i < VID_ADAPTERS; i++) {
        if (!engines[i].mm)
            continue;
        link_each(at, &engines[i].contexts)
        {
            const struct kmt_context *context = container_of(at, struct kmt_context, in_engine);
            const struct context_step *step = context->first;
            for (uint32_t j = 0; step && step->kind == STEP_WAIT && j < step->count; j++)
                if (step->targets[j].core->record)
                    return true;
        }
    }
    return false;
}

uint64_t engine_running_now(const struct vidmm *mm, uint32_t node)
{
    const struct node *at = &engine_of(mm)->nodes[node];
    return at->context ? clock_here(mm) - at->since : 0;
}

static void forget(void)
{
    clock_leave();
    ticker_rest();
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        engines[i].mm = NULL;
    stirred = false;
}

void engine_begin_child(void)
{
    forget();
    memset(engines, 0, sizeof engines); /* what runs and what may run is the parent's */
    settling = false;
    ticker_begin_child();
}

void engine_leave(void)
{
    kmt_lock();
    forget();
    kmt_unlock();
}
