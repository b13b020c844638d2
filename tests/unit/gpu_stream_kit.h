/* Contexts, work for them, and fences that tell how far they are; the virtual clock goes on by calls. */
#pragma once

#include <winmem/gpu.h>
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

#define MS 1000000ull

static inline D3DKMT_HANDLE make_context(D3DKMT_HANDLE device, uint32_t node)
{
    D3DKMT_CREATECONTEXTVIRTUAL create = {.hDevice = device, .NodeOrdinal = node};
    ck_assert_int_eq(kmt_CreateContextVirtual(&create), STATUS_SUCCESS);
    return create.hContext;
}

static inline D3DKMT_HANDLE make_sync(D3DKMT_HANDLE device, int type, uint64_t first,
                                      volatile uint64_t **ret_value)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {
        .hDevice = device, .Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type};
    if (type == D3DDDI_SEMAPHORE)
        create.Info.Semaphore.MaxCount = 3, create.Info.Semaphore.InitialCount = (UINT)first;
    else if (type == D3DDDI_SYNCHRONIZATION_MUTEX)
        create.Info.SynchronizationMutex.InitialState = (BOOL)first;
    else if (type == D3DDDI_CPU_NOTIFICATION)
        create.Info.CPUNotification.Event = (HANDLE)first;
    else
        create.Info.Fence.FenceValue = first;
    ck_assert_int_eq(kmt_CreateSynchronizationObject2(&create), STATUS_SUCCESS);
    if (ret_value)
        *ret_value = create.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return create.hSyncObject;
}

static inline D3DKMT_HANDLE make_fence(D3DKMT_HANDLE device, volatile uint64_t **ret_value)
{
    return make_sync(device, D3DDDI_MONITORED_FENCE, 0, ret_value);
}

static inline NTSTATUS submit(D3DKMT_HANDLE context, uint64_t duration)
{
    struct winmem_gpu_work work = {duration};
    D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 1,
                                    .pPrivateDriverData = duration ? &work : NULL,
                                    .PrivateDriverDataSize = duration ? sizeof work : 0};
    command.BroadcastContext[0] = context;
    return kmt_SubmitCommand(&command);
}

static inline NTSTATUS signal_from(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = context,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .MonitoredFenceValueArray = &value};
    return kmt_SignalSynchronizationObjectFromGpu(&signal);
}

static inline NTSTATUS wait_in(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = context,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .MonitoredFenceValueArray = &value};
    return kmt_WaitForSynchronizationObjectFromGpu(&wait);
}

static inline NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    return kmt_SignalSynchronizationObjectFromCpu(&signal);
}

static inline uint64_t now(void)
{
    return clock_now(kit_mm());
}

/* Until nothing of this process is under way. */
static inline void run_out(void)
{
    kmt_lock();
    while (clock_step_all())
        ;
    kmt_unlock();
}

static inline bool step(void)
{
    kmt_lock();
    bool stepped = clock_step(kit_mm());
    kmt_unlock();
    return stepped;
}

/* Time goes on by calls alone. */
static inline D3DKMT_HANDLE begin(void)
{
    setenv("WINMEM_GPU_TICK", "0", 1);
    return make_device();
}
