/*
 * Time for programs that look at a fence's value instead of calling: a thread that moves the clocks
 * when the program has made no call for a while. It begins with the first work that is under way and
 * sleeps when there is none.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/sync.h"
#include "memoryapi/futex.h"
#include "memoryapi/setting.h"

#define QUIET_NS 10000000 /* without a call for so long: the program may be looking */
#define NEXT_NS  1000000  /* and it goes on looking */

static uint32_t wakes;  /* atomic */
static uint32_t asleep; /* atomic */
/* under kmt_lock */
static uint64_t calls;
static bool known, wanted, running;
static bool resting; /* the process has left the machine */

void ticker_note_call(void)
{
    calls++;
    resting = false;
}

void ticker_rest(void)
{
    resting = true;
}

static bool is_busy(void)
{
    return !resting && (clock_is_pending() || sync_wait_is_pending() || engine_waits_for_others());
}

static void sleep_until_woken(uint32_t seen)
{
    __atomic_store_n(&asleep, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&wakes, __ATOMIC_SEQ_CST) == seen)
        futex_wait_until(&wakes, seen, NULL);
    __atomic_store_n(&asleep, 0, __ATOMIC_RELEASE);
}

/* The program was quiet since the last look: time goes on. True: it was. */
static bool look(uint64_t *seen_calls)
{
    bool quiet = calls == *seen_calls;
    *seen_calls = calls;
    if (resting)
        return false;
    if (quiet)
        clock_step_all();
    engine_notice_all();
    engine_stir(); /* other processes may have signaled */
    engine_settle();
    return quiet;
}

static void *keep_ticking(void *unused)
{
    uint64_t seen_calls = 0;
    long rest = QUIET_NS;
    for (;;) {
        uint32_t seen = __atomic_load_n(&wakes, __ATOMIC_SEQ_CST);
        kmt_lock();
        bool busy = is_busy();
        kmt_unlock();
        if (!busy) {
            sleep_until_woken(seen);
            rest = QUIET_NS;
        }
        struct timespec pause = {0, rest};
        nanosleep(&pause, NULL);
        kmt_lock();
        rest = look(&seen_calls) ? NEXT_NS : QUIET_NS;
        kmt_unlock();
    }
    return NULL;
}

void ticker_begin_child(void)
{
    running = false;
}

/* WINMEM_GPU_TICK: 0 for no, 1 or nothing for yes. */
static bool read_setting(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *value = getenv("WINMEM_GPU_TICK");
    if (value && strcmp(value, "0") == 0)
        return false;
    if (value && *value && strcmp(value, "1") != 0)
        setting_refuse("WINMEM_GPU_TICK", value, "0, 1", &said);
    return true;
}

bool ticker_is_on(void)
{
    if (!known) {
        wanted = read_setting();
        known = true;
    }
    if (!wanted || running)
        return running;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a file that was cut off */
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    running = pthread_create(&thread, &attributes, keep_ticking, NULL) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return running;
}

void ticker_wake(void)
{
    if (!ticker_is_on())
        return;
    __atomic_add_fetch(&wakes, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&asleep, __ATOMIC_SEQ_CST))
        futex_wake(&wakes, 1);
}
