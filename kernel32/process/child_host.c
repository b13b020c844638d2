/* Starting a process of the host, with posix_spawn: the child shares our memory until its exec. */
#include "kernel32/process/child_host.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

#define WATCHER_STACK (64u << 10)

/* Copies of those descriptors that would be overwritten before their turn; -errno when it fails. */
static int move_away(const struct child_spawn *spawn, int *copies)
{
    for (unsigned i = 0; i < spawn->count; i++)
        copies[i] = -1;
    for (unsigned i = 0; i < spawn->count; i++) {
        int fd = spawn->descriptors[i];
        if (fd < 0 || fd >= (int)spawn->count)
            continue;
        copies[i] = fcntl(fd, F_DUPFD_CLOEXEC, (int)spawn->count);
        if (copies[i] < 0)
            return -errno;
    }
    return 0;
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct child_spawn *spawn,
                       const int *copies)
{
    int error = posix_spawn_file_actions_addchdir_np(actions, spawn->directory);
    for (unsigned i = 0; i < spawn->count && !error; i++) {
        int from = copies[i] >= 0 ? copies[i] : spawn->descriptors[i];
        error = from < 0 ? posix_spawn_file_actions_addopen(actions, (int)i, "/dev/null", O_RDWR, 0)
                         : posix_spawn_file_actions_adddup2(actions, from, (int)i);
    }
    return error ? error : posix_spawn_file_actions_addclosefrom_np(actions, (int)spawn->count);
}

/* Signals are as a shell leaves them: none is blocked, and one that we ignore (file.c) is not. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, pipes;
    sigemptyset(&none);
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &pipes);
    if (!error)
        error =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

static int spawn_with(const struct child_spawn *spawn, const int *copies, int *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = add_actions(&actions, spawn, copies);
        if (!error)
            error = set_signals(&attributes);
        if (!error)
            error =
                posix_spawn(&pid, spawn->command, &actions, &attributes, spawn->arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (!error)
        *ret_pid = pid;
    return -error;
}

int child_host_spawn(const struct child_spawn *spawn, int *ret_pid)
{
    int *copies = malloc(spawn->count * sizeof *copies);
    if (!copies)
        return -ENOMEM;
    int error = move_away(spawn, copies);
    if (!error)
        error = spawn_with(spawn, copies, ret_pid);
    for (unsigned i = 0; i < spawn->count; i++)
        if (copies[i] >= 0)
            close(copies[i]);
    free(copies);
    return error;
}

int child_host_pipe(int ret_ends[2])
{
    return pipe2(ret_ends, O_CLOEXEC) ? -errno : 0;
}

int child_host_thread(void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);
    if (error)
        return -error;
    pthread_attr_setstacksize(&attributes, WATCHER_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

int child_host_write(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size;) {
        ssize_t done = write(fd, at, size);
        if (done < 0 && errno != EINTR)
            return errno == ENOSPC ? -ENOMEM : -errno;
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}
