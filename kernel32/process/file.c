/* Open files as objects: what a handle of one leads to, and how it begins and ends. */
#include "kernel32/process/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/file_lock.h"

static const struct object_rights rights = {
    .read = FILE_GENERIC_READ,
    .write = FILE_GENERIC_WRITE,
    .execute = FILE_GENERIC_EXECUTE,
    .all = FILE_ALL_ACCESS,
};

/* The path is taken from the host, which follows renames; what is there now must still be us. */
static void delete_now(struct file *file)
{
    struct stat now;
    char *path = path_of_descriptor(file->fd);
    if (path && lstat(path, &now) == 0 && now.st_dev == file->device && now.st_ino == file->inode) {
        if (file->directory)
            rmdir(path);
        else
            unlink(path);
    }
    free(path);
}

static void closed(struct object *object)
{
    struct file *file = (struct file *)object;
    if (file->delete_pending || (file->options & FILE_DELETE_ON_CLOSE))
        delete_now(file);
    file_share_leave(file);
}

static void destroy(struct object *object)
{
    struct file *file = (struct file *)object;
    file_share_leave(file);
    directory_close(file->listing);
    while (file->locks) {
        struct file_lock *lock = file->locks;
        file->locks = lock->next;
        free(lock);
    }
    object_unref(file->port);
    if (file->owned)
        close(file->fd);
    free(file);
}

static bool has_input(const struct file *file)
{
    struct pollfd input = {.fd = file->fd, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

static bool signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    struct file *file = (struct file *)waitable;
    return file->kind != FILE_CONSOLE || has_input(file);
}

/* Nobody tells us of input: who waits for a console looks again every 10 ms. */
static uint64_t due(struct waitable *waitable)
{
    struct file *file = (struct file *)waitable;
    return file->kind == FILE_CONSOLE ? time_monotonic() + 10 * TIME_MILLISECOND : TIME_NEVER;
}

static const struct object_ops ops = {OBJECT_FILE, "file", destroy, closed, &rights, NULL};
static const struct waitable_ops wait_ops = {signalled, NULL, due};

/* Set once: the port and key of the file, as CreateIoCompletionPort gives them. */
static NTSTATUS associate(struct object *object, struct object *port, ULONG_PTR key)
{
    struct file *file = (struct file *)object;
    struct object *none = NULL;
    if (file->options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT))
        return STATUS_INVALID_PARAMETER;
    futex_lock(&file->lock);
    bool set = !file->port;
    if (set) {
        file->key = key;
        __atomic_compare_exchange_n(&file->port, &none, object_ref(port), false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
    }
    futex_unlock(&file->lock);
    return set ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* A write to a pipe without a reader answers an error, as on Windows, and ends nothing. */
static void start(void)
{
    struct sigaction action;
    completion_port_associate = associate;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
}

static enum file_kind kind_of(int fd, mode_t mode)
{
    if (S_ISCHR(mode))
        return isatty(fd) ? FILE_CONSOLE : FILE_CHARACTER;
    if (S_ISFIFO(mode) || S_ISSOCK(mode))
        return FILE_PIPE;
    return FILE_DISK;
}

ACCESS_MASK file_rights(ACCESS_MASK access)
{
    if (access & GENERIC_READ)
        access |= rights.read;
    if (access & GENERIC_WRITE)
        access |= rights.write;
    if (access & GENERIC_EXECUTE)
        access |= rights.execute;
    if (access & GENERIC_ALL)
        access |= rights.all;
    return access & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
}

struct file *file_new(int fd, bool owned, const struct stat *stat, ACCESS_MASK access)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    waitable_init(&file->waitable, &ops, &wait_ops);
    file->fd = fd;
    file->owned = owned;
    file->kind = kind_of(fd, stat->st_mode);
    file->access = access;
    file->append = (access & (FILE_APPEND_DATA | FILE_WRITE_DATA)) == FILE_APPEND_DATA;
    file->directory = S_ISDIR(stat->st_mode);
    file->link = S_ISLNK(stat->st_mode);
    file->device = stat->st_dev;
    file->inode = stat->st_ino;
    return file;
}

NTSTATUS file_from_descriptor(int fd, bool take_ownership, ACCESS_MASK access, HANDLE *ret_handle)
{
    struct stat stat;
    if (fstat(fd, &stat))
        return errno_to_status(errno);
    access = file_rights(access);
    struct file *file = file_new(fd, take_ownership, &stat, access);
    if (!file)
        return STATUS_NO_MEMORY;
    file->share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    file->options = FILE_SYNCHRONOUS_IO_NONALERT;
    NTSTATUS status = handle_create(&file->waitable.object, access, false, ret_handle);
    if (status != STATUS_SUCCESS)
        file->owned = false;
    file_unref(file);
    return status;
}

NTSTATUS file_lookup(HANDLE handle, ACCESS_MASK access, struct file **ret_file)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_FILE, access, &object);
    if (likely(status == STATUS_SUCCESS))
        *ret_file = (struct file *)object;
    return status;
}
