/* Other programs as objects: their life, watched by a thread each. */
#include "kernel32/process/child.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/path.h"
#include "kernel32/process/start_record.h"
#include "memoryapi/base.h"
#include "memoryapi/textfile.h"

#define STILL_RUNS     259u /* STILL_ACTIVE */
#define CONTROL_C_EXIT 0xC000013Au

static struct {
    struct futex_lock lock;
    struct child *first; /* started ones, until their last reference is gone */
} list;

static struct child *of_thread(struct object *object)
{
    return container_of(object, struct child, thread.object);
}

static void destroy(struct object *object)
{
    struct child *child = container_of(object, struct child, process.object);
    futex_lock(&list.lock);
    if (child->previous) {
        *child->previous = child->next;
        if (child->next)
            child->next->previous = child->previous;
    }
    futex_unlock(&list.lock);
    close(child->record);
    if (child->gate >= 0)
        close(child->gate);
    free(child->program);
    free(child);
}

static void destroy_thread(struct object *object)
{
    child_unref(of_thread(object));
}

static bool process_signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return container_of(waitable, struct child, process)->ended;
}

static bool thread_signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    return container_of(waitable, struct child, thread)->ended;
}

static const struct object_rights process_rights = {
    .read = READ_CONTROL | PROCESS_QUERY_INFORMATION | PROCESS_VM_READ |
            PROCESS_QUERY_LIMITED_INFORMATION,
    .write = READ_CONTROL | PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE |
             PROCESS_DUP_HANDLE | PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION |
             PROCESS_SUSPEND_RESUME | PROCESS_CREATE_PROCESS,
    .execute = READ_CONTROL | SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE,
    .all = PROCESS_ALL_ACCESS,
};
static const struct object_rights thread_rights = {
    .read = READ_CONTROL | THREAD_QUERY_INFORMATION | THREAD_QUERY_LIMITED_INFORMATION,
    .write = READ_CONTROL | THREAD_SUSPEND_RESUME | THREAD_TERMINATE,
    .execute = READ_CONTROL | SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION | THREAD_RESUME,
    .all = THREAD_ALL_ACCESS,
};
static const struct object_ops process_ops = {
    .type = OBJECT_PROCESS, .name = "child process", .destroy = destroy, .rights = &process_rights};
static const struct object_ops thread_ops = {.type = OBJECT_THREAD,
                                             .name = "child thread",
                                             .destroy = destroy_thread,
                                             .rights = &thread_rights};
static const struct waitable_ops process_wait_ops = {process_signalled, NULL, NULL};
static const struct waitable_ops thread_wait_ops = {thread_signalled, NULL, NULL};

/* The number may be another process's when it has ended. */
static uint32_t process_id(struct object *process)
{
    const struct child *child = container_of(process, struct child, process.object);
    return process->ops == &process_ops && !child->reaped ? child->id : 0;
}

struct child *child_new(int record, int gate, WCHAR *program)
{
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    waitable_init(&child->process, &process_ops, &process_wait_ops);
    waitable_init(&child->thread, &thread_ops, &thread_wait_ops);
    child->record = record;
    child->gate = gate;
    child->suspended = gate >= 0;
    child->program = program;
    child->exit_code = STILL_RUNS;
    object_process_id = process_id;
    return child;
}

/* What ended without saying a code of its own: a signal of the host, or a program that could not
 * be loaded. */
static uint32_t code_of_host(const struct child *child, int status)
{
    if (WIFEXITED(status))
        return (uint32_t)WEXITSTATUS(status);
    switch (WTERMSIG(status)) {
    case SIGKILL:
        return child->terminating ? child->terminate_code : 1;
    case SIGSEGV:
    case SIGBUS:
        return (uint32_t)STATUS_ACCESS_VIOLATION;
    case SIGINT:
    case SIGQUIT:
        return CONTROL_C_EXIT;
    default:
        return 1; /* as when somebody ends it in the task manager */
    }
}

static uint32_t exit_code(const struct child *child, int status)
{
    uint32_t said[2] = {0, 0};
    if (WIFEXITED(status) &&
        pread(child->record, said, sizeof said, offsetof(struct start_record, ended)) ==
            (ssize_t)sizeof said &&
        said[0])
        return said[1];
    return code_of_host(child, status);
}

/* Until its end. The host keeps it until it is reaped under the lock, so that nobody who holds the
 * lock sends a signal to another process of the same id. */
static void await_end(struct child *child)
{
    siginfo_t info;
    int status = 0;
    while (waitid(P_PID, child->id, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    futex_lock(&child->lock);
    while (wait4((pid_t)child->id, &status, 0, &child->usage) < 0 && errno == EINTR)
        ;
    child->reaped = true;
    futex_unlock(&child->lock);
    child->exited = time_system();
    __atomic_store_n(&child->exit_code, exit_code(child, status), __ATOMIC_RELEASE);
    dispatcher_lock();
    child->ended = true;
    waitable_changed(&child->process);
    waitable_changed(&child->thread);
    dispatcher_unlock();
}

/* Has a reference of its own. Sleeps until there is somebody to watch, or nobody. */
static void *watch(void *argument)
{
    struct child *child = argument;
    while (__atomic_load_n(&child->state, __ATOMIC_ACQUIRE) == CHILD_NEW)
        futex_wait_until(&child->state, CHILD_NEW, NULL);
    if (__atomic_load_n(&child->state, __ATOMIC_ACQUIRE) == CHILD_STARTED)
        await_end(child);
    child_unref(child);
    return NULL;
}

static void enlist(struct child *child)
{
    futex_lock(&list.lock);
    child->next = list.first;
    if (child->next)
        child->next->previous = &child->next;
    child->previous = &list.first;
    list.first = child;
    futex_unlock(&list.lock);
}

/* The thread comes first, because without it the child would have to be ended again. */
NTSTATUS child_start(struct child *child, const struct child_spawn *spawn)
{
    int id = 0;
    child->created = time_system();
    object_ref(&child->process.object);
    if (child_host_thread(watch, child) != 0) {
        child_unref(child);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    int error = child_host_spawn(spawn, &id);
    child->id = (uint32_t)id;
    if (!error)
        enlist(child);
    __atomic_store_n(&child->state, error ? CHILD_FAILED : CHILD_STARTED, __ATOMIC_RELEASE);
    futex_wake(&child->state, 1);
    if (error == -EAGAIN)
        return STATUS_INSUFFICIENT_RESOURCES; /* no process more for this account */
    return error ? errno_to_status(-error) : STATUS_SUCCESS;
}

NTSTATUS child_lookup(HANDLE handle, ACCESS_MASK access, struct child **ret_child)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_PROCESS, access, &object);
    if (status == STATUS_SUCCESS && object->ops != &process_ops) {
        object_unref(object);
        status = STATUS_INVALID_HANDLE;
    }
    if (status == STATUS_SUCCESS)
        *ret_child = container_of(object, struct child, process.object);
    return status;
}

NTSTATUS child_lookup_thread(HANDLE handle, ACCESS_MASK access, struct child **ret_child)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_THREAD, access, &object);
    if (status != STATUS_SUCCESS)
        return status;
    bool is_child = object->ops == &thread_ops;
    if (is_child) {
        *ret_child = of_thread(object);
        object_ref(&(*ret_child)->process.object);
    }
    object_unref(object);
    return is_child ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

/* The newest: the host may have given the id again. An object whose last reference is going is
 * left alone. */
struct child *child_find(uint32_t id)
{
    struct child *child;
    futex_lock(&list.lock);
    for (child = list.first; child; child = child->next) {
        uint32_t refs = __atomic_load_n(&child->process.object.refs, __ATOMIC_RELAXED);
        if (child->id != id)
            continue;
        while (refs && !__atomic_compare_exchange_n(&child->process.object.refs, &refs, refs + 1,
                                                    true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            ;
        if (refs)
            break;
    }
    futex_unlock(&list.lock);
    return child;
}

/* The 14th and 15th word of /proc/PID/stat, in ticks; the second word is a name in brackets. */
NTSTATUS child_times(struct child *child, uint64_t *ret_kernel, uint64_t *ret_user)
{
    struct text_file text;
    char path[40];
    unsigned long user, kernel;
    long ticks = sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof path, "/proc/%u/stat", child->id);
    if (ticks <= 0 || text_open(&text, path) != 0)
        return STATUS_UNSUCCESSFUL;
    const char *line = text_line(&text), *rest = line ? strrchr(line, ')') : NULL;
    bool said = rest && sscanf(rest, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
                               &kernel) == 2;
    text_close(&text);
    if (!said)
        return STATUS_UNSUCCESSFUL;
    *ret_kernel = kernel * (10000000u / (unsigned long)ticks);
    *ret_user = user * (10000000u / (unsigned long)ticks);
    return STATUS_SUCCESS;
}

NTSTATUS child_terminate(struct child *child, uint32_t code)
{
    NTSTATUS status = STATUS_SUCCESS;
    futex_lock(&child->lock);
    if (child->reaped)
        status = STATUS_ACCESS_DENIED; /* sdk-api processthreadsapi/TerminateProcess */
    else if (kill((pid_t)child->id, SIGKILL) != 0)
        status = errno_to_status(errno);
    if (status == STATUS_SUCCESS && !child->terminating) {
        child->terminating = true;
        child->terminate_code = code;
    }
    futex_unlock(&child->lock);
    return status;
}

NTSTATUS child_suspend(struct child *child, uint32_t *ret_previous)
{
    NTSTATUS status = STATUS_SUCCESS;
    futex_lock(&child->lock);
    if (child->reaped)
        status = STATUS_ACCESS_DENIED;
    else if (child->gate < 0)
        status = STATUS_NOT_SUPPORTED;
    else if (child->suspended == 0x7F) /* MAXIMUM_SUSPEND_COUNT */
        status = STATUS_SUSPEND_COUNT_EXCEEDED;
    else
        *ret_previous = child->suspended++;
    futex_unlock(&child->lock);
    return status;
}

NTSTATUS child_resume(struct child *child, uint32_t *ret_previous)
{
    int error = 0;
    futex_lock(&child->lock);
    *ret_previous = child->suspended;
    if (child->suspended == 1)
        error = child_host_write(child->gate, "", 1);
    if (error == -EPIPE)
        error = 0; /* it was ended before it began */
    if (!error && child->suspended == 1) {
        close(child->gate);
        child->gate = -1;
    }
    if (!error && child->suspended)
        child->suspended--;
    futex_unlock(&child->lock);
    return error ? errno_to_status(-error) : STATUS_SUCCESS;
}
