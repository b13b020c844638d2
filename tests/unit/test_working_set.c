/*
 * Which pages are in memory: the working set as a list, and page by page, with the kernel's scan
 * and without.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/residency.h"
#include "tests/sanitized.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P            4096u
#define THIS_PROCESS ((HANDLE)-1)
#define RC           (MEM_RESERVE | MEM_COMMIT)

static PSAPI_WORKING_SET_EX_BLOCK look(const void *address)
{
    PSAPI_WORKING_SET_EX_INFORMATION page = {.VirtualAddress = (PVOID)address,
                                             .VirtualAttributes = {.Flags = ~0ull}};
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, &page, sizeof page));
    ck_assert_ptr_eq(page.VirtualAddress, address);
    return page.VirtualAttributes;
}

/* The list, with room for `more` pages than it is said to need; to be freed. */
static PSAPI_WORKING_SET_INFORMATION *list_all(void)
{
    PSAPI_WORKING_SET_INFORMATION needed = {0}, *list;
    EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, &needed, 8), 24);
    ck_assert_uint_gt(needed.NumberOfEntries, 0);
    ck_assert_uint_eq(needed.WorkingSetInfo[0].Flags, 0);
    size_t size = 8 * (needed.NumberOfEntries + 1);
    list = calloc(1, size);
    if (needed.NumberOfEntries > 1) { /* one page short: nothing but the number */
        EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, list, (DWORD)size - 8), 24);
        ck_assert_uint_eq(list->NumberOfEntries, needed.NumberOfEntries);
        ck_assert_uint_eq(list->WorkingSetInfo[0].Flags, 0);
    }
    ck_assert(k32_K32QueryWorkingSet(THIS_PROCESS, list, (DWORD)size));
    ck_assert_uint_le(list->NumberOfEntries, needed.NumberOfEntries);
    return list;
}

static const PSAPI_WORKING_SET_BLOCK *find(const PSAPI_WORKING_SET_INFORMATION *list,
                                           const void *page)
{
    for (uint64_t i = 0; i < list->NumberOfEntries; i++)
        if (list->WorkingSetInfo[i].VirtualPage == (uint64_t)page / P)
            return &list->WorkingSetInfo[i];
    return NULL;
}

static void pages_are_told(void) /* 109 */
{
    char *memory = allocate(64 * P, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(memory, 32 * P, MEM_COMMIT, PAGE_READWRITE);
    memory[3 * P] = memory[4 * P] = memory[31 * P] = 1;
    (void)*(volatile char *)(memory + 9 * P); /* only read */
    for (unsigned i = 0; i < 64; i++) {
        bool in = i == 3 || i == 4 || i == 31 || i == 9;
        PSAPI_WORKING_SET_EX_BLOCK block = look(memory + i * P + i);
        /* valid, read-write, and nothing else */
        ck_assert_uint_eq(block.Flags & ~0x3F0000ull, in ? 1u | PAGE_READWRITE << 4 : 0);
    }
    DWORD old;
    VirtualProtect(memory + 3 * P, P, PAGE_EXECUTE_READ, &old);
    ck_assert_uint_eq(look(memory + 3 * P).Win32Protection, PAGE_EXECUTE_READ);
    VirtualProtect(memory + 4 * P, P, PAGE_READONLY | PAGE_GUARD, &old);
    ck_assert_uint_eq(look(memory + 4 * P).Win32Protection, PAGE_READONLY | PAGE_GUARD);
    VirtualFree(memory + 31 * P, P, MEM_DECOMMIT);
    ck_assert_uint_eq(look(memory + 31 * P).Flags, 0);
    VirtualFree(memory, 0, MEM_RELEASE);
    ck_assert_uint_eq(look(memory + 3 * P).Flags, 0);
}

START_TEST(a_page_is_valid_when_it_was_touched)
{
    pages_are_told();
    host_caps.pagemap = false;
    pages_are_told();
}
END_TEST

static void list_is_complete(void) /* 110 */
{
    static const struct {
        DWORD protect;
        unsigned code;
    } codes[] = {{PAGE_NOACCESS, 0},
                 {PAGE_READONLY, 1},
                 {PAGE_EXECUTE, 2},
                 {PAGE_EXECUTE_READ, 3},
                 {PAGE_READWRITE, 4},
                 {PAGE_EXECUTE_READWRITE, 6},
                 {PAGE_READONLY | PAGE_GUARD, 17},
                 {PAGE_READWRITE | PAGE_GUARD, 20}};
    unsigned count = sizeof codes / sizeof codes[0];
    char *memory = allocate(2000 * P, RC, PAGE_READWRITE);
    for (unsigned i = 0; i < 2000; i += 2)
        memory[i * P] = 1;
    for (unsigned i = 0; i < count; i++) {
        DWORD old;
        VirtualProtect(memory + 2 * i * P, P, codes[i].protect, &old);
    }
    PSAPI_WORKING_SET_INFORMATION *list = list_all();
    for (uint64_t i = 1; i < list->NumberOfEntries; i++)
        ck_assert_uint_gt(list->WorkingSetInfo[i].VirtualPage,
                          list->WorkingSetInfo[i - 1].VirtualPage);
    for (unsigned i = 0; i < 2000; i++) {
        const PSAPI_WORKING_SET_BLOCK *block = find(list, memory + i * P);
        ck_assert_int_eq(block != NULL, i % 2 == 0);
        if (block) {
            ck_assert_uint_eq(block->Protection, i / 2 < count ? codes[i / 2].code : 4);
            ck_assert_uint_eq(block->Shared, 0);
            ck_assert_uint_eq(block->ShareCount, 0);
        }
    }
    free(list);
    VirtualFree(memory, 0, MEM_RELEASE);
}

START_TEST(the_list_has_every_page_once)
{
    list_is_complete();
    host_caps.pagemap = false;
    list_is_complete();
}
END_TEST

START_TEST(offered_pages_and_images)
{
    char *memory = allocate(4 * P, RC, PAGE_READWRITE);
    memset(memory, 1, 4 * P);
    ck_assert_uint_eq(k32_OfferVirtualMemory(memory + P, 2 * P, 4), 0);
    ck_assert_uint_eq(look(memory).Valid, 1);
    ck_assert_uint_eq(look(memory + P).Valid, 0);
    PSAPI_WORKING_SET_INFORMATION *list = list_all();
    ck_assert_ptr_nonnull(find(list, memory));
    ck_assert_ptr_null(find(list, memory + P));
    free(list);
    struct mm_request request = {
        .size = 2 * P, .type = RC, .protect = PAGE_EXECUTE_WRITECOPY, .kind = MM_IMAGE};
    ck_assert_int_eq(mm_allocate(&request), 0);
    *(char *)request.base = 1;
    DWORD old;
    VirtualProtect((void *)request.base, P, PAGE_EXECUTE_READ, &old);
    PSAPI_WORKING_SET_EX_BLOCK block = look((void *)request.base);
    ck_assert_uint_eq(block.Valid, 1);
    ck_assert_uint_eq(block.Shared, 1);
    ck_assert_uint_eq(block.ShareCount, 1);
    block = look((void *)(request.base + P));
    ck_assert_uint_eq(block.Flags, 0x8000); /* not in memory, shareable */
    list = list_all();
    ck_assert_uint_eq(find(list, (void *)request.base)->Flags & 0x1FF, 3 | 1 << 5 | 1 << 8);
    free(list);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(a_terabyte_is_looked_through_quickly)
{
    char *memory = VirtualAlloc(NULL, 1ull << 40, MEM_RESERVE, PAGE_READWRITE);
    if (!memory)
        return; /* the host limits the address space */
    for (unsigned i = 0; i < 1024; i++)
        ck_assert_ptr_nonnull(
            VirtualAlloc(memory + ((uint64_t)i << 30), P, MEM_COMMIT, PAGE_READWRITE));
    for (unsigned i = 0; i < 1024; i += 2)
        memory[(uint64_t)i << 30] = 1;
    uint64_t at = (uint64_t)memory, count, entries[8];
    unsigned seen = 0;
    do {
        ck_assert_int_eq(mm_working_set(&at, entries, 8, &count), 0);
        for (unsigned i = 0; i < count; i++)
            seen += entries[i] - (uint64_t)memory < 1ull << 40;
    } while (count == 8);
    ck_assert_uint_eq(seen, 512);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(malformed_queries_are_refused)
{
    PSAPI_WORKING_SET_EX_INFORMATION pages[2] = {0};
    char *memory = allocate(2 * P, RC, PAGE_READWRITE);
    char *readonly = allocate(P, RC, PAGE_READONLY);
    uint64_t number = 7;
    HANDLE weak = k32_OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, k32_GetCurrentProcessId());
    EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, &number, 7), 24);
    ck_assert_uint_eq(number, 7);
    EXPECT_FAILS(k32_K32QueryWorkingSet(weak, &number, 8), 5);
    EXPECT_FAILS(k32_K32QueryWorkingSet((HANDLE)0x7770, &number, 8), 6);
    EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, NULL, 8), 998);
    EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, readonly, 8), 998);
    EXPECT_FAILS(k32_K32QueryWorkingSetEx(THIS_PROCESS, pages, 15), 24);
    EXPECT_FAILS(k32_K32QueryWorkingSetEx(THIS_PROCESS, readonly, 16), 998);
    EXPECT_FAILS(k32_K32QueryWorkingSetEx((HANDLE)0x7770, pages, 32), 6);
    ck_assert(k32_K32QueryWorkingSetEx(weak, pages, 32));
    k32_CloseHandle(weak);
    /* a part of an element is ignored; wild addresses are pages not in memory */
    pages[0].VirtualAddress = (PVOID)~0ull;
    pages[0].VirtualAttributes.Flags = pages[1].VirtualAttributes.Flags = 5;
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, pages, 31));
    ck_assert_uint_eq(pages[0].VirtualAttributes.Flags, 0);
    ck_assert_uint_eq(pages[1].VirtualAttributes.Flags, 5);
    /* the second page of the buffer cannot be written: nothing is */
    memset(memory, 0, 2 * P);
    VirtualFree(memory + P, P, MEM_DECOMMIT);
    memset(memory, 0xEE, P);
    EXPECT_FAILS(k32_K32QueryWorkingSetEx(THIS_PROCESS, memory + P - 16, 32), 998);
    ck_assert_uint_eq(*(uint64_t *)(memory + P - 8), 0xEEEEEEEEEEEEEEEE);
    VirtualFree(memory, 0, MEM_RELEASE);
    VirtualFree(readonly, 0, MEM_RELEASE);
}
END_TEST

START_TEST(addresses_may_come_in_any_order)
{
    enum { COUNT = 700 };
    char *memory[3];
    PSAPI_WORKING_SET_EX_INFORMATION *pages = calloc(COUNT, sizeof *pages);
    for (unsigned i = 0; i < 3; i++) {
        memory[i] = allocate(COUNT * P, RC, PAGE_READWRITE);
        for (unsigned j = i; j < COUNT; j += 3)
            memory[i][j * P] = 1;
    }
    for (unsigned i = 0; i < COUNT; i++)
        pages[i].VirtualAddress = memory[i * 7 % 3] + (uint64_t)(i * 37 % COUNT) * P + i;
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, pages, COUNT * sizeof *pages));
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert_uint_eq(pages[i].VirtualAttributes.Valid, i * 37 % COUNT % 3 == i * 7 % 3);
    free(pages);
    for (unsigned i = 0; i < 3; i++)
        VirtualFree(memory[i], 0, MEM_RELEASE);
}
END_TEST

static int no_answer(uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                     unsigned room)
{
    return -EMFILE;
}

static int no_nodes(const uint64_t *pages, unsigned count, int *ret_nodes)
{
    return -EPERM;
}

static int odd_nodes(const uint64_t *pages, unsigned count, int *ret_nodes)
{
    for (unsigned i = 0; i < count; i++)
        ret_nodes[i] = pages[i] / P % 2 ? -2 : 5;
    return 0;
}

START_TEST(a_host_that_does_not_tell)
{
    const struct host_ops *real = host;
    struct host_ops fake = *real;
    char *memory = allocate(100 * P, RC, PAGE_READWRITE);
    uint64_t buffer[200], pattern[200];
    memset(memory, 1, 100 * P);
    memset(pattern, 0x44, sizeof pattern);
    memcpy(buffer, pattern, sizeof buffer);
    buffer[0] = pattern[0] = (uint64_t)memory;
    fake.resident = no_answer;
    host = &fake;
    EXPECT_FAILS(k32_K32QueryWorkingSet(THIS_PROCESS, buffer, sizeof buffer), 1450);
    EXPECT_FAILS(k32_K32QueryWorkingSetEx(THIS_PROCESS, buffer, 16), 1450);
    ck_assert_mem_eq(buffer, pattern, sizeof buffer);
    fake = *real;
    fake.nodes = no_nodes;
    ck_assert_uint_eq(look(memory).Valid, 1);
    ck_assert_uint_eq(look(memory).Node, 0);
    fake.nodes = odd_nodes;
    PSAPI_WORKING_SET_EX_INFORMATION pages[100];
    for (unsigned i = 0; i < 100; i++)
        pages[i].VirtualAddress = memory + i * P;
    ck_assert(k32_K32QueryWorkingSetEx(THIS_PROCESS, pages, sizeof pages));
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(pages[i].VirtualAttributes.Node, ((uint64_t)memory / P + i) % 2 ? 0 : 5);
    host = real;
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

static bool stop; /* atomic */

static void *churn(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        char *memory = VirtualAlloc(NULL, 64 * P, RC, PAGE_READWRITE);
        for (unsigned i = 0; i < 64; i += 5)
            memory[i * P] = 1;
        VirtualFree(memory + 10 * P, 20 * P, MEM_DECOMMIT);
        VirtualFree(memory, 0, MEM_RELEASE);
    }
    return unused;
}

START_TEST(the_list_is_made_while_memory_changes)
{
    pthread_t thread;
    char *memory = allocate(600 * P, RC, PAGE_READWRITE);
    memset(memory, 1, 600 * P);
    stop = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, churn, NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t at = 0, count, entries[100], mine = 0, last = 0;
        do {
            ck_assert_int_eq(mm_working_set(&at, entries, 100, &count), 0);
            for (unsigned j = 0; j < count; j++) {
                ck_assert_uint_gt(entries[j] / P, last);
                last = entries[j] / P;
                mine += entries[j] - (uint64_t)memory < 600 * P;
            }
        } while (count == 100);
        ck_assert_uint_eq(mine, 600);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("working_set");
    tcase_add_checked_fixture(tests, fault_init, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_page_is_valid_when_it_was_touched);
    tcase_add_test(tests, the_list_has_every_page_once);
    tcase_add_test(tests, offered_pages_and_images);
    tcase_add_test(tests, a_terabyte_is_looked_through_quickly);
    tcase_add_test(tests, malformed_queries_are_refused);
    tcase_add_test(tests, addresses_may_come_in_any_order);
    tcase_add_test(tests, a_host_that_does_not_tell);
    tcase_add_test(tests, the_list_is_made_while_memory_changes);
    return suite_run("working_set", tests);
}
