/* Finding and asking adapters of the simulated GPU. The machine itself stays, once it is there. */
#include <stdio.h>
#include <stdlib.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "tests/fault/scenario.h"

#define MOST 16u

static D3DKMT_HANDLE open_now[MOST];
static unsigned open_count, others; /* others: handles of other scenarios */
static char directory[] = "/dev/shm/winmem-test-XXXXXX";

static void remove_machine(void)
{
    char command[64];
    gpu_detach();
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        perror(command);
}

static bool count_one(struct kmt_object *object, void *context)
{
    (void)object;
    ++*(unsigned *)context;
    return true;
}

static unsigned count_open(void)
{
    unsigned count = 0;
    kmt_lock();
    kmt_for_each(KMT_ADAPTER, count_one, &count);
    kmt_unlock();
    return count;
}

static void check_open(void)
{
    CHECK(count_open() == open_count + others);
}

/* Another scenario may have brought a machine. */
static NTSTATUS do_attach(const struct step *step)
{
    static bool made;
    (void)step;
    if (!made && !getenv("WINMEM_GPU_DIR")) {
        CHECK(mkdtemp(directory) && setenv("WINMEM_GPU_DIR", directory, 1) == 0 &&
              setenv("WINMEM_GPU", "adapter local=16M; adapter nonlocal=16M", 1) == 0);
        atexit(remove_machine);
    }
    if (!made)
        others = count_open();
    made = true;
    return gpu_attach();
}

static void remember(D3DKMT_HANDLE handle)
{
    CHECK(open_count < MOST);
    open_now[open_count++] = handle;
}

/* a: which of the three. */
static NTSTATUS do_enumerate(const struct step *step)
{
    D3DKMT_ADAPTERINFO adapters[4] = {0};
    D3DKMT_ENUMADAPTERS first = {.NumAdapters = 77};
    D3DKMT_ENUMADAPTERS2 second = {.NumAdapters = 4, .pAdapters = adapters};
    D3DKMT_ENUMADAPTERS3 third = {.NumAdapters = 4, .pAdapters = adapters};
    NTSTATUS status = step->a == 1   ? kmt_EnumAdapters(&first)
                      : step->a == 2 ? kmt_EnumAdapters2(&second)
                                     : kmt_EnumAdapters3(&third);
    const D3DKMT_ADAPTERINFO *list = step->a == 1 ? first.Adapters : adapters;
    ULONG filled = step->a == 1   ? first.NumAdapters
                   : step->a == 2 ? second.NumAdapters
                                  : third.NumAdapters;
    if (status == STATUS_SUCCESS) {
        CHECK(filled == gpu_adapter_count());
        for (ULONG i = 0; i < filled; i++)
            remember(list[i].hAdapter);
    } else {
        CHECK(first.NumAdapters == 77 && second.NumAdapters == 4 && third.NumAdapters == 4);
        CHECK(!list[0].hAdapter);
    }
    check_open();
    return status;
}

static NTSTATUS do_open(const struct step *step)
{
    D3DKMT_OPENADAPTERFROMLUID open = {
        .AdapterLuid = adapter_luid(gpu_adapter(step->a % gpu_adapter_count()))};
    NTSTATUS status = kmt_OpenAdapterFromLuid(&open);
    if (status == STATUS_SUCCESS)
        remember(open.hAdapter);
    else
        CHECK(!open.hAdapter);
    check_open();
    return status;
}

static NTSTATUS do_open_name(const struct step *step)
{
    WCHAR name[ADAPTER_NAME_MOST];
    D3DKMT_OPENADAPTERFROMDEVICENAME open = {.pDeviceName = name};
    adapter_device_name(gpu_adapter(step->a % gpu_adapter_count()), name);
    NTSTATUS status = kmt_OpenAdapterFromDeviceName(&open);
    if (status == STATUS_SUCCESS)
        remember(open.hAdapter);
    check_open();
    return status;
}

static NTSTATUS do_ask(const struct step *step)
{
    D3DKMT_SEGMENTSIZEINFO sizes = {.DedicatedVideoMemorySize = 77};
    const D3DKMT_QUERYADAPTERINFO query = {open_now[0], KMTQAITYPE_GETSEGMENTSIZE, &sizes,
                                           sizeof sizes};
    (void)step;
    NTSTATUS status = kmt_QueryAdapterInfo(&query);
    CHECK(sizes.DedicatedVideoMemorySize ==
          (status == STATUS_SUCCESS ? gpu_adapter(0)->adapter->segments[VID_LOCAL].size : 77));
    return status;
}

static NTSTATUS do_ask_statistics(const struct step *step)
{
    D3DKMT_QUERYSTATISTICS query = {.AdapterLuid =
                                        adapter_luid(gpu_adapter(step->a % gpu_adapter_count()))};
    return kmt_QueryStatistics(&query);
}

static void close_all(void)
{
    while (open_count) {
        const D3DKMT_CLOSEADAPTER close = {open_now[--open_count]};
        CHECK(kmt_CloseAdapter(&close) == STATUS_SUCCESS);
    }
}

const struct scenario gpu_scenarios[] = {
    {.name = "adapters",
     .functions = "D3DKMTEnumAdapters D3DKMTEnumAdapters2 D3DKMTEnumAdapters3 "
                  "D3DKMTOpenAdapterFromLuid D3DKMTOpenAdapterFromDeviceName D3DKMTCloseAdapter "
                  "D3DKMTQueryAdapterInfo D3DKMTQueryStatistics",
     .steps = {{do_attach, 0, 0, 0, 0, STATUS_SUCCESS},
               {do_enumerate, 0, 0, 1, 0, STATUS_SUCCESS},
               {do_enumerate, 0, 0, 2, 0, STATUS_SUCCESS},
               {do_enumerate, 0, 0, 3, 0, STATUS_SUCCESS},
               {do_open, 0, 0, 1, 0, STATUS_SUCCESS},
               {do_open_name, 0, 0, 0, 0, STATUS_SUCCESS},
               {do_ask, 0, 0, 0, 0, STATUS_SUCCESS},
               {do_ask_statistics, 0, 0, 0, 0, STATUS_SUCCESS}},
     .after = close_all,
     .remains = true},
    {.name = NULL},
};
