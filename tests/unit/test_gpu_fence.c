/* What processes share through the machine: values of fences, and contents of allocations. */
#include <fcntl.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include "memoryapi/mm.h"
#include "tests/unit/gpu_state_kit.h"

static int commands[2];
static void fence_child(void)
{
    uint32_t fence;
    if (read(commands[0], &fence, sizeof fence) != sizeof fence || !gpu_fence_hold(fence))
        _exit(1);
    *gpu_fence_value(fence) = 42;
}

START_TEST(fences_are_seen_by_all_and_outlive_their_maker)
{
    attached();
    uint32_t fence = gpu_fence_take();
    ck_assert_uint_ne(fence, VID_NONE);
    const uint64_t *place = gpu_fence_address(fence);
    const volatile uint64_t *seen = place;
    ck_assert_ptr_nonnull(place);
    ck_assert_uint_eq(*seen, 0);
    MEMORY_BASIC_INFORMATION info;
    ck_assert_uint_eq(VirtualQuery(place, &info, sizeof info), sizeof info);
    ck_assert_uint_eq(info.Type, MEM_MAPPED);
    ck_assert_uint_eq(info.Protect, PAGE_READONLY);
    ck_assert(!VirtualFree(info.AllocationBase, 0, MEM_RELEASE));
    ck_assert(mm_space_is_valid());
    ck_assert_int_eq(pipe(commands), 0);
    ck_assert_int_eq(write(commands[1], &fence, sizeof fence), sizeof fence);
    struct child child = start(fence_child, true);
    ck_assert_uint_eq(*seen, 42);
    gpu_fence_give(fence); /* the child has it still */
    ck_assert(gpu_fence_hold(fence));
    gpu_fence_give(fence);
    finish(child, true);
    ck_assert(gpu_sweep_dead_now());
    ck_assert(!gpu_fence_hold(fence)); /* now nobody has */
    ck_assert(!gpu_fence_hold(VID_NONE) && !gpu_fence_hold(VID_FENCES));
}
END_TEST

static uint32_t all[VID_FENCES];

/* As many as a process may have. */
static void take_share(void)
{
    for (unsigned i = 0; i < VID_FENCES_EACH; i++) {
        all[i] = gpu_fence_take();
        if (all[i] == VID_NONE)
            _exit(1);
    }
    if (gpu_fence_take() != VID_NONE)
        _exit(1);
}

static void take_rest(void)
{
    for (unsigned i = 0; i < VID_FENCES_EACH - 1; i++)
        if (gpu_fence_take() == VID_NONE)
            _exit(1);
    if (gpu_fence_take() != VID_NONE)
        _exit(1);
}

/* One process cannot take them from all. */
START_TEST(half_is_left_for_others)
{
    attached();
    take_share();
    struct child child = start(take_rest, true);
    gpu_fence_give(all[3]);
    ck_assert_uint_eq(gpu_fence_take(), all[3]);
    finish(child, true);
    ck_assert(gpu_sweep_dead_now());
    child = start(take_rest, true); /* the dead one's are free again, not this one's */
    finish(child, true);
}
END_TEST

START_TEST(what_the_dead_had_can_be_taken)
{
    attached();
    struct child most = start(take_share, true), rest = start(take_rest, true);
    ck_assert_uint_eq(gpu_fence_take(), VID_NONE);
    finish(most, true);
    ck_assert_uint_ne(gpu_fence_take(), VID_NONE);
    finish(rest, true);
}
END_TEST

START_TEST(fences_run_out_and_are_counted)
{
    attached();
    struct child child = start(take_share, true);
    /* fence 0 is nobody's */
    for (unsigned i = 1; i < VID_FENCES_EACH; i++) {
        all[i] = gpu_fence_take();
        ck_assert_uint_ne(all[i], VID_NONE);
    }
    ck_assert_uint_eq(gpu_fence_take(), VID_NONE);
    ck_assert(gpu_fence_hold(all[7]));
    gpu_fence_give(all[7]);
    ck_assert_uint_eq(gpu_fence_take(), VID_NONE);
    *gpu_fence_value(all[7]) = 9;
    gpu_fence_give(all[7]);
    ck_assert_uint_eq(gpu_fence_take(), all[7]);
    ck_assert_uint_eq(*gpu_fence_value(all[7]), 0);
    finish(child, true);
}
END_TEST

static void write_contents(void)
{
    char *contents;
    if (share_contents_map(5, 3 * 4096, (void **)&contents) != STATUS_SUCCESS)
        _exit(1);
    memset(contents, 'x', 3 * 4096);
    use_memory(gpu_adapter(0), 4 * MIB, 6);
    if (share_contents_create(6, 4096) != STATUS_SUCCESS)
        _exit(1);
}

START_TEST(contents_are_shared_dropped_and_removed)
{
    char *contents = NULL, path[128];
    void *other = (void *)1;
    attached();
    ck_assert_int_eq(share_contents_create(5, 3 * 4096), STATUS_SUCCESS);
    ck_assert_int_eq(share_contents_map(5, 3 * 4096, (void **)&contents), STATUS_SUCCESS);
    ck_assert(mm_space_is_valid());
    ck_assert_uint_lt((uint64_t)contents, 0x7FFFFFFEFFFF);
    struct child child = start(write_contents, true);
    for (unsigned i = 0; i < 3 * 4096; i++)
        ck_assert_int_eq(contents[i], 'x');
    share_contents_drop(5);
    for (unsigned i = 0; i < 3 * 4096; i++)
        ck_assert_int_eq(contents[i], 0);
    ck_assert_int_eq(share_contents_back(5), STATUS_SUCCESS);
    snprintf(path, sizeof path, "%s/share-t-6", directory);
    ck_assert_int_eq(access(path, F_OK), 0);
    finish(child, true);
    ck_assert(gpu_sweep_dead_now()); /* with the allocation its contents go */
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(share_contents_map(5, 4 * 4096, &other), STATUS_NO_MEMORY); /* too long */
    ck_assert_int_eq(share_contents_map(7, 4096, &other), STATUS_NO_MEMORY);
    ck_assert_ptr_eq(other, (void *)1);
    share_contents_remove(5);
    contents[0] = 'y'; /* who has it mapped keeps it */
    share_contents_unmap(contents);
    ck_assert(mm_space_is_valid());
    ck_assert_int_eq(share_contents_map(5, 4096, &other), STATUS_NO_MEMORY);
    /* the place is as good as any for other memory */
    void *again = VirtualAlloc(contents, 3 * 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ck_assert_ptr_eq(again, contents);
    memset(again, 1, 3 * 4096);
    ck_assert(VirtualFree(again, 0, MEM_RELEASE));
}
END_TEST

START_TEST(contents_of_nobody_go_with_the_next_start)
{
    char path[128], foreign[128];
    attached();
    ck_assert_int_eq(share_contents_create(5, 4096), STATUS_SUCCESS);
    gpu_detach();
    snprintf(path, sizeof path, "%s/share-t-5", directory);
    snprintf(foreign, sizeof foreign, "%s/share-t-5-6", directory); /* of a machine "t-5" */
    ck_assert_int_eq(access(path, F_OK), 0);
    close(open(foreign, O_CREAT | O_RDWR, 0600));
    attached();
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(access(foreign, F_OK), 0);
}
END_TEST

#define AS(name) "name=" name "; adapter local=64M nonlocal=64M"

static void leave_contents(void)
{
    if (share_contents_create(5, 4096) != STATUS_SUCCESS)
        _exit(1);
}

static bool is_there(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

/* ... of whichever machine of the directory. */
START_TEST(contents_of_machines_that_nobody_uses_go)
{
    setenv("WINMEM_GPU", AS("dead-1"), 1);
    struct child dead = start(leave_contents, true);
    setenv("WINMEM_GPU", AS("used"), 1);
    struct child used = start(leave_contents, true);
    finish(dead, true);
    ck_assert(is_there("share-dead-1-5") && is_there("share-used-5"));
    setenv("WINMEM_GPU", SMALL, 1);
    attached();
    leave_contents();
    ck_assert(!is_there("share-dead-1-5"));
    ck_assert(is_there("share-used-5"));
    finish(used, true);
    setenv("WINMEM_GPU", AS("dead-1"), 1);
    struct child other = start(leave_contents, true);
    ck_assert(!is_there("share-used-5"));
    ck_assert(is_there("share-t-5") && is_there("share-dead-1-5"));
    finish(other, true);
    ck_assert(gpu_machine()->processes[1].pid == (uint32_t)getpid());
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, fences_are_seen_by_all_and_outlive_their_maker);
    tcase_add_test(tests, half_is_left_for_others);
    tcase_add_test(tests, what_the_dead_had_can_be_taken);
    tcase_add_test(tests, fences_run_out_and_are_counted);
    tcase_add_test(tests, contents_are_shared_dropped_and_removed);
    tcase_add_test(tests, contents_of_nobody_go_with_the_next_start);
    tcase_add_test(tests, contents_of_machines_that_nobody_uses_go);
    return suite_run("gpu_fence", tests);
}
