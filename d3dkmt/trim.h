/*
 * Telling the program that its budget shrank below what it holds. The engine notes it
 * (vid_usage.trim), also from another process; the program is told at the end of its next call of
 * the graphics kernel, on the thread that makes it, so that a run repeats exactly.
 */
#pragma once

#include "d3dkmt/kmt.h"

/* kmt_unlock has just happened; nothing is held. Calls the program back if there is something. */
void trim_tell(void);
/* In the child of a fork: nobody is registered. */
void trim_begin_child(void);
/* The device goes; what was registered for it is forgotten. pre: kmt_lock */
void trim_forget_device(const struct kmt_device *device);
