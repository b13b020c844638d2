/* What the kernel offers to be told of memory pressure. Used by the thread of pressure.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pressure_source {
    int stall;      /* pressure stall information; readable by POLLPRI. -1: none */
    int threshold;  /* an eventfd that a group of version 1 writes to. -1: none */
    uint64_t limit; /* the threshold was set for this limit of the group */
};

/*
 * Opens what is there and not open; sets the threshold anew when `limit` (UINT64_MAX: none) is
 * another one. `margin`: how much below the limit it is wanted. What cannot be had is left out.
 */
void pressure_source_open(struct pressure_source *source, uint64_t limit, uint64_t margin);
void pressure_source_close(struct pressure_source *source);
/*
 * Sleeps until the kernel tells, somebody writes to the eventfd `wake`, or the time is over
 * (milliseconds, -1: never). False: the group is gone; close the source and open it anew.
 */
bool pressure_wait(const struct pressure_source *source, int wake, int timeout);
