/*
 * Placeholders: made, cut at any page, joined, replaced, and private memory given back to them.
 * Sources: sdk-api memoryapi/VirtualAlloc2, memoryapi/VirtualFree.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include <winmem/winternl.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"
#include "memoryapi/placeholder.h"
#include "memoryapi/space.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P        4096u
#define G        65536u
#define RC       (MEM_RESERVE | MEM_COMMIT)
#define THIS     ((HANDLE)-1)
#define REPLACE  MEM_REPLACE_PLACEHOLDER
#define PRESERVE (MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
#define COALESCE (MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)

#define EXPECT_REGION(address, base, state, size)                                                  \
    do {                                                                                           \
        MEMORY_BASIC_INFORMATION info_ = query(address);                                           \
        ck_assert_ptr_eq(info_.AllocationBase, (void *)(base));                                    \
        ck_assert_uint_eq(info_.State, state);                                                     \
        ck_assert_uint_eq(info_.RegionSize, size);                                                 \
    } while (0)

#define SUCCEEDS(call)                                                                             \
    do {                                                                                           \
        last_error_set(0);                                                                         \
        ck_assert_msg(call, "%s: error %u", #call, last_error_get());                              \
        ck_assert(mm_space_is_valid());                                                            \
    } while (0)

static char *placeholder(uint64_t size)
{
    char *memory = VirtualAlloc2(NULL, NULL, size, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                                 PAGE_NOACCESS, NULL, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert(mm_space_is_valid());
    return memory;
}

static char *replace(char *at, uint64_t size, DWORD type)
{
    return VirtualAlloc2(NULL, at, size, MEM_RESERVE | REPLACE | type, PAGE_READWRITE, NULL, 0);
}

static bool is_zero(const char *at, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        if (at[i])
            return false;
    return true;
}

START_TEST(a_placeholder_looks_reserved)
{
    char *memory = placeholder(8 * P);
    EXPECT_REGION(memory, memory, MEM_RESERVE, 8 * P);
    ck_assert_uint_eq(query(memory).AllocationProtect, PAGE_NOACCESS);
    ck_assert_uint_eq(query(memory).Type, MEM_PRIVATE);
    ck_assert(touch(memory, true));
    /* nothing is to be had of it before it is replaced */
    EXPECT_FAILS(VirtualAlloc(memory, P, MEM_COMMIT, PAGE_READWRITE), 487);
    EXPECT_FAILS(VirtualAlloc2(NULL, memory, P, MEM_COMMIT, PAGE_READWRITE, NULL, 0), 487);
    EXPECT_FAILS(VirtualAlloc(memory, 8 * P, RC, PAGE_READWRITE), 487);
    DWORD old;
    EXPECT_FAILS(VirtualProtect(memory, P, PAGE_READWRITE, &old), 487);
    EXPECT_FAILS(VirtualFree(memory, P, MEM_RELEASE), 87);
    EXPECT_FAILS(VirtualFree(memory + P, 0, MEM_RELEASE), 487);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_uint_eq(query(memory).State, MEM_FREE);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_RELEASE), 487);
}
END_TEST

START_TEST(types_that_do_not_go_together)
{
    static const struct {
        DWORD type, protect;
    } wrong[] = {
        {MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_READWRITE},
        {MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, 0},
        {MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS},
        {RC | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS},
        {MEM_RESERVE | MEM_RESERVE_PLACEHOLDER | REPLACE, PAGE_NOACCESS},
        {MEM_RESERVE | MEM_RESERVE_PLACEHOLDER | MEM_WRITE_WATCH, PAGE_NOACCESS},
        {MEM_RESERVE | MEM_RESERVE_PLACEHOLDER | MEM_PHYSICAL, PAGE_NOACCESS},
        {MEM_RESERVE | REPLACE | MEM_PHYSICAL, PAGE_READWRITE},
        {RC | REPLACE | MEM_LARGE_PAGES, PAGE_READWRITE},
        {MEM_COMMIT | REPLACE, PAGE_READWRITE},
        {REPLACE, PAGE_READWRITE},
        {RC | REPLACE | MEM_TOP_DOWN, PAGE_READWRITE},
        {RC | REPLACE, PAGE_WRITECOPY},
    };
    char *memory = placeholder(4 * G);
    for (unsigned i = 0; i < array_length(wrong); i++) {
        bool made = !(wrong[i].type & REPLACE);
        EXPECT_FAILS(VirtualAlloc2(NULL, made ? NULL : memory, 4 * G, wrong[i].type,
                                   wrong[i].protect, NULL, 0),
                     87);
    }
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, 4 * G, RC | REPLACE, PAGE_READWRITE, NULL, 0), 87);
    /* the older functions know nothing of placeholders */
    EXPECT_FAILS(VirtualAlloc(NULL, G, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS), 87);
    EXPECT_FAILS(VirtualAlloc(memory, 4 * G, RC | REPLACE, PAGE_READWRITE), 87);
    static const DWORD frees[] = {MEM_PRESERVE_PLACEHOLDER,
                                  MEM_COALESCE_PLACEHOLDERS,
                                  MEM_DECOMMIT | MEM_PRESERVE_PLACEHOLDER,
                                  MEM_DECOMMIT | MEM_COALESCE_PLACEHOLDERS,
                                  PRESERVE | COALESCE,
                                  PRESERVE | MEM_DECOMMIT};
    for (unsigned i = 0; i < array_length(frees); i++)
        EXPECT_FAILS(VirtualFree(memory, G, frees[i]), 87);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

START_TEST(cut_at_any_page)
{
    char *memory = placeholder(32 * P);
    SUCCEEDS(VirtualFree(memory + 3 * P, 2 * P, PRESERVE));
    EXPECT_REGION(memory, memory, MEM_RESERVE, 3 * P);
    EXPECT_REGION(memory + 3 * P, memory + 3 * P, MEM_RESERVE, 2 * P);
    EXPECT_REGION(memory + 5 * P, memory + 5 * P, MEM_RESERVE, 27 * P);
    SUCCEEDS(VirtualFree(memory, P, PRESERVE));          /* at the start */
    SUCCEEDS(VirtualFree(memory + 31 * P, P, PRESERVE)); /* at the end */
    SUCCEEDS(VirtualFree(memory + 31 * P, P, PRESERVE)); /* it is one already */
    EXPECT_REGION(memory + P, memory + P, MEM_RESERVE, 2 * P);
    EXPECT_REGION(memory + 5 * P, memory + 5 * P, MEM_RESERVE, 26 * P);
    EXPECT_FAILS(VirtualFree(memory + P, 3 * P, PRESERVE), 487); /* in two of them */
    EXPECT_FAILS(VirtualFree(memory + 31 * P, 2 * P, PRESERVE), 487);
    EXPECT_FAILS(VirtualFree(memory, 0, PRESERVE), 87);
    EXPECT_FAILS(VirtualFree(memory, 1, PRESERVE), 87);
    EXPECT_FAILS(VirtualFree(memory + 1, P, PRESERVE), 87);
    EXPECT_FAILS(VirtualFree(memory + 64 * P, P, PRESERVE), 487); /* free */
    /* what is freed in the middle of a granule cannot be reserved, and the rest stays */
    SUCCEEDS(VirtualFree(memory + 3 * P, 0, MEM_RELEASE));
    ck_assert_uint_eq(query(memory + 3 * P).State, MEM_FREE);
    ck_assert_uint_eq(query(memory + 3 * P).RegionSize, 2 * P);
    EXPECT_FAILS(VirtualAlloc(memory + 3 * P, P, MEM_RESERVE, PAGE_NOACCESS), 487);
    static const unsigned rest[] = {0, 1, 5, 31};
    for (unsigned i = 0; i < array_length(rest); i++)
        SUCCEEDS(VirtualFree(memory + rest[i] * P, 0, MEM_RELEASE));
    ck_assert_ptr_eq(VirtualAlloc(memory, 32 * P, RC, PAGE_READWRITE), memory);
    ck_assert(is_zero(memory, 32 * P));
    memset(memory, 1, 32 * P);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

START_TEST(joined_again)
{
    char *memory = placeholder(40 * P), *other;
    for (unsigned page = 1; page < 40; page += 3)
        SUCCEEDS(VirtualFree(memory + page * P, P, PRESERVE));
    EXPECT_FAILS(VirtualFree(memory, 6 * P, COALESCE), 487);         /* ends in one */
    EXPECT_FAILS(VirtualFree(memory + 3 * P, 2 * P, COALESCE), 487); /* begins in one */
    EXPECT_FAILS(VirtualFree(memory, 41 * P, COALESCE), 487);
    EXPECT_FAILS(VirtualFree(memory, 0, COALESCE), 87);
    EXPECT_FAILS(VirtualFree(memory + 1, 2 * P, COALESCE), 87);
    SUCCEEDS(VirtualFree(memory, 2 * P, COALESCE));
    EXPECT_REGION(memory, memory, MEM_RESERVE, 2 * P);
    SUCCEEDS(replace(memory + 7 * P, P, 0)); /* in the way */
    EXPECT_FAILS(VirtualFree(memory, 40 * P, COALESCE), 487);
    SUCCEEDS(VirtualFree(memory + 7 * P, P, PRESERVE));
    SUCCEEDS(VirtualFree(memory, 40 * P, COALESCE));
    EXPECT_REGION(memory, memory, MEM_RESERVE, 40 * P);
    other = replace(memory, 40 * P, MEM_COMMIT);
    ck_assert_ptr_eq(other, memory);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    EXPECT_FAILS(VirtualFree(memory, 2 * P, COALESCE), 487);
}
END_TEST

START_TEST(replaced_piece_by_piece)
{
    char *memory = placeholder(8 * P);
    SUCCEEDS(VirtualFree(memory + 2 * P, 6 * P, PRESERVE));
    EXPECT_FAILS(replace(memory, P, MEM_COMMIT), 487);
    EXPECT_FAILS(replace(memory, 8 * P, MEM_COMMIT), 487);
    EXPECT_FAILS(replace(memory + P, P, MEM_COMMIT), 487);
    ck_assert_ptr_eq(replace(memory + 2 * P, 6 * P, MEM_COMMIT), memory + 2 * P);
    EXPECT_REGION(memory + 2 * P, memory + 2 * P, MEM_COMMIT, 6 * P);
    ck_assert_uint_eq(query(memory + 2 * P).AllocationProtect, PAGE_READWRITE);
    ck_assert(is_zero(memory + 2 * P, 6 * P));
    memset(memory + 2 * P, 3, 6 * P);
    ck_assert(touch(memory + P, true));
    EXPECT_FAILS(replace(memory + 2 * P, 6 * P, MEM_COMMIT), 487); /* no placeholder any more */
    /* one that is only reserved, in the same granule, committed page by page */
    ck_assert_ptr_eq(replace(memory, 2 * P, 0), memory);
    ck_assert(touch(memory, true));
    ck_assert_ptr_eq(VirtualAlloc(memory + P, P, MEM_COMMIT, PAGE_READWRITE), memory + P);
    ck_assert(touch(memory, true));
    ck_assert_int_eq(memory[P], 0);
    memory[P] = 5;
    EXPECT_FAILS(VirtualAlloc(memory + P, 2 * P, MEM_COMMIT, PAGE_READWRITE), 487);
    SUCCEEDS(VirtualFree(memory + P, P, MEM_DECOMMIT));
    ck_assert(touch(memory + P, true));
    ck_assert_int_eq(memory[2 * P], 3);
    ck_assert_ptr_eq(VirtualAlloc(memory, 2 * P, MEM_COMMIT, PAGE_READONLY), memory);
    ck_assert_int_eq(memory[P], 0);
    ck_assert(touch(memory + P, true));
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_int_eq(memory[3 * P], 3);
    SUCCEEDS(VirtualFree(memory + 2 * P, 0, MEM_RELEASE));
    ck_assert_ptr_eq(VirtualAlloc(memory, G, RC, PAGE_READWRITE), memory);
    ck_assert(is_zero(memory, G));
    memset(memory, 1, G);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

/* In granules that a released allocation left open. */
START_TEST(made_where_memory_was)
{
    char *memory = VirtualAlloc(NULL, 5 * G, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 9, 5 * G);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_ptr_eq(VirtualAlloc2(NULL, memory, 5 * G, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                                   PAGE_NOACCESS, NULL, 0),
                     memory);
    SUCCEEDS(VirtualFree(memory + G, 2 * G, PRESERVE));
    for (unsigned round = 0; round < 3; round++) {
        SUCCEEDS(replace(memory + G, 2 * G, round % 2 ? MEM_COMMIT : 0) == memory + G);
        SUCCEEDS(VirtualAlloc(memory + G + 5 * P, 7 * P, MEM_COMMIT, PAGE_READWRITE));
        ck_assert(is_zero(memory + G + 5 * P, 7 * P));
        memset(memory + G + 5 * P, 4, 7 * P);
        ck_assert(round % 2 || touch(memory + G, true));
        SUCCEEDS(VirtualFree(memory + G, 2 * G, PRESERVE));
        ck_assert(touch(memory + G + 5 * P, true));
        EXPECT_REGION(memory + G + 5 * P, memory + G, MEM_RESERVE, 2 * G - 5 * P);
    }
    SUCCEEDS(VirtualFree(memory, 5 * G, COALESCE));
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

/* From any start and to any end of an allocation of a granule and a half. */
START_TEST(a_part_becomes_a_placeholder)
{
    unsigned first = (unsigned)_i % 5 * 6, count = 24;
    for (unsigned end = first + 1; end <= count; end += 5) {
        char *memory = VirtualAlloc(NULL, count * P, MEM_RESERVE, PAGE_READWRITE);
        ck_assert_ptr_nonnull(memory);
        /* every page but each third */
        for (unsigned page = 0; page < count; page++)
            if (page % 3) {
                ck_assert_ptr_nonnull(
                    VirtualAlloc(memory + page * P, P, MEM_COMMIT, PAGE_READWRITE));
                memory[page * P] = (char)(page + 1);
            }
        SUCCEEDS(VirtualFree(memory + first * P, (end - first) * P, PRESERVE));
        ck_assert_ptr_eq(query(memory + first * P).AllocationBase, memory + first * P);
        ck_assert_uint_eq(query(memory + first * P).AllocationProtect, PAGE_NOACCESS);
        for (unsigned page = 0; page < count; page++) {
            bool part = page >= first && page < end;
            char *owner = memory + (part ? first : page >= end ? end : 0) * P;
            ck_assert_ptr_eq(query(memory + page * P).AllocationBase, owner);
            ck_assert_uint_eq(query(memory + page * P).State,
                              part || page % 3 == 0 ? MEM_RESERVE : MEM_COMMIT);
            if (!part && page % 3)
                ck_assert_int_eq(memory[page * P], page + 1);
            else
                ck_assert(touch(memory + page * P, true));
        }
        SUCCEEDS(replace(memory + first * P, (end - first) * P, MEM_COMMIT));
        ck_assert(is_zero(memory + first * P, (end - first) * P));
        if (first) /* what is left goes on as an allocation: also where it was not committed */
            SUCCEEDS(VirtualAlloc(memory, first * P, MEM_COMMIT, PAGE_READWRITE));
        if (first)
            memory[0] = 1;
        if (end < count) {
            SUCCEEDS(VirtualAlloc(memory + end * P, P, MEM_COMMIT, PAGE_READWRITE));
            memory[end * P] = 1;
            SUCCEEDS(VirtualFree(memory + end * P, 0, MEM_RELEASE));
        }
        SUCCEEDS(VirtualFree(memory + first * P, 0, MEM_RELEASE));
        if (first)
            SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
        /* no marker is left behind */
        ck_assert_ptr_eq(VirtualAlloc(memory, 2 * G, RC, PAGE_READWRITE), memory);
        ck_assert(is_zero(memory, 2 * G));
        memset(memory, 1, 2 * G);
        SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    }
}
END_TEST

START_TEST(offered_and_protected_pages_go_too)
{
    setenv("WINMEM_AVAILABLE", "1024G", 1); /* low offers are the kernel's at once */
    char *memory = VirtualAlloc(NULL, 16 * P, RC, PAGE_READWRITE);
    DWORD old;
    memset(memory, 6, 16 * P);
    ck_assert_uint_eq(OfferVirtualMemory(memory + 2 * P, 8 * P, VmOfferPriorityLow), 0);
    SUCCEEDS(VirtualProtect(memory + 12 * P, 4 * P, PAGE_READONLY, &old));
    SUCCEEDS(VirtualFree(memory + 4 * P, 9 * P, PRESERVE));
    /* the rest of the offer is as it was */
    ck_assert_uint_eq(ReclaimVirtualMemory(memory + 2 * P, 2 * P), 0);
    ck_assert_int_eq(memory[3 * P], 6);
    ck_assert_uint_eq(query(memory + 13 * P).Protect, PAGE_READONLY);
    ck_assert_int_eq(memory[15 * P], 6);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    SUCCEEDS(VirtualFree(memory + 4 * P, 0, MEM_RELEASE));
    SUCCEEDS(VirtualFree(memory + 13 * P, 0, MEM_RELEASE));
}
END_TEST

/* Nothing stays behind of a decommit where nothing was committed. */
START_TEST(decommit_before_commit)
{
    char *memory = placeholder(3 * P);
    SUCCEEDS(VirtualFree(memory, P, MEM_DECOMMIT)); /* there is nothing to do */
    SUCCEEDS(replace(memory, 3 * P, 0));
    SUCCEEDS(VirtualFree(memory, 0, MEM_DECOMMIT));
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert_ptr_eq(VirtualAlloc(memory, G, RC, PAGE_READWRITE), memory);
    memset(memory, 1, G);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

START_TEST(free_space_beside_pieces)
{
    char *memory = placeholder(4 * G), *found;
    SUCCEEDS(VirtualFree(memory + 4 * P, 4 * G - 8 * P, PRESERVE));
    SUCCEEDS(VirtualFree(memory + 4 * P, 0, MEM_RELEASE));
    /* the granules in between are free, those with pieces are not */
    EXPECT_FAILS(VirtualAlloc(memory + G, 3 * G, MEM_RESERVE, PAGE_NOACCESS), 487);
    ck_assert_ptr_eq(VirtualAlloc(memory + G, 2 * G, RC, PAGE_READWRITE), memory + G);
    memory[G] = memory[3 * G - 1] = 1;
    SUCCEEDS(VirtualFree(memory + G, 0, MEM_RELEASE));
    MEM_ADDRESS_REQUIREMENTS within = {memory, memory + 4 * G - 1, 0};
    MEM_EXTENDED_PARAMETER one = {.Type = MemExtendedParameterAddressRequirements,
                                  .Pointer = &within};
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, 2 * G + P, MEM_RESERVE, PAGE_NOACCESS, &one, 1), 8);
    found = VirtualAlloc2(NULL, NULL, 2 * G, MEM_RESERVE, PAGE_NOACCESS, &one, 1);
    ck_assert_ptr_eq(found, memory + G);
    SUCCEEDS(VirtualFree(found, 0, MEM_RELEASE));
    found = VirtualAlloc2(NULL, NULL, G, MEM_RESERVE | MEM_TOP_DOWN, PAGE_NOACCESS, &one, 1);
    ck_assert_ptr_eq(found, memory + 2 * G);
    SUCCEEDS(VirtualFree(found, 0, MEM_RELEASE));
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
    SUCCEEDS(VirtualFree(memory + 4 * G - 4 * P, 0, MEM_RELEASE));
}
END_TEST

START_TEST(the_native_call_releases_a_part)
{
    char *memory = VirtualAlloc(NULL, 3 * G, RC, PAGE_READWRITE);
    PVOID base = memory + 5 * P;
    SIZE_T size = 20 * P;
    memset(memory, 8, 3 * G);
    ck_assert_int_eq(NtFreeVirtualMemory(THIS, &base, &size, MEM_RELEASE), 0);
    ck_assert(mm_space_is_valid());
    EXPECT_REGION(memory, memory, MEM_COMMIT, 5 * P);
    ck_assert_uint_eq(query(base).State, MEM_FREE);
    ck_assert_uint_eq(query(base).RegionSize, 20 * P);
    EXPECT_REGION(memory + 25 * P, memory + 25 * P, MEM_COMMIT, 3 * G - 25 * P);
    ck_assert_int_eq(memory[5 * P - 1], 8);
    ck_assert_int_eq(memory[25 * P], 8);
    base = memory;
    size = P;
    ck_assert_int_eq(NtFreeVirtualMemory(THIS, &base, &size, MEM_RELEASE), 0);
    SUCCEEDS(VirtualFree(memory + P, 0, MEM_RELEASE));
    SUCCEEDS(VirtualFree(memory + 25 * P, 0, MEM_RELEASE));
    /* a placeholder is released as a whole */
    memory = placeholder(G);
    base = memory;
    ck_assert_int_ne(NtFreeVirtualMemory(THIS, &base, &size, MEM_RELEASE), 0);
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

/* The door for views: taken, then given up or become something. */
START_TEST(taken_by_the_engine)
{
    char *memory = placeholder(6 * P);
    struct region *region;
    struct run_state state = {0};
    ck_assert_int_ne(placeholder_claim((uint64_t)memory, 5 * P, 0, &region), 0);
    ck_assert_int_eq(placeholder_claim((uint64_t)memory, 6 * P, 0, &region), 0);
    placeholder_give_up(region);
    ck_assert_int_eq(placeholder_claim((uint64_t)memory, 6 * P, 0, &region), 0);
    placeholder_become(region, MM_MAPPED, PAGE_READONLY, &state);
    ck_assert_uint_eq(query(memory).Type, MEM_MAPPED);
    EXPECT_FAILS(VirtualFree(memory, 6 * P, PRESERVE), 87); /* of views it is not for VirtualFree */
    ck_assert_ptr_nonnull(region = space_claim((uint64_t)memory));
    ck_assert_int_eq(placeholder_return(region), 0);
    ck_assert_uint_eq(query(memory).Type, MEM_PRIVATE);
    SUCCEEDS(replace(memory, 6 * P, MEM_COMMIT));
    SUCCEEDS(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("placeholder");
    tcase_add_test(tests, a_placeholder_looks_reserved);
    tcase_add_test(tests, types_that_do_not_go_together);
    tcase_add_test(tests, cut_at_any_page);
    tcase_add_test(tests, joined_again);
    tcase_add_test(tests, replaced_piece_by_piece);
    tcase_add_test(tests, made_where_memory_was);
    tcase_add_loop_test(tests, a_part_becomes_a_placeholder, 0, 4);
    tcase_add_test(tests, offered_and_protected_pages_go_too);
    tcase_add_test(tests, decommit_before_commit);
    tcase_add_test(tests, free_space_beside_pieces);
    tcase_add_test(tests, the_native_call_releases_a_part);
    tcase_add_test(tests, taken_by_the_engine);
    return suite_run("placeholder", tests);
}
