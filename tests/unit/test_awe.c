/* Address windowing extensions, both ways: pages that are moved, and pages that are mapped. */
#include <check.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/awe.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

#define SELF ((HANDLE)-1)
#define PAGE 4096u

static sigjmp_buf out;
static NTSTATUS met;
static uint64_t met_address;

static bool on_fault(struct fault *fault)
{
    met = fault->code;
    met_address = fault->address;
    siglongjmp(out, 1);
}

/* The exception that a read (or write) of one byte gives; 0: none. */
static NTSTATUS touch(volatile uint8_t *at, bool write)
{
    met = 0;
    fault_hook = on_fault;
    if (sigsetjmp(out, 1) == 0) {
        uint8_t value = *at;
        if (write)
            *at = value;
    }
    fault_hook = NULL;
    return met;
}

static void begin(int way)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    if (way)
        setenv("WINMEM_HOST_CAPS", "-move", 1);
}

static void sound(void)
{
    ck_assert(mm_space_is_valid());
    ck_assert(awe_is_valid());
}

static void allocate(ULONG_PTR *frames, ULONG_PTR count)
{
    ULONG_PTR given = count;
    ck_assert_int_eq(k32_AllocateUserPhysicalPages(SELF, &given, frames), TRUE);
    ck_assert_uint_eq(given, count);
}

static uint8_t *window(uint64_t pages)
{
    uint8_t *base =
        k32_VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    ck_assert_ptr_nonnull(base);
    return base;
}

static void refused(BOOL result, DWORD error)
{
    ck_assert_int_eq(result, FALSE);
    ck_assert_uint_eq(last_error_get(), error);
    sound();
}

START_TEST(privilege_first)
{
    ULONG_PTR frames[2] = {7, 8}, count = 2;
    unsetenv("WINMEM_PRIVILEGES");
    refused(k32_AllocateUserPhysicalPages(SELF, &count, frames), ERROR_PRIVILEGE_NOT_HELD);
    refused(k32_AllocateUserPhysicalPagesNuma(SELF, &count, frames, 0), ERROR_PRIVILEGE_NOT_HELD);
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, NULL, 0),
            ERROR_PRIVILEGE_NOT_HELD);
    refused(k32_AllocateUserPhysicalPages((HANDLE)4444, &count, frames), ERROR_INVALID_HANDLE);
    refused(k32_VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE) != NULL,
            ERROR_PRIVILEGE_NOT_HELD);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(frames[0], 7);
}
END_TEST

/* The point of it: what is written through one window is read through another. */
START_TEST(contents_follow_the_frame)
{
    begin(_i);
    ULONG_PTR frames[4];
    uint8_t *a = window(4), *b = window(4);
    allocate(frames, 4);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 4, frames), TRUE);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < PAGE; j++)
            ck_assert_uint_eq(a[i * PAGE + j], 0);
        memset(a + i * PAGE, (int)i + 1, PAGE);
    }
    sound();
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 4, NULL), TRUE);
    ck_assert_int_eq(touch(a, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(met_address, (uint64_t)a);
    ULONG_PTR turned[] = {frames[3], frames[1], frames[2], frames[0]};
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 4, turned), TRUE);
    ck_assert_uint_eq(b[0], 4);
    ck_assert_uint_eq(b[PAGE], 2);
    ck_assert_uint_eq(b[2 * PAGE + 4095], 3);
    ck_assert_uint_eq(b[3 * PAGE], 1);
    sound();
    /* over what is there: the old ones are unmapped, and frames of the range may change places */
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 4, frames), TRUE);
    ck_assert_uint_eq(b[0], 1);
    ck_assert_uint_eq(b[3 * PAGE], 4);
    ck_assert_int_eq(k32_MapUserPhysicalPages(b + PAGE, 1, &frames[1]), TRUE); /* as it is */
    ck_assert_uint_eq(b[PAGE], 2);
    sound();
}
END_TEST

START_TEST(all_or_nothing)
{
    begin(_i);
    ULONG_PTR frames[4], foreign, set[4];
    uint8_t *a = window(4), *b = window(2);
    allocate(frames, 4);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 2, frames), TRUE);
    a[0] = 10;
    a[PAGE] = 11;
    /* frame 0 is in the other window, and not about to leave it */
    set[0] = frames[2];
    set[1] = frames[0];
    refused(k32_MapUserPhysicalPages(b, 2, set), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(touch(b, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(b + PAGE, true), STATUS_ACCESS_VIOLATION);
    /* the same one at two addresses of one call */
    set[1] = frames[2];
    refused(k32_MapUserPhysicalPages(b, 2, set), ERROR_INVALID_PARAMETER);
    /* frames 0 and 1 would leave, and 3 comes twice: they stay */
    set[0] = set[1] = frames[3];
    refused(k32_MapUserPhysicalPages(a, 2, set), ERROR_INVALID_PARAMETER);
    ck_assert_uint_eq(a[0], 10);
    ck_assert_uint_eq(a[PAGE], 11);
    /* numbers that are nobody's */
    for (foreign = 0; foreign < 5; foreign++) {
        static const ULONG_PTR numbers[] = {0, 1ull << 31, ~0ull, 1ull << 32, 0x7fffffff};
        set[0] = frames[2];
        set[1] = numbers[foreign];
        refused(k32_MapUserPhysicalPages(b, 2, set), ERROR_INVALID_PARAMETER);
    }
    set[1] = (1ull << 32) | frames[3]; /* not taken for its lower half */
    refused(k32_MapUserPhysicalPages(b, 2, set), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(touch(b, false), STATUS_ACCESS_VIOLATION);
    /* the refused ones are free to be mapped */
    set[1] = frames[3];
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 2, set), TRUE);
    sound();
}
END_TEST

START_TEST(wrong_places)
{
    begin(_i);
    ULONG_PTR frames[4];
    uint8_t *a = window(3), *plain = k32_VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);
    allocate(frames, 4);
    refused(k32_MapUserPhysicalPages(plain, 1, frames), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages(a, 4, frames),
            ERROR_INVALID_PARAMETER); /* its granule is longer */
    refused(k32_MapUserPhysicalPages(a + PAGE, 3, frames), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages(a, ~0ull, NULL), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages(a, 1ull << 52, NULL), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages((PVOID)~0ull, 1, NULL), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages((PVOID)8, 1, NULL), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPages(a, 1, (PULONG_PTR)8), ERROR_NOACCESS);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a + 5, 1, frames), TRUE); /* of the page */
    ck_assert_int_eq(touch(a, true), 0);
    ck_assert_int_eq(touch(a + 3 * PAGE, true), STATUS_ACCESS_VIOLATION); /* behind the window */
    sound();
}
END_TEST

START_TEST(scattered)
{
    begin(_i);
    ULONG_PTR frames[4];
    uint8_t *a = window(8), *b = window(8);
    allocate(frames, 4);
    PVOID places[4] = {b + 5 * PAGE, a + PAGE, b, a + 7 * PAGE};
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, 4, frames), TRUE);
    sound();
    for (unsigned i = 0; i < 4; i++)
        *(uint8_t *)places[i] = (uint8_t)(i + 1);
    /* places turn among the frames, one is emptied */
    ULONG_PTR turned[] = {frames[1], frames[2], 0, frames[0]};
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, 4, turned), TRUE);
    ck_assert_uint_eq(b[5 * PAGE], 2);
    ck_assert_uint_eq(a[PAGE], 3);
    ck_assert_int_eq(touch(b, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(a[7 * PAGE], 1);
    sound();
    /* an address that is nowhere, one twice, a frame twice, a bad array */
    PVOID bad[2] = {a, (PVOID)0x10000};
    ULONG_PTR two[2] = {frames[3], frames[3]};
    refused(k32_MapUserPhysicalPagesScatter(bad, 2, frames), ERROR_INVALID_PARAMETER);
    bad[1] = a + 6 * PAGE;
    refused(k32_MapUserPhysicalPagesScatter(bad, 2, two), ERROR_INVALID_PARAMETER);
    bad[1] = a + 100;
    two[1] = frames[0];
    refused(k32_MapUserPhysicalPagesScatter(bad, 2, two), ERROR_INVALID_PARAMETER);
    refused(k32_MapUserPhysicalPagesScatter((PVOID *)8, 2, two), ERROR_NOACCESS);
    refused(k32_MapUserPhysicalPagesScatter(bad, 2, (PULONG_PTR)8), ERROR_NOACCESS);
    ck_assert_int_eq(touch(a, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(a[7 * PAGE], 1);
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(bad, 2, NULL), TRUE); /* emptied twice */
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, 4, NULL), TRUE);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(touch(places[i], true), STATUS_ACCESS_VIOLATION);
    sound();
}
END_TEST

START_TEST(freeing)
{
    begin(_i);
    ULONG_PTR frames[6], again[6], count = 3;
    uint8_t *a = window(6);
    allocate(frames, 6);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 6, frames), TRUE);
    memset(a, 0xAA, 6 * PAGE);
    ck_assert_int_eq(k32_FreeUserPhysicalPages(SELF, &count, frames), TRUE);
    ck_assert_uint_eq(count, 3);
    sound();
    ck_assert_int_eq(touch(a, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(a + 3 * PAGE, false), 0);
    /* a frame that is not the process's any more: those before it are freed, and counted */
    ULONG_PTR some[] = {frames[3], frames[0], frames[4]};
    count = 3;
    refused(k32_FreeUserPhysicalPages(SELF, &count, some), ERROR_INVALID_PARAMETER);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(touch(a + 3 * PAGE, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(touch(a + 4 * PAGE, false), 0);
    /* the same one twice */
    some[0] = some[1] = frames[4];
    count = 2;
    refused(k32_FreeUserPhysicalPages(SELF, &count, some), ERROR_INVALID_PARAMETER);
    ck_assert_uint_eq(count, 1);
    count = 1;
    refused(k32_FreeUserPhysicalPages((HANDLE)4444, &count, frames + 5), ERROR_INVALID_HANDLE);
    ck_assert_uint_eq(count, 0);
    count = 1;
    refused(k32_FreeUserPhysicalPages(SELF, &count, (PULONG_PTR)8), ERROR_NOACCESS);
    refused(k32_FreeUserPhysicalPages(SELF, (PULONG_PTR)8, frames), ERROR_NOACCESS);
    ck_assert_int_eq(touch(a + 5 * PAGE, false), 0);
    /* freed frames are given again, and read zero */
    allocate(again, 5);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 5, again), TRUE);
    for (unsigned i = 0; i < 5 * PAGE; i++)
        ck_assert_uint_eq(a[i], 0);
    ck_assert_uint_eq(a[5 * PAGE], 0xAA);
    sound();
}
END_TEST

START_TEST(a_window_is_only_a_window)
{
    begin(_i);
    ULONG_PTR frames[2], count = 2;
    uint8_t *a = window(4), *b = window(2);
    DWORD old;
    MEMORY_BASIC_INFORMATION info;
    allocate(frames, 2);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 2, frames), TRUE);
    a[PAGE] = 77;
    ck_assert_int_eq(k32_VirtualProtect(a, PAGE, PAGE_READONLY, &old), FALSE);
    ck_assert_int_eq(k32_VirtualProtect(a, PAGE, PAGE_READWRITE | PAGE_GUARD, &old), FALSE);
    refused(k32_VirtualFree(a, PAGE, MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
    refused(k32_VirtualFree(a, 0, MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
    refused(k32_VirtualFree(a, PAGE, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    refused(k32_VirtualFree(a + PAGE, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
    refused(k32_VirtualAlloc(a, PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL, ERROR_INVALID_ADDRESS);
    ck_assert_ptr_null(k32_VirtualAlloc(a, PAGE, MEM_RESET, PAGE_READWRITE));
    ck_assert_ptr_null(k32_VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READONLY));
    ck_assert_ptr_null(
        k32_VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT | MEM_PHYSICAL, PAGE_READWRITE));
    ck_assert_ptr_null(k32_VirtualAlloc(NULL, PAGE, MEM_PHYSICAL, PAGE_READWRITE));
    ck_assert_uint_eq(k32_VirtualQuery(a + PAGE, &info, sizeof info), sizeof info);
    ck_assert_ptr_eq(info.AllocationBase, a);
    ck_assert_uint_eq(info.AllocationProtect, PAGE_READWRITE);
    ck_assert_uint_eq(info.RegionSize, 3 * PAGE);
    ck_assert_uint_eq(info.State, MEM_RESERVE);
    ck_assert_uint_eq(info.Type, MEM_PRIVATE);
    ck_assert_uint_eq(a[PAGE], 77);
    /* the window goes, the pages stay */
    ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
    sound();
    ck_assert_int_eq(touch(a + PAGE, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 2, frames), TRUE);
    ck_assert_uint_eq(b[PAGE], 77);
    ck_assert_int_eq(k32_FreeUserPhysicalPages(SELF, &count, frames), TRUE);
    ck_assert_int_eq(k32_VirtualFree(b, 0, MEM_RELEASE), TRUE);
    /* the address is ordinary again */
    uint8_t *plain = k32_VirtualAlloc(a, 4 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ck_assert_ptr_eq(plain, a);
    ck_assert_int_eq(touch(a + 3 * PAGE, true), 0);
    ck_assert_uint_eq(a[PAGE], 0);
    sound();
}
END_TEST

/* A place that had been committed and released before has guard markers, which a window must not. */
START_TEST(window_where_memory_was)
{
    begin(_i);
    ULONG_PTR frame;
    uint8_t *a = k32_VirtualAlloc(NULL, 8 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    memset(a, 1, 8 * PAGE);
    ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
    ck_assert_ptr_eq(k32_VirtualAlloc(a, 8 * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE), a);
    allocate(&frame, 1);
    ck_assert_int_eq(touch(a + PAGE, false), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a + 2 * PAGE, 1, &frame), TRUE);
    ck_assert_int_eq(touch(a + 2 * PAGE, true), 0);
    ck_assert_int_eq(touch(a + PAGE, false), STATUS_ACCESS_VIOLATION);
    sound();
}
END_TEST

/* Fewer than wanted is a success; none at all is not. */
START_TEST(memory_is_short)
{
    begin(_i);
    setenv("WINMEM_COMMIT_LIMIT", "1M", 1);
    ULONG_PTR frames[300], count = 300;
    ck_assert_int_eq(k32_AllocateUserPhysicalPages(SELF, &count, frames), TRUE);
    ck_assert_uint_eq(count, 256);
    sound();
    ULONG_PTR more = 1, number = 99;
    refused(k32_AllocateUserPhysicalPages(SELF, &more, &number), ERROR_NO_SYSTEM_RESOURCES);
    ck_assert_uint_eq(more, 1);
    ck_assert_uint_eq(number, 99);
    ck_assert_ptr_null(k32_VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE));
    count = 10;
    ck_assert_int_eq(k32_FreeUserPhysicalPages(SELF, &count, frames), TRUE);
    ck_assert_ptr_nonnull(k32_VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE));
    count = 300;
    ck_assert_int_eq(k32_AllocateUserPhysicalPages(SELF, &count, frames), TRUE);
    ck_assert_uint_eq(count, 9);
    sound();
}
END_TEST

START_TEST(arguments_of_allocation)
{
    begin(_i);
    ULONG_PTR frames[4] = {0}, count = 2;
    uint64_t parameters[4] = {2, 0, 2, 0}; /* a node, twice */
    MEM_EXTENDED_PARAMETER *list = (MEM_EXTENDED_PARAMETER *)parameters;
    refused(k32_AllocateUserPhysicalPages(SELF, (PULONG_PTR)8, frames), ERROR_NOACCESS);
    refused(k32_AllocateUserPhysicalPages(SELF, &count, (PULONG_PTR)8), ERROR_NOACCESS);
    refused(k32_AllocateUserPhysicalPagesNuma(SELF, &count, frames, 4711), ERROR_INVALID_PARAMETER);
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, list, 2), ERROR_INVALID_PARAMETER);
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, NULL, 1), ERROR_INVALID_PARAMETER);
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, (PVOID)8, 1), ERROR_NOACCESS);
    parameters[0] = 1;
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, list, 1), ERROR_INVALID_PARAMETER);
    parameters[0] = 0x102; /* a reserved bit */
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, list, 1), ERROR_INVALID_PARAMETER);
    parameters[0] = 2;
    parameters[1] = 4711;
    refused(k32_AllocateUserPhysicalPages2(SELF, &count, frames, list, 1), ERROR_INVALID_PARAMETER);
    parameters[1] = 0;
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(awe.owned, 0);
    ck_assert_int_eq(k32_AllocateUserPhysicalPages2(SELF, &count, frames, list, 1), TRUE);
    ck_assert_int_eq(k32_AllocateUserPhysicalPagesNuma(SELF, &count, frames + 2, 0), TRUE);
    ck_assert_uint_ne(frames[0], frames[2]);
    ck_assert_uint_ne(frames[3], 0);
    /* the array ends before the frames do: none is given, and none is named */
    uint8_t *end = k32_VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);
    PULONG_PTR last = (PULONG_PTR)(end + PAGE) - 2;
    last[0] = last[1] = 4711;
    count = 3;
    refused(k32_AllocateUserPhysicalPages(SELF, &count, last), ERROR_NOACCESS);
    ck_assert_uint_eq(count, 3);
    ck_assert(last[0] == 4711 && last[1] == 4711);
    /* and nobody begins with the pages of such a number */
    count = 1ull << 50;
    refused(k32_AllocateUserPhysicalPages(SELF, &count, last), ERROR_NOACCESS);
    count = 1ull << 61;
    refused(k32_AllocateUserPhysicalPages(SELF, &count, last), ERROR_NOACCESS);
    ck_assert_uint_eq(awe.owned, 4);
}
END_TEST

/* A child has no frames, its windows are empty, and both can be used anew. */
START_TEST(child_of_fork)
{
    begin(_i);
    ULONG_PTR frames[3];
    uint8_t *a = window(3);
    int code = -1;
    allocate(frames, 3);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 3, frames), TRUE);
    memset(a, 5, 3 * PAGE);
    pid_t child = fork();
    if (child == 0) {
        bool good = touch(a, false) == STATUS_ACCESS_VIOLATION && mm_space_is_valid() &&
                    awe_is_valid() && !k32_MapUserPhysicalPages(a, 1, frames);
        ULONG_PTR own[3], count = 3;
        good = good && k32_AllocateUserPhysicalPages(SELF, &count, own) && count == 3 &&
               k32_MapUserPhysicalPages(a, 3, own) && a[PAGE] == 0;
        memset(a, 6, 3 * PAGE);
        _exit(good && mm_space_is_valid() && awe_is_valid() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &code, 0), child);
    ck_assert_int_eq(code, 0);
    ck_assert_uint_eq(a[2 * PAGE], 5);
    /* and the parent's can still be moved */
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 3, NULL), TRUE);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a + PAGE, 1, frames + 2), TRUE);
    ck_assert_uint_eq(a[PAGE], 5);
    sound();
}
END_TEST

/* A system call that is told to write to an unmapped page fails, and nothing is raised. */
START_TEST(system_calls)
{
    begin(_i);
    ULONG_PTR frame;
    int pipes[2];
    uint8_t *a = window(1);
    allocate(&frame, 1);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 1, &frame), TRUE);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 1, NULL), TRUE);
    ck_assert_int_eq(write(pipes[1], a, 1), -1);
    ck_assert_int_eq(errno, EFAULT);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 1, &frame), TRUE);
    ck_assert_int_eq(write(pipes[1], a, 1), 1);
    ck_assert_int_eq(read(pipes[0], a, 1), 1);
}
END_TEST

/*
 * At the host's limit of mappings: pages that are moved need none; a call that runs out half-way
 * has changed nothing.
 */
START_TEST(mappings_run_out)
{
    begin(_i);
    enum { SCATTERED = 64, LEFT = 30 };
    PVOID places[SCATTERED];
    ULONG_PTR frames[SCATTERED];
    uint8_t *a = window(2 * SCATTERED);
    uint64_t size = 1ull << 30, at = 0;
    allocate(frames, SCATTERED);
    for (unsigned i = 0; i < SCATTERED; i++)
        places[i] = a + 2 * i * PAGE;
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, SCATTERED, frames), TRUE);
    for (unsigned i = 0; i < SCATTERED; i++)
        *(uint8_t *)places[i] = (uint8_t)(i + 1);
    ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places + 1, SCATTERED - 1, NULL), TRUE);
    char *many = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(many, MAP_FAILED);
    while (at < size && mprotect(many + at, PAGE, PROT_READ) == 0)
        at += 2 * PAGE;
    ck_assert_uint_lt(at, size); /* the limit was met */
    for (unsigned i = 0; i < LEFT; i++)
        mprotect(many + (at -= 2 * PAGE), PAGE, PROT_NONE);
    if (host_caps.move) {
        ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, SCATTERED, frames), TRUE);
    } else {
        refused(k32_MapUserPhysicalPagesScatter(places, SCATTERED, frames),
                ERROR_NO_SYSTEM_RESOURCES);
        ck_assert_uint_eq(*(uint8_t *)places[0], 1);
        for (unsigned i = 1; i < SCATTERED; i++)
            ck_assert_int_eq(touch(places[i], false), STATUS_ACCESS_VIOLATION);
        munmap(many, size);
        ck_assert_int_eq(k32_MapUserPhysicalPagesScatter(places, SCATTERED, frames), TRUE);
    }
    for (unsigned i = 0; i < SCATTERED; i++)
        ck_assert_uint_eq(*(uint8_t *)places[i], i + 1);
    sound();
}
END_TEST

/* A page that the host holds for input or output stays where it is, and the call fails as a whole. */
START_TEST(a_held_page)
{
    begin(0);
    ULONG_PTR frames[3];
    uint8_t *a = window(3);
    struct io_uring_params parameters = {0};
    allocate(frames, 3);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 3, frames), TRUE);
    memset(a, 9, 3 * PAGE);
    int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
    struct iovec held = {a + PAGE, PAGE};
    if (!host_caps.move || ring < 0 ||
        syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &held, 1) != 0)
        return; /* nothing to hold it with */
    refused(k32_MapUserPhysicalPages(a, 3, NULL), ERROR_NO_SYSTEM_RESOURCES);
    refused(k32_VirtualFree(a, 0, MEM_RELEASE), ERROR_NO_SYSTEM_RESOURCES);
    ULONG_PTR count = 3;
    refused(k32_FreeUserPhysicalPages(SELF, &count, frames), ERROR_NO_SYSTEM_RESOURCES);
    ck_assert_uint_eq(count, 0);
    for (unsigned i = 0; i < 3 * PAGE; i++)
        ck_assert_uint_eq(a[i], 9);
    syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0);
    close(ring);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 3, NULL), TRUE);
    ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
    sound();
}
END_TEST

static const struct host_ops *real;
static uint64_t stuck; /* a page that the host does not hide */

static int hide_but_one(uint64_t address, uint64_t first, uint64_t count)
{
    return address == stuck ? -EBUSY : real->window_hide(address, first, count);
}

static int show_nothing(uint64_t address, uint64_t first, uint64_t count)
{
    (void)address, (void)first, (void)count;
    return -ENOMEM;
}

/* A call that fails, and cannot be undone either: the books say what there is. */
START_TEST(what_cannot_be_shown_again_is_empty)
{
    begin(0);
    ULONG_PTR frames[3];
    uint8_t *a = window(64), *b = window(1);
    struct host_ops fake;
    if (!host_caps.move)
        return;
    allocate(frames, 3);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a + 10 * PAGE, 1, frames), TRUE);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a + 20 * PAGE, 1, frames + 1), TRUE);
    a[10 * PAGE] = 1;
    a[20 * PAGE] = 2;
    real = host;
    fake = *real;
    fake.window_hide = hide_but_one;
    fake.window_show = show_nothing;
    stuck = (uint64_t)a + 20 * PAGE;
    host = &fake;
    refused(k32_VirtualFree(a, 0, MEM_RELEASE), ERROR_NO_SYSTEM_RESOURCES);
    refused(k32_MapUserPhysicalPages(a + 20 * PAGE, 1, frames + 2), ERROR_NO_SYSTEM_RESOURCES);
    host = real;
    ck_assert_int_eq(touch(a + 10 * PAGE, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(a[20 * PAGE], 2);
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 1, frames), TRUE);
    ck_assert_uint_eq(*b, 1);
    host = &fake; /* one is hidden, the next is not, the first does not come back */
    stuck = (uint64_t)b;
    PVOID places[] = {a + 20 * PAGE, b};
    refused(k32_MapUserPhysicalPagesScatter(places, 2, NULL), ERROR_NO_SYSTEM_RESOURCES);
    host = real;
    ck_assert_int_eq(touch(a + 20 * PAGE, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(*b, 1);
    ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
    ck_assert_int_eq(k32_MapUserPhysicalPages(b, 1, frames + 1), TRUE);
    ck_assert_uint_eq(*b, 2);
    sound();
}
END_TEST

/* Frames come and go at both ends, and in the middle: none is forgotten. */
START_TEST(the_ends_of_a_window)
{
    begin(_i);
    enum { PAGES = 1u << 20 };
    static const uint32_t places[] = {PAGES - 1, 0, PAGES / 2, 7, PAGES - 2};
    ULONG_PTR frames[2];
    uint8_t *a = window(PAGES);
    allocate(frames, 2);
    for (unsigned i = 0; i < 5; i++) {
        uint8_t *at = a + (uint64_t)places[i] * PAGE;
        ck_assert_int_eq(k32_MapUserPhysicalPages(at, 1, frames), TRUE);
        *at = (uint8_t)(i + 1);
        ck_assert_int_eq(k32_MapUserPhysicalPages(a + 100 * PAGE, 1, frames + 1), TRUE);
        sound();
        if (i == 2) {
            ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
            a = window(PAGES);
            continue;
        }
        ck_assert_int_eq(k32_MapUserPhysicalPages(at, 1, NULL), TRUE);
        ck_assert_int_eq(k32_MapUserPhysicalPages(a + 100 * PAGE, 1, NULL), TRUE);
        sound();
    }
    ck_assert_int_eq(k32_VirtualFree(a, 0, MEM_RELEASE), TRUE);
    ULONG_PTR count = 2;
    ck_assert_int_eq(k32_FreeUserPhysicalPages(SELF, &count, frames), TRUE);
    sound();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("awe");
    TCase *all = tcase_create("awe");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, privilege_first);
    tcase_add_loop_test(all, contents_follow_the_frame, 0, 2);
    tcase_add_loop_test(all, all_or_nothing, 0, 2);
    tcase_add_loop_test(all, wrong_places, 0, 2);
    tcase_add_loop_test(all, scattered, 0, 2);
    tcase_add_loop_test(all, freeing, 0, 2);
    tcase_add_loop_test(all, a_window_is_only_a_window, 0, 2);
    tcase_add_loop_test(all, window_where_memory_was, 0, 2);
    tcase_add_loop_test(all, memory_is_short, 0, 2);
    tcase_add_loop_test(all, arguments_of_allocation, 0, 2);
    tcase_add_loop_test(all, child_of_fork, 0, 2);
    tcase_add_loop_test(all, system_calls, 0, 2);
    tcase_add_loop_test(all, mappings_run_out, 0, 2);
    tcase_add_test(all, a_held_page);
    tcase_add_test(all, what_cannot_be_shown_again_is_empty);
    tcase_add_loop_test(all, the_ends_of_a_window, 0, 2);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
