/* Openings of adapters, and what names an adapter. */
#include "d3dkmt/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/state.h"
#include "memoryapi/object.h"

NTSTATUS adapter_machine(void)
{
    return gpu_attach() == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

LUID adapter_luid(const struct vidmm *mm)
{
    uint64_t luid = vidmm_luid(mm);
    return (LUID){(DWORD)luid, (LONG)(luid >> 32)};
}

bool adapter_runs(const struct vidmm *mm)
{
    return __atomic_load_n(&mm->adapter->running, __ATOMIC_ACQUIRE) == VID_RUNNING;
}

bool adapter_is_there(const struct kmt_adapter *adapter)
{
    return adapter_runs(adapter->mm) && adapter->arrival == vidmm_arrivals(adapter->mm);
}

const struct vidmm *adapter_of(LUID luid)
{
    uint64_t number = luid.LowPart | (uint64_t)(uint32_t)luid.HighPart << 32;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++)
        if (vidmm_luid(gpu_adapter(i)) == number)
            return gpu_adapter(i);
    return NULL;
}

/* GUID_DISPLAY_DEVICE_ARRIVAL of a device that a bus did not find. */
void adapter_device_name(const struct vidmm *mm, WCHAR ret_name[ADAPTER_NAME_MOST])
{
    char name[ADAPTER_NAME_MOST];
    snprintf(name, sizeof name,
             "\\\\?\\ROOT#WINMEM_GPU#%04u#{1ca05180-a699-450a-9a0c-de4fbe3ddd89}", vidmm_index(mm));
    for (size_t i = 0; i < sizeof name && (i == 0 || name[i - 1]); i++)
        ret_name[i] = (unsigned char)name[i];
}

NTSTATUS adapter_process_exists(HANDLE handle)
{
    struct object *process;
    if (handle_is_current_process(handle, 0) == STATUS_SUCCESS)
        return STATUS_SUCCESS;
    if (handle_lookup(handle, OBJECT_PROCESS, 0, &process) != STATUS_SUCCESS)
        return STATUS_INVALID_HANDLE;
    object_unref(process);
    return STATUS_SUCCESS;
}

NTSTATUS adapter_process(HANDLE handle, uint16_t *ret_process)
{
    const struct vid_process *processes = gpu_machine()->processes;
    struct object *process;
    *ret_process = gpu_process();
    if (!handle || handle_is_current_process(handle, PROCESS_QUERY_INFORMATION) == STATUS_SUCCESS)
        return STATUS_SUCCESS;
    NTSTATUS status = handle_lookup(handle, OBJECT_PROCESS, PROCESS_QUERY_INFORMATION, &process);
    if (status != STATUS_SUCCESS)
        return status == STATUS_ACCESS_DENIED ? status : STATUS_INVALID_HANDLE;
    uint32_t id = object_process_id ? object_process_id(process) : 0;
    object_unref(process);
    for (uint16_t i = 1; i < VID_PROCESSES && id; i++)
        if (__atomic_load_n(&processes[i].pid, __ATOMIC_ACQUIRE) == id) {
            *ret_process = i;
            return STATUS_SUCCESS;
        }
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS adapter_open(const struct vidmm *mm, D3DKMT_HANDLE *ret_handle)
{
    struct kmt_adapter *adapter = calloc(1, sizeof *adapter);
    if (!adapter || !kmt_handle_create(&adapter->object, KMT_ADAPTER)) {
        free(adapter);
        return STATUS_NO_MEMORY;
    }
    adapter->mm = mm;
    adapter->arrival = vidmm_arrivals(mm);
    *ret_handle = adapter->object.handle;
    return STATUS_SUCCESS;
}

void adapter_close(struct kmt_adapter *adapter)
{
    kmt_handle_destroy(&adapter->object);
    free(adapter);
}

NTSTATUS adapter_use(D3DKMT_HANDLE handle, const struct vidmm **ret_mm)
{
    const struct kmt_adapter *adapter = kmt_find(handle, KMT_ADAPTER);
    if (!adapter)
        return STATUS_INVALID_PARAMETER;
    clock_call(adapter->mm);
    if (!adapter_is_there(adapter))
        return STATUS_DEVICE_REMOVED;
    *ret_mm = adapter->mm;
    return STATUS_SUCCESS;
}
