/* Who an adapter and its driver are. */
#include <stdio.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/info.h"
#include "memoryapi/guarded.h"

void info_text(WCHAR *ret_text, size_t room, const char *text)
{
    size_t i = 0;
    for (; i + 1 < room && text[i]; i++)
        ret_text[i] = (unsigned char)text[i];
    ret_text[i] = 0;
}

/* Steele, Lea, Flood: SplitMix. Different machines and adapters have different numbers. */
static uint64_t mix(uint64_t number)
{
    number += 0x9E3779B97F4A7C15ull;
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9ull;
    number = (number ^ number >> 27) * 0x94D049BB133111EBull;
    return number ^ number >> 31;
}

/* The same for every process and every start of the same machine. RFC 4122: version 4. */
static struct info_guid guid_of(const struct vidmm *mm)
{
    uint64_t high = mix(mm->machine->seed ^ mix(mm->adapter->luid)), low = mix(high);
    struct info_guid guid = {.first = (uint32_t)high,
                             .second = (uint16_t)(high >> 32),
                             .third = (uint16_t)((high >> 48 & 0xFFF) | 0x4000)};
    memcpy(guid.rest, &low, sizeof low);
    guid.rest[0] = (guid.rest[0] & 0x3F) | 0x80;
    return guid;
}

void info_guid_text(const struct vidmm *mm, char ret_text[INFO_GUID_TEXT])
{
    struct info_guid guid = guid_of(mm);
    const uint8_t *rest = guid.rest;
    snprintf(ret_text, INFO_GUID_TEXT, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}",
             guid.first, guid.second, guid.third, rest[0], rest[1], rest[2], rest[3], rest[4],
             rest[5], rest[6], rest[7]);
}

NTSTATUS info_guid(struct info *info)
{
    struct info_guid guid = guid_of(info->mm);
    memcpy(info->data, &guid, sizeof guid);
    return STATUS_SUCCESS;
}

NTSTATUS info_unique_guid(struct info *info)
{
    D3DKMT_QUERY_ADAPTER_UNIQUE_GUID *answer = info->data;
    char text[INFO_GUID_TEXT];
    info_guid_text(info->mm, text);
    info_text(answer->AdapterUniqueGUID, 40, text);
    return STATUS_SUCCESS;
}

/* It is on no bus; the device number tells adapters apart. */
NTSTATUS info_address(struct info *info)
{
    D3DKMT_ADAPTERADDRESS *answer = info->data;
    *answer = (D3DKMT_ADAPTERADDRESS){.DeviceNumber = vidmm_index(info->mm)};
    return STATUS_SUCCESS;
}

NTSTATUS info_device_ids(struct info *info)
{
    D3DKMT_QUERY_DEVICE_IDS *answer = info->data;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    answer->DeviceIds = (D3DKMT_DEVICE_IDS){.VendorID = info->mm->adapter->vendor,
                                            .DeviceID = info->mm->adapter->device_id};
    return STATUS_SUCCESS;
}

NTSTATUS info_names(struct info *info)
{
    D3DKMT_ADAPTERREGISTRYINFO *answer = info->data;
    memset(answer, 0, sizeof *answer);
    info_text(answer->AdapterString, 260, info->mm->adapter->name);
    info_text(answer->ChipType, 260, info->mm->adapter->name);
    return STATUS_SUCCESS;
}

NTSTATUS info_description(struct info *info)
{
    D3DKMT_DRIVER_DESCRIPTION *answer = info->data;
    memset(answer, 0, sizeof *answer);
    info_text(answer->DriverDescription, 4096, info->mm->adapter->name);
    return STATUS_SUCCESS;
}

NTSTATUS info_gpu_version(struct info *info)
{
    D3DKMT_GPUVERSION *answer = info->data;
    if (answer->PhysicalAdapterIndex)
        return STATUS_INVALID_PARAMETER;
    memset(answer, 0, sizeof *answer);
    info_text(answer->GpuArchitecture, 32, "simulated");
    return STATUS_SUCCESS;
}

NTSTATUS info_model(struct info *info)
{
    *(D3DKMT_DRIVERVERSION *)info->data = KMT_DRIVERVERSION_WDDM_3_0;
    return STATUS_SUCCESS;
}

/* Four numbers of 16 bits, the first one highest. */
NTSTATUS info_driver_version(struct info *info)
{
    unsigned part[4] = {0};
    uint64_t version = 0;
    sscanf(INFO_DRIVER_VERSION, "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]);
    for (unsigned i = 0; i < 4; i++)
        version = version << 16 | part[i];
    memcpy(info->data, &version, sizeof version);
    return STATUS_SUCCESS;
}

/* No version of Direct3D has a driver here. */
NTSTATUS info_user_driver(struct info *info)
{
    (void)info;
    return STATUS_INVALID_PARAMETER;
}

/* Where the registry tells about the adapter. Without enough room: how many units it takes. */
NTSTATUS info_pnp_key(struct info *info)
{
    const D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY *data = info->data;
    char text[128];
    WCHAR key[128];
    UINT room, length;
    if (data->PhysicalAdapterIndex || !data->pCchDest)
        return STATUS_INVALID_PARAMETER;
    if (data->PnPKeyType == D3DKMT_PNP_KEY_HARDWARE)
        snprintf(text, sizeof text,
                 "\\REGISTRY\\MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\ROOT\\WINMEM_GPU\\%04u",
                 vidmm_index(info->mm));
    else if (data->PnPKeyType == D3DKMT_PNP_KEY_SOFTWARE)
        snprintf(text, sizeof text,
                 "\\REGISTRY\\MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\"
                 "{4d36e968-e325-11ce-bfc1-08002be10318}\\%04u",
                 vidmm_index(info->mm));
    else
        return STATUS_INVALID_PARAMETER;
    info_text(key, sizeof key / sizeof *key, text);
    length = (UINT)strlen(text) + 1;
    if (!guarded_read(data->pCchDest, &room, sizeof room) ||
        !guarded_writable(data->pCchDest, sizeof room))
        return STATUS_ACCESS_VIOLATION;
    bool fits = data->pDest && room >= length;
    if (fits && !guarded_copy(data->pDest, key, length * sizeof *key))
        return STATUS_ACCESS_VIOLATION;
    if (!guarded_write(data->pCchDest, &length, sizeof length))
        return STATUS_ACCESS_VIOLATION;
    return fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

NTSTATUS info_type(struct info *info)
{
    D3DKMT_ADAPTERTYPE *answer = info->data;
    answer->Value = D3DKMT_ADAPTERTYPE_RenderSupported;
    if (info->mm->adapter->software)
        answer->Value |= D3DKMT_ADAPTERTYPE_SoftwareDevice;
    return STATUS_SUCCESS;
}
