/*
 * UTF-8 and UTF-16. The ANSI code page of winmem is UTF-8, so every ...A function comes here too.
 * What is ill-formed becomes U+FFFD, one for each maximal part of a character (Unicode 15, 3.9).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF_REPLACEMENT 0xFFFDu

/*
 * Both return the whole length the text takes in the other form; at most `room` units are written,
 * never a part of a character. `ret_bad` (may be NULL): something was ill-formed.
 */
size_t utf8_to_utf16(const char *from, size_t size, uint16_t *to, size_t room, bool *ret_bad);
size_t utf16_to_utf8(const uint16_t *from, size_t length, char *to, size_t room, bool *ret_bad);
/* The same, telling how much was written when not everything fits. */
size_t utf8_to_utf16_cut(const char *from, size_t size, uint16_t *to, size_t room, bool *ret_bad,
                         size_t *ret_written);
size_t utf16_to_utf8_cut(const uint16_t *from, size_t length, char *to, size_t room, bool *ret_bad,
                         size_t *ret_written);

size_t wide_length(const uint16_t *text);
/* Copies on the heap with a terminator; NULL without memory, or when the text is NULL. */
uint16_t *wide_from_utf8(const char *text);
char *utf8_from_wide(const uint16_t *text);

/* One-to-one case mapping of a UTF-16 unit; surrogates have none. */
uint16_t wide_upper(uint16_t unit);
uint16_t wide_lower(uint16_t unit);
/* The bits of GetStringTypeW for CT_CTYPE1, 2 and 3. */
uint16_t wide_ctype1(uint16_t unit);
uint16_t wide_ctype2(uint16_t unit);
uint16_t wide_ctype3(uint16_t unit);
/* The characters of the bytes 128 to 255 in code page 437 or 1252. */
const uint16_t *wide_code_page(unsigned number);
/* Ordinal without case, over the first `length` units of each: negative, 0, positive. */
int wide_compare_caseless(const uint16_t *a, size_t a_length, const uint16_t *b, size_t b_length);
