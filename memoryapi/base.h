/* Rounding, checked arithmetic, container_of: what every layer uses and nothing decides. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE              4096u
#define PAGE_SHIFT             12
#define ALLOCATION_GRANULARITY 65536u

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define array_length(array)                 (sizeof(array) / sizeof((array)[0]))
#define likely(x)                           __builtin_expect(!!(x), 1)
#define unlikely(x)                         __builtin_expect(!!(x), 0)

/*
 * `unit` is a power of two. round_up wraps to 0 past the top; callers check with add_overflows
 * first.
 */
static inline uint64_t round_down(uint64_t value, uint64_t unit)
{
    return value & ~(unit - 1);
}

static inline uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static inline bool is_aligned(uint64_t value, uint64_t unit)
{
    return (value & (unit - 1)) == 0;
}

/* Mixes the bits: numbers that are neighbours have nothing in common afterwards. */
static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

static inline bool add_overflows(uint64_t a, uint64_t b, uint64_t *ret_sum)
{
    return __builtin_add_overflow(a, b, ret_sum);
}
