/* Memory of the VirtualAlloc family as tests use it: made, looked at, touched, and released. */
#pragma once

#include <check.h>
#include <setjmp.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "kernel32/face.h"
#include "memoryapi/fault.h"
#include "memoryapi/mm.h"

/* The last exception that touch() met. */
static volatile struct fault kit_raised;
static sigjmp_buf kit_back;

static inline bool kit_on_exception(struct fault *fault)
{
    kit_raised = *fault;
    siglongjmp(kit_back, 1);
}

/* The exception that an access to one byte raises, or 0. */
static inline NTSTATUS touch(volatile void *address, bool write)
{
    kit_raised.code = 0;
    fault_hook = kit_on_exception;
    if (sigsetjmp(kit_back, 1) == 0) {
        if (write)
            *(volatile char *)address = 1;
        else
            (void)*(volatile char *)address;
    }
    fault_hook = NULL;
    return kit_raised.code;
}

static inline MEMORY_BASIC_INFORMATION query(const void *address)
{
    MEMORY_BASIC_INFORMATION info;
    memset(&info, 0xEE, sizeof info);
    ck_assert_uint_eq(VirtualQuery(address, &info, sizeof info), 48);
    return info;
}

static inline char *allocate(uint64_t size, DWORD type, DWORD protect)
{
    char *memory = VirtualAlloc(NULL, size, type, protect);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static inline void release(volatile void *memory)
{
    ck_assert(VirtualFree((void *)memory, 0, MEM_RELEASE));
    ck_assert(mm_space_is_valid());
}

/* Fails with the last error, and the books are as they have to be. */
#define EXPECT_FAILS(call, error)                                                                  \
    do {                                                                                           \
        last_error_set(0xABCD);                                                                    \
        ck_assert(!(call));                                                                        \
        ck_assert_uint_eq(last_error_get(), error);                                                \
        ck_assert(mm_space_is_valid());                                                            \
    } while (0)
