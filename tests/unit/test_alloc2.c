/*
 * VirtualAlloc2 and what goes with it: whole pages only, extended parameters, limits, alignment,
 * nodes, and the functions for packaged applications. Sources: sdk-api memoryapi/VirtualAlloc2,
 * winnt/MEM_EXTENDED_PARAMETER, winnt/MEM_ADDRESS_REQUIREMENTS.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include <winmem/winternl.h>
#include "memoryapi/extended.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P       4096u
#define G       65536u
#define RC      (MEM_RESERVE | MEM_COMMIT)
#define HIGHEST 0x7FFFFFFEFFFFull /* lpMaximumApplicationAddress */
#define THIS    ((HANDLE)-1)

/* The books are there from the first call on that is well-formed. */
static void set_up(void)
{
    release(VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS));
}

static MEM_EXTENDED_PARAMETER parameter(unsigned type, uint64_t value)
{
    MEM_EXTENDED_PARAMETER result = {.Type = type & 0xFF, .ULong64 = value};
    return result;
}

/* Reserves with one extended parameter. */
static char *reserve_with(MEM_EXTENDED_PARAMETER one, uint64_t size)
{
    return VirtualAlloc2(NULL, NULL, size, MEM_RESERVE, PAGE_NOACCESS, &one, 1);
}

static char *reserve_within(uint64_t lowest, uint64_t highest, uint64_t alignment, uint64_t size)
{
    MEM_ADDRESS_REQUIREMENTS wanted = {(PVOID)lowest, (PVOID)highest, alignment};
    return reserve_with(parameter(MemExtendedParameterAddressRequirements, (uint64_t)&wanted),
                        size);
}

/* An address that is free for `size` bytes. */
static char *free_place(uint64_t size)
{
    char *place = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert_ptr_nonnull(place);
    release(place);
    return place;
}

START_TEST(no_process_means_this_one)
{
    char *memory = VirtualAlloc2(NULL, NULL, 2 * P, RC, PAGE_READWRITE, NULL, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq(query(memory).RegionSize, 2 * P);
    memory[2 * P - 1] = 1;
    release(memory);
    memory = VirtualAlloc2(THIS, NULL, P, RC, PAGE_READWRITE, NULL, 0);
    ck_assert_ptr_nonnull(memory);
    release(memory);
    EXPECT_FAILS(VirtualAlloc2((HANDLE)0x7654, NULL, P, RC, PAGE_READWRITE, NULL, 0), 6);
}
END_TEST

START_TEST(only_whole_pages_and_granules)
{
    char *place = free_place(4 * G);
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, P + 1, RC, PAGE_READWRITE, NULL, 0), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, 0, RC, PAGE_READWRITE, NULL, 0), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, place + P, P, MEM_RESERVE, PAGE_READWRITE, NULL, 0), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, place + 1, P, MEM_RESERVE, PAGE_READWRITE, NULL, 0), 87);
    ck_assert_ptr_eq(VirtualAlloc2(NULL, place, 3 * P, MEM_RESERVE, PAGE_READWRITE, NULL, 0),
                     place);
    ck_assert_uint_eq(query(place).RegionSize, 3 * P);
    EXPECT_FAILS(VirtualAlloc2(NULL, place, P, MEM_RESERVE, PAGE_READWRITE, NULL, 0), 487);
    /* a page is enough to commit in it, and nothing less */
    EXPECT_FAILS(VirtualAlloc2(NULL, place + P + 1, P, MEM_COMMIT, PAGE_READWRITE, NULL, 0), 87);
    ck_assert_ptr_eq(VirtualAlloc2(NULL, place + P, P, MEM_COMMIT, PAGE_READWRITE, NULL, 0),
                     place + P);
    ck_assert_uint_eq(query(place).State, MEM_RESERVE);
    ck_assert_uint_eq(query(place + P).State, MEM_COMMIT);
    EXPECT_FAILS(VirtualAlloc2(NULL, place + P, 8 * P, MEM_COMMIT, PAGE_READWRITE, NULL, 0), 487);
    release(place);
}
END_TEST

START_TEST(alignment_and_limits_are_kept)
{
    static const uint64_t alignments[] = {G, 2 << 20, 1ull << 30, 1ull << 36};
    for (unsigned i = 0; i < 4; i++) {
        char *memory = reserve_within(0, 0, alignments[i], 5 * P);
        ck_assert_ptr_nonnull(memory);
        ck_assert_uint_eq((uint64_t)memory % alignments[i], 0);
        release(memory);
    }
    char *low = reserve_within(0, 0x7FFFFFFF, 0, 10 * G);
    ck_assert_ptr_nonnull(low);
    ck_assert_uint_le((uint64_t)low + 10 * G - 1, 0x7FFFFFFF);
    char *high = reserve_within(0x600000000000, 0, 0, G);
    ck_assert_uint_ge((uint64_t)high, 0x600000000000);
    /* exactly one place is left to choose; the highest address is inclusive */
    uint64_t exact = (uint64_t)low;
    release(low);
    ck_assert_ptr_eq(reserve_within(exact, exact + G - 1, 0, G), low);
    EXPECT_FAILS(reserve_within(exact, exact + G - 1, 0, G), 8); /* taken now */
    EXPECT_FAILS(reserve_within(exact + G, exact + 2 * G - 1, 0, G + P), 8);
    release(low);
    release(high);
}
END_TEST

START_TEST(requirements_that_are_malformed)
{
    static const uint64_t wrong[][3] = {
        {P, 0, 0},           /* lowest: a granule */
        {HIGHEST + 1, 0, 0}, /* beyond the last */
        {0, 0x80000000, 0},  /* the byte after it begins no granule */
        {0, 0x7FFFF000 - 1, 0},
        {0, HIGHEST + G, 0},         /* beyond the last */
        {0x40000000, 0x3FFFFFFF, 0}, /* in the wrong order */
        {0, 0, 3 * G},               /* no power of two */
        {0, 0, G / 2},               /* less than a granule */
        {0, 0, 1},
        {0x40000000, 0x7FFFFFFF, 24},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT_FAILS(reserve_within(wrong[i][0], wrong[i][1], wrong[i][2], G), 87);
    EXPECT_FAILS(reserve_within(0, 0, 1ull << 63, G), 8); /* well-formed, and nowhere */
    char *all = reserve_within(0x10000, HIGHEST, 0, G);
    ck_assert_ptr_nonnull(all);
    release(all);
}
END_TEST

START_TEST(requirements_with_a_base)
{
    char *place = free_place(G);
    MEM_ADDRESS_REQUIREMENTS wanted = {0};
    MEM_EXTENDED_PARAMETER one =
        parameter(MemExtendedParameterAddressRequirements, (uint64_t)&wanted);
    ck_assert_ptr_eq(VirtualAlloc2(NULL, place, G, MEM_RESERVE, PAGE_NOACCESS, &one, 1), place);
    release(place);
    wanted.Alignment = G;
    EXPECT_FAILS(VirtualAlloc2(NULL, place, G, MEM_RESERVE, PAGE_NOACCESS, &one, 1), 87);
    one.Pointer = (PVOID)8;
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, &one, 1), 998);
}
END_TEST

START_TEST(parameters_that_are_malformed)
{
    MEM_EXTENDED_PARAMETER two[2] = {parameter(MemExtendedParameterNumaNode, 0),
                                     parameter(MemExtendedParameterNumaNode, 0)};
    EXPECT_FAILS(reserve_with(parameter(0, 0), G), 87);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterMax, 0), G), 87);
    EXPECT_FAILS(reserve_with(parameter(255, 0), G), 87);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterImageMachine, 0x8664), G), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, two, 2), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, NULL, 1), 87);
    EXPECT_FAILS(
        VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, (MEM_EXTENDED_PARAMETER *)16, 1),
        998);
    two[0].Reserved = 1;
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, two, 1), 87);
    two[0].Reserved = 0;
    two[1] =
        parameter(MemExtendedParameterAttributeFlags, MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL);
    char *memory = VirtualAlloc2(NULL, NULL, G, MEM_RESERVE, PAGE_NOACCESS, two, 2);
    ck_assert_ptr_nonnull(memory);
    release(memory);
}
END_TEST

START_TEST(attributes_and_handles)
{
    static const struct {
        uint64_t flags;
        DWORD error;
    } refused[] = {{MEM_EXTENDED_PARAMETER_GRAPHICS, 50},
                   {MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES, 50},
                   {MEM_EXTENDED_PARAMETER_EC_CODE, 50},
                   {MEM_EXTENDED_PARAMETER_IMAGE_NO_HPAT, 87},
                   {MEM_EXTENDED_PARAMETER_NONPAGED_LARGE, 87},
                   {MEM_EXTENDED_PARAMETER_NONPAGED_HUGE, 87},
                   {MEM_EXTENDED_PARAMETER_NONPAGED, 1314},
                   {1ull << 32, 87},
                   {0x200, 87}};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
        EXPECT_FAILS(
            reserve_with(parameter(MemExtendedParameterAttributeFlags, refused[i].flags), G),
            refused[i].error);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterPartitionHandle, 0x7654), G), 6);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterUserPhysicalHandle, 0x7654), G), 87);
    char *memory = reserve_with(parameter(MemExtendedParameterPartitionHandle, ~0ull), G);
    ck_assert_ptr_nonnull(memory);
    release(memory);
}
END_TEST

/* What /proc/self/numa_maps says of the mapping that begins at or before `address`. */
static bool policy_is(const char *address, const char *policy)
{
    FILE *file = fopen("/proc/self/numa_maps", "re");
    char line[512], found[64] = "", name[64];
    unsigned long start;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%lx %63s", &start, name) == 2 && start <= (unsigned long)address)
            memcpy(found, name, sizeof found);
    if (file)
        fclose(file);
    /* a sandbox may forbid policies, or the kernel have none */
    return !file || !found[0] || strncmp(found, policy, strlen(policy)) == 0;
}

START_TEST(memory_is_taken_from_the_node)
{
    char *memory = VirtualAllocExNuma(THIS, NULL, 4 * P, RC, PAGE_READWRITE, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert(policy_is(memory, "prefer"));
    memory[0] = 1;
    release(memory);
    /* the next one here has no node */
    char *other = VirtualAlloc(memory, 4 * P, RC, PAGE_READWRITE);
    ck_assert_ptr_eq(other, memory);
    ck_assert(policy_is(other, "default"));
    ck_assert_int_eq(other[0], 0);
    release(other);
    MEM_EXTENDED_PARAMETER one = parameter(MemExtendedParameterNumaNode, EXTENDED_NODE_MANDATORY);
    memory = VirtualAlloc2(NULL, NULL, 64 * P, MEM_RESERVE, PAGE_READWRITE, &one, 1);
    ck_assert_ptr_nonnull(memory);
    ck_assert_ptr_nonnull(VirtualAlloc(memory + 9 * P, P, MEM_COMMIT, PAGE_READWRITE));
    ck_assert(policy_is(memory + 9 * P, "bind"));
    release(memory);
}
END_TEST

static int no_node(uint64_t address, uint64_t size, uint32_t node, bool mandatory)
{
    return -1;
}

START_TEST(a_node_that_cannot_be_had)
{
    const struct host_ops *real = host;
    struct host_ops without = *host;
    uint32_t highest = host_highest_node();
    ULONG told = 77;
    ck_assert(k32_GetNumaHighestNodeNumber(&told));
    ck_assert_uint_eq(told, highest);
    without.prefer_node = no_node;
    EXPECT_FAILS(VirtualAllocExNuma(THIS, NULL, P, RC, PAGE_READWRITE, highest + 1), 87);
    EXPECT_FAILS(VirtualAllocExNuma(THIS, NULL, P, RC, PAGE_READWRITE, 0xFFFFFFFE), 87);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterNumaNode, highest + 1), G), 87);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterNumaNode, 1ull << 40), G), 87);
    EXPECT_FAILS(reserve_with(parameter(MemExtendedParameterNumaNode,
                                        EXTENDED_NODE_MANDATORY | NUMA_NO_PREFERRED_NODE),
                              G),
                 87);
    char *memory = reserve_with(parameter(MemExtendedParameterNumaNode, NUMA_NO_PREFERRED_NODE), G);
    ck_assert_ptr_nonnull(memory);
    /* what is there has its node: the one given does not count */
    ck_assert_ptr_eq(VirtualAllocExNuma(THIS, memory, P, MEM_COMMIT, PAGE_READWRITE, 77), memory);
    release(memory);
    host = &without; /* a preference is none */
    memory = VirtualAllocExNuma(THIS, NULL, P, RC, PAGE_READWRITE, highest);
    host = real;
    ck_assert_ptr_nonnull(memory);
    release(memory);
}
END_TEST

START_TEST(packaged_applications)
{
    DWORD old = 77;
    char *memory = VirtualAllocFromApp(NULL, P, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    EXPECT_FAILS(VirtualAllocFromApp(NULL, P, RC, PAGE_EXECUTE_READ), 87);
    EXPECT_FAILS(VirtualAllocFromApp(NULL, P, RC, PAGE_EXECUTE), 87);
    EXPECT_FAILS(VirtualAlloc2FromApp(NULL, NULL, P, RC, PAGE_EXECUTE_READWRITE, NULL, 0), 87);
    EXPECT_FAILS(VirtualAlloc2FromApp(NULL, NULL, P + 1, RC, PAGE_READWRITE, NULL, 0), 87);
    EXPECT_FAILS(VirtualProtectFromApp(memory, P, PAGE_EXECUTE_READWRITE, &old), 87);
    EXPECT_FAILS(VirtualProtectFromApp(memory, P, PAGE_EXECUTE_WRITECOPY, &old), 87);
    EXPECT_FAILS(VirtualProtectFromApp(memory, P, PAGE_READONLY, NULL), 998);
    ck_assert_uint_eq(old, 77);
    ck_assert(VirtualProtectFromApp(memory, P, PAGE_EXECUTE_READ, &old));
    ck_assert_uint_eq(old, PAGE_READWRITE);
    ck_assert_uint_eq(query(memory).Protect, PAGE_EXECUTE_READ);
    release(memory);
    memory = VirtualAlloc2FromApp(NULL, NULL, P, RC, PAGE_READONLY, NULL, 0);
    ck_assert_ptr_nonnull(memory);
    release(memory);
}
END_TEST

START_TEST(the_native_call)
{
    PVOID base = NULL;
    SIZE_T size = P + 1;
    MEM_ADDRESS_REQUIREMENTS wanted = {.Alignment = 1 << 24};
    MEM_EXTENDED_PARAMETER one =
        parameter(MemExtendedParameterAddressRequirements, (uint64_t)&wanted);
    ck_assert_int_eq(NtAllocateVirtualMemoryEx(THIS, &base, &size, RC, PAGE_READWRITE, &one, 1), 0);
    ck_assert_uint_eq((uint64_t)base % (1 << 24), 0);
    ck_assert_uint_eq(size, 2 * P);
    release(base);
    base = NULL;
    wanted.Alignment = 5;
    ck_assert_uint_eq(
        (uint32_t)NtAllocateVirtualMemoryEx(THIS, &base, &size, RC, PAGE_READWRITE, &one, 1),
        0xC000000D);
    ck_assert_ptr_null(base);
    ck_assert_uint_eq(size, 2 * P);
    ck_assert_uint_eq(
        (uint32_t)NtAllocateVirtualMemoryEx(THIS, NULL, &size, RC, PAGE_READWRITE, NULL, 0),
        0xC0000005);
}
END_TEST

static const struct host_ops *kernel;
static uint64_t refused;

static int refuse_access(uint64_t address, uint64_t size, unsigned access)
{
    refused = access == HOST_READ ? address : refused;
    return access == HOST_READ ? -ENOMEM : kernel->protect(address, size, access);
}

START_TEST(a_failed_allocation_leaves_no_node_behind)
{
    struct host_ops fake = *host;
    kernel = host;
    fake.protect = refuse_access;
    host = &fake;
    EXPECT_FAILS(VirtualAllocExNuma(THIS, NULL, 4 * G, RC, PAGE_READONLY, 0), 1455);
    host = kernel;
    ck_assert(policy_is((const char *)refused, "default"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alloc2");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, no_process_means_this_one);
    tcase_add_test(tests, only_whole_pages_and_granules);
    tcase_add_test(tests, alignment_and_limits_are_kept);
    tcase_add_test(tests, requirements_that_are_malformed);
    tcase_add_test(tests, requirements_with_a_base);
    tcase_add_test(tests, parameters_that_are_malformed);
    tcase_add_test(tests, attributes_and_handles);
    tcase_add_test(tests, memory_is_taken_from_the_node);
    tcase_add_test(tests, a_failed_allocation_leaves_no_node_behind);
    tcase_add_test(tests, a_node_that_cannot_be_had);
    tcase_add_test(tests, packaged_applications);
    tcase_add_test(tests, the_native_call);
    return suite_run("alloc2", tests);
}
