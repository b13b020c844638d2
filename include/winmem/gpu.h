/*
 * The simulated adapters, for programs that know they are simulated: what their driver would
 * understand as the private data of an allocation, or of work.
 */
#pragma once

#include <stdint.h>

#define WINMEM_GPU_LOCAL    1u /* the adapter's own memory: segment 1 */
#define WINMEM_GPU_NONLOCAL 2u /* system memory behind the aperture: segment 2 */

/*
 * pPrivateDriverData of D3DDDI_ALLOCATIONINFO and D3DDDI_ALLOCATIONINFO2. The first 8 bytes alone do
 * too; what follows the structure does not count.
 */
struct winmem_gpu_allocation {
    uint64_t size;      /* bytes, above 0; rounded up to pages of 4096 */
    uint32_t segments;  /* WINMEM_GPU_*: where it may be; 0: anywhere */
    uint32_t preferred; /* one of them; 0: local where it may be there */
};

/*
 * pPrivateDriverData of D3DKMT_RENDER and D3DKMT_SUBMITCOMMAND: what the work is, as the simulated
 * engines run no commands. What follows the structure does not count.
 */
struct winmem_gpu_work {
    uint64_t duration; /* virtual nanoseconds; 0: the adapter's work=TIME */
};
