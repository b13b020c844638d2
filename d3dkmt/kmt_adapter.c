/* Finding, opening and closing adapters: D3DKMTEnumAdapters..., OpenAdapterFrom..., CloseAdapter. */
#include <string.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/state.h"
#include "faces.h"

_Static_assert(VID_ADAPTERS <= MAX_ENUM_ADAPTERS, "all adapters fit into every answer");

struct listing {
    uint32_t count;
    D3DKMT_ADAPTERINFO adapters[VID_ADAPTERS];
};

/* Handles that nobody was told of. */
static void close_all(const struct listing *listing)
{
    kmt_lock();
    for (uint32_t i = 0; i < listing->count; i++) {
        struct kmt_adapter *adapter = kmt_find(listing->adapters[i].hAdapter, KMT_ADAPTER);
        if (adapter)
            adapter_close(adapter);
    }
    kmt_unlock();
}

static uint32_t count_running(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++)
        count += adapter_runs(gpu_adapter(i));
    return count;
}

/*
 * A handle for each adapter that runs, in the order of the configuration. STATUS_BUFFER_TOO_SMALL:
 * there are more than `room`. With a failure no handle is open.
 */
static NTSTATUS open_all(struct listing *listing, uint32_t room)
{
    NTSTATUS status = STATUS_SUCCESS;
    memset(listing, 0, sizeof *listing);
    kmt_lock();
    if (count_running() > room)
        status = STATUS_BUFFER_TOO_SMALL;
    for (uint32_t i = 0; i < gpu_adapter_count() && status == STATUS_SUCCESS; i++) {
        const struct vidmm *mm = gpu_adapter(i);
        D3DKMT_ADAPTERINFO *info = &listing->adapters[listing->count];
        clock_call(mm);
        if (!adapter_runs(mm) || listing->count == room)
            continue;
        status = adapter_open(mm, &info->hAdapter);
        if (status == STATUS_SUCCESS) {
            info->AdapterLuid = adapter_luid(mm);
            listing->count++;
        }
    }
    kmt_unlock();
    if (status != STATUS_SUCCESS)
        close_all(listing);
    return status;
}

NTSTATUS kmt_EnumAdapters(const D3DKMT_ENUMADAPTERS *pData)
{
    D3DKMT_ENUMADAPTERS answer, *data = (D3DKMT_ENUMADAPTERS *)pData;
    struct listing listing;
    if (!pData)
        return STATUS_INVALID_PARAMETER;
    if (!kmt_can_write(data, sizeof *data))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = adapter_machine();
    if (status == STATUS_SUCCESS)
        status = open_all(&listing, MAX_ENUM_ADAPTERS);
    if (status != STATUS_SUCCESS)
        return status;
    answer.NumAdapters = listing.count;
    memcpy(answer.Adapters, listing.adapters, sizeof listing.adapters);
    status = caller_write(data, &answer,
                          offsetof(D3DKMT_ENUMADAPTERS, Adapters) +
                              listing.count * sizeof *listing.adapters);
    if (status != STATUS_SUCCESS)
        close_all(&listing);
    return status;
}

/*
 * Into an array of `room` elements; NULL: only how many a system may have. STATUS_INVALID_PARAMETER
 * stands for memory that does not hold, too.
 */
static NTSTATUS enumerate(D3DKMT_ADAPTERINFO *adapters, ULONG room, ULONG *ret_count)
{
    struct listing listing = {0};
    ULONG most = room < D3DKMT_ADAPTERS_MAX ? room : D3DKMT_ADAPTERS_MAX;
    if (!kmt_can_write(ret_count, sizeof *ret_count) ||
        (adapters && most && !kmt_can_write(adapters, most * sizeof *adapters)))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = adapter_machine();
    if (status == STATUS_SUCCESS && adapters)
        status = open_all(&listing, room);
    if (status != STATUS_SUCCESS)
        return status;
    ULONG count = adapters ? listing.count : D3DKMT_ADAPTERS_MAX;
    if (guarded_copy(adapters, listing.adapters, listing.count * sizeof *adapters) &&
        guarded_write(ret_count, &count, sizeof count))
        return STATUS_SUCCESS;
    close_all(&listing);
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS kmt_EnumAdapters2(const D3DKMT_ENUMADAPTERS2 *pData)
{
    D3DKMT_ENUMADAPTERS2 data;
    if (caller_read(pData, &data, sizeof data) != STATUS_SUCCESS)
        return STATUS_INVALID_PARAMETER;
    return enumerate(data.pAdapters, data.NumAdapters, (ULONG *)&pData->NumAdapters);
}

/* All adapters render: there is none that only computes or only displays. */
NTSTATUS kmt_EnumAdapters3(D3DKMT_ENUMADAPTERS3 *pData)
{
    D3DKMT_ENUMADAPTERS3 data;
    if (caller_read(pData, &data, sizeof data) != STATUS_SUCCESS ||
        data.Filter.Value & ~(UINT64)(D3DKMT_ENUMADAPTERS_FILTER_IncludeComputeOnly |
                                      D3DKMT_ENUMADAPTERS_FILTER_IncludeDisplayOnly))
        return STATUS_INVALID_PARAMETER;
    return enumerate(data.pAdapters, data.NumAdapters, &pData->NumAdapters);
}

/* A handle of the adapter; NULL, or one that does not run: STATUS_INVALID_PARAMETER. */
static NTSTATUS open_one(const struct vidmm *mm, D3DKMT_HANDLE *ret_handle)
{
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (!mm)
        return status;
    kmt_lock();
    clock_call(mm);
    if (adapter_runs(mm))
        status = adapter_open(mm, ret_handle);
    kmt_unlock();
    return status;
}

/* What was opened is written to the caller, or closed again. */
static NTSTATUS hand_out(void *at, const void *data, size_t size, D3DKMT_HANDLE handle)
{
    struct listing listing = {1, {{.hAdapter = handle}}};
    NTSTATUS status = caller_write(at, data, size);
    if (status != STATUS_SUCCESS)
        close_all(&listing);
    return status;
}

NTSTATUS kmt_OpenAdapterFromLuid(const D3DKMT_OPENADAPTERFROMLUID *pData)
{
    D3DKMT_OPENADAPTERFROMLUID data;
    NTSTATUS status = caller_open((void *)pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = adapter_machine();
    if (status == STATUS_SUCCESS)
        status = open_one(adapter_of(data.AdapterLuid), &data.hAdapter);
    return status == STATUS_SUCCESS ? hand_out((void *)pData, &data, sizeof data, data.hAdapter)
                                    : status;
}

static WCHAR lower(WCHAR unit)
{
    return unit >= 'A' && unit <= 'Z' ? unit + 'a' - 'A' : unit;
}

/* Names of devices are of ASCII only. */
static bool is_same_name(const WCHAR *a, const WCHAR *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

/* Of the length that a device has a name of, or none is meant. */
static NTSTATUS copy_name(const WCHAR *name, WCHAR ret_name[ADAPTER_NAME_MOST])
{
    size_t length;
    if (!name)
        return STATUS_INVALID_PARAMETER;
    if (!guarded_wide_length(name, &length))
        return STATUS_ACCESS_VIOLATION;
    if (length >= ADAPTER_NAME_MOST)
        return STATUS_INVALID_PARAMETER;
    if (!guarded_copy(ret_name, name, length * sizeof *name))
        return STATUS_ACCESS_VIOLATION;
    ret_name[length] = 0;
    return STATUS_SUCCESS;
}

static const struct vidmm *find_name(const WCHAR *name)
{
    WCHAR own[ADAPTER_NAME_MOST];
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        adapter_device_name(gpu_adapter(i), own);
        if (is_same_name(name, own))
            return gpu_adapter(i);
    }
    return NULL;
}

NTSTATUS kmt_OpenAdapterFromDeviceName(D3DKMT_OPENADAPTERFROMDEVICENAME *pData)
{
    D3DKMT_OPENADAPTERFROMDEVICENAME data;
    WCHAR name[ADAPTER_NAME_MOST];
    const struct vidmm *mm;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = copy_name(data.pDeviceName, name);
    if (status == STATUS_SUCCESS)
        status = adapter_machine();
    if (status != STATUS_SUCCESS)
        return status;
    mm = find_name(name);
    status = open_one(mm, &data.hAdapter);
    if (status != STATUS_SUCCESS)
        return status;
    data.AdapterLuid = adapter_luid(mm);
    return hand_out(pData, &data, sizeof data, data.hAdapter);
}

/* No display has a name, and none a device context. */
NTSTATUS kmt_OpenAdapterFromGdiDisplayName(D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME *pData)
{
    D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? STATUS_INVALID_PARAMETER : status;
}

NTSTATUS kmt_OpenAdapterFromHdc(D3DKMT_OPENADAPTERFROMHDC *pData)
{
    D3DKMT_OPENADAPTERFROMHDC data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    return status == STATUS_SUCCESS ? STATUS_INVALID_PARAMETER : status;
}

NTSTATUS kmt_CloseAdapter(const D3DKMT_CLOSEADAPTER *pData)
{
    D3DKMT_CLOSEADAPTER data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    struct kmt_adapter *adapter = kmt_find(data.hAdapter, KMT_ADAPTER);
    if (adapter) {
        clock_call(adapter->mm);
        adapter_close(adapter);
    }
    kmt_unlock();
    return adapter ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
