/* Processes that leave the machine, die, are forked, or are too many. */
#include <winmem/d3dkmthk.h>
#include "tests/unit/gpu_state_kit.h"

START_TEST(the_dead_are_swept)
{
    attached();
    struct child child = start(use_ten, true);
    ck_assert_uint_eq(used(), 10 * MIB);
    ck_assert(!gpu_sweep_dead_now());
    finish(child, true);
    ck_assert(gpu_adapter(0)->is_alive(gpu_adapter(0), 1));
    ck_assert(!gpu_adapter(0)->is_alive(gpu_adapter(0), 2));
    ck_assert(gpu_sweep_dead_now());
    ck_assert_uint_eq(used(), 0);
    ck_assert_uint_eq(gpu_machine()->processes[2].pid, 0);
    ck_assert(!gpu_sweep_dead_now());
    all_valid();
}
END_TEST

START_TEST(a_budget_is_told_without_the_dead)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = {.LowPart = 0x10000}};
    D3DKMT_QUERYVIDEOMEMORYINFO query = {0};
    attached();
    struct child child = start(use_ten, true);
    ck_assert_int_eq(D3DKMTOpenAdapterFromLuid(&open), STATUS_SUCCESS);
    query.hAdapter = open.hAdapter;
    ck_assert_int_eq(D3DKMTQueryVideoMemoryInfo(&query), STATUS_SUCCESS);
    ck_assert_uint_eq(used(), 10 * MIB);
    finish(child, true);
    usleep(60000); /* who looked does not look again so soon */
    ck_assert_int_eq(D3DKMTQueryVideoMemoryInfo(&query), STATUS_SUCCESS);
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(who_attaches_sweeps)
{
    struct child first = start(use_ten, true), second = start(use_ten, true);
    finish(first, true);
    attached();
    ck_assert_uint_eq(gpu_process(), 1);
    ck_assert_uint_eq(used(), 10 * MIB);
    finish(second, true);
    all_valid();
}
END_TEST

START_TEST(the_last_one_to_die_leaves_an_empty_machine)
{
    struct child child = start(use_ten, true);
    finish(child, true);
    attached();
    ck_assert_uint_eq(used(), 0);
    ck_assert_uint_eq(gpu_adapter(0)->adapter->live, 0);
    ck_assert_uint_eq(gpu_adapter(0)->adapter->usage[1].devices, 0);
    all_valid();
}
END_TEST

static void die_with_locks(void)
{
    use_ten();
    pthread_mutex_lock(&gpu_machine()->lock);
    vidmm_lock(gpu_adapter(0));
    gpu_adapter(0)->adapter->segments[VID_LOCAL].used = 1; /* half-way */
}

START_TEST(locks_of_the_dead_are_taken_over)
{
    attached();
    struct child child = start(die_with_locks, true);
    finish(child, true);
    ck_assert(gpu_sweep_dead_now());
    ck_assert_uint_eq(used(), 0);
    all_valid();
}
END_TEST

START_TEST(who_leaves_in_order_leaves_nothing)
{
    attached();
    int status = finish(start(use_ten, false), false);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_uint_eq(used(), 0);
    ck_assert_uint_eq(gpu_machine()->processes[2].pid, 0);
    ck_assert(!gpu_sweep_dead_now());
}
END_TEST

START_TEST(a_child_is_a_process_of_its_own)
{
    attached();
    uint64_t mine = (uint64_t)gpu_machine();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool good = gpu_process() == VID_NONE && gpu_attach() == STATUS_SUCCESS &&
                    gpu_process() == 2 && gpu_machine()->processes[2].pid == (uint32_t)getpid();
        leave_run();
        _exit(good ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq((uint64_t)gpu_machine(), mine);
    ck_assert_uint_eq(gpu_process(), 1);
    pid = fork(); /* one that never uses it */
    if (pid == 0) {
        leave_run();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ck_assert_uint_eq(gpu_machine()->processes[1].pid, (uint32_t)getpid());
    ck_assert(gpu_sweep_dead_now() == false);
}
END_TEST

START_TEST(slots_run_out)
{
    struct child children[VID_PROCESSES];
    for (unsigned i = 1; i < VID_PROCESSES; i++)
        children[i] = start(NULL, true);
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_NO_MEMORY);
    ck_assert_msg(strstr(said, "255 processes") != NULL, "%s", said);
    finish(children[100], true);
    attached();
    ck_assert_uint_eq(gpu_process(), 100);
    for (unsigned i = 1; i < VID_PROCESSES; i++)
        if (i != 100)
            finish(children[i], true);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_dead_are_swept);
    tcase_add_test(tests, a_budget_is_told_without_the_dead);
    tcase_add_test(tests, who_attaches_sweeps);
    tcase_add_test(tests, the_last_one_to_die_leaves_an_empty_machine);
    tcase_add_test(tests, locks_of_the_dead_are_taken_over);
    tcase_add_test(tests, who_leaves_in_order_leaves_nothing);
    tcase_add_test(tests, a_child_is_a_process_of_its_own);
    tcase_add_test(tests, slots_run_out);
    return suite_run("gpu_dead", tests);
}
