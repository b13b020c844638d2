/* Address windowing extensions, both ways: forks, system calls, limits and refusals of the host. */
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/awe_kit.h"

/* A child has no frames, its windows are empty, and both can be used anew. */
START_TEST(child_of_fork)
{
    begin(_i);
    ULONG_PTR frames[3];
    uint8_t *a = window(3);
    int code = -1;
    take_frames(frames, 3);
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
    take_frames(&frame, 1);
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
    take_frames(frames, SCATTERED);
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
    take_frames(frames, 3);
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
    take_frames(frames, 3);
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

int main(void)
{
    TCase *tests = tcase_create("awe_host");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, child_of_fork, 0, 2);
    tcase_add_loop_test(tests, system_calls, 0, 2);
    tcase_add_loop_test(tests, mappings_run_out, 0, 2);
    tcase_add_test(tests, a_held_page);
    tcase_add_test(tests, what_cannot_be_shown_again_is_empty);
    return suite_run("awe_host", tests);
}
