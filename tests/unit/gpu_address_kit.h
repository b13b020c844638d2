/* GPU addresses: a device, a queue, a context and a fence; ranges, and what is seen at an address. */
#pragma once

#include <winmem/gpu.h>
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/kmt_gpuva.h"
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

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

static inline void setup(void)
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

static inline D3DKMT_HANDLE make(uint64_t size)
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

static inline void destroy(D3DKMT_HANDLE allocation)
{
    const D3DKMT_DESTROYALLOCATION2 data = {
        .hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    ck_assert_int_eq(kmt_DestroyAllocation2(&data), STATUS_SUCCESS);
}

static inline NTSTATUS reserve(uint64_t base, uint64_t size, uint32_t type, uint64_t *ret_address)
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

static inline uint64_t zero_range(uint64_t size)
{
    uint64_t address;
    ck_assert_int_eq(reserve(0, size, D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO, &address),
                     STATUS_SUCCESS);
    return address;
}

static inline D3DDDI_MAPGPUVIRTUALADDRESS wish_for(D3DKMT_HANDLE allocation, uint64_t base,
                                                   uint64_t pages)
{
    return (D3DDDI_MAPGPUVIRTUALADDRESS){.hPagingQueue = queue,
                                         .BaseAddress = base,
                                         .hAllocation = allocation,
                                         .SizeInPages = pages,
                                         .Protection.Value = allocation ? WRITE : ZERO,
                                         .VirtualAddress = 77,
                                         .PagingFenceValue = 77};
}

static inline uint64_t map(D3DKMT_HANDLE allocation, uint64_t base, uint64_t pages)
{
    D3DDDI_MAPGPUVIRTUALADDRESS data = wish_for(allocation, base, pages);
    ck_assert_int_eq(kmt_MapGpuVirtualAddress(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.PagingFenceValue, 0); /* KMT-354 */
    return data.VirtualAddress;
}

static inline NTSTATUS free_range(uint64_t base, uint64_t size)
{
    const D3DKMT_FREEGPUVIRTUALADDRESS data = {adapter, base, size};
    return kmt_FreeGpuVirtualAddress(&data);
}

/* Which allocation is there; 0: none. */
static inline D3DKMT_HANDLE seen_at(uint64_t address, struct gpuva_seen *ret_seen)
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

static inline bool is_free(uint64_t address)
{
    kmt_lock();
    struct gpuva_seen seen;
    bool there = gpuva_look(kmt_gpuva_of(kit_mm()), address, &seen);
    kmt_unlock();
    return !there;
}
