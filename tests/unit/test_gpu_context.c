/* Contexts of the simulated GPU: their life, the order of what they do, when they are idle. */
#include "tests/unit/gpu_stream_kit.h"

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
    TCase *tests = tcase_create("gpu context");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, work_takes_its_time_in_order);
    tcase_add_test(tests, a_wait_holds_back_its_own_stream);
    tcase_add_test(tests, nodes_work_side_by_side);
    tcase_add_test(tests, idle_is_when_all_is_done);
    tcase_add_test(tests, a_destroyed_context_finishes);
    tcase_add_test(tests, malformed_contexts_are_refused);
    tcase_add_test(tests, a_run_repeats_exactly);
    return suite_run("gpu context", tests);
}
