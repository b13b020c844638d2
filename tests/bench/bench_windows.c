/*
 * The prices of the memory calls as a Windows program meets them: lines `name<tab>nanoseconds`,
 * which bench_windows.py compares between `winmem run` and Wine. No C runtime.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define KIB    1024ull
#define MIB    (1024 * KIB)
#define RC     (MEM_RESERVE | MEM_COMMIT)
#define ROUNDS 11
#define MANY   20000u

static char *area;
static char *regions[MANY];

static ULONG64 ticks(void)
{
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    return (ULONG64)counter.QuadPart;
}

static void print(const char *name, ULONG64 number)
{
    char text[128];
    DWORD length = 0, digits = 1, written;
    for (ULONG64 rest = number; rest >= 10; rest /= 10)
        digits++;
    while (name[length])
        text[length] = name[length], length++;
    text[length++] = '\t';
    for (DWORD i = digits; i-- > 0; number /= 10)
        text[length + i] = (char)('0' + number % 10);
    length += digits;
    text[length++] = '\n';
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, length, &written, NULL);
}

static void allocate_free(void)
{
    VirtualFree(VirtualAlloc(NULL, 64 * KIB, RC, PAGE_READWRITE), 0, MEM_RELEASE);
}

static void reserve_release(void)
{
    VirtualFree(VirtualAlloc(NULL, MIB, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
}

static void commit_decommit(void)
{
    VirtualAlloc(area + 100 * MIB, 4 * KIB, MEM_COMMIT, PAGE_READWRITE);
    VirtualFree(area + 100 * MIB, 4 * KIB, MEM_DECOMMIT);
}

static void flip(void)
{
    DWORD old;
    VirtualProtect(area + 4 * KIB, 4 * KIB, PAGE_READONLY, &old);
    VirtualProtect(area + 4 * KIB, 4 * KIB, PAGE_READWRITE, &old);
}

static void query(void)
{
    static unsigned next;
    MEMORY_BASIC_INFORMATION info;
    next = (next + 7919) % MANY;
    VirtualQuery(regions[next], &info, sizeof info);
}

/* The best of some rounds: what disturbs a run makes it slower only. */
static void bench(const char *name, void (*call)(void), unsigned times)
{
    ULONG64 best = ~0ull;
    LARGE_INTEGER frequency;
    QueryPerformanceFrequency(&frequency);
    for (unsigned round = 0; round < ROUNDS; round++) {
        ULONG64 start = ticks(), spent;
        for (unsigned i = 0; i < times; i++)
            call();
        spent = ticks() - start;
        best = spent < best ? spent : best;
    }
    print(name, best * (1000000000ull / (ULONG64)frequency.QuadPart) / times);
}

typedef DWORD(WINAPI *offer_function)(PVOID, SIZE_T, int);
typedef DWORD(WINAPI *reclaim_function)(const void *, SIZE_T);
static offer_function offer;
static reclaim_function reclaim;

static void offer_reclaim(void)
{
    offer(area, 64 * MIB, 4);
    reclaim(area, 64 * MIB);
}

void start(void)
{
    HMODULE kernel32 = GetModuleHandleA("kernel32.dll");
    offer = (offer_function)(void *)GetProcAddress(kernel32, "OfferVirtualMemory");
    reclaim = (reclaim_function)(void *)GetProcAddress(kernel32, "ReclaimVirtualMemory");
    area = VirtualAlloc(NULL, 256 * MIB, MEM_RESERVE, PAGE_READWRITE);
    if (!area || !VirtualAlloc(area, 64 * MIB, MEM_COMMIT, PAGE_READWRITE))
        ExitProcess(1);
    for (ULONG64 at = 0; at < 64 * MIB; at += 4 * KIB)
        area[at] = 1;
    bench("allocate + free 64 KiB", allocate_free, 500);
    bench("reserve + release 1 MiB", reserve_release, 500);
    bench("commit + decommit 4 KiB", commit_decommit, 500);
    bench("protect 4 KiB read-only and back", flip, 500);
    for (unsigned i = 0; i < MANY; i++)
        regions[i] = VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE, PAGE_READWRITE);
    bench("query among 20 000 regions", query, 2000);
    for (unsigned i = 0; i < MANY; i++)
        VirtualFree(regions[i], 0, MEM_RELEASE);
    if (offer && reclaim && offer(area, 4 * KIB, 4) == ERROR_SUCCESS) {
        reclaim(area, 4 * KIB);
        bench("offer + reclaim 64 MiB intact", offer_reclaim, 1);
    }
    ExitProcess(0);
}
