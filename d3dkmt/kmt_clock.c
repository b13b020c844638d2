/* D3DKMTQueryClockCalibration, SetStablePowerState, GetProcessDeviceRemovalSupport. */
#include <string.h>
#include <time.h>
#include "d3dkmt/adapter.h"
#include "d3dkmt/caller.h"
#include "d3dkmt/clock.h"
#include "d3dkmt/info.h"
#include "faces.h"

/* As QueryPerformanceCounter counts: units of 100 ns. */
static uint64_t performance_counter(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 10000000 + (uint64_t)now.tv_nsec / 100;
}

NTSTATUS kmt_QueryClockCalibration(D3DKMT_QUERYCLOCKCALIBRATION *pData)
{
    D3DKMT_QUERYCLOCKCALIBRATION data;
    const struct vidmm *mm;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = adapter_use(data.hAdapter, &mm);
    if (status == STATUS_SUCCESS && (data.NodeOrdinal >= KMT_NODES || data.PhysicalAdapterIndex))
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS) {
        data.ClockData.GpuFrequency = INFO_HERTZ;
        data.ClockData.GpuClockCounter = clock_now(mm);
        data.ClockData.CpuClockCounter = performance_counter();
        data.ClockData.Flags = 0;
    }
    kmt_unlock();
    return status == STATUS_SUCCESS ? caller_write(pData, &data, sizeof data) : status;
}

/* The clocks never vary: they are as still as they can be, whether asked for or not. */
NTSTATUS kmt_SetStablePowerState(const D3DKMT_SETSTABLEPOWERSTATE *pData)
{
    D3DKMT_SETSTABLEPOWERSTATE data;
    const struct vidmm *mm;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status != STATUS_SUCCESS)
        return status;
    kmt_lock();
    status = adapter_use(data.hAdapter, &mm);
    kmt_unlock();
    return status;
}

/* Nobody can say that it lives through a removal: the call for it has no published prototype. */
NTSTATUS kmt_GetProcessDeviceRemovalSupport(D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT *pData)
{
    D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT data;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status == STATUS_SUCCESS)
        status = adapter_process_exists(data.hProcess);
    if (status == STATUS_SUCCESS)
        status = adapter_machine();
    if (status != STATUS_SUCCESS)
        return status;
    if (!adapter_of(data.AdapterLuid))
        return STATUS_INVALID_PARAMETER;
    data.Support = FALSE;
    return caller_write(pData, &data, sizeof data);
}
