/* A device with a paging queue, and allocations in local memory. */
#pragma once

#include <winmem/gpu.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "tests/unit/gpu_kit.h"

#define MIB (1ull << 20)

static D3DKMT_HANDLE device, queue;

static inline void make_queue(void)
{
    D3DKMT_CREATEPAGINGQUEUE create = {0};
    device = make_device();
    create.hDevice = device;
    ck_assert_int_eq(kmt_CreatePagingQueue(&create), STATUS_SUCCESS);
    queue = create.hPagingQueue;
}

static inline D3DKMT_HANDLE make_allocation(uint64_t size)
{
    struct winmem_gpu_allocation wanted = {size, WINMEM_GPU_LOCAL, 0};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    ck_assert_int_eq(kmt_CreateAllocation2(&create), STATUS_SUCCESS);
    ck_assert_uint_ne(info.hAllocation, 0);
    return info.hAllocation;
}

/* *ret_trim may be NULL. */
static inline NTSTATUS bring_in(D3DKMT_HANDLE allocation, uint64_t *ret_trim)
{
    D3DDDI_MAKERESIDENT data = {
        .hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &allocation};
    NTSTATUS status = kmt_MakeResident(&data);
    if (ret_trim)
        *ret_trim = data.NumBytesToTrim;
    return status;
}

static inline D3DKMT_HANDLE make_resident(uint64_t size)
{
    D3DKMT_HANDLE allocation = make_allocation(size);
    ck_assert_int_ge(bring_in(allocation, NULL), 0);
    return allocation;
}

static inline uint32_t residency(D3DKMT_HANDLE allocation)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status = 0;
    const D3DKMT_QUERYALLOCATIONRESIDENCY data = {.hDevice = device,
                                                  .phAllocationList = &allocation,
                                                  .AllocationCount = 1,
                                                  .pResidencyStatus = &status};
    ck_assert_int_eq(kmt_QueryAllocationResidency(&data), STATUS_SUCCESS);
    return status;
}

static inline void destroy_allocation(D3DKMT_HANDLE allocation)
{
    const D3DKMT_DESTROYALLOCATION2 data = {
        .hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    ck_assert_int_eq(kmt_DestroyAllocation2(&data), STATUS_SUCCESS);
}

static inline D3DKMT_HANDLE make_context(D3DKMT_HANDLE of, uint32_t node)
{
    const struct context_wish wish = {.node = node, .is_virtual = true};
    struct kmt_context *context;
    kmt_lock();
    ck_assert_int_eq(context_create(kmt_find(of, KMT_DEVICE), &wish, &context), STATUS_SUCCESS);
    kmt_unlock();
    return context->object.handle;
}

/* Work that takes so many virtual nanoseconds; it begins at once. */
static inline void put_work(D3DKMT_HANDLE handle, uint64_t duration)
{
    kmt_lock();
    struct kmt_context *context = kmt_find(handle, KMT_CONTEXT);
    ck_assert_int_eq(context_put_work(&context, 1, duration), STATUS_SUCCESS);
    engine_settle();
    kmt_unlock();
}
