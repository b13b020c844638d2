/*
 * GPU addresses through their faces: each range and piece that there is no memory for. The adapter,
 * device and allocations are made once and stay; `page` is a page of GPU addresses from BASE on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/gpu.h>
#include "d3dkmt/context.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/kmt_gpuva.h"
#include "d3dkmt/paging.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "tests/fault/failing.h"
#include "tests/fault/scenario.h"

#define BASE  0x500000ull
#define PAGES 128u
#define TWO   2u /* allocations */

struct party {
    struct kmt_device *device;
    struct kmt_context *context;
    struct kmt_sync *fence;
};

static struct kmt_adapter adapter;
static struct party kept;
static struct kmt_paging_queue *queue;
static struct kmt_allocation *allocations[TWO];
static char folder[] = "/dev/shm/winmem-test-XXXXXX";

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        perror(command);
}

/* Under kmt_lock, while nothing fails. */
static struct party make_party(void)
{
    const struct sync_wish fence = {.type = D3DDDI_MONITORED_FENCE};
    const struct context_wish stream = {.is_virtual = true};
    struct party party = {.device = kmt_device_create(adapter.mm, 0)};
    CHECK(party.device);
    CHECK(context_create(party.device, &stream, &party.context) == STATUS_SUCCESS);
    CHECK(sync_create(party.device, &fence, &party.fence) == STATUS_SUCCESS);
    return party;
}

static void begin(void)
{
    NTSTATUS status;
    if (kept.device)
        return;
    CHECK(mkdtemp(folder) && setenv("WINMEM_GPU_DIR", folder, 1) == 0);
    atexit(remove_folder);
    setenv("WINMEM_GPU_TICK", "0", 1);
    CHECK(gpu_attach() == STATUS_SUCCESS);
    kmt_lock();
    adapter.mm = gpu_adapter(0);
    CHECK(kmt_handle_create(&adapter.object, KMT_ADAPTER));
    kept = make_party();
    CHECK(paging_create(kept.device, 0, &queue) == STATUS_SUCCESS);
    for (unsigned i = 0; i < TWO; i++) {
        struct kmt_recipe recipe = {.wish = {.size = PAGES * PAGE_SIZE,
                                             .wanted = VID_LOCAL,
                                             .allowed = 1 << VID_LOCAL}};
        allocations[i] = kmt_allocation_create(kept.device, NULL, &recipe, &status);
        CHECK(allocations[i]);
    }
    kmt_unlock();
}

/* What every page is: to see that a call that failed changed nothing. */
struct picture {
    struct gpuva_seen pages[PAGES];
};

static void look(struct picture *picture)
{
    memset(picture, 0, sizeof *picture);
    kmt_lock();
    const struct gpuva *space = kmt_gpuva_of(adapter.mm);
    CHECK(gpuva_is_valid(space, 2));
    for (unsigned i = 0; i < PAGES; i++)
        gpuva_look(space, BASE + i * PAGE_SIZE, &picture->pages[i]);
    kmt_unlock();
}

static NTSTATUS unless_changed(NTSTATUS status, const struct picture *before)
{
    static struct picture after;
    failing_off();
    look(&after);
    if (status != STATUS_SUCCESS)
        for (unsigned i = 0; i < PAGES; i++) {
            const struct gpuva_seen *a = &before->pages[i], *b = &after.pages[i];
            CHECK(a->number == b->number && a->content.memory == b->content.memory &&
                  a->content.offset == b->content.offset && a->content.state == b->content.state);
        }
    return status;
}

static struct picture before;

static void prepare(void)
{
    failing_off();
    begin();
    look(&before);
    failing_on();
}

static NTSTATUS do_reserve_addresses(const struct step *step)
{
    prepare();
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {.hAdapter = adapter.object.handle,
                                            .BaseAddress = BASE + step->page * PAGE_SIZE,
                                            .Size = step->count * PAGE_SIZE,
                                            .ReservationType = 1};
    return unless_changed(kmt_ReserveGpuVirtualAddress(&data), &before);
}

/* a: 1 or 2 for an allocation, 0: zeros */
static NTSTATUS do_map_addresses(const struct step *step)
{
    prepare();
    D3DDDI_MAPGPUVIRTUALADDRESS data = {.hPagingQueue = queue->object.handle,
                                        .BaseAddress = BASE + step->page * PAGE_SIZE,
                                        .hAllocation =
                                            step->a ? allocations[step->a - 1]->object.handle : 0,
                                        .OffsetInPages = step->a ? step->page : 0,
                                        .SizeInPages = step->count,
                                        .Protection.Value = step->a ? 1 : 4};
    return unless_changed(kmt_MapGpuVirtualAddress(&data), &before);
}

static NTSTATUS do_free_addresses(const struct step *step)
{
    prepare();
    const D3DKMT_FREEGPUVIRTUALADDRESS data = {adapter.object.handle, BASE + step->page * PAGE_SIZE,
                                               step->count * PAGE_SIZE};
    return unless_changed(kmt_FreeGpuVirtualAddress(&data), &before);
}

/* A map, a map with repeats, an unmap and a copy, more than have room on the stack. */
static uint32_t make_list(const struct step *step, D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list,
                          D3DKMT_HANDLE allocation)
{
    uint64_t base = BASE + step->page * PAGE_SIZE;
    uint32_t count = 12;
    memset(list, 0, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        list[i].Map.BaseAddress = base + i * PAGE_SIZE;
        list[i].Map.SizeInBytes = 2 * PAGE_SIZE;
        switch (i % 4) {
        case 1:
            list[i].Map.AllocationSizeInBytes = PAGE_SIZE;
            __attribute__((fallthrough));
        case 0:
            list[i].Map.hAllocation = allocation;
            break;
        case 2:
            list[i].OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP;
            list[i].Unmap.Protection.Value = 8;
            break;
        default:
            list[i].OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY;
            list[i].Copy.SourceAddress = base;
            list[i].Copy.SizeInBytes = 6 * PAGE_SIZE;
            list[i].Copy.DestAddress = base + (i + 2) * PAGE_SIZE;
        }
    }
    return count;
}

static NTSTATUS update(const struct party *party, D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list,
                       uint32_t count, uint64_t value)
{
    const D3DKMT_UPDATEGPUVIRTUALADDRESS data = {.hDevice = party->device->object.handle,
                                                 .hContext = party->context->object.handle,
                                                 .hFenceObject = party->fence->object.handle,
                                                 .NumOperations = count,
                                                 .Operations = list,
                                                 .FenceValue = value};
    return kmt_UpdateGpuVirtualAddress(&data);
}

static NTSTATUS do_update_addresses(const struct step *step)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[16];
    prepare();
    uint32_t count = make_list(step, list, allocations[0]->object.handle);
    return unless_changed(update(&kept, list, count, 0), &before);
}

/* a 0: putting it in may fail; 1: carrying it out, which takes the device */
static NTSTATUS do_update_later(const struct step *step)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[16];
    struct kmt_recipe recipe = {
        .wish = {.size = PAGES * PAGE_SIZE, .wanted = VID_LOCAL, .allowed = 1 << VID_LOCAL}};
    NTSTATUS status;
    prepare();
    failing_off();
    kmt_lock();
    struct party party = make_party();
    struct kmt_allocation *allocation = kmt_allocation_create(party.device, NULL, &recipe, &status);
    kmt_unlock();
    CHECK(allocation);
    uint32_t count = make_list(step, list, allocation->object.handle);
    if (!step->a)
        failing_on();
    status = update(&party, list, count, 5);
    failing_off();
    CHECK(!step->a || status == STATUS_SUCCESS);
    kmt_lock();
    if (step->a)
        failing_on();
    sync_signal(party.fence->core, 5, false);
    engine_settle();
    failing_off();
    if (party.device->in_error)
        status = STATUS_NO_MEMORY;
    CHECK(status != STATUS_SUCCESS || sync_value(party.fence->core) == 6);
    kmt_unlock();
    unless_changed(status, &before);
    kmt_lock();
    kmt_device_destroy(party.device);
    kmt_unlock();
    return status;
}

static void free_all(void)
{
    kmt_lock();
    gpuva_fini(kmt_gpuva_of(adapter.mm));
    kmt_unlock();
}

#define RESERVED                                                                                   \
    {                                                                                              \
        do_reserve_addresses, 0, 64, 0, 0, 0                                                       \
    }

const struct scenario gpuva_scenarios[] = {
    {"reserve and free GPU addresses",
     "",
     {RESERVED,
      {do_reserve_addresses, 16, 16, 0, 0, STATUS_INVALID_PARAMETER},
      {do_reserve_addresses, 64, 16, 0, 0, 0},
      {do_free_addresses, 0, 64, 0, 0, 0}},
     .after = free_all},
    {"map GPU addresses",
     "",
     {{do_map_addresses, 0, 8, 1, 0, 0},
      {do_map_addresses, 8, 8, 0, 0, 0},
      {do_map_addresses, 2, 4, 2, 0, 0},
      {do_map_addresses, 6, 4, 1, 0, STATUS_INVALID_PARAMETER},
      {do_map_addresses, 2, 4, 1, 0, 0},
      {do_free_addresses, 0, 8, 0, 0, 0}},
     .after = free_all},
    {"map into a reservation",
     "",
     {RESERVED,
      {do_map_addresses, 4, 8, 1, 0, 0},
      {do_map_addresses, 6, 4, 0, 0, 0},
      {do_map_addresses, 5, 20, 2, 0, 0},
      {do_map_addresses, 0, 64, 1, 0, 0}},
     .after = free_all},
    {"update GPU addresses",
     "",
     {RESERVED,
      {do_update_addresses, 0, 0, 0, 0, 0},
      {do_map_addresses, 3, 20, 2, 0, 0},
      {do_update_addresses, 1, 0, 0, 0, 0}},
     .after = free_all},
    {"update GPU addresses later",
     "",
     {RESERVED, {do_map_addresses, 3, 20, 2, 0, 0}, {do_update_later, 1, 0, 0, 0, 0}},
     .after = free_all},
    {"carry out an update of GPU addresses",
     "",
     {RESERVED, {do_map_addresses, 3, 20, 2, 0, 0}, {do_update_later, 1, 0, 1, 0, 0}},
     .after = free_all},
    {0}};
