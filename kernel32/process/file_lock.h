/* Ranges of files that are locked through a handle. */
#pragma once

#include "kernel32/process/file.h"

struct file_lock {
    struct file_lock *next;
    uint64_t offset, length;
};

/* STATUS_LOCK_NOT_GRANTED when it would have to wait and `wait` is false. */
NTSTATUS file_lock_range(struct file *file, uint64_t offset, uint64_t length, bool exclusive,
                         bool wait);
/* STATUS_RANGE_NOT_LOCKED: no lock has exactly this range. */
NTSTATUS file_unlock_range(struct file *file, uint64_t offset, uint64_t length);
