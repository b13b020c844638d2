/* A shared resource of two allocations with private data, opened, locked, and used by processes. */
#pragma once

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/gpu.h>
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

#define FLAG(x) D3DKMT_CREATEALLOCATIONFLAGS_##x
#define SHARED  (FLAG(CreateResource) | FLAG(CreateShared))
#define SIZE    (64u << 10)
#define COUNT   2u

static const char runtime[] = "what the runtime says", driver[] = "of the resource";

struct made {
    D3DKMT_HANDLE resource, global, allocations[COUNT];
};

static inline NTSTATUS try_make(D3DKMT_HANDLE device, uint32_t flags, struct made *ret_made)
{
    /* the second has more private data than the driver needs */
    struct {
        struct winmem_gpu_allocation wanted;
        char more[5];
    } data[COUNT] = {{.wanted = {.size = SIZE}}, {.wanted = {.size = 2 * SIZE}, .more = "more"}};
    D3DDDI_ALLOCATIONINFO2 list[COUNT] = {
        {.pPrivateDriverData = &data[0], .PrivateDriverDataSize = sizeof data[0].wanted},
        {.pPrivateDriverData = &data[1], .PrivateDriverDataSize = sizeof data[1]}};
    D3DKMT_CREATEALLOCATION create = {.hDevice = device,
                                      .NumAllocations = COUNT,
                                      .pAllocationInfo2 = list,
                                      .pPrivateRuntimeData = runtime,
                                      .PrivateRuntimeDataSize = sizeof runtime,
                                      .pPrivateDriverData = driver,
                                      .PrivateDriverDataSize = sizeof driver,
                                      .hGlobalShare = 1,
                                      .Flags = {.Value = flags}};
    NTSTATUS status = kmt_CreateAllocation2(&create);
    *ret_made = (struct made){create.hResource, create.hGlobalShare, {0}};
    for (unsigned i = 0; i < COUNT; i++)
        ret_made->allocations[i] = list[i].hAllocation;
    return status;
}

static inline struct made make(D3DKMT_HANDLE device, uint32_t flags)
{
    struct made made;
    ck_assert_int_eq(try_make(device, flags, &made), STATUS_SUCCESS);
    return made;
}

/* An opening with buffers that are large enough. */
struct opening {
    D3DKMT_OPENRESOURCE data;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
};
static char got_runtime[64], got_driver[64], got_total[256];

static inline NTSTATUS try_open(D3DKMT_HANDLE device, D3DKMT_HANDLE global, struct opening *opening)
{
    memset(opening, 0, sizeof *opening);
    opening->data = (D3DKMT_OPENRESOURCE){.hDevice = device,
                                          .hGlobalShare = global,
                                          .NumAllocations = COUNT,
                                          .pOpenAllocationInfo2 = opening->list,
                                          .pPrivateRuntimeData = got_runtime,
                                          .PrivateRuntimeDataSize = sizeof got_runtime,
                                          .pResourcePrivateDriverData = got_driver,
                                          .ResourcePrivateDriverDataSize = sizeof got_driver,
                                          .pTotalPrivateDriverDataBuffer = got_total,
                                          .TotalPrivateDriverDataBufferSize = sizeof got_total};
    return kmt_OpenResource2(&opening->data);
}

static inline struct opening open_it(D3DKMT_HANDLE device, D3DKMT_HANDLE global)
{
    struct opening opening;
    ck_assert_int_eq(try_open(device, global, &opening), STATUS_SUCCESS);
    return opening;
}

static inline volatile uint32_t *lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 lock = {.hDevice = device, .hAllocation = allocation};
    ck_assert_int_eq(kmt_Lock2(&lock), STATUS_SUCCESS);
    return lock.pData;
}

static inline void unlock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    const D3DKMT_UNLOCK2 unlock = {device, allocation};
    ck_assert_int_eq(kmt_Unlock2(&unlock), STATUS_SUCCESS);
}

static inline void destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE resource)
{
    const D3DKMT_DESTROYALLOCATION destroy = {.hDevice = device, .hResource = resource};
    ck_assert_int_eq(kmt_DestroyAllocation(&destroy), STATUS_SUCCESS);
}

/* Files beside the machine. */
static inline unsigned share_files(void)
{
    const struct dirent *entry;
    unsigned count = 0;
    DIR *list = opendir(kit_directory);
    ck_assert_ptr_nonnull(list);
    while ((entry = readdir(list)))
        count += strncmp(entry->d_name, "share-", 6) == 0;
    closedir(list);
    return count;
}

static inline uint64_t live(void)
{
    const struct vidmm *mm = kit_mm();
    vidmm_lock(mm);
    ck_assert(vidmm_is_valid(mm, STDERR_FILENO));
    vidmm_unlock(mm);
    return mm->adapter->live;
}

/* What another process, which starts anew, does with a global handle; its exit code. */
static inline pid_t start(int (*work)(D3DKMT_HANDLE global, int tell), D3DKMT_HANDLE global,
                          int *ret_told)
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(work(global, pipes[1]));
    close(pipes[1]);
    *ret_told = pipes[0];
    return child;
}

static inline int finish(pid_t child, int told)
{
    int status;
    close(told);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
