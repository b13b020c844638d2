/* Finding, opening and closing simulated adapters. */
#include <sys/mman.h>
#include "d3dkmt/adapter.h"
#include "tests/unit/gpu_kit.h"
#include "tests/unit/suite.h"

#define NOBODY ((LUID){0x77777777, 0})

static D3DKMT_ENUMADAPTERS2 enumerate(D3DKMT_ADAPTERINFO adapters[16])
{
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 16, .pAdapters = adapters};
    memset(adapters, 0, 16 * sizeof *adapters);
    ck_assert_int_eq(kmt_EnumAdapters2(&list), STATUS_SUCCESS);
    return list;
}

static NTSTATUS close_handle(D3DKMT_HANDLE handle)
{
    const D3DKMT_CLOSEADAPTER data = {handle};
    return kmt_CloseAdapter(&data);
}

static bool count_one(struct kmt_object *object, void *context)
{
    (void)object;
    ++*(unsigned *)context;
    return true;
}

static unsigned open_handles(void)
{
    unsigned count = 0;
    kmt_lock();
    kmt_for_each(KMT_ADAPTER, count_one, &count);
    kmt_unlock();
    return count;
}

static bool is_same(LUID a, LUID b)
{
    return a.LowPart == b.LowPart && a.HighPart == b.HighPart;
}

START_TEST(without_an_array_it_tells_the_most) /* KMT-101 */
{
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 5};
    ck_assert_int_eq(kmt_EnumAdapters2(&list), STATUS_SUCCESS);
    ck_assert_uint_eq(list.NumAdapters, D3DKMT_ADAPTERS_MAX);
    ck_assert_uint_eq(open_handles(), 0);
}
END_TEST

START_TEST(each_adapter_is_listed_with_a_handle) /* KMT-102, 105 */
{
    D3DKMT_ADAPTERINFO adapters[16];
    ck_assert_uint_eq(enumerate(adapters).NumAdapters, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_ne(adapters[i].hAdapter, 0);
        ck_assert_uint_eq(adapters[i].NumOfSources, 0);
        ck_assert_int_eq(adapters[i].bPrecisePresentRegionsPreferred, FALSE);
        for (unsigned j = 0; j < i; j++)
            ck_assert(!is_same(adapters[i].AdapterLuid, adapters[j].AdapterLuid));
    }
    ck_assert_uint_eq(adapters[3].hAdapter, 0);
    ck_assert_uint_eq(open_handles(), 3);
}
END_TEST

START_TEST(too_few_elements_open_nothing) /* KMT-103 */
{
    D3DKMT_ADAPTERINFO adapters[2] = {0};
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 2, .pAdapters = adapters};
    D3DKMT_ENUMADAPTERS3 third = {.NumAdapters = 2, .pAdapters = adapters};
    ck_assert_int_eq(kmt_EnumAdapters2(&list), STATUS_BUFFER_TOO_SMALL);
    ck_assert_int_eq(kmt_EnumAdapters3(&third), STATUS_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(list.NumAdapters, 2);
    ck_assert_uint_eq(adapters[0].hAdapter, 0);
    ck_assert_uint_eq(open_handles(), 0);
}
END_TEST

START_TEST(handles_of_two_enumerations_are_different) /* KMT-104 */
{
    D3DKMT_ADAPTERINFO first[16], second[16];
    D3DKMT_CREATEDEVICE create = {0};
    enumerate(first);
    enumerate(second);
    ck_assert_uint_ne(first[0].hAdapter, second[0].hAdapter);
    ck_assert_int_eq(close_handle(first[0].hAdapter), STATUS_SUCCESS);
    ck_assert_int_eq(close_handle(first[0].hAdapter), STATUS_INVALID_PARAMETER);
    create.hAdapter = first[0].hAdapter;
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_INVALID_PARAMETER);
    create.hAdapter = second[0].hAdapter;
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_SUCCESS);
    /* a device outlives the handle: KMT-114 */
    ck_assert_int_eq(close_handle(second[0].hAdapter), STATUS_SUCCESS);
    ck_assert_uint_eq(execution_state_of(create.hDevice), D3DKMT_DEVICEEXECUTION_ACTIVE);
}
END_TEST

START_TEST(all_enumerations_list_the_same) /* KMT-106, 107 */
{
    D3DKMT_ADAPTERINFO second[16], third[16];
    D3DKMT_ENUMADAPTERS old = {.NumAdapters = 1000};
    D3DKMT_ENUMADAPTERS3 filtered = {.NumAdapters = 16, .pAdapters = third};
    uint32_t count = enumerate(second).NumAdapters;
    ck_assert_int_eq(kmt_EnumAdapters(&old), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_EnumAdapters3(&filtered), STATUS_SUCCESS);
    ck_assert_uint_eq(old.NumAdapters, count);
    ck_assert_uint_eq(filtered.NumAdapters, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert(is_same(old.Adapters[i].AdapterLuid, second[i].AdapterLuid));
        ck_assert(is_same(third[i].AdapterLuid, second[i].AdapterLuid));
    }
    ck_assert_uint_eq(open_handles(), 3 * count);
    filtered.Filter.Value = 4;
    ck_assert_int_eq(kmt_EnumAdapters3(&filtered), STATUS_INVALID_PARAMETER);
    filtered.Filter.Value = 3;
    ck_assert_int_eq(kmt_EnumAdapters3(&filtered), STATUS_SUCCESS);
}
END_TEST

START_TEST(wrong_memory_opens_nothing) /* KMT-108 */
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(mprotect(page + 4096, 4096, PROT_READ), 0);
    D3DKMT_ADAPTERINFO *split = (D3DKMT_ADAPTERINFO *)(page + 4096 - 4) - 1;
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 3, .pAdapters = split};
    D3DKMT_ENUMADAPTERS3 third = {.NumAdapters = 3, .pAdapters = split};
    D3DKMT_ENUMADAPTERS2 *unwritable = (void *)(page + 4096);
    ck_assert_int_eq(kmt_EnumAdapters(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters3(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters2(&list), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters3(&third), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters2(unwritable), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_EnumAdapters((void *)(page + 4096)), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenAdapterFromLuid((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_CloseAdapter(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CloseAdapter((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(open_handles(), 0);
}
END_TEST

START_TEST(a_luid_opens_its_adapter) /* KMT-109, 110 */
{
    D3DKMT_ADAPTERINFO adapters[16];
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = NOBODY};
    enumerate(adapters);
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(open.hAdapter, 0);
    open.AdapterLuid = adapters[1].AdapterLuid;
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_SUCCESS);
    kmt_lock();
    const struct kmt_adapter *opened = kmt_find(open.hAdapter, KMT_ADAPTER);
    ck_assert_ptr_eq(opened->mm, gpu_adapter(1));
    kmt_unlock();
}
END_TEST

START_TEST(a_device_name_opens_its_adapter) /* KMT-111 */
{
    static const WCHAR wrong[] = u"\\\\?\\PCI#VEN_1234#0";
    WCHAR name[ADAPTER_NAME_MOST];
    D3DKMT_OPENADAPTERFROMDEVICENAME open = {.pDeviceName = wrong};
    ck_assert_int_eq(kmt_OpenAdapterFromDeviceName(&open), STATUS_INVALID_PARAMETER);
    open.pDeviceName = NULL;
    ck_assert_int_eq(kmt_OpenAdapterFromDeviceName(&open), STATUS_INVALID_PARAMETER);
    open.pDeviceName = (PCWSTR)16;
    ck_assert_int_eq(kmt_OpenAdapterFromDeviceName(&open), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(open.hAdapter, 0);
    adapter_device_name(gpu_adapter(2), name);
    name[5] = 'o'; /* rOOT */
    open.pDeviceName = name;
    ck_assert_int_eq(kmt_OpenAdapterFromDeviceName(&open), STATUS_SUCCESS);
    ck_assert(is_same(open.AdapterLuid, adapter_luid(gpu_adapter(2))));
    ck_assert_int_eq(close_handle(open.hAdapter), STATUS_SUCCESS);
}
END_TEST

START_TEST(no_display_has_a_name_or_a_context) /* KMT-112 */
{
    D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME name = {.DeviceName = u"\\\\.\\DISPLAY1"};
    D3DKMT_OPENADAPTERFROMHDC context = {.hDc = (HDC)1};
    ck_assert_int_eq(kmt_OpenAdapterFromGdiDisplayName(&name), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenAdapterFromGdiDisplayName((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_OpenAdapterFromHdc(&context), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenAdapterFromHdc((void *)8), STATUS_ACCESS_VIOLATION);
}
END_TEST

START_TEST(a_handle_of_another_kind_is_none) /* KMT-113, 143 */
{
    D3DKMT_HANDLE device = make_device();
    ck_assert_int_eq(close_handle(device), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(close_handle(0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(close_handle(0xFFFFFFFF), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(a_removed_adapter_is_not_listed)
{
    D3DKMT_ADAPTERINFO before[16], after[16];
    D3DKMT_OPENADAPTERFROMLUID open;
    enumerate(before);
    __atomic_store_n(&gpu_adapter(0)->adapter->running, VID_REMOVED, __ATOMIC_RELEASE);
    ck_assert_uint_eq(enumerate(after).NumAdapters, 2);
    ck_assert(is_same(after[0].AdapterLuid, before[1].AdapterLuid));
    open.AdapterLuid = before[0].AdapterLuid;
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(close_handle(before[0].hAdapter), STATUS_SUCCESS);
}
END_TEST

/* The other adapters stay what they are, and a second time it is another again. */
START_TEST(an_adapter_that_comes_back_is_another)
{
    const struct vidmm *mm;
    D3DKMT_ADAPTERINFO before[16], after[16], last[16];
    enumerate(before);
    mm = gpu_adapter(0);
    vidmm_lock(mm);
    vidmm_remove_adapter(mm);
    vidmm_restore_adapter(mm);
    vidmm_unlock(mm);
    ck_assert_uint_eq(enumerate(after).NumAdapters, 3);
    ck_assert(!is_same(after[0].AdapterLuid, before[0].AdapterLuid));
    ck_assert(is_same(after[1].AdapterLuid, before[1].AdapterLuid));
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = before[0].AdapterLuid};
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_INVALID_PARAMETER);
    open.AdapterLuid = after[0].AdapterLuid;
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_SUCCESS);
    D3DKMT_CREATEDEVICE create = {.hAdapter = before[0].hAdapter};
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = before[0].hAdapter};
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hAdapter = before[0].hAdapter, .Size = 65536};
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&info), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_ReserveGpuVirtualAddress(&reserve), STATUS_DEVICE_REMOVED);
    create.hAdapter = info.hAdapter = open.hAdapter;
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_QueryVideoMemoryInfo(&info), STATUS_SUCCESS);
    ck_assert_int_eq(close_handle(before[0].hAdapter), STATUS_SUCCESS);
    vidmm_lock(mm);
    vidmm_remove_adapter(mm);
    vidmm_restore_adapter(mm);
    vidmm_unlock(mm);
    enumerate(last);
    ck_assert(!is_same(last[0].AdapterLuid, before[0].AdapterLuid));
    ck_assert(!is_same(last[0].AdapterLuid, after[0].AdapterLuid));
    for (unsigned i = 1; i < 3; i++)
        ck_assert(!is_same(last[0].AdapterLuid, before[i].AdapterLuid));
    destroy_device(create.hDevice);
}
END_TEST

START_TEST(without_a_machine_nothing_is_found)
{
    D3DKMT_ADAPTERINFO adapters[1];
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = adapters};
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = NOBODY};
    setenv("WINMEM_GPU_DIR", "/nowhere/at/all", 1);
    ck_assert_int_eq(kmt_EnumAdapters2(&list), STATUS_NO_MEMORY);
    ck_assert_uint_eq(list.NumAdapters, 1);
    ck_assert_int_eq(kmt_OpenAdapterFromLuid(&open), STATUS_NO_MEMORY);
}
END_TEST

int main(void)
{
    setenv("WINMEM_GPU", "adapter local=64M nonlocal=64M; adapter local=1G; adapter nonlocal=1G",
           1);
    TCase *tests = tcase_create("adapter");
    tcase_add_checked_fixture(tests, own_machine, NULL);
    tcase_add_test(tests, without_an_array_it_tells_the_most);
    tcase_add_test(tests, each_adapter_is_listed_with_a_handle);
    tcase_add_test(tests, too_few_elements_open_nothing);
    tcase_add_test(tests, handles_of_two_enumerations_are_different);
    tcase_add_test(tests, all_enumerations_list_the_same);
    tcase_add_test(tests, wrong_memory_opens_nothing);
    tcase_add_test(tests, an_adapter_that_comes_back_is_another);
    tcase_add_test(tests, a_luid_opens_its_adapter);
    tcase_add_test(tests, a_device_name_opens_its_adapter);
    tcase_add_test(tests, no_display_has_a_name_or_a_context);
    tcase_add_test(tests, a_handle_of_another_kind_is_none);
    tcase_add_test(tests, without_a_machine_nothing_is_found);
    tcase_add_test(tests, a_removed_adapter_is_not_listed);
    return suite_run("gpu_adapter", tests);
}
