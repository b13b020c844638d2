/* Memory that was reset, for the operations that meet it. */
#pragma once

#include <stdint.h>
#include "memoryapi/region.h"

/*
 * Wakes what sleeps in [start, end): it is writable again as its protection says, nothing of it is
 * dropped any more, and what was lost is remembered. pre: claimed. Whatever part was done stays so.
 */
NTSTATUS reset_wake(struct region *region, uint64_t start, uint64_t end);
/* For a write to a sleeping page; from a signal handler. pre: two runs prepared. */
bool reset_wake_for_fault(struct region *region, uint64_t page);
