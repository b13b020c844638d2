/*
 * Drop-in use 2: a program that names Windows functions without linking against anything that has
 * them, and is run with LD_PRELOAD=libwinmem.so. The names are weak, so that it links, and so that
 * it can tell when the library was left out (exit code 77). Its SIGSEGV handler was there before
 * the library's. Prints "N passed, N failed".
 */
#include <asm/prctl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOWS __attribute__((ms_abi, weak))

extern WINDOWS void *VirtualAlloc(void *address, uint64_t size, uint32_t type, uint32_t protect);
extern WINDOWS int32_t VirtualFree(void *address, uint64_t size, uint32_t type);
extern WINDOWS uint32_t OfferVirtualMemory(void *address, uint64_t size, int priority);
extern WINDOWS uint32_t ReclaimVirtualMemory(const void *address, uint64_t size);
extern WINDOWS uint32_t GetLastError(void);

enum { INVALID_PARAMETER = 87, INVALID_ADDRESS = 487 }; /* winerror.h */
enum { THREADS = 4, ROUNDS = 2000 };

static int passed, failed;
static sigjmp_buf back;
static void *volatile faulted;
static volatile int faults_seen;

static void check(int good, const char *what)
{
    good ? passed++ : failed++;
    if (!good)
        printf("failed: %s\n", what);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)context;
    faulted = info->si_addr;
    faults_seen++;
    siglongjmp(back, signal);
}

/*
 * The dynamic linker runs this before the constructor of any library: whoever comes later finds a
 * handler in place.
 */
static void install_first(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
}
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = install_first;

static int faults(volatile char *address)
{
    if (sigsetjmp(back, 1) == 0) {
        *address = 1;
        return 0;
    }
    return faulted == (void *)address;
}

static void check_handler(void)
{
    struct sigaction now;
    sigaction(SIGSEGV, NULL, &now);
    check(now.sa_sigaction != on_fault, "the library's handler came after the program's");
}

/* A Windows thread has its TEB behind GS; here nobody made one. */
static void check_no_teb(void)
{
    uint64_t base = 1;
    syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    check(base == 0, "there is no TEB");
}

static void check_offer(char *own)
{
    char *p = VirtualAlloc(NULL, 65536, 0x3000, 4);
    int before;

    check(p != NULL, "VirtualAlloc works without any set-up");
    p[0] = 'a';
    check(OfferVirtualMemory(p, 4096, 4) == 0, "OfferVirtualMemory offers");
    check(faults(p), "an offered page faults, and the program's handler sees it");
    check(ReclaimVirtualMemory(p, 4096) == 0 && p[0] == 'a',
          "ReclaimVirtualMemory gives the byte back");
    check(VirtualFree(p, 0, 0x8000), "VirtualFree releases");
    check(faults(p), "freed memory faults");
    before = faults_seen;
    p = VirtualAlloc(NULL, 4096, 0x3000, 0x104);
    check(p && faults(p) && faults_seen == before + 1, "a guard page faults once");
    check(p && !faults(p), "and is an ordinary page then");
    check(VirtualFree(p, 0, 0x8000), "VirtualFree releases the page");
    check(faults(own), "the program's handler still works for the program's memory");
}

/* Fails with one of two codes by turns and counts the wrong ones. */
static void *fail_often(void *argument)
{
    uintptr_t turn = (uintptr_t)argument, wrong = 0;
    int own_page;

    for (unsigned i = 0; i < ROUNDS; i++, turn++) {
        if (turn % 2) {
            VirtualAlloc(NULL, 0, 0x3000, 4);
            wrong += GetLastError() != INVALID_PARAMETER;
        } else {
            /* commits in the middle of the thread's own stack, which is not winmem's */
            VirtualAlloc(&own_page, 1, 0x1000, 4);
            wrong += GetLastError() != INVALID_ADDRESS;
        }
    }
    return (void *)wrong;
}

static void check_last_error(void)
{
    pthread_t threads[THREADS];
    uintptr_t wrong = 0;

    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, fail_often, (void *)i);
    VirtualAlloc(NULL, 0, 0x3000, 4);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (uintptr_t)result;
    }
    check(wrong == 0, "each thread finds its own last error");
    check(GetLastError() == INVALID_PARAMETER, "and the main thread too, after the others ended");
}

int main(void)
{
    char *own = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!VirtualAlloc) {
        puts("run with LD_PRELOAD=libwinmem.so");
        return 77;
    }
    check_handler();
    check_no_teb();
    check(faults(own), "the program's handler sees faults in its own memory");
    check_offer(own);
    check_last_error();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
