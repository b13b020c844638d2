/* An adapter and devices for tests of the simulated GPU's faces. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/kmt.h"
#include "d3dkmt/state.h"
#include "faces.h"

static struct kmt_adapter kit_adapter;

static inline const struct vidmm *kit_mm(void)
{
    return gpu_adapter(0);
}

static char kit_directory[] = "/dev/shm/winmem-test-XXXXXX";

static void remove_machine(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", kit_directory);
    if (system(command) != 0)
        perror(command);
}

/* Every test has a machine of its own: it may stop it, or fill it. */
static void own_machine(void)
{
    static bool made;
    if (made)
        return;
    made = true;
    ck_assert_ptr_nonnull(mkdtemp(kit_directory));
    ck_assert_int_eq(setenv("WINMEM_GPU_DIR", kit_directory, 1), 0);
    atexit(remove_machine);
}

static inline D3DKMT_HANDLE make_adapter(void)
{
    own_machine();
    ck_assert_int_eq(gpu_attach(), STATUS_SUCCESS);
    kmt_lock();
    kit_adapter.mm = kit_mm();
    if (!kmt_find(kit_adapter.object.handle, KMT_ADAPTER)) /* also in the child of a fork */
        ck_assert(kmt_handle_create(&kit_adapter.object, KMT_ADAPTER));
    kmt_unlock();
    return kit_adapter.object.handle;
}

static inline D3DKMT_HANDLE make_device(void)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = make_adapter()};
    ck_assert_int_eq(kmt_CreateDevice(&create), STATUS_SUCCESS);
    return create.hDevice;
}

static inline void destroy_device(D3DKMT_HANDLE device)
{
    const D3DKMT_DESTROYDEVICE destroy = {device};
    ck_assert_int_eq(kmt_DestroyDevice(&destroy), STATUS_SUCCESS);
}

static inline D3DKMT_DEVICEEXECUTION_STATE execution_state_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    ck_assert_int_eq(kmt_GetDeviceState(&state), STATUS_SUCCESS);
    return state.ExecutionState;
}
