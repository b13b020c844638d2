/* Memory resource notifications, through their gates, with a pretended amount of memory. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/winbase.h>
#include <winmem/winnt.h>
#include "kernel32/face.h"
#include "tests/sanitized.h"
#include "memoryapi/pressure.h"
#include "tests/unit/suite.h"

#define EXPECT_FAILS(call, code)                                                                   \
    do {                                                                                           \
        last_error_set(0);                                                                         \
        ck_assert(!(call));                                                                        \
        ck_assert_uint_eq(last_error_get(), code);                                                 \
    } while (0)

static char file[64];

static void pretend(const char *size)
{
    char fresh[80];
    snprintf(fresh, sizeof fresh, "%s.new", file);
    FILE *to = fopen(fresh, "w");
    ck_assert_ptr_nonnull(to);
    fputs(size, to);
    fclose(to);
    ck_assert_int_eq(rename(fresh, file), 0); /* never half written */
}

static void setup(void)
{
    char value[80];
    strcpy(file, "/tmp/winmem-test-XXXXXX");
    close(mkstemp(file));
    snprintf(value, sizeof value, "@%s", file);
    setenv("WINMEM_AVAILABLE", value, 1);
    pretend("100M");
    pressure_read_setting();
}

static void teardown(void)
{
    unlink(file);
}

/* Sizes for the machine the test runs on. */
static char low[32], middle[32], high[32];

static void sizes(void)
{
    struct mm_memory memory;
    ck_assert(pressure_read(&memory));
    snprintf(low, sizeof low, "%llu", (unsigned long long)memory.low - 1);
    snprintf(middle, sizeof middle, "%llu", (unsigned long long)memory.low);
    snprintf(high, sizeof high, "%llu", (unsigned long long)memory.high);
}

static BOOL state_of(HANDLE notification)
{
    BOOL state = 77;
    ck_assert_int_eq(QueryMemoryResourceNotification(notification, &state), TRUE);
    return state;
}

START_TEST(both_states_and_neither)
{
    sizes();
    HANDLE lows = CreateMemoryResourceNotification(LowMemoryResourceNotification),
           highs = CreateMemoryResourceNotification(HighMemoryResourceNotification);
    ck_assert_ptr_nonnull(lows);
    ck_assert_ptr_nonnull(highs);
    pretend(low);
    ck_assert_int_eq(state_of(lows), TRUE);
    ck_assert_int_eq(state_of(highs), FALSE);
    pretend(middle);
    ck_assert_int_eq(state_of(lows), FALSE);
    ck_assert_int_eq(state_of(highs), FALSE);
    pretend(high);
    ck_assert_int_eq(state_of(lows), FALSE);
    ck_assert_int_eq(state_of(highs), TRUE);
    ck_assert(k32_CloseHandle(lows));
    ck_assert(k32_CloseHandle(highs));
    EXPECT_FAILS(QueryMemoryResourceNotification(lows, &(BOOL){0}), 6);
}
END_TEST

static void *change_later(void *size)
{
    usleep(100000);
    pretend(size);
    return NULL;
}

static void change_soon(char *size)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, change_later, size), 0);
    pthread_detach(thread);
}

START_TEST(waiting_for_a_level)
{
    sizes();
    pretend(middle);
    HANDLE both[] = {CreateMemoryResourceNotification(LowMemoryResourceNotification),
                     CreateMemoryResourceNotification(HighMemoryResourceNotification)};
    ck_assert_uint_eq(k32_WaitForSingleObject(both[0], 0), WAIT_TIMEOUT);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, both, FALSE, 100), WAIT_TIMEOUT);
    time_t start = time(NULL);
    change_soon(low);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, both, FALSE, 20000), WAIT_OBJECT_0);
    /* as long as it holds: a wait does not take the signal */
    ck_assert_uint_eq(k32_WaitForSingleObject(both[0], 0), WAIT_OBJECT_0);
    change_soon(high);
    ck_assert_uint_eq(k32_WaitForSingleObject(both[1], 20000), WAIT_OBJECT_0);
    ck_assert_int_lt(time(NULL) - start, 10); /* woken, not only looked at when the time is over */
    ck_assert_uint_eq(k32_WaitForSingleObject(both[0], 0), WAIT_TIMEOUT);
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, both, FALSE, 0), WAIT_OBJECT_0 + 1);
    /* never both */
    ck_assert_uint_eq(k32_WaitForMultipleObjects(2, both, TRUE, 50), WAIT_TIMEOUT);
    k32_CloseHandle(both[0]);
    k32_CloseHandle(both[1]);
}
END_TEST

/* A new one knows the state at once, also after others were closed and nobody watched. */
START_TEST(the_state_at_the_beginning)
{
    sizes();
    for (int round = 0; round < 3; round++) {
        pretend(round % 2 ? high : low);
        HANDLE lows = CreateMemoryResourceNotification(LowMemoryResourceNotification);
        ck_assert_uint_eq(k32_WaitForSingleObject(lows, 0),
                          round % 2 ? WAIT_TIMEOUT : WAIT_OBJECT_0);
        ck_assert(k32_CloseHandle(lows));
    }
}
END_TEST

START_TEST(mistakes)
{
    BOOL state = 5;
    HANDLE event = k32_CreateEventW(NULL, TRUE, TRUE, NULL),
           lows = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    EXPECT_FAILS(CreateMemoryResourceNotification((MEMORY_RESOURCE_NOTIFICATION_TYPE)2), 87);
    EXPECT_FAILS(CreateMemoryResourceNotification((MEMORY_RESOURCE_NOTIFICATION_TYPE)-1), 87);
    EXPECT_FAILS(QueryMemoryResourceNotification(event, &state), 6);
    EXPECT_FAILS(QueryMemoryResourceNotification(NULL, &state), 6);
    EXPECT_FAILS(QueryMemoryResourceNotification(lows, NULL), 87);
    EXPECT_FAILS(QueryMemoryResourceNotification(lows, (PBOOL)8), 998);
    HANDLE deaf;
    ck_assert(k32_DuplicateHandle((HANDLE)(intptr_t)-1, lows, (HANDLE)(intptr_t)-1, &deaf,
                                  SYNCHRONIZE, FALSE, 0));
    EXPECT_FAILS(QueryMemoryResourceNotification(deaf, &state), 5);
    ck_assert_int_eq(state, 5);
    EXPECT_FAILS(k32_SetEvent(lows), 6);
    k32_CloseHandle(deaf);
    k32_CloseHandle(lows);
    k32_CloseHandle(event);
}
END_TEST

/* A child of fork has no thread that looks; its waits look themselves. */
START_TEST(a_wait_in_a_child)
{
    sizes();
    pretend(middle);
    HANDLE lows = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    pid_t child = fork();
    if (child == 0) {
        int good = k32_WaitForSingleObject(lows, 0) == WAIT_TIMEOUT;
        change_soon(low);
        time_t start = time(NULL);
        good = good && k32_WaitForSingleObject(lows, 20000) == WAIT_OBJECT_0;
        _exit(good && time(NULL) - start < 10 ? 0 : 1); /* not only at its end */
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    k32_CloseHandle(lows);
}
END_TEST

static int threads_now(void)
{
    char line[128];
    int count = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        sscanf(line, "Threads: %d", &count);
    fclose(status);
    return count;
}

START_TEST(no_thread_without_a_notification)
{
    int before = threads_now();
    if (NARROW) /* the thread sanitizer has one of its own, which comes and goes with forks */
        return;
    HANDLE lows = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    ck_assert_int_eq(threads_now(), before + 1);
    k32_CloseHandle(CreateMemoryResourceNotification(LowMemoryResourceNotification));
    ck_assert_int_eq(threads_now(), before + 1);
    k32_CloseHandle(lows);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("notification");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, both_states_and_neither);
    tcase_add_test(tests, waiting_for_a_level);
    tcase_add_test(tests, the_state_at_the_beginning);
    tcase_add_test(tests, mistakes);
    tcase_add_test(tests, a_wait_in_a_child);
    tcase_add_test(tests, no_thread_without_a_notification);
    return suite_run("notification", tests);
}
