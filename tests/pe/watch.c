/*
 * Write watch as a garbage collector uses it: what a system call writes counts, several threads may
 * ask while others write, and no write is missed. Same lines as conformance.exe (kit.h).
 */
#include "kit.h"

#define RC   (MEM_RESERVE | MEM_COMMIT)
#define MOST 512u

static char *watched(SIZE_T size, DWORD type)
{
    return VirtualAlloc(NULL, size, type | MEM_WRITE_WATCH, PAGE_READWRITE);
}

/* How many pages are told; the first one as a page number through *first. */
static ULONG64 told(DWORD flags, char *memory, SIZE_T size, ULONG64 *first)
{
    static PVOID addresses[MOST];
    ULONG_PTR count = MOST;
    DWORD granularity = 0;
    same("answer", GetWriteWatch(flags, memory, size, addresses, &count, &granularity), 0);
    same("granularity", granularity, PAGE);
    if (first)
        *first = count ? ((ULONG64)addresses[0] - (ULONG64)memory) / PAGE : ~0ull;
    return count;
}

/* Written pages are told, pages that were read are not, and a reset begins anew. */
static void ww001(void)
{
    ULONG64 first;
    char *memory = watched(64 * PAGE, RC);
    ok("there", memory != NULL);
    same("fresh", told(0, memory, 64 * PAGE, NULL), 0);
    ((volatile char *)memory)[7 * PAGE] = 1;
    (void)((volatile char *)memory)[8 * PAGE];
    same("written", told(WRITE_WATCH_FLAG_RESET, memory, 64 * PAGE, &first), 1);
    same("page", first, 7);
    same("after the reset", told(0, memory, 64 * PAGE, NULL), 0);
    ((volatile char *)memory)[9 * PAGE] = 1;
    same("ResetWriteWatch", ResetWriteWatch(memory, 64 * PAGE), 0);
    same("after it", told(0, memory, 64 * PAGE, NULL), 0);
    VirtualFree(memory, 0, MEM_RELEASE);
}

static HANDLE temporary_file(DWORD size)
{
    static WCHAR folder[MAX_PATH], name[MAX_PATH];
    static char text[1024];
    DWORD done;
    GetTempPathW(MAX_PATH, folder);
    GetTempFileNameW(folder, L"ww", 0, name);
    HANDLE file = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL,
                              CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    ok("file", file != INVALID_HANDLE_VALUE);
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (char)(i % 251 + 1);
    for (DWORD at = 0; at < size; at += sizeof text)
        WriteFile(file, text, sizeof text, &done, NULL);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    return file;
}

static void check_text(const char *memory, DWORD size)
{
    for (DWORD i = 0; i < size; i++)
        if (memory[i] != (char)(i % 1024 % 251 + 1)) {
            same("byte", i, ~0u);
            return;
        }
}

/* ReadFile into a watched buffer: all bytes arrive and every page counts, also between others. */
static void ww002(void)
{
    ULONG64 first;
    DWORD done = 0;
    char *memory = watched(64 * PAGE, RC);
    HANDLE file = temporary_file(40 * PAGE);
    ((volatile char *)memory)[4 * PAGE] =
        1; /* one that was written stands before those that were not */
    ok("read", ReadFile(file, memory + 4 * PAGE, 32 * PAGE, &done, NULL));
    same("bytes", done, 32 * PAGE);
    check_text(memory + 4 * PAGE, 32 * PAGE);
    same("written", told(WRITE_WATCH_FLAG_RESET, memory, 64 * PAGE, &first), 32);
    same("from", first, 4);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ((volatile char *)memory)[1 * PAGE] = 1;
    ok("read again", ReadFile(file, memory + 8, 3 * PAGE, &done, NULL));
    same("bytes", done, 3 * PAGE);
    check_text(memory + 8, 3 * PAGE);
    same("written again", told(WRITE_WATCH_FLAG_RESET, memory, 64 * PAGE, &first), 4);
    same("from", first, 0);
    SetFilePointer(file, 39 * PAGE, NULL, FILE_BEGIN);
    ok("read at the end", ReadFile(file, memory + 50 * PAGE, 2 * PAGE, &done, NULL));
    same("bytes", done, PAGE);
    ok("at least the page read", told(0, memory + 50 * PAGE, PAGE, NULL) == 1);
    ok("written from", WriteFile(file, memory, 4 * PAGE, &done, NULL));
    same("a file written from it", told(0, memory, 32 * PAGE, NULL), 0);
    CloseHandle(file);
    VirtualFree(memory, 0, MEM_RELEASE);
}

/* What goes through a pipe, or from one place of the process to another. */
static void ww003(void)
{
    char *memory = watched(64 * PAGE, RC);
    HANDLE reader, writer;
    DWORD done;
    SIZE_T moved;
    char text[64] = "through a pipe";
    ok("pipe", CreatePipe(&reader, &writer, NULL, 0));
    WriteFile(writer, text, sizeof text, &done, NULL);
    ok("peeked", PeekNamedPipe(reader, memory + 20 * PAGE, sizeof text, &done, NULL, NULL));
    same("bytes", done, sizeof text);
    ok("read", ReadFile(reader, memory + 21 * PAGE - 8, sizeof text, &done, NULL));
    same("bytes", done, sizeof text);
    same("text", memory[21 * PAGE - 8 + 10], text[10]);
    same("written", told(WRITE_WATCH_FLAG_RESET, memory, 64 * PAGE, NULL), 2);
    ok("WriteProcessMemory",
       WriteProcessMemory(GetCurrentProcess(), memory + 5 * PAGE, text, sizeof text, &moved));
    same("written", told(WRITE_WATCH_FLAG_RESET, memory, 64 * PAGE, NULL), 1);
    ok("ReadProcessMemory",
       ReadProcessMemory(GetCurrentProcess(), memory + 5 * PAGE, text, sizeof text, &moved));
    same("read from", told(0, memory, 64 * PAGE, NULL), 0);
    CloseHandle(reader);
    CloseHandle(writer);
    VirtualFree(memory, 0, MEM_RELEASE);
}

/* A terabyte of address space, with little in it. */
static void ww004(void)
{
    SIZE_T size = 1ull << 40;
    ULONG64 first;
    char *memory = watched(size, MEM_RESERVE), *at = memory + size / 2 + 3 * PAGE;
    ok("there", memory != NULL);
    ok("committed", VirtualAlloc(at, 1 << 20, MEM_COMMIT, PAGE_READWRITE) == at);
    ((volatile char *)at)[PAGE] = 1;
    same("written", told(WRITE_WATCH_FLAG_RESET, memory, size, &first), 1);
    same("page", first, size / 2 / PAGE + 4);
    same("ResetWriteWatch", ResetWriteWatch(memory, size), 0);
    VirtualFree(memory, 0, MEM_RELEASE);
}

/*
 * Writers count up the tag of a page, and again only once a collector has been told of that page
 * and noted the tag: a write that nobody is told of leaves a page behind for good.
 */
#define WRITERS    3u
#define COLLECTORS 2u
#define PAGES      48u   /* of each writer */
#define ANSWERS    1000u /* of each collector, for which the writers go on */

static char *arena;
static volatile LONG collecting;
static volatile LONG noted[WRITERS * PAGES];

static volatile LONG *tag_of(unsigned page)
{
    return (volatile LONG *)(arena + page * PAGE);
}

static DWORD WINAPI writer(void *context)
{
    unsigned first = (unsigned)(ULONG_PTR)context * PAGES;
    ULONG64 random = first + 1;
    while (collecting) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        unsigned page = first + (unsigned)(random >> 33) % PAGES;
        if (noted[page] == *tag_of(page))
            ++*tag_of(page);
    }
    return 0;
}

static ULONG_PTR collect(void)
{
    PVOID pages[WRITERS * PAGES];
    ULONG_PTR count = WRITERS * PAGES;
    DWORD granularity;
    if (GetWriteWatch(WRITE_WATCH_FLAG_RESET, arena, WRITERS * PAGES * PAGE, pages, &count,
                      &granularity) != 0)
        return 0;
    for (ULONG_PTR i = 0; i < count; i++) {
        unsigned page = (unsigned)(((char *)pages[i] - arena) / PAGE);
        noted[page] = *tag_of(page);
    }
    return count;
}

static DWORD WINAPI collector(void *context)
{
    for (unsigned i = 0; i < ANSWERS; i++)
        collect();
    InterlockedDecrement(&collecting);
    return 0;
}

/* No write is missed: the last tag of each page was found by somebody. */
static void ww005(void)
{
    HANDLE threads[WRITERS + COLLECTORS];
    unsigned missed = 0;
    arena = watched(WRITERS * PAGES * PAGE, RC);
    collecting = COLLECTORS;
    for (ULONG_PTR i = 0; i < WRITERS + COLLECTORS; i++)
        threads[i] = CreateThread(NULL, 0, i < WRITERS ? writer : collector,
                                  (void *)(i < WRITERS ? i : i - WRITERS), 0, NULL);
    same("ended", WaitForMultipleObjects(WRITERS + COLLECTORS, threads, TRUE, 60000),
         WAIT_OBJECT_0);
    collect();
    for (unsigned page = 0; page < WRITERS * PAGES; page++)
        missed += noted[page] != *tag_of(page);
    same("pages with a missed write", missed, 0);
    for (unsigned i = 0; i < WRITERS + COLLECTORS; i++)
        CloseHandle(threads[i]);
    VirtualFree(arena, 0, MEM_RELEASE);
}

/* Calls that allocate, and touch nothing of the stack's region; how many went wrong. */
static ULONG64 call_about(void *unused)
{
    DWORD old;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 4; i++) {
        char *memory = VirtualAlloc(NULL, 4 * PAGE, RC, PAGE_READWRITE);
        wrong += !VirtualProtect(memory, PAGE, PAGE_READONLY, &old);
        wrong += !VirtualFree(memory, 0, MEM_RELEASE);
    }
    return wrong;
}

/* A program runs on memory that is watched: each page is written for the first time somewhere. */
static void ww006(void)
{
    char *memory = watched(64 * PAGE, RC);
    unsigned wrong = 0;
    for (unsigned above = 64; above < 2 * PAGE; above += 80) {
        ResetWriteWatch(memory, 64 * PAGE);
        wrong += (unsigned)kit_call_on(memory + 32 * PAGE + above, call_about, NULL);
    }
    same("wrong answers", wrong, 0);
    ok("told", told(0, memory, 64 * PAGE, NULL) != 0);
    VirtualFree(memory, 0, MEM_RELEASE);
}

static const struct statement statements[] = {
    {"WW-001", ww001}, {"WW-002", ww002}, {"WW-003", ww003},
    {"WW-004", ww004}, {"WW-005", ww005}, {"WW-006", ww006},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
