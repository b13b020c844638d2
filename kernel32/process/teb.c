/*
 * The memory that Windows programs read directly: TEB, PEB, and the page the kernel shares with
 * every process.
 */
#include "kernel32/process/teb.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "kernel32/process/process.h"
#include "kernel32/process/wait.h"
#include "memoryapi/base.h"
#include "memoryapi/mm.h"

#define HWCAP2_FSGSBASE_BIT 2u /* bit 1: user mode may write the GS base */
#define USER_SHARED_DATA    0x7FFE0000ull
/* How stale the clocks of the shared page may be. Windows updates them every 0.5 to 15.6 ms. */
#define TICK_NANOSECONDS 1000000

/*
 * KUSER_SHARED_DATA, the fields programs read. Source: windows-driver-docs-ddi
 * ntddk/KUSER_SHARED_DATA.
 */
struct system_time {
    volatile uint32_t low;
    volatile int32_t high1, high2;
};

struct user_shared_data {
    uint32_t tick_count_low, tick_count_multiplier;
    struct system_time interrupt_time, system_time, time_zone_bias;
    uint16_t image_low, image_high;
    uint16_t system_root[260];
    uint8_t unused1[0x264 - 0x238];
    uint32_t product_type;
    uint8_t product_valid, padding[3];
    uint32_t major, minor;
    uint8_t features[64];
    uint8_t unused2[0x2D4 - 0x2B4];
    uint8_t debugger;
    uint8_t unused3[0x300 - 0x2D5];
    uint64_t qpc_frequency;
    uint8_t unused4[0x320 - 0x308];
    struct system_time tick_count;
    uint8_t unused5[0x3C0 - 0x32C];
    uint32_t processors;
};
_Static_assert(offsetof(struct user_shared_data, interrupt_time) == 0x08 &&
                   offsetof(struct user_shared_data, system_time) == 0x14,
               "shared");
_Static_assert(offsetof(struct user_shared_data, major) == 0x26C &&
                   offsetof(struct user_shared_data, tick_count) == 0x320,
               "shared");
_Static_assert(offsetof(struct user_shared_data, processors) == 0x3C0, "shared");

struct peb *process_peb;
static struct user_shared_data *shared;

static NTSTATUS take(uint64_t size, void **ret_memory)
{
    struct mm_request request = {
        .size = size, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};
    NTSTATUS status = mm_allocate(&request);
    if (status == STATUS_SUCCESS)
        mm_secure(request.base, true);
    *ret_memory = (void *)request.base;
    return status;
}

/* high2, low, high1: a reader who finds both highs alike has a whole value. */
static void store_time(struct system_time *to, uint64_t value)
{
    to->high2 = (int32_t)(value >> 32);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    to->low = (uint32_t)value;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    to->high1 = (int32_t)(value >> 32);
}

static void update_clocks(void)
{
    uint64_t now = time_monotonic();
    store_time(&shared->interrupt_time, now);
    store_time(&shared->system_time, time_system());
    /* GetTickCount64 by hand is tick_count * multiplier >> 24: with 1 << 24, milliseconds */
    store_time(&shared->tick_count, now / TIME_MILLISECOND);
    shared->tick_count_low = (uint32_t)(now / TIME_MILLISECOND);
}

static void *keep_clocks(void *unused)
{
    struct timespec pause = {.tv_nsec = TICK_NANOSECONDS};
    (void)unused;
    for (;;) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        update_clocks();
    }
    return NULL;
}

static NTSTATUS shared_page_init(void)
{
    static const char root[] = "C:\\Windows";
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    void *page;

    NTSTATUS status = mm_share_page(USER_SHARED_DATA, &page);
    if (status != STATUS_SUCCESS)
        return status;
    shared = page;
    for (unsigned i = 0; i < sizeof root; i++)
        shared->system_root[i] = (uint8_t)root[i];
    shared->tick_count_multiplier = 1u << 24;
    shared->image_low = shared->image_high = 0x8664;
    shared->product_type = 1;
    shared->product_valid = 1;
    shared->major = 10;
    shared->qpc_frequency = 10000000;
    shared->processors = process_peb->processors;
    update_clocks();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, keep_clocks, NULL);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

NTSTATUS process_memory_init(void)
{
    cpu_set_t processors;
    void *memory;
    NTSTATUS status = take(2 * PAGE_SIZE, &memory);

    if (status != STATUS_SUCCESS)
        return status;
    process_peb = memory;
    process_peb->parameters = (struct process_parameters *)((char *)memory + PAGE_SIZE);
    process_peb->parameters->length = process_peb->parameters->maximum_length =
        sizeof *process_peb->parameters;
    process_peb->parameters->flags = 1; /* normalized: the strings hold addresses, not offsets */
    process_peb->major = 10;
    process_peb->build = 19045;
    process_peb->platform = 2;
    process_peb->image_subsystem = 3;
    process_peb->session = 1;
    process_peb->processors = sched_getaffinity(0, sizeof processors, &processors) == 0
                                  ? (uint32_t)CPU_COUNT(&processors)
                                  : 1;
    return shared_page_init();
}

NTSTATUS teb_create(struct teb **ret_teb)
{
    void *memory;
    NTSTATUS status = take(2 * PAGE_SIZE, &memory);
    if (status != STATUS_SUCCESS)
        return status;
    struct teb *teb = memory;
    teb->self = teb;
    teb->peb = process_peb;
    teb->process_id = (uint64_t)getpid();
    teb->fiber = (void *)0x1E00; /* not a fiber: the version, as Windows leaves it */
    teb->locale = 0x409;
    teb->static_string = (UNICODE_STRING){0, sizeof teb->static_buffer, teb->static_buffer};
    *ret_teb = teb;
    return STATUS_SUCCESS;
}

void teb_destroy(struct teb *teb)
{
    uint64_t base = (uint64_t)teb, size = 0;
    if (!teb)
        return;
    mm_secure(base, false);
    mm_free(&base, &size, MEM_RELEASE);
}

void teb_activate(struct teb *teb)
{
    if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT)
        __asm__ volatile("wrgsbase %0" ::"r"(teb));
    else
        syscall(SYS_arch_prctl, ARCH_SET_GS, teb);
}
