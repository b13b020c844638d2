/* Records of allocations and openings: taken, given back. VID_NONE: there is no memory for one. */
#pragma once

#include "d3dkmt/vidmm.h"

uint32_t records_take_allocation(const struct vidmm *mm);
void records_give_allocation(const struct vidmm *mm, uint32_t index);
uint32_t records_take_opening(const struct vidmm *mm);
void records_give_opening(const struct vidmm *mm, uint32_t index);
/* Its memory counts for a process that has it open: its owner while he does. pre: it is open. */
uint16_t records_owner(const struct vidmm *mm, const struct vid_allocation *allocation);
