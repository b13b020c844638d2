/* The parent's side of start_record.h: the record, and what the child has open. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "kernel32/process/start_record.h"

struct file;

#define PRIORITY_CLASSES                                                                           \
    (NORMAL_PRIORITY_CLASS | IDLE_PRIORITY_CLASS | HIGH_PRIORITY_CLASS | REALTIME_PRIORITY_CLASS | \
     BELOW_NORMAL_PRIORITY_CLASS | ABOVE_NORMAL_PRIORITY_CLASS)

struct start_request {
    const WCHAR *command_line;
    const WCHAR *environment;    /* a block */
    const STARTUPINFOW *startup; /* with texts that can be read */
    DWORD flags;                 /* of CreateProcess, checked */
    const HANDLE *handles;       /* inherit only these, which have to be inheritable; NULL: all */
    size_t handle_count;
    bool inherit;
};

struct start_built {
    int record;          /* the file */
    int gate[2];         /* both ends of a pipe, -1: the child is not created suspended */
    int *descriptors;    /* what become the child's 0, 1, 2, ... (child_host.h) */
    unsigned count;      /* of descriptors */
    struct file **files; /* references that keep the descriptors open */
    unsigned file_count;
};

/* start_built_free() afterwards, also when it fails. STATUS_INVALID_PARAMETER: one of the handles
 * to inherit cannot be inherited. */
NTSTATUS start_build(const struct start_request *request, struct start_built *ret_built);
void start_built_free(struct start_built *built);
