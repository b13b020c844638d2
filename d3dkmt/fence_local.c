/* Numbers that programs see: until the machine is shared, in memory of the process. */
#include "d3dkmt/fence.h"

#define FENCES 4096u

static struct {
    uint64_t value;
} fences[FENCES];
static uint32_t holders[FENCES]; /* under kmt_lock */

uint32_t gpu_fence_take(void)
{
    for (uint32_t i = 1; i < FENCES; i++)
        if (!holders[i]) {
            holders[i] = 1;
            return i;
        }
    return 0;
}

bool gpu_fence_hold(uint32_t fence)
{
    if (!fence || fence >= FENCES || !holders[fence])
        return false;
    holders[fence]++;
    return true;
}

void gpu_fence_give(uint32_t fence)
{
    if (fence)
        holders[fence]--;
}

volatile uint64_t *gpu_fence_value(uint32_t fence)
{
    return &fences[fence].value;
}

const void *gpu_fence_address(uint32_t fence)
{
    return &fences[fence].value;
}
