/* How much memory there is, and the thread that watches it. */
#include "memoryapi/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/futex.h"
#include "memoryapi/machine_memory.h"
#include "memoryapi/mm.h"
#include "memoryapi/offer.h"
#include "memoryapi/pressure_source.h"
#include "memoryapi/setting.h"
#include "memoryapi/textfile.h"

#define MIB          (1ull << 20)
#define GIB          (1ull << 30)
#define LOW_STEP     (32 * MIB) /* for each */
#define LOW_PER      (4 * GIB)
#define LOW_MOST     (64 * MIB)
#define SPARE_LEAST  (64 * MIB) /* of a small group it may be more than all */
#define SPARE_MOST   (256 * MIB)
#define FILL_RATE    (16 * GIB) /* bytes a second that a machine may be able to use up */
#define PERIOD_LEAST 20         /* milliseconds between two looks */
#define PERIOD_HELD  5          /* while offers are held that would have to be given */
#define PERIOD_MOST  1000
#define SUBSCRIBERS  8

static struct {
    struct futex_lock lock;
    /* under lock */
    void (*subscribers[SUBSCRIBERS])(const struct mm_memory *);
    bool running;
    int wake;                      /* eventfd, while running */
    struct pressure_source source; /* changed by the thread only */
} watch = {.wake = -1, .source = {-1, -1, 0}};

/*
 * WINMEM_AVAILABLE. Constant after the start, but in tests: under watch.lock; the kind is read
 * without it, atomically.
 */
static struct {
    enum { OVERRIDE_NONE, OVERRIDE_SIZE, OVERRIDE_FILE } kind;
    uint64_t size;
    char file[PATH_MAX];
} setting;

static const char setting_name[] = "WINMEM_AVAILABLE";
static const char setting_allowed[] =
    "a number of bytes, or with K, M, G or T behind it; @FILE that holds one";
static atomic_flag setting_said = ATOMIC_FLAG_INIT;

static int setting_kind(void)
{
    return (int)__atomic_load_n(&setting.kind, __ATOMIC_RELAXED);
}

/* Under watch.lock: what the file holds now; what is wrong with it is said once. */
static bool read_size_file(uint64_t *ret_size)
{
    char text[64] = "";
    int file = open(setting.file, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    const char *problem = got < 0 ? strerrordesc_np(errno) : "it holds no size";
    if (file >= 0)
        close(file);
    text[strcspn(text, "\n")] = '\0';
    if (got > 0 && setting_size(text, ret_size))
        return true;
    if (!atomic_flag_test_and_set(&setting_said))
        dprintf(STDERR_FILENO,
                "winmem: %s=@%.200s: %s; nothing is pretended until it holds a number of bytes, or "
                "one with K, M, G or T behind it\n",
                setting_name, setting.file, problem);
    return false;
}

void pressure_read_setting(void)
{
    const char *text = getenv(setting_name);
    int kept = errno, kind = OVERRIDE_NONE;
    futex_lock(&watch.lock);
    if (text && text[0] == '@' && text[1] && strlen(text + 1) < sizeof setting.file) {
        strcpy(setting.file, text + 1);
        kind = OVERRIDE_FILE;
        read_size_file(&setting.size); /* a mistake is told now */
    } else if (text && *text && setting_size(text, &setting.size)) {
        kind = OVERRIDE_SIZE;
    } else if (text && *text) {
        setting_refuse(setting_name, text, setting_allowed, &setting_said);
    }
    __atomic_store_n(&setting.kind, kind, __ATOMIC_RELAXED);
    futex_unlock(&watch.lock);
    errno = kept;
}

/* A mistake is told at the start. */
__attribute__((constructor)) static void setting_init(void)
{
    pressure_read_setting();
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * What the setting leaves of `available`. A file is looked at again each time, so it may be
 * missing or half written for a moment: nothing is pretended then.
 */
static uint64_t pretended(uint64_t available)
{
    uint64_t size = available;
    if (setting_kind() == OVERRIDE_NONE)
        return available;
    futex_lock(&watch.lock);
    if (setting.kind == OVERRIDE_SIZE)
        size = setting.size;
    else if (setting.kind == OVERRIDE_FILE)
        read_size_file(&size);
    futex_unlock(&watch.lock);
    return least(available, size);
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void set_levels(struct mm_memory *memory)
{
    uint64_t low = (memory->total + LOW_PER - 1) / LOW_PER * LOW_STEP;
    memory->low = least(least(low, LOW_MOST), memory->total / 8);
    memory->high = 3 * memory->low;
    memory->spare = least(most(memory->total / 8, SPARE_LEAST), SPARE_MOST);
    memory->level = memory->available < memory->low    ? MEMORY_LOW
                    : memory->available < memory->high ? MEMORY_MIDDLE
                                                       : MEMORY_HIGH;
}

bool pressure_read(struct mm_memory *ret_memory)
{
    struct mm_memory memory = {0};
    int kept = errno;
    bool known = machine_memory_read(&memory, (offer_given() + reset_sleepers()) * PAGE_SIZE);
    if (known) {
        memory.available = pretended(memory.available);
        memory.unused = least(memory.unused, memory.available);
        memory.pretended = setting_kind() != OVERRIDE_NONE;
        set_levels(&memory);
        *ret_memory = memory;
    }
    errno = kept;
    return known;
}

/* Milliseconds in which what is left above the next level cannot be used up. */
static int period(const struct mm_memory *memory)
{
    if (setting_kind() == OVERRIDE_FILE)
        return PERIOD_LEAST;
    struct mm_offers offers;
    mm_offer_state(&offers);
    uint64_t shortest = offers.held ? PERIOD_HELD : PERIOD_LEAST;
    uint64_t floor = memory->level == MEMORY_HIGH ? memory->high : memory->low;
    if (offers.held)
        floor = most(floor, memory->spare);
    uint64_t left = memory->available > floor ? memory->available - floor : 0;
    return (int)least(most(left * 1000 / FILL_RATE, shortest), PERIOD_MOST);
}

/* One that is not there any more is passed over. */
static void tell(unsigned index, const struct mm_memory *memory)
{
    futex_lock(&watch.lock);
    void (*on_look)(const struct mm_memory *) = watch.subscribers[index];
    futex_unlock(&watch.lock);
    if (on_look)
        on_look(memory);
}

static bool anybody(void)
{
    bool any = false;
    futex_lock(&watch.lock);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        any |= watch.subscribers[i] != NULL;
    futex_unlock(&watch.lock);
    return any;
}

/* Under the lock, so that a fork finds no descriptor half opened. NULL: closes it. */
static void renew_source(const struct mm_memory *memory)
{
    futex_lock(&watch.lock);
    if (memory)
        pressure_source_open(&watch.source, memory->limit, most(memory->high, memory->spare));
    else
        pressure_source_close(&watch.source);
    futex_unlock(&watch.lock);
}

static void *keep_watch(void *unused)
{
    int wake = watch.wake; /* constant while this thread lives */
    (void)unused;
    for (;;) {
        struct mm_memory memory;
        int timeout = -1;
        if (!anybody()) {
            renew_source(NULL);
        } else if (pressure_read(&memory)) {
            for (unsigned i = 0; i < SUBSCRIBERS; i++)
                tell(i, &memory);
            timeout = period(&memory);
            renew_source(&memory);
        } else {
            timeout = PERIOD_MOST;
        }
        if (!pressure_wait(&watch.source, wake, timeout))
            renew_source(NULL);
    }
    return NULL;
}

static void before_fork(void)
{
    futex_lock(&watch.lock);
}

static void after_fork(void)
{
    futex_unlock(&watch.lock);
}

/* The thread stayed behind; what it listened on is shared with the parent and not for us. */
static void child_after_fork(void)
{
    if (watch.running) {
        close(watch.wake);
        pressure_source_close(&watch.source);
        watch.wake = -1;
        watch.running = false;
    }
    futex_unlock(&watch.lock);
}

/* Faults stay open: a subscriber may touch memory of the program. */
static void block_signals(sigset_t *ret_before)
{
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked;
    sigfillset(&blocked);
    for (unsigned i = 0; i < array_length(open); i++)
        sigdelset(&blocked, open[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, ret_before);
}

static NTSTATUS start_locked(void)
{
    static bool fork_told;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t before;
    if (watch.running)
        return STATUS_SUCCESS;
    if (!fork_told && pthread_atfork(before_fork, after_fork, child_after_fork) != 0)
        return STATUS_NO_MEMORY;
    fork_told = true;
    watch.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch.wake < 0)
        return STATUS_NO_MEMORY;
    block_signals(&before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, keep_watch, NULL);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        close(watch.wake);
        watch.wake = -1;
        return STATUS_NO_MEMORY;
    }
    watch.running = true;
    return STATUS_SUCCESS;
}

/* An eventfd takes a write unless it was written to for ever. */
static void wake_locked(void)
{
    const uint64_t one = 1;
    while (write(watch.wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Where `on_look` is, or could be; SUBSCRIBERS: nowhere. */
static unsigned place_locked(void (*on_look)(const struct mm_memory *))
{
    unsigned place = SUBSCRIBERS;
    for (unsigned i = SUBSCRIBERS; i-- > 0;) {
        if (watch.subscribers[i] == on_look)
            return i;
        if (!watch.subscribers[i])
            place = i;
    }
    return place;
}

NTSTATUS pressure_subscribe(void (*on_look)(const struct mm_memory *))
{
    futex_lock(&watch.lock);
    unsigned place = place_locked(on_look);
    bool known = watch.running && place < SUBSCRIBERS && watch.subscribers[place] == on_look;
    NTSTATUS status = place < SUBSCRIBERS ? start_locked() : STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS && !known) {
        int kept = errno;
        watch.subscribers[place] = on_look;
        wake_locked();
        errno = kept;
    }
    futex_unlock(&watch.lock);
    return status;
}

void pressure_look_again(void)
{
    int kept = errno;
    futex_lock(&watch.lock);
    if (watch.running)
        wake_locked();
    futex_unlock(&watch.lock);
    errno = kept;
}

void pressure_unsubscribe(void (*on_look)(const struct mm_memory *))
{
    futex_lock(&watch.lock);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        if (watch.subscribers[i] == on_look)
            watch.subscribers[i] = NULL;
    futex_unlock(&watch.lock);
}

bool pressure_is_watched(void)
{
    futex_lock(&watch.lock);
    bool running = watch.running;
    futex_unlock(&watch.lock);
    return running;
}
