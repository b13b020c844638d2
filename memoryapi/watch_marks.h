/*
 * Marks of our own, one for each page of a region, where the host does not tell what was written.
 * Only watch.c uses them, and only for a claimed region.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct region;
struct host_collect;

struct watch_marks {
    uint64_t base;   /* the page that the first bit stands for */
    uint64_t bits[]; /* 1: written */
};

struct watch_marks *marks_create(const struct region *region); /* NULL: no memory */
void marks_set(const struct region *region, uint64_t start, uint64_t end, bool written);
/* The end of the pages from `start` that are alike, at most `end`. */
uint64_t marks_alike(const struct region *region, uint64_t start, uint64_t end, bool *ret_written);
/* As host->watch_collect. pre: committed throughout. */
int marks_collect(const struct region *region, struct host_collect *collect);
