/*
 * What every program of prices needs: a clock, medians, and the line that a ratio is printed as,
 * `name: ratio (at most limit) times`. Times say little on a busy machine, so a ratio beyond its
 * limit is only marked.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define RC  (MEM_RESERVE | MEM_COMMIT)

/* Nanoseconds of a clock that only goes forward. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values`. */
static inline double median(double *values, unsigned count)
{
    qsort(values, count, sizeof values[0], compare_doubles);
    return values[count / 2];
}

/* Our price against another one, in nanoseconds. */
static inline void line(const char *name, double ours, double theirs, double limit)
{
    printf("%s: %.2f (at most %.2f)%s   %.0f ns to %.0f ns\n", name, ours / theirs, limit,
           ours / theirs > limit ? " ABOVE" : "", ours, theirs);
    fflush(stdout);
}
