/* D3DKMTQueryAdapterInfo with QUERYREGISTRY: values of the adapter's keys, and paths of its driver. */
#include <stdio.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/info.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

/* Types of values, as the registry numbers them. */
enum { TYPE_NONE = 0, TYPE_SZ = 1, TYPE_DWORD = 4, TYPE_QWORD = 11 };

#define STORE                                                                                      \
    "C:\\Windows\\System32\\DriverStore\\FileRepository\\winmem_gpu.inf_amd64_0000000000000000"
#define TEXT_MOST 256 /* units of a value, with its zero; as many as the longest of a plan */

struct value {
    uint32_t type;
    uint32_t size; /* bytes */
    union {
        uint32_t number;
        uint64_t large;
        WCHAR text[TEXT_MOST];
    };
};

static void set_text(struct value *value, const char *text)
{
    info_text(value->text, TEXT_MOST, text);
    value->type = TYPE_SZ;
    value->size = (uint32_t)((strlen(text) + 1) * sizeof *value->text);
}

static void name_value(const struct vidmm *mm, struct value *value)
{
    set_text(value, mm->adapter->name);
}

static void provider_value(const struct vidmm *mm, struct value *value)
{
    (void)mm;
    set_text(value, "winmem");
}

static void version_value(const struct vidmm *mm, struct value *value)
{
    (void)mm;
    set_text(value, INFO_DRIVER_VERSION);
}

static void device_value(const struct vidmm *mm, struct value *value)
{
    (void)mm;
    set_text(value, "root\\winmem_gpu");
}

static void guid_value(const struct vidmm *mm, struct value *value)
{
    char text[INFO_GUID_TEXT];
    info_guid_text(mm, text);
    set_text(value, text);
}

/* What no 32 bits hold is told as the largest that they do. */
static void memory_value(const struct vidmm *mm, struct value *value)
{
    uint64_t size = mm->adapter->segments[VID_LOCAL].size;
    value->type = TYPE_DWORD;
    value->size = sizeof value->number;
    value->number = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

static void large_memory_value(const struct vidmm *mm, struct value *value)
{
    value->type = TYPE_QWORD;
    value->size = sizeof value->large;
    value->large = mm->adapter->segments[VID_LOCAL].size;
}

static void vulkan_value(const struct vidmm *mm, struct value *value)
{
    if (mm->adapter->icd[0])
        set_text(value, mm->adapter->icd);
}

static const struct {
    const char *name;
    void (*read)(const struct vidmm *mm, struct value *value);
} adapter_values[] = {
    {"DriverDesc", name_value},
    {"DriverVersion", version_value},
    {"HardwareInformation.AdapterString", name_value},
    {"HardwareInformation.ChipType", name_value},
    {"HardwareInformation.MemorySize", memory_value},
    {"HardwareInformation.qwMemorySize", large_memory_value},
    {"MatchingDeviceId", device_value},
    {"ProviderName", provider_value},
    {"VideoID", guid_value},
    {"VulkanDriverName", vulkan_value},
};

static char lower(WCHAR unit)
{
    return (char)(unit >= 'A' && unit <= 'Z' ? unit + 'a' - 'A' : unit);
}

static bool is_name(const WCHAR name[260], const char *text)
{
    for (size_t i = 0; i < 260; i++) {
        if (name[i] > 127 || lower(name[i]) != lower((unsigned char)text[i]))
            return false;
        if (!name[i])
            return true;
    }
    return false;
}

/* The value of the name; its type stays TYPE_NONE when there is none. */
static void find_value(const struct vidmm *mm, const D3DDDI_QUERYREGISTRY_INFO *query,
                       struct value *value)
{
    if (query->QueryType == D3DDDI_QUERYREGISTRY_SERVICEKEY) {
        if (is_name(query->ValueName, "ImagePath"))
            set_text(value, STORE "\\winmem_gpu.sys");
        return;
    }
    for (size_t i = 0; i < array_length(adapter_values); i++)
        if (is_name(query->ValueName, adapter_values[i].name))
            adapter_values[i].read(mm, value);
}

static NTSTATUS look_up(const struct vidmm *mm, const D3DDDI_QUERYREGISTRY_INFO *query,
                        struct value *value)
{
    if (query->QueryType > D3DDDI_QUERYREGISTRY_DRIVERIMAGEPATH || query->PhysicalAdapterIndex ||
        query->QueryFlags.Value & ~(UINT)(D3DDDI_QUERYREGISTRY_FLAGS_TranslatePath |
                                          D3DDDI_QUERYREGISTRY_FLAGS_MutableValue))
        return STATUS_INVALID_PARAMETER;
    if (query->QueryType >= D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH) {
        bool image = query->QueryType == D3DDDI_QUERYREGISTRY_DRIVERIMAGEPATH;
        if (query->ValueType != TYPE_NONE)
            return STATUS_INVALID_PARAMETER;
        set_text(value, image ? STORE "\\winmem_gpu.sys" : STORE);
        return STATUS_SUCCESS;
    }
    find_value(mm, query, value);
    if (value->type == TYPE_NONE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return value->type == query->ValueType ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The output begins in the last field of the structure and goes on behind it. */
NTSTATUS info_registry(struct info *info)
{
    const size_t at = offsetof(D3DDDI_QUERYREGISTRY_INFO, OutputDword);
    D3DDDI_QUERYREGISTRY_INFO *query = info->data, *caller = info->at;
    D3DDDI_QUERYREGISTRY_STATUS answer = D3DDDI_QUERYREGISTRY_STATUS_FAIL;
    struct value value = {.type = TYPE_NONE};
    NTSTATUS status = look_up(info->mm, query, &value);
    if (status != STATUS_SUCCESS)
        return guarded_write(&caller->Status, &answer, sizeof answer) ? status
                                                                      : STATUS_ACCESS_VIOLATION;
    query->OutputValueSize = value.size;
    query->Status = D3DDDI_QUERYREGISTRY_STATUS_SUCCESS;
    if (value.size > info->size - at) {
        query->Status = D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW;
        return STATUS_SUCCESS;
    }
    memcpy(&query->OutputDword, value.text, value.size < 8 ? value.size : 8);
    return guarded_copy((char *)info->at + at, value.text, value.size) ? STATUS_SUCCESS
                                                                       : STATUS_ACCESS_VIOLATION;
}
