/*
 * The address space as a whole: owned by winmem, or shared with a host program; limits of a
 * request; fork. Each test is a process.
 */
#include <check.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"
#include "memoryapi/space.h"
#include "tests/sanitized.h"
#include "tests/unit/suite.h"

#define G 65536u

static NTSTATUS allocate(struct mm_request request, uint64_t *ret_base)
{
    NTSTATUS status = mm_allocate(&request);
    *ret_base = request.base;
    ck_assert(mm_space_is_valid());
    return status;
}

#define RESERVE .type = MEM_RESERVE, .protect = PAGE_NOACCESS

static void check_limits(void)
{
    uint64_t base, first;
    ck_assert_int_eq(
        allocate((struct mm_request){RESERVE, .size = G, .highest = 0x7FFFFFFF}, &base), 0);
    ck_assert_uint_le(base + G - 1, 0x7FFFFFFF);
    ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = G, .lowest = 0x10000000,
                                                  .highest = 0x1FFFFFFF},
                              &base),
                     0);
    ck_assert_uint_ge(base, 0x10000000);
    ck_assert_uint_le(base + G - 1, 0x1FFFFFFF);
    ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = G, .alignment = 2 << 20}, &base),
                     0);
    ck_assert_uint_eq(base % (2 << 20), 0);
    ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = 2 * G, .lowest = 0x20000000,
                                                  .highest = 0x2001FFFF},
                              &first),
                     0);
    ck_assert_uint_eq(first, 0x20000000);
    ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = G, .lowest = 0x20000000,
                                                  .highest = 0x2001FFFF},
                              &base),
                     STATUS_NO_MEMORY);
}

START_TEST(limits_hold_in_a_host_program)
{
    check_limits();
}
END_TEST

START_TEST(limits_hold_in_an_owned_space)
{
    mm_own_address_space();
    check_limits();
}
END_TEST

/* `size` 0: not known. */
static void expect_host(const void *at, uint32_t state, uint32_t protect, uint64_t size)
{
    static MEMORY_BASIC_INFORMATION info;
    ck_assert_int_eq(mm_query((uint64_t)at, &info), 0);
    ck_assert_uint_eq(info.State, state);
    ck_assert_uint_eq(info.Protect, protect);
    ck_assert_uint_eq(info.Type, MEM_PRIVATE);
    ck_assert_uint_le((uint64_t)info.AllocationBase, (uint64_t)at);
    if (size)
        ck_assert_uint_eq(info.RegionSize, size);
}

static void pages_of_the_host(void)
{
    char *pages = mmap(NULL, 6 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    munmap(pages, PAGE_SIZE);
    mprotect(pages + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
    mprotect(pages + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    mprotect(pages + 5 * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
    expect_host(pages + 7, MEM_RESERVE, 0, PAGE_SIZE); /* a hole */
    expect_host(pages + PAGE_SIZE, MEM_COMMIT, PAGE_READONLY, PAGE_SIZE);
    expect_host(pages + 2 * PAGE_SIZE, MEM_RESERVE, 0, PAGE_SIZE);
    expect_host(pages + 3 * PAGE_SIZE, MEM_COMMIT, PAGE_EXECUTE_READWRITE, PAGE_SIZE);
    munmap(pages + PAGE_SIZE, PAGE_SIZE);
    /* a hole and what has no access are alike */
    expect_host(pages, MEM_RESERVE, 0, 3 * PAGE_SIZE);
    /* two mappings that are alike are one */
    mprotect(pages + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    munmap(pages + 4 * PAGE_SIZE, PAGE_SIZE);
    ck_assert_ptr_ne(mmap(pages + 4 * PAGE_SIZE, PAGE_SIZE, PROT_READ,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                     MAP_FAILED);
    expect_host(pages + 3 * PAGE_SIZE, MEM_COMMIT, PAGE_READONLY, 2 * PAGE_SIZE);
    /* gigabytes of tables are not for reading */
    expect_host(space.map.index.numbers, MEM_RESERVE, 0, 0);
    munmap(pages + 2 * PAGE_SIZE, 4 * PAGE_SIZE);
}

START_TEST(an_owned_space_gives_what_programs_ask_for)
{
    static const uint64_t wanted[] = {0x10000, 0x400000, 0x140000000, 0x180000000, 0xC000000000};
    unsigned count = SHADOWED ? 2 : NARROW ? 4 : array_length(wanted);
    static MEMORY_BASIC_INFORMATION info; /* the stack may lie above what programs can use */
    uint64_t base;
    mm_own_address_space();
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(allocate((struct mm_request){.base = wanted[i],
                                                      .size = G,
                                                      .type = MEM_RESERVE | MEM_COMMIT,
                                                      .protect = PAGE_READWRITE},
                                  &base),
                         0);
        ck_assert_uint_eq(base, wanted[i]);
        *(volatile char *)base = 1;
    }
    ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = G}, &base), 0);
    ck_assert_uint_ge(base, 64ull << 30); /* far from NULL unless asked for */
    if (!NARROW)
        ck_assert_int_eq(allocate((struct mm_request){RESERVE, .size = 16ull << 40}, &base), 0);
    /* what the host uses is never free */
    expect_host(&info, MEM_COMMIT, PAGE_READWRITE, 0);
    expect_host((const void *)(uint64_t)allocate, MEM_COMMIT, PAGE_EXECUTE_READ, 0);
    pages_of_the_host();
    ck_assert_int_eq(
        allocate((struct mm_request){RESERVE, .base = (uint64_t)&info, .size = G}, &base),
        STATUS_CONFLICTING_ADDRESSES);
}
END_TEST

START_TEST(host_memory_is_not_given_away)
{
    uint64_t base;
    static char mine[4 * G];
    mine[2 * G] = 5;
    ck_assert_int_eq(
        allocate((struct mm_request){RESERVE, .base = (uint64_t)mine + G, .size = G}, &base),
        STATUS_CONFLICTING_ADDRESSES);
    ck_assert_int_eq(mine[2 * G], 5);
}
END_TEST

START_TEST(an_image_is_unmapped_by_its_loader_only)
{
    struct mm_request request = {.size = 4 * PAGE_SIZE,
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_EXECUTE_WRITECOPY,
                                 .kind = MM_IMAGE};
    MEMORY_BASIC_INFORMATION info;
    uint64_t base, size = 0;
    uint32_t old;
    ck_assert_int_eq(allocate(request, &base), 0);
    ck_assert_int_eq(mm_query(base, &info), 0);
    ck_assert_uint_eq(info.Type, MEM_IMAGE);
    ck_assert_uint_eq(info.AllocationProtect, PAGE_EXECUTE_WRITECOPY);
    *(volatile char *)base = 1;
    uint64_t at = base, one = PAGE_SIZE;
    ck_assert_int_eq(mm_protect(&at, &one, PAGE_WRITECOPY, &old), 0);
    ck_assert_int_eq(mm_query(base, &info), 0);
    ck_assert_uint_eq(info.Protect, PAGE_WRITECOPY);
    *(volatile char *)base = 2;
    ck_assert_int_eq(mm_free(&base, &size, MEM_RELEASE), STATUS_UNABLE_TO_FREE_VM);
    ck_assert_int_eq(mm_free(&base, &size, MEM_DECOMMIT), STATUS_UNABLE_TO_FREE_VM);
    ck_assert_int_eq(mm_free(&base, &size, MEM_RELEASE | MM_FREE_IMAGE), 0);
    ck_assert_int_eq(mm_query(base, &info), 0);
    ck_assert_uint_eq(info.State, MEM_FREE);
}
END_TEST

START_TEST(a_child_goes_on_with_its_copy)
{
    struct mm_request request = {
        .size = 2 * G, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};
    uint64_t base, size = G;
    int status;
    ck_assert_int_eq(allocate(request, &base), 0);
    ck_assert_int_eq(mm_free(&base, &size, MEM_DECOMMIT), 0);
    *(volatile char *)(base + G) = 3;
    pid_t child = fork();
    if (child == 0) {
        bool good = *(volatile char *)(base + G) == 3;
        request.base = base;
        request.type = MEM_COMMIT;
        good = good && mm_allocate(&request) == STATUS_SUCCESS && *(volatile char *)base == 0 &&
               mm_space_is_valid();
        *(volatile char *)(base + G) = 4;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(*(volatile char *)(base + G), 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("space");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, limits_hold_in_a_host_program);
    tcase_add_test(tests, limits_hold_in_an_owned_space);
    tcase_add_test(tests, an_owned_space_gives_what_programs_ask_for);
    tcase_add_test(tests, host_memory_is_not_given_away);
    tcase_add_test(tests, an_image_is_unmapped_by_its_loader_only);
    tcase_add_test(tests, a_child_goes_on_with_its_copy);
    return suite_run("space", tests);
}
