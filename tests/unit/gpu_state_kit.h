/* A directory for machines, and processes that use one until they end in whatever way. */
#pragma once

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "d3dkmt/state.h"
#include "memoryapi/leave.h"
#include "tests/unit/suite.h"

#define SMALL  "name=t; adapter local=64M nonlocal=64M"
#define OTHER  "name=t; adapter local=32M nonlocal=64M"
#define DOUBLE "name=t; adapter local=64M nonlocal=64M; adapter local=1G nonlocal=0"
#define MIB    (1ull << 20)

static char directory[64], machine_path[80];

static inline void begin(void)
{
    snprintf(directory, sizeof directory, "/tmp/winmem-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(machine_path, sizeof machine_path, "%s/gpu-t", directory);
    setenv("WINMEM_GPU_DIR", directory, 1);
    setenv("WINMEM_GPU", SMALL, 1);
}

static inline void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

/* What the process says on stderr while `work` runs. */
static char said[4096];
static inline NTSTATUS listen_to(NTSTATUS (*work)(void))
{
    int pipes[2], kept = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
    NTSTATUS status = work();
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t length = read(pipes[0], said, sizeof said - 1);
    said[length > 0 ? length : 0] = 0;
    close(pipes[0]);
    return status;
}

static inline void attached(void)
{
    ck_assert_int_eq(gpu_attach(), STATUS_SUCCESS);
}

/* A child that is attached, and does `work` then, until it is killed; or leaves, unless it `stays`. */
struct child {
    pid_t pid;
    int ready;
};

static inline struct child start(void (*work)(void), bool stays)
{
    struct child child;
    int pipes[2];
    char byte = 0;
    ck_assert_int_eq(pipe(pipes), 0);
    fflush(NULL);
    child.pid = fork();
    if (child.pid == 0) {
        if (gpu_attach() != STATUS_SUCCESS)
            _exit(1);
        if (work)
            work();
        if (write(pipes[1], &byte, 1) != 1)
            _exit(1);
        while (stays)
            pause();
        leave_run();
        _exit(0);
    }
    close(pipes[1]);
    child.ready = pipes[0];
    ck_assert_int_eq(read(pipes[0], &byte, 1), 1);
    return child;
}

static inline int finish(struct child child, bool stop)
{
    int status;
    if (stop)
        kill(child.pid, SIGKILL);
    waitpid(child.pid, &status, 0);
    close(child.ready);
    return status;
}

static inline void use_memory(const struct vidmm *mm, uint64_t bytes, uint64_t share)
{
    struct vid_wish wish = {.size = bytes,
                            .share = share,
                            .priority = 0x78000000,
                            .handle = 1,
                            .wanted = VID_LOCAL,
                            .allowed = 1 << VID_LOCAL};
    struct vid_paging paging = {0};
    uint64_t missing;
    uint32_t opening;
    vidmm_lock(mm);
    vidmm_add_device(mm);
    ck_assert_int_eq(vidmm_create(mm, &wish, &opening), STATUS_SUCCESS);
    ck_assert_int_eq(vidmm_make_resident(mm, &opening, 1, 0, &paging, &missing), STATUS_SUCCESS);
    vidmm_unlock(mm);
}

static inline void use_ten(void)
{
    use_memory(gpu_adapter(0), 10 * MIB, 0);
}

static inline uint64_t used(void)
{
    return gpu_adapter(0)->adapter->segments[VID_LOCAL].used;
}

static inline void all_valid(void)
{
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        vidmm_lock(gpu_adapter(i));
        ck_assert(vidmm_is_valid(gpu_adapter(i), STDERR_FILENO));
        vidmm_unlock(gpu_adapter(i));
    }
}
