/*
 * Processors as Windows numbers them: processor n is the n-th host CPU that the process was allowed
 * to use at its start, in one group of at most 64. So masks have no gaps, whatever a container
 * allows.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

unsigned processor_count(void);
uint64_t processor_mask(void); /* all of them */
/* False when the mask is empty or names a processor that is not there. */
bool processor_host_set(uint64_t mask, cpu_set_t *ret_set);
uint64_t processor_mask_of(const cpu_set_t *set);
unsigned processor_current(void);
