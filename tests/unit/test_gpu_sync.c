/* Synchronisation objects of the simulated GPU: life, limits, waits and signals
 * of the CPU. */
#include "d3dkmt/sync.h"
#include "tests/unit/gpu_kit.h"
#include <pthread.h>
#include <time.h>

#define FLAG(name) D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_##name

struct fence {
    D3DKMT_HANDLE handle, global;
    volatile uint64_t *value;
};

static NTSTATUS try_create(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *create, D3DKMT_HANDLE device,
                           int type, uint32_t flags)
{
    create->hDevice = device;
    create->Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type;
    create->Info.Flags.Value = flags;
    return kmt_CreateSynchronizationObject2(create);
}

static struct fence make_fence(D3DKMT_HANDLE device, uint64_t first, uint32_t flags)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {0};
    create.Info.MonitoredFence.InitialFenceValue = first;
    ck_assert_int_eq(try_create(&create, device, D3DDDI_MONITORED_FENCE, flags), STATUS_SUCCESS);
    return (struct fence){create.hSyncObject, create.Info.SharedHandle,
                          create.Info.MonitoredFence.FenceValueCPUVirtualAddress};
}

static NTSTATUS signal_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    return kmt_SignalSynchronizationObjectFromCpu(&signal);
}

static NTSTATUS wait_fences(D3DKMT_HANDLE device, uint32_t count, const D3DKMT_HANDLE *fences,
                            const uint64_t *values, bool any, HANDLE event)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = count,
                                                             .ObjectHandleArray = fences,
                                                             .FenceValueArray = values,
                                                             .hAsyncEvent = event,
                                                             .Flags = {any}};
    return kmt_WaitForSynchronizationObjectFromCpu(&wait);
}

static NTSTATUS wait_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value, HANDLE event)
{
    return wait_fences(device, 1, &fence, &value, false, event);
}

static bool is_set(HANDLE event)
{
    return k32_WaitForSingleObject(event, 0) == WAIT_OBJECT_0;
}

static NTSTATUS destroy(D3DKMT_HANDLE handle)
{
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {handle};
    return kmt_DestroySynchronizationObject(&destroy);
}

START_TEST(a_monitored_fence_shows_its_value) /* KMT-163, 165, 166 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 5, 0);
    ck_assert_uint_eq((uintptr_t)fence.value % 8, 0);
    ck_assert_uint_eq(fence.global, 0);
    ck_assert_uint_eq(*fence.value, 5);
    ck_assert_int_eq(signal_fence(device, fence.handle, 9), STATUS_SUCCESS);
    ck_assert_uint_eq(*fence.value, 9);
    ck_assert_int_eq(signal_fence(device, fence.handle, 7), STATUS_SUCCESS);
    ck_assert_uint_eq(*fence.value, 7);
    ck_assert_int_eq(destroy(fence.handle), STATUS_SUCCESS);
    ck_assert_int_eq(destroy(fence.handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(signal_fence(device, fence.handle, 9), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

START_TEST(reached_values_need_no_wait) /* KMT-167, 169 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence a = make_fence(device, 5, 0), b = make_fence(device, 0, 0);
    const D3DKMT_HANDLE both[] = {a.handle, b.handle};
    const uint64_t values[] = {5, 1};
    ck_assert_int_eq(wait_fence(device, a.handle, 5, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fence(device, a.handle, 2, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fences(device, 2, both, values, true, NULL), STATUS_SUCCESS);
    HANDLE all = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    ck_assert_int_eq(wait_fences(device, 2, both, values, false, all), STATUS_SUCCESS);
    ck_assert(!is_set(all));
    ck_assert_int_eq(signal_fence(device, b.handle, 1), STATUS_SUCCESS);
    ck_assert(is_set(all));
    k32_CloseHandle(all);
    destroy_device(device);
}
END_TEST

struct later {
    D3DKMT_HANDLE device, fence;
    uint64_t value;
    bool signaled;
};

static void *signal_later(void *argument)
{
    struct later *later = argument;
    const struct timespec pause = {0, 150000000};
    nanosleep(&pause, NULL);
    __atomic_store_n(&later->signaled, true, __ATOMIC_SEQ_CST);
    ck_assert_int_eq(signal_fence(later->device, later->fence, later->value), STATUS_SUCCESS);
    return NULL;
}

START_TEST(a_wait_blocks_until_another_thread_signals) /* KMT-168 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    struct later later = {device, fence.handle, 3, false};
    pthread_t thread;
    pthread_create(&thread, NULL, signal_later, &later);
    ck_assert_int_eq(wait_fence(device, fence.handle, 3, NULL), STATUS_SUCCESS);
    ck_assert(__atomic_load_n(&later.signaled, __ATOMIC_SEQ_CST));
    pthread_join(thread, NULL);
    destroy_device(device);
}
END_TEST

START_TEST(events_tell_the_end_of_a_wait) /* KMT-170, 171, 172 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    HANDLE event = k32_CreateEventW(NULL, FALSE, FALSE, NULL);
    ck_assert_int_eq(wait_fence(device, fence.handle, 2, event), STATUS_SUCCESS);
    ck_assert(!is_set(event));
    ck_assert_int_eq(signal_fence(device, fence.handle, 1), STATUS_SUCCESS);
    ck_assert(!is_set(event));
    ck_assert_int_eq(signal_fence(device, fence.handle, 2), STATUS_SUCCESS);
    ck_assert(is_set(event));
    ck_assert_int_eq(wait_fence(device, fence.handle, 2, event), STATUS_SUCCESS);
    ck_assert(is_set(event));
    ck_assert_int_eq(wait_fence(device, fence.handle, 8, event), STATUS_SUCCESS);
    ck_assert_int_eq(signal_fence(device, fence.handle, 8), STATUS_SUCCESS);
    ck_assert_int_eq(signal_fence(device, fence.handle, 1), STATUS_SUCCESS);
    ck_assert(is_set(event));
    ck_assert_int_eq(wait_fence(device, fence.handle, 99, (HANDLE)0x1230), STATUS_INVALID_HANDLE);
    HANDLE semaphore = k32_CreateSemaphoreW(NULL, 0, 1, NULL);
    ck_assert_int_eq(wait_fence(device, fence.handle, 99, semaphore), STATUS_INVALID_HANDLE);
    /* an object that goes ends its waits */
    ck_assert_int_eq(wait_fence(device, fence.handle, 99, event), STATUS_SUCCESS);
    ck_assert(!is_set(event));
    ck_assert_int_eq(destroy(fence.handle), STATUS_SUCCESS);
    ck_assert(is_set(event));
    k32_CloseHandle(semaphore);
    k32_CloseHandle(event);
    destroy_device(device);
}
END_TEST

static void *destroy_later(void *argument)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    ck_assert_int_eq(destroy(((struct later *)argument)->fence), STATUS_SUCCESS);
    return NULL;
}

START_TEST(a_wait_ends_with_its_fence)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    struct later later = {device, fence.handle, 3, false};
    pthread_t thread;
    pthread_create(&thread, NULL, destroy_later, &later);
    ck_assert_int_eq(wait_fence(device, fence.handle, 3, NULL), STATUS_INVALID_PARAMETER);
    pthread_join(thread, NULL);
    destroy_device(device);
}
END_TEST

static void *stop_later(void *argument)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    struct vid_adapter *adapter = kit_mm()->adapter;
    uint32_t *word = argument ? &adapter->running : &adapter->resets;
    __atomic_store_n(word, argument ? VID_STOPPED : adapter->resets + 1, __ATOMIC_SEQ_CST);
    return NULL;
}

START_TEST(a_reset_ends_waits_with_the_largest_value) /* KMT-155, 156, 157, 174 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0),
                 kept = make_fence(device, 4, FLAG(NoSignalMaxValueOnTdr));
    pthread_t thread;
    pthread_create(&thread, NULL, stop_later, NULL);
    ck_assert_int_eq(wait_fence(device, fence.handle, 3, NULL), STATUS_SUCCESS);
    ck_assert_uint_eq(*fence.value, UINT64_MAX);
    ck_assert_uint_eq(*kept.value, 4);
    ck_assert_int_eq(wait_fence(device, fence.handle, 3, NULL), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(signal_fence(device, fence.handle, 3), STATUS_DEVICE_REMOVED);
    pthread_join(thread, NULL);
    destroy_device(device);
}
END_TEST

START_TEST(a_stop_ends_waits)
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_later, &device);
    ck_assert_int_eq(wait_fence(device, fence.handle, 3, NULL), STATUS_DEVICE_REMOVED);
    pthread_join(thread, NULL);
    destroy_device(device);
}
END_TEST

START_TEST(limits_of_an_opening) /* KMT-174, 175, 176 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence silent = make_fence(device, 0, FLAG(NoSignal)),
                 deaf = make_fence(device, 0, FLAG(NoWait));
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 7};
    ck_assert_int_eq(signal_fence(device, silent.handle, 1), STATUS_ACCESS_DENIED);
    ck_assert_uint_eq(*silent.value, 0);
    ck_assert_int_eq(wait_fence(device, silent.handle, 0, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fence(device, deaf.handle, 0, NULL), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(signal_fence(device, deaf.handle, 1), STATUS_SUCCESS);
    ck_assert_int_eq(
        try_create(&create, device, D3DDDI_MONITORED_FENCE, FLAG(NoSignal) | FLAG(NoWait)),
        STATUS_INVALID_PARAMETER);
    const uint32_t monitored[] = {FLAG(TopOfPipeline), FLAG(NoSignal), FLAG(NoWait),
                                  FLAG(NoSignalMaxValueOnTdr), FLAG(NoGPUAccess)};
    for (unsigned i = 0; i < sizeof monitored / sizeof monitored[0]; i++)
        ck_assert_int_eq(try_create(&create, device, D3DDDI_FENCE, monitored[i]),
                         STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(create.hSyncObject, 7);
    destroy_device(device);
}
END_TEST

START_TEST(malformed_objects_are_refused) /* KMT-186, 190, 191 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 7};
    ck_assert_int_eq(kmt_CreateSynchronizationObject2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateSynchronizationObject2((void *)64), STATUS_ACCESS_VIOLATION);
    for (int type = 0; type <= 8; type++)
        if (type == 0 || type > D3DDDI_MONITORED_FENCE) /* periodic: nothing is displayed */
            ck_assert_int_eq(try_create(&create, device, type, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_create(&create, device, D3DDDI_FENCE, FLAG(NtSecuritySharing)),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_create(&create, device, D3DDDI_FENCE, FLAG(CrossAdapter)),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_create(&create, device, D3DDDI_FENCE, 0x200), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_create(&create, device, D3DDDI_SEMAPHORE, 0), STATUS_INVALID_PARAMETER);
    create.Info.Semaphore.MaxCount = 2;
    create.Info.Semaphore.InitialCount = 3;
    ck_assert_int_eq(try_create(&create, device, D3DDDI_SEMAPHORE, 0), STATUS_INVALID_PARAMETER);
    create.Info.CPUNotification.Event = (HANDLE)0x1230;
    ck_assert_int_eq(try_create(&create, device, D3DDDI_CPU_NOTIFICATION, 0),
                     STATUS_INVALID_HANDLE);
    create.Info.MonitoredFence.EngineAffinity = 2;
    ck_assert_int_eq(try_create(&create, device, D3DDDI_MONITORED_FENCE, 0),
                     STATUS_INVALID_PARAMETER);
    create.Info.MonitoredFence.EngineAffinity = 0;
    ck_assert_int_eq(try_create(&create, 0, D3DDDI_MONITORED_FENCE, 0), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(create.hSyncObject, 7);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT old = {.hDevice = device};
    for (int type = 0; type <= 7; type++) {
        old.Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type;
        old.Info.Semaphore.MaxCount = old.Info.Semaphore.InitialCount = 1;
        ck_assert_int_eq(kmt_CreateSynchronizationObject(&old),
                         type == D3DDDI_SYNCHRONIZATION_MUTEX || type == D3DDDI_SEMAPHORE
                             ? STATUS_SUCCESS
                             : STATUS_INVALID_PARAMETER);
    }
    old.Info.Type = D3DDDI_SEMAPHORE;
    old.Info.Semaphore.InitialCount = 2;
    ck_assert_int_eq(kmt_CreateSynchronizationObject(&old), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateSynchronizationObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateSynchronizationObject((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_DestroySynchronizationObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroySynchronizationObject((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(destroy(device), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

START_TEST(counts_and_lists) /* KMT-173 */
{
    D3DKMT_HANDLE device = make_device(), handles[33];
    struct fence fence = make_fence(device, 1, 0);
    uint64_t values[33] = {0};
    for (unsigned i = 0; i < 33; i++)
        handles[i] = fence.handle;
    ck_assert_int_eq(wait_fences(device, 0, handles, values, false, NULL),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(wait_fences(device, 33, handles, values, false, NULL),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(wait_fences(device, 32, handles, values, false, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fences(device, 2, (void *)64, values, false, NULL),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(wait_fences(device, 2, handles, (void *)64, false, NULL),
                     STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(wait_fences(device, 2, NULL, values, false, NULL), STATUS_INVALID_PARAMETER);
    handles[1] = 0;
    ck_assert_int_eq(wait_fences(device, 2, handles, values, false, NULL),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(wait_fences(0, 1, handles, values, false, NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromCpu(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromCpu((void *)64), STATUS_ACCESS_VIOLATION);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {
        .hDevice = device, .ObjectHandleArray = handles, .FenceValueArray = values};
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu(&signal), STATUS_INVALID_PARAMETER);
    signal.ObjectCount = 33;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu(&signal), STATUS_INVALID_PARAMETER);
    signal.ObjectCount = 1;
    for (uint32_t flag = 1; flag; flag <<= 1) {
        signal.Flags.Value = flag;
        ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu(&signal),
                         flag == D3DDDICB_SIGNALFLAGS_AllowFenceRewind ? STATUS_SUCCESS
                                                                       : STATUS_INVALID_PARAMETER);
    }
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu((void *)64), STATUS_ACCESS_VIOLATION);
    /* one wrong object: none is signaled */
    signal.Flags.Value = 0;
    signal.ObjectCount = 2;
    values[0] = 70;
    ck_assert_int_eq(kmt_SignalSynchronizationObjectFromCpu(&signal), STATUS_INVALID_PARAMETER);
    ck_assert_uint_ne(*fence.value, 70);
    destroy_device(device);
}
END_TEST

START_TEST(other_kinds_are_not_waited_for_by_the_cpu)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {0};
    ck_assert_int_eq(try_create(&create, device, D3DDDI_FENCE, 0), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fence(device, create.hSyncObject, 0, NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(signal_fence(device, create.hSyncObject, 1), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

START_TEST(global_handles_open_the_same_object) /* KMT-184, 185, 189 */
{
    D3DKMT_HANDLE device = make_device();
    struct fence fence = make_fence(device, 5, FLAG(Shared));
    struct fence hidden = make_fence(device, 5, FLAG(Shared) | FLAG(NtSecuritySharing));
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = fence.global, .hSyncObject = 3};
    ck_assert_uint_ne(fence.global, 0);
    ck_assert_uint_eq(hidden.global, 0);
    ck_assert_int_eq(kmt_OpenSynchronizationObject(&open), STATUS_SUCCESS);
    ck_assert_uint_ne(open.hSyncObject, fence.handle);
    ck_assert_int_eq(wait_fence(device, open.hSyncObject, 5, NULL), STATUS_SUCCESS);
    ck_assert_int_eq(signal_fence(device, open.hSyncObject, 8), STATUS_SUCCESS);
    ck_assert_uint_eq(*fence.value, 8);
    ck_assert_int_eq(destroy(fence.handle), STATUS_SUCCESS);
    ck_assert_int_eq(signal_fence(device, open.hSyncObject, 9), STATUS_SUCCESS);
    ck_assert_int_eq(wait_fence(device, open.hSyncObject, 9, NULL), STATUS_SUCCESS);
    D3DKMT_HANDLE last = open.hSyncObject;
    destroy_device(device); /* opened without a device */
    ck_assert_int_eq(destroy(last), STATUS_SUCCESS);
    open.hSyncObject = 3;
    ck_assert_int_eq(kmt_OpenSynchronizationObject(&open), STATUS_INVALID_PARAMETER);
    const D3DKMT_HANDLE wrong[] = {0, 0x40000040, 0x80000002, 0x80001FC2, UINT32_MAX};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        open.hSharedHandle = wrong[i];
        ck_assert_int_eq(kmt_OpenSynchronizationObject(&open), STATUS_INVALID_PARAMETER);
    }
    ck_assert_uint_eq(open.hSyncObject, 3);
    ck_assert_int_eq(kmt_OpenSynchronizationObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenSynchronizationObject((void *)64), STATUS_ACCESS_VIOLATION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu sync");
    TCase *cases = tcase_create("gpu sync");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_monitored_fence_shows_its_value);
    tcase_add_test(cases, reached_values_need_no_wait);
    tcase_add_test(cases, a_wait_blocks_until_another_thread_signals);
    tcase_add_test(cases, events_tell_the_end_of_a_wait);
    tcase_add_test(cases, a_wait_ends_with_its_fence);
    tcase_add_test(cases, a_reset_ends_waits_with_the_largest_value);
    tcase_add_test(cases, a_stop_ends_waits);
    tcase_add_test(cases, limits_of_an_opening);
    tcase_add_test(cases, malformed_objects_are_refused);
    tcase_add_test(cases, counts_and_lists);
    tcase_add_test(cases, other_kinds_are_not_waited_for_by_the_cpu);
    tcase_add_test(cases, global_handles_open_the_same_object);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
