/*
 * Objects that handles name, and the handle table. An object is embedded as the first member of
 * what it stands for; the last reference destroys it. Handles are multiples of 4, lowest free
 * first; (HANDLE)-1 and (HANDLE)-2 are the current process and thread.
 *
 * LOCKS: table.lock is held while a handle is made or closed. A lookup takes only the bit lock of
 * the one entry it reads, because every wait and every read of a file begins with a lookup. Neither
 * lock is held while a function of object_ops runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>

enum object_type {
    OBJECT_ANY,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_EVENT,
    OBJECT_SEMAPHORE,
    OBJECT_MUTEX,
    OBJECT_TIMER,
    OBJECT_COMPLETION_PORT,
    OBJECT_WAIT_PACKET,
    OBJECT_FILE, /* files, directories, pipes, consoles */
    OBJECT_FIND, /* FindFirstFile */
    OBJECT_SECTION,
    OBJECT_MEMORY_NOTIFICATION,
    OBJECT_TOKEN,
    OBJECT_SHARED, /* D3DKMTShareObjects */
};

struct object;

/* What GENERIC_READ, _WRITE, _EXECUTE and _ALL stand for with objects of one type. */
struct object_rights {
    ACCESS_MASK read, write, execute, all;
};

struct object_ops {
    enum object_type type;
    const char *name;                       /* "event" */
    void (*destroy)(struct object *object); /* the last reference is gone */
    void (*closed)(struct object *object);  /* the last handle is gone; may be NULL */
    const struct object_rights
        *rights; /* NULL: generic rights and MAXIMUM_ALLOWED mean every right */
    bool (*signal)(struct object *object); /* sets an event; NULL with all other types */
};

struct object {
    const struct object_ops *ops; /* constant after init */
    uint32_t refs;                /* atomic */
    uint32_t handles;             /* atomic */
    bool named;                   /* under the lock of kernel32/process/names.c */
    bool
        waitable; /* constant after init: embedded in a struct waitable (kernel32/process/wait.h) */
};

void object_init(struct object *object,
                 const struct object_ops *ops); /* one reference: the caller's */
struct object *object_ref(struct object *object);
void object_unref(struct object *object); /* NULL is allowed */

/* A new handle with a reference of its own; the caller keeps its reference. STATUS_NO_MEMORY when
 * the table cannot grow. */
NTSTATUS handle_create(struct object *object, ACCESS_MASK access, bool inherit, HANDLE *ret_handle);
/* A handle of that very value, for what a new process inherited and may hand on. STATUS_INVALID_HANDLE when it is
 * taken or no handle, STATUS_NO_MEMORY. */
NTSTATUS handle_create_at(HANDLE handle, struct object *object, ACCESS_MASK access);
/* The next open handle above `after` (NULL: the first) that may be inherited, with a reference to
 * its object; false: there is none. */
bool handle_next_inheritable(HANDLE after, HANDLE *ret_handle, ACCESS_MASK *ret_access,
                             struct object **ret_object);
/* A reference to the object: STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
 * STATUS_ACCESS_DENIED. Knows the pseudo handles. */
NTSTATUS handle_lookup(HANDLE handle, enum object_type type, ACCESS_MASK access,
                       struct object **ret_object);
NTSTATUS handle_duplicate(HANDLE handle, ACCESS_MASK access, bool same_access, bool inherit,
                          HANDLE *ret_handle);
NTSTATUS handle_close(HANDLE handle);
/* HANDLE_FLAG_INHERIT 1, HANDLE_FLAG_PROTECT_FROM_CLOSE 2. Pseudo handles have no flags:
 * STATUS_INVALID_HANDLE. */
NTSTATUS handle_flags(HANDLE handle, uint32_t *ret_flags);
NTSTATUS handle_set_flags(HANDLE handle, uint32_t mask, uint32_t flags);
/* The number of open handles (GetProcessHandleCount). */
uint32_t handle_count(void);
/* True when `handle` names this process with these rights; the check every *Ex function makes.
 * STATUS_SUCCESS, or as handle_lookup. */
NTSTATUS handle_is_current_process(HANDLE handle, ACCESS_MASK access);

/* What the pseudo handles stand for; set by the process layer (NULL without one: only (HANDLE)-1 is
 * known then). */
extern struct object *object_current_process;
extern struct object *(*object_current_thread)(void);
/* The host's number of another process that a handle names, 0: it has ended; NULL: there are none. */
extern uint32_t (*object_process_id)(struct object *process);
