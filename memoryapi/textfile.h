/*
 * Small text files of the kernel (/proc, /sys), a line at a time. Without the heap: they are read
 * when memory is short.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Put before every path; "" but in tests, which bring a machine of their own making. */
extern const char *text_root;

#define TEXT_PATH 512 /* bytes of a path, with the root and the terminator */

struct text_file {
    int file;
    unsigned at, end; /* what is read and not yet given out */
    bool cut;         /* the rest of a line that did not fit comes next */
    char bytes[1024];
};

/* 0 or -errno. */
int text_open(struct text_file *text, const char *path);
/* Without the newline; what is beyond 1023 bytes is left out. NULL at the end or on an error. */
char *text_line(struct text_file *text);
void text_close(struct text_file *text);

/* Opens for something other than reading lines: a descriptor or -errno. */
int text_open_file(const char *path, int flags);
/* The number a file begins with, in decimal; "max" is UINT64_MAX. False: no such thing. */
bool text_number(const char *path, uint64_t *ret_number);
/* The same of what was read. */
bool text_number_in(const char *text, uint64_t *ret_number);

struct text_key {
    const char *name;    /* "MemTotal:" */
    uint64_t *ret_value; /* gets the number behind it */
};
/*
 * Lines of "name number" in what was read: stores the numbers of those that are found and says how
 * many were.
 */
int text_numbers(const char *text, const struct text_key *keys, unsigned count);
