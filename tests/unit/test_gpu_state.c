/* The machine as a file: found, made, refused, damaged; plans, and disks that are full. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <winmem/d3dkmthk.h>
#include <winmem/memoryapi.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/plan.h"
#include "d3dkmt/state.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "tests/unit/gpu_state_kit.h"

/* A refusal: one line on stderr that says `text`, and no machine. */
static void refused(const char *text)
{
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_DEVICE_REMOVED);
    ck_assert_msg(strstr(said, text) != NULL, "'%s' is not in '%s'", text, said);
    ck_assert_ptr_eq(strchr(said, '\n') + 1, said + strlen(said));
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_DEVICE_REMOVED);
    ck_assert_str_eq(said, ""); /* said once */
}

START_TEST(the_first_makes_it_and_the_second_finds_it)
{
    struct stat info;
    attached();
    attached();
    ck_assert_uint_eq(gpu_adapter_count(), 1);
    ck_assert_uint_eq(gpu_process(), 1);
    ck_assert_str_eq(gpu_machine()->description, SMALL);
    ck_assert_int_eq(stat(machine_path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_uint_eq((uint64_t)info.st_size, gpu_machine()->size);
    ck_assert_uint_lt((uint64_t)info.st_blocks * 512, 4 * MIB); /* the tables are holes */
    struct child child = start(use_ten, true);
    ck_assert_uint_eq(gpu_machine()->processes[2].pid, (uint32_t)child.pid);
    ck_assert_uint_eq(used(), 10 * MIB);
    all_valid();
    finish(child, true);
}
END_TEST

START_TEST(a_directory_that_others_may_write_to_is_refused)
{
    chmod(directory, 0770);
    refused("others may write to it");
    chmod(directory, 0755);
    attached();
}
END_TEST

START_TEST(a_directory_of_another_user_is_refused)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chown(directory, 12345, 0), 0);
    refused("belongs to another user");
}
END_TEST

START_TEST(a_link_is_no_directory)
{
    char link_path[80];
    snprintf(link_path, sizeof link_path, "%s/link", directory);
    ck_assert_int_eq(symlink("/tmp", link_path), 0);
    setenv("WINMEM_GPU_DIR", link_path, 1);
    refused("no directory");
}
END_TEST

START_TEST(a_directory_that_cannot_be_made_is_told)
{
    setenv("WINMEM_GPU_DIR", "/nosuch/directory", 1);
    refused("/nosuch/directory cannot be made");
}
END_TEST

START_TEST(without_a_setting_the_runtime_directory_is_taken)
{
    char path[100];
    unsetenv("WINMEM_GPU_DIR");
    unsetenv("WINMEM_GPU");
    setenv("XDG_RUNTIME_DIR", directory, 1);
    attached();
    snprintf(path, sizeof path, "%s/winmem/gpu-default", directory);
    ck_assert_int_eq(access(path, R_OK), 0);
    ck_assert_str_eq(gpu_machine()->description, vid_plan_default);
}
END_TEST

START_TEST(files_of_others_are_refused)
{
    ck_assert_int_eq(symlink("/dev/zero", machine_path), 0);
    refused("no file of this user alone");
}
END_TEST

START_TEST(a_file_that_others_may_read_is_refused)
{
    int file = open(machine_path, O_CREAT | O_RDWR, 0600);
    fchmod(file, 0640);
    close(file);
    refused("no file of this user alone");
}
END_TEST

/* Every way of damage. */
static void spoil(int way)
{
    int file = open(machine_path, O_RDWR);
    struct vid_machine *machine = calloc(1, sizeof *machine);
    ck_assert_int_gt(pread(file, machine, sizeof *machine, 0), 0);
    off_t adapter = (off_t)machine->adapters_at, at = 0;
    uint64_t value = 0x4141414141414141, size = 8;
    switch (way) {
    case 0:
        at = offsetof(struct vid_machine, magic);
        break;
    case 1:
        at = offsetof(struct vid_machine, layout), value = VID_LAYOUT + 1, size = 4;
        break;
    case 2:
        at = offsetof(struct vid_machine, size);
        break;
    case 3:
        at = offsetof(struct vid_machine, adapters_at);
        break;
    case 4:
        at = offsetof(struct vid_machine, adapter_count), size = 4;
        break;
    case 5:
        at = offsetof(struct vid_machine, description);
        break;
    case 6:
        at = adapter + (off_t)offsetof(struct vid_adapter, allocations_at);
        break;
    case 7:
        at = adapter + (off_t)offsetof(struct vid_adapter, segments[VID_LOCAL].size);
        break;
    case 8:
        at = adapter + (off_t)offsetof(struct vid_adapter, openings_used), size = 4;
        break;
    case 9:
        at = offsetof(struct vid_machine, values_at);
        break;
    case 10:
        ck_assert_int_eq(ftruncate(file, 100), 0);
        break;
    case 11:
        ck_assert_int_eq(ftruncate(file, (off_t)machine->size - 4096), 0);
        break;
    default:
        ck_assert_int_eq(ftruncate(file, 0), 0);
    }
    if (way < 10)
        ck_assert_int_eq(pwrite(file, &value, size, at), (ssize_t)size);
    close(file);
    free(machine);
}
#define WAYS 13

START_TEST(a_damaged_machine_that_nobody_uses_is_made_anew)
{
    attached();
    gpu_detach();
    spoil(_i);
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_SUCCESS);
    ck_assert_msg(strstr(said, "made anew") != NULL, "%s", said);
    use_ten();
    all_valid();
    gpu_detach();
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_SUCCESS);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(a_damaged_machine_in_use_is_refused)
{
    struct child child = start(NULL, true);
    struct stat before, after;
    spoil(_i);
    ck_assert_int_eq(stat(machine_path, &before), 0);
    refused("refused");
    ck_assert_int_eq(stat(machine_path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    finish(child, true);
}
END_TEST

START_TEST(another_plan_is_for_a_machine_that_nobody_uses)
{
    struct child child = start(use_ten, true);
    setenv("WINMEM_GPU", OTHER, 1);
    refused(SMALL);
    ck_assert(strstr(said, "") != NULL);
    finish(child, true);
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_SUCCESS);
    ck_assert_msg(strstr(said, "WINMEM_GPU has changed") != NULL, "%s", said);
    ck_assert_uint_eq(gpu_adapter(0)->adapter->segments[VID_LOCAL].size, 32 * MIB);
}
END_TEST

START_TEST(without_a_plan_the_machine_that_is_there_will_do)
{
    setenv("WINMEM_GPU", "name=default; adapter local=48M nonlocal=0", 1);
    attached();
    gpu_detach();
    unsetenv("WINMEM_GPU");
    attached();
    ck_assert_uint_eq(gpu_adapter(0)->adapter->segments[VID_LOCAL].size, 48 * MIB);
}
END_TEST

START_TEST(a_plan_that_is_not_understood_counts_as_not_set)
{
    setenv("WINMEM_GPU", "name=t; adapter local=lots", 1);
    ck_assert_int_eq(listen_to(gpu_attach), STATUS_SUCCESS);
    ck_assert_str_eq(said, "winmem: WINMEM_GPU: 'local=lots': it cannot have this value; counts as "
                           "not set; allowed: [name=NAME] [seed=N]; adapter local=SIZE ...\n");
    ck_assert_str_eq(gpu_machine()->description, vid_plan_default);
}
END_TEST

static NTSTATUS see_ticker(void)
{
    return ticker_is_on();
}

/* By number of the test: what is said, and whether time goes on by itself. */
START_TEST(the_setting_of_the_ticker)
{
    static const struct {
        const char *value, *said;
        bool on;
    } cases[] = {
        {"nonsense", "winmem: WINMEM_GPU_TICK='nonsense': counts as not set; allowed: 0, 1\n",
         true},
        {"00", "winmem: WINMEM_GPU_TICK='00': counts as not set; allowed: 0, 1\n", true},
        {"0", "", false},
        {"1", "", true},
        {"", "", true},
    };
    setenv("WINMEM_GPU_TICK", cases[_i].value, 1);
    ck_assert_int_eq(listen_to(see_ticker), cases[_i].on);
    ck_assert_str_eq(said, cases[_i].said);
    ck_assert_int_eq(listen_to(see_ticker), cases[_i].on);
    ck_assert_str_eq(said, ""); /* said once */
}
END_TEST

START_TEST(what_was_configured_stays_while_nobody_is_there)
{
    attached();
    vidmm_lock(gpu_adapter(0));
    vidmm_press(gpu_adapter(0), VID_LOCAL, 5 * MIB);
    gpu_adapter(0)->adapter->clock = 77;
    vidmm_unlock(gpu_adapter(0));
    use_ten();
    gpu_detach();
    attached();
    ck_assert_uint_eq(gpu_adapter(0)->adapter->segments[VID_LOCAL].pressure, 5 * MIB);
    ck_assert_uint_eq(gpu_adapter(0)->adapter->clock, 77);
    ck_assert_uint_eq(used(), 0);
    ck_assert_uint_eq(gpu_adapter(0)->adapter->live, 0);
    all_valid();
}
END_TEST

START_TEST(makers_race)
{
    enum { MAKERS = 8 };
    for (int round = 0; round < 10; round++) {
        pid_t pids[MAKERS];
        int go[2], results[2];
        ck_assert_int_eq(pipe(go), 0);
        ck_assert_int_eq(pipe(results), 0);
        fflush(NULL);
        for (int i = 0; i < MAKERS; i++) {
            pids[i] = fork();
            if (pids[i])
                continue;
            struct stat info = {0};
            char byte;
            close(go[1]);
            bool good = read(go[0], &byte, 1) == 0 && gpu_attach() == STATUS_SUCCESS &&
                        stat(machine_path, &info) == 0;
            uint64_t told[2] = {good ? info.st_ino : 0, gpu_process()};
            if (write(results[1], told, sizeof told) != sizeof told)
                _exit(1);
            pause();
        }
        close(go[1]);
        uint64_t told[2], inode = 0, slots = 0;
        for (int i = 0; i < MAKERS; i++) {
            ck_assert_int_eq(read(results[0], told, sizeof told), sizeof told);
            ck_assert_uint_ne(told[0], 0);
            ck_assert(!inode || inode == told[0]); /* one machine for all */
            ck_assert(!(slots >> told[1] & 1));    /* and a slot for each */
            inode = told[0];
            slots |= 1ull << told[1];
        }
        for (int i = 0; i < MAKERS; i++)
            kill(pids[i], SIGKILL);
        for (int i = 0; i < MAKERS; i++)
            waitpid(pids[i], NULL, 0);
        close(go[0]);
        close(results[0]);
        close(results[1]);
        if (round % 2)
            unlink(machine_path);
        else
            spoil(round / 2);
    }
}
END_TEST

START_TEST(a_maker_that_dies_leaves_no_machine)
{
    char half[96];
    snprintf(half, sizeof half, "%s.new", machine_path);
    for (int i = 0; i < 40; i++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            gpu_attach();
            pause();
        }
        usleep((useconds_t)(i * 50));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        ck_assert_int_eq(listen_to(gpu_attach), STATUS_SUCCESS);
        ck_assert_str_eq(said, ""); /* nothing was mistaken for one */
        ck_assert_int_ne(access(half, F_OK), 0);
        use_ten();
        all_valid();
        gpu_detach();
        unlink(machine_path);
    }
}
END_TEST

/* The host whose n-th call about shared files fails. */
static const struct host_ops *real;
static unsigned calls, fail_at;
static bool fails(void)
{
    return ++calls == fail_at;
}
static int fake_map(int file, uint64_t offset, uint64_t size, unsigned access, uint64_t address,
                    uint64_t *ret_address)
{
    return fails() ? -ENOMEM : real->shared_map(file, offset, size, access, address, ret_address);
}
static int fake_fill(int file, uint64_t offset, uint64_t size)
{
    return fails() ? -ENOSPC : real->shared_fill(file, offset, size);
}

START_TEST(a_full_disk_is_no_memory)
{
    struct host_ops fake = *host;
    real = host;
    fake.shared_map = fake_map;
    fake.shared_fill = fake_fill;
    setenv("WINMEM_GPU", DOUBLE, 1);
    for (fail_at = 1;; fail_at++) {
        calls = 0;
        host = &fake;
        NTSTATUS status = listen_to(gpu_attach);
        host = real;
        if (calls < fail_at) {
            ck_assert_int_eq(status, STATUS_SUCCESS);
            break;
        }
        ck_assert_int_eq(status, STATUS_NO_MEMORY);
        ck_assert(fail_at > 1 || strstr(said, machine_path) != NULL);
        ck_assert_int_ne(access(machine_path, F_OK), 0);
    }
    ck_assert_uint_eq(fail_at, 5); /* head, two tables of events, the mapping */
    all_valid();
}
END_TEST

START_TEST(a_full_disk_fails_an_allocation)
{
    struct host_ops fake = *host;
    struct vid_wish wish = {.size = MIB, .handle = 1, .wanted = 1, .allowed = 1 << VID_LOCAL};
    uint32_t opening = 4711;
    attached();
    real = host;
    fake.shared_fill = fake_fill;
    for (fail_at = 1; fail_at <= 2; fail_at++) {
        calls = 0;
        host = &fake;
        vidmm_lock(gpu_adapter(0));
        vidmm_add_device(gpu_adapter(0));
        ck_assert_int_eq(vidmm_create(gpu_adapter(0), &wish, &opening), STATUS_NO_MEMORY);
        vidmm_unlock(gpu_adapter(0));
        host = real;
        ck_assert_uint_eq(opening, 4711);
        all_valid();
    }
    use_ten();
    all_valid();
}
END_TEST

static NTSTATUS create_one(void)
{
    struct vid_wish wish = {.size = MIB, .handle = 1, .wanted = 1, .allowed = 1 << VID_LOCAL};
    uint32_t opening;
    vidmm_lock(gpu_adapter(0));
    NTSTATUS status = vidmm_create(gpu_adapter(0), &wish, &opening);
    vidmm_unlock(gpu_adapter(0));
    return status;
}

static NTSTATUS share_one(void)
{
    return share_contents_create(9, MIB);
}

static NTSTATUS share_one_back(void)
{
    return share_contents_back(8);
}

/* By number of the test: who says that there is no room; and only the first time. */
START_TEST(no_room_is_told_once)
{
    static const struct {
        NTSTATUS (*work)(void);
        const char *what;
    } cases[] = {{create_one, "more allocations"},
                 {share_one, "shared memory"},
                 {share_one_back, "shared memory"}};
    struct host_ops fake = *host;
    char line[256];
    attached();
    ck_assert_int_eq(share_contents_create(8, 4096), STATUS_SUCCESS);
    snprintf(line, sizeof line,
             "winmem: simulated GPU: %s: no room for %s: No space left on device; calls that need "
             "it fail\n",
             directory, cases[_i].what);
    real = host;
    fake.shared_fill = fake_fill;
    for (unsigned time = 0; time < 2; time++) {
        calls = 0;
        fail_at = 1;
        host = &fake;
        NTSTATUS status = listen_to(cases[_i].work);
        host = real;
        ck_assert_int_eq(status, STATUS_NO_MEMORY);
        ck_assert_str_eq(said, time ? "" : line);
    }
}
END_TEST

START_TEST(a_small_file_system_is_no_memory)
{
    if (geteuid() != 0 || mount("winmem", directory, "tmpfs", 0, "size=1m,mode=0700") != 0)
        return;
    NTSTATUS status = listen_to(gpu_attach);
    int left = access(machine_path, F_OK);
    umount2(directory, MNT_DETACH);
    ck_assert_int_eq(status, STATUS_NO_MEMORY);
    ck_assert_msg(strstr(said, "No space left") != NULL, "%s", said);
    ck_assert_int_ne(left, 0);
}
END_TEST

START_TEST(a_file_system_that_fills_up_raises_no_signal)
{
    struct vid_wish wish = {.size = 4096, .handle = 1, .wanted = 2, .allowed = 1 << VID_NONLOCAL};
    uint32_t opening, count = 0;
    if (geteuid() != 0 || mount("winmem", directory, "tmpfs", 0, "size=6m,mode=0700") != 0)
        return;
    NTSTATUS status = gpu_attach(), last = STATUS_SUCCESS;
    if (status == STATUS_SUCCESS) {
        vidmm_lock(gpu_adapter(0));
        vidmm_add_device(gpu_adapter(0));
        while (count < 1000000 && last == STATUS_SUCCESS) {
            last = vidmm_create(gpu_adapter(0), &wish, &opening);
            count++;
        }
        vidmm_unlock(gpu_adapter(0));
        all_valid();
        gpu_detach();
    }
    umount2(directory, MNT_DETACH);
    ck_assert_int_eq(status, STATUS_SUCCESS);
    ck_assert_int_eq(last, STATUS_NO_MEMORY);
    ck_assert_uint_gt(count, 1000);
}
END_TEST

START_TEST(a_tool_looks_without_a_slot)
{
    ck_assert_int_eq(gpu_observe(), GPU_ABSENT);
    ck_assert_int_ne(access(machine_path, F_OK), 0);
    struct child child = start(use_ten, true);
    setenv("WINMEM_GPU", OTHER, 1); /* whatever it was made from */
    ck_assert_int_eq(gpu_observe(), GPU_FOUND);
    ck_assert_uint_eq(gpu_process(), VID_NONE);
    ck_assert_uint_eq(used(), 10 * MIB);
    finish(child, true);
    ck_assert(gpu_sweep_dead_now());
    ck_assert_uint_eq(used(), 0);
    all_valid();
    gpu_detach();
}
END_TEST

START_TEST(a_machine_in_use_is_not_destroyed)
{
    ck_assert_int_eq(gpu_destroy(), GPU_ABSENT);
    struct child child = start(NULL, true);
    ck_assert_int_eq(gpu_destroy(), GPU_IN_USE);
    ck_assert_int_eq(access(machine_path, F_OK), 0);
    finish(child, true);
    spoil(12); /* sound or not */
    ck_assert_int_eq(gpu_destroy(), GPU_FOUND);
    ck_assert_int_ne(access(machine_path, F_OK), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_first_makes_it_and_the_second_finds_it);
    tcase_add_test(tests, a_directory_that_others_may_write_to_is_refused);
    tcase_add_test(tests, a_directory_of_another_user_is_refused);
    tcase_add_test(tests, a_link_is_no_directory);
    tcase_add_test(tests, a_directory_that_cannot_be_made_is_told);
    tcase_add_test(tests, without_a_setting_the_runtime_directory_is_taken);
    tcase_add_test(tests, files_of_others_are_refused);
    tcase_add_test(tests, a_file_that_others_may_read_is_refused);
    tcase_add_loop_test(tests, a_damaged_machine_that_nobody_uses_is_made_anew, 0, WAYS);
    tcase_add_loop_test(tests, a_damaged_machine_in_use_is_refused, 0, WAYS);
    tcase_add_test(tests, another_plan_is_for_a_machine_that_nobody_uses);
    tcase_add_test(tests, without_a_plan_the_machine_that_is_there_will_do);
    tcase_add_test(tests, a_plan_that_is_not_understood_counts_as_not_set);
    tcase_add_loop_test(tests, the_setting_of_the_ticker, 0, 5);
    tcase_add_test(tests, what_was_configured_stays_while_nobody_is_there);
    tcase_add_test(tests, makers_race);
    tcase_add_test(tests, a_maker_that_dies_leaves_no_machine);
    tcase_add_test(tests, a_full_disk_is_no_memory);
    tcase_add_test(tests, a_full_disk_fails_an_allocation);
    tcase_add_loop_test(tests, no_room_is_told_once, 0, 3);
    tcase_add_test(tests, a_small_file_system_is_no_memory);
    tcase_add_test(tests, a_file_system_that_fills_up_raises_no_signal);
    tcase_add_test(tests, a_tool_looks_without_a_slot);
    tcase_add_test(tests, a_machine_in_use_is_not_destroyed);
    return suite_run("gpu_state", tests);
}
