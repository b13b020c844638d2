/* D3DKMTEscape: timeouts, offers, evictions and budgets on demand. */
#include "tests/unit/gpu_memory_kit.h"
#include "tests/unit/suite.h"

static NTSTATUS escape(uint32_t type, void *data, uint32_t size)
{
    const D3DKMT_ESCAPE call = {.hAdapter = make_adapter(),
                                .hDevice = type == D3DKMT_ESCAPE_VIDMM ? device : 0,
                                .Type = type,
                                .pPrivateDriverData = data,
                                .PrivateDriverDataSize = size};
    return kmt_Escape(&call);
}

static NTSTATUS force(uint32_t control, uint32_t node)
{
    D3DKMT_TDRDBGCTRL_ESCAPE data = {control, node};
    return escape(D3DKMT_ESCAPE_TDRDBGCTRL, &data, sizeof data);
}

static NTSTATUS memory(D3DKMT_VIDMM_ESCAPE *data)
{
    return escape(D3DKMT_ESCAPE_VIDMM, data, sizeof *data);
}

static uint32_t timeouts(void)
{
    D3DKMT_QUERYSTATISTICS data = {.AdapterLuid = adapter_luid(kit_mm())};
    ck_assert_int_eq(kmt_QueryStatistics(&data), STATUS_SUCCESS);
    return data.QueryResult.AdapterInformation.TdrDetectedCount;
}

START_TEST(a_forced_timeout_ends_all_devices) /* KMT-221 */
{
    D3DKMT_HANDLE other = make_device();
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_SUCCESS);
    ck_assert_uint_ne(execution_state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_uint_ne(execution_state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_uint_eq(timeouts(), 1);
    ck_assert_uint_eq(execution_state_of(make_device()), D3DKMT_DEVICEEXECUTION_ACTIVE);
}
END_TEST

START_TEST(a_forced_timeout_of_an_engine_ends_who_works_on_it) /* KMT-222 */
{
    D3DKMT_HANDLE other = make_device(), third = make_device();
    put_work(make_context(device, 1), 1000000);
    put_work(make_context(other, 0), 1000000);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_ENGINETDR, 1), STATUS_SUCCESS);
    ck_assert_uint_eq(execution_state_of(device), D3DKMT_DEVICEEXECUTION_HUNG);
    ck_assert_uint_eq(execution_state_of(other), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_uint_eq(execution_state_of(third), D3DKMT_DEVICEEXECUTION_ACTIVE);
    ck_assert_uint_eq(timeouts(), 1);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_ENGINETDR, 2), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(the_limit_of_timeouts_is_set) /* KMT-223 */
{
    D3DKMT_VIDSCH_ESCAPE data = {.Type = D3DKMT_VIDSCHESCAPETYPE_CONFIGURE_TDR_LIMIT,
                                 .TdrLimit = {2, 60}};
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_VIDSCH, &data, sizeof data), STATUS_SUCCESS);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_SUCCESS);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_mm()->adapter->running, VID_RUNNING);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_mm()->adapter->running, VID_STOPPED);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_DEVICE_REMOVED);
}
END_TEST

START_TEST(a_limit_without_a_number_is_refused)
{
    D3DKMT_VIDSCH_ESCAPE data = {.Type = D3DKMT_VIDSCHESCAPETYPE_CONFIGURE_TDR_LIMIT};
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_VIDSCH, &data, sizeof data), STATUS_INVALID_PARAMETER);
    data.Type = 9;
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_VIDSCH, &data, sizeof data), STATUS_INVALID_PARAMETER);
    data.Type = D3DKMT_VIDSCHESCAPETYPE_SUSPENDSCHEDULER;
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_VIDSCH, &data, sizeof data), STATUS_NOT_SUPPORTED);
}
END_TEST

static NTSTATUS set_fault(uint32_t faults)
{
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_SETFAULT, .SetFault = {faults}};
    return memory(&data);
}

static void offer(D3DKMT_HANDLE allocation, uint32_t flags)
{
    const D3DKMT_OFFERALLOCATIONS data = {.hDevice = device,
                                          .HandleList = &allocation,
                                          .NumAllocations = 1,
                                          .Priority = D3DKMT_OFFER_PRIORITY_LOW,
                                          .Flags.Value = flags};
    ck_assert_int_eq(kmt_OfferAllocations(&data), STATUS_SUCCESS);
}

static D3DDDI_RECLAIM_RESULT reclaim(D3DKMT_HANDLE allocation)
{
    D3DDDI_RECLAIM_RESULT result = 77;
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .HandleList = &allocation, .pResults = &result};
    ck_assert_int_ge(kmt_ReclaimAllocations2(&data), 0);
    return result;
}

START_TEST(offers_are_always_or_never_lost) /* KMT-224 */
{
    D3DKMT_HANDLE a = make_resident(6 * MIB);
    ck_assert_int_eq(set_fault(D3DKMT_VIDMM_ESCAPE_SETFAULT_AlwaysDiscardOfferedAllocation),
                     STATUS_SUCCESS);
    offer(a, 0);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_DISCARDED);
    ck_assert_int_eq(set_fault(D3DKMT_VIDMM_ESCAPE_SETFAULT_NeverDiscardOfferedAllocation),
                     STATUS_SUCCESS);
    offer(a, D3DKMT_OFFER_FLAGS_OfferImmediately);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_OK);
    offer(a, 0);
    D3DKMT_HANDLE b = make_resident(60 * MIB); /* no room for both */
    ck_assert_uint_eq(kit_mm()->adapter->discards, 1);
    ck_assert_uint_eq(kit_mm()->adapter->evictions, 1);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_OK);
    destroy_allocation(b);
    destroy_allocation(a);
    ck_assert_int_eq(set_fault(0), STATUS_SUCCESS);
    a = make_resident(6 * MIB);
    offer(a, 0);
    make_resident(60 * MIB);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_DISCARDED);
    vidmm_lock(kit_mm());
    ck_assert(vidmm_is_valid(kit_mm(), 2));
    vidmm_unlock(kit_mm());
    ck_assert_int_eq(set_fault(0x6000), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(set_fault(1), STATUS_NOT_SUPPORTED);
}
END_TEST

START_TEST(an_adapter_option_does_so_lastingly)
{
    D3DKMT_ADAPTER_VERIFIER_OPTION data = {
        .Type = D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_FLAGS,
        .Mode = D3DKMT_VERIFIER_OPTION_SET,
        .Data.VidMmFlags = D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS_AlwaysDiscardOffer};
    const uint32_t type = D3DKMT_ESCAPE_ADAPTER_VERIFIER_OPTION;
    D3DKMT_HANDLE a = make_resident(MIB);
    ck_assert_int_eq(escape(type, &data, sizeof data), STATUS_SUCCESS);
    offer(a, 0);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_DISCARDED);
    data.Mode = D3DKMT_VERIFIER_OPTION_QUERY;
    data.Data.VidMmFlags = 0;
    ck_assert_int_eq(escape(type, &data, sizeof data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.Data.VidMmFlags, D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS_AlwaysDiscardOffer);
    data.Mode = 2;
    ck_assert_int_eq(escape(type, &data, sizeof data), STATUS_INVALID_PARAMETER);
    data =
        (D3DKMT_ADAPTER_VERIFIER_OPTION){.Type = D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_TRIM_INTERVAL,
                                         .Mode = D3DKMT_VERIFIER_OPTION_SET,
                                         .Data.VidMmTrimInterval = {3, 5, 7}};
    ck_assert_int_eq(escape(type, &data, sizeof data), STATUS_SUCCESS);
    memset(&data.Data, 0, sizeof data.Data);
    data.Mode = D3DKMT_VERIFIER_OPTION_QUERY;
    ck_assert_int_eq(escape(type, &data, sizeof data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.Data.VidMmTrimInterval.MaximumTrimInterval, 5);
    ck_assert_uint_eq(data.Data.VidMmTrimInterval.IdleTrimInterval, 7);
}
END_TEST

START_TEST(evicted_memory_comes_back_whole) /* KMT-225 */
{
    const uint32_t here = D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
    D3DKMT_HANDLE a = make_resident(MIB), b = make_resident(2 * MIB);
    D3DKMT_LOCK2 lock = {.hDevice = device, .hAllocation = a};
    const D3DKMT_UNLOCK2 unlock = {device, a};
    ck_assert_int_eq(kmt_Lock2(&lock), STATUS_SUCCESS);
    memset(lock.pData, 0x5A, MIB);
    ck_assert_int_eq(kmt_Unlock2(&unlock), STATUS_SUCCESS);
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_EVICT};
    data.Evict.AllocationHandle = b;
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(residency(a), here);
    ck_assert_uint_ne(residency(b), here);
    data.Evict.AllocationHandle = 0;
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    ck_assert_uint_ne(residency(a), here);
    D3DDDI_MAKERESIDENT again = {.hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &a};
    ck_assert_int_ge(kmt_MakeResident(&again), 0);
    ck_assert_uint_eq(residency(a), here);
    ck_assert_int_eq(kmt_Lock2(&lock), STATUS_SUCCESS);
    ck_assert_uint_eq(((uint8_t *)lock.pData)[MIB - 1], 0x5A);
    ck_assert_int_eq(kmt_Unlock2(&unlock), STATUS_SUCCESS);
    data.Evict.AllocationHandle = queue;
    ck_assert_int_eq(memory(&data), STATUS_INVALID_PARAMETER);
    data.Evict.AllocationHandle = 0;
    data.Evict.hProcess = (HANDLE)0x7777;
    ck_assert_int_eq(memory(&data), STATUS_INVALID_HANDLE);
}
END_TEST

START_TEST(sizes_choose_what_is_evicted)
{
    const uint32_t here = D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
    D3DKMT_HANDLE a = make_resident(MIB), b = make_resident(2 * MIB);
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_EVICT_BY_CRITERIA,
                                .EvictByCriteria = {2 * MIB, 3 * MIB, 0}};
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(residency(a), here);
    ck_assert_uint_ne(residency(b), here);
    data.EvictByCriteria.MaximumSize = 1;
    ck_assert_int_eq(memory(&data), STATUS_INVALID_PARAMETER);
}
END_TEST

static uint64_t budget(void)
{
    D3DKMT_QUERYVIDEOMEMORYINFO data = {.hAdapter = make_adapter()};
    ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&data), STATUS_SUCCESS);
    return data.Budget;
}

START_TEST(a_budget_that_is_set_is_read) /* KMT-226 */
{
    uint64_t before = budget();
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_SET_BUDGET,
                                .SetBudget = {10 * MIB, 0}};
    ck_assert_uint_ne(before, 10 * MIB);
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(budget(), 10 * MIB);
    D3DKMT_PROCESS_VERIFIER_OPTION option = {
        .Type = D3DKMT_PROCESS_VERIFIER_OPTION_VIDMM_RESTRICT_BUDGET};
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_PROCESS_VERIFIER_OPTION, &option, sizeof option),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(option.Data.VidMmRestrictBudget.LocalBudget, 10 * MIB);
    make_resident(8 * MIB);
    data.SetBudget.LocalMemoryBudget = 6 * MIB;
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    data.Type = D3DKMT_VIDMMESCAPETYPE_GET_BUDGET;
    ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.GetBudget.NumBytesToTrim, 2 * MIB);
    memset(&option.Data, 0, sizeof option.Data);
    option.Mode = D3DKMT_VERIFIER_OPTION_SET;
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_PROCESS_VERIFIER_OPTION, &option, sizeof option),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(budget(), before);
}
END_TEST

static void own_background(bool background)
{
    vidmm_lock(kit_mm());
    vidmm_set_background(kit_mm(), kit_mm()->process, background);
    vidmm_unlock(kit_mm());
}

/* What is read without a device is what it will be with one. */
START_TEST(a_budget_without_a_device_is_the_same) /* KMT-226 */
{
    D3DKMT_HANDLE other;
    D3DKMT_VIDMM_ESCAPE data = {.Type = D3DKMT_VIDMMESCAPETYPE_SET_BUDGET,
                                .SetBudget = {11 * MIB, 0}};
    destroy_device(device);
    device = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before;
        if (i == 1)
            own_background(true);
        if (i == 2)
            ck_assert_int_eq(memory(&data), STATUS_SUCCESS);
        before = budget();
        ck_assert_uint_eq(i == 2, before == 11 * MIB);
        other = make_device();
        ck_assert_uint_eq(budget(), before);
        destroy_device(other);
        ck_assert_uint_eq(budget(), before);
    }
}
END_TEST

START_TEST(what_the_driver_does_not_know_is_refused) /* KMT-227 */
{
    D3DKMT_TDRDBGCTRL_ESCAPE data = {0};
    D3DKMT_ESCAPE call = {.hAdapter = make_adapter(),
                          .Type = D3DKMT_ESCAPE_TDRDBGCTRL,
                          .pPrivateDriverData = &data,
                          .PrivateDriverDataSize = sizeof data - 1};
    ck_assert_int_eq(escape(D3DKMT_ESCAPE_DRIVERPRIVATE, &data, sizeof data), STATUS_NOT_SUPPORTED);
    ck_assert_int_eq(escape(7, NULL, 0), STATUS_NOT_SUPPORTED);
    ck_assert_int_eq(escape(2000, NULL, 0), STATUS_NOT_SUPPORTED);
    ck_assert_int_eq(force(9, 0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_Escape(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_Escape((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_Escape(&call), STATUS_INVALID_PARAMETER);
    call.PrivateDriverDataSize = sizeof data;
    call.pPrivateDriverData = (void *)8;
    ck_assert_int_eq(kmt_Escape(&call), STATUS_ACCESS_VIOLATION);
    call.pPrivateDriverData = &data;
    call.hDevice = queue;
    ck_assert_int_eq(kmt_Escape(&call), STATUS_INVALID_PARAMETER);
    call.hDevice = 0;
    call.hContext = device;
    ck_assert_int_eq(kmt_Escape(&call), STATUS_INVALID_PARAMETER);
    call.hContext = 0;
    call.hAdapter = device;
    ck_assert_int_eq(kmt_Escape(&call), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(timeouts(), 0);
}
END_TEST

START_TEST(others_are_no_administrators)
{
    setenv("WINMEM_PRIVILEGES", "-SeDebugPrivilege", 1);
    ck_assert_int_eq(force(D3DKMT_TDRDBGCTRLTYPE_FORCETDR, 0), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(set_fault(0), STATUS_ACCESS_DENIED);
    ck_assert_uint_eq(timeouts(), 0);
    D3DKMT_VIDMM_ESCAPE own = {.Type = D3DKMT_VIDMMESCAPETYPE_EVICT};
    ck_assert_int_eq(memory(&own), STATUS_SUCCESS);
}
END_TEST

int main(void)
{
    setenv("WINMEM_GPU", "adapter local=64M nonlocal=32M", 1);
    setenv("WINMEM_GPU_TICK", "0", 1);
    setenv("WINMEM_PRIVILEGES", "SeDebugPrivilege", 1);
    TCase *tests = tcase_create("escape");
    tcase_add_checked_fixture(tests, make_queue, NULL);
    tcase_add_test(tests, a_forced_timeout_ends_all_devices);
    tcase_add_test(tests, a_forced_timeout_of_an_engine_ends_who_works_on_it);
    tcase_add_test(tests, the_limit_of_timeouts_is_set);
    tcase_add_test(tests, a_limit_without_a_number_is_refused);
    tcase_add_test(tests, offers_are_always_or_never_lost);
    tcase_add_test(tests, an_adapter_option_does_so_lastingly);
    tcase_add_test(tests, evicted_memory_comes_back_whole);
    tcase_add_test(tests, sizes_choose_what_is_evicted);
    tcase_add_test(tests, a_budget_that_is_set_is_read);
    tcase_add_test(tests, a_budget_without_a_device_is_the_same);
    tcase_add_test(tests, what_the_driver_does_not_know_is_refused);
    tcase_add_test(tests, others_are_no_administrators);
    return suite_run("gpu_escape", tests);
}
