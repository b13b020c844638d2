/* Work for contexts: D3DKMTSubmitCommand and Render, and work that hangs. */
#include "tests/unit/gpu_stream_kit.h"

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
    ck_assert_uint_eq(now() - start, segment_time(local, 1 << 20) + kit_mm()->adapter->work_cost);
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

/* Longer than work may take; it is not the work's. */
START_TEST(bringing_in_is_no_hang_and_takes_its_time)
{
    D3DKMT_HANDLE device = begin(), allocation = make_allocation(device, 1 << 20);
    D3DKMT_CREATECONTEXT create = {.hDevice = device};
    struct vid_segment *local = &kit_mm()->adapter->segments[VID_LOCAL];
    const struct winmem_gpu_work work = {2000 * MS + 1};
    ck_assert_int_eq(kmt_CreateContext(&create), STATUS_SUCCESS);
    D3DKMT_RENDER render = {.hContext = create.hContext, .AllocationCount = 1};
    local->bandwidth = 1 << 16;
    local->latency = 0;
    create.pAllocationList[0].hAllocation = allocation;
    ck_assert_int_eq(kmt_Render(&render), STATUS_SUCCESS);
    uint64_t start = now();
    run_out();
    ck_assert_uint_eq(now() - start, 16000 * MS + kit_mm()->adapter->work_cost);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    render.pPrivateDriverData = (void *)&work;
    render.PrivateDriverDataSize = sizeof work;
    create.pAllocationList[0].hAllocation = make_allocation(device, 1 << 20);
    ck_assert_int_eq(kmt_Render(&render), STATUS_SUCCESS);
    start = now();
    run_out(); /* the work behind it does hang */
    ck_assert_uint_eq(now() - start, 16000 * MS + 2000 * MS);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_HUNG);
    destroy_device(device);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("gpu submit");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, work_that_does_not_end_hangs_its_device);
    tcase_add_test(tests, the_seventh_hang_within_a_minute_stops_the_adapter);
    tcase_add_test(tests, contexts_may_be_taken_out_of_the_timeout);
    tcase_add_test(tests, work_for_a_failed_device);
    tcase_add_test(tests, malformed_submissions_are_refused);
    tcase_add_test(tests, rendering_brings_its_allocations_in);
    tcase_add_test(tests, bringing_in_is_no_hang_and_takes_its_time);
    return suite_run("gpu submit", tests);
}
