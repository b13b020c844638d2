/*
 * Drop-in use 3: somebody else's loader. It opens the library, asks for functions by module and
 * name, and calls them with the Windows convention. A SIGSEGV handler was there before the library
 * came. Prints "N passed, N failed".
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <winmem/winmem.h>

#define WINDOWS __attribute__((ms_abi))

typedef WINDOWS void *allocate_function(void *, uint64_t, uint32_t, uint32_t);
typedef WINDOWS int32_t free_function(void *, uint64_t, uint32_t);
typedef WINDOWS uint32_t discard_function(void *, uint64_t);
typedef __typeof__(winmem_resolve) resolve_function;
typedef __typeof__(winmem_has_module) has_module_function;

static int passed, failed;
static sigjmp_buf back;
static void *volatile faulted;

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
    siglongjmp(back, signal);
}

static int faults(volatile char *address)
{
    if (sigsetjmp(back, 1) == 0) {
        *address = 1;
        return 0;
    }
    return faulted == (void *)address;
}

static void use(resolve_function *resolve)
{
    allocate_function *allocate = (allocate_function *)resolve("kernel32.dll", "VirtualAlloc");
    free_function *release = (free_function *)resolve("KERNELBASE", "VirtualFree");
    discard_function *discard =
        (discard_function *)resolve("api-ms-win-core-memory-l1-1-2.dll", "DiscardVirtualMemory");
    char *p;

    check(allocate && release && discard, "functions are found by module, bare name and api set");
    check(resolve("kernel32.dll", "NoSuchFunction") == NULL, "an unknown function is NULL");
    check(resolve("nosuch.dll", "VirtualAlloc") == NULL, "an unknown module is NULL");
    check(resolve("ntdll.dll", "NtAllocateVirtualMemory") != NULL, "ntdll names are found");
    check(resolve("kernel32.dll", "NtAllocateVirtualMemory") == NULL, "but not in kernel32");
    check(resolve("kernel32.dll", "virtualalloc") == NULL, "function names compare with case");
    check(resolve("API-MS-WIN-CORE-MEMORY-L1-1-0", "VirtualAlloc") == (void *)allocate,
          "an api set gives the same function, in any case");
    check(resolve("api-ms-win-core-nosuch-l1-1-0.dll", "VirtualAlloc") == NULL,
          "an unknown api set is NULL");
    if (!allocate || !release || !discard)
        return;
    p = allocate(NULL, 3 * 4096, 0x3000, 4);
    check(p != NULL && p[4096] == 0, "VirtualAlloc through its pointer");
    p[0] = 7;
    check(discard(p, 4096) == 0, "DiscardVirtualMemory through its pointer");
    p[0] = 8;
    check(p[0] == 8, "discarded memory can be written");
    check(release(p, 0, 0x8000) == 1, "VirtualFree through its pointer");
    check(faults(p), "freed memory faults in the host's own handler");
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    char *own = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *library;
    resolve_function *resolve;
    has_module_function *has_module;

    sigaction(SIGSEGV, &action, NULL);
    library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    check(library != NULL, "the library can be opened at run time");
    if (!library) {
        printf("%s\n", dlerror());
        return 1;
    }
    resolve = (resolve_function *)dlsym(library, "winmem_resolve");
    check(resolve != NULL, "winmem_resolve is exported");
    check(faults(own), "the handler installed before the library still sees faults");
    if (resolve)
        use(resolve);
    has_module = (has_module_function *)dlsym(library, "winmem_has_module");
    check(has_module && has_module("Kernel32.DLL") && has_module("ntdll") &&
              !has_module("nosuch.dll"),
          "modules it answers for");
    check(faults(own), "and after the library was used");
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
