/*
 * Write watch: watched memory, and what is told of it. Every test runs twice, told by the kernel and
 * by our own marks; where the kernel cannot, twice by marks.
 */
#pragma once

#include <check.h>
#include <stdio.h>
#include "memoryapi/host.h"
#include "tests/unit/memory_kit.h"

#define P       4096u
#define RC      (MEM_RESERVE | MEM_COMMIT)
#define CURRENT ((HANDLE)-1)
#define MOST    256u

static inline void by_kernel(void)
{
    char byte = 0;
    ck_assert_uint_eq(VirtualQuery(&byte, &(MEMORY_BASIC_INFORMATION){0}, 48), 48);
}

static inline void by_marks(void)
{
    by_kernel(); /* the capabilities are found at the first use */
    host_caps.watch = false;
}

static inline volatile char *watched(unsigned pages, DWORD type, DWORD protect)
{
    char *memory = VirtualAlloc(NULL, (SIZE_T)pages * P, type | MEM_WRITE_WATCH, protect);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* The pages told, as text: "0 3 5". */
static inline const char *told(volatile char *memory, unsigned pages, DWORD flags,
                               ULONG_PTR capacity)
{
    static char text[MOST * 8];
    PVOID addresses[MOST];
    ULONG_PTR count = capacity;
    DWORD granularity = 0;
    char *at = text;
    ck_assert_uint_eq(
        GetWriteWatch(flags, (void *)memory, (SIZE_T)pages * P, addresses, &count, &granularity),
        0);
    ck_assert_uint_eq(granularity, P);
    ck_assert_uint_le(count, capacity);
    *at = 0;
    for (ULONG_PTR i = 0; i < count; i++)
        at += sprintf(at, "%s%lu", i ? " " : "",
                      (unsigned long)((char *)addresses[i] - (char *)memory) / P);
    return text;
}

#define TOLD(memory, pages, flags, expected)                                                       \
    ck_assert_str_eq(told(memory, pages, flags, MOST), expected)

/* What main does: the tests that `add` adds, both ways. */
static inline int watch_run(const char *name, void (*add)(TCase *tests))
{
    Suite *suite = suite_create(name);
    TCase *kernel = tcase_create("told by the kernel"), *marks = tcase_create("by our own marks");
    tcase_add_checked_fixture(kernel, by_kernel, NULL);
    tcase_add_checked_fixture(marks, by_marks, NULL);
    add(kernel);
    add(marks);
    suite_add_tcase(suite, kernel);
    suite_add_tcase(suite, marks);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
