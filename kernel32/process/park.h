/* Sleeping on a word of a lock that lives in the program's memory: the thread may be suspended
 * meanwhile. */
#pragma once

#include "kernel32/process/wait.h"
#include "memoryapi/futex.h"
#include "memoryapi/gate.h"

/* 0, -ETIMEDOUT, -EAGAIN or -EINTR; `deadline` as with wait_for. */
static inline int park(const uint32_t *word, uint32_t value, uint64_t deadline, uint32_t bits)
{
    struct timespec limit = {(time_t)(deadline / 10000000), (long)(deadline % 10000000) * 100};
    uint32_t depth = gate_open();
    int result = futex_wait_bits(word, value, deadline == TIME_NEVER ? NULL : &limit, bits);
    gate_close(depth);
    return result;
}

#define PARK_ANY FUTEX_BITSET_MATCH_ANY
