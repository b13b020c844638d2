/* Where an allocation could come, and its coming there. Within the engine only. */
#pragma once

#include "d3dkmt/vidmm.h"

/* Of enum vidmm_flags: VIDMM_OVER_BUDGET and VIDMM_MUST. VID_NOWHERE: there is no room. */
unsigned residency_choose(const struct vidmm *mm, const struct vid_allocation *allocation,
                          unsigned flags);
/* pre: nowhere, not offered, not decommitted. False: there is no room, nothing changed. */
bool residency_bring_in(const struct vidmm *mm, uint32_t index, unsigned flags,
                        struct vid_paging *paging);
