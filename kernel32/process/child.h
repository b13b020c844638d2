/*
 * Other programs that this one started: process and thread handles of them. Each is a process of
 * the host, with a thread of ours that waits for its end, so that its handles are signalled and
 * nothing of it remains.
 *
 * A child has one handle of each kind and more from OpenProcess and DuplicateHandle. It may be
 * asked and ended; its memory and its other threads are out of reach.
 */
#pragma once

#include <stdint.h>
#include <sys/resource.h>
#include <winmem/windef.h>
#include "kernel32/process/child_host.h"
#include "kernel32/process/wait.h"
#include "memoryapi/futex.h"

enum { CHILD_NEW, CHILD_STARTED, CHILD_FAILED };

struct child {
    struct waitable process;
    struct waitable thread; /* its object holds a reference to that of the process */
    /* constant after child_start */
    uint32_t id; /* the host's process and first thread */
    int record;  /* the file of start_record.h */
    WCHAR *program;
    uint64_t created; /* FILETIME */
    /* under the dispatcher lock */
    bool ended;
    /* under lock */
    struct futex_lock lock;
    bool reaped; /* the id may be another process's by now */
    bool terminating;
    uint32_t terminate_code; /* of who was first */
    uint32_t suspended;
    int gate; /* one byte in it lets the program begin; -1: it has begun */
    /* atomic */
    uint32_t state;     /* CHILD_*; the futex of the thread that watches */
    uint32_t exit_code; /* STILL_ACTIVE until it has ended */
    /* constant once ended */
    uint64_t exited;
    struct rusage usage;
    /* under the list's lock */
    struct child *next, **previous;
};

/*
 * An object that is not started, with one reference to its thread's object, which holds one to the
 * process's. Takes `record`, `gate` (-1: it is not created suspended) and `program` over. NULL
 * without memory, and then they stay the caller's.
 */
struct child *child_new(int record, int gate, WCHAR *program);
/* STATUS_NO_MEMORY, STATUS_INSUFFICIENT_RESOURCES and what the host says. */
NTSTATUS child_start(struct child *child, const struct child_spawn *spawn);

/* References. child_lookup: as handle_lookup, and STATUS_INVALID_HANDLE for this process itself;
 * child_find: NULL when no child has the id. */
NTSTATUS child_lookup(HANDLE handle, ACCESS_MASK access, struct child **ret_child);
NTSTATUS child_lookup_thread(HANDLE handle, ACCESS_MASK access, struct child **ret_child);
struct child *child_find(uint32_t id);
static inline void child_unref(struct child *child)
{
    object_unref(&child->process.object);
}

/* What a child that runs has used so far, in 100 ns. STATUS_UNSUCCESSFUL when the host does not
 * say. */
NTSTATUS child_times(struct child *child, uint64_t *ret_kernel, uint64_t *ret_user);

/* STATUS_ACCESS_DENIED when it has ended. */
NTSTATUS child_terminate(struct child *child, uint32_t code);
/* STATUS_NOT_SUPPORTED when the program has begun: nobody can stop it then. */
NTSTATUS child_suspend(struct child *child, uint32_t *ret_previous);
NTSTATUS child_resume(struct child *child, uint32_t *ret_previous);
