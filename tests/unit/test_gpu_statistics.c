/* D3DKMTQueryStatistics, QueryClockCalibration and their like. */
#include "tests/unit/gpu_memory_kit.h"
#include "tests/unit/suite.h"

static NTSTATUS ask(uint32_t type, uint32_t number, D3DKMT_QUERYSTATISTICS *ret_data)
{
    memset(ret_data, 0, sizeof *ret_data);
    ret_data->Type = type;
    ret_data->AdapterLuid = adapter_luid(kit_mm());
    ret_data->QuerySegment.SegmentId = number;
    return kmt_QueryStatistics(ret_data);
}

static uint64_t committed(uint32_t segment)
{
    D3DKMT_QUERYSTATISTICS data;
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, segment, &data), STATUS_SUCCESS);
    return data.QueryResult.ProcessSegmentInformation.BytesCommitted;
}

START_TEST(segments_and_nodes_are_told_by_their_numbers) /* KMT-130, 131, 133 */
{
    D3DKMT_QUERYSTATISTICS data;
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_ADAPTER, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.AdapterInformation.NbSegments, 2);
    ck_assert_uint_eq(data.QueryResult.AdapterInformation.NodeCount, 2);
    ck_assert_uint_eq(data.QueryResult.AdapterInformation.VidPnSourceCount, 0);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_SEGMENT, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.CommitLimit, 64 * MIB);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.Aperture, 0);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_SEGMENT, 1, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.CommitLimit, 32 * MIB);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.Aperture, 1);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_SEGMENT, 2, &data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, 2, &data),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_NODE, 1, &data), STATUS_SUCCESS);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_NODE, 2, &data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_NODE, 2, &data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER, 0, &data), STATUS_SUCCESS);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER, 1, &data),
                     STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_VIDPNSOURCE, 0, &data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE, 0, &data),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(memory_counts_while_it_is_there) /* KMT-134, 135 */
{
    D3DKMT_QUERYSTATISTICS data;
    uint64_t before = committed(0);
    D3DKMT_HANDLE a = make_resident(3 * MIB), b = make_resident(MIB);
    ck_assert_uint_eq(committed(0) - before, 4 * MIB);
    ck_assert_uint_eq(committed(1), 0);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_SEGMENT, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.BytesResident, 4 * MIB);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.Memory.AllocsResident, 2);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.ProcessSegmentGroupInformation.Usage, 4 * MIB);
    ck_assert_uint_gt(data.QueryResult.ProcessSegmentGroupInformation.Budget, 50 * MIB);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 2, &data),
                     STATUS_INVALID_PARAMETER);
    destroy_allocation(a);
    destroy_allocation(b);
    ck_assert_uint_eq(committed(0), before);
}
END_TEST

static void put_out(D3DKMT_HANDLE handle, bool written)
{
    struct vid_paging paging = {0};
    vidmm_lock(kit_mm());
    kmt_lock();
    const struct kmt_allocation *allocation = kmt_find(handle, KMT_ALLOCATION);
    vidmm_of(kit_mm(), allocation->opening)->written = written;
    vidmm_put_out(kit_mm(), kit_mm()->openings[allocation->opening].allocation, &paging);
    kmt_unlock();
    vidmm_unlock(kit_mm());
}

START_TEST(evictions_are_counted)
{
    D3DKMT_QUERYSTATISTICS data;
    put_out(make_resident(2 * MIB), false);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(
        data.QueryResult.ProcessAdapterInformation.CommitmentData.TotalBytesEvictedFromProcess,
        2 * MIB);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_SEGMENT, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.SegmentInformation.Memory.TotalBytesEvicted, 2 * MIB);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.QueryResult.ProcessSegmentGroupInformation.Usage, 0);
    ck_assert_uint_eq(data.QueryResult.ProcessSegmentGroupInformation.Demoted[2], 2 * MIB);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_ADAPTER, 0, &data), STATUS_SUCCESS);
    const D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION *all = &data.QueryResult.AdapterInformation;
    ck_assert_uint_eq(all->PagingFault.Evictions.Bytes, 2 * MIB);
    ck_assert_uint_eq(all->PagingTransfer.BytesTransferredFromMemoryToMdl, 0); /* nothing to copy */
    put_out(make_resident(3 * MIB), true);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_ADAPTER, 0, &data), STATUS_SUCCESS);
    ck_assert_uint_eq(all->PagingFault.Evictions.Bytes, 5 * MIB);
    ck_assert_uint_eq(all->PagingTransfer.BytesTransferredFromMemoryToMdl, 3 * MIB);
}
END_TEST

START_TEST(work_raises_the_running_time) /* KMT-136 */
{
    D3DKMT_QUERYSTATISTICS data;
    put_work(make_context(device, 1), 5000000);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_NODE, 1, &data), STATUS_SUCCESS);
    ck_assert_int_lt(data.QueryResult.NodeInformation.GlobalInformation.RunningTime.QuadPart,
                     50000);
    kmt_lock();
    ck_assert(clock_step(kit_mm()));
    kmt_unlock();
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_NODE, 1, &data), STATUS_SUCCESS);
    ck_assert_int_eq(data.QueryResult.NodeInformation.GlobalInformation.RunningTime.QuadPart,
                     50000);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_PROCESS_NODE, 1, &data), STATUS_SUCCESS);
    ck_assert_int_eq(data.QueryResult.ProcessNodeInformation.RunningTime.QuadPart, 50000);
    ck_assert_int_eq(ask(D3DKMT_QUERYSTATISTICS_NODE, 0, &data), STATUS_SUCCESS);
    ck_assert_int_eq(data.QueryResult.NodeInformation.GlobalInformation.RunningTime.QuadPart, 0);
}
END_TEST

START_TEST(malformed_questions_are_refused) /* KMT-132 */
{
    D3DKMT_QUERYSTATISTICS data;
    ck_assert_int_eq(kmt_QueryStatistics(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_QueryStatistics((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(ask(11, 0, &data), STATUS_INVALID_PARAMETER);
    data = (D3DKMT_QUERYSTATISTICS){.AdapterLuid = {0x77777777, 0}};
    ck_assert_int_eq(kmt_QueryStatistics(&data), STATUS_INVALID_PARAMETER);
    data.AdapterLuid = adapter_luid(kit_mm());
    data.Type = D3DKMT_QUERYSTATISTICS_PROCESS;
    data.hProcess = (HANDLE)0x7777;
    ck_assert_int_eq(kmt_QueryStatistics(&data), STATUS_INVALID_HANDLE);
    data.hProcess = (HANDLE)-1;
    ck_assert_int_eq(kmt_QueryStatistics(&data), STATUS_SUCCESS);
    __atomic_store_n(&kit_mm()->adapter->running, VID_STOPPED, __ATOMIC_RELEASE);
    ck_assert_int_eq(kmt_QueryStatistics(&data), STATUS_DEVICE_REMOVED);
}
END_TEST

START_TEST(clocks_are_read_together)
{
    D3DKMT_QUERYCLOCKCALIBRATION clock = {.hAdapter = make_adapter()};
    ck_assert_int_eq(kmt_QueryClockCalibration(&clock), STATUS_SUCCESS);
    ck_assert_uint_eq(clock.ClockData.GpuFrequency, 1000000000);
    ck_assert_uint_eq(clock.ClockData.GpuClockCounter, clock_now(kit_mm()));
    ck_assert_uint_gt(clock.ClockData.CpuClockCounter, 0);
    clock.NodeOrdinal = 2;
    ck_assert_int_eq(kmt_QueryClockCalibration(&clock), STATUS_INVALID_PARAMETER);
    clock.NodeOrdinal = 0;
    clock.PhysicalAdapterIndex = 1;
    ck_assert_int_eq(kmt_QueryClockCalibration(&clock), STATUS_INVALID_PARAMETER);
    clock.hAdapter = device;
    ck_assert_int_eq(kmt_QueryClockCalibration(&clock), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(power_and_removal)
{
    D3DKMT_SETSTABLEPOWERSTATE power = {make_adapter(), TRUE};
    D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT removal = {
        .hProcess = (HANDLE)-1, .AdapterLuid = adapter_luid(kit_mm()), .Support = TRUE};
    ck_assert_int_eq(kmt_SetStablePowerState(&power), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_GetProcessDeviceRemovalSupport(&removal), STATUS_SUCCESS);
    ck_assert_uint_eq(removal.Support, FALSE);
    removal.hProcess = NULL;
    ck_assert_int_eq(kmt_GetProcessDeviceRemovalSupport(&removal), STATUS_INVALID_HANDLE);
    removal.hProcess = (HANDLE)-1;
    removal.AdapterLuid.LowPart = 1;
    ck_assert_int_eq(kmt_GetProcessDeviceRemovalSupport(&removal), STATUS_INVALID_PARAMETER);
    power.hAdapter = 0;
    ck_assert_int_eq(kmt_SetStablePowerState(&power), STATUS_INVALID_PARAMETER);
}
END_TEST

int main(void)
{
    setenv("WINMEM_GPU", "adapter local=64M nonlocal=32M call=0ns", 1);
    setenv("WINMEM_GPU_TICK", "0", 1);
    TCase *tests = tcase_create("statistics");
    tcase_add_checked_fixture(tests, make_queue, NULL);
    tcase_add_test(tests, segments_and_nodes_are_told_by_their_numbers);
    tcase_add_test(tests, memory_counts_while_it_is_there);
    tcase_add_test(tests, evictions_are_counted);
    tcase_add_test(tests, work_raises_the_running_time);
    tcase_add_test(tests, malformed_questions_are_refused);
    tcase_add_test(tests, clocks_are_read_together);
    tcase_add_test(tests, power_and_removal);
    return suite_run("gpu_statistics", tests);
}
