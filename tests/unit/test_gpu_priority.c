/* Priorities of contexts and of the process, and who comes first by them. */
#include "tests/unit/gpu_stream_kit.h"

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

int main(void)
{
    TCase *tests = tcase_create("gpu priority");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, priorities_of_contexts);
    tcase_add_test(tests, higher_priority_starts_first);
    tcase_add_test(tests, classes_of_the_process);
    return suite_run("gpu priority", tests);
}
