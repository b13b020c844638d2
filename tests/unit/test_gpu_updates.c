/* D3DKMTUpdateGpuVirtualAddress: operations that a stream carries out: KMT-362 to 367. */
#include <pthread.h>
#include "tests/unit/gpu_address_kit.h"

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION map_operation(D3DKMT_HANDLE allocation,
                                                              uint64_t base, uint64_t pages)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType =
                                                              D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP};
    operation.Map.BaseAddress = base;
    operation.Map.SizeInBytes = pages * PAGE;
    operation.Map.hAllocation = allocation;
    return operation;
}

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION copy_operation(uint64_t from, uint64_t to,
                                                               uint64_t pages)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType =
                                                              D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY};
    operation.Copy.SourceAddress = from;
    operation.Copy.SizeInBytes = pages * PAGE;
    operation.Copy.DestAddress = to;
    return operation;
}

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION unmap_operation(uint64_t base, uint64_t pages,
                                                                uint64_t protection)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType =
                                                              D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP};
    operation.Unmap.BaseAddress = base;
    operation.Unmap.SizeInBytes = pages * PAGE;
    operation.Unmap.Protection.Value = protection;
    return operation;
}

static NTSTATUS update(D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list, uint32_t count,
                       uint64_t value, uint32_t flags)
{
    const D3DKMT_UPDATEGPUVIRTUALADDRESS data = {.hDevice = device,
                                                 .hContext = context,
                                                 .hFenceObject = fence,
                                                 .NumOperations = count,
                                                 .Operations = list,
                                                 .FenceValue = value,
                                                 .Flags.Value = flags};
    return kmt_UpdateGpuVirtualAddress(&data);
}

static void reach(uint64_t value)
{
    kmt_lock();
    sync_signal(fence_core, value, false);
    engine_settle();
    kmt_unlock();
}

START_TEST(updates_are_carried_out_in_order) /* KMT-362, 364, 366 */
{
    D3DKMT_HANDLE one = make(8 * PAGE), two = make(8 * PAGE);
    uint64_t base = zero_range(K64);
    struct gpuva_seen seen;
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[] = {
        map_operation(one, base, 8), map_operation(two, base + 4 * PAGE, 2),
        copy_operation(base + 3 * PAGE, base + 8 * PAGE, 3),
        unmap_operation(base + PAGE, 1, NO_ACCESS), map_operation(two, base + 6 * PAGE, 1)};
    list[4].OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT;
    list[4].MapProtect.Protection.Value = EXECUTE;
    ck_assert_int_eq(update(list, 5, 0, 0), STATUS_SUCCESS);
    ck_assert_uint_eq(sync_value(fence_core), 1);
    ck_assert_uint_eq(seen_at(base, &seen), one);
    ck_assert_uint_eq(seen.content.protection, WRITE);
    ck_assert_uint_eq(seen_at(base + PAGE, &seen), 0);
    ck_assert_uint_eq(seen.content.state, GPUVA_NO_ACCESS);
    ck_assert_uint_eq(seen_at(base + 6 * PAGE, &seen), two);
    ck_assert_uint_eq(seen.content.protection, EXECUTE);
    ck_assert_uint_eq(seen_at(base + 8 * PAGE, &seen), one);
    ck_assert_uint_eq(seen.content.offset, 3 * PAGE);
    ck_assert_uint_eq(seen_at(base + 10 * PAGE, &seen), two);
    ck_assert_uint_eq(seen.content.offset, PAGE);
    ck_assert_uint_eq(seen_at(base + 11 * PAGE, &seen), 0);
    ck_assert_uint_eq(seen.content.state, GPUVA_ZERO);
}
END_TEST

START_TEST(a_piece_repeats) /* KMT-365 */
{
    D3DKMT_HANDLE one = make(8 * PAGE);
    uint64_t base = zero_range(K64);
    struct gpuva_seen seen;
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = map_operation(one, base, 6);
    operation.Map.AllocationOffsetInBytes = 3 * PAGE;
    operation.Map.AllocationSizeInBytes = 2 * PAGE;
    ck_assert_int_eq(update(&operation, 1, 0, 0), STATUS_SUCCESS);
    for (uint64_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(seen_at(base + i * PAGE, &seen), one);
        ck_assert_uint_eq(seen.content.offset, (3 + i % 2) * PAGE);
    }
    operation.Map.AllocationSizeInBytes = 6 * PAGE;
    ck_assert_int_eq(update(&operation, 1, 0, 0), REFUSED); /* behind the end */
    operation.Map.AllocationOffsetInBytes = 0;
    ck_assert_int_eq(update(&operation, 1, 0, 0), STATUS_SUCCESS);
}
END_TEST

START_TEST(updates_wait_for_their_fence) /* KMT-364 */
{
    D3DKMT_HANDLE one = make(8 * PAGE), two = make(8 * PAGE);
    uint64_t base = zero_range(K64);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION first = map_operation(one, base, 1),
                                             second = map_operation(two, base, 1);
    ck_assert_int_eq(update(&first, 1, 5, 0), STATUS_SUCCESS);
    ck_assert_int_eq(update(&second, 1, 10, DO_NOT), STATUS_SUCCESS); /* behind the first */
    reach(4);
    ck_assert_uint_eq(seen_at(base, NULL), 0);
    ck_assert_uint_eq(sync_value(fence_core), 4);
    reach(5);
    ck_assert_uint_eq(seen_at(base, NULL), two);
    ck_assert_uint_eq(sync_value(fence_core), 11);
    ck_assert_int_eq(update(&first, 1, 20, DO_NOT), STATUS_SUCCESS);
    ck_assert_uint_eq(seen_at(base, NULL), one);
    ck_assert_uint_eq(sync_value(fence_core), 21);
}
END_TEST

START_TEST(what_went_meanwhile_is_left_alone)
{
    D3DKMT_HANDLE one = make(8 * PAGE), two = make(8 * PAGE);
    uint64_t base = zero_range(K64), other = zero_range(K64), again;
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[] = {map_operation(one, base, 2),
                                                       map_operation(two, base + PAGE, 2),
                                                       copy_operation(other, base, 1)};
    ck_assert_int_eq(update(list, 3, 5, 0), STATUS_SUCCESS);
    destroy(one);
    ck_assert_int_eq(free_range(other, K64), STATUS_SUCCESS);
    reach(5);
    ck_assert_uint_eq(seen_at(base, NULL), 0);
    ck_assert_uint_eq(seen_at(base + PAGE, NULL), two);
    ck_assert_int_eq(update(list + 1, 1, 8, 0), STATUS_SUCCESS);
    ck_assert_int_eq(free_range(base, K64), STATUS_SUCCESS);
    ck_assert_int_eq(reserve(base, K64, D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO, &again),
                     STATUS_SUCCESS);
    reach(8);
    ck_assert_uint_eq(seen_at(base + PAGE, NULL), 0);
    ck_assert_uint_eq(sync_value(fence_core), 9);
}
END_TEST

START_TEST(malformed_updates) /* KMT-363 */
{
    D3DKMT_HANDLE one = make(8 * PAGE);
    uint64_t base = zero_range(K64), other = zero_range(K64), plain, mapped = map(one, 0, 8);
    ck_assert_int_eq(reserve(0, K64, 0, &plain), STATUS_SUCCESS);
    const D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION good = map_operation(one, base, 4),
                                                   unmap = unmap_operation(base, 4, ZERO),
                                                   copy = copy_operation(other, base, 4);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[2];
#define REFUSE(start, field, value)                                                                \
    list[0] = good;                                                                                \
    list[1] = start;                                                                               \
    list[1].field = value;                                                                         \
    ck_assert_msg(update(list, 2, 0, 0) == REFUSED, #start " " #field " " #value)
    REFUSE(good, OperationType, 4);
    REFUSE(good, Map.BaseAddress, base + 1);
    REFUSE(good, Map.BaseAddress, plain);
    REFUSE(good, Map.BaseAddress, mapped);
    REFUSE(good, Map.BaseAddress, other);
    REFUSE(good, Map.BaseAddress, base + 13 * PAGE);
    REFUSE(good, Map.SizeInBytes, 0);
    REFUSE(good, Map.SizeInBytes, PAGE - 1);
    REFUSE(good, Map.SizeInBytes, 0 - PAGE);
    REFUSE(good, Map.SizeInBytes, 9 * PAGE);
    REFUSE(good, Map.hAllocation, 0);
    REFUSE(good, Map.hAllocation, device);
    REFUSE(good, Map.AllocationOffsetInBytes, 5 * PAGE);
    REFUSE(good, Map.AllocationOffsetInBytes, 1);
    REFUSE(good, Map.AllocationOffsetInBytes, 0 - PAGE);
    REFUSE(good, Map.AllocationSizeInBytes, 3 * PAGE);
    REFUSE(good, Map.AllocationSizeInBytes, 8 * PAGE);
    REFUSE(good, Map.AllocationSizeInBytes, 100);
    REFUSE(unmap, Unmap.Protection.Value, 0);
    REFUSE(unmap, Unmap.Protection.Value, WRITE);
    REFUSE(unmap, Unmap.Protection.Value, ZERO | NO_ACCESS);
    REFUSE(unmap, Unmap.BaseAddress, base + 1);
    REFUSE(unmap, Unmap.SizeInBytes, 0);
    REFUSE(copy, Copy.SourceAddress, plain);
    REFUSE(copy, Copy.SourceAddress, other + 1);
    REFUSE(copy, Copy.DestAddress, other);
    REFUSE(copy, Copy.SizeInBytes, 0);
    list[1] = good;
    list[1].OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT;
    list[1].MapProtect.Protection.Value = ZERO;
    ck_assert_int_eq(update(list, 2, 0, 0), REFUSED);
    list[0] = copy;
    list[1] = copy_operation(base, base, 1);
    ck_assert_int_eq(update(list, 2, 0, 0), REFUSED); /* sources in two ranges */
    ck_assert_int_eq(update(list, 0, 0, 0), REFUSED);
    ck_assert_int_eq(update(NULL, 1, 0, 0), REFUSED);
    ck_assert_int_eq(update((void *)16, 1, 0, 0), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(update(list, 1, 0, 2), REFUSED);
    ck_assert_int_eq(kmt_UpdateGpuVirtualAddress(NULL), REFUSED);
    ck_assert_int_eq(kmt_UpdateGpuVirtualAddress((void *)16), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(sync_value(fence_core), 0);
    ck_assert_uint_eq(seen_at(base, NULL), 0);
    list[0] = good;
    const D3DKMT_UPDATEGPUVIRTUALADDRESS right = {.hDevice = device,
                                                  .hContext = context,
                                                  .hFenceObject = fence,
                                                  .NumOperations = 1,
                                                  .Operations = list};
    D3DKMT_UPDATEGPUVIRTUALADDRESS data;
#define REFUSE_CALL(field, value)                                                                  \
    data = right;                                                                                  \
    data.field = value;                                                                            \
    ck_assert_msg(kmt_UpdateGpuVirtualAddress(&data) == REFUSED, #field)
    REFUSE_CALL(hDevice, queue);
    REFUSE_CALL(hContext, device);
    REFUSE_CALL(hFenceObject, queue);
    REFUSE_CALL(Reserved0, 1);
    REFUSE_CALL(Reserved1, 1);
    D3DKMT_HANDLE stranger = make_device();
    REFUSE_CALL(hDevice, stranger);
    ck_assert_int_eq(kmt_UpdateGpuVirtualAddress(&right), STATUS_SUCCESS);
    ck_assert_uint_eq(seen_at(base, NULL), one);
}
END_TEST

START_TEST(limits_of_a_fence)
{
    uint64_t base = zero_range(K64);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = unmap_operation(base, 1, ZERO);
    struct kmt_sync *sync = kmt_find(fence, KMT_SYNC);
    sync->flags = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoSignal;
    ck_assert_int_eq(update(&operation, 1, 0, DO_NOT), STATUS_ACCESS_DENIED);
    sync->flags = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NoWait;
    ck_assert_int_eq(update(&operation, 1, 0, 0), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(update(&operation, 1, 0, DO_NOT), STATUS_SUCCESS);
}
END_TEST

START_TEST(streams_end_with_their_device)
{
    uint64_t base = zero_range(K64);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = map_operation(make(PAGE), base, 1);
    ck_assert_int_eq(update(&operation, 1, 5, 0), STATUS_SUCCESS);
    ck_assert_int_eq(update(&operation, 1, 6, 0), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(seen_at(base, NULL), 0);
}
END_TEST

START_TEST(a_context_that_goes_finishes_its_updates)
{
    uint64_t base = zero_range(K64);
    D3DKMT_HANDLE one = make(PAGE);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = map_operation(one, base, 1);
    ck_assert_int_eq(update(&operation, 1, 5, 0), STATUS_SUCCESS);
    kmt_lock();
    context_destroy(kmt_find(context, KMT_CONTEXT));
    engine_settle();
    kmt_unlock();
    ck_assert_uint_eq(seen_at(base, NULL), one);
    ck_assert_uint_eq(sync_value(fence_core), 6);
    destroy_device(device);
}
END_TEST

static uint32_t state_of_other; /* 0: waits; atomic */

static void *update_more(void *unused)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation =
        unmap_operation(*(uint64_t *)unused, 1, NO_ACCESS);
    NTSTATUS status = update(&operation, 1, 5, 0);
    __atomic_store_n(&state_of_other, status == STATUS_SUCCESS ? 1 : 2, __ATOMIC_SEQ_CST);
    return NULL;
}

START_TEST(above_128_operations_the_caller_waits) /* KMT-367 */
{
    uint64_t base = zero_range(K64);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[129];
    struct gpuva_seen seen;
    pthread_t thread;
    for (unsigned i = 0; i < 129; i++)
        list[i] = unmap_operation(base, 1, ZERO);
    ck_assert_int_eq(update(list, 128, 5, 0), STATUS_SUCCESS);
    ck_assert_int_eq(update(list, 1, 5, 0), STATUS_SUCCESS); /* 128 are not too many */
    ck_assert_int_eq(pthread_create(&thread, NULL, update_more, &base), 0);
    for (unsigned i = 0; i < 30; i++) {
        const struct timespec while_it_may = {0, 10000000};
        nanosleep(&while_it_may, NULL);
        ck_assert_uint_eq(__atomic_load_n(&state_of_other, __ATOMIC_SEQ_CST), 0);
    }
    reach(5);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(state_of_other, 1);
    seen_at(base, &seen);
    ck_assert_uint_eq(seen.content.state, GPUVA_NO_ACCESS);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("faces");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, updates_are_carried_out_in_order);
    tcase_add_test(tests, a_piece_repeats);
    tcase_add_test(tests, updates_wait_for_their_fence);
    tcase_add_test(tests, what_went_meanwhile_is_left_alone);
    tcase_add_test(tests, malformed_updates);
    tcase_add_test(tests, limits_of_a_fence);
    tcase_add_test(tests, streams_end_with_their_device);
    tcase_add_test(tests, a_context_that_goes_finishes_its_updates);
    tcase_add_test(tests, above_128_operations_the_caller_waits);
    return suite_run("gpu updates", tests);
}
