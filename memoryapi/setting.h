/*
 * Environment variables: sizes in them, and values that are not understood, which are said once and
 * then taken as not set.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One line on stderr, the first time for this `said`. */
void setting_refuse(const char *name, const char *value, const char *allowed, atomic_flag *said);
/* The same for a part of the value, with the reason. */
void setting_refuse_part(const char *name, const char *part, const char *why, const char *allowed,
                         atomic_flag *said);

/*
 * A number of bytes, decimal, with an optional K, M, G or T (powers of 1024) behind it. False: it is
 * something else, or beyond 64 bits.
 */
bool setting_size(const char *text, uint64_t *ret_bytes);
/* The size that the variable `name` gives, or `otherwise`. */
uint64_t setting_size_of(const char *name, uint64_t otherwise, atomic_flag *said);
/* The number that *text begins with, as C writes them; *text is what follows it. */
bool setting_number(const char **text, uint64_t *ret_number);
