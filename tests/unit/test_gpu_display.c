/* Calls for displays, which no adapter has. */
#include "tests/unit/gpu_memory_kit.h"
#include "tests/unit/suite.h"

START_TEST(no_display_source_can_be_owned) /* KMT-212 */
{
    const D3DKMT_VIDPNSOURCEOWNER_TYPE types[2] = {D3DKMT_VIDPNSOURCEOWNER_SHARED, 5};
    const D3DDDI_VIDEO_PRESENT_SOURCE_ID sources[2] = {0, 1};
    D3DKMT_SETVIDPNSOURCEOWNER owner = {device, types, sources, 1};
    const D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP check = {make_adapter(), 0};
    ck_assert_int_eq(kmt_SetVidPnSourceOwner(&owner), STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE);
    ck_assert_int_eq(kmt_CheckVidPnExclusiveOwnership(&check),
                     STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE);
    owner.VidPnSourceCount = 2; /* the second type is none */
    ck_assert_int_eq(kmt_SetVidPnSourceOwner(&owner), STATUS_INVALID_PARAMETER);
    owner.pType = NULL;
    ck_assert_int_eq(kmt_SetVidPnSourceOwner(&owner), STATUS_INVALID_PARAMETER);
    owner.pType = (void *)8;
    ck_assert_int_eq(kmt_SetVidPnSourceOwner(&owner), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(kmt_CheckExclusiveOwnership(), FALSE);
}
END_TEST

START_TEST(nothing_is_given_back) /* KMT-213 */
{
    const D3DKMT_SETVIDPNSOURCEOWNER owner = {.hDevice = device};
    D3DKMT_SETVIDPNSOURCEOWNER1 first = {.Version0 = {.hDevice = device}};
    D3DKMT_SETVIDPNSOURCEOWNER2 second = {.Version1 = {.Version0 = {.hDevice = device}}};
    ck_assert_int_eq(kmt_SetVidPnSourceOwner(&owner), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_SetVidPnSourceOwner1(&first), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_SetVidPnSourceOwner2(&second), STATUS_SUCCESS);
    first.Flags.Value = second.Version1.Flags.Value = 8;
    ck_assert_int_eq(kmt_SetVidPnSourceOwner1(&first), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_SetVidPnSourceOwner2(&second), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(there_is_no_mode_and_no_scan_line) /* KMT-214, 215, 216, 219 */
{
    D3DKMT_GETDISPLAYMODELIST modes = {.hAdapter = make_adapter(), .ModeCount = 7};
    const D3DKMT_SETDISPLAYMODE mode = {.hDevice = device};
    D3DKMT_GETSCANLINE line = {.hAdapter = make_adapter()};
    const D3DKMT_WAITFORVERTICALBLANKEVENT wait = {make_adapter(), device, 0};
    D3DKMT_INVALIDATEACTIVEVIDPN paths = {.hAdapter = make_adapter()};
    ck_assert_int_eq(kmt_GetDisplayModeList(&modes), STATUS_GRAPHICS_NO_AVAILABLE_VIDPN_TARGET);
    ck_assert_uint_eq(modes.ModeCount, 7);
    ck_assert_int_eq(kmt_SetDisplayMode(&mode), STATUS_GRAPHICS_NOT_EXCLUSIVE_MODE_OWNER);
    ck_assert_int_eq(kmt_GetScanLine(&line), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_WaitForVerticalBlankEvent(&wait), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_InvalidateActiveVidPn(&paths), STATUS_NOT_SUPPORTED);
    paths.hAdapter = device;
    ck_assert_int_eq(kmt_InvalidateActiveVidPn(&paths), STATUS_GRAPHICS_INVALID_DISPLAY_ADAPTER);
}
END_TEST

START_TEST(outputs_are_asked_in_vain)
{
    D3DKMT_POLLDISPLAYCHILDREN poll = {make_adapter(), 0};
    ck_assert_int_eq(kmt_PollDisplayChildren(&poll), STATUS_SUCCESS);
    poll.Flags = 32;
    ck_assert_int_eq(kmt_PollDisplayChildren(&poll), STATUS_INVALID_PARAMETER);
    poll = (D3DKMT_POLLDISPLAYCHILDREN){0, D3DKMT_POLLDISPLAYCHILDREN_BITS_PollAllAdapters};
    ck_assert_int_eq(kmt_PollDisplayChildren(&poll), STATUS_SUCCESS);
    poll.Flags = 0;
    ck_assert_int_eq(kmt_PollDisplayChildren(&poll), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_GetPresentQueueEvent(make_adapter(), NULL), STATUS_NOT_SUPPORTED);
    ck_assert_int_eq(kmt_GetPresentQueueEvent(device, NULL), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(a_context_presents_nothing)
{
    uint64_t present[128] = {make_context(device, 0)};
    D3DKMT_MARKDEVICEASERROR mark = {device, D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    ck_assert_int_eq(kmt_Present((void *)present), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_MarkDeviceAsError(&mark), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_Present((void *)present), STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE);
    present[0] = device;
    ck_assert_int_eq(kmt_Present((void *)present), STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(lost_adapters_and_devices_say_so)
{
    D3DKMT_GETSCANLINE line = {.hAdapter = make_adapter()};
    const D3DKMT_SETDISPLAYMODE mode = {.hDevice = device};
    __atomic_store_n(&kit_mm()->adapter->running, VID_STOPPED, __ATOMIC_RELEASE);
    ck_assert_int_eq(kmt_GetScanLine(&line), STATUS_DEVICE_REMOVED);
    ck_assert_int_eq(kmt_SetDisplayMode(&mode), STATUS_DEVICE_REMOVED);
}
END_TEST

START_TEST(pictures_without_gdi)
{
    D3DKMT_CREATEDCFROMMEMORY picture = {.Format = 21, .Width = 4, .Height = 4, .Pitch = 16};
    ck_assert_int_eq(kmt_CreateDCFromMemory(&picture), STATUS_NOT_SUPPORTED);
    picture.Pitch = 15;
    ck_assert_int_eq(kmt_CreateDCFromMemory(&picture), STATUS_INVALID_PARAMETER);
    picture.Pitch = 16;
    picture.Format = 0;
    ck_assert_int_eq(kmt_CreateDCFromMemory(&picture), STATUS_INVALID_PARAMETER);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("display");
    tcase_add_checked_fixture(tests, make_queue, NULL);
    tcase_add_test(tests, no_display_source_can_be_owned);
    tcase_add_test(tests, nothing_is_given_back);
    tcase_add_test(tests, there_is_no_mode_and_no_scan_line);
    tcase_add_test(tests, outputs_are_asked_in_vain);
    tcase_add_test(tests, a_context_presents_nothing);
    tcase_add_test(tests, lost_adapters_and_devices_say_so);
    tcase_add_test(tests, pictures_without_gdi);
    return suite_run("gpu_display", tests);
}
