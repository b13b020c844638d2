/* Windows and frames of address windowing extensions, both ways: pages moved, and pages mapped. */
#pragma once

#include <check.h>
#include <stdlib.h>
#include "memoryapi/awe.h"
#include "memoryapi/host.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define SELF ((HANDLE)-1)
#define PAGE 4096u

static inline void begin(int way)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    if (way)
        setenv("WINMEM_HOST_CAPS", "-move", 1);
}

static inline void sound(void)
{
    ck_assert(mm_space_is_valid());
    ck_assert(awe_is_valid());
}

static inline void take_frames(ULONG_PTR *frames, ULONG_PTR count)
{
    ULONG_PTR given = count;
    ck_assert_int_eq(k32_AllocateUserPhysicalPages(SELF, &given, frames), TRUE);
    ck_assert_uint_eq(given, count);
}

static inline uint8_t *window(uint64_t pages)
{
    uint8_t *base =
        k32_VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    ck_assert_ptr_nonnull(base);
    return base;
}

static inline void refused(BOOL result, DWORD error)
{
    ck_assert_int_eq(result, FALSE);
    ck_assert_uint_eq(last_error_get(), error);
    sound();
}
