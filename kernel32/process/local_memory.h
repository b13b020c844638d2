/*
 * Memory that a function of ours allocates and the program gives back with LocalFree
 * (CommandLineToArgvW, FormatMessage, ConvertSidToStringSid).
 */
#pragma once

#include <stdlib.h>

static inline void *local_memory(size_t size)
{
    return malloc(size);
}
