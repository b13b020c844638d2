/* An adapter and devices for tests of the simulated GPU's faces. */
#pragma once

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/kmt.h"
#include "d3dkmt/state.h"
#include "faces.h"

static struct kmt_adapter kit_adapter;

static const struct vidmm *kit_mm(void)
{
    return gpu_adapter(0);
}

static D3DKMT_HANDLE make_adapter(void)
{
    ck_assert_int_eq(gpu_attach(), STATUS_SUCCESS);
    kmt_lock();
    kit_adapter.mm = kit_mm();
    if (!kit_adapter.object.handle)
        ck_assert(kmt_handle_create(&kit_adapter.object, KMT_ADAPTER));
    kmt_unlock();
    return kit_adapter.object.handle;
}

static D3DKMT_HANDLE make_device(void)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = make_adapter()};
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_SUCCESS);
    return create.hDevice;
}

static void destroy_device(D3DKMT_HANDLE device)
{
    const D3DKMT_DESTROYDEVICE destroy = {device};
    ck_assert_int_eq(kmt_DestroyDevice(&destroy), STATUS_SUCCESS);
}

static D3DKMT_DEVICEEXECUTION_STATE execution_state_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    ck_assert_int_eq(kmt_GetDeviceState(&state), STATUS_SUCCESS);
    return state.ExecutionState;
}
