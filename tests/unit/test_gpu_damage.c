/*
 * The file of the machine is cut off or overwritten by another program while this one uses it: no
 * signal, the documented failure from then on, one line on stderr, and an exit in order.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/leave.h"
#include "tests/unit/gpu_memory_kit.h"

static char path[64];
static uint64_t adapters_at, tables_at; /* in the file; a child of a fork has no machine */

/* A device with something of everything. */
static D3DKMT_HANDLE held, offered, locked, shared, context, waited_for;
static const volatile uint64_t *fence;

static void make_everything(void)
{
    setenv("WINMEM_GPU", "adapter local=64M nonlocal=64M; adapter local=1G", 1);
    make_queue();
    snprintf(path, sizeof path, "%s/gpu-default", kit_directory);
    adapters_at = gpu_machine()->adapters_at;
    tables_at = gpu_adapter(0)->adapter->allocations_at;
    held = make_resident(MIB);
    offered = make_resident(MIB);
    locked = make_resident(MIB);
    context = make_context(device, 0);
    const D3DKMT_OFFERALLOCATIONS offer = {.hDevice = device,
                                           .HandleList = &offered,
                                           .NumAllocations = 1,
                                           .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    ck_assert_int_eq(kmt_OfferAllocations(&offer), STATUS_SUCCESS);
    D3DKMT_LOCK2 lock = {.hDevice = device, .hAllocation = locked};
    ck_assert_int_eq(kmt_Lock2(&lock), STATUS_SUCCESS);
    struct winmem_gpu_allocation wanted = {MIB, WINMEM_GPU_LOCAL, 0};
    D3DDDI_ALLOCATIONINFO2 info2 = {.pPrivateDriverData = &wanted,
                                    .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device,
        .NumAllocations = 1,
        .pAllocationInfo2 = &info2,
        .Flags = {.Value = D3DKMT_CREATEALLOCATIONFLAGS_CreateResource |
                           D3DKMT_CREATEALLOCATIONFLAGS_CreateShared}};
    ck_assert_int_eq(kmt_CreateAllocation2(&create), STATUS_SUCCESS);
    shared = create.hResource;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 sync = {.hDevice = device,
                                                .Info = {.Type = D3DDDI_MONITORED_FENCE}};
    ck_assert_int_eq(kmt_CreateSynchronizationObject2(&sync), STATUS_SUCCESS);
    waited_for = sync.hSyncObject;
    fence = sync.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    ck_assert_uint_eq(*fence, 0);
}

/* What other programs do to the file. */
enum way { CUT, CUT_LATE, CUT_TABLES, ZERO, RANDOM, ZERO_ADAPTER, WAYS };

static bool spoil_file(int file, enum way way)
{
    static char bytes[1 << 20];
    switch (way) {
    case CUT:
        return ftruncate(file, 0) == 0;
    case CUT_LATE: /* the header stays */
        return ftruncate(file, 8192) == 0;
    case CUT_TABLES: /* and the adapters */
        return ftruncate(file, (off_t)tables_at) == 0;
    case ZERO_ADAPTER:
        return pwrite(file, bytes, sizeof(struct vid_adapter), (off_t)adapters_at) > 0;
    default:
        memset(bytes, way == ZERO ? 0 : 0xA5, sizeof bytes);
        return pwrite(file, bytes, sizeof bytes, 0) > 0;
    }
}

/* By another process: who closes the file gives back the locks that he has in it. */
static void spoil(enum way way)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(!spoil_file(open(path, O_RDWR), way));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static NTSTATUS try_resident(void)
{
    D3DDDI_MAKERESIDENT data = {
        .hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &held};
    return kmt_MakeResident(&data);
}

static NTSTATUS try_create(void)
{
    struct winmem_gpu_allocation wanted = {MIB, WINMEM_GPU_LOCAL, 0};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    return kmt_CreateAllocation2(&create);
}

static NTSTATUS try_reclaim(void)
{
    UINT result;
    D3DKMT_RECLAIMALLOCATIONS2 data = {
        .hPagingQueue = queue, .NumAllocations = 1, .HandleList = &offered, .pResults = &result};
    return kmt_ReclaimAllocations2(&data);
}

static NTSTATUS try_lock(void)
{
    D3DKMT_LOCK2 data = {.hDevice = device, .hAllocation = held};
    return kmt_Lock2(&data);
}

static NTSTATUS try_device(void)
{
    D3DKMT_CREATEDEVICE data = {.hAdapter = kit_adapter.object.handle};
    return kmt_CreateDevice(&data);
}

static NTSTATUS try_budget(void)
{
    D3DKMT_QUERYVIDEOMEMORYINFO data = {.hAdapter = kit_adapter.object.handle};
    return kmt_QueryVideoMemoryInfo(&data);
}

static void use_what_is_left(void)
{
    static NTSTATUS (*const uses[])(void) = {try_resident, try_create, try_reclaim,
                                             try_lock,     try_device, try_budget};
    D3DKMT_EVICT evict = {.hDevice = device, .NumAllocations = 1, .AllocationList = &held};
    const D3DKMT_UNLOCK2 unlock = {device, locked};
    const D3DKMT_DESTROYALLOCATION2 gone = {.hDevice = device, .hResource = shared};
    for (unsigned i = 0; i < array_length(uses); i++)
        ck_assert_msg(uses[i]() == STATUS_DEVICE_REMOVED, "use %u", i);
    kmt_Evict(&evict);
    kmt_Unlock2(&unlock);
    ck_assert_uint_eq(*fence, UINT64_MAX);
    ck_assert_int_eq(kmt_DestroyAllocation2(&gone), STATUS_SUCCESS);
    destroy_allocation(held);
    destroy_allocation(offered);
    destroy_allocation(locked);
    destroy_device(device);
}

/* What a process says on stderr that does `work` and exits; it shall exit in order. */
static char said[4096];
static void watch(void (*work)(int way), int way)
{
    int pipes[2], status;
    ck_assert_int_eq(pipe(pipes), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        work(way);
        leave_run();
        _exit(7);
    }
    close(pipes[1]);
    size_t length = 0;
    for (ssize_t more; (more = read(pipes[0], said + length, sizeof said - 1 - length)) > 0;)
        length += (size_t)more;
    said[length] = '\0';
    close(pipes[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %x: %s", status, said);
}

static void told_once(void)
{
    char line[256];
    snprintf(line, sizeof line,
             "winmem: simulated GPU: %s/gpu-default: cut off or overwritten while in use: its "
             "adapters are removed\n",
             kit_directory);
    ck_assert_str_eq(said, line);
}

static void spoil_and_use(int way)
{
    make_everything();
    spoil((enum way)way);
    if (way == CUT_TABLES || way == ZERO_ADAPTER)
        try_create(); /* found out in the middle of a call, which may answer otherwise */
    use_what_is_left();
}

START_TEST(every_call_answers_that_the_device_is_removed)
{
    own_machine();
    watch(spoil_and_use, _i);
    told_once();
}
END_TEST

static void spoil_and_leave(int way)
{
    make_everything();
    spoil((enum way)way);
}

START_TEST(an_exit_is_in_order)
{
    own_machine();
    watch(spoil_and_leave, _i);
    ck_assert(strchr(said, '\n') == NULL || strchr(said, '\n')[1] == '\0');
}
END_TEST

static void spoil_and_read(int way)
{
    make_everything();
    spoil((enum way)way);
    for (unsigned i = 0; i < 2000 && *fence != UINT64_MAX; i++)
        usleep(1000);
    ck_assert_uint_eq(*fence, UINT64_MAX);
}

/* Of a program that makes no call any more, the touch itself tells. */
START_TEST(a_fence_that_is_only_read_is_let_go)
{
    own_machine();
    watch(spoil_and_read, CUT);
    told_once();
}
END_TEST

static void *wait_for_it(void *unused)
{
    const UINT64 value = 5;
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &waited_for,
                                                             .FenceValueArray = &value};
    (void)unused;
    kmt_WaitForSynchronizationObjectFromCpu(&wait);
    return NULL;
}

static void spoil_and_wait(int way)
{
    pthread_t thread;
    struct timespec end;
    make_everything();
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
    usleep(50000);
    spoil((enum way)way);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    ck_assert_int_eq(pthread_timedjoin_np(thread, NULL, &end), 0);
}

START_TEST(who_waits_is_let_go)
{
    static const int ways[] = {CUT, CUT_LATE, ZERO};
    own_machine();
    watch(spoil_and_wait, ways[_i]);
    told_once();
}
END_TEST

static void spoil_under_the_lock(int way)
{
    make_everything();
    const struct vidmm *mm = kit_mm();
    struct vid_paging paging = {0};
    struct vid_wish wish = {.size = MIB, .wanted = VID_LOCAL, .allowed = 1 << VID_LOCAL};
    uint32_t openings[3];
    uint64_t missing;
    vidmm_lock(mm);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(vidmm_create(mm, &wish, &openings[i]), STATUS_SUCCESS);
    spoil((enum way)way);
    vidmm_make_resident(mm, openings, 3, 0, &paging, &missing);
    vidmm_press(mm, VID_LOCAL, 60 * MIB);
    vidmm_offer(mm, openings[1], D3DKMT_OFFER_PRIORITY_LOW, false);
    vidmm_discard_offers(mm, 0);
    vidmm_reclaim(mm, openings[1], &paging);
    for (unsigned i = 0; i < 3; i++)
        vidmm_close(mm, openings[i]);
    vidmm_rebuild(mm);
    vidmm_unlock(mm);
    vidmm_lock(mm);
    vidmm_unlock(mm);
    use_what_is_left();
}

/* In the middle of the engine's work: what it then does is nobody's, but it comes to its end. */
START_TEST(work_that_is_under_way_ends)
{
    static const int ways[] = {CUT, CUT_LATE, CUT_TABLES};
    own_machine();
    watch(spoil_under_the_lock, ways[_i]);
    told_once();
}
END_TEST

static bool *ready; /* shared by processes */

static void work_until_lost(int unused)
{
    (void)unused;
    make_everything();
    __atomic_store_n(ready, true, __ATOMIC_RELEASE);
    while (!gpu_is_lost()) {
        const D3DKMT_OFFERALLOCATIONS offer = {.hDevice = device,
                                               .HandleList = &held,
                                               .NumAllocations = 1,
                                               .Priority = D3DKMT_OFFER_PRIORITY_LOW};
        D3DKMT_HANDLE more;
        struct winmem_gpu_allocation wanted = {MIB, WINMEM_GPU_LOCAL, 0};
        D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                       .PrivateDriverDataSize = sizeof wanted};
        D3DKMT_CREATEALLOCATION create = {
            .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
        if (kmt_CreateAllocation2(&create) != STATUS_SUCCESS)
            continue;
        more = info.hAllocation;
        D3DDDI_MAKERESIDENT data = {
            .hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &more};
        kmt_MakeResident(&data);
        kmt_OfferAllocations(&offer);
        try_reclaim();
        destroy_allocation(more);
    }
    use_what_is_left();
}

/* At any moment of a program that works all the time. */
START_TEST(any_moment_will_do)
{
    own_machine();
    snprintf(path, sizeof path, "%s/gpu-default", kit_directory);
    ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(ready, MAP_FAILED);
    fflush(NULL);
    pid_t spoiler = fork();
    if (spoiler == 0) {
        while (!__atomic_load_n(ready, __ATOMIC_ACQUIRE))
            usleep(100);
        usleep((useconds_t)(777 * _i));
        _exit(truncate(path, _i % 3 ? 0 : 1 << 16) != 0);
    }
    watch(work_until_lost, 0);
    told_once();
    waitpid(spoiler, NULL, 0);
}
END_TEST

static void attach_after_loss(int unused)
{
    (void)unused;
    make_everything();
    spoil(CUT);
    ck_assert_int_eq(try_create(), STATUS_DEVICE_REMOVED);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        D3DKMT_ENUMADAPTERS2 all = {0};
        /* it is refused the file that its parent still has open */
        NTSTATUS status = kmt_EnumAdapters2(&all);
        _exit(status == STATUS_SUCCESS && all.NumAdapters ? 1 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    gpu_detach();
    ck_assert(!gpu_is_lost());
    ck_assert_int_eq(gpu_attach(), STATUS_SUCCESS); /* made anew */
    ck_assert_int_eq(try_device(), STATUS_SUCCESS);
}

START_TEST(who_comes_later_has_a_new_machine)
{
    own_machine();
    watch(attach_after_loss, 0);
    ck_assert_msg(strstr(said, "made anew") != NULL, "%s", said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu_damage");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_call_answers_that_the_device_is_removed, 0, WAYS);
    tcase_add_loop_test(tests, an_exit_is_in_order, 0, WAYS);
    tcase_add_test(tests, a_fence_that_is_only_read_is_let_go);
    tcase_add_loop_test(tests, who_waits_is_let_go, 0, 3);
    tcase_add_loop_test(tests, work_that_is_under_way_ends, 0, 3);
    tcase_add_loop_test(tests, any_moment_will_do, 0, 24);
    tcase_add_test(tests, who_comes_later_has_a_new_machine);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
