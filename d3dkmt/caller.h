/* The structure that a face is given: copied before anything is locked, written back after. */
#pragma once

#include "d3dkmt/kmt.h"
#include "memoryapi/guarded.h"

/* STATUS_INVALID_PARAMETER without one, STATUS_ACCESS_VIOLATION. */
static inline NTSTATUS caller_read(const void *from, void *ret_copy, size_t size)
{
    if (!from)
        return STATUS_INVALID_PARAMETER;
    return guarded_copy(ret_copy, from, size) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

/* The same of one that is written later: that it can be is seen now. */
static inline NTSTATUS caller_open(void *at, void *ret_copy, size_t size)
{
    NTSTATUS status = caller_read(at, ret_copy, size);
    return status == STATUS_SUCCESS && !kmt_can_write(at, size) ? STATUS_ACCESS_VIOLATION : status;
}

/* The caller took the memory away meanwhile: its own loss. */
static inline NTSTATUS caller_write(void *at, const void *copy, size_t size)
{
    return guarded_copy(at, copy, size) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}
