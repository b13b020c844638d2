/* GPU addresses reserved, mapped and freed: KMT-340 to 361, 386. */
#include "d3dkmt/paging.h"
#include "memoryapi/mm.h"
#include "tests/unit/gpu_address_kit.h"

START_TEST(reservations)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {.hPagingQueue = queue, .Size = K64};
    uint64_t a, b;
    ck_assert_int_eq(reserve(0, 3 * K64, 0, &a), STATUS_SUCCESS);
    ck_assert_uint_ne(a, 0);
    ck_assert_int_eq(reserve(a + K64, K64, 0, &b), REFUSED);
    ck_assert_int_eq(reserve(a + 3 * K64, K64, 2, &b), STATUS_SUCCESS);
    ck_assert_uint_eq(b, a + 3 * K64);
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), STATUS_SUCCESS); /* by a queue */
    ck_assert_uint_eq(data.VirtualAddress, a + 4 * K64);
    ck_assert_uint_eq(data.PagingFenceValue, 0);
    ck_assert_int_eq(free_range(a, K64), REFUSED);
    ck_assert_int_eq(free_range(a, 3 * K64), STATUS_SUCCESS);
    ck_assert_int_eq(free_range(a, 3 * K64), REFUSED);
    ck_assert_int_eq(reserve(a, 3 * K64, 1, &b), STATUS_SUCCESS);
    data.MinimumAddress = a;
    data.MaximumAddress = a + 5 * K64;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
}
END_TEST

START_TEST(malformed_reservations)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {.hAdapter = adapter, .Size = K64};
    const D3DDDI_RESERVEGPUVIRTUALADDRESS good = data;
    uint64_t a;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(NULL), REFUSED);
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress((void *)16), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(reserve(0, 0, 0, &a), REFUSED);
    ck_assert_int_eq(reserve(0, K64 + PAGE, 0, &a), REFUSED);
    ck_assert_int_eq(reserve(PAGE, K64, 0, &a), REFUSED);
    ck_assert_int_eq(reserve(0, K64, 3, &a), REFUSED);
    ck_assert_int_eq(reserve(GPUVA_END, K64, 0, &a), REFUSED);
    data.MinimumAddress = PAGE;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), REFUSED);
    data.BaseAddress = 64 * K64; /* with a base limits do not count */
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), STATUS_SUCCESS);
    data = good;
    data.MaximumAddress = 100 * PAGE;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), REFUSED);
    data = good;
    data.hAdapter = device;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&data), REFUSED);
}
END_TEST

START_TEST(maps)
{
    D3DKMT_HANDLE one = make(8 * PAGE), two = make(8 * PAGE);
    D3DDDI_MAPGPUVIRTUALADDRESS data = wish_for(one, 0, 4);
    struct gpuva_seen seen;
    data.OffsetInPages = 4;
    data.MinimumAddress = 0x500000;
    data.MaximumAddress = 0x504000;
    data.Protection.Value = WRITE | EXECUTE;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.VirtualAddress, 0x500000);
    ck_assert_uint_eq(seen_at(0x502000, &seen), one);
    ck_assert_uint_eq(seen.content.offset, 6 * PAGE);
    ck_assert_uint_eq(seen.content.protection, WRITE | EXECUTE);
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    uint64_t second = map(one, 0, 8);                                     /* KMT-353 */
    ck_assert_uint_eq(map(two, second + 2 * PAGE, 2), second + 2 * PAGE); /* KMT-348 */
    ck_assert_uint_eq(seen_at(second + PAGE, NULL), one);
    ck_assert_uint_eq(seen_at(second + 2 * PAGE, NULL), two);
    ck_assert_uint_eq(seen_at(second + 4 * PAGE, NULL), one);
    destroy(one);
    ck_assert(is_free(0x500000));
    ck_assert(!is_free(second)); /* two is still in it */
    destroy(two);
    ck_assert(is_free(second));
}
END_TEST

START_TEST(maps_in_a_reservation) /* KMT-356, 359 */
{
    D3DKMT_HANDLE one = make(8 * PAGE);
    uint64_t base = zero_range(K64);
    struct gpuva_seen seen;
    map(one, base, 8);
    map(0, base + PAGE, 1);
    ck_assert_uint_eq(seen_at(base, NULL), one);
    ck_assert_uint_eq(seen_at(base + PAGE, &seen), 0);
    ck_assert_uint_eq(seen.content.state, GPUVA_ZERO);
    destroy(one);
    ck_assert_uint_eq(seen_at(base, &seen), 0);
    ck_assert(seen.reserved && seen.content.state == GPUVA_ZERO);
    one = make(8 * PAGE);
    map(one, base, 8);
    ck_assert_int_eq(free_range(base, 8 * PAGE), REFUSED);
    ck_assert_int_eq(free_range(base, K64), STATUS_SUCCESS);
    ck_assert(is_free(base));
    map(one, 0, 8); /* it lives on */
}
END_TEST

START_TEST(malformed_maps)
{
    D3DKMT_HANDLE one = make(8 * PAGE);
    const D3DDDI_MAPGPUVIRTUALADDRESS good = wish_for(one, 0, 8);
    D3DDDI_MAPGPUVIRTUALADDRESS data = good;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(NULL), REFUSED);
    ck_assert_int_eq(kmt_MapGpuVirtualAddress((void *)16), STATUS_ACCESS_VIOLATION);
#define TRY(field, value)                                                                          \
    data = good;                                                                                   \
    data.field = value;                                                                            \
    ck_assert_msg(kmt_MapGpuVirtualAddress(&data) == REFUSED, #field " " #value);                  \
    ck_assert_uint_eq(data.VirtualAddress, 77)
    TRY(hPagingQueue, device);
    TRY(hAllocation, 0);
    TRY(hAllocation, device);
    TRY(BaseAddress, 0x500001);
    TRY(MinimumAddress, 1);
    TRY(MaximumAddress, 0x500800);
    TRY(MaximumAddress, GPUVA_END + PAGE);
    TRY(BaseAddress, GPUVA_END);
    TRY(BaseAddress, 0 - PAGE);
    TRY(SizeInPages, 0);
    TRY(SizeInPages, 9);
    TRY(SizeInPages, UINT64_MAX);
    TRY(SizeInPages, 1ull << 52);
    TRY(OffsetInPages, 1);
    TRY(OffsetInPages, UINT64_MAX);
    TRY(Protection.Value, ZERO);
    TRY(Protection.Value, NO_ACCESS);
    TRY(Protection.Value, 16);
    TRY(Protection.Value, 1ull << 40);
    TRY(Reserved0, 1);
    TRY(Reserved1, 1);
    data = wish_for(0, 0, 8);
    data.Protection.Value = ZERO | NO_ACCESS;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), REFUSED);
    data.Protection.Value = ZERO | WRITE;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), REFUSED);
    data.Protection.Value = NO_ACCESS;
    data.SizeInPages = UINT64_MAX;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    data.SizeInPages = 1;
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_SUCCESS);
    ck_assert_int_eq(free_range(1, PAGE), REFUSED);
    ck_assert_int_eq(free_range(data.VirtualAddress, 0), REFUSED);
    ck_assert_int_eq(free_range(data.VirtualAddress, PAGE + 1), REFUSED);
    const D3DKMT_FREEGPUVIRTUALADDRESS wrong = {device, data.VirtualAddress, PAGE};
    ck_assert_int_eq(kmt_FreeGpuVirtualAddress(&wrong), REFUSED);
    ck_assert_int_eq(kmt_FreeGpuVirtualAddress(NULL), REFUSED);
    ck_assert_int_eq(kmt_FreeGpuVirtualAddress((void *)16), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(free_range(data.VirtualAddress, PAGE), STATUS_SUCCESS);
}
END_TEST

START_TEST(maps_are_done_behind_their_queue) /* KMT-052 */
{
    D3DDDI_MAPGPUVIRTUALADDRESS data = wish_for(make(8 * PAGE), 0, 8);
    const struct vid_paging moved = {.in = {[VID_LOCAL] = 1ull << 20}};
    uint64_t value;
    kmt_lock();
    struct kmt_paging_queue *at = kmt_find(queue, KMT_PAGING_QUEUE);
    ck_assert_int_eq(paging_enqueue(at, &moved, &value), STATUS_PENDING);
    kmt_unlock();
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_PENDING);
    ck_assert_uint_eq(data.PagingFenceValue, value);
    ck_assert_uint_ne(data.VirtualAddress, 77);
}
END_TEST

START_TEST(a_lost_device_maps_nothing)
{
    D3DDDI_MAPGPUVIRTUALADDRESS data = wish_for(make(8 * PAGE), 0, 8);
    D3DDDI_RESERVEGPUVIRTUALADDRESS more = {.hPagingQueue = queue, .Size = K64};
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType =
                                                              D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP};
    D3DKMT_UPDATEGPUVIRTUALADDRESS update = {.hDevice = device,
                                             .hContext = context,
                                             .hFenceObject = fence,
                                             .NumOperations = 1,
                                             .Operations = &operation};
    D3DKMT_MARKDEVICEASERROR error = {device, D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    uint64_t base = map(data.hAllocation, 0, 8);
    operation.Unmap.BaseAddress = zero_range(K64);
    operation.Unmap.SizeInBytes = K64;
    operation.Unmap.Protection.Value = ZERO;
    ck_assert_int_eq(kmt_MarkDeviceAsError(&error), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&more), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_UpdateGpuVirtualAddress(&update), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(free_range(base, 8 * PAGE), STATUS_SUCCESS);
    more.hAdapter = adapter;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&more), STATUS_SUCCESS);
    kit_mm()->adapter->running = VID_STOPPED;
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&more), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(free_range(more.VirtualAddress, K64), STATUS_SUCCESS);
}
END_TEST

START_TEST(addresses_are_of_the_process) /* they outlive a device, its mappings do not */
{
    uint64_t reserved = zero_range(K64), mapped = map(make(8 * PAGE), 0, 8);
    map(make(PAGE), reserved, 1);
    destroy_device(device);
    ck_assert(is_free(mapped));
    ck_assert_uint_eq(seen_at(reserved, NULL), 0);
    ck_assert_int_eq(free_range(reserved, K64), STATUS_SUCCESS);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("faces");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, reservations);
    tcase_add_test(tests, malformed_reservations);
    tcase_add_test(tests, maps);
    tcase_add_test(tests, maps_in_a_reservation);
    tcase_add_test(tests, malformed_maps);
    tcase_add_test(tests, maps_are_done_behind_their_queue);
    tcase_add_test(tests, a_lost_device_maps_nothing);
    tcase_add_test(tests, addresses_are_of_the_process);
    return suite_run("gpu addresses", tests);
}
