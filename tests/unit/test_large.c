/*
 * MEM_LARGE_PAGES: the privilege, sizes, memory that is there or is not, and what cannot be done
 * with it. Some pages are set aside for the time of the test when the account may do that. Source:
 * win32 Memory/large-page-support.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "tests/unit/memory_kit.h"

#define L      (2u << 20) /* GetLargePageMinimum */
#define RC     (MEM_RESERVE | MEM_COMMIT)
#define LARGE  (RC | MEM_LARGE_PAGES)
#define WANTED 4u
#define COUNT  "/proc/sys/vm/nr_hugepages"

static unsigned before, available;

static unsigned read_count(void)
{
    unsigned count = 0;
    FILE *file = fopen(COUNT, "re");
    if (!file || fscanf(file, "%u", &count) != 1)
        count = 0;
    if (file)
        fclose(file);
    return count;
}

static void write_count(unsigned count)
{
    FILE *file = fopen(COUNT, "we");
    if (file) {
        fprintf(file, "%u\n", count);
        fclose(file);
    }
}

static void set_up(void)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    void *first = VirtualAlloc(NULL, 1, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert(VirtualFree(first, 0, MEM_RELEASE));
}

static void set_up_without(void)
{
    unsetenv("WINMEM_PRIVILEGES");
    void *first = VirtualAlloc(NULL, 1, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert(VirtualFree(first, 0, MEM_RELEASE));
}

static char *allocate_large(uint64_t size)
{
    return VirtualAlloc(NULL, size, LARGE, PAGE_READWRITE);
}

START_TEST(the_privilege_is_needed)
{
    EXPECT_FAILS(allocate_large(L), 1314);
    EXPECT_FAILS(allocate_large(L + 4096), 87); /* malformed with a privilege or without */
}
END_TEST

START_TEST(malformed)
{
    char *place = VirtualAlloc(NULL, 4 * L, MEM_RESERVE, PAGE_NOACCESS);
    ck_assert(VirtualFree(place, 0, MEM_RELEASE));
    place = (char *)(((uint64_t)place + L - 1) / L * L);
    EXPECT_FAILS(allocate_large(L / 2), 87);
    EXPECT_FAILS(VirtualAlloc(place + 65536, L, LARGE, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, MEM_RESERVE | MEM_LARGE_PAGES, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, MEM_LARGE_PAGES, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, LARGE | MEM_PHYSICAL, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, LARGE | MEM_WRITE_WATCH, PAGE_READWRITE), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, LARGE, PAGE_READONLY), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, LARGE, PAGE_NOACCESS), 87);
    EXPECT_FAILS(VirtualAlloc(NULL, L, LARGE, PAGE_READWRITE | PAGE_GUARD), 87);
    /* limits are in large pages, too */
    MEM_ADDRESS_REQUIREMENTS wanted = {.Alignment = 65536};
    MEM_EXTENDED_PARAMETER one = {.Type = MemExtendedParameterAddressRequirements,
                                  .Pointer = &wanted};
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, L, LARGE, PAGE_READWRITE, &one, 1), 87);
    wanted = (MEM_ADDRESS_REQUIREMENTS){.LowestStartingAddress = (PVOID)0x10010000};
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, L, LARGE, PAGE_READWRITE, &one, 1), 87);
}
END_TEST

START_TEST(more_than_there_is)
{
    /* more than may be committed; a sanitizer leaves addresses for half of it in a row */
    EXPECT_FAILS(allocate_large(1ull << 39), 1450);
    EXPECT_FAILS(allocate_large((uint64_t)(read_count() + 64) * L), 1450);
    MEM_EXTENDED_PARAMETER huge = {.Type = MemExtendedParameterAttributeFlags,
                                   .ULong64 = MEM_EXTENDED_PARAMETER_NONPAGED_HUGE};
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, L, LARGE, PAGE_READWRITE, &huge, 1), 87);
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, 8ull << 30, LARGE, PAGE_READWRITE, &huge, 1), 1450);
    /* where it was to go, everything is as it was */
    char *memory = VirtualAlloc(NULL, 8 * L, RC, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 1, 8 * L);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

static bool is_zero(const char *at, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        if (at[i])
            return false;
    return true;
}

static unsigned free_pages(void)
{
    unsigned count = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "HugePages_Free: %u", &count) == 1)
            break;
    if (file)
        fclose(file);
    return count;
}

START_TEST(large_memory)
{
    MEMORY_BASIC_INFORMATION info;
    unsigned free_before = free_pages();
    DWORD old = 77;
    char *memory = allocate_large(2 * L);
    ck_assert_ptr_nonnull(memory);
    ck_assert(mm_space_is_valid());
    ck_assert_uint_eq((uint64_t)memory % L, 0);
    ck_assert_uint_eq(free_pages(), free_before - 2); /* large they are, and there */
    ck_assert(is_zero(memory, 2 * L));
    memset(memory, 5, 2 * L);
    ck_assert_uint_eq(VirtualQuery(memory + 4096, &info, sizeof info), 48);
    ck_assert_ptr_eq(info.AllocationBase, memory);
    ck_assert_uint_eq(info.State, MEM_COMMIT);
    ck_assert_uint_eq(info.Protect, PAGE_READWRITE);
    ck_assert_uint_eq(info.RegionSize, 2 * L - 4096);
    /* nothing of it in part, or in another way */
    EXPECT_FAILS(VirtualProtect(memory, 4096, PAGE_READONLY, &old), 87);
    EXPECT_FAILS(VirtualProtect(memory, 2 * L, PAGE_READWRITE | PAGE_GUARD, &old), 87);
    ck_assert_uint_eq(old, 77);
    EXPECT_FAILS(VirtualFree(memory, 4096, MEM_DECOMMIT), 87);
    EXPECT_FAILS(VirtualFree(memory, 0, MEM_DECOMMIT), 87);
    EXPECT_FAILS(VirtualFree(memory, L, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER), 87);
    EXPECT_FAILS(VirtualAlloc(memory, 4096, MEM_COMMIT, PAGE_READONLY), 87);
    ck_assert_uint_eq(OfferVirtualMemory(memory, 4096, VmOfferPriorityLow), 87);
    EXPECT_FAILS(VirtualAlloc(memory, L, LARGE, PAGE_READWRITE), 487);
    ck_assert_int_eq(memory[2 * L - 1], 5);
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    ck_assert(mm_space_is_valid());
    ck_assert_uint_eq(free_pages(), free_before);
    /* the place is like any other again */
    ck_assert_ptr_eq(VirtualAlloc(memory, 65536, RC, PAGE_READWRITE), memory);
    ck_assert(is_zero(memory, 65536));
    memory[65535] = 1;
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

START_TEST(on_a_node)
{
    MEM_EXTENDED_PARAMETER two[] = {
        {.Type = MemExtendedParameterNumaNode, .ULong64 = 0},
        {.Type = MemExtendedParameterAttributeFlags,
         .ULong64 = MEM_EXTENDED_PARAMETER_NONPAGED_LARGE | MEM_EXTENDED_PARAMETER_NONPAGED}};
    char *memory = VirtualAlloc2(NULL, NULL, L, LARGE, PAGE_EXECUTE_READWRITE, two, 2);
    ck_assert_ptr_nonnull(memory);
    ((unsigned char *)memory)[0] = 0xC3; /* ret */
    ((void (*)(void))memory)();
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
}
END_TEST

static const struct host_ops *real;

static int no_large(uint64_t address, uint64_t size, unsigned shift, unsigned access, uint32_t node,
                    bool mandatory)
{
    real->unreserve(address, size); /* as the kernel may */
    return -12;
}

START_TEST(a_hole_is_filled)
{
    struct host_ops failing = *host;
    real = host;
    failing.map_large = no_large;
    char *place = VirtualAlloc(NULL, 4 * L, RC, PAGE_READWRITE), *at;
    memset(place, 3, 4 * L);
    ck_assert(VirtualFree(place, 0, MEM_RELEASE));
    at = (char *)(((uint64_t)place + L - 1) / L * L);
    host = &failing;
    EXPECT_FAILS(VirtualAlloc(at, L, LARGE, PAGE_READWRITE), 1450);
    host = real;
    ck_assert_ptr_eq(VirtualAlloc(place, 4 * L, RC, PAGE_READWRITE), place);
    ck_assert(is_zero(place, 4 * L));
    memset(place, 3, 4 * L);
    ck_assert(VirtualFree(place, 0, MEM_RELEASE));
}
END_TEST

/* A wish: the usual pages do. */
START_TEST(pages_of_64_kib)
{
    const DWORD pages_64k = MEM_LARGE_PAGES | MEM_PHYSICAL;
    char *memory = VirtualAlloc2(NULL, NULL, 65536, RC | pages_64k, PAGE_READONLY, NULL, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(memory[65535], 0);
    ck_assert(VirtualFree(memory, 4096, MEM_DECOMMIT));
    ck_assert(VirtualFree(memory, 0, MEM_RELEASE));
    EXPECT_FAILS(VirtualAlloc2(NULL, NULL, 65536, MEM_RESERVE | pages_64k, PAGE_READWRITE, NULL, 0),
                 87);
    EXPECT_FAILS(VirtualAlloc(NULL, 65536, RC | pages_64k, PAGE_READWRITE), 87);
}
END_TEST

int main(void)
{
    before = read_count();
    write_count(before + WANTED);
    available = free_pages();
    Suite *suite = suite_create("large");
    TCase *without = tcase_create("without the privilege"), *tests = tcase_create("with it"),
          *memory = tcase_create("with pages set aside");
    SRunner *runner = srunner_create(suite);
    tcase_add_checked_fixture(without, set_up_without, NULL);
    tcase_add_test(without, the_privilege_is_needed);
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, malformed);
    tcase_add_test(tests, more_than_there_is);
    tcase_add_test(tests, a_hole_is_filled);
    tcase_add_test(tests, pages_of_64_kib);
    tcase_add_checked_fixture(memory, set_up, NULL);
    tcase_add_test(memory, large_memory);
    tcase_add_test(memory, on_a_node);
    suite_add_tcase(suite, without);
    suite_add_tcase(suite, tests);
    if (available >= WANTED)
        suite_add_tcase(suite, memory);
    else
        printf("no large pages can be set aside\n");
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    write_count(before);
    return failed != 0;
}
