/* What an adapter answers when it is asked, and what its registry tells. */
#include "gpu_device.h"

static void kmt115(void)
{
    char answer[64];
    unsigned i;

    memset(answer, 0x5A, sizeof answer);
    bad(ask(adapter(), 0x7FFF, answer, sizeof answer));
    bad(ask(adapter(), 0xFFFFFFFF, answer, sizeof answer));
    for (i = 0; i < sizeof answer; i++)
        same("untouched", answer[i], 0x5A);
}

static void kmt116(void)
{
    D3DKMT_SEGMENTSIZEINFO sizes;
    const unsigned char *bytes = (const unsigned char *)&sizes;
    unsigned i;

    memset(&sizes, 0x5A, sizeof sizes);
    bad(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof sizes - 1));
    bad(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &sizes, 0));
    for (i = 0; i < sizeof sizes; i++)
        same("untouched", bytes[i], 0x5A);
}

static void kmt117(void)
{
    struct {
        D3DKMT_SEGMENTSIZEINFO sizes;
        ULONG64 behind;
    } answer;

    memset(&answer, 0x5A, sizeof answer);
    good(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &answer, sizeof answer));
    ok("answered", answer.sizes.DedicatedVideoMemorySize != 0x5A5A5A5A5A5A5A5A);
    same("behind", answer.behind, 0x5A5A5A5A5A5A5A5A);
}

static void kmt118(void)
{
    D3DKMT_PHYSICAL_ADAPTER_COUNT behind = {0};
    good(ask(adapter(), KMTQAITYPE_PHYSICALADAPTERCOUNT, &behind, sizeof behind));
    ok("at least one", behind.Count >= 1);
}

static void kmt119(void)
{
    D3DKMT_SEGMENTSIZEINFO sizes = {0};
    D3DKMT_SEGMENTGROUPSIZEINFO groups = {0};

    good(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof sizes));
    good(ask(adapter(), KMTQAITYPE_GETSEGMENTGROUPSIZE, &groups, sizeof groups));
    ok("some", groups.LocalMemory > 0);
    same("local is dedicated", groups.LocalMemory,
         sizes.DedicatedVideoMemorySize + sizes.DedicatedSystemMemorySize);
    same("the sum", groups.LocalMemory + groups.NonLocalMemory + groups.NonBudgetMemory,
         sizes.DedicatedVideoMemorySize + sizes.DedicatedSystemMemorySize +
             sizes.SharedSystemMemorySize);
    same("told twice", groups.LegacyInfo.DedicatedVideoMemorySize, sizes.DedicatedVideoMemorySize);
    same("told twice", groups.LegacyInfo.SharedSystemMemorySize, sizes.SharedSystemMemorySize);
}

static void kmt120(void)
{
    D3DKMT_SEGMENTGROUPSIZEINFO groups = {.PhysicalAdapterIndex = 63};
    D3DKMT_QUERY_DEVICE_IDS ids = {.PhysicalAdapterIndex = 63};
    bad(ask(adapter(), KMTQAITYPE_GETSEGMENTGROUPSIZE, &groups, sizeof groups));
    bad(ask(adapter(), KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, &ids, sizeof ids));
}

static void kmt121(void)
{
    D3DKMT_ADAPTERTYPE type = {0};
    D3DKMT_NODEMETADATA node = {.NodeOrdinalAndAdapterIndex = 0};

    node.NodeData.EngineType = 0x7777;
    good(ask(adapter(), KMTQAITYPE_ADAPTERTYPE, &type, sizeof type));
    ok("renders", type.Value & D3DKMT_ADAPTERTYPE_RenderSupported);
    good(ask(adapter(), KMTQAITYPE_NODEMETADATA, &node, sizeof node));
    ok("a known engine", node.NodeData.EngineType < DXGK_ENGINE_TYPE_MAX);
}

static unsigned count_nodes(void)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_ADAPTER, NULL, 0, &result));
    return result.AdapterInformation.NodeCount;
}

static void kmt122(void)
{
    unsigned count = count_nodes();
    D3DKMT_NODEMETADATA node = {.NodeOrdinalAndAdapterIndex = count - 1};

    ok("nodes", count > 0);
    good(ask(adapter(), KMTQAITYPE_NODEMETADATA, &node, sizeof node));
    node.NodeOrdinalAndAdapterIndex = count;
    bad(ask(adapter(), KMTQAITYPE_NODEMETADATA, &node, sizeof node));
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_NODE, NULL, count - 1, NULL));
    bad(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_NODE, NULL, count, NULL));
}

static void kmt123(void)
{
    static const unsigned known[] = {
        KMT_DRIVERVERSION_WDDM_2_0, KMT_DRIVERVERSION_WDDM_2_1, KMT_DRIVERVERSION_WDDM_2_2,
        KMT_DRIVERVERSION_WDDM_2_3, KMT_DRIVERVERSION_WDDM_2_4, KMT_DRIVERVERSION_WDDM_2_5,
        KMT_DRIVERVERSION_WDDM_2_6, KMT_DRIVERVERSION_WDDM_2_7, KMT_DRIVERVERSION_WDDM_2_8,
        KMT_DRIVERVERSION_WDDM_2_9, KMT_DRIVERVERSION_WDDM_3_0};
    D3DKMT_DRIVERVERSION version = 0;
    unsigned i;

    good(ask(adapter(), KMTQAITYPE_DRIVERVERSION, &version, sizeof version));
    for (i = 0; i < sizeof known / sizeof known[0] && known[i] != version; i++)
        ;
    ok("known", i < sizeof known / sizeof known[0]);
}

static void kmt124(void)
{
    D3DKMT_ADAPTERTYPE display = {1}, render = {2};
    good(ask(adapter(), KMTQAITYPE_ADAPTERTYPE, &display, sizeof display));
    good(ask(adapter(), KMTQAITYPE_ADAPTERTYPE_RENDER, &render, sizeof render));
    ok("does not display", !(display.Value & D3DKMT_ADAPTERTYPE_DisplaySupported));
    same("render", render.Value, display.Value);
}

/* The registry. The answer goes on behind the structure, as far as there is room. */

enum { TYPE_NONE = 0, TYPE_TEXT = 1, TYPE_NUMBER = 4, TYPE_TEXTS = 7, BEHIND = 1024 };

union question {
    D3DDDI_QUERYREGISTRY_INFO info;
    char bytes[sizeof(D3DDDI_QUERYREGISTRY_INFO) + BEHIND];
};

static union question question, before;

static unsigned ask_registry(unsigned kind, unsigned type, const WCHAR *name, unsigned room,
                             NTSTATUS *ret_status)
{
    unsigned i;

    memset(&question, 0, sizeof question);
    question.info.QueryType = kind;
    question.info.ValueType = type;
    question.info.Status = 0x77;
    for (i = 0; name[i]; i++)
        question.info.ValueName[i] = name[i];
    memcpy(&before, &question, sizeof question);
    *ret_status =
        ask(adapter(), KMTQAITYPE_QUERYREGISTRY, &question, (unsigned)sizeof question.info + room);
    return question.info.Status;
}

static unsigned length(const WCHAR *text, unsigned most)
{
    unsigned i = 0;
    while (i < most && text[i])
        i++;
    return i;
}

static void kmt125(void)
{
    NTSTATUS status;

    same("told",
         ask_registry(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXT, L"DriverDesc", 0, &status),
         D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW);
    good(status);
    ok("how long", question.info.OutputValueSize > 8 && question.info.OutputValueSize < BEHIND);
}

/* As the Vulkan loader asks for VulkanDriverName, of a value that every adapter has. */
static void kmt126(void)
{
    NTSTATUS status;
    unsigned size;

    ask_registry(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXT, L"DriverDesc", 0, &status);
    size = question.info.OutputValueSize;
    if (size > BEHIND)
        size = BEHIND;
    same("told",
         ask_registry(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXT, L"DriverDesc", size, &status),
         D3DDDI_QUERYREGISTRY_STATUS_SUCCESS);
    good(status);
    same("size", question.info.OutputValueSize, size);
    same("text with its zero", length(question.info.OutputString, BEHIND / 2), size / 2 - 1);
}

static void unchanged(void)
{
    unsigned i;
    before.info.Status = question.info.Status;
    for (i = 0; i < sizeof question; i++)
        same("changed", (unsigned char)question.bytes[i], (unsigned char)before.bytes[i]);
}

static void fails(unsigned kind, unsigned type, const WCHAR *name)
{
    NTSTATUS status;
    same("told", ask_registry(kind, type, name, 64, &status), D3DDDI_QUERYREGISTRY_STATUS_FAIL);
    ok("fails", status < 0);
    unchanged();
}

/* As the Vulkan loader asks, for many texts and then for one: the adapter has it or not. */
static void ask_for_vulkan(void)
{
    NTSTATUS status;
    unsigned told = ask_registry(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXTS, L"VulkanDriverName",
                                 BEHIND, &status);
    if (status != STATUS_SUCCESS)
        told = ask_registry(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXT, L"VulkanDriverName", BEHIND,
                            &status);
    if (status == STATUS_SUCCESS) {
        same("told", told, D3DDDI_QUERYREGISTRY_STATUS_SUCCESS);
        ok("some", question.info.OutputValueSize > 2);
    } else {
        same("told", told, D3DDDI_QUERYREGISTRY_STATUS_FAIL);
        unchanged();
    }
}

static void kmt127(void)
{
    ask_for_vulkan();
    fails(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_TEXT, L"NoSuchValue");
    fails(D3DDDI_QUERYREGISTRY_SERVICEKEY, TYPE_TEXT, L"NoSuchValue");
    fails(D3DDDI_QUERYREGISTRY_ADAPTERKEY, TYPE_NUMBER, L"DriverDesc");
}

static void kmt128(void)
{
    fails(D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH, TYPE_TEXT, L"");
    fails(D3DDDI_QUERYREGISTRY_DRIVERIMAGEPATH, TYPE_NUMBER, L"");
}

static void kmt129(void)
{
    NTSTATUS status;
    WCHAR first[BEHIND / 2];
    unsigned i, size;

    ask_registry(D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH, TYPE_NONE, L"", BEHIND, &status);
    good(status);
    size = length(question.info.OutputString, BEHIND / 2);
    ok("a path", size > 3);
    memcpy(first, question.info.OutputString, sizeof first);
    same("told",
         ask_registry(D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH, TYPE_NONE, L"NoSuchValue", BEHIND,
                      &status),
         D3DDDI_QUERYREGISTRY_STATUS_SUCCESS);
    good(status);
    for (i = 0; i <= size; i++)
        same("the same", question.info.OutputString[i], first[i]);
}

const struct statement info_statements[] = {
    S(115), S(116), S(117), S(118), S(119), S(120), S(121), S(122),
    S(123), S(124), S(125), S(126), S(127), S(128), S(129), END,
};
