/* Offers, reclaims, residency and CPU access through the exported functions' faces. */
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/gpu_memory_kit.h"
#include "tests/unit/suite.h"

static void setup(void)
{
    setenv("WINMEM_GPU", "adapter local=64M nonlocal=64M", 1);
    make_queue();
}

static NTSTATUS offer(D3DKMT_HANDLE allocation, uint32_t priority, uint32_t flags)
{
    const D3DKMT_OFFERALLOCATIONS data = {.hDevice = device,
                                          .HandleList = &allocation,
                                          .NumAllocations = 1,
                                          .Priority = priority,
                                          .Flags.Value = flags};
    return kmt_OfferAllocations(&data);
}

static D3DDDI_RECLAIM_RESULT reclaim(D3DKMT_HANDLE allocation)
{
    D3DDDI_RECLAIM_RESULT result = 77;
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .HandleList = &allocation, .pResults = &result};
    ck_assert_int_ge(kmt_ReclaimAllocations2(&data), 0);
    return result;
}

static uint64_t *lock(D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 data = {.hDevice = device, .hAllocation = allocation};
    ck_assert_int_eq(kmt_Lock2(&data), STATUS_SUCCESS);
    return data.pData;
}

static void unlock(D3DKMT_HANDLE allocation)
{
    const D3DKMT_UNLOCK2 data = {device, allocation};
    ck_assert_int_eq(kmt_Unlock2(&data), STATUS_SUCCESS);
}

static void write_all(D3DKMT_HANDLE allocation, uint64_t size, uint64_t value)
{
    uint64_t *at = lock(allocation);
    for (uint64_t i = 0; i < size / 8; i++)
        at[i] = value + i;
    unlock(allocation);
}

static bool holds(D3DKMT_HANDLE allocation, uint64_t size, uint64_t value, uint64_t step)
{
    uint64_t *at = lock(allocation);
    bool same = true;
    for (uint64_t i = 0; i < size / 8; i++)
        same = same && at[i] == value + i * step;
    unlock(allocation);
    return same;
}

START_TEST(an_offer_that_nobody_needed_comes_back_whole)
{
    D3DKMT_HANDLE a = make_allocation(MIB);
    write_all(a, MIB, 5);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_int_eq(offer(a, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_OK);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    ck_assert(holds(a, MIB, 5, 1));
}
END_TEST

/* 64 MiB less a twentieth is the budget: three of 20 MiB fit, a fourth needs somebody's. */
START_TEST(the_lowest_offer_is_lost_first)
{
    D3DKMT_HANDLE low = make_allocation(20 * MIB), high = make_allocation(20 * MIB),
                  more = make_allocation(20 * MIB), most = make_allocation(20 * MIB);
    write_all(low, 20 * MIB, 1);
    write_all(high, 20 * MIB, 2);
    ck_assert_int_eq(bring_in(high, NULL), STATUS_PENDING);
    ck_assert_int_eq(bring_in(low, NULL), STATUS_PENDING);
    ck_assert_int_eq(offer(high, D3DKMT_OFFER_PRIORITY_HIGH, 0), STATUS_SUCCESS);
    ck_assert_int_eq(offer(low, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_SUCCESS);
    ck_assert_int_eq(bring_in(more, NULL), STATUS_PENDING);
    ck_assert_int_eq(bring_in(most, NULL), STATUS_PENDING);
    ck_assert_uint_eq(reclaim(high), D3DDDI_RECLAIM_RESULT_OK);
    ck_assert(holds(high, 20 * MIB, 2, 1));
    ck_assert_uint_eq(reclaim(low), D3DDDI_RECLAIM_RESULT_DISCARDED);
    ck_assert(holds(low, 20 * MIB, 0, 0));
}
END_TEST

START_TEST(what_is_beyond_the_budget_says_how_much_to_trim)
{
    D3DKMT_HANDLE a = make_allocation(40 * MIB), b = make_allocation(40 * MIB);
    D3DKMT_EVICT evict = {.hDevice = device, .NumAllocations = 1, .AllocationList = &a};
    uint64_t trim = 0;
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_int_eq(bring_in(b, &trim), STATUS_NO_MEMORY);
    ck_assert_uint_gt(trim, 0);
    ck_assert_uint_le(trim, 40 * MIB);
    ck_assert_uint_eq(residency(b), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    ck_assert_int_eq(kmt_Evict(&evict), STATUS_SUCCESS);
    ck_assert_uint_eq(evict.NumBytesToTrim, 0);
    ck_assert_int_eq(bring_in(b, NULL), STATUS_PENDING);
}
END_TEST

START_TEST(what_was_evicted_keeps_its_contents)
{
    D3DKMT_HANDLE a = make_allocation(MIB);
    D3DKMT_EVICT evict = {.hDevice = device, .NumAllocations = 1, .AllocationList = &a};
    write_all(a, MIB, 9);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_int_eq(kmt_Evict(&evict), STATUS_SUCCESS);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    ck_assert(holds(a, MIB, 9, 1));
    ck_assert_int_eq(kmt_Evict(&evict), STATUS_INVALID_PARAMETER);
}
END_TEST

static void settle(void)
{
    kmt_lock();
    while (clock_step_all())
        ;
    kmt_unlock();
}

static void press(uint64_t bytes)
{
    vidmm_lock(kit_mm());
    vidmm_press(kit_mm(), VID_LOCAL, bytes);
    vidmm_unlock(kit_mm());
}

/* Virtual nanoseconds that it takes, without the call's own. */
static uint64_t evict(D3DKMT_HANDLE allocation)
{
    D3DKMT_EVICT data = {.hDevice = device, .NumAllocations = 1, .AllocationList = &allocation};
    settle();
    uint64_t before = clock_now(kit_mm());
    ck_assert_int_eq(kmt_Evict(&data), STATUS_SUCCESS);
    return clock_now(kit_mm()) - before - kit_mm()->adapter->call_cost;
}

START_TEST(evicting_takes_as_long_as_what_it_moves)
{
    struct vid_segment *local = &kit_mm()->adapter->segments[VID_LOCAL];
    D3DKMT_HANDLE a = make_allocation(20 * MIB), b = make_resident(MIB);
    local->bandwidth = 10000000;
    local->latency = 3000;
    write_all(a, 20 * MIB, 1);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_uint_eq(evict(a), 3000 + 2097152000); /* 20 MiB at 10 MB/s */
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_uint_eq(evict(a), 0); /* not changed since */
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    press(50 * MIB);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    press(0);
    ck_assert_uint_eq(evict(b), 3000 + 2097152000); /* `a` comes back */
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
}
END_TEST

START_TEST(what_was_put_out_counts_for_what_is_to_trim)
{
    D3DKMT_HANDLE a = make_resident(16 * MIB), b = make_resident(16 * MIB), c = make_resident(MIB);
    D3DKMT_EVICT data = {.hDevice = device, .NumAllocations = 1, .AllocationList = &c};
    press(44 * MIB); /* 20 MiB are left, of which a twentieth is not for programs */
    ck_assert(residency(a) == D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT ||
              residency(b) == D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    ck_assert_int_eq(kmt_Evict(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.NumBytesToTrim, 13 * MIB);
    data.AllocationList = &a;
    ck_assert_int_eq(kmt_Evict(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.NumBytesToTrim, 0);
}
END_TEST

/* Every call that moves memory brings back what was put out, once there is room again. */
START_TEST(what_was_put_out_comes_back)
{
    D3DKMT_HANDLE a = make_resident(20 * MIB), b = make_allocation(MIB);
    press(50 * MIB);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    press(0);
    ck_assert_int_eq(bring_in(b, NULL), STATUS_PENDING);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    press(50 * MIB);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    press(0);
    ck_assert_int_eq(offer(b, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(reclaim(b), D3DDDI_RECLAIM_RESULT_OK);
    ck_assert_uint_eq(residency(a), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
}
END_TEST

static D3DKMT_HANDLE second_queue(volatile uint64_t **ret_value)
{
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device};
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_SUCCESS);
    *ret_value = create.FenceValueCPUVirtualAddress;
    return create.hPagingQueue;
}

/* Whoever asks for what another queue is still moving waits for it, too. */
START_TEST(what_is_on_its_way_is_waited_for_by_all)
{
    struct vid_segment *local = &kit_mm()->adapter->segments[VID_LOCAL];
    D3DKMT_HANDLE a = make_allocation(20 * MIB), b = make_resident(MIB);
    volatile uint64_t *value;
    D3DDDI_RECLAIM_RESULT result;
    D3DDDI_MAKERESIDENT second = {.hPagingQueue = second_queue(&value), .NumAllocations = 1};
    D3DKMT_RECLAIMALLOCATIONS2 reclaims = {.hPagingQueue = second.hPagingQueue,
                                           .HandleList = &a,
                                           .pResults = &result,
                                           .NumAllocations = 1};
    settle();
    local->bandwidth = MIB;
    local->latency = 0;
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    uint64_t start = clock_now(kit_mm());
    second.AllocationList = &b;
    ck_assert_int_eq(kmt_MakeResident(&second), STATUS_SUCCESS); /* this one is there */
    second.AllocationList = &a;
    ck_assert_int_eq(kmt_MakeResident(&second), STATUS_PENDING);
    ck_assert_uint_eq(second.PagingFenceValue, 1);
    ck_assert_uint_eq(*value, 0);
    ck_assert_int_eq(kmt_MakeResident(&second), STATUS_PENDING);
    ck_assert_uint_eq(second.PagingFenceValue, 1);
    settle();
    ck_assert_uint_eq(*value, 1);
    ck_assert_uint_eq(clock_now(kit_mm()), start + 20000000000); /* no later than it is there */
    ck_assert_int_eq(kmt_MakeResident(&second), STATUS_SUCCESS);
    while (evict(a) == 0 && residency(a) != D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT)
        ;
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    ck_assert_int_eq(offer(a, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_ReclaimAllocations2(&reclaims), STATUS_PENDING);
    ck_assert_uint_eq(reclaims.PagingFenceValue, 2);
    ck_assert_int_eq(result, D3DDDI_RECLAIM_RESULT_OK);
    settle();
    ck_assert_uint_eq(*value, 2);
}
END_TEST

START_TEST(offered_and_locked_exclude_each_other)
{
    D3DKMT_HANDLE a = make_allocation(MIB);
    D3DKMT_LOCK2 data = {.hDevice = device, .hAllocation = a};
    lock(a);
    ck_assert_int_eq(offer(a, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_INVALID_PARAMETER);
    unlock(a);
    ck_assert_int_eq(offer(a, D3DKMT_OFFER_PRIORITY_LOW, 0), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_Lock2(&data), STATUS_INVALID_PARAMETER);
    ck_assert_ptr_null(data.pData);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_OK);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_OK);
}
END_TEST

/* Only what goes loses its memory, in the order of the offers. */
START_TEST(no_more_is_decommitted_than_asked_for)
{
    D3DKMT_HANDLE list[100];
    D3DKMT_TRIMPROCESSCOMMITMENT trim = {.cbSize = sizeof trim, .DecommitRequested = 1};
    for (unsigned i = 0; i < 100; i++) {
        list[i] = make_allocation(4096);
        write_all(list[i], 4096, (uint8_t)(i + 1));
        ck_assert_int_eq(offer(list[i], D3DKMT_OFFER_PRIORITY_LOW,
                               i == 50 ? 0 : D3DKMT_OFFER_FLAGS_AllowDecommit),
                         0);
    }
    ck_assert_int_eq(kmt_TrimProcessCommitment(&trim), STATUS_SUCCESS);
    ck_assert_uint_eq(trim.NumBytesDecommitted, 4096);
    trim.DecommitRequested = 79 * 4096;
    ck_assert_int_eq(kmt_TrimProcessCommitment(&trim), STATUS_SUCCESS);
    ck_assert_uint_eq(trim.NumBytesDecommitted, 79 * 4096);
    for (unsigned i = 0; i < 100; i++) {
        bool goes = i <= 80 && i != 50;
        kmt_lock();
        ck_assert_int_eq(
            ((struct kmt_allocation *)kmt_find(list[i], KMT_ALLOCATION))->contents == NULL, goes);
        kmt_unlock();
        ck_assert_uint_eq(reclaim(list[i]),
                          goes ? D3DDDI_RECLAIM_RESULT_DISCARDED : D3DDDI_RECLAIM_RESULT_OK);
        ck_assert(holds(list[i], 4096, goes ? 0 : (uint8_t)(i + 1), !goes));
        destroy_allocation(list[i]);
    }
}
END_TEST

START_TEST(what_may_be_decommitted_is_on_demand)
{
    D3DKMT_HANDLE a = make_allocation(MIB), b = make_allocation(MIB);
    D3DKMT_QUERYPROCESSOFFERINFO info = {.cbSize = sizeof info};
    D3DKMT_TRIMPROCESSCOMMITMENT trim = {.cbSize = sizeof trim, .DecommitRequested = 4 * MIB};
    write_all(a, MIB, 3);
    write_all(b, MIB, 4);
    ck_assert_int_eq(offer(a, D3DKMT_OFFER_PRIORITY_LOW, D3DKMT_OFFER_FLAGS_AllowDecommit), 0);
    ck_assert_int_eq(offer(b, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    ck_assert_int_eq(kmt_QueryProcessOfferInfo(&info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.DecommittableBytes, MIB);
    ck_assert_int_eq(kmt_TrimProcessCommitment(&trim), STATUS_SUCCESS);
    ck_assert_uint_eq(trim.NumBytesDecommitted, MIB);
    ck_assert_uint_eq(reclaim(a), D3DDDI_RECLAIM_RESULT_DISCARDED);
    ck_assert(holds(a, MIB, 0, 0));
    ck_assert_uint_eq(reclaim(b), D3DDDI_RECLAIM_RESULT_OK);
    ck_assert(holds(b, MIB, 4, 1));
}
END_TEST

static uint64_t told;

static WINAPI void on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    ck_assert_ptr_eq(notification->Context, &told);
    ck_assert_uint_eq(notification->Flags.Value, D3DDDI_TRIMRESIDENCYSET_FLAGS_TrimToBudget);
    told += notification->NumBytesToTrim;
}

START_TEST(a_budget_that_shrinks_is_told)
{
    D3DKMT_HANDLE a = make_allocation(40 * MIB);
    D3DKMT_REGISTERTRIMNOTIFICATION data = {
        .hDevice = device, .Callback = on_trim, .Context = &told};
    D3DKMT_UNREGISTERTRIMNOTIFICATION end = {.Callback = on_trim};
    data.AdapterLuid.LowPart = (DWORD)kit_mm()->adapter->luid;
    data.AdapterLuid.HighPart = (LONG)(kit_mm()->adapter->luid >> 32);
    ck_assert_int_eq(kmt_RegisterTrimNotification(&data), STATUS_SUCCESS);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    vidmm_lock(kit_mm());
    vidmm_press(kit_mm(), VID_LOCAL, 32 * MIB);
    vidmm_unlock(kit_mm());
    ck_assert_uint_eq(residency(a) != 0, 1);
    ck_assert_uint_gt(told, 0);
    end.Handle = data.Handle;
    ck_assert_int_eq(kmt_UnregisterTrimNotification(&end), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_UnregisterTrimNotification(&end), STATUS_INVALID_PARAMETER);
}
END_TEST

static struct {
    void *handle;
    unsigned heard;
} listeners[4], late;

static void *listen(PFND3DKMT_TRIMNOTIFICATIONCALLBACK callback, void *context)
{
    D3DKMT_REGISTERTRIMNOTIFICATION data = {
        .hDevice = device, .Callback = callback, .Context = context};
    data.AdapterLuid.LowPart = (DWORD)kit_mm()->adapter->luid;
    data.AdapterLuid.HighPart = (LONG)(kit_mm()->adapter->luid >> 32);
    ck_assert_int_eq(kmt_RegisterTrimNotification(&data), STATUS_SUCCESS);
    return data.Handle;
}

static WINAPI void hear_late(D3DKMT_TRIMNOTIFICATION *notification)
{
    late.heard++;
}

/* Once is enough; the first has somebody else told from then on. */
static WINAPI void hear_once(D3DKMT_TRIMNOTIFICATION *notification)
{
    size_t index = (size_t)notification->Context;
    D3DKMT_UNREGISTERTRIMNOTIFICATION end = {.Handle = listeners[index].handle};
    listeners[index].heard++;
    ck_assert_int_eq(kmt_UnregisterTrimNotification(&end), STATUS_SUCCESS);
    if (index == 0)
        late.handle = listen(hear_late, NULL);
}

START_TEST(all_are_told_though_each_leaves_when_it_is)
{
    D3DKMT_HANDLE a = make_allocation(40 * MIB);
    for (size_t i = 0; i < array_length(listeners); i++)
        listeners[i].handle = listen(hear_once, (void *)i);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    press(32 * MIB);
    residency(a);
    for (size_t i = 0; i < array_length(listeners); i++)
        ck_assert_uint_eq(listeners[i].heard, 1);
    ck_assert_uint_eq(late.heard, 0);
    press(0);
    bring_in(a, NULL); /* what is pressed out is not over its budget */
    press(32 * MIB);
    residency(a);
    ck_assert_uint_eq(late.heard, 1);
    for (size_t i = 0; i < array_length(listeners); i++)
        ck_assert_uint_eq(listeners[i].heard, 1);
}
END_TEST

/* A child has no handles: what its parent made is the parent's. */
START_TEST(a_fork_takes_nothing_from_its_parent)
{
    D3DKMT_HANDLE a = make_allocation(MIB);
    int status = 0;
    pid_t child;
    write_all(a, MIB, 6);
    ck_assert_int_eq(bring_in(a, NULL), STATUS_PENDING);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        D3DKMT_LOCK2 data = {.hDevice = device, .hAllocation = a};
        const D3DKMT_DESTROYDEVICE destroy = {device};
        bool refused = kmt_Lock2(&data) == STATUS_INVALID_PARAMETER &&
                       offer(a, D3DKMT_OFFER_PRIORITY_LOW, 0) == STATUS_INVALID_PARAMETER &&
                       kmt_DestroyDevice(&destroy) == STATUS_INVALID_PARAMETER;
        D3DKMT_HANDLE own = make_device();
        _exit(refused && own && own != device ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(holds(a, MIB, 6, 1));
    ck_assert(vidmm_is_valid(kit_mm(), 2));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("faces");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, an_offer_that_nobody_needed_comes_back_whole);
    tcase_add_test(cases, the_lowest_offer_is_lost_first);
    tcase_add_test(cases, what_is_beyond_the_budget_says_how_much_to_trim);
    tcase_add_test(cases, what_was_evicted_keeps_its_contents);
    tcase_add_test(cases, evicting_takes_as_long_as_what_it_moves);
    tcase_add_test(cases, what_was_put_out_counts_for_what_is_to_trim);
    tcase_add_test(cases, what_was_put_out_comes_back);
    tcase_add_test(cases, what_is_on_its_way_is_waited_for_by_all);
    tcase_add_test(cases, offered_and_locked_exclude_each_other);
    tcase_add_test(cases, what_may_be_decommitted_is_on_demand);
    tcase_add_test(cases, no_more_is_decommitted_than_asked_for);
    tcase_add_test(cases, a_budget_that_shrinks_is_told);
    tcase_add_test(cases, all_are_told_though_each_leaves_when_it_is);
    tcase_add_test(cases, a_fork_takes_nothing_from_its_parent);
    return suite_run("gpu offer", cases);
}
