/*
 * Memory that may be dropped: offers under a budget, and MEM_RESET with its undo. Statement by
 * statement (kit.h). What is lost is decided from outside (winmem's variables), which OFFER_TEST
 * tells: budget (WINMEM_OFFER_BUDGET=64K), all (WINMEM_OFFER_DISCARD=all), now (WINMEM_RETURN=now);
 * the statements say what must hold whatever is lost, and what
 * must hold then.
 */
#include "kit.h"

#define PAGES    16u
#define RESET    0x80000u
#define UNDO     0x1000000u
#define BUSY     170u
#define VERY_LOW 1u
#define NORMAL   4u

typedef DWORD WINAPI offer_function(void *address, SIZE_T size, DWORD priority);
typedef DWORD WINAPI reclaim_function(const void *address, SIZE_T size);

static offer_function *offer;
static reclaim_function *reclaim;

static BOOL is_here(void)
{
    HMODULE kernel = GetModuleHandleW(L"kernel32");
    offer = (offer_function *)(void *)GetProcAddress(kernel, "OfferVirtualMemory");
    reclaim = (reclaim_function *)(void *)GetProcAddress(kernel, "ReclaimVirtualMemory");
    if (!offer || !reclaim)
        kit_skip("OfferVirtualMemory is not here");
    return offer && reclaim;
}

/* What OFFER_TEST says is lost on purpose; winmem's own variables are not seen by a program. */
static BOOL expects(const char *what)
{
    char value[64];
    DWORD length = GetEnvironmentVariableA("OFFER_TEST", value, sizeof value);
    if (!what)
        return length != 0;
    for (unsigned i = 0; length && length < sizeof value; i++)
        if (value[i] != what[i])
            return FALSE;
        else if (!value[i])
            return TRUE;
    return FALSE;
}

static volatile char *take(unsigned pages)
{
    volatile char *memory = VirtualAlloc(NULL, pages * PAGE, MEM_COMMIT, PAGE_READWRITE);
    for (unsigned i = 0; i < pages; i++)
        memory[i * PAGE + 9] = (char)(i + 1);
    return memory;
}

/* Pages of [first, end) that are not as take() left them. */
static unsigned differ(volatile char *memory, unsigned first, unsigned end)
{
    unsigned wrong = 0;
    for (unsigned i = first; i < end; i++)
        wrong += memory[i * PAGE + 9] != (char)(i + 1);
    return wrong;
}

static void drop(volatile char *memory)
{
    VirtualFree((void *)memory, 0, MEM_RELEASE);
}

static void of001(void)
{
    volatile char *memory;
    if (!is_here())
        return;
    if (!expects("budget")) {
        kit_skip("no budget");
        return;
    }
    memory = take(2 * PAGES);
    same("normal", offer((void *)memory, 8 * PAGE, NORMAL), 0);
    same("very low", offer((void *)(memory + 8 * PAGE), 4 * PAGE, VERY_LOW), 0);
    same("very low, younger", offer((void *)(memory + 12 * PAGE), 4 * PAGE, VERY_LOW), 0);
    same("one too many", offer((void *)(memory + 16 * PAGE), 4 * PAGE, NORMAL), 0);
    same("the oldest of the lowest is lost", reclaim((void *)(memory + 8 * PAGE), 4 * PAGE), BUSY);
    same("the others are not", reclaim((void *)(memory + 12 * PAGE), 8 * PAGE), 0);
    same("nor is the higher", reclaim((void *)memory, 8 * PAGE), 0);
    same("bytes", differ(memory, 0, 8) + differ(memory, 12, 20), 0);
    same("lost", differ(memory, 8, 12), 4);
    drop(memory);
}

/* The answer of an undo and the bytes agree, whatever was lost. */
static void agree(volatile char *memory, unsigned first, unsigned end)
{
    void *start = (void *)(memory + first * PAGE);
    void *answer = VirtualAlloc(start, (end - first) * PAGE, UNDO, PAGE_READWRITE);
    if (answer)
        same("wrong bytes after success", differ(memory, first, end), 0);
    else
        ok("something is lost after failure", differ(memory, first, end) != 0);
}

static void of002(void)
{
    volatile char *memory = take(PAGES);
    ok("reset", VirtualAlloc((void *)memory, PAGES * PAGE, RESET, PAGE_NOACCESS) == memory);
    for (unsigned i = 0; i < PAGES; i++)
        ok("as it was, or zero", memory[i * PAGE + 9] == (char)(i + 1) || !memory[i * PAGE + 9]);
    agree(memory, 0, PAGES / 2);
    agree(memory, PAGES / 2, PAGES);
    memory[9] = 1;
    drop(memory);
}

static void of003(void)
{
    volatile char *memory = take(PAGES);
    ok("reset", VirtualAlloc((void *)memory, PAGES * PAGE, RESET, PAGE_READWRITE) == memory);
    memory[3 * PAGE + 9] = 99;
    same("written", memory[3 * PAGE + 9], 99);
    agree(memory, 4, PAGES);
    same("still there", memory[3 * PAGE + 9], 99);
    drop(memory);
}

/* A buffer whose second half was reset: all of the file arrives. */
static void of004(void)
{
    volatile char *memory = take(PAGES);
    static char block[PAGE];
    char *buffer = (char *)memory + PAGES / 2 * PAGE - 100;
    DWORD done = 0, wrong = 0;
    HANDLE file = CreateFileA("offer.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_FLAG_DELETE_ON_CLOSE, NULL);
    for (unsigned i = 0; i < PAGE; i++)
        block[i] = (char)(i % 100 + 1);
    ok("file", file != INVALID_HANDLE_VALUE && WriteFile(file, block, PAGE, &done, NULL));
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ok("reset", VirtualAlloc((void *)(memory + PAGES / 2 * PAGE), PAGES / 2 * PAGE, RESET,
                             PAGE_READWRITE) != NULL);
    ok("read", ReadFile(file, buffer, PAGE, &done, NULL));
    same("all of it", done, PAGE);
    for (unsigned i = 0; i < PAGE; i++)
        wrong += buffer[i] != block[i];
    same("wrong bytes", wrong, 0);
    CloseHandle(file);
    drop(memory);
}

static void of005(void)
{
    volatile char *memory;
    if (!expects("all")) {
        kit_skip("nothing is lost on purpose");
        return;
    }
    memory = take(PAGES);
    VirtualAlloc((void *)memory, PAGES * PAGE, RESET, PAGE_READWRITE);
    same("lost", differ(memory, 0, PAGES), PAGES);
    memory[9] = 1;
    SetLastError(0);
    ok("told", VirtualAlloc((void *)memory, PAGES * PAGE, UNDO, PAGE_READWRITE) == NULL);
    ok("with an error", GetLastError() != 0);
    ok("once", VirtualAlloc((void *)memory, PAGES * PAGE, UNDO, PAGE_READWRITE) == memory);
    drop(memory);
}

static volatile char *shared;
static volatile LONG lost_writes;

static DWORD WINAPI write_on(void *offset)
{
    volatile char *mine = shared + (SIZE_T)offset;
    for (unsigned round = 1; round < 100; round++)
        for (unsigned page = 0; page < PAGES; page++) {
            mine[page * PAGE] = (char)round;
            if (mine[page * PAGE] != (char)round)
                InterlockedIncrement(&lost_writes);
        }
    return 0;
}

static void of006(void)
{
    HANDLE threads[2];
    shared = take(PAGES);
    for (unsigned i = 0; i < 2; i++)
        threads[i] = CreateThread(NULL, 0, write_on, (void *)(SIZE_T)(i * 64 + 100), 0, NULL);
    for (unsigned round = 0; round < 200; round++) {
        VirtualAlloc((void *)shared, PAGES * PAGE, RESET, PAGE_READWRITE);
        VirtualAlloc((void *)shared, PAGES * PAGE, UNDO, PAGE_READWRITE);
    }
    for (unsigned i = 0; i < 2; i++)
        WaitForSingleObject(threads[i], INFINITE);
    /* memory that is dropped while it is written may lose a write, and is told to have */
    if (expects(NULL))
        kit_skip("contents are lost on purpose");
    else
        same("lost writes", lost_writes, 0);
    drop(shared);
}

#define BIG  (6u << 20)
#define HUGE (2ull << 20) /* a write wakes no more than such a piece */

/* Calls of many kinds, which hold this and that while they work; how many went wrong. */
static ULONG64 call_about(void *unused)
{
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    unsigned wrong = 0;
    char *memory = VirtualAlloc(NULL, 4 * PAGE, MEM_RESERVE, PAGE_READWRITE);
    wrong += VirtualAlloc(memory, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE) != memory;
    wrong += !VirtualProtect(memory, PAGE, PAGE_READONLY, &old);
    wrong += VirtualQuery(memory, &info, sizeof info) != sizeof info;
    wrong += offer(memory, 2 * PAGE, NORMAL) != 0;
    wrong += reclaim(memory, 2 * PAGE) != 0;
    wrong += VirtualFree(memory, 0, MEM_RELEASE) == 0;
    return wrong;
}

/* A program runs on memory of its own, most of which it has reset. */
static void of007(void)
{
    char *memory, *border;
    unsigned wrong = 0;
    if (!is_here())
        return;
    memory = (char *)take(BIG / PAGE);
    border = (char *)(((ULONG64)memory + 2 * HUGE - 1) & ~(HUGE - 1));
    for (unsigned above = 128; above < 3 * PAGE; above += 112) {
        VirtualAlloc(memory, BIG, RESET, PAGE_READWRITE);
        wrong += (unsigned)kit_call_on(border + above, call_about, NULL);
    }
    same("wrong answers", wrong, 0);
    drop(memory);
}

static ULONG64 reset_all(void *memory)
{
    volatile ULONG64 local = 0x1234567;
    BOOL done = VirtualAlloc(memory, BIG, RESET, PAGE_READWRITE) == memory;
    unsigned wrong = (unsigned)call_about(NULL);
    VirtualAlloc(memory, BIG, UNDO, PAGE_READWRITE);
    return !done + wrong + (local != 0x1234567);
}

/* It resets also what it stands on: that is in use. */
static void of008(void)
{
    char *memory;
    if (!is_here())
        return;
    memory = (char *)take(BIG / PAGE);
    same("wrong answers", kit_call_on(memory + BIG / 2 + 64, reset_all, memory), 0);
    drop(memory);
}

static const struct statement statements[] = {
    {"OF-001", of001}, {"OF-002", of002}, {"OF-003", of003}, {"OF-004", of004},
    {"OF-005", of005}, {"OF-006", of006}, {"OF-007", of007}, {"OF-008", of008},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
