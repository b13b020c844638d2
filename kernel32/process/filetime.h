/* FILETIME from a count of 100 ns units (since 1601, or of a duration). */
#pragma once

#include <stdint.h>
#include <winmem/windef.h>

static inline FILETIME filetime(uint64_t units)
{
    return (FILETIME){(DWORD)units, (DWORD)(units >> 32)};
}
