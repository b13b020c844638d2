/* Comparing and mapping text by the rules of the one locale there is, English (United States). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NLS_IGNORE_CASE    1u
#define NLS_IGNORE_SYMBOLS 2u
#define NLS_DIGITS_NUMBERS 4u

#define CTYPE1_UPPER 0x001u
#define CTYPE1_LOWER 0x002u
#define CTYPE1_DIGIT 0x004u
#define CTYPE1_SPACE 0x008u
#define CTYPE1_PUNCT 0x010u
#define CTYPE1_ALPHA 0x100u

/* Negative, 0, positive. Symbols before digits before letters; case decides last, small first. */
int nls_compare(const uint16_t *a, size_t a_length, const uint16_t *b, size_t b_length,
                unsigned options);
