/* D3DKMTQueryAdapterInfo: which questions there are, and who answers them. */
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/info.h"
#include "faces.h"
#include "memoryapi/base.h"

/* FALSE, or no bit: what it asks for is not there. */
static NTSTATUS info_nothing(struct info *info)
{
    (void)info;
    return STATUS_SUCCESS;
}

/* It begins with the number of a display source, and there is none. */
static NTSTATUS info_no_source(struct info *info)
{
    (void)info;
    return STATUS_INVALID_PARAMETER;
}

static NTSTATUS info_unsupported(struct info *info)
{
    (void)info;
    return STATUS_NOT_SUPPORTED;
}

#define UNSUPPORTED                                                                                \
    {                                                                                              \
        0, false, info_unsupported                                                                 \
    }
#define ANSWER(size, name)                                                                         \
    {                                                                                              \
        sizeof(size), false, info_##name                                                           \
    }
#define NOTHING(size)                                                                              \
    {                                                                                              \
        sizeof(size), true, info_nothing                                                           \
    }
#define SOURCE(size)                                                                               \
    {                                                                                              \
        sizeof(size), false, info_no_source                                                        \
    }

static const struct {
    uint16_t size;                         /* bytes of the structure */
    bool empty;                            /* all of the answer is 0 */
    NTSTATUS (*answer)(struct info *info); /* NULL: no such question */
} questions[] = {
    [KMTQAITYPE_UMDRIVERPRIVATE] = UNSUPPORTED,
    [KMTQAITYPE_UMDRIVERNAME] = ANSWER(D3DKMT_UMDFILENAMEINFO, user_driver),
    [KMTQAITYPE_UMOPENGLINFO] = UNSUPPORTED,
    [KMTQAITYPE_GETSEGMENTSIZE] = ANSWER(D3DKMT_SEGMENTSIZEINFO, segments),
    [KMTQAITYPE_ADAPTERGUID] = ANSWER(struct info_guid, guid),
    [KMTQAITYPE_FLIPQUEUEINFO] = UNSUPPORTED,
    [KMTQAITYPE_ADAPTERADDRESS] = ANSWER(D3DKMT_ADAPTERADDRESS, address),
    [KMTQAITYPE_SETWORKINGSETINFO] = UNSUPPORTED,
    [KMTQAITYPE_ADAPTERREGISTRYINFO] = ANSWER(D3DKMT_ADAPTERREGISTRYINFO, names),
    [KMTQAITYPE_CURRENTDISPLAYMODE] = UNSUPPORTED,
    [KMTQAITYPE_MODELIST] = UNSUPPORTED,
    [KMTQAITYPE_CHECKDRIVERUPDATESTATUS] = NOTHING(BOOL),
    [KMTQAITYPE_VIRTUALADDRESSINFO] = ANSWER(D3DKMT_VIRTUALADDRESSINFO, virtual_addresses),
    [KMTQAITYPE_DRIVERVERSION] = ANSWER(D3DKMT_DRIVERVERSION, model),
    [KMTQAITYPE_ADAPTERTYPE] = ANSWER(D3DKMT_ADAPTERTYPE, type),
    [KMTQAITYPE_OUTPUTDUPLCONTEXTSCOUNT] = SOURCE(D3DKMT_OUTPUTDUPLCONTEXTSCOUNT),
    [KMTQAITYPE_WDDM_1_2_CAPS] = ANSWER(D3DKMT_WDDM_1_2_CAPS, caps_1_2),
    [KMTQAITYPE_UMD_DRIVER_VERSION] = ANSWER(D3DKMT_UMD_DRIVER_VERSION, driver_version),
    [KMTQAITYPE_DIRECTFLIP_SUPPORT] = NOTHING(D3DKMT_DIRECTFLIP_SUPPORT),
    [KMTQAITYPE_MULTIPLANEOVERLAY_SUPPORT] = NOTHING(D3DKMT_MULTIPLANEOVERLAY_SUPPORT),
    [KMTQAITYPE_DLIST_DRIVER_NAME] = UNSUPPORTED,
    [KMTQAITYPE_WDDM_1_3_CAPS] = NOTHING(D3DKMT_WDDM_1_3_CAPS),
    [KMTQAITYPE_MULTIPLANEOVERLAY_HUD_SUPPORT] = SOURCE(D3DKMT_MULTIPLANEOVERLAY_HUD_SUPPORT),
    [KMTQAITYPE_WDDM_2_0_CAPS] = ANSWER(D3DKMT_WDDM_2_0_CAPS, caps_2_0),
    [KMTQAITYPE_NODEMETADATA] = ANSWER(D3DKMT_NODEMETADATA, node),
    [KMTQAITYPE_CPDRIVERNAME] = UNSUPPORTED,
    [KMTQAITYPE_XBOX] = NOTHING(D3DKMT_XBOX),
    [KMTQAITYPE_INDEPENDENTFLIP_SUPPORT] = NOTHING(D3DKMT_INDEPENDENTFLIP_SUPPORT),
    [KMTQAITYPE_MIRACASTCOMPANIONDRIVERNAME] = UNSUPPORTED,
    [KMTQAITYPE_PHYSICALADAPTERCOUNT] = ANSWER(D3DKMT_PHYSICAL_ADAPTER_COUNT, physical_adapters),
    [KMTQAITYPE_PHYSICALADAPTERDEVICEIDS] = ANSWER(D3DKMT_QUERY_DEVICE_IDS, device_ids),
    [KMTQAITYPE_DRIVERCAPS_EXT] = NOTHING(D3DKMT_DRIVERCAPS_EXT),
    [KMTQAITYPE_QUERY_MIRACAST_DRIVER_TYPE] = NOTHING(D3DKMT_QUERY_MIRACAST_DRIVER_TYPE),
    [KMTQAITYPE_QUERY_GPUMMU_CAPS] = ANSWER(D3DKMT_QUERY_GPUMMU_CAPS, address_bits),
    [KMTQAITYPE_QUERY_MULTIPLANEOVERLAY_DECODE_SUPPORT] =
        NOTHING(D3DKMT_MULTIPLANEOVERLAY_DECODE_SUPPORT),
    [KMTQAITYPE_QUERY_HW_PROTECTION_TEARDOWN_COUNT] = NOTHING(UINT),
    [KMTQAITYPE_QUERY_ISBADDRIVERFORHWPROTECTIONDISABLED] =
        NOTHING(D3DKMT_ISBADDRIVERFORHWPROTECTIONDISABLED),
    [KMTQAITYPE_MULTIPLANEOVERLAY_SECONDARY_SUPPORT] =
        NOTHING(D3DKMT_MULTIPLANEOVERLAY_SECONDARY_SUPPORT),
    [KMTQAITYPE_INDEPENDENTFLIP_SECONDARY_SUPPORT] =
        NOTHING(D3DKMT_INDEPENDENTFLIP_SECONDARY_SUPPORT),
    [KMTQAITYPE_PANELFITTER_SUPPORT] = NOTHING(D3DKMT_PANELFITTER_SUPPORT),
    [KMTQAITYPE_PHYSICALADAPTERPNPKEY] = ANSWER(D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY, pnp_key),
    [KMTQAITYPE_GETSEGMENTGROUPSIZE] = ANSWER(D3DKMT_SEGMENTGROUPSIZEINFO, segment_groups),
    [KMTQAITYPE_MPO3DDI_SUPPORT] = NOTHING(D3DKMT_MPO3DDI_SUPPORT),
    [KMTQAITYPE_HWDRM_SUPPORT] = NOTHING(D3DKMT_HWDRM_SUPPORT),
    [KMTQAITYPE_MPOKERNELCAPS_SUPPORT] = NOTHING(D3DKMT_MPOKERNELCAPS_SUPPORT),
    [KMTQAITYPE_MULTIPLANEOVERLAY_STRETCH_SUPPORT] = UNSUPPORTED,
    [KMTQAITYPE_GET_DEVICE_VIDPN_OWNERSHIP_INFO] = UNSUPPORTED,
    [KMTQAITYPE_QUERYREGISTRY] = ANSWER(D3DDDI_QUERYREGISTRY_INFO, registry),
    [KMTQAITYPE_KMD_DRIVER_VERSION] = ANSWER(D3DKMT_KMD_DRIVER_VERSION, driver_version),
    [KMTQAITYPE_BLOCKLIST_KERNEL] = UNSUPPORTED,
    [KMTQAITYPE_BLOCKLIST_RUNTIME] = UNSUPPORTED,
    [KMTQAITYPE_ADAPTERGUID_RENDER] = ANSWER(struct info_guid, guid),
    [KMTQAITYPE_ADAPTERADDRESS_RENDER] = ANSWER(D3DKMT_ADAPTERADDRESS, address),
    [KMTQAITYPE_ADAPTERREGISTRYINFO_RENDER] = ANSWER(D3DKMT_ADAPTERREGISTRYINFO, names),
    [KMTQAITYPE_CHECKDRIVERUPDATESTATUS_RENDER] = NOTHING(BOOL),
    [KMTQAITYPE_DRIVERVERSION_RENDER] = ANSWER(D3DKMT_DRIVERVERSION, model),
    [KMTQAITYPE_ADAPTERTYPE_RENDER] = ANSWER(D3DKMT_ADAPTERTYPE, type),
    [KMTQAITYPE_WDDM_1_2_CAPS_RENDER] = ANSWER(D3DKMT_WDDM_1_2_CAPS, caps_1_2),
    [KMTQAITYPE_WDDM_1_3_CAPS_RENDER] = NOTHING(D3DKMT_WDDM_1_3_CAPS),
    [KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID] = ANSWER(D3DKMT_QUERY_ADAPTER_UNIQUE_GUID, unique_guid),
    [KMTQAITYPE_NODEPERFDATA] = ANSWER(D3DKMT_NODE_PERFDATA, node_speed),
    [KMTQAITYPE_ADAPTERPERFDATA] = ANSWER(D3DKMT_ADAPTER_PERFDATA, speed),
    [KMTQAITYPE_ADAPTERPERFDATA_CAPS] = ANSWER(D3DKMT_ADAPTER_PERFDATACAPS, speed_limits),
    [KMTQUITYPE_GPUVERSION] = ANSWER(D3DKMT_GPUVERSION, gpu_version),
    [KMTQAITYPE_DRIVER_DESCRIPTION] = ANSWER(D3DKMT_DRIVER_DESCRIPTION, description),
    [KMTQAITYPE_DRIVER_DESCRIPTION_RENDER] = ANSWER(D3DKMT_DRIVER_DESCRIPTION, description),
    [KMTQAITYPE_SCANOUT_CAPS] = SOURCE(D3DKMT_QUERY_SCANOUT_CAPS),
    [KMTQAITYPE_PARAVIRTUALIZATION_RENDER] = NOTHING(D3DKMT_PARAVIRTUALIZATION),
    [KMTQAITYPE_SERVICENAME] = UNSUPPORTED,
    [KMTQAITYPE_WDDM_2_7_CAPS] = NOTHING(D3DKMT_WDDM_2_7_CAPS),
    [KMTQAITYPE_DISPLAY_UMDRIVERNAME] = UNSUPPORTED,
    [KMTQAITYPE_TRACKEDWORKLOAD_SUPPORT] =
        ANSWER(D3DKMT_TRACKEDWORKLOAD_SUPPORT, tracked_workloads),
    [KMTQAITYPE_HYBRID_DLIST_DLL_SUPPORT] = NOTHING(D3DKMT_HYBRID_DLIST_DLL_SUPPORT),
    [KMTQAITYPE_DISPLAY_CAPS] = UNSUPPORTED,
    [KMTQAITYPE_WDDM_2_9_CAPS] = NOTHING(D3DKMT_WDDM_2_9_CAPS),
    [KMTQAITYPE_CROSSADAPTERRESOURCE_SUPPORT] = NOTHING(D3DKMT_CROSSADAPTERRESOURCE_SUPPORT),
    [KMTQAITYPE_WDDM_3_0_CAPS] = NOTHING(D3DKMT_WDDM_3_0_CAPS),
};

/* The caller's structure becomes the answer, or stays as it is. */
static NTSTATUS ask(struct info *info, size_t size, bool empty,
                    NTSTATUS (*answer)(struct info *info))
{
    info->data = calloc(1, size);
    NTSTATUS status = info->data ? caller_open(info->at, info->data, size) : STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS && empty)
        memset(info->data, 0, size);
    if (status == STATUS_SUCCESS)
        status = answer(info);
    if (status == STATUS_SUCCESS)
        status = caller_write(info->at, info->data, size);
    free(info->data);
    return status;
}

NTSTATUS kmt_QueryAdapterInfo(const D3DKMT_QUERYADAPTERINFO *pData)
{
    D3DKMT_QUERYADAPTERINFO data;
    struct info info;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = adapter_use(data.hAdapter, &info.mm);
    kmt_unlock();
    if (status != STATUS_SUCCESS)
        return status;
    if (data.Type >= array_length(questions) || !questions[data.Type].answer ||
        data.PrivateDriverDataSize < questions[data.Type].size)
        return STATUS_INVALID_PARAMETER;
    info.at = data.pPrivateDriverData;
    info.size = data.PrivateDriverDataSize;
    if (!questions[data.Type].size)
        return questions[data.Type].answer(&info);
    return ask(&info, questions[data.Type].size, questions[data.Type].empty,
               questions[data.Type].answer);
}
