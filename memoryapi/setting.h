/* Environment variables that are not understood: said once, then taken as not set. */
#pragma once

#include <stdatomic.h>

/* One line on stderr, the first time for this `said`. */
void setting_refuse(const char *name, const char *value, const char *allowed, atomic_flag *said);
