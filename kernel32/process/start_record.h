/*
 * What a program that another one starts is told: a record in a memory file that both have open.
 * The parent writes it (start_build.c) before the child exists; the child reads it first of all
 * (started.c) and, at its end, stores its exit code in it, because a host's exit status has eight
 * bits only. Both are the same build of winmem; the child checks all the same that offsets stay
 * inside the record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>

#define START_MAGIC 0x57534D31u

/* Descriptors of the child; those of inherited files follow. */
enum { START_RECORD_DESCRIPTOR = 3, START_GATE_DESCRIPTOR, START_FIRST_DESCRIPTOR };

/* Bytes of the record, in UTF-16 but for lpReserved2. */
struct start_text {
    uint32_t offset, size;
};

enum start_mark { START_APPEND = 1, START_DIRECTORY = 2, START_LINK = 4, START_PATH_ONLY = 8 };

/* An inherited handle of a file. */
struct start_handle {
    uint64_t handle; /* its value in both processes */
    uint32_t file;   /* the first entry of the same file: this one, or an earlier one */
    int32_t descriptor;
    uint32_t granted;                /* of the handle */
    uint32_t access, share, options; /* of the open */
    uint32_t marks;
};

struct start_record {
    uint32_t magic;
    uint32_t size; /* bytes, with all that follows */
    /* the child's, at its end */
    uint32_t ended;
    uint32_t exit_code;
    /* the parent's */
    bool suspended; /* waits at the gate for one byte before the program runs */
    bool ignores_c; /* CTRL+C */
    uint32_t error_mode, priority_class;
    uint32_t standard_given; /* bit i: standard[i] is the handle, else it is made of descriptor i */
    uint64_t standard[3];
    STARTUPINFOW startup; /* its pointers are NULL */
    struct start_text desktop, title, reserved, command_line, environment;
    struct start_text handles; /* struct start_handle */
};
