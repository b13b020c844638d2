/*
 * How much memory there is: a made machine (files below a folder that stands for "/") with control
 * groups of both versions, the setting, and the thread that watches.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/winnt.h>
#include "memoryapi/kept_file.h"
#include "memoryapi/memory_group.h"
#include "memoryapi/mm.h"
#include "memoryapi/pressure.h"
#include "memoryapi/textfile.h"
#include "tests/unit/machine_kit.h"

static struct mm_memory look(void)
{
    struct mm_memory memory;
    ck_assert(pressure_read(&memory));
    return memory;
}

START_TEST(lines_of_any_length)
{
    struct text_file text;
    char longer[3001];
    memset(longer, 'x', 3000);
    longer[3000] = '\0';
    make_machine(64, 64);
    FILE *file = fopen(strcat(strcpy((char[128]){""}, root), "/lines"), "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "first\n\n%s\nlast", longer);
    fclose(file);
    ck_assert_int_eq(text_open(&text, "/lines"), 0);
    ck_assert_str_eq(text_line(&text), "first");
    ck_assert_str_eq(text_line(&text), "");
    ck_assert_uint_eq(strspn(text_line(&text), "x"), 1023);
    ck_assert_str_eq(text_line(&text), "last");
    ck_assert_ptr_null(text_line(&text));
    text_close(&text);
    remove_machine();
}
END_TEST

static char *kept_now(struct kept_file *kept, const char *path)
{
    kept_lock();
    char *text = kept_read(kept, path);
    kept_unlock();
    return text;
}

/* It stays open, over all that a program may do to it. */
START_TEST(kept_files)
{
    struct kept_file kept = {0};
    char path[80];
    uint64_t number = 0;
    make_machine(64, 64); /* for a folder */
    __atomic_store_n(&text_root, "", __ATOMIC_RELAXED);
    snprintf(path, sizeof path, "%s/number", root);
    ck_assert_ptr_null(kept_now(&kept, path));
    make("/number", "12\n");
    ck_assert_str_eq(kept_now(&kept, path), "12\n");
    int file = kept.number - 1;
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(fcntl(file, F_GETFD), FD_CLOEXEC);
    make("/number", "345\n"); /* the same file, written anew */
    kept_lock();
    ck_assert(kept_number(&kept, path, &number));
    kept_unlock();
    ck_assert_uint_eq(number, 345);
    ck_assert_int_eq(kept.number - 1, file);
    /* closed by the program */
    ck_assert_int_eq(close(file), 0);
    ck_assert_str_eq(kept_now(&kept, path), "345\n");
    /* and its number is another file of the program, which stays open */
    file = kept.number - 1;
    int other = open("/dev/zero", O_RDONLY);
    ck_assert_int_eq(dup2(other, file), file);
    ck_assert_str_eq(kept_now(&kept, path), "345\n");
    ck_assert_int_ne(kept.number - 1, file);
    ck_assert_int_eq(read(file, &number, 1), 1);
    /* the child of a fork reads what is said of itself */
    struct kept_file own = {0};
    ck_assert_ptr_nonnull(kept_now(&own, "/proc/self/stat"));
    pid_t child = fork();
    if (child == 0) {
        char *text = kept_now(&own, "/proc/self/stat");
        _exit(text && atoi(text) == getpid() ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(atoi(kept_now(&own, "/proc/self/stat")), getpid());
    remove_machine();
}
END_TEST

START_TEST(a_machine_without_groups)
{
    make_machine(8192, 4096);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.total, 8192 * M);
    ck_assert_uint_eq(memory.available, 4096 * M);
    ck_assert_uint_eq(memory.limit, UINT64_MAX);
    ck_assert_uint_eq(memory.swap_total, G);
    ck_assert_uint_eq(memory.swap_free, 512 * M);
    ck_assert_uint_eq(memory.commit_limit, 4 * G);
    ck_assert_uint_eq(memory.commit_used, 64 * M);
    ck_assert_uint_eq(memory.cached, 3 * M);
    ck_assert(!memory.commit_strict);
    make("/proc/sys/vm/overcommit_memory", "2\n");
    ck_assert(look().commit_strict);
    remove_machine();
    memory.total = 77;
    __atomic_store_n(&text_root, "/nowhere", __ATOMIC_RELAXED);
    ck_assert(!pressure_read(&memory));
    ck_assert_uint_eq(memory.total, 77);
    __atomic_store_n(&text_root, "", __ATOMIC_RELAXED);
}
END_TEST

/* Old documentation: about 32 MB for 4 GB, at most 64 MB; high is three times that. */
START_TEST(levels)
{
    static const struct {
        unsigned total, available, low;
        enum memory_level level;
    } cases[] = {
        {24576, 63, 64, MEMORY_LOW},     {24576, 64, 64, MEMORY_MIDDLE},
        {24576, 191, 64, MEMORY_MIDDLE}, {24576, 192, 64, MEMORY_HIGH},
        {4096, 31, 32, MEMORY_LOW},      {4096, 32, 32, MEMORY_MIDDLE},
        {4096, 96, 32, MEMORY_HIGH},     {8192, 63, 64, MEMORY_LOW},
        {128, 15, 16, MEMORY_LOW},       {128, 48, 16, MEMORY_HIGH},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_machine(cases[i].total, cases[i].available);
        struct mm_memory memory = look();
        ck_assert_uint_eq(memory.low, cases[i].low * M);
        ck_assert_int_eq(memory.level, cases[i].level);
        remove_machine();
    }
}
END_TEST

static void make_v2(const char *mountinfo, const char *own)
{
    make("/proc/self/mountinfo", mountinfo);
    make("/proc/self/cgroup", own);
}

START_TEST(version_2_nested)
{
    make_machine(8192, 4096);
    make_v2("22 1 0:20 / / rw - ext4 /dev/root rw\n"
            "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
            "0::/outer/inner\n");
    make_number("/sys/fs/cgroup/outer/memory.max", 100 * M);
    make_number("/sys/fs/cgroup/outer/memory.current", 90 * M);
    make("/sys/fs/cgroup/outer/memory.stat",
         "anon 5\nfile 31457289\nactive_file 9\ninactive_file 31457280\n");
    make("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
    make_number("/sys/fs/cgroup/outer/inner/memory.current", 10 * M);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.limit, 100 * M);
    ck_assert_uint_eq(memory.total, 100 * M);
    ck_assert_uint_eq(memory.available, 40 * M); /* 100 - (90 - 30) */

    /* a limit of its own, less tight in size but with less left */
    make_number("/sys/fs/cgroup/outer/inner/memory.max", 200 * M);
    make_number("/sys/fs/cgroup/outer/inner/memory.current", 190 * M);
    memory = look();
    ck_assert_uint_eq(memory.total, 100 * M);
    ck_assert_uint_eq(memory.available, 10 * M);

    /* what is throttled above memory.high cannot be had either */
    make_number("/sys/fs/cgroup/outer/memory.high", 65 * M);
    make_number("/sys/fs/cgroup/outer/memory.swap.max", 7 * M);
    memory = look();
    ck_assert_uint_eq(memory.total, 65 * M);
    ck_assert_uint_eq(memory.available, 5 * M);
    ck_assert_uint_eq(memory.swap_total, 7 * M);
    ck_assert_uint_eq(memory.swap_free, 7 * M);

    struct memory_group group;
    char path[TEXT_PATH];
    memory_group_find(&group);
    ck_assert(memory_group_tightest(&group, "memory.pressure", path));
    ck_assert_str_eq(path, "/sys/fs/cgroup/outer/memory.pressure");
    remove_machine();
}
END_TEST

/* Memory is counted in the outer group only: its limit holds for the inner one, too. */
START_TEST(version_2_controller_above)
{
    make_machine(8192, 4096);
    make_v2("30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/outer/inner\n");
    make_number("/sys/fs/cgroup/outer/memory.max", 100 * M);
    make_number("/sys/fs/cgroup/outer/memory.current", 130 * M);
    make("/sys/fs/cgroup/outer/inner/cgroup.procs", "1\n");
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.total, 100 * M);
    ck_assert_uint_eq(memory.available, 0); /* not below */
    remove_machine();
}
END_TEST

START_TEST(a_container_sees_its_part)
{
    make_machine(8192, 4096);
    /* the mount shows the hierarchy from /docker/7 on */
    make_v2("30 22 0:26 /docker/7 /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n", "0::/docker/7/job\n");
    make_number("/sys/fs/c g/job/memory.max", 50 * M);
    make_number("/sys/fs/c g/job/memory.current", 20 * M);
    make_number("/sys/fs/c g/memory.max", 500 * M);
    make_number("/sys/fs/c g/memory.current", 480 * M);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.total, 50 * M);
    ck_assert_uint_eq(memory.available, 20 * M);
    /* "/docker/77" is not below "/docker/7" */
    make("/proc/self/cgroup", "0::/docker/77\n");
    ck_assert_uint_eq(look().total, 500 * M);
    make("/proc/self/cgroup", "0::/../elsewhere\n");
    ck_assert_uint_eq(look().total, 500 * M);
    remove_machine();
}
END_TEST

START_TEST(version_1_beside_an_empty_version_2)
{
    make_machine(8192, 4096);
    make_v2("41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpuset,memory\n",
            "5:cpu:/wrong\n4:cpuset,memory:/a/b\n0::/\n");
    make_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", 9223372036854771712ull);
    make_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", G);
    make_number("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", 300 * M);
    make_number("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", 290 * M);
    make("/sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 20971520\n");
    make_number("/sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes", 310 * M);
    make_number("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", 9223372036854771712ull);
    make_number("/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", 3 * M);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.total, 300 * M);
    ck_assert_uint_eq(memory.available, 30 * M);
    ck_assert_uint_eq(memory.swap_total, 10 * M);
    remove_machine();
}
END_TEST

/* meminfo of 8 GiB with 4 GiB available; the rest in MiB. */
static void make_lists(unsigned cached, unsigned shared, unsigned active, unsigned inactive)
{
    char text[512];
    snprintf(text, sizeof text,
             "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nBuffers: 10240 kB\nCached: %u kB\n"
             "SwapCached: 999999 kB\nActive(file): %u kB\nInactive(file): %u kB\n"
             "Unevictable: 5120 kB\nShmem: %u kB\n",
             (cached - 10) << 10, active << 10, inactive << 10, shared << 10);
    make("/proc/meminfo", text);
}

/* Gives that much to the kernel, as the books see it. */
static void *give(unsigned mib)
{
    setenv("WINMEM_AVAILABLE", "1024G", 1); /* pretended, though larger: low offers go at once */
    pressure_read_setting();
    char *memory = VirtualAlloc(NULL, mib * M, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq(OfferVirtualMemory(memory, mib * M, VmOfferPriorityVeryLow), 0);
    struct mm_offers offers;
    mm_offer_state(&offers);
    ck_assert_uint_eq(offers.given, mib * M);
    return memory;
}

/* What is on the file lists and is no file was freed lazily: only what is ours still can be had. */
START_TEST(lazily_freed_pages)
{
    make_machine(8192, 4096);
    make_lists(700, 100, 200, 400); /* all of the lists are files */
    ck_assert_uint_eq(look().available, 4 * G);
    make_lists(700, 100, 200, 300); /* as many are locked in memory */
    ck_assert_uint_eq(look().available, 4 * G);
    make_lists(700, 100, 200, 1400);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.available, 3 * G + 24 * M);
    ck_assert_uint_eq(memory.given, 0);
    void *given = give(64);
    memory = look();
    ck_assert_uint_eq(memory.available, 3 * G + 88 * M);
    ck_assert_uint_eq(memory.given, 64 * M);
    make_lists(700, 100, 200, 440); /* 24 MiB were dropped, or never touched */
    memory = look();
    ck_assert_uint_eq(memory.available, 4 * G);
    ck_assert_uint_eq(memory.given, 40 * M);
    ck_assert_uint_eq(ReclaimVirtualMemory(given, 64 * M), 0);
    ck_assert_uint_eq(look().available, 4 * G - 40 * M);
    remove_machine();
}
END_TEST

/* The kernel leaves half of the lists out, at most up to its low mark: that is not left out twice. */
START_TEST(lazily_freed_pages_and_few_files)
{
    make_machine(8192, 4096);
    make("/proc/zoneinfo",
         "Node 0, zone DMA\n  pages free 9\n        min      8\n        low      5120\n"
         "        high     9999\nNode 0, zone Normal\n        low      10240\n");
    /* the low mark is 60 MiB; 1000 less 60 were counted, and 40 less 20 can be had */
    make_lists(50, 10, 0, 1000);
    ck_assert_uint_eq(look().available, 4 * G - 940 * M + 20 * M);
    make_lists(310, 10, 0, 1000);
    ck_assert_uint_eq(look().available, 4 * G - 700 * M);
    remove_machine();
}
END_TEST

static void in_box(bool old, unsigned used, const char *stat)
{
    const char *folder = old ? "/sys/fs/cgroup/memory/box" : "/sys/fs/cgroup/box";
    char path[128];
    make("/proc/self/cgroup", old ? "4:memory:/box\n" : "0::/box\n");
    make("/proc/self/mountinfo",
         old ? "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             : "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    snprintf(path, sizeof path, "%s/memory.%s", folder, old ? "limit_in_bytes" : "max");
    make_number(path, 300 * M);
    snprintf(path, sizeof path, "%s/memory.%s", folder, old ? "usage_in_bytes" : "current");
    make_number(path, used * M);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    make(path, stat);
}

/* 290 MiB used: 40 files on the lists, 30 of them not used lately, 10 shared, 20 being swapped. */
START_TEST(lazily_freed_pages_of_a_group)
{
    static const char *const stats[] = {
        "anon 7\nfile 73400320\nshmem 10485760\nswapcached 20971520\nactive_file 10485760\n"
        "inactive_file %llu\n",
        "cache 7\nshmem 7\nactive_file 7\ninactive_file 7\nswapcached 7\ntotal_cache 73400320\n"
        "total_shmem 10485760\ntotal_swapcached 20971520\ntotal_active_file 10485760\n"
        "total_inactive_file %llu\n"};
    char text[512];
    void *given = NULL;
    make_machine(8192, 4096);
    for (unsigned round = 0; round < 2; round++) {
        snprintf(text, sizeof text, stats[_i], (30 + 150 * round) * M);
        in_box(_i == 1, 290, text);
        ck_assert_uint_eq(look().available, 40 * M);
    }
    given = give(100);
    struct mm_memory memory = look();
    ck_assert_uint_eq(memory.available, 140 * M);
    ck_assert_uint_eq(memory.given, 100 * M);
    ck_assert_uint_eq(ReclaimVirtualMemory(given, 100 * M), 0);
    ck_assert_uint_eq(look().available, 40 * M);
    /* a kernel that does not tell the files apart */
    in_box(_i == 1, 290, _i == 1 ? "total_inactive_file 31457280\n" : "inactive_file 31457280\n");
    ck_assert_uint_eq(look().available, 40 * M);
    remove_machine();
}
END_TEST

START_TEST(setting_pretends)
{
    char file[80];
    make_machine(8192, 4096);
    setenv("WINMEM_AVAILABLE", "64M", 1);
    pressure_read_setting();
    ck_assert_uint_eq(look().available, 64 * M);
    setenv("WINMEM_AVAILABLE", "5G", 1); /* more than there is */
    pressure_read_setting();
    ck_assert_uint_eq(look().available, 4 * G);
    setenv("WINMEM_AVAILABLE", "12345", 1);
    pressure_read_setting();
    ck_assert_uint_eq(look().available, 12345);

    snprintf(file, sizeof file, "@%s/size", root);
    setenv("WINMEM_AVAILABLE", file, 1);
    pressure_read_setting();
    make("/size", "7K\n");
    ck_assert_uint_eq(look().available, 7 << 10);
    make("/size", "8K");
    ck_assert_uint_eq(look().available, 8 << 10);
    remove_machine();
}
END_TEST

static const char *const wrong_settings[] = {
    "much", "-5", "64X", "64MB", " 5", "M", "@", "5 M2", "99999999999999999999", "20000000000G"};

/* One line on stderr, and it counts as not set. */
START_TEST(a_wrong_setting_is_told)
{
    int pipes[2];
    char said[512] = "";
    make_machine(8192, 4096);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
    setenv("WINMEM_AVAILABLE", wrong_settings[_i], 1);
    pressure_read_setting();
    ck_assert_uint_eq(look().available, 4 * G);
    ck_assert_int_gt(read(pipes[0], said, sizeof said - 1), 0);
    ck_assert_ptr_nonnull(strstr(said, "WINMEM_AVAILABLE"));
    remove_machine();
}
END_TEST

static int last_level = -1;
static unsigned calls;

static void note(const struct mm_memory *memory)
{
    __atomic_store_n(&last_level, (int)memory->level, __ATOMIC_RELEASE);
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELEASE);
}

static bool level_becomes(int level)
{
    for (int i = 0; i < 500; i++) {
        if (__atomic_load_n(&last_level, __ATOMIC_ACQUIRE) == level)
            return true;
        usleep(10000);
    }
    return false;
}

static void watch_a_file(void)
{
    char file[80];
    make_machine(8192, 4096);
    snprintf(file, sizeof file, "@%s/size", root);
    setenv("WINMEM_AVAILABLE", file, 1);
    make("/size", "4G\n");
    pressure_read_setting();
}

START_TEST(subscribers_are_told)
{
    watch_a_file();
    ck_assert(!pressure_is_watched());
    ck_assert_int_eq(pressure_subscribe(note), STATUS_SUCCESS);
    ck_assert_int_eq(pressure_subscribe(note), STATUS_SUCCESS);
    ck_assert(pressure_is_watched());
    ck_assert(level_becomes(MEMORY_HIGH)); /* at once */
    make("/size", "1M\n");
    ck_assert(level_becomes(MEMORY_LOW));
    make("/size", "100M\n");
    ck_assert(level_becomes(MEMORY_MIDDLE));
    /* after each look, once, however often it subscribed: a file is looked at each 20 ms */
    unsigned before = __atomic_load_n(&calls, __ATOMIC_ACQUIRE);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    usleep(200000);
    unsigned told = __atomic_load_n(&calls, __ATOMIC_ACQUIRE) - before;
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t spent = (uint64_t)(end.tv_sec - start.tv_sec) * 1000 +
                     (uint64_t)(end.tv_nsec - start.tv_nsec + 1000000) / 1000000;
    ck_assert_uint_ge(told, 1);
    ck_assert_uint_le(told, spent / 20 + 1);
    pressure_unsubscribe(note);
    usleep(50000);
    make("/size", "1M\n");
    usleep(200000);
    ck_assert_int_eq(__atomic_load_n(&last_level, __ATOMIC_ACQUIRE), MEMORY_MIDDLE);
    remove_machine();
}
END_TEST

START_TEST(a_look_that_is_asked_for)
{
    make_machine(8192, 4096); /* plenty: a look each second */
    ck_assert_int_eq(pressure_subscribe(note), STATUS_SUCCESS);
    ck_assert(level_becomes(MEMORY_HIGH));
    for (unsigned i = 0; i < 10; i++) {
        unsigned before = __atomic_load_n(&calls, __ATOMIC_ACQUIRE);
        pressure_look_again();
        for (int wait = 0; wait < 50 && __atomic_load_n(&calls, __ATOMIC_ACQUIRE) == before; wait++)
            usleep(10000);
        ck_assert_uint_gt(__atomic_load_n(&calls, __ATOMIC_ACQUIRE), before);
    }
    remove_machine();
}
END_TEST

START_TEST(a_child_has_no_thread_until_it_asks)
{
    watch_a_file();
    ck_assert_int_eq(pressure_subscribe(note), STATUS_SUCCESS);
    ck_assert(level_becomes(MEMORY_HIGH));
    pid_t child = fork();
    if (child == 0) {
        int good = !pressure_is_watched();
        last_level = -1;
        good = good && pressure_subscribe(note) == STATUS_SUCCESS && level_becomes(MEMORY_HIGH);
        _exit(good ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    /* the parent's thread goes on */
    make("/size", "1M\n");
    ck_assert(level_becomes(MEMORY_LOW));
    remove_machine();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pressure");
    TCase *files = tcase_create("files"), *thread = tcase_create("thread");
    tcase_add_test(files, lines_of_any_length);
    tcase_add_test(files, a_machine_without_groups);
    tcase_add_test(files, levels);
    tcase_add_test(files, version_2_nested);
    tcase_add_test(files, version_2_controller_above);
    tcase_add_test(files, a_container_sees_its_part);
    tcase_add_test(files, version_1_beside_an_empty_version_2);
    tcase_add_test(files, lazily_freed_pages);
    tcase_add_test(files, lazily_freed_pages_and_few_files);
    tcase_add_loop_test(files, lazily_freed_pages_of_a_group, 0, 2);
    tcase_add_test(files, kept_files);
    tcase_add_test(files, setting_pretends);
    tcase_add_loop_test(files, a_wrong_setting_is_told, 0,
                        sizeof wrong_settings / sizeof *wrong_settings);
    tcase_set_timeout(thread, 30);
    tcase_add_test(thread, subscribers_are_told);
    tcase_add_test(thread, a_look_that_is_asked_for);
    tcase_add_test(thread, a_child_has_no_thread_until_it_asks);
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, thread);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
