/* Contexts and the steps in their streams. */
#include "d3dkmt/context.h"

#include <stdlib.h>
#include "d3dkmt/engine.h"
#include "memoryapi/mm.h"

static uint64_t orders; /* of work; under kmt_lock */

/* One piece of the program's memory for all three. */
#define BUFFER_BYTES                                                                               \
    (CONTEXT_COMMANDS + CONTEXT_ALLOCATIONS * sizeof(D3DDDI_ALLOCATIONLIST) +                      \
     CONTEXT_PATCHES * sizeof(D3DDDI_PATCHLOCATIONLIST))

static bool make_buffers(struct context_buffers *buffers)
{
    struct mm_request request = {.size = BUFFER_BYTES,
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_READWRITE,
                                 .kind = MM_PRIVATE};
    if (mm_allocate(&request) != STATUS_SUCCESS)
        return false;
    char *memory = (char *)(uintptr_t)request.base;
    buffers->commands = memory;
    memory += CONTEXT_COMMANDS;
    buffers->allocations = (D3DDDI_ALLOCATIONLIST *)memory;
    memory += CONTEXT_ALLOCATIONS * sizeof *buffers->allocations;
    buffers->patches = (D3DDDI_PATCHLOCATIONLIST *)memory;
    return true;
}

static void free_buffers(struct context_buffers *buffers)
{
    uint64_t base = (uintptr_t)buffers->commands, size = 0;
    if (base)
        mm_free(&base, &size, MEM_RELEASE);
    buffers->commands = NULL;
}

NTSTATUS context_create(struct kmt_device *device, const struct context_wish *wish,
                        struct kmt_context **ret_context)
{
    struct kmt_context *context = calloc(1, sizeof *context);
    if (!context)
        return STATUS_NO_MEMORY;
    if (!engine_is_ready(device->mm) || (!wish->is_virtual && !make_buffers(&context->buffers)))
        goto failed;
    if (!kmt_handle_create(&context->object, KMT_CONTEXT))
        goto failed;
    context->device = device;
    context->mm = device->mm;
    context->made = *wish;
    context->last = &context->first;
    link_add(&device->contexts, &context->link);
    engine_add(context);
    *ret_context = context;
    return STATUS_SUCCESS;
failed:
    free_buffers(&context->buffers);
    free(context);
    return STATUS_NO_MEMORY;
}

void context_free(struct kmt_context *context)
{
    link_remove(&context->in_engine);
    free(context);
}

NTSTATUS context_add_paging(struct kmt_context *context)
{
    const struct context_wish wish = {.is_virtual = true};
    return context->paging ? STATUS_SUCCESS
                           : context_create(context->device, &wish, &context->paging);
}

void context_destroy(struct kmt_context *context)
{
    if (context->paging)
        context_destroy(context->paging);
    context->paging = NULL;
    kmt_handle_destroy(&context->object);
    link_remove(&context->link);
    free_buffers(&context->buffers);
    if (context->device->context == context)
        context->device->context = NULL;
    context->device = NULL;
    engine_stir(); /* which frees it when it has finished */
}

void context_drop(struct kmt_context *context)
{
    if (context->paging)
        context_drop(context->paging);
    if (context->running)
        engine_stop(context);
    while (context->first)
        context_finish_step(context, &context->first, false);
}

bool context_is_idle(const struct kmt_context *context)
{
    return !context->first;
}

static void signal_all(const struct step_signal *signal)
{
    for (uint32_t i = 0; i < signal->count; i++)
        sync_signal(signal->targets[i].core, signal->targets[i].value, signal->rewind);
    if (signal->event)
        signal->event->ops->signal(signal->event);
}

static void let_signal_go(struct step_signal *signal)
{
    if (--signal->steps)
        return;
    for (uint32_t i = 0; i < signal->count; i++)
        sync_unref(signal->targets[i].core);
    object_unref(signal->event);
    free(signal);
}

void context_finish_step(struct kmt_context *context, struct context_step **at, bool done)
{
    struct context_step *step = *at;
    *at = step->next;
    if (context->last == &step->next)
        context->last = at;
    for (uint32_t i = 0; i < step->count; i++)
        sync_unref(step->targets[i].core);
    if (step->signal) {
        if (done && --step->signal->missing == 0)
            signal_all(step->signal);
        let_signal_go(step->signal);
    }
    if (step->deed)
        step->deed->happen(step->deed, done);
    free(step);
}

static struct context_step *new_step(enum step_kind kind, uint32_t targets)
{
    struct context_step *step = calloc(1, sizeof *step + targets * sizeof step->targets[0]);
    if (step)
        step->kind = kind;
    return step;
}

static void put(struct kmt_context *context, struct context_step *step)
{
    step->next = NULL;
    *context->last = step;
    context->last = &step->next;
    engine_stir();
}

/* A chain of `count` steps; NULL: there is no memory. */
static struct context_step *new_steps(enum step_kind kind, uint32_t count)
{
    struct context_step *chain = NULL;
    while (count--) {
        struct context_step *step = new_step(kind, 0);
        if (!step) {
            while (chain) {
                struct context_step *next = chain->next;
                free(chain);
                chain = next;
            }
            return NULL;
        }
        step->next = chain;
        chain = step;
    }
    return chain;
}

static NTSTATUS put_work(struct kmt_context *const *contexts, uint32_t count, uint64_t duration,
                         bool moving)
{
    struct context_step *chain = new_steps(STEP_WORK, count);
    if (!chain)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct context_step *step = chain;
        chain = step->next;
        step->duration = duration;
        step->moving = moving;
        step->order = ++orders;
        put(contexts[i], step);
    }
    return STATUS_SUCCESS;
}

NTSTATUS context_put_work(struct kmt_context *const *contexts, uint32_t count, uint64_t duration)
{
    return put_work(contexts, count, duration, false);
}

NTSTATUS context_put_moving(struct kmt_context *context, uint64_t duration)
{
    return put_work(&context, 1, duration, true);
}

NTSTATUS context_put_wait(struct kmt_context *context, const struct sync_target *targets,
                          uint32_t count)
{
    return context_put_deed(context, targets, count, NULL);
}

NTSTATUS context_put_deed(struct kmt_context *context, const struct sync_target *targets,
                          uint32_t count, struct context_deed *deed)
{
    struct context_step *step = new_step(STEP_WAIT, count);
    if (!step)
        return STATUS_NO_MEMORY;
    step->count = count;
    step->deed = deed;
    for (uint32_t i = 0; i < count; i++) {
        step->targets[i] = targets[i];
        sync_ref(targets[i].core);
    }
    put(context, step);
    return STATUS_SUCCESS;
}

NTSTATUS context_put_signal(struct kmt_context *const *contexts, uint32_t count,
                            const struct context_signal *wish)
{
    struct step_signal *signal = malloc(sizeof *signal + wish->count * sizeof signal->targets[0]);
    struct context_step *chain = signal ? new_steps(STEP_SIGNAL, count) : NULL;
    if (!chain) {
        free(signal);
        return STATUS_NO_MEMORY;
    }
    *signal = (struct step_signal){.steps = count,
                                   .missing = count,
                                   .rewind = wish->rewind,
                                   .event = wish->event ? object_ref(wish->event) : NULL,
                                   .count = wish->count};
    for (uint32_t i = 0; i < wish->count; i++) {
        signal->targets[i] = wish->targets[i];
        sync_ref(wish->targets[i].core);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct context_step *step = chain;
        chain = step->next;
        step->signal = signal;
        step->at_submission = wish->at_submission;
        put(contexts[i], step);
    }
    return STATUS_SUCCESS;
}
