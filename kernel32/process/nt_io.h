/* How native file calls end: the status block. */
#pragma once

#include <winmem/winternl.h>
#include "memoryapi/guarded.h"

/* The status; or STATUS_ACCESS_VIOLATION, where the block cannot be written. */
static inline NTSTATUS put_status(IO_STATUS_BLOCK *block, NTSTATUS status, uint64_t information)
{
    IO_STATUS_BLOCK value = {.Status = status, .Information = information};
    return guarded_write(block, &value, sizeof value) ? status : STATUS_ACCESS_VIOLATION;
}
