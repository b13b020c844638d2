/*
 * The machine as this process has it. Attached at the first call that needs it; every function may
 * be called by any thread.
 */
#pragma once

#include "d3dkmt/vidmm.h"

/* STATUS_SUCCESS, or why there is no machine; stderr says it once. */
NTSTATUS gpu_attach(void);
/* Leaves the machine: what this process has in it is swept. Does nothing when not attached. */
void gpu_detach(void);

/* pre, for all below: attached */
uint32_t gpu_adapter_count(void);
const struct vidmm *gpu_adapter(uint32_t index);
uint16_t gpu_process(void); /* the slot of this process in the machine */
