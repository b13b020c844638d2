/* The virtual clock, devices and paging queues of the simulated GPU. */
#include <time.h>
#include "d3dkmt/paging.h"
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

#define M (1ull << 20)

static D3DKMT_CREATEPAGINGQUEUE make_queue(D3DKMT_HANDLE device, int priority)
{
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device,
                                       .Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)priority};
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_SUCCESS);
    return create;
}

static uint64_t value_of(const D3DKMT_CREATEPAGINGQUEUE *queue)
{
    return *(volatile uint64_t *)queue->FenceValueCPUVirtualAddress;
}

static NTSTATUS page(D3DKMT_HANDLE queue, uint64_t bytes, uint64_t *ret_value)
{
    const struct vid_paging moved = {.in = {[VID_LOCAL] = bytes}};
    kmt_lock();
    NTSTATUS status = paging_enqueue(kmt_find(queue, KMT_PAGING_QUEUE), &moved, ret_value);
    kmt_unlock();
    return status;
}

static uint64_t now(void)
{
    return clock_now(kit_mm());
}

static bool step(void)
{
    kmt_lock();
    bool stepped = clock_step(kit_mm());
    kmt_unlock();
    return stepped;
}

START_TEST(cost_is_latency_and_bytes_over_bandwidth)
{
    const struct vid_segment segment = {.bandwidth = 1000, .latency = 7};
    ck_assert_uint_eq(segment_time(&segment, 0), 0);
    ck_assert_uint_eq(segment_time(&segment, 3), 7 + 3000000);
    const struct vid_segment fast = {.bandwidth = 1ull << 40, .latency = 0};
    ck_assert_uint_eq(segment_time(&fast, 1ull << 45), 32000000000ull);
}
END_TEST

START_TEST(a_call_takes_its_time)
{
    D3DKMT_HANDLE device = make_device();
    uint64_t before = now();
    execution_state_of(device);
    execution_state_of(device);
    ck_assert_uint_eq(now() - before, 2 * kit_mm()->adapter->call_cost);
    destroy_device(device);
}
END_TEST

START_TEST(paging_is_done_in_order_and_takes_its_time) /* KMT-089, 090 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0), other = make_queue(device, 0);
    uint64_t value, start = now();
    uint64_t one = segment_time(&kit_mm()->adapter->segments[VID_LOCAL], M);
    ck_assert_uint_ne(queue.hSyncObject, 0);
    ck_assert_ptr_ne(queue.FenceValueCPUVirtualAddress, other.FenceValueCPUVirtualAddress);
    ck_assert_int_eq(page(queue.hPagingQueue, 0, &value), STATUS_SUCCESS);
    ck_assert_uint_eq(value, 0);
    ck_assert_int_eq(page(queue.hPagingQueue, M, &value), STATUS_PENDING);
    ck_assert_uint_eq(value, 1);
    ck_assert_int_eq(page(queue.hPagingQueue, M, &value), STATUS_PENDING);
    ck_assert_uint_eq(value, 2);
    ck_assert_int_eq(page(queue.hPagingQueue, 0, &value), STATUS_PENDING);
    ck_assert_uint_eq(value, 2);
    ck_assert_uint_eq(value_of(&queue), 0);
    ck_assert(step());
    ck_assert_uint_eq(now(), start + one);
    ck_assert_uint_eq(value_of(&queue), 1);
    ck_assert(step());
    ck_assert_uint_eq(now(), start + 2 * one);
    ck_assert_uint_eq(value_of(&queue), 2);
    ck_assert(!step());
    ck_assert_uint_eq(value_of(&other), 0);
    ck_assert_int_eq(page(queue.hPagingQueue, 0, &value), STATUS_SUCCESS);
    destroy_device(device);
}
END_TEST

START_TEST(higher_queues_go_first)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE high = make_queue(device, 1), low = make_queue(device, -1);
    uint64_t value, start = now();
    uint64_t one = segment_time(&kit_mm()->adapter->segments[VID_LOCAL], M);
    page(high.hPagingQueue, M, &value);
    page(low.hPagingQueue, M, &value);
    page(high.hPagingQueue, M, &value);
    ck_assert(step()); /* high 1 at one; high 2 and low 1 both at two: the older one first */
    ck_assert_uint_eq(value_of(&low), 0);
    ck_assert_uint_eq(value_of(&high), 1);
    ck_assert(step());
    ck_assert_uint_eq(value_of(&low), 1);
    ck_assert_uint_eq(value_of(&high), 2);
    ck_assert_uint_eq(now(), start + 2 * one);
    destroy_device(device);
}
END_TEST

START_TEST(destroying_a_queue_waits_for_it) /* KMT-092 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0);
    D3DDDI_DESTROYPAGINGQUEUE destroy = {queue.hPagingQueue};
    uint64_t value, start = now();
    uint64_t one = segment_time(&kit_mm()->adapter->segments[VID_LOCAL], M);
    page(queue.hPagingQueue, M, &value);
    ck_assert_int_eq(kmt_DestroyPagingQueue(&destroy), STATUS_SUCCESS);
    ck_assert_uint_ge(now(), start + one);
    ck_assert_int_eq(kmt_DestroyPagingQueue(&destroy), STATUS_INVALID_PARAMETER);
    kmt_lock();
    ck_assert_ptr_null(kmt_find(queue.hSyncObject, KMT_SYNC));
    kmt_unlock();
    destroy_device(device);
}
END_TEST

START_TEST(queues_go_with_their_device) /* KMT-093 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0);
    D3DDDI_DESTROYPAGINGQUEUE destroy = {queue.hPagingQueue};
    uint64_t value;
    page(queue.hPagingQueue, M, &value);
    destroy_device(device);
    ck_assert_int_eq(kmt_DestroyPagingQueue(&destroy), STATUS_INVALID_PARAMETER);
    while (step()) /* what it still had to do has nobody to tell */
        ;
}
END_TEST

START_TEST(malformed_queues_are_refused) /* KMT-091 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device, .hPagingQueue = 77};
    ck_assert_int_eq(kmt_CreatePagingQueue(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreatePagingQueue((void *)64), STATUS_ACCESS_VIOLATION);
    create.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)2;
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_INVALID_PARAMETER);
    create.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)-2;
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_INVALID_PARAMETER);
    create.Priority = 0;
    create.PhysicalAdapterIndex = 1;
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_INVALID_PARAMETER);
    create.PhysicalAdapterIndex = 0;
    create.hDevice = make_adapter();
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(create.hPagingQueue, 77);
    ck_assert_int_eq(kmt_DestroyPagingQueue(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyPagingQueue((void *)64), STATUS_ACCESS_VIOLATION);
    destroy_device(device);
}
END_TEST

START_TEST(a_program_that_looks_sees_it_done)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0);
    uint64_t value;
    time_t end = time(NULL) + 10;
    page(queue.hPagingQueue, M, &value);
    page(queue.hPagingQueue, M, &value);
    while (value_of(&queue) < value && time(NULL) < end)
        ;
    ck_assert_uint_eq(value_of(&queue), 2);
    destroy_device(device);
}
END_TEST

START_TEST(without_ticks_time_stands_still)
{
    setenv("WINMEM_GPU_TICK", "0", 1);
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0);
    const struct timespec pause = {0, 60000000};
    uint64_t value;
    page(queue.hPagingQueue, M, &value);
    nanosleep(&pause, NULL);
    ck_assert_uint_eq(value_of(&queue), 0);
    destroy_device(device);
}
END_TEST

/* Devices */

START_TEST(a_new_device_is_active) /* KMT-137, 138, 139 */
{
    D3DKMT_HANDLE first = make_device(), second = make_device();
    const D3DKMT_DESTROYDEVICE destroy = {first};
    ck_assert_uint_ne(first, second);
    ck_assert_int_eq(execution_state_of(first), D3DKMT_DEVICEEXECUTION_ACTIVE);
    destroy_device(first);
    ck_assert_int_eq(execution_state_of(second), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_int_eq(kmt_DestroyDevice(&destroy), STATUS_INVALID_PARAMETER);
    destroy_device(second);
}
END_TEST

START_TEST(malformed_devices_are_refused) /* KMT-143 */
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = make_adapter(), .Flags = {8}, .hDevice = 5};
    const D3DKMT_DESTROYDEVICE destroy = {make_adapter()};
    ck_assert_int_eq(kmt_CreateDevice(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateDevice((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_INVALID_PARAMETER);
    create.Flags.Value = D3DKMT_CREATEDEVICEFLAGS_DisableGpuTimeout;
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_ACCESS_DENIED);
    create.Flags.Value = 0;
    create.hAdapter = 0;
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(create.hDevice, 5);
    ck_assert_int_eq(kmt_DestroyDevice(&destroy), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyDevice(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_DestroyDevice((void *)64), STATUS_ACCESS_VIOLATION);
}
END_TEST

START_TEST(legacy_mode_has_buffers)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = make_adapter(),
                                  .Flags = {D3DKMT_CREATEDEVICEFLAGS_LegacyMode}};
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_SUCCESS);
    ck_assert_uint_gt(create.CommandBufferSize, 0);
    memset(create.pCommandBuffer, 1, create.CommandBufferSize);
    memset(create.pAllocationList, 1, create.AllocationListSize * sizeof *create.pAllocationList);
    memset(create.pPatchLocationList, 1,
           create.PatchLocationListSize * sizeof *create.pPatchLocationList);
    destroy_device(create.hDevice);
}
END_TEST

static NTSTATUS state_of(D3DKMT_HANDLE device, int type, D3DKMT_GETDEVICESTATE *ret_state)
{
    memset(ret_state, 0xAA, sizeof *ret_state);
    ret_state->hDevice = device;
    ret_state->StateType = (D3DKMT_DEVICESTATE_TYPE)type;
    return kmt_GetDeviceState(ret_state);
}

START_TEST(states_other_than_the_execution_state) /* KMT-144, 145 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_GETDEVICESTATE state;
    ck_assert_int_eq(state_of(device, D3DKMT_DEVICESTATE_RESET, &state), STATUS_SUCCESS);
    ck_assert_uint_eq(state.ResetState.Value, 0);
    ck_assert_int_eq(state_of(device, D3DKMT_DEVICESTATE_PAGE_FAULT, &state), STATUS_SUCCESS);
    ck_assert_uint_eq(state.PageFaultState.FaultedVirtualAddress, 0);
    ck_assert_uint_eq(state.PageFaultState.FaultedBindTableEntry, UINT32_MAX);
    for (int type = D3DKMT_DEVICESTATE_PRESENT; type <= 7; type++)
        if (type != D3DKMT_DEVICESTATE_RESET && type != D3DKMT_DEVICESTATE_PAGE_FAULT)
            ck_assert_int_eq(state_of(device, type, &state), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(state_of(device, 0, &state), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(state_of(0, 1, &state), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetDeviceState(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetDeviceState((void *)64), STATUS_ACCESS_VIOLATION);
    destroy_device(device);
}
END_TEST

START_TEST(a_device_marked_as_failed) /* KMT-146, 147, 149, 150, 151 */
{
    D3DKMT_HANDLE device = make_device(), other = make_device();
    D3DKMT_CREATEPAGINGQUEUE queue = make_queue(device, 0);
    D3DKMT_MARKDEVICEASERROR mark = {device, 1};
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device};
    D3DKMT_GETDEVICESTATE state;
    ck_assert_int_eq(kmt_MarkDeviceAsError(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_MarkDeviceAsError((void *)64), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_MarkDeviceAsError(&mark), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    mark.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
    ck_assert_int_eq(kmt_MarkDeviceAsError(&mark), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_MarkDeviceAsError(&mark), STATUS_SUCCESS);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
    ck_assert_int_eq(state_of(device, D3DKMT_DEVICESTATE_PAGE_FAULT, &state), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_DEVICE_REMOVED);
    ck_assert_uint_eq(value_of(&queue), UINT64_MAX);
    ck_assert_int_eq(execution_state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    destroy_device(device);
    destroy_device(other);
}
END_TEST

static void change_adapter(uint32_t running, uint32_t resets, uint32_t hung)
{
    struct vid_adapter *adapter = kit_mm()->adapter;
    vidmm_lock(kit_mm());
    adapter->running = running;
    adapter->resets += resets;
    adapter->hung_process = hung;
    vidmm_unlock(kit_mm());
}

/* Also when it is taken out; as it was when it goes on. */
START_TEST(a_stopped_adapter_tells_no_budget) /* KMT-392 */
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = make_adapter(), .Budget = 77};
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION change = {.hAdapter = info.hAdapter, .Reservation = 4096};
    for (uint32_t running = VID_STOPPED; running <= VID_REMOVED; running++) {
        change_adapter(running, 0, gpu_process());
        ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&info), STATUS_DEVICE_REMOVED);
        ck_assert_uint_eq(info.Budget, 77);
        ck_assert_int_eq(kmt_ChangeVideoMemoryReservation(&change), STATUS_DEVICE_REMOVED);
        info.MemorySegmentGroup = 2;
        ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&info), STATUS_INVALID_PARAMETER);
        info.MemorySegmentGroup = 0;
    }
    change_adapter(VID_RUNNING, 0, gpu_process());
    ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.CurrentReservation, 0);
    ck_assert_int_eq(kmt_ChangeVideoMemoryReservation(&change), STATUS_SUCCESS);
    change.Reservation = 0;
    ck_assert_int_eq(kmt_ChangeVideoMemoryReservation(&change), STATUS_SUCCESS);
}
END_TEST

START_TEST(a_reset_and_a_stop_end_devices) /* KMT-153, 155, 161, 162 */
{
    D3DKMT_HANDLE device = make_device(), second, third;
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device};
    D3DKMT_CREATEDEVICE more = {.hAdapter = make_adapter()};
    D3DKMT_GETDEVICESTATE state;
    change_adapter(VID_RUNNING, 1, VID_PROCESSES);
    second = make_device();
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_RESET);
    ck_assert_int_eq(execution_state_of(second), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(state_of(device, D3DKMT_DEVICESTATE_RESET, &state), STATUS_DEVICE_REMOVED);
    change_adapter(VID_RUNNING, 1, gpu_process());
    third = make_device();
    ck_assert_int_eq(execution_state_of(second), D3DKMT_DEVICEEXECUTION_HUNG);
    ck_assert_int_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_RESET);
    change_adapter(VID_STOPPED, 0, gpu_process());
    ck_assert_int_eq(execution_state_of(third), D3DKMT_DEVICEEXECUTION_STOPPED);
    ck_assert_int_eq(kmt_CreateDevice(&more), STATUS_DEVICE_REMOVED);
    change_adapter(VID_RUNNING, 0, gpu_process()); /* it runs again, without what it had */
    create.hDevice = third;
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_CreateDevice(&more), STATUS_SUCCESS);
    destroy_device(more.hDevice);
    destroy_device(device);
    destroy_device(second);
    destroy_device(third);
}
END_TEST

START_TEST(the_limit_of_queued_presents) /* KMT-202 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_SETQUEUEDLIMIT limit = {.hDevice = device, .Type = D3DKMT_GET_QUEUEDLIMIT_PRESENT};
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_SUCCESS);
    ck_assert_uint_eq(limit.QueuedPresentLimit, 3);
    limit.Type = D3DKMT_SET_QUEUEDLIMIT_PRESENT;
    limit.QueuedPresentLimit = 17;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_INVALID_PARAMETER);
    limit.QueuedPresentLimit = 16;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_SUCCESS);
    limit.Type = D3DKMT_GET_QUEUEDLIMIT_PRESENT;
    limit.QueuedPresentLimit = 0;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_SUCCESS);
    ck_assert_uint_eq(limit.QueuedPresentLimit, 16);
    limit.Type = D3DKMT_SET_QUEUEDLIMIT_PRESENT;
    limit.QueuedPresentLimit = 0;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_SUCCESS);
    limit.Type = D3DKMT_GET_QUEUEDLIMIT_PRESENT;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_SUCCESS);
    ck_assert_uint_eq(limit.QueuedPresentLimit, 3);
    limit.Type = (D3DKMT_QUEUEDLIMIT_TYPE)3;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetQueuedLimit(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetQueuedLimit((void *)64), STATUS_ACCESS_VIOLATION);
    limit.Type = D3DKMT_GET_QUEUEDLIMIT_PRESENT;
    change_adapter(VID_RUNNING, 1, VID_PROCESSES);
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_DEVICE_REMOVED);
    limit.hDevice = 0;
    ck_assert_int_eq(kmt_SetQueuedLimit(&limit), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gpu paging");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, cost_is_latency_and_bytes_over_bandwidth);
    tcase_add_test(cases, a_call_takes_its_time);
    tcase_add_test(cases, paging_is_done_in_order_and_takes_its_time);
    tcase_add_test(cases, higher_queues_go_first);
    tcase_add_test(cases, destroying_a_queue_waits_for_it);
    tcase_add_test(cases, queues_go_with_their_device);
    tcase_add_test(cases, malformed_queues_are_refused);
    tcase_add_test(cases, a_program_that_looks_sees_it_done);
    tcase_add_test(cases, without_ticks_time_stands_still);
    tcase_add_test(cases, a_new_device_is_active);
    tcase_add_test(cases, malformed_devices_are_refused);
    tcase_add_test(cases, legacy_mode_has_buffers);
    tcase_add_test(cases, states_other_than_the_execution_state);
    tcase_add_test(cases, a_device_marked_as_failed);
    tcase_add_test(cases, a_stopped_adapter_tells_no_budget);
    tcase_add_test(cases, a_reset_and_a_stop_end_devices);
    tcase_add_test(cases, the_limit_of_queued_presents);
    return suite_run("gpu paging", cases);
}
