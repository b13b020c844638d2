/*
 * Write watch: GetWriteWatch and ResetWriteWatch. Every test runs twice, told by the kernel and by
 * our own marks; where the kernel cannot, twice by marks.
 */
#include <check.h>
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "kernel32/face.h"
#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

#define P       4096u
#define RC      (MEM_RESERVE | MEM_COMMIT)
#define CURRENT ((HANDLE)-1)
#define MOST    256u

static sigjmp_buf back;
static volatile NTSTATUS raised;

static bool on_exception(struct fault *fault)
{
    raised = fault->code;
    siglongjmp(back, 1);
}

static NTSTATUS touch(volatile char *address, bool write)
{
    raised = 0;
    fault_hook = on_exception;
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *address = 1;
        else
            (void)*address;
    }
    fault_hook = NULL;
    return raised;
}

static void by_kernel(void)
{
    char byte = 0;
    ck_assert_uint_eq(VirtualQuery(&byte, &(MEMORY_BASIC_INFORMATION){0}, 48), 48);
}

static void by_marks(void)
{
    by_kernel(); /* the capabilities are found at the first use */
    host_caps.watch = false;
}

static volatile char *watched(unsigned pages, DWORD type, DWORD protect)
{
    char *memory = VirtualAlloc(NULL, (SIZE_T)pages * P, type | MEM_WRITE_WATCH, protect);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static void release(volatile char *memory)
{
    ck_assert(VirtualFree((void *)memory, 0, MEM_RELEASE));
    ck_assert(mm_space_is_valid());
}

/* The pages told, as text: "0 3 5". */
static const char *told(volatile char *memory, unsigned pages, DWORD flags, ULONG_PTR capacity)
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

START_TEST(written_pages_are_told_in_order) /* 104, 107 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    TOLD(memory, 16, 0, "");
    memory[3 * P + 17] = 1;
    memory[0] = 1;
    for (unsigned i = 8; i < 16; i++)
        ck_assert_int_eq(memory[i * P], 0);
    TOLD(memory, 16, 0, "0 3");
    TOLD(memory, 16, 0, "0 3"); /* asking changes nothing */
    release(memory);
}
END_TEST

START_TEST(reset_begins_anew) /* 105, 106 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 16; i++)
        memory[i * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "");
    memory[5 * P] = 2;
    TOLD(memory, 16, 0, "5");
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 16 * P), 0);
    TOLD(memory, 16, 0, "");
    memory[5 * P] = 3;
    memory[6 * P] = 3;
    memory[7 * P] = 3;
    ck_assert_uint_eq(ResetWriteWatch((char *)memory + 6 * P + 1, 1), 0);
    TOLD(memory, 16, 0, "5 7");
    ck_assert_int_eq(memory[6 * P], 3);
    release(memory);
}
END_TEST

START_TEST(too_small_an_array_resets_what_it_told)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 10; i++)
        memory[i * P] = 1;
    ck_assert_str_eq(told(memory, 16, WRITE_WATCH_FLAG_RESET, 4), "0 1 2 3");
    ck_assert_str_eq(told(memory, 16, WRITE_WATCH_FLAG_RESET, 0), "");
    ck_assert_str_eq(told(memory, 16, 0, 2), "4 5");
    ck_assert_str_eq(told(memory, 16, WRITE_WATCH_FLAG_RESET, 5), "4 5 6 7 8");
    TOLD(memory, 16, 0, "9");
    release(memory);
}
END_TEST

START_TEST(a_range_is_whole_pages)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    PVOID addresses[8];
    ULONG_PTR count = 8;
    DWORD granularity;
    for (unsigned i = 0; i < 8; i++)
        memory[i * P] = 1;
    ck_assert_uint_eq(
        GetWriteWatch(0, (char *)memory + 2 * P - 1, 2, addresses, &count, &granularity), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(addresses[0] == memory + P);
    ck_assert(addresses[1] == memory + 2 * P);
    release(memory);
}
END_TEST

START_TEST(more_stretches_than_one_step_takes)
{
    enum { PAGES = 2000 };
    volatile char *memory = watched(PAGES, RC, PAGE_READWRITE);
    PVOID *addresses = calloc(PAGES, sizeof *addresses);
    ULONG_PTR count = PAGES;
    DWORD granularity;
    for (unsigned i = 1; i < PAGES; i += 3)
        memory[i * P] = 1;
    ck_assert_uint_eq(GetWriteWatch(WRITE_WATCH_FLAG_RESET, (void *)memory, PAGES * P, addresses,
                                    &count, &granularity),
                      0);
    ck_assert_uint_eq(count, (PAGES + 1) / 3);
    for (unsigned i = 0; i < count; i++)
        ck_assert(addresses[i] == memory + (3 * i + 1) * P);
    TOLD(memory, PAGES, 0, "");
    free(addresses);
    release(memory);
}
END_TEST

START_TEST(only_committed_pages_and_since_the_commit)
{
    volatile char *memory = watched(64, MEM_RESERVE, PAGE_READWRITE);
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "");
    ck_assert_ptr_nonnull(
        VirtualAlloc((void *)(memory + 4 * P), 4 * P, MEM_COMMIT, PAGE_READWRITE));
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 32 * P), P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, 0, "");
    memory[5 * P] = memory[6 * P] = memory[32 * P] = 1;
    TOLD(memory, 64, 0, "5 6 32");
    ck_assert(VirtualFree((void *)(memory + 5 * P), P, MEM_DECOMMIT));
    TOLD(memory, 64, 0, "6 32");
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 5 * P), P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, 0, "6 32");
    ck_assert_int_eq(memory[5 * P], 0);
    TOLD(memory, 64, 0, "6 32");
    memory[5 * P] = 1;
    /* a second commit of what is committed keeps contents and what is known of them */
    ck_assert_ptr_nonnull(VirtualAlloc((void *)memory, 64 * P, MEM_COMMIT, PAGE_READWRITE));
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "5 6 32");
    memory[7 * P] = memory[40 * P] = 1;
    TOLD(memory, 64, WRITE_WATCH_FLAG_RESET, "7 40");
    release(memory);
}
END_TEST

START_TEST(protection_does_not_change_what_was_written)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    DWORD old;
    memory[1 * P] = memory[2 * P] = memory[3 * P] = memory[4 * P] = 1;
    ck_assert(VirtualProtect((void *)(memory + 1 * P), 2 * P, PAGE_READONLY, &old));
    ck_assert(VirtualProtect((void *)(memory + 3 * P), 2 * P, PAGE_NOACCESS, &old));
    ck_assert(VirtualProtect((void *)(memory + 8 * P), 2 * P, PAGE_READWRITE | PAGE_GUARD, &old));
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2 3 4");
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 3 * P, true), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(memory + 8 * P, true), STATUS_GUARD_PAGE_VIOLATION);
    ck_assert_int_eq(touch(memory + 9 * P, false), STATUS_GUARD_PAGE_VIOLATION);
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + 9 * P, false), 0);
    TOLD(memory, 16, 0, "");
    ck_assert_int_eq(touch(memory + 8 * P, true), 0);
    TOLD(memory, 16, 0, "8");
    ck_assert(VirtualProtect((void *)memory, 16 * P, PAGE_EXECUTE_READWRITE, &old));
    TOLD(memory, 16, 0, "8");
    memory[2 * P] = 2;
    memory[12 * P] = 2;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "2 8 12");
    memory[2 * P] = 3;
    TOLD(memory, 16, 0, "2");
    release(memory);
}
END_TEST

START_TEST(offered_discarded_and_reset_pages)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    memory[1 * P] = memory[2 * P] = memory[5 * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2 5");
    memory[2 * P] = 2;
    ck_assert_uint_eq(OfferVirtualMemory((void *)(memory + P), 2 * P, VmOfferPriorityNormal), 0);
    ck_assert_uint_eq(ReclaimVirtualMemory((void *)(memory + P), 2 * P), 0);
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    memory[1 * P] = 3;
    memory[5 * P] = 3;
    memory[6 * P] = 3;
    ck_assert_uint_eq(DiscardVirtualMemory((void *)(memory + 5 * P), P), 0);
    TOLD(memory, 16, 0, "1 6");
    memory[5 * P] = 4;
    TOLD(memory, 16, 0, "1 5 6");
    ck_assert_ptr_nonnull(VirtualAlloc((void *)(memory + 6 * P), P, MEM_RESET, PAGE_READWRITE));
    memory[6 * P] = 5;
    TOLD(memory, 16, 0, "1 5 6");
    /* what is locked is not dropped, and stays written */
    ck_assert(VirtualLock((void *)(memory + 5 * P), P));
    ck_assert_uint_eq(DiscardVirtualMemory((void *)memory, 16 * P), 0);
    TOLD(memory, 16, 0, "5");
    ck_assert_int_eq(memory[5 * P], 4);
    release(memory);
}
END_TEST

/* Fails, with last error `code`, and nothing is written or reset. */
START_TEST(dropped_pages_that_were_reclaimed_are_told)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    memory[1 * P] = memory[2 * P] = 1;
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    setenv("WINMEM_RETURN", "now", 1);
    ck_assert_uint_eq(OfferVirtualMemory((void *)(memory + P), 2 * P, VmOfferPriorityNormal), 0);
    unsetenv("WINMEM_RETURN");
    ck_assert_uint_eq(ReclaimVirtualMemory((void *)(memory + P), 2 * P), 170);
    TOLD(memory, 16, WRITE_WATCH_FLAG_RESET, "1 2");
    TOLD(memory, 16, 0, "");
    release(memory);
}
END_TEST

static void fails(DWORD flags, volatile char *base, SIZE_T size, PVOID *addresses, ULONG_PTR *count,
                  DWORD *granularity, DWORD code)
{
    last_error_set(4711);
    ck_assert_uint_eq(GetWriteWatch(flags, (void *)base, size, addresses, count, granularity),
                      (UINT)-1);
    ck_assert_uint_eq(last_error_get(), code);
}

START_TEST(mistakes_are_refused_and_change_nothing) /* 108 */
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    volatile char *plain = VirtualAlloc(NULL, 16 * P, RC, PAGE_READWRITE);
    volatile char *closed = VirtualAlloc(NULL, 16 * P, MEM_RESERVE, PAGE_READWRITE);
    PVOID addresses[16] = {(PVOID)0x1234};
    ULONG_PTR count = 16;
    DWORD granularity = 99;
    memory[P] = 1;
    fails(2, memory, 16 * P, addresses, &count, &granularity, 87);
    fails(1, plain, P, addresses, &count, &granularity, 87);
    fails(1, NULL, P, addresses, &count, &granularity, 87);
    fails(1, memory, 16 * P + 1, addresses, &count, &granularity, 87);
    fails(1, memory, 0, addresses, &count, &granularity, 87);
    fails(1, memory, ~0ull, addresses, &count, &granularity, 87);
    fails(1, memory, 16 * P, addresses, NULL, &granularity, 998);
    fails(1, memory, 16 * P, addresses, &count, NULL, 998);
    fails(1, memory, 16 * P, NULL, &count, &granularity, 998);
    fails(1, memory, 16 * P, (PVOID *)closed, &count, &granularity, 998);
    /* the array reaches from a good page into a bad one, though one element would do */
    fails(1, memory, 16 * P, (PVOID *)(plain + 16 * P) - 15, &count, &granularity, 998);
    ck_assert_uint_eq(count, 16);
    ck_assert_uint_eq(granularity, 99);
    ck_assert(addresses[0] == (PVOID)0x1234);
    TOLD(memory, 16, 0, "1");
    count = 0;
    ck_assert_uint_eq(GetWriteWatch(1, (void *)memory, P, NULL, &count, &granularity), 0);
    ck_assert_uint_eq(ResetWriteWatch((void *)plain, P), (UINT)-1);
    ck_assert_uint_eq(last_error_get(), 87);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 17 * P), (UINT)-1);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, 0), (UINT)-1);
    TOLD(memory, 16, 0, "1");
    /* the flag belongs to a reservation */
    ck_assert_ptr_null(VirtualAlloc(NULL, P, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
    ck_assert_uint_eq(last_error_get(), 87);
    ck_assert_ptr_null(
        VirtualAlloc((void *)memory, P, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE));
    release(memory);
    release(plain);
    release(closed);
}
END_TEST

START_TEST(the_native_calls)
{
    volatile char *memory = watched(4, RC, PAGE_READWRITE);
    PVOID addresses[4];
    ULONG_PTR count = 4;
    ULONG granularity = 0;
    memory[2 * P] = 1;
    last_error_set(4711);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 2, (void *)memory, P, addresses, &count, &granularity),
        STATUS_INVALID_PARAMETER_2);
    ck_assert_int_eq(
        nt_NtGetWriteWatch((HANDLE)0x7770, 0, (void *)memory, P, addresses, &count, &granularity),
        STATUS_INVALID_HANDLE);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 0, (void *)memory, 5 * P, addresses, &count, &granularity),
        STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 0, (void *)memory, P, addresses, NULL, &granularity),
        STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(
        nt_NtGetWriteWatch(CURRENT, 1, (void *)memory, 4 * P, addresses, &count, &granularity),
        STATUS_SUCCESS);
    ck_assert_uint_eq(count, 1);
    ck_assert(addresses[0] == memory + 2 * P);
    memory[0] = 1;
    ck_assert_int_eq(nt_NtResetWriteWatch((HANDLE)0x7770, (void *)memory, 4 * P),
                     STATUS_INVALID_HANDLE);
    TOLD(memory, 4, 0, "0");
    ck_assert_int_eq(nt_NtResetWriteWatch(CURRENT, (void *)memory, 4 * P), STATUS_SUCCESS);
    TOLD(memory, 4, 0, "");
    ck_assert_uint_eq(last_error_get(), 4711);
    release(memory);
}
END_TEST

START_TEST(the_results_may_lie_in_the_watched_memory)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    PVOID *addresses = (PVOID *)(memory + 4 * P);
    ULONG_PTR count = 8;
    DWORD granularity;
    memory[P] = 1;
    ck_assert_uint_eq(GetWriteWatch(1, (void *)memory, 8 * P, addresses, &count, &granularity), 0);
    /* the place is looked at first, which counts: written is at least what was written */
    ck_assert_uint_eq(count, 2);
    ck_assert(addresses[0] == memory + P);
    ck_assert(addresses[1] == memory + 4 * P);
    TOLD(memory, 8, 0, "4"); /* the results themselves */
    release(memory);
}
END_TEST

START_TEST(a_new_allocation_at_the_same_place_starts_clean)
{
    for (unsigned i = 0; i < 4; i++) {
        volatile char *memory = watched(16, RC, PAGE_READWRITE);
        TOLD(memory, 16, 0, "");
        memory[3 * P] = 1;
        TOLD(memory, 16, 0, "3");
        release(memory);
        char *plain = VirtualAlloc((void *)memory, 16 * P, RC, PAGE_READWRITE);
        ck_assert(plain == memory);
        ck_assert_int_eq(plain[3 * P], 0);
        plain[3 * P] = 1;
        PVOID addresses[16];
        ULONG_PTR count = 16;
        DWORD granularity;
        fails(0, plain, 16 * P, addresses, &count, &granularity, 87);
        release(plain);
    }
}
END_TEST

START_TEST(half_a_terabyte)
{
    SIZE_T size = 1ull << 39;
    volatile char *memory = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_WRITE_WATCH, PAGE_READWRITE);
    PVOID addresses[MOST];
    ULONG_PTR count = MOST;
    DWORD granularity;
    ck_assert(memory != NULL);
    for (unsigned i = 0; i < 8; i++) {
        volatile char *at = memory + (SIZE_T)i * (size / 8) + 5 * P;
        ck_assert_ptr_nonnull(VirtualAlloc((void *)at, 1 << 20, MEM_COMMIT, PAGE_READWRITE));
        at[P] = 1;
    }
    ck_assert_uint_eq(GetWriteWatch(1, (void *)memory, size, addresses, &count, &granularity), 0);
    ck_assert_uint_eq(count, 8);
    for (unsigned i = 0; i < 8; i++)
        ck_assert(addresses[i] == memory + (SIZE_T)i * (size / 8) + 6 * P);
    ck_assert_uint_eq(ResetWriteWatch((void *)memory, size), 0);
    release(memory);
}
END_TEST

START_TEST(a_forked_child_sees_its_own_writes)
{
    volatile char *memory = watched(8, RC, PAGE_READWRITE);
    int status;
    memory[P] = 1;
    TOLD(memory, 8, WRITE_WATCH_FLAG_RESET, "1");
    memory[2 * P] = 1;
    pid_t child = fork();
    if (child == 0) {
        /* what has contents may count as written; after a reset nothing does */
        bool good = ResetWriteWatch((void *)memory, 8 * P) == 0;
        memory[3 * P] = memory[P] = 2;
        good = good && strcmp(told(memory, 8, 0, MOST), "1 3") == 0;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    memory[4 * P] = 1;
    TOLD(memory, 8, WRITE_WATCH_FLAG_RESET, "2 4");
    release(memory);
}
END_TEST

/* ---- the host refuses ---- */

static const struct host_ops *real;
static struct host_ops fake;
static unsigned fail_after;

static bool fail_now(void)
{
    return fail_after-- == 0;
}

static int failing_collect(struct host_collect *collect)
{
    return fail_now() ? -ENOMEM : real->watch_collect(collect);
}

static int failing_protect(uint64_t address, uint64_t size, unsigned access)
{
    return fail_now() ? -ENOMEM : real->protect(address, size, access);
}

START_TEST(a_failed_call_loses_no_write)
{
    enum { PAGES = 400 };
    volatile char *memory = watched(PAGES, RC, PAGE_READWRITE);
    PVOID addresses[PAGES];
    ULONG_PTR count = PAGES;
    DWORD granularity = 99;
    real = host;
    fake = *host;
    fake.watch_collect = failing_collect;
    fake.protect = failing_protect;
    for (unsigned i = 0; i < PAGES; i += 2)
        memory[i * P] = 1;
    fail_after = 1; /* the second step */
    host = &fake;
    UINT result = GetWriteWatch(1, (void *)memory, PAGES * P, addresses, &count, &granularity);
    host = real;
    ck_assert_uint_eq(result, (UINT)-1);
    ck_assert_uint_eq(count, PAGES);
    ck_assert_uint_eq(granularity, 99);
    fail_after = 0;
    host = &fake;
    result = ResetWriteWatch((void *)memory, PAGES * P);
    host = real;
    ck_assert_uint_eq(result, (UINT)-1);
    ck_assert_uint_eq(GetWriteWatch(0, (void *)memory, PAGES * P, addresses, &count, &granularity),
                      0);
    for (unsigned i = 0; i < PAGES; i += 2) {
        bool found = false;
        for (unsigned j = 0; j < count; j++)
            found = found || addresses[j] == memory + i * P;
        ck_assert(found);
    }
    for (unsigned i = 0; i < PAGES; i++)
        memory[i * P] = 3; /* and all can be written */
    release(memory);
}
END_TEST

START_TEST(at_the_mapping_limit_more_is_told)
{
    volatile char *memory = watched(16, RC, PAGE_READWRITE);
    real = host;
    fake = *host;
    fake.protect = failing_protect;
    fail_after = 0; /* the one page that is to be opened */
    host = &fake;
    __asm__ volatile("" ::: "memory"); /* the write below calls the host, which no compiler knows */
    memory[5 * P] = 1;
    __asm__ volatile("" ::: "memory");
    host = real;
    if (host_caps.watch)
        TOLD(memory, 16, 0, "5");
    else
        TOLD(memory, 16, 0, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    memory[6 * P] = 1;
    release(memory);
}
END_TEST

static volatile char *prey;
static unsigned moments;

/* What a thread would meet that writes at this moment: a system call instead, which cannot fault. */
static void try_to_write(void)
{
    char value = 1;
    struct iovec from = {&value, 1}, to = {(void *)prey, 1};
    moments += process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 1;
}

static int watched_protect(uint64_t address, uint64_t size, unsigned access)
{
    int error = real->protect(address, size, access);
    try_to_write();
    return error;
}

static int watched_open_guards(uint64_t address, uint64_t size)
{
    int error = real->open_guards(address, size);
    try_to_write();
    return error;
}

static int watched_close_guards(uint64_t address, uint64_t size)
{
    int error = real->close_guards(address, size);
    try_to_write();
    return error;
}

/* A commit as the host sees it: whether `page` could be written meanwhile. */
static unsigned moments_of_commit(volatile char *memory, unsigned page, unsigned first,
                                  unsigned count)
{
    prey = memory + page * P;
    moments = 0;
    host = &fake;
    void *committed =
        VirtualAlloc((void *)(memory + first * P), count * P, MEM_COMMIT, PAGE_READWRITE);
    host = real;
    ck_assert(committed != NULL);
    return moments;
}

START_TEST(a_commit_has_no_moment_of_unseen_writes)
{
    volatile char *memory = watched(1024, MEM_RESERVE, PAGE_READWRITE);
    real = host;
    fake = *host;
    fake.protect = watched_protect;
    fake.open_guards = watched_open_guards;
    fake.close_guards = watched_close_guards;
    /* not of pages that stay reserved, */
    ck_assert_uint_eq(moments_of_commit(memory, 20, 2, 4), 0);
    ck_assert_uint_eq(moments_of_commit(memory, 21, 20, 1), 0);
    /* and by marks not of those that are committed */
    if (!host_caps.watch) {
        ck_assert_uint_eq(moments_of_commit(memory, 9, 8, 4), 0);
        ck_assert_uint_eq(moments_of_commit(memory, 900, 899, 4), 0);
    }
    TOLD(memory, 1024, 0, "");
    memory[4 * P] = memory[20 * P] = 1;
    TOLD(memory, 1024, 0, "4 20");
    release(memory);
}
END_TEST

START_TEST(random_operations_match_an_oracle)
{
    enum { PAGES = 96, STEPS = 2500 };
    bool committed[PAGES] = {0}, written[PAGES] = {0}, writable[PAGES] = {0};
    volatile char *memory = watched(PAGES, MEM_RESERVE, PAGE_READWRITE);
    unsigned seed = (unsigned)getpid();
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned first = (unsigned)rand_r(&seed) % PAGES, count = 1 + (unsigned)rand_r(&seed) % 8;
        if (first + count > PAGES)
            count = PAGES - first;
        char *at = (char *)memory + first * P;
        bool all = true;
        DWORD old;
        for (unsigned i = first; i < first + count; i++)
            all = all && committed[i];
        switch (rand_r(&seed) % 8) {
        case 0:
            ck_assert_ptr_nonnull(VirtualAlloc(at, count * P, MEM_COMMIT, PAGE_READWRITE));
            for (unsigned i = first; i < first + count; i++)
                committed[i] = writable[i] = true;
            break;
        case 1:
            if (count > 2)
                break;
            ck_assert(VirtualFree(at, count * P, MEM_DECOMMIT));
            for (unsigned i = first; i < first + count; i++)
                committed[i] = written[i] = writable[i] = false;
            break;
        case 2: {
            bool read_only = rand_r(&seed) % 2;
            ck_assert_int_eq(
                VirtualProtect(at, count * P, read_only ? PAGE_READONLY : PAGE_READWRITE, &old),
                all);
            for (unsigned i = first; all && i < first + count; i++)
                writable[i] = !read_only;
            break;
        }
        case 3: {
            ULONG_PTR capacity = 1 + (ULONG_PTR)rand_r(&seed) % 40, got = capacity;
            bool reset = rand_r(&seed) % 2;
            PVOID addresses[PAGES];
            DWORD granularity;
            ck_assert_uint_eq(
                GetWriteWatch(reset, (void *)memory, PAGES * P, addresses, &got, &granularity), 0);
            unsigned next = 0;
            for (unsigned i = 0; i < PAGES && next < capacity; i++)
                if (written[i]) {
                    ck_assert_msg(next < got && addresses[next] == memory + i * P,
                                  "seed %d step %u: page %u", getpid(), step, i);
                    next++;
                    written[i] = !reset;
                }
            ck_assert_uint_eq(next, got);
            break;
        }
        case 4:
            if (count > 3)
                break;
            ck_assert_uint_eq(ResetWriteWatch(at, count * P), 0);
            for (unsigned i = first; i < first + count; i++)
                written[i] = false;
            break;
        default:
            ck_assert(mm_space_is_valid());
            for (unsigned i = first; i < first + count; i++)
                if (writable[i]) {
                    memory[i * P + step % P] = (char)step;
                    written[i] = true;
                } else if (committed[i]) {
                    (void)memory[i * P];
                }
        }
    }
    release(memory);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, written_pages_are_told_in_order);
    tcase_add_test(tests, reset_begins_anew);
    tcase_add_test(tests, too_small_an_array_resets_what_it_told);
    tcase_add_test(tests, a_range_is_whole_pages);
    tcase_add_test(tests, more_stretches_than_one_step_takes);
    tcase_add_test(tests, only_committed_pages_and_since_the_commit);
    tcase_add_test(tests, protection_does_not_change_what_was_written);
    tcase_add_test(tests, offered_discarded_and_reset_pages);
    tcase_add_test(tests, dropped_pages_that_were_reclaimed_are_told);
    tcase_add_test(tests, mistakes_are_refused_and_change_nothing);
    tcase_add_test(tests, the_native_calls);
    tcase_add_test(tests, the_results_may_lie_in_the_watched_memory);
    tcase_add_test(tests, a_new_allocation_at_the_same_place_starts_clean);
    tcase_add_test(tests, half_a_terabyte);
    tcase_add_test(tests, a_forked_child_sees_its_own_writes);
    tcase_add_test(tests, a_failed_call_loses_no_write);
    tcase_add_test(tests, at_the_mapping_limit_more_is_told);
    tcase_add_test(tests, a_commit_has_no_moment_of_unseen_writes);
    tcase_add_test(tests, random_operations_match_an_oracle);
}

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *kernel = tcase_create("told by the kernel"), *marks = tcase_create("by our own marks");
    tcase_add_checked_fixture(kernel, by_kernel, NULL);
    tcase_add_checked_fixture(marks, by_marks, NULL);
    add_tests(kernel);
    add_tests(marks);
    suite_add_tcase(suite, kernel);
    suite_add_tcase(suite, marks);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
