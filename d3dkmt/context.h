/*
 * Contexts. Each is a stream of steps that are done in order on the virtual clock: work for its node,
 * waits, signals. A step may hold back those behind it and nothing in other contexts.
 *
 *     work     runs alone on its node for its time; of several contexts the one with the highest
 *              priority comes next, then the one whose work was put in first
 *     wait     goes when all its objects are there, which takes mutexes and semaphores
 *     signal   of several contexts happens when the last of them has come to it
 *
 * Work that takes more than two seconds hangs (TDR): the adapter is reset, the context's device is
 * hung and all others on the adapter are reset. Moving of memory takes its time, and never hangs.
 *
 * A context that is destroyed is without a handle at once, but what was put in is finished first, its
 * waits being over; with its device everything is dropped.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/sync.h"

struct context_step;

/* What a step does beside signals. `done`: its turn has come; else its stream has ended before. */
struct context_deed {
    void (*happen)(struct context_deed *deed, bool done);
};

struct context_wish {
    uint32_t node, flags, hint;
    bool is_virtual; /* D3DKMTCreateContextVirtual */
};

/* What D3DKMTRender fills; memory of the program. */
struct context_buffers {
    void *commands;
    D3DDDI_ALLOCATIONLIST *allocations;
    D3DDDI_PATCHLOCATIONLIST *patches;
};
#define CONTEXT_COMMANDS    (64u << 10) /* bytes */
#define CONTEXT_ALLOCATIONS 1024u
#define CONTEXT_PATCHES     2048u

struct kmt_context {
    struct kmt_object object;
    struct kmt_device *device; /* NULL: it was destroyed, and finishes */
    const struct vidmm *mm;
    struct kmt_link link;      /* in the device */
    struct kmt_link in_engine; /* of the adapter */
    struct context_wish made;
    int32_t priority; /* as it was set */
    uint32_t in_process;
    bool running; /* its first step is work that runs */
    struct context_step *first, **last;
    struct context_buffers buffers;
    struct kmt_context *paging; /* beside it, for its updates of GPU addresses; NULL: none yet */
    uint32_t queued;            /* of such a stream: operations that wait */
};

/* STATUS_NO_MEMORY */
NTSTATUS context_create(struct kmt_device *device, const struct context_wish *wish,
                        struct kmt_context **ret_context);
void context_destroy(struct kmt_context *context);
/* Makes the stream beside it, if there is none yet; it ends with it. STATUS_NO_MEMORY */
NTSTATUS context_add_paging(struct kmt_context *context);
/* All its steps go, undone. */
void context_drop(struct kmt_context *context);
bool context_is_idle(const struct kmt_context *context);

struct context_signal {
    uint32_t count;
    const struct sync_target *targets;
    struct object *event; /* or NULL; a reference is taken */
    bool at_submission;   /* when the work before it begins */
    bool rewind;          /* a fence may get a smaller value than it has */
};

/* Put into the streams of all contexts, or of none: STATUS_NO_MEMORY. engine_settle begins. */
NTSTATUS context_put_work(struct kmt_context *const *contexts, uint32_t count, uint64_t duration);
/* Moving of memory that work behind it needs; however long it takes, it does not hang. */
NTSTATUS context_put_moving(struct kmt_context *context, uint64_t duration);
NTSTATUS context_put_wait(struct kmt_context *context, const struct sync_target *targets,
                          uint32_t count);
/* A wait, also for nothing, and behind it the deed. */
NTSTATUS context_put_deed(struct kmt_context *context, const struct sync_target *targets,
                          uint32_t count, struct context_deed *deed);
NTSTATUS context_put_signal(struct kmt_context *const *contexts, uint32_t count,
                            const struct context_signal *signal);

/* For engine.c. */
enum step_kind { STEP_WORK, STEP_WAIT, STEP_SIGNAL };

/* Shared by the steps of all contexts that a signal is for. */
struct step_signal {
    uint32_t steps;   /* that there are */
    uint32_t missing; /* contexts that did not come to it yet */
    bool rewind;
    struct object *event;
    uint32_t count;
    struct sync_target targets[];
};

struct context_step {
    struct context_step *next;
    enum step_kind kind;
    bool at_submission;
    bool moving;       /* of work: it is moving of memory */
    uint64_t order;    /* of work: when it was put in */
    uint64_t duration; /* of work */
    struct step_signal *signal;
    struct context_deed *deed; /* of a wait; NULL: none */
    uint32_t count;            /* of a wait */
    struct sync_target targets[];
};

/* The step at *at is done: signals if it is one that everybody came to, and goes. */
void context_finish_step(struct kmt_context *context, struct context_step **at, bool done);
/* What is left of one without a device; it has no steps. */
void context_free(struct kmt_context *context);
