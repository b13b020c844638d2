/* A fork while work, paging and waits of the parent are under way: the child has none of them. */
#include <sys/wait.h>
#include <unistd.h>
#include "d3dkmt/paging.h"
#include "tests/unit/gpu_stream_kit.h"

/* One of everything that goes on by itself, and what tells that it did. */
struct bustle {
    D3DKMT_HANDLE device, queue, waiting, running, fence;
    volatile uint64_t *worked, *paged;
};

static struct bustle make_bustle(D3DKMT_HANDLE device)
{
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = device};
    struct bustle made = {.device = device};
    ck_assert_int_eq(kmt_CreatePagingQueue(&queue), STATUS_SUCCESS);
    made.queue = queue.hPagingQueue;
    made.paged = queue.FenceValueCPUVirtualAddress;
    made.waiting = make_context(device, 0);
    made.running = make_context(device, 0);
    made.fence = make_fence(device, &made.worked);
    return made;
}

static void set_going(const struct bustle *bustle, uint64_t duration)
{
    const struct vid_paging moved = {.in = {[VID_LOCAL] = 64 << 20}};
    uint64_t value;
    ck_assert_int_eq(wait_in(bustle->waiting, bustle->fence, 1), STATUS_SUCCESS);
    ck_assert_int_eq(signal_from(bustle->waiting, bustle->fence, 2), STATUS_SUCCESS);
    ck_assert_int_eq(submit(bustle->running, duration), STATUS_SUCCESS);
    ck_assert_int_eq(signal_from(bustle->running, bustle->fence, 1), STATUS_SUCCESS);
    kmt_lock();
    ck_assert_int_eq(paging_enqueue(kmt_find(bustle->queue, KMT_PAGING_QUEUE), &moved, &value),
                     STATUS_PENDING);
    kmt_unlock();
    ck_assert_uint_eq(value, 1);
}

/* Until the stream that waits for the other has signaled. */
static void wait_for(const struct bustle *bustle)
{
    uint64_t value = 2;
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = bustle->device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &bustle->fence,
                                                             .FenceValueArray = &value};
    ck_assert_int_eq(kmt_WaitForSynchronizationObjectFromCpu(&wait), STATUS_SUCCESS);
    ck_assert_uint_eq(*bustle->worked, 2);
}

static void be_the_child(void)
{
    alarm(10); /* what waits for ever ends there */
    struct bustle own = make_bustle(make_device());
    ck_assert(!clock_is_pending());
    ck_assert_uint_eq(engine_running_now(kit_mm(), 0), 0);
    set_going(&own, 2 * MS);
    wait_for(&own);
    run_out();
    ck_assert_uint_eq(*own.paged, 1);
    destroy_device(own.device);
}

static void fork_amid(const char *tick)
{
    int status;
    setenv("WINMEM_GPU_TICK", tick, 1);
    struct bustle parents = make_bustle(make_device());
    set_going(&parents, 1900 * MS);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        be_the_child();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "the child ended with %#x", status);
    if (*tick == '0')
        ck_assert_uint_eq(*parents.worked + *parents.paged, 0);
    wait_for(&parents);
    run_out();
    ck_assert_uint_eq(*parents.paged, 1);
}

START_TEST(a_child_has_nothing_under_way)
{
    fork_amid("0");
}
END_TEST

START_TEST(a_child_has_nothing_under_way_where_a_ticker_ran)
{
    fork_amid("1");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 25);
    tcase_add_test(tests, a_child_has_nothing_under_way);
    tcase_add_test(tests, a_child_has_nothing_under_way_where_a_ticker_ran);
    return suite_run("gpu_fork", tests);
}
