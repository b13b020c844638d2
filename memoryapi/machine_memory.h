/* Memory of the machine and of the control groups this process is in, as the kernel tells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mm_memory;

/*
 * Fills in all but `pretended`, the levels and what begins with them. `given`: bytes that this
 * process has given to the kernel and not taken back. False: the kernel does not tell.
 *
 * Fast: what changes with each page is read each time, through files that stay open; limits, and
 * which groups these are, some time later only (LOOK_PERIOD). May be called from anywhere.
 */
bool machine_memory_read(struct mm_memory *memory, uint64_t given);
