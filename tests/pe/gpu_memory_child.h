/*
 * The program starts itself as another process of the same machine. A verb does its work, says one
 * letter when that is done, and keeps what it has until its input ends.
 *
 *     device          has a device
 *     reserve N       reserves N MiB of local memory
 *     hold N          makes N MiB of local memory resident; 'n' if it cannot
 *     open GLOBAL     opens the shared resource of two allocations of 1 MiB; 'n' unless the first
 *                     is filled with seed 1; fills it with seed 2
 *     lock GLOBAL     'n' unless D3DKMTLock refuses what it opened
 *     restricted GLOBAL  'n' unless opening is refused; its exit code tells whether it is when its
 *                     input has come
 *     address N       reserves 64 KiB of GPU addresses at N times 64 KiB
 */
#ifndef GPU_MEMORY_CHILD_H
#define GPU_MEMORY_CHILD_H

#include "gpu_memory.h"

struct child {
    HANDLE process, to, from;
    char said;
};

/* Waits for its letter. FALSE: it could not be started, or said 'n'; the statement failed. */
BOOL child_start(struct child *ret_child, const char *verb);
BOOL child_start_with(struct child *ret_child, const char *verb, UINT value);
/* Ends its input; its exit code. */
DWORD child_end(struct child *child);

#endif
