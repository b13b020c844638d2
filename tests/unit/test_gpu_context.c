/* Contexts of the simulated GPU: streams, work, priorities, hangs. */
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "tests/unit/gpu_kit.h"
#include <winmem/gpu.h>

#define MS 1000000ull

static D3DKMT_HANDLE make_context(D3DKMT_HANDLE device, uint32_t node)
{
    D3DKMT_CREATECONTEXTVIRTUAL create = {.hDevice = device, .NodeOrdinal = node};
    ck_assert_int_eq(kmt_CreateContextVirtual(&create), STATUS_SUCCESS);
    return create.hContext;
}

static D3DKMT_HANDLE make_sync(D3DKMT_HANDLE device, int type, uint64_t first,
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

static D3DKMT_HANDLE make_fence(D3DKMT_HANDLE device, volatile uint64_t **ret_value)
{
    return make_sync(device, D3DDDI_MONITORED_FENCE, 0, ret_value);
}

static NTSTATUS submit(D3DKMT_HANDLE context, uint64_t duration)
{
    struct winmem_gpu_work work = {duration};
    D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 1,
                                    .pPrivateDriverData = duration ? &work : NULL,
                                    .PrivateDriverDataSize = duration ? sizeof work : 0};
    command.BroadcastContext[0] = context;
    return kmt_SubmitCommand(&command);
}

static NTSTATUS signal_from(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = context,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .MonitoredFenceValueArray = &value};
    return kmt_SignalSynchronizationObjectFromGpu(&signal);
}

static NTSTATUS wait_in(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = context,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .MonitoredFenceValueArray = &value};
    return kmt_WaitForSynchronizationObjectFromGpu(&wait);
}

static NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    return kmt_SignalSynchronizationObjectFromCpu(&signal);
}

static uint64_t now(void)
{
    return clock_now(kit_mm());
}

/* Until nothing of this process is under way. */
static void run_out(void)
{
    kmt_lock();
    while (clock_step_all())
        ;
    kmt_unlock();
}

static bool step(void)
{
    kmt_lock();
    bool stepped = clock_step(kit_mm());
    kmt_unlock();
    return stepped;
}

/* Time goes on by calls alone. */
static D3DKMT_HANDLE begin(void)
{
    setenv("WINMEM_GPU_TICK", "0", 1);
    return make_device();
}

START_TEST(work_takes_its_time_in_order) /* KMT-178 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    ck_assert_int_eq(submit(context, 3 * MS), STATUS_SUCCESS);
    uint64_t start = now();
    ck_assert_int_eq(signal_from(context, fence, 1), STATUS_SUCCESS);
    ck_assert_int_eq(submit(context, 5 * MS), STATUS_SUCCESS);
    ck_assert_int_eq(signal_from(context, fence, 2), STATUS_SUCCESS);
    ck_assert_uint_eq(*value, 0);
    ck_assert(step());
    ck_assert_uint_eq(now(), start + 3 * MS);
    ck_assert_uint_eq(*value, 1);
    ck_assert(step());
    ck_assert_uint_eq(now(), start + 8 * MS);
    ck_assert_uint_eq(*value, 2);
    ck_assert(!step());
    ck_assert_int_eq(submit(context, 0), STATUS_SUCCESS); /* what the plan says */
    start = now();
    ck_assert(step());
    ck_assert_uint_eq(now(), start + kit_mm()->adapter->work_cost);
    kmt_lock();
    ck_assert_uint_eq(kit_mm()->adapter->usage[kit_mm()->process].ran[0],
                      8 * MS + kit_mm()->adapter->work_cost);
    kmt_unlock();
    destroy_device(device);
}
END_TEST

START_TEST(a_wait_holds_back_its_own_stream) /* KMT-177, 179 */
{
    D3DKMT_HANDLE device = begin(), a = make_context(device, 0), b = make_context(device, 0);
    volatile uint64_t *gate, *value_a, *value_b;
    D3DKMT_HANDLE fence = make_fence(device, &gate), done_a = make_fence(device, &value_a),
                  done_b = make_fence(device, &value_b);
    ck_assert_int_eq(wait_in(a, fence, 5), STATUS_SUCCESS);
    ck_assert_int_eq(submit(a, MS), STATUS_SUCCESS);
    ck_assert_int_eq(signal_from(a, done_a, 1), STATUS_SUCCESS);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(submit(b, 1500 * MS), STATUS_SUCCESS); /* more than two seconds in all */
    ck_assert_int_eq(signal_from(b, done_b, 1), STATUS_SUCCESS);
    run_out();
    ck_assert_uint_eq(*value_a, 0);
    ck_assert_uint_eq(*value_b, 1);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_int_eq(signal_cpu(device, fence, 4), STATUS_SUCCESS);
    run_out();
    ck_assert_uint_eq(*value_a, 0);
    ck_assert_int_eq(signal_cpu(device, fence, 6), STATUS_SUCCESS);
    run_out();
    ck_assert_uint_eq(*value_a, 1);
    destroy_device(device);
}
END_TEST

START_TEST(nodes_work_side_by_side)
{
    D3DKMT_HANDLE device = begin(), a = make_context(device, 0), b = make_context(device, 1);
    submit(a, 4 * MS);
    submit(b, 4 * MS);
    uint64_t start = now();
    run_out();
    ck_assert_uint_le(now() - start, 4 * MS);
    submit(a, 4 * MS);
    start = now();
    submit(make_context(device, 0), 4 * MS);
    run_out();
    ck_assert_uint_eq(now() - start, 8 * MS);
    destroy_device(device);
}
END_TEST

START_TEST(a_signal_of_several_contexts_comes_with_the_last) /* KMT-180 */
{
    D3DKMT_HANDLE device = begin();
    const D3DKMT_HANDLE contexts[] = {make_context(device, 0), make_context(device, 1)};
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    const uint64_t seven = 7;
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 signal = {.ObjectCount = 1,
                                                               .ObjectHandleArray = &fence,
                                                               .BroadcastContextCount = 2,
                                                               .BroadcastContextArray = contexts,
                                                               .MonitoredFenceValueArray = &seven};
    submit(contexts[0], 2 * MS);
    submit(contexts[1], 6 * MS);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&signal), STATUS_SUCCESS);
    ck_assert(step());
    ck_assert_uint_eq(*value, 0);
    ck_assert(step());
    ck_assert_uint_eq(*value, 7);
    destroy_device(device);
}
END_TEST

static NTSTATUS put_event(D3DKMT_HANDLE context, HANDLE event, uint32_t objects,
                          D3DKMT_HANDLE object)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 signal = {
        .ObjectCount = objects,
        .ObjectHandleArray = &object,
        .Flags = {D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent},
        .BroadcastContextCount = 1,
        .BroadcastContextArray = &context,
        .CpuEventHandle = event};
    return kmt_SignalSynchronizationObjectFromGpu2(&signal);
}

START_TEST(events_in_a_stream) /* KMT-181, 182, 193 */
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    HANDLE event = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    D3DKMT_HANDLE notice = make_sync(device, D3DDDI_CPU_NOTIFICATION, (uint64_t)event, NULL);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {.hContext = context, .ObjectCount = 1};
    submit(context, 5 * MS);
    signal_from(context, fence, 1);
    ck_assert_int_eq(put_event(context, event, 0, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 5000), WAIT_OBJECT_0); /* the ticker's work */
    ck_assert_uint_eq(*value, 1);
    ck_assert_int_eq(put_event(context, event, 1, fence), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(put_event(context, (HANDLE)0x1230, 0, 0), STATUS_INVALID_HANDLE);
    signal.ObjectHandleArray[0] = notice;
    submit(context, 5 * MS);
    ck_assert_int_eq(kmt_SignalSynchronizationObject2(&signal), STATUS_SUCCESS);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
    k32_CloseHandle(event);
    destroy_device(device);
}
END_TEST

START_TEST(without_ticks_an_event_is_set_at_once)
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    HANDLE event = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    submit(context, 5 * MS);
    uint64_t start = now();
    ck_assert_int_eq(put_event(context, event, 0, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(k32_WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    ck_assert_uint_ge(now(), start + 5 * MS);
    k32_CloseHandle(event);
    destroy_device(device);
}
END_TEST

static NTSTATUS old_signal(D3DKMT_HANDLE context, D3DKMT_HANDLE object, uint64_t value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {.hContext = context, .ObjectCount = 1};
    signal.ObjectHandleArray[0] = object;
    signal.Fence.FenceValue = value;
    return kmt_SignalSynchronizationObject2(&signal);
}

static NTSTATUS old_wait(D3DKMT_HANDLE context, D3DKMT_HANDLE object, uint64_t value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 wait = {.hContext = context, .ObjectCount = 1};
    wait.ObjectHandleArray[0] = object;
    wait.Fence.FenceValue = value;
    return kmt_WaitForSynchronizationObject2(&wait);
}

START_TEST(semaphores_mutexes_and_fences) /* KMT-192, 194 */
{
    const int types[] = {D3DDDI_SEMAPHORE, D3DDDI_SYNCHRONIZATION_MUTEX, D3DDDI_FENCE};
    for (unsigned i = 0; i < 3; i++) {
        D3DKMT_HANDLE device = begin(), a = make_context(device, 0), b = make_context(device, 0);
        volatile uint64_t *value;
        D3DKMT_HANDLE done = make_fence(device, &value);
        D3DKMT_HANDLE object =
            make_sync(device, types[i], types[i] == D3DDDI_SYNCHRONIZATION_MUTEX, NULL);
        ck_assert_int_eq(old_wait(a, object, 2), STATUS_SUCCESS);
        signal_from(a, done, 1);
        ck_assert_int_eq(old_wait(a, object, 9), STATUS_SUCCESS);
        signal_from(a, done, 2);
        ck_assert_uint_eq(*value, 0);
        ck_assert_int_eq(old_signal(b, object, 3), STATUS_SUCCESS);
        ck_assert_uint_eq(*value, 1); /* one signal lets one wait go */
        ck_assert_int_eq(old_signal(b, object, 9), STATUS_SUCCESS);
        ck_assert_uint_eq(*value, 2);
        destroy_device(device);
    }
}
END_TEST

START_TEST(all_objects_are_taken_together)
{
    D3DKMT_HANDLE device = begin(), a = make_context(device, 0), b = make_context(device, 0);
    volatile uint64_t *first, *second;
    D3DKMT_HANDLE one = make_sync(device, D3DDDI_SEMAPHORE, 1, NULL),
                  none = make_sync(device, D3DDDI_SEMAPHORE, 0, NULL);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT both = {.hContext = a, .ObjectCount = 2};
    both.ObjectHandleArray[0] = one;
    both.ObjectHandleArray[1] = none;
    D3DKMT_HANDLE done_a = make_fence(device, &first), done_b = make_fence(device, &second);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&both), STATUS_SUCCESS);
    signal_from(a, done_a, 1);
    ck_assert_int_eq(old_wait(b, one, 0), STATUS_SUCCESS); /* `a` did not take it */
    signal_from(b, done_b, 1);
    ck_assert_uint_eq(*first, 0);
    ck_assert_uint_eq(*second, 1);
    old_signal(b, none, 0);
    ck_assert_uint_eq(*first, 0);
    old_signal(b, one, 0);
    ck_assert_uint_eq(*first, 1);
    destroy_device(device);
}
END_TEST

START_TEST(what_cannot_be_taken_whole_is_not_taken)
{
    D3DKMT_HANDLE device = begin(), a = make_context(device, 0), b = make_context(device, 0);
    volatile uint64_t *first, *second;
    D3DKMT_HANDLE one = make_sync(device, D3DDDI_SEMAPHORE, 1, NULL);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT twice = {.hContext = a, .ObjectCount = 2};
    twice.ObjectHandleArray[0] = twice.ObjectHandleArray[1] = one;
    D3DKMT_HANDLE done_a = make_fence(device, &first), done_b = make_fence(device, &second);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&twice), STATUS_SUCCESS);
    signal_from(a, done_a, 1);
    old_wait(b, one, 0);
    signal_from(b, done_b, 1);
    ck_assert_uint_eq(*first, 0);
    ck_assert_uint_eq(*second, 1);
    old_signal(b, one, 0);
    ck_assert_uint_eq(*first, 0);
    old_signal(b, one, 0);
    ck_assert_uint_eq(*first, 1);
    destroy_device(device);
}
END_TEST

START_TEST(a_semaphore_has_a_most)
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    volatile uint64_t *value;
    D3DKMT_HANDLE done = make_fence(device, &value),
                  full = make_sync(device, D3DDDI_SEMAPHORE, 3, NULL);
    old_signal(context, full, 0);
    for (unsigned i = 1; i <= 4; i++) {
        old_wait(context, full, 0);
        signal_from(context, done, i);
    }
    ck_assert_uint_eq(*value, 3);
    destroy_device(device);
}
END_TEST

START_TEST(signals_at_submission_come_before_the_end_of_the_work)
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    D3DKMT_HANDLE fence = make_sync(device, D3DDDI_FENCE, 0, NULL), other = make_context(device, 1);
    volatile uint64_t *value;
    D3DKMT_HANDLE done = make_fence(device, &value);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {
        .hContext = context, .ObjectCount = 1, .Flags = {D3DDDICB_SIGNALFLAGS_SignalAtSubmission}};
    signal.ObjectHandleArray[0] = fence;
    signal.Fence.FenceValue = 1;
    old_wait(other, fence, 1);
    signal_from(other, done, 1);
    submit(context, 9 * MS);
    ck_assert_uint_eq(*value, 0);
    ck_assert_int_eq(kmt_SignalSynchronizationObject2(&signal), STATUS_SUCCESS);
    ck_assert_uint_eq(*value, 1); /* it runs already */
    destroy_device(device);
}
END_TEST

START_TEST(fences_go_back_only_when_allowed)
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    const uint64_t three = 3;
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 back = {
        .ObjectCount = 1,
        .ObjectHandleArray = &fence,
        .Flags = {D3DDDICB_SIGNALFLAGS_AllowFenceRewind},
        .BroadcastContextCount = 1,
        .BroadcastContextArray = &context,
        .MonitoredFenceValueArray = &three};
    signal_from(context, fence, 5);
    signal_from(context, fence, 4);
    ck_assert_uint_eq(*value, 5);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&back), STATUS_SUCCESS);
    ck_assert_uint_eq(*value, 3);
    destroy_device(device);
}
END_TEST

START_TEST(idle_is_when_all_is_done) /* KMT-183 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    const D3DKMT_WAITFORIDLE idle = {device}, none = {0};
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    submit(context, 5 * MS);
    signal_from(context, fence, 1);
    submit(context, 5 * MS);
    signal_from(context, fence, 2);
    ck_assert_int_eq(kmt_WaitForIdle(&idle), STATUS_SUCCESS);
    ck_assert_uint_eq(*value, 2);
    ck_assert_int_eq(kmt_WaitForIdle(&none), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForIdle(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForIdle((void *)64), STATUS_ACCESS_VIOLATION);
    wait_in(context, fence, 99);
    const D3DKMT_MARKDEVICEASERROR mark = {device, D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    ck_assert_int_eq(kmt_MarkDeviceAsError((void *)&mark), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_WaitForIdle(&idle), STATUS_SUCCESS);
    destroy_device(device);
}
END_TEST

START_TEST(a_destroyed_context_finishes) /* KMT-142 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    const D3DKMT_DESTROYCONTEXT destroy = {context};
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    submit(context, 5 * MS);
    wait_in(context, fence, 50); /* over with the context */
    signal_from(context, fence, 1);
    ck_assert_int_eq(kmt_DestroyContext(&destroy), STATUS_SUCCESS);
    ck_assert_uint_eq(*value, 0);
    run_out();
    ck_assert_uint_eq(*value, 1);
    ck_assert_int_eq(kmt_DestroyContext(&destroy), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyContext(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyContext((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(submit(context, 1), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    context = make_context(device, 0);
    submit(context, 5 * MS);
    destroy_device(device); /* KMT-140 */
    ck_assert_int_eq(submit(context, 1), STATUS_INVALID_PARAMETER);
    run_out();
}
END_TEST

START_TEST(malformed_contexts_are_refused) /* KMT-141, 143 */
{
    D3DKMT_HANDLE device = begin();
    D3DKMT_CREATECONTEXT create = {.hDevice = device, .hContext = 9};
    D3DKMT_CREATECONTEXTVIRTUAL other = {.hDevice = device, .hContext = 9};
    ck_assert_int_eq(kmt_CreateContext(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContext((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_CreateContextVirtual(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContextVirtual((void *)64), STATUS_ACCESS_VIOLATION);
    create.NodeOrdinal = other.NodeOrdinal = KMT_NODES;
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContextVirtual(&other), STATUS_INVALID_PARAMETER);
    create.NodeOrdinal = other.NodeOrdinal = 0;
    create.EngineAffinity = other.EngineAffinity = 2;
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContextVirtual(&other), STATUS_INVALID_PARAMETER);
    create.EngineAffinity = other.EngineAffinity = 1;
    create.Flags.Value = other.Flags.Value = 0x40;
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContextVirtual(&other), STATUS_INVALID_PARAMETER);
    create.Flags.Value = other.Flags.Value = 0;
    create.PrivateDriverDataSize = 4;
    create.pPrivateDriverData = (void *)64;
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_ACCESS_VIOLATION);
    create.PrivateDriverDataSize = 0;
    create.hDevice = other.hDevice = make_adapter();
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateContextVirtual(&other), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(create.hContext, 9);
    create.hDevice = device;
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_SUCCESS);
    ck_assert_ptr_nonnull(create.pCommandBuffer);
    destroy_device(device);
}
END_TEST

START_TEST(malformed_waits_and_signals_of_streams) /* KMT-173, 174 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    D3DKMT_HANDLE monitored = make_fence(device, NULL),
                  fence = make_sync(device, D3DDDI_FENCE, 0, NULL),
                  semaphore = make_sync(device, D3DDDI_SEMAPHORE, 1, NULL);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT wait = {.hContext = context};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT signal = {.hContext = context};
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromGpu(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromGpu((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_SignalSynchronizationObject2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&wait), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_INVALID_PARAMETER);
    wait.ObjectCount = signal.ObjectCount = 33;
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&wait), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_INVALID_PARAMETER);
    wait.ObjectCount = signal.ObjectCount = 1;
    wait.ObjectHandleArray[0] = signal.ObjectHandleArray[0] = fence;
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&wait), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_INVALID_PARAMETER);
    wait.ObjectHandleArray[0] = signal.ObjectHandleArray[0] = semaphore;
    signal.Flags.Value = D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent;
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_INVALID_PARAMETER);
    signal.Flags.Value = 0;
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&wait), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_SUCCESS);
    wait.hContext = signal.hContext = device;
    ck_assert_int_eq(kmt_WaitForSynchronizationObject(&wait), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObject(&signal), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(old_wait(context, monitored, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(old_signal(context, monitored, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(signal_from(context, fence, 1), STATUS_INVALID_PARAMETER);
    D3DKMT_HANDLE mixed[] = {monitored, fence};
    const uint64_t values[] = {0, 0};
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU from = {.hContext = context,
                                                             .ObjectCount = 2,
                                                             .ObjectHandleArray = mixed,
                                                             .MonitoredFenceValueArray = values};
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromGpu(&from), STATUS_INVALID_PARAMETER);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 many = {.ObjectCount = 2,
                                                       .ObjectHandleArray = mixed,
                                                       .BroadcastContextCount = 1,
                                                       .BroadcastContextArray = &context,
                                                       .MonitoredFenceValueArray = values};
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&many), STATUS_INVALID_PARAMETER);
    many.ObjectCount = 1;
    many.BroadcastContextCount = 0;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&many), STATUS_INVALID_PARAMETER);
    many.BroadcastContextCount = 65;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&many), STATUS_INVALID_PARAMETER);
    many.BroadcastContextCount = 1;
    many.MonitoredFenceValueArray = (void *)64;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&many), STATUS_ACCESS_VIOLATION);
    many.Flags.Value = 8;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromGpu2(&many), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

/* Hangs */

START_TEST(work_that_does_not_end_hangs_its_device) /* KMT-152, 153, 156 */
{
    D3DKMT_HANDLE device = begin(), other = make_device(), context = make_context(device, 0);
    volatile uint64_t *value, *others;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    make_fence(other, &others);
    uint32_t resets = kit_mm()->adapter->resets;
    ck_assert_int_eq(submit(context, 2000 * MS), STATUS_SUCCESS); /* just in time */
    signal_from(context, fence, 1);
    run_out();
    ck_assert_uint_eq(*value, 1);
    ck_assert_int_eq(submit(context, 2000 * MS + 1), STATUS_SUCCESS);
    uint64_t start = now();
    signal_from(context, fence, 2);
    run_out();
    ck_assert_uint_eq(now(), start + 2000 * MS);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_HUNG);
    ck_assert_int_eq(execution_state_of(other), D3DKMT_DEVICEEXECUTION_RESET);
    ck_assert_uint_eq(*value, UINT64_MAX);
    ck_assert_uint_eq(*others, UINT64_MAX);
    ck_assert_uint_eq(kit_mm()->adapter->resets, resets + 1);
    ck_assert_int_eq(submit(context, 1), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(wait_in(context, fence, 1), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(signal_from(context, fence, 1), STATUS_DEVICE_REMOVED);
    destroy_device(device);
    destroy_device(other);
    device = make_device();
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    destroy_device(device);
}
END_TEST

START_TEST(the_seventh_hang_within_a_minute_stops_the_adapter) /* KMT-160, 161 */
{
    begin();
    for (unsigned i = 1; i <= 7; i++) {
        D3DKMT_HANDLE device = make_device();
        submit(make_context(device, 0), 3000 * MS);
        run_out();
        ck_assert_int_eq(execution_state_of(device),
                         i < 7 ? D3DKMT_DEVICEEXECUTION_HUNG : D3DKMT_DEVICEEXECUTION_STOPPED);
        destroy_device(device);
    }
}
END_TEST

START_TEST(contexts_may_be_taken_out_of_the_timeout) /* KMT-158 */
{
    D3DKMT_HANDLE device = begin();
    D3DKMT_CREATECONTEXTVIRTUAL create = {.hDevice = device,
                                          .Flags = {D3DDDI_CREATECONTEXTFLAGS_DisableGpuTimeout}};
    ck_assert_int_eq(kmt_CreateContextVirtual(&create), STATUS_SUCCESS);
    submit(create.hContext, 5000 * MS);
    run_out();
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    destroy_device(device);
}
END_TEST

START_TEST(work_for_a_failed_device) /* KMT-148, 149 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    D3DKMT_HANDLE fence = make_fence(device, NULL);
    D3DKMT_MARKDEVICEASERROR mark = {device, D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR};
    ck_assert_int_eq(kmt_MarkDeviceAsError(&mark), STATUS_SUCCESS);
    ck_assert_int_eq(submit(context, 1), STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE);
    ck_assert_int_eq(wait_in(context, fence, 1), STATUS_DEVICE_REMOVED);
    destroy_device(device);
}
END_TEST

START_TEST(malformed_submissions_are_refused)
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 0};
    D3DKMT_CREATECONTEXT create = {.hDevice = device};
    ck_assert_int_eq(kmt_SubmitCommand(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SubmitCommand((void *)64), STATUS_ACCESS_VIOLATION);
    command.BroadcastContext[0] = context;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.BroadcastContextCount = 65;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.BroadcastContextCount = 1;
    command.Flags.Value = 8;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.Flags.Value = 0;
    command.NumPrimaries = 17;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.NumPrimaries = 1;
    command.WrittenPrimaries[0] = context;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.NumPrimaries = 0;
    command.NumHistoryBuffers = 1;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    command.HistoryBufferArray = (void *)64;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_ACCESS_VIOLATION);
    command.NumHistoryBuffers = 0;
    command.PrivateDriverDataSize = 8;
    command.pPrivateDriverData = (void *)64;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_ACCESS_VIOLATION);
    command.PrivateDriverDataSize = 0;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_SUCCESS);
    command.BroadcastContext[0] = create.hContext;
    ck_assert_int_eq(kmt_SubmitCommand(&command), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

static D3DKMT_HANDLE make_allocation(D3DKMT_HANDLE device, uint64_t size)
{
    struct winmem_gpu_allocation wanted = {.size = size, .segments = WINMEM_GPU_LOCAL};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    ck_assert_int_eq(kmt_CreateAllocation2(&create), STATUS_SUCCESS);
    return info.hAllocation;
}

START_TEST(rendering_brings_its_allocations_in)
{
    D3DKMT_HANDLE device = begin(), allocation = make_allocation(device, 1 << 20);
    D3DKMT_CREATECONTEXT create = {.hDevice = device};
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_SUCCESS);
    D3DKMT_RENDER render = {.hContext = create.hContext, .AllocationCount = 1};
    const struct vid_segment *local = &kit_mm()->adapter->segments[VID_LOCAL];
    uint64_t used = local->used;
    create.pAllocationList[0].hAllocation = allocation;
    ck_assert_int_eq(kmt_Render(&render), STATUS_SUCCESS);
    uint64_t start = now();
    ck_assert_uint_eq(local->used, used + (1 << 20));
    ck_assert_ptr_nonnull(render.pNewCommandBuffer);
    ck_assert_uint_eq(render.QueuedBufferCount, 2); /* the paging counts */
    run_out();
    ck_assert_uint_eq(now() - start, clock_cost(local, 1 << 20) + kit_mm()->adapter->work_cost);
    ck_assert_int_eq(kmt_Render(&render), STATUS_SUCCESS);
    start = now();
    run_out();
    ck_assert_uint_eq(now() - start, kit_mm()->adapter->work_cost);
    create.pAllocationList[0].hAllocation = create.hContext;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_HANDLE);
    render.AllocationCount = create.AllocationListSize + 1;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.AllocationCount = 0;
    render.CommandOffset = create.CommandBufferSize;
    ck_assert_int_eq(kmt_Render(&render), STATUS_SUCCESS);
    render.CommandLength = 1;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.CommandOffset = 0;
    render.PatchLocationCount = create.PatchLocationListSize + 1;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.PatchLocationCount = 0;
    render.BroadcastContextCount = 65;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.BroadcastContextCount = 1;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.BroadcastContextCount = 0;
    render.Flags.Value = 0x80;
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    render.Flags.Value = 0;
    render.hContext = device; /* not in legacy mode */
    ck_assert_int_eq(kmt_Render(&render), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_Render(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_Render((void *)64), STATUS_ACCESS_VIOLATION);
    destroy_device(device);
}
END_TEST

/* Priorities */

static NTSTATUS set_priority(D3DKMT_HANDLE context, int32_t priority)
{
    const D3DKMT_SETCONTEXTSCHEDULINGPRIORITY set = {context, priority};
    return kmt_SetContextSchedulingPriority(&set);
}

static int32_t priority_of(D3DKMT_HANDLE context)
{
    D3DKMT_GETCONTEXTSCHEDULINGPRIORITY get = {context, 77};
    ck_assert_int_eq(kmt_GetContextSchedulingPriority(&get), STATUS_SUCCESS);
    return get.Priority;
}

START_TEST(priorities_of_contexts) /* KMT-195, 196, 197 */
{
    D3DKMT_HANDLE device = begin(), context = make_context(device, 0);
    const int32_t absolute = D3DKMT_SETCONTEXTSCHEDULINGPRIORITY_ABSOLUTE;
    D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY set = {context, 1};
    D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY get = {context, 5};
    ck_assert_int_eq(priority_of(context), 0);
    ck_assert_int_eq(set_priority(context, -7), STATUS_SUCCESS);
    ck_assert_int_eq(priority_of(context), -7);
    ck_assert_int_eq(set_priority(context, 7), STATUS_SUCCESS);
    ck_assert_int_eq(set_priority(context, -8), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(set_priority(context, 8), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(set_priority(context, absolute | 5), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(set_priority(context, absolute | 32), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(set_priority(context, absolute | 16), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(set_priority(context, absolute | 31), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(priority_of(context), 7);
    ck_assert_int_eq(set_priority(context, absolute), STATUS_SUCCESS);
    ck_assert_int_eq(priority_of(context), absolute);
    ck_assert_int_eq(kmt_GetContextInProcessSchedulingPriority(&get), STATUS_SUCCESS);
    ck_assert_int_eq(get.Priority, 0);
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority(&set), STATUS_SUCCESS);
    set.Priority = 2;
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority(&set), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetContextInProcessSchedulingPriority(&get), STATUS_SUCCESS);
    ck_assert_int_eq(get.Priority, 1);
    ck_assert_int_eq(set_priority(device, 0), STATUS_INVALID_PARAMETER);
    get.hContext = set.hContext = device;
    set.Priority = 0;
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority(&set), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetContextInProcessSchedulingPriority(&get), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetContextSchedulingPriority(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetContextSchedulingPriority((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_GetContextSchedulingPriority(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetContextSchedulingPriority((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority((void *)64),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_GetContextInProcessSchedulingPriority(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetContextInProcessSchedulingPriority((void *)64),
                     STATUS_ACCESS_VIOLATION);
    destroy_device(device);
}
END_TEST

START_TEST(higher_priority_starts_first) /* KMT-201 */
{
    D3DKMT_HANDLE device = begin(), busy = make_context(device, 0), low = make_context(device, 0),
                  middle = make_context(device, 0), high = make_context(device, 0);
    volatile uint64_t *value;
    D3DKMT_HANDLE fence = make_fence(device, &value);
    const D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY ahead = {middle, 1};
    ck_assert_int_eq(set_priority(high, 1), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_SetContextInProcessSchedulingPriority(&ahead), STATUS_SUCCESS);
    submit(busy, MS);
    submit(low, MS);
    signal_from(low, fence, 3);
    submit(middle, MS);
    signal_from(middle, fence, 2);
    submit(high, MS);
    signal_from(high, fence, 1);
    ck_assert(step());
    ck_assert_uint_eq(*value, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        ck_assert(step());
        ck_assert_uint_eq(*value, i);
    }
    destroy_device(device);
}
END_TEST

START_TEST(classes_of_the_process) /* KMT-198, 199, 200 */
{
    D3DKMT_SCHEDULINGPRIORITYCLASS class = 77;
    HANDLE self = (HANDLE)-1;
    make_adapter();
    const struct vid_usage *usage = &kit_mm()->adapter->usage[kit_mm()->process];
    ck_assert_int_eq(kmt_GetProcessSchedulingPriorityClass(self, &class), STATUS_SUCCESS);
    ck_assert_int_eq(class, D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(
            kmt_SetProcessSchedulingPriorityClass(self, (D3DKMT_SCHEDULINGPRIORITYCLASS)i),
            STATUS_SUCCESS);
        ck_assert_int_eq(kmt_GetProcessSchedulingPriorityClass(self, &class), STATUS_SUCCESS);
        ck_assert_int_eq(class, i);
        ck_assert_int_eq(usage->background != 0, i < 2);
    }
    ck_assert_int_eq(
        kmt_SetProcessSchedulingPriorityClass(self, D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME),
        STATUS_ACCESS_DENIED);
    ck_assert_int_eq(kmt_SetProcessSchedulingPriorityClass(self, (D3DKMT_SCHEDULINGPRIORITYCLASS)6),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetProcessSchedulingPriorityClass((HANDLE)0x1230, 0),
                     STATUS_INVALID_HANDLE);
    ck_assert_int_eq(kmt_GetProcessSchedulingPriorityClass((HANDLE)0x1230, &class),
                     STATUS_INVALID_HANDLE);
    ck_assert_int_eq(kmt_GetProcessSchedulingPriorityClass(self, NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetProcessSchedulingPriorityClass(self, (void *)64),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(class, D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH);
}
END_TEST

/* The same calls take the same virtual time. */
static uint64_t play(void)
{
    D3DKMT_HANDLE device = make_device(), a = make_context(device, 0), b = make_context(device, 1);
    D3DKMT_HANDLE fence = make_fence(device, NULL);
    const D3DKMT_WAITFORIDLE idle = {device};
    uint64_t start = now();
    for (uint64_t i = 1; i < 50; i++) {
        submit(a, i * 1000);
        signal_from(a, fence, i);
        wait_in(b, fence, i);
        submit(b, (50 - i) * 1000);
    }
    kmt_WaitForIdle(&idle);
    uint64_t end = now();
    destroy_device(device);
    return end - start;
}

START_TEST(a_run_repeats_exactly)
{
    begin();
    uint64_t first = play();
    ck_assert_uint_gt(first, 49 * 50 / 2 * 1000);
    ck_assert_uint_eq(play(), first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu context");
    TCase *cases = tcase_create("gpu context");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, work_takes_its_time_in_order);
    tcase_add_test(cases, a_wait_holds_back_its_own_stream);
    tcase_add_test(cases, nodes_work_side_by_side);
    tcase_add_test(cases, a_signal_of_several_contexts_comes_with_the_last);
    tcase_add_test(cases, events_in_a_stream);
    tcase_add_test(cases, without_ticks_an_event_is_set_at_once);
    tcase_add_test(cases, semaphores_mutexes_and_fences);
    tcase_add_test(cases, all_objects_are_taken_together);
    tcase_add_test(cases, what_cannot_be_taken_whole_is_not_taken);
    tcase_add_test(cases, a_semaphore_has_a_most);
    tcase_add_test(cases, signals_at_submission_come_before_the_end_of_the_work);
    tcase_add_test(cases, fences_go_back_only_when_allowed);
    tcase_add_test(cases, idle_is_when_all_is_done);
    tcase_add_test(cases, a_destroyed_context_finishes);
    tcase_add_test(cases, malformed_contexts_are_refused);
    tcase_add_test(cases, malformed_waits_and_signals_of_streams);
    tcase_add_test(cases, work_that_does_not_end_hangs_its_device);
    tcase_add_test(cases, the_seventh_hang_within_a_minute_stops_the_adapter);
    tcase_add_test(cases, contexts_may_be_taken_out_of_the_timeout);
    tcase_add_test(cases, work_for_a_failed_device);
    tcase_add_test(cases, malformed_submissions_are_refused);
    tcase_add_test(cases, rendering_brings_its_allocations_in);
    tcase_add_test(cases, priorities_of_contexts);
    tcase_add_test(cases, higher_priority_starts_first);
    tcase_add_test(cases, classes_of_the_process);
    tcase_add_test(cases, a_run_repeats_exactly);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
