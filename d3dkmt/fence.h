/* Numbers that programs see: until the machine is shared, in memory of the process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint32_t gpu_fence_take(void);
bool gpu_fence_hold(uint32_t fence);
void gpu_fence_give(uint32_t fence);
volatile uint64_t *gpu_fence_value(uint32_t fence);
const void *gpu_fence_address(uint32_t fence);
