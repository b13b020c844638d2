/*
 * What starting another program asks of the host. Every function answers 0 or -errno (or a
 * descriptor) and has changed nothing when it fails. The memory file is host_memory_file (host.h).
 */
#pragma once

#include <stddef.h>

struct child_spawn {
    const char *command; /* the host's program */
    char *const *arguments;
    const char *directory;
    /* They become 0, 1, 2, ... in the new process, and nothing else is open; -1: /dev/null. */
    const int *descriptors;
    unsigned count;
};

/* Costs the same however much memory the caller has: the address space is not copied. */
int child_host_spawn(const struct child_spawn *spawn, int *ret_pid);
/* Both ends are closed on exec. */
int child_host_pipe(int ret_ends[2]);
/* A thread that no signal reaches and that nobody joins. */
int child_host_thread(void *(*run)(void *), void *argument);
/* All of it, into a pipe or a file in memory: when that is full, it is memory that lacks. */
int child_host_write(int fd, const void *bytes, size_t size);
