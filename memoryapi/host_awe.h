/* The operations of host.h on frames and windows, where they are made. */
#pragma once

#include "memoryapi/host.h"

/* Whether this kernel moves pages (host_caps.move); asked once, at the start. */
bool host_can_move(void);
int host_frames_open(uint64_t count);
int host_frames_fill(uint64_t first, uint64_t count);
int host_frames_drop(uint64_t first, uint64_t count);
int host_window_open(uint64_t address, uint64_t size);
int host_window_show(uint64_t address, uint64_t first, uint64_t count);
int host_window_hide(uint64_t address, uint64_t first, uint64_t count);
