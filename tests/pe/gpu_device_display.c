/* What an adapter without a display answers to calls about displays. */
#include "gpu_device.h"

static void kmt212(void)
{
    D3DKMT_HANDLE device = make_device();
    const D3DKMT_VIDPNSOURCEOWNER_TYPE exclusive = D3DKMT_VIDPNSOURCEOWNER_EXCLUSIVE;
    const D3DDDI_VIDEO_PRESENT_SOURCE_ID source = 0;
    const D3DKMT_SETVIDPNSOURCEOWNER take = {device, &exclusive, &source, 1};
    const D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP check = {adapter(), 0};

    gives(STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE, D3DKMTSetVidPnSourceOwner(&take));
    gives(STATUS_GRAPHICS_INVALID_VIDEO_PRESENT_SOURCE, D3DKMTCheckVidPnExclusiveOwnership(&check));
    good(drop_device(device));
}

static void kmt213(void)
{
    D3DKMT_HANDLE device = make_device();
    const D3DKMT_SETVIDPNSOURCEOWNER give_back = {.hDevice = device};
    good(D3DKMTSetVidPnSourceOwner(&give_back));
    good(drop_device(device));
}

static void kmt214(void)
{
    D3DKMT_GETDISPLAYMODELIST list = {.hAdapter = adapter(), .ModeCount = 0x77};
    gives(STATUS_GRAPHICS_NO_AVAILABLE_VIDPN_TARGET, D3DKMTGetDisplayModeList(&list));
    same("modes", list.ModeCount, 0x77);
}

static void kmt215(void)
{
    D3DKMT_HANDLE device = make_device();
    const D3DKMT_SETDISPLAYMODE mode = {.hDevice = device, .ScanLineOrdering = 1};
    gives(STATUS_GRAPHICS_NOT_EXCLUSIVE_MODE_OWNER, D3DKMTSetDisplayMode(&mode));
    good(drop_device(device));
}

static void kmt216(void)
{
    D3DKMT_GETSCANLINE line = {.hAdapter = adapter()};
    D3DKMT_WAITFORVERTICALBLANKEVENT blank = {.hAdapter = adapter()};
    D3DKMT_GETSHAREDPRIMARYHANDLE primary = {.hAdapter = adapter(), .hSharedPrimary = 0x1234};
    D3DKMT_CHECKMONITORPOWERSTATE power = {.hAdapter = adapter()};

    bad(D3DKMTGetScanLine(&line));
    bad(D3DKMTWaitForVerticalBlankEvent(&blank));
    bad(D3DKMTGetSharedPrimaryHandle(&primary));
    same("no handle", primary.hSharedPrimary, 0x1234);
    bad(D3DKMTCheckMonitorPowerState(&power));
}

static void kmt217(void)
{
    same("owned", D3DKMTCheckExclusiveOwnership(), FALSE);
}

static void kmt218(void)
{
    const D3DKMT_CHECKOCCLUSION window = {(HWND)0x1234};
    bad(D3DKMTCheckOcclusion(&window));
}

static void kmt219(void)
{
    D3DKMT_INVALIDATEACTIVEVIDPN invalidate = {.hAdapter = adapter()};
    gives(STATUS_NOT_SUPPORTED, D3DKMTInvalidateActiveVidPn(&invalidate));
}

const struct statement display_statements[] = {
    S(212), S(213), S(214), S(215), S(216), S(217), S(218), S(219), END,
};
