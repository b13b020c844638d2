/* What simulated adapters answer about themselves. */
#include "d3dkmt/adapter.h"
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

#define MIB (1ull << 20)

static D3DKMT_HANDLE open_adapter(uint32_t index)
{
    D3DKMT_OPENADAPTERFROMLUID open;
    ck_assert_int_eq(gpu_attach(), STATUS_SUCCESS);
    open.AdapterLuid = adapter_luid(gpu_adapter(index));
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_SUCCESS);
    return open.hAdapter;
}

static NTSTATUS ask(D3DKMT_HANDLE adapter, uint32_t type, void *data, uint32_t size)
{
    const D3DKMT_QUERYADAPTERINFO query = {adapter, type, data, size};
    return kmt_QueryAdapterInfo(&query);
}

/* The answer of the first adapter. */
#define ASK(type, data)                                                                            \
    ck_assert_int_eq(ask(open_adapter(0), KMTQAITYPE_##type, &(data), sizeof(data)), STATUS_SUCCESS)

static bool is_text(const WCHAR *wide, const char *text)
{
    size_t i = 0;
    while (text[i] && wide[i] == (unsigned char)text[i])
        i++;
    return !text[i] && !wide[i];
}

START_TEST(sizes_are_those_of_the_plan) /* KMT-119 */
{
    D3DKMT_SEGMENTSIZEINFO sizes;
    D3DKMT_SEGMENTGROUPSIZEINFO groups = {0};
    ASK(GETSEGMENTSIZE, sizes);
    ck_assert_uint_eq(sizes.DedicatedVideoMemorySize, 64 * MIB);
    ck_assert_uint_eq(sizes.DedicatedSystemMemorySize, 0);
    ck_assert_uint_eq(sizes.SharedSystemMemorySize, 32 * MIB);
    ASK(GETSEGMENTGROUPSIZE, groups);
    ck_assert_mem_eq(&groups.LegacyInfo, &sizes, sizeof sizes);
    ck_assert_uint_eq(groups.LocalMemory, 64 * MIB);
    ck_assert_uint_eq(groups.NonLocalMemory, 32 * MIB);
    ck_assert_uint_eq(groups.NonBudgetMemory, 0);
    groups.PhysicalAdapterIndex = 1; /* KMT-120 */
    ck_assert_int_eq(ask(open_adapter(0), KMTQAITYPE_GETSEGMENTGROUPSIZE, &groups, sizeof groups),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(every_question_is_answered_or_refused) /* KMT-115, 116, 117 */
{
    static char answer[8192 + 8], before[sizeof answer];
    D3DKMT_HANDLE adapter = open_adapter(0);
    unsigned answered = 0;
    for (uint32_t type = 0; type <= KMTQAITYPE_WDDM_3_0_CAPS; type++) {
        memset(answer, 0, sizeof answer);
        memset(answer + 8192, 0x5A, 8);
        NTSTATUS status = ask(adapter, type, answer, 8192);
        ck_assert(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER ||
                  status == STATUS_NOT_SUPPORTED || status == STATUS_OBJECT_NAME_NOT_FOUND);
        answered += status == STATUS_SUCCESS;
        ck_assert(answer[8192] == 0x5A);
    }
    ck_assert_uint_gt(answered, 45);
    memset(before, 0x33, sizeof before);
    memset(answer, 0x33, sizeof answer);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_GETSEGMENTSIZE, answer, 23), STATUS_INVALID_PARAMETER);
    ck_assert_mem_eq(answer, before, sizeof answer);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_GETSEGMENTSIZE, answer, 24), STATUS_SUCCESS);
    ck_assert_mem_eq(answer + 24, before, 64);
    ck_assert_int_eq(ask(adapter, 14, answer, 4096), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(adapter, 78, answer, 4096), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(adapter, 0x80000000, answer, 4096), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(malformed_questions_are_refused)
{
    D3DKMT_HANDLE adapter = open_adapter(0);
    const D3DKMT_CLOSEADAPTER close = {adapter};
    uint32_t answer;
    ck_assert_int_eq(kmt_QueryAdapterInfo(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_QueryAdapterInfo((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_DRIVERVERSION, (void *)8, 4), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_DRIVERVERSION, NULL, 4), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask(make_device(), KMTQAITYPE_DRIVERVERSION, &answer, 4),
                     STATUS_INVALID_PARAMETER);
    __atomic_store_n(&gpu_adapter(0)->adapter->running, VID_STOPPED, __ATOMIC_RELEASE);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_DRIVERVERSION, &answer, 4), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_CloseAdapter(&close), STATUS_SUCCESS);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_DRIVERVERSION, &answer, 4), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(nodes_and_physical_adapters) /* KMT-118, 121, 122 */
{
    D3DKMT_PHYSICAL_ADAPTER_COUNT physical;
    D3DKMT_NODEMETADATA node = {0};
    D3DKMT_NODE_PERFDATA speed = {.NodeOrdinal = 1};
    ASK(PHYSICALADAPTERCOUNT, physical);
    ck_assert_uint_eq(physical.Count, 1);
    ASK(NODEMETADATA, node);
    ck_assert_uint_eq(node.NodeData.EngineType, DXGK_ENGINE_TYPE_3D);
    node.NodeOrdinalAndAdapterIndex = 1;
    ASK(NODEMETADATA, node);
    ck_assert_uint_eq(node.NodeData.EngineType, DXGK_ENGINE_TYPE_COPY);
    ASK(NODEPERFDATA, speed);
    ck_assert_uint_eq(speed.NodeOrdinal, 1);
    ck_assert_uint_eq(speed.Frequency, 1000000000);
    node.NodeOrdinalAndAdapterIndex = 2;
    ck_assert_int_eq(ask(open_adapter(0), KMTQAITYPE_NODEMETADATA, &node, sizeof node),
                     STATUS_INVALID_PARAMETER);
    node.NodeOrdinalAndAdapterIndex = 1u << 16;
    ck_assert_int_eq(ask(open_adapter(0), KMTQAITYPE_NODEMETADATA, &node, sizeof node),
                     STATUS_INVALID_PARAMETER);
    speed.NodeOrdinal = 2;
    ck_assert_int_eq(ask(open_adapter(0), KMTQAITYPE_NODEPERFDATA, &speed, sizeof speed),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(who_the_adapter_is) /* KMT-123, 124 */
{
    D3DKMT_QUERY_DEVICE_IDS ids = {0};
    D3DKMT_QUERY_ADAPTER_UNIQUE_GUID guid, other;
    D3DKMT_ADAPTERTYPE type, render;
    D3DKMT_DRIVERVERSION model;
    static D3DKMT_ADAPTERREGISTRYINFO names;
    ASK(PHYSICALADAPTERDEVICEIDS, ids);
    ck_assert_uint_eq(ids.DeviceIds.VendorID, 0x10DE);
    ck_assert_uint_eq(ids.DeviceIds.DeviceID, 0x2684);
    ASK(ADAPTERREGISTRYINFO, names);
    ck_assert(is_text(names.AdapterString, "simulated"));
    ASK(ADAPTERTYPE, type);
    ASK(ADAPTERTYPE_RENDER, render);
    ck_assert_uint_eq(type.Value, D3DKMT_ADAPTERTYPE_RenderSupported);
    ck_assert_uint_eq(render.Value, type.Value);
    ck_assert_int_eq(ask(open_adapter(1), KMTQAITYPE_ADAPTERTYPE, &type, sizeof type),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(type.Value,
                      D3DKMT_ADAPTERTYPE_RenderSupported | D3DKMT_ADAPTERTYPE_SoftwareDevice);
    ASK(DRIVERVERSION, model);
    ck_assert_uint_eq(model, KMT_DRIVERVERSION_WDDM_3_0);
    ASK(QUERY_ADAPTER_UNIQUE_GUID, guid);
    ck_assert_uint_eq(guid.AdapterUniqueGUID[0], '{');
    ck_assert_uint_eq(guid.AdapterUniqueGUID[15], '4'); /* the version */
    ck_assert_uint_eq(guid.AdapterUniqueGUID[37], '}');
    ck_assert_uint_eq(guid.AdapterUniqueGUID[38], 0);
    ck_assert_int_eq(
        ask(open_adapter(1), KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID, &other, sizeof other),
        STATUS_SUCCESS);
    ck_assert_mem_ne(&guid, &other, sizeof guid);
}
END_TEST

START_TEST(where_the_registry_tells_about_it)
{
    WCHAR text[128] = {1};
    UINT units = 0;
    D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY key = {.PnPKeyType = D3DKMT_PNP_KEY_HARDWARE,
                                                 .pCchDest = &units};
    D3DKMT_HANDLE adapter = open_adapter(0);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_PHYSICALADAPTERPNPKEY, &key, sizeof key),
                     STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_gt(units, 40);
    key.pDest = text;
    units--;
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_PHYSICALADAPTERPNPKEY, &key, sizeof key),
                     STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(text[0], 1);
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_PHYSICALADAPTERPNPKEY, &key, sizeof key),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(text[units - 1], 0);
    ck_assert_uint_eq(text[units - 2], '0');
    key.PnPKeyType = 3;
    ck_assert_int_eq(ask(adapter, KMTQAITYPE_PHYSICALADAPTERPNPKEY, &key, sizeof key),
                     STATUS_INVALID_PARAMETER);
}
END_TEST

static struct {
    D3DDDI_QUERYREGISTRY_INFO info;
    char more[512];
} registry;

/* The whole string, which goes on behind the structure. */
static const WCHAR *registry_string(void)
{
    return (const WCHAR *)((const char *)&registry +
                           offsetof(D3DDDI_QUERYREGISTRY_INFO, OutputString));
}

static NTSTATUS ask_registry(uint32_t kind, const WCHAR *name, uint32_t type, uint32_t size)
{
    memset(&registry, 0, sizeof registry);
    registry.info.QueryType = kind;
    for (size_t i = 0; name[i]; i++)
        registry.info.ValueName[i] = name[i];
    registry.info.ValueType = type;
    registry.info.Status = 77;
    return ask(open_adapter(0), KMTQAITYPE_QUERYREGISTRY, &registry, size);
}

START_TEST(a_vulkan_loader_finds_its_driver) /* KMT-125, 126, 127 */
{
    static const char path[] = "C:\\drivers\\icd.json";
    static const WCHAR name[] = u"VulkanDriverName";
    const uint32_t kind = D3DDDI_QUERYREGISTRY_ADAPTERKEY, whole = sizeof registry.info;
    ck_assert_int_eq(ask_registry(kind, name, 7, whole), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(registry.info.Status, D3DDDI_QUERYREGISTRY_STATUS_FAIL);
    ck_assert_int_eq(ask_registry(kind, name, 1, whole), STATUS_SUCCESS);
    ck_assert_uint_eq(registry.info.Status, D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW);
    ck_assert_uint_eq(registry.info.OutputValueSize, 2 * sizeof path);
    ck_assert_uint_eq(registry.info.OutputQword, 0);
    ck_assert_int_eq(ask_registry(kind, name, 1, whole + 2 * sizeof path), STATUS_SUCCESS);
    ck_assert_uint_eq(registry.info.Status, D3DDDI_QUERYREGISTRY_STATUS_SUCCESS);
    ck_assert(is_text(registry.info.OutputString, path));
    ck_assert_int_eq(ask_registry(kind, u"VULKANdrivername", 1, whole + 100), STATUS_SUCCESS);
    ck_assert_int_eq(ask_registry(kind, u"OpenGLDriverName", 1, whole),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_uint_eq(registry.info.Status, D3DDDI_QUERYREGISTRY_STATUS_FAIL);
    ck_assert_uint_eq(registry.info.OutputValueSize, 0);
}
END_TEST

START_TEST(values_and_paths) /* KMT-128, 129 */
{
    const uint32_t kind = D3DDDI_QUERYREGISTRY_ADAPTERKEY, whole = sizeof registry.info;
    ck_assert_int_eq(ask_registry(kind, u"HardwareInformation.qwMemorySize", 11, whole),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(registry.info.OutputValueSize, 8);
    ck_assert_uint_eq(registry.info.OutputQword, 64 * MIB);
    ck_assert_int_eq(ask_registry(kind, u"HardwareInformation.MemorySize", 4, whole),
                     STATUS_SUCCESS);
    ck_assert_uint_eq(registry.info.OutputDword, 64 * MIB);
    ck_assert_int_eq(ask_registry(2, u"anything", 0, sizeof registry), STATUS_SUCCESS);
    ck_assert_uint_eq(registry_string()[1], ':');
    ck_assert_int_eq(ask_registry(2, u"", 1, sizeof registry), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(ask_registry(0, u"ImagePath", 1, sizeof registry), STATUS_SUCCESS);
    ck_assert_int_eq(ask_registry(4, u"ImagePath", 1, sizeof registry), STATUS_INVALID_PARAMETER);
}
END_TEST

int main(void)
{
    setenv("WINMEM_GPU",
           "seed=5; adapter local=64M nonlocal=32M name=simulated vendor=0x10DE device=0x2684 "
           "software=0 icd=C:\\drivers\\icd.json; adapter local=1G",
           1);
    TCase *tests = tcase_create("info");
    tcase_add_checked_fixture(tests, own_machine, NULL);
    tcase_add_test(tests, sizes_are_those_of_the_plan);
    tcase_add_test(tests, every_question_is_answered_or_refused);
    tcase_add_test(tests, malformed_questions_are_refused);
    tcase_add_test(tests, nodes_and_physical_adapters);
    tcase_add_test(tests, who_the_adapter_is);
    tcase_add_test(tests, where_the_registry_tells_about_it);
    tcase_add_test(tests, a_vulkan_loader_finds_its_driver);
    tcase_add_test(tests, values_and_paths);
    return suite_run("gpu_info", tests);
}
