/* Write watch: what the host refuses, and the moments between its calls; random operations. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "tests/unit/watch_kit.h"

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
    tcase_add_test(tests, a_failed_call_loses_no_write);
    tcase_add_test(tests, at_the_mapping_limit_more_is_told);
    tcase_add_test(tests, a_commit_has_no_moment_of_unseen_writes);
    tcase_add_test(tests, random_operations_match_an_oracle);
}

int main(void)
{
    return watch_run("watch_host", add_tests);
}
