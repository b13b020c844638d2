/* winmem gpu: what its commands share. Numbers are copied out under the adapter's lock, then shown. */
#pragma once

#include <stdio.h>
#include "d3dkmt/state.h"

struct gpu_process {
    uint16_t slot;
    uint32_t pid;
    char name[56];
    uint32_t devices;
    bool background;
    uint64_t resident[VID_PLACES], budget[VID_PLACES], reservation[VID_PLACES];
    uint64_t offered, demoted; /* bytes */
    uint64_t evicted, discarded, paged_in, trims;
};

struct gpu_figures {
    uint32_t index;
    char name[64];
    uint64_t luid, clock;
    uint32_t running, resets;
    uint32_t hung_pid; /* 0: nobody's */
    struct vid_segment segments[VID_PLACES];
    uint64_t live, offered, decisions, discards, evictions, paged_in;
    uint32_t count;
    struct gpu_process processes[VID_PROCESSES];
};

/* The figures of adapter `index`, malloc'd; NULL: no memory, said. */
struct gpu_figures *gpu_figures_take(uint32_t index);
const char *gpu_running_name(uint32_t running);
/* "12.5 MiB" */
const char *gpu_size(uint64_t bytes, char ret_text[16]);
extern const char *const gpu_place_names[VID_PLACES];

/* gpu_list.c */
void gpu_print_adapter(FILE *out, const struct gpu_figures *figures);
int gpu_list(int argc, char **argv);
/* gpu_top.c */
int gpu_top(int argc, char **argv);
/* gpu_timeline.c */
int gpu_timeline(int argc, char **argv);

/* gpu_strays.c: who uses a machine that `list` cannot see any more. */
void gpu_warn_of_strays(void);
/* gpu_holder.c: who keeps the machine locked is told after a while, and the command ends. */
void gpu_be_impatient(void);

/*
 * What commands begin with, after they looked at their words: 0, or the exit code, and why is said.
 * open_adapter reads an adapter's number before it opens the machine.
 */
#define GPU_USAGE 2
int gpu_usage(void);
int gpu_open(void);
int gpu_open_adapter(const char *text, uint32_t *ret_index);
