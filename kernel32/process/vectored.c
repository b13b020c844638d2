/* Vectored exception handlers and vectored continue handlers. */
#include "kernel32/process/vectored.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "memoryapi/futex.h"

#define CONTINUE_EXECUTION (-1)

struct vectored {
    struct vectored *next;
    PVECTORED_EXCEPTION_HANDLER handler;
    uint32_t refs; /* one for being listed, one for each call */
    bool removed;
};

static struct {
    struct futex_lock lock;
    /* under lock */
    struct vectored *first[2];
} lists;

/*
 * A removed entry stays listed while it is called, so that the caller finds its way on; the last
 * one out takes it away.
 */
static void unref_locked(enum vectored_list list, struct vectored *entry)
{
    struct vectored **place = &lists.first[list];
    if (--entry->refs > 1 || !entry->removed)
        return;
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    free(entry);
}

/* The next live entry, referenced; drops the reference to `entry`. */
static struct vectored *advance(enum vectored_list list, struct vectored *entry)
{
    futex_lock(&lists.lock);
    struct vectored *next = entry ? entry->next : lists.first[list];
    while (next && next->removed)
        next = next->next;
    if (next)
        next->refs++;
    if (entry)
        unref_locked(list, entry);
    futex_unlock(&lists.lock);
    return next;
}

bool vectored_call(enum vectored_list list, EXCEPTION_RECORD *record, CONTEXT *context)
{
    EXCEPTION_POINTERS pointers = {record, context};
    struct vectored *entry = NULL;

    while ((entry = advance(list, entry))) {
        uint32_t depth = gate_open();
        LONG answer = entry->handler(&pointers);
        gate_close(depth);
        if (answer == CONTINUE_EXECUTION) {
            futex_lock(&lists.lock);
            unref_locked(list, entry);
            futex_unlock(&lists.lock);
            return true;
        }
    }
    return false;
}

static PVOID add(enum vectored_list list, ULONG first, PVECTORED_EXCEPTION_HANDLER handler)
{
    struct vectored *entry = calloc(1, sizeof *entry), **place = &lists.first[list];
    if (!entry)
        return face_pointer(STATUS_NO_MEMORY, NULL);
    entry->handler = handler;
    entry->refs = 1;
    futex_lock(&lists.lock);
    while (!first && *place)
        place = &(*place)->next;
    entry->next = *place;
    *place = entry;
    futex_unlock(&lists.lock);
    return entry;
}

static ULONG take_out(enum vectored_list list, PVOID handle)
{
    struct vectored *entry;
    futex_lock(&lists.lock);
    for (entry = lists.first[list]; entry && (entry != handle || entry->removed);
         entry = entry->next)
        ;
    if (entry) {
        entry->removed = true;
        entry->refs++;
        unref_locked(list, entry);
    }
    futex_unlock(&lists.lock);
    return entry != NULL;
}

PVOID k32_AddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return add(VECTORED_EXCEPTION, First, Handler);
}

PVOID k32_AddVectoredContinueHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return add(VECTORED_CONTINUE, First, Handler);
}

ULONG k32_RemoveVectoredExceptionHandler(PVOID Handle)
{
    return take_out(VECTORED_EXCEPTION, Handle);
}

ULONG k32_RemoveVectoredContinueHandler(PVOID Handle)
{
    return take_out(VECTORED_CONTINUE, Handle);
}
