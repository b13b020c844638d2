/* The arguments of `winmem call`: text to 64-bit slots by the types of the function. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGUMENTS_MAX 16

#define ARGUMENTS_HELP                                                                             \
    "  12 0x3000 -1       numbers; names of constants and sums: MEM_RESERVE+MEM_COMMIT\n"          \
    "  text s:12          strings, in the form the parameter wants (s: for one that looks like a " \
    "number)\n"                                                                                    \
    "  & &48 &16=1,$2     a buffer of 8 or so many zero bytes, starting with such numbers; "       \
    "printed after the call\n"                                                                     \
    "  $1 $1+4096 $1.2    the result of the first call; the number at the start of its second "    \
    "argument's buffer\n"

struct argument {
    uint64_t value; /* what is passed */
    void *memory;   /* malloc'ed; a string or buffer, else NULL */
    size_t size;    /* of a buffer, bytes */
    bool is_buffer;
};

struct call {
    struct argument arguments[ARGUMENTS_MAX];
    unsigned count;
    uint64_t result;
};

/* calls[0..number-1] have been made. */
bool argument_read(const struct call *calls, unsigned number, char kind, const char *text,
                   struct argument *ret_argument);
