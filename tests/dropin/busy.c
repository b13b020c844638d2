/*
 * Drop-in use 2 under load: threads, fork, fault handlers from before and after the library, and
 * libraries of the C kind that know nothing of it. Run with LD_PRELOAD=libwinmem.so; without it the
 * exit code is 77. Prints "N passed, N failed".
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOWS __attribute__((ms_abi, weak))

/* MEMORY_BASIC_INFORMATION of 64-bit Windows (winnt.h). */
struct information {
    void *base, *allocation;
    uint32_t allocation_protect, partition;
    uint64_t size;
    uint32_t state, protect, type, unused;
};

extern WINDOWS void *VirtualAlloc(void *address, uint64_t size, uint32_t type, uint32_t protect);
extern WINDOWS int32_t VirtualFree(void *address, uint64_t size, uint32_t type);
extern WINDOWS int32_t VirtualProtect(void *address, uint64_t size, uint32_t protect,
                                      uint32_t *old);
extern WINDOWS uint64_t VirtualQuery(const void *address, struct information *info, uint64_t size);
extern WINDOWS uint32_t OfferVirtualMemory(void *address, uint64_t size, int priority);
extern WINDOWS uint32_t ReclaimVirtualMemory(const void *address, uint64_t size);
extern WINDOWS uint32_t DiscardVirtualMemory(void *address, uint64_t size);
extern WINDOWS uint32_t GetLastError(void);
extern WINDOWS void SetLastError(uint32_t code);

enum { COMMIT = 0x1000, RESERVE = 0x2000, DECOMMIT = 0x4000, RELEASE = 0x8000, FREE = 0x10000 };
enum { NOACCESS = 1, READONLY = 2, READWRITE = 4, GUARD = 0x100 };
enum { INVALID_PARAMETER = 87, INVALID_ADDRESS = 487 }; /* winerror.h */
enum { PAGE = 4096, THREADS = 6, ROUNDS = 400 };

static int passed, failed;

static void check(int good, const char *what)
{
    good ? passed++ : failed++;
    if (!good)
        printf("failed: %s\n", what);
}

/* ----- two handlers: one that was there first and jumps, one that comes later and passes on ----- */

static __thread sigjmp_buf back;
static __thread void *volatile faulted;
static __thread volatile int expecting;
static volatile int later_seen;
static struct sigaction library_action;

static void on_fault_first(int signal, siginfo_t *info, void *context)
{
    if (!expecting)
        _exit(99);
    faulted = info->si_addr;
    siglongjmp(back, signal);
}

static void install_first(void)
{
    struct sigaction action = {.sa_sigaction = on_fault_first, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
}
/* before the constructor of any library */
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = install_first;

/* The usual way to share a signal: what is not one's own goes to whoever was there before. */
static void on_fault_later(int signal, siginfo_t *info, void *context)
{
    later_seen++;
    library_action.sa_sigaction(signal, info, context);
}

static int faults(volatile char *address, int write)
{
    int result;
    expecting = 1;
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *address = 1;
        else
            (void)*address;
        result = 0;
    } else {
        result = faulted == (void *)address;
    }
    expecting = 0;
    return result;
}

static int is(const void *address, uint32_t state, uint32_t protect)
{
    struct information info;
    return VirtualQuery(address, &info, sizeof info) == sizeof info && info.state == state &&
           (state == FREE || info.protect == protect);
}

/* ----- one thread's turn: everything on memory of its own, with its own last error ----- */

static int one_round(unsigned round)
{
    uint32_t old = 0, code = round * 7 + 1;
    int wrong = 0;
    char *p = VirtualAlloc(NULL, 16 * PAGE, RESERVE, NOACCESS);
    if (!p)
        return 1;
    SetLastError(code);
    wrong += VirtualAlloc(p + 2 * PAGE, 4 * PAGE, COMMIT, READWRITE) != p + 2 * PAGE;
    memset(p + 2 * PAGE, (int)round | 1, 4 * PAGE);
    wrong += !VirtualProtect(p + 3 * PAGE, PAGE, READONLY, &old) || old != READWRITE;
    wrong += !faults(p + 3 * PAGE + 5, 1) || faults(p + 3 * PAGE + 5, 0);
    wrong += !faults(p + PAGE, 0);
    wrong += OfferVirtualMemory(p + 4 * PAGE, PAGE, 1 + (int)(round % 4)) != 0;
    wrong += !faults(p + 4 * PAGE + 9, 0);
    wrong += ReclaimVirtualMemory(p + 4 * PAGE, PAGE) != 0;
    wrong += p[4 * PAGE] != (char)(round | 1);
    wrong += DiscardVirtualMemory(p + 5 * PAGE, PAGE) != 0;
    wrong += !VirtualProtect(p + 2 * PAGE, PAGE, READWRITE | GUARD, &old);
    wrong += !faults(p + 2 * PAGE, 1) || faults(p + 2 * PAGE, 1);
    wrong += !is(p, RESERVE, 0) || !is(p + 3 * PAGE, COMMIT, READONLY);
    wrong += GetLastError() != code;
    wrong += VirtualAlloc(NULL, 0, RESERVE, READWRITE) != NULL;
    wrong += GetLastError() != INVALID_PARAMETER;
    wrong += !VirtualFree(p + 2 * PAGE, 4 * PAGE, DECOMMIT) || !faults(p + 2 * PAGE, 0);
    wrong += !VirtualFree(p, 0, RELEASE);
    return wrong;
}

static void *work(void *argument)
{
    uintptr_t wrong = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        wrong += (uintptr_t)one_round(round + (unsigned)(uintptr_t)argument * 100);
        /* the C library's own memory goes on beside it */
        char *other = malloc(round * 97 + 1);
        memset(other, 0x5A, round * 97 + 1);
        free(other);
    }
    return (void *)wrong;
}

static void run_threads(const char *what)
{
    pthread_t threads[THREADS];
    uintptr_t wrong = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (uintptr_t)result;
    }
    check(wrong == 0, what);
}

/* ----- fork, also while other threads are inside the library ----- */

static volatile int stop;

static void *churn(void *argument)
{
    while (!stop) {
        void *p = VirtualAlloc(NULL, 1 << 20, RESERVE | COMMIT, READWRITE);
        if (p) {
            *(volatile char *)p = 1;
            VirtualFree(p, 0, RELEASE);
        }
    }
    return NULL;
}

static int child_is_well(char *shared_before)
{
    char *own;
    if (*shared_before != 'f' || !is(shared_before, COMMIT, READWRITE))
        return 10;
    *shared_before = 'c';
    own = VirtualAlloc(NULL, 8 * PAGE, RESERVE | COMMIT, READWRITE);
    if (!own || own[0] != 0)
        return 11;
    for (unsigned i = 0; i < 5; i++)
        if (one_round(i))
            return 12;
    if (!VirtualFree(own, 0, RELEASE) || !VirtualFree(shared_before, 0, RELEASE))
        return 13;
    return faults(shared_before, 0) ? 0 : 14;
}

static void check_fork(void)
{
    pthread_t threads[2];
    unsigned bad = 0;
    char *p = VirtualAlloc(NULL, PAGE, RESERVE | COMMIT, READWRITE);
    *p = 'f';
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (unsigned i = 0; i < 60; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            alarm(20); /* a lock that nobody gives back would keep it for ever */
            _exit(child_is_well(p));
        }
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            bad++;
            printf("child %u ended with %#x\n", i, (unsigned)status);
        }
    }
    stop = 1;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check(bad == 0, "each child finds the library in order, whatever other threads did");
    check(*p == 'f' && VirtualFree(p, 0, RELEASE), "and the parent's memory is its own");
}

/* ----- the program's own mappings and what the library tells of them ----- */

static void check_host_memory(void)
{
    char *own = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t old = 0x55;
    own[0] = 'o';
    SetLastError(0);
    check(!VirtualFree(own, 0, RELEASE), "memory of the program is not freed");
    check(!VirtualProtect(own, PAGE, NOACCESS, &old) && old == 0x55, "nor protected");
    check(VirtualAlloc(own, PAGE, COMMIT, READWRITE) == NULL, "nor committed");
    check(GetLastError() == INVALID_ADDRESS, "with the documented error");
    check(OfferVirtualMemory(own, PAGE, 1) != 0 && DiscardVirtualMemory(own, PAGE) != 0,
          "nor offered, nor discarded");
    char *at = (char *)((uintptr_t)own & ~(uintptr_t)65535);
    check(VirtualAlloc(at, 65536 + 16 * PAGE, RESERVE, READWRITE) == NULL,
          "a place where the program has memory is taken");
    check(own[0] == 'o', "it is as it was");
    check(munmap(own, 16 * PAGE) == 0, "and can be unmapped");
}

static void check_bad_pointers(void)
{
    struct information info;
    uint32_t *nowhere = (uint32_t *)16;
    char *p = VirtualAlloc(NULL, PAGE, RESERVE | COMMIT, READWRITE);
    check(!VirtualProtect(p, PAGE, READONLY, nowhere), "a bad out pointer is refused");
    check(VirtualQuery(p, (struct information *)(uintptr_t)8, sizeof info) == 0, "here, too");
    check(VirtualQuery(p, &info, 8) == 0, "a buffer that is too small");
    check(VirtualFree(p, 0, RELEASE) && !VirtualFree(p, 0, RELEASE), "freed once, not twice");
}

int main(void)
{
    if (!VirtualAlloc) {
        puts("run with LD_PRELOAD=libwinmem.so");
        return 77;
    }
    check_host_memory();
    check_bad_pointers();
    run_threads("threads with the first handler only");
    struct sigaction later = {.sa_sigaction = on_fault_later, .sa_flags = SA_SIGINFO};
    check(faults((char *)(uintptr_t)64, 0), "a wild pointer of the program's");
    sigaction(SIGSEGV, &later, &library_action);
    run_threads("threads with a handler that came after the library's");
    check(later_seen > 0, "which saw the faults");
    check(faults((char *)(uintptr_t)64, 0), "a wild pointer goes all the way through");
    check_fork();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
