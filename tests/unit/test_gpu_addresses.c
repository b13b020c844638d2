/* GPU addresses through the exported functions' faces: KMT-340 to 367, 386. */
#include <pthread.h>
#include <winmem/gpu.h>
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/kmt_gpuva.h"
#include "d3dkmt/paging.h"
#include "memoryapi/mm.h"
#include "tests/unit/gpu_kit.h"

#define K64       0x10000ull
#define PAGE      4096ull
#define WRITE     D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write
#define EXECUTE   D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Execute
#define ZERO      D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Zero
#define NO_ACCESS D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_NoAccess
#define REFUSED   STATUS_INVALID_PARAMETER
#define DO_NOT    D3DKMT_UPDATEGPUVIRTUALADDRESS_FLAGS_DoNotWait

static D3DKMT_HANDLE adapter, device, queue, context, fence;
static struct sync_core *fence_core;

static void setup(void)
{
    const struct sync_wish wish = {.type = D3DDDI_MONITORED_FENCE};
    const struct context_wish stream = {.is_virtual = true};
    D3DKMT_CREATEPAGINGQUEUE create = {0};
    struct kmt_sync *sync;
    struct kmt_context *made;
    setenv("WINMEM_GPU_TICK", "0", 1);
    adapter = make_adapter();
    create.hDevice = device = make_device();
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_SUCCESS);
    queue = create.hPagingQueue;
    kmt_lock();
    struct kmt_device *at = kmt_find(device, KMT_DEVICE);
    ck_assert_int_eq(sync_create(at, &wish, &sync), STATUS_SUCCESS);
    ck_assert_int_eq(context_create(at, &stream, &made), STATUS_SUCCESS);
    fence = sync->object.handle;
    fence_core = sync->core;
    context = made->object.handle;
    kmt_unlock();
}

static D3DKMT_HANDLE make(uint64_t size)
{
    struct winmem_gpu_allocation wanted = {.size = size};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    ck_assert_int_eq(kmt_CreateAllocation2(&create), STATUS_SUCCESS);
    ck_assert_uint_eq(info.GpuVirtualAddress, 0); /* KMT-379 */
    return info.hAllocation;
}

static void destroy(D3DKMT_HANDLE allocation)
{
    const D3DKMT_DESTROYALLOCATION2 data = {
        .hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    ck_assert_int_eq(kmt_DestroyAllocation2(&data), STATUS_SUCCESS);
}

static NTSTATUS reserve(uint64_t base, uint64_t size, uint32_t type, uint64_t *ret_address)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {.hAdapter = adapter,
                                            .BaseAddress = base,
                                            .Size = size,
                                            .ReservationType = type,
                                            .VirtualAddress = 77};
    NTSTATUS status = kmt_ReserveGpuVirtualAddress(&data);
    ck_assert(status == STATUS_SUCCESS || data.VirtualAddress == 77);
    *ret_address = data.VirtualAddress;
    return status;
}

static uint64_t zero_range(uint64_t size)
{
    uint64_t address;
    ck_assert_int_eq(reserve(0, size, D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO, &address),
                     STATUS_SUCCESS);
    return address;
}

static D3DDDI_MAPGPUVIRTUALADDRESS wish_for(D3DKMT_HANDLE allocation, uint64_t base, uint64_t pages)
{
    return (D3DDDI_MAPGPUVIRTUALADDRESS){.hPagingQueue = queue,
                                         .BaseAddress = base,
                                         .hAllocation = allocation,
                                         .SizeInPages = pages,
                                         .Protection.Value = allocation ? WRITE : ZERO,
                                         .VirtualAddress = 77,
                                         .PagingFenceValue = 77};
}

static uint64_t map(D3DKMT_HANDLE allocation, uint64_t base, uint64_t pages)
{
    D3DDDI_MAPGPUVIRTUALADDRESS data = wish_for(allocation, base, pages);
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.PagingFenceValue, 0); /* KMT-354 */
    return data.VirtualAddress;
}

static NTSTATUS free_range(uint64_t base, uint64_t size)
{
    const D3DKMT_FREEGPUVIRTUALADDRESS data = {adapter, base, size};
    return kmt_FreeGpuVirtualAddress(&data);
}

/* Which allocation is there; 0: none. */
static D3DKMT_HANDLE seen_at(uint64_t address, struct gpuva_seen *ret_seen)
{
    struct gpuva_seen room, *seen = ret_seen ? ret_seen : &room;
    kmt_lock();
    const struct gpuva *space = kmt_gpuva_of(kit_mm());
    ck_assert(gpuva_is_valid(space, 2));
    bool there = gpuva_look(space, address, seen);
    D3DKMT_HANDLE handle =
        there && seen->content.memory
            ? container_of(seen->content.memory, struct kmt_allocation, mapped)->object.handle
            : 0;
    kmt_unlock();
    return handle;
}

static bool is_free(uint64_t address)
{
    kmt_lock();
    struct gpuva_seen seen;
    bool there = gpuva_look(kmt_gpuva_of(kit_mm()), address, &seen);
    kmt_unlock();
    return !there;
}

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

/* --- updates --- */

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
    Suite *suite = suite_create("gpu addresses");
    TCase *tcase = tcase_create("faces");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, reservations);
    tcase_add_test(tcase, malformed_reservations);
    tcase_add_test(tcase, maps);
    tcase_add_test(tcase, maps_in_a_reservation);
    tcase_add_test(tcase, malformed_maps);
    tcase_add_test(tcase, maps_are_done_behind_their_queue);
    tcase_add_test(tcase, a_lost_device_maps_nothing);
    tcase_add_test(tcase, addresses_are_of_the_process);
    tcase_add_test(tcase, updates_are_carried_out_in_order);
    tcase_add_test(tcase, a_piece_repeats);
    tcase_add_test(tcase, updates_wait_for_their_fence);
    tcase_add_test(tcase, what_went_meanwhile_is_left_alone);
    tcase_add_test(tcase, malformed_updates);
    tcase_add_test(tcase, limits_of_a_fence);
    tcase_add_test(tcase, streams_end_with_their_device);
    tcase_add_test(tcase, a_context_that_goes_finishes_its_updates);
    tcase_add_test(tcase, above_128_operations_the_caller_waits);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
