/* Waits and signals in the streams of contexts: fences, semaphores, mutexes, events. */
#include "tests/unit/gpu_stream_kit.h"

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

int main(void)
{
    TCase *tests = tcase_create("gpu stream");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_signal_of_several_contexts_comes_with_the_last);
    tcase_add_test(tests, events_in_a_stream);
    tcase_add_test(tests, without_ticks_an_event_is_set_at_once);
    tcase_add_test(tests, semaphores_mutexes_and_fences);
    tcase_add_test(tests, all_objects_are_taken_together);
    tcase_add_test(tests, what_cannot_be_taken_whole_is_not_taken);
    tcase_add_test(tests, a_semaphore_has_a_most);
    tcase_add_test(tests, signals_at_submission_come_before_the_end_of_the_work);
    tcase_add_test(tests, fences_go_back_only_when_allowed);
    tcase_add_test(tests, malformed_waits_and_signals_of_streams);
    return suite_run("gpu stream", tests);
}
