/*
 * What the Windows programs about the simulated GPU include: the kit, and the D3DKMT calls as
 * imports from gdi32.dll. All NTSTATUS come from the spec, so windows.h keeps its few to itself.
 */
#ifndef GPU_H
#define GPU_H

#define WIN32_NO_STATUS
#include "kit.h"

#include <winternl.h>

#include "gpu_types.h"

#include <winmem/gpu.h>

#define STATUS_WAIT_0 ((DWORD)0) /* what WAIT_OBJECT_0 is made from */

#define S(number)                                                                                  \
    {                                                                                              \
        "KMT-" #number, kmt##number                                                                \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* The call answers with this NTSTATUS. */
#define gives(status, call) kit_same(#call, (ULONG)(call), (ULONG)(status), __LINE__)
#define good(call)          gives(STATUS_SUCCESS, call)
#define bad(call)           gives(STATUS_INVALID_PARAMETER, call)

#endif
