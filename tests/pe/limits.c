/*
 * What a program meets when memory is limited (`winmem run --commit-limit` and its kin): lines for
 * the commit charge, the address space, what is said to be available, and which of many allocations
 * failed.
 */
#include "kit.h"

#define MIB     (1024u * 1024u)
#define BLOCKS  1024u
#define TRIES   480u
#define THREADS 96u

static void *blocks[BLOCKS];

static void line(const char *label, ULONG64 number, const char *unit, DWORD error)
{
    kit_print(label);
    kit_number(number, 10);
    kit_print(unit);
    kit_number(error, 10);
    kit_print("\n");
}

/* Blocks until it fails, then all are given back, and as many are to be had again. */
static void fill(const char *label, SIZE_T size, DWORD type, unsigned most)
{
    DWORD error = 0;
    unsigned count[2] = {0, 0};
    for (unsigned round = 0; round < 2; round++) {
        while (count[round] < most) {
            SetLastError(0);
            blocks[count[round]] = VirtualAlloc(NULL, size, type, PAGE_READWRITE);
            if (!blocks[count[round]])
                break;
            count[round]++;
        }
        error = count[round] < most ? GetLastError() : 0;
        for (unsigned i = 0; i < count[round]; i++)
            VirtualFree(blocks[i], 0, MEM_RELEASE);
    }
    line(label, count[0], " blocks, error ", error);
    if (count[0] != count[1])
        kit_print("the second time it was another number\n");
}

static void available(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    HANDLE low = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    BOOL is_low = FALSE;
    GlobalMemoryStatusEx(&status);
    QueryMemoryResourceNotification(low, &is_low);
    line("available: ", status.ullAvailPhys / MIB, " MiB, low ", (DWORD)is_low);
}

/* A letter for each allocation: `.` good, `R` a reservation, `C` a commit that failed. */
static void allocate_often(void)
{
    char *area = NULL, text[2] = {0, 0};
    while (!area)
        area = VirtualAlloc(NULL, TRIES * PAGE, MEM_RESERVE, PAGE_READWRITE);
    kit_print("allocations: ");
    for (unsigned i = 0; i < TRIES; i++) {
        DWORD type = i % 2 ? MEM_RESERVE : MEM_COMMIT;
        DWORD expected = i % 2 ? ERROR_NOT_ENOUGH_MEMORY : ERROR_COMMITMENT_LIMIT;
        SetLastError(0);
        void *got = VirtualAlloc(i % 2 ? NULL : area + i * PAGE, PAGE, type, PAGE_READWRITE);
        text[0] = got ? '.' : GetLastError() != expected ? '?' : i % 2 ? 'R' : 'C';
        kit_print(text);
        if (got && i % 2)
            VirtualFree(got, 0, MEM_RELEASE);
        else if (got)
            *(volatile char *)got = 1;
    }
    kit_print("\n");
}

static DWORD WINAPI nothing(void *argument)
{
    return (DWORD)(ULONG64)argument;
}

/* A thread needs a stack: that is an allocation too. */
static void start_threads(void)
{
    unsigned started = 0, wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        DWORD code = 0;
        SetLastError(0);
        HANDLE thread = CreateThread(NULL, 0, nothing, (void *)(ULONG64)i, 0, NULL);
        if (!thread) {
            wrong += GetLastError() == 0;
            continue;
        }
        started++;
        WaitForSingleObject(thread, INFINITE);
        wrong += !GetExitCodeThread(thread, &code) || code != i;
        CloseHandle(thread);
    }
    line("threads: ", started, " started, wrong ", wrong);
}

void start(void)
{
    fill("commit 1 MiB: ", MIB, MEM_RESERVE | MEM_COMMIT, BLOCKS);
    fill("reserve 16 MiB: ", 16 * MIB, MEM_RESERVE, BLOCKS);
    available();
    allocate_often();
    start_threads();
    ExitProcess(0);
}
