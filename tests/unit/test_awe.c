/* Address windowing extensions, both ways: what the calls do, and what they refuse. */
#include "tests/unit/awe_kit.h"

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
    take_frames(frames, 4);
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 4, frames), TRUE);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < PAGE; j++)
            ck_assert_uint_eq(a[i * PAGE + j], 0);
        memset(a + i * PAGE, (int)i + 1, PAGE);
    }
    sound();
    ck_assert_int_eq(k32_MapUserPhysicalPages(a, 4, NULL), TRUE);
    ck_assert_int_eq(touch(a, false), STATUS_ACCESS_VIOLATION);
    ck_assert_uint_eq(kit_raised.address, (uint64_t)a);
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
    take_frames(frames, 4);
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
    take_frames(frames, 4);
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
    take_frames(frames, 4);
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
    take_frames(frames, 6);
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
    take_frames(again, 5);
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
    take_frames(frames, 2);
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
    take_frames(&frame, 1);
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

/* Frames come and go at both ends, and in the middle: none is forgotten. */
START_TEST(the_ends_of_a_window)
{
    begin(_i);
    enum { PAGES = 1u << 20 };
    static const uint32_t places[] = {PAGES - 1, 0, PAGES / 2, 7, PAGES - 2};
    ULONG_PTR frames[2];
    uint8_t *a = window(PAGES);
    take_frames(frames, 2);
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
    TCase *tests = tcase_create("awe");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, privilege_first);
    tcase_add_loop_test(tests, contents_follow_the_frame, 0, 2);
    tcase_add_loop_test(tests, all_or_nothing, 0, 2);
    tcase_add_loop_test(tests, wrong_places, 0, 2);
    tcase_add_loop_test(tests, scattered, 0, 2);
    tcase_add_loop_test(tests, freeing, 0, 2);
    tcase_add_loop_test(tests, a_window_is_only_a_window, 0, 2);
    tcase_add_loop_test(tests, window_where_memory_was, 0, 2);
    tcase_add_loop_test(tests, memory_is_short, 0, 2);
    tcase_add_loop_test(tests, arguments_of_allocation, 0, 2);
    tcase_add_loop_test(tests, the_ends_of_a_window, 0, 2);
    return suite_run("awe", tests);
}
