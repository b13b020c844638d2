/*
 * What a program learns about its own memory: whole allocations, images and their files. Statement
 * by statement (kit.h).
 */
#include "kit.h"

typedef struct {
    PVOID base;
    ULONG protect, flags;
    SIZE_T size, committed;
} region_information;

typedef struct {
    PVOID base;
    SIZE_T size;
    ULONG flags;
} image_information;

typedef struct {
    USHORT length, maximum;
    WCHAR *buffer;
} counted_string;

typedef LONG NTAPI query_function(HANDLE process, PVOID address, int class, PVOID buffer,
                                  SIZE_T length, SIZE_T *ret_length);
typedef BOOL WINAPI region_function(HANDLE process, const void *address, int class, PVOID buffer,
                                    SIZE_T length, SIZE_T *ret_length);
typedef DWORD WINAPI name_function(HANDLE process, PVOID address, WCHAR *name, DWORD size);
typedef DWORD WINAPI name_function_a(HANDLE process, PVOID address, char *name, DWORD size);

#define THIS_PROCESS     ((HANDLE)-1)
#define MAPPED_FILE_NAME 2
#define REGION           3
#define IMAGE            6
#define REGION_EX        7
#define INVALID_ADDRESS  ((LONG)0xC0000141)
#define INVALID_CLASS    ((LONG)0xC0000003)
#define LENGTH_MISMATCH  ((LONG)0xC0000004)
#define FLAG_PRIVATE     1u
#define FLAG_IMAGE       4u
#define LONGEST_NAME     600u /* bytes of a name here */

static query_function *query(void)
{
    return (query_function *)(void *)GetProcAddress(GetModuleHandleW(L"ntdll"),
                                                    "NtQueryVirtualMemory");
}

static void *of_kernelbase(const char *name)
{
    return (void *)GetProcAddress(LoadLibraryW(L"kernelbase"), name);
}

static void in001(void)
{
    region_function *information = of_kernelbase("QueryVirtualMemoryInformation");
    char *memory = VirtualAlloc(NULL, 8 * PAGE, MEM_RESERVE, PAGE_READONLY);
    region_information region = {0};
    SIZE_T size = 0;

    ok("exported", information != NULL);
    if (!information)
        return;
    ok("answers",
       information(THIS_PROCESS, memory + 5 * PAGE + 7, 0, &region, sizeof region, &size));
    same("bytes", size, 32);
    same("base", region.base, memory);
    same("protection", region.protect, PAGE_READONLY);
    same("flags", region.flags, FLAG_PRIVATE);
    same("size", region.size, 8 * PAGE);
    same("committed", region.committed, 0);
    VirtualAlloc(memory + PAGE, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    ok("answers without a size",
       information(THIS_PROCESS, memory, 0, &region, sizeof region, NULL));
    same("committed", region.committed, 3 * PAGE);
    VirtualFree(memory, 0, MEM_RELEASE);
    ok("nothing is there", !information(THIS_PROCESS, memory, 0, &region, sizeof region, NULL));
}

static void in002(void)
{
    char *own = (char *)GetModuleHandleW(NULL);
    image_information image = {0};
    region_information region = {0};
    SIZE_T size = 0;
    DWORD wanted = *(DWORD *)(own + *(DWORD *)(own + 0x3C) + 24 + 56);

    same("image", query()(THIS_PROCESS, own + PAGE, IMAGE, &image, sizeof image, &size), 0);
    same("bytes", size, 24);
    same("base", image.base, own);
    same("size", image.size, (wanted + PAGE - 1) & ~(PAGE - 1));
    same("region", query()(THIS_PROCESS, own + PAGE, REGION, &region, sizeof region, &size), 0);
    same("flags", region.flags, FLAG_IMAGE);
    same("base", region.base, own);
    ok("copied pages are no more than all", region.committed <= region.size);
}

/* \Device\HarddiskVolume<n> and the path without its drive. */
static void in003(void)
{
    static union {
        counted_string string;
        char bytes[LONGEST_NAME];
    } answer;
    static WCHAR path[LONGEST_NAME];
    static const WCHAR device[] = L"\\Device\\HarddiskVolume";
    char *own = (char *)GetModuleHandleW(NULL);
    SIZE_T size = 0, again = 0;
    DWORD length = GetModuleFileNameW(NULL, path, LONGEST_NAME), i, tail = length - 2;

    same("short", query()(THIS_PROCESS, own, MAPPED_FILE_NAME, &answer, 16, &size),
         LENGTH_MISMATCH);
    ok("the length is told", size > 16 && size < LONGEST_NAME);
    same("name", query()(THIS_PROCESS, own + PAGE, MAPPED_FILE_NAME, &answer, size, &again), 0);
    same("the same length", again, size);
    same("maximum", answer.string.maximum, answer.string.length + 2);
    same("all of it", size, 16u + answer.string.maximum);
    for (i = 0; device[i]; i++)
        if (answer.string.buffer[i] != device[i])
            break;
    same("device", i, sizeof device / 2 - 1);
    ok("longer than the path", answer.string.length / 2 > (int)tail);
    for (i = 0; i < tail; i++)
        if (answer.string.buffer[answer.string.length / 2 - tail + i] != path[2 + i])
            break;
    same("path", i, tail);
}

static void in004(void)
{
    static char answer[LONGEST_NAME];
    char *memory = VirtualAlloc(NULL, PAGE, MEM_COMMIT, PAGE_READWRITE);
    SIZE_T size = 77;

    same("private memory has no file",
         query()(THIS_PROCESS, memory, MAPPED_FILE_NAME, answer, LONGEST_NAME, &size),
         INVALID_ADDRESS);
    same("nor is it an image", query()(THIS_PROCESS, memory, IMAGE, answer, 24, &size),
         INVALID_ADDRESS);
    same("a class that nobody knows", query()(THIS_PROCESS, memory, 99, answer, 64, &size),
         INVALID_CLASS);
    same("short", query()(THIS_PROCESS, memory, REGION_EX, answer, 47, &size), LENGTH_MISMATCH);
    same("the length is untouched", size, 77);
    VirtualFree(memory, 0, MEM_RELEASE);
}

static void in005(void)
{
    static WCHAR name[LONGEST_NAME];
    static char narrow[LONGEST_NAME];
    HMODULE kernel = GetModuleHandleW(L"kernel32");
    name_function *get = (name_function *)(void *)GetProcAddress(kernel, "K32GetMappedFileNameW");
    name_function_a *get_a =
        (name_function_a *)(void *)GetProcAddress(kernel, "K32GetMappedFileNameA");
    PVOID own = GetModuleHandleW(NULL);
    DWORD length = get(THIS_PROCESS, own, name, LONGEST_NAME), i;

    ok("a name", length > 23 && length < LONGEST_NAME && name[0] == '\\');
    same("terminated", name[length], 0);
    same("as long in ASCII", get_a(THIS_PROCESS, own, narrow, LONGEST_NAME), length);
    for (i = 0; i < length && narrow[i] == (char)name[i]; i++)
        ;
    same("the same name", i, length);
    SetLastError(0);
    same("nothing is there", get(THIS_PROCESS, (PVOID)PAGE, name, LONGEST_NAME), 0);
    same("last error", GetLastError(), ERROR_UNEXP_NET_ERR);
    narrow[5] = 'x';
    get_a(THIS_PROCESS, own, narrow, 5);
    same("last error", GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    same("cut off", narrow[3], 'v');
    same("not written", narrow[5], 'x');
}

typedef struct {
    PVOID address;
    ULONG64 attributes;
} page_information;

typedef BOOL WINAPI pages_function(HANDLE process, PVOID buffer, DWORD size);

#define VALID         1u
#define LOCKED        0x400000u
#define PROTECTION(a) ((a) >> 4 & 0x7FF)

static ULONG64 page(PVOID address)
{
    static pages_function *get;
    page_information information = {address, ~0ull};
    if (!get)
        get = (pages_function *)(void *)GetProcAddress(GetModuleHandleW(L"kernel32"),
                                                       "K32QueryWorkingSetEx");
    ok("answers", get(THIS_PROCESS, &information, sizeof information));
    return information.attributes;
}

static void in006(void)
{
    char *memory = VirtualAlloc(NULL, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    int local = 0;

    memory[PAGE] = 1;
    same("not touched", page(memory) & VALID, 0);
    same("touched", page(memory + PAGE) & VALID, VALID);
    same("protection", PROTECTION(page(memory + PAGE)), PAGE_READWRITE);
    same("private", page(memory + PAGE) & 0x8000, 0);
    same("the stack", page(&local) & VALID, VALID);
    same("code of the program", page((PVOID)in006) & (VALID | 0x8000), VALID | 0x8000);
    same("free memory", page((PVOID)PAGE), 0);
    VirtualFree(memory, 0, MEM_RELEASE);
}

static void in007(void)
{
    pages_function *get = (pages_function *)(void *)GetProcAddress(GetModuleHandleW(L"kernel32"),
                                                                   "K32QueryWorkingSet");
    char *memory = VirtualAlloc(NULL, 16 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    ULONG64 needed = 0, *list, i, found = 0, room;

    for (i = 0; i < 16; i += 3)
        memory[i * PAGE] = 1;
    ok("too short", !get(THIS_PROCESS, &needed, sizeof needed));
    same("last error", GetLastError(), ERROR_BAD_LENGTH);
    ok("the number is told", needed >= 6);
    room = needed + 1024;
    list = VirtualAlloc(NULL, room * 8, MEM_COMMIT, PAGE_READWRITE);
    ok("listed", get(THIS_PROCESS, list, (DWORD)(room * 8)));
    for (i = 1; i <= list[0]; i++)
        if ((list[i] & ~0xFFFull) - (ULONG64)memory < 16 * PAGE) {
            same("protection", list[i] & 0x1F, 4);
            found++;
        }
    same("found", found, 6);
    VirtualFree(list, 0, MEM_RELEASE);
    VirtualFree(memory, 0, MEM_RELEASE);
}

/* The sample of the page "Creating Guard Pages". */
static void in008(void)
{
    char *memory = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY | PAGE_GUARD);

    SetLastError(0);
    ok("the first lock meets the guard", !VirtualLock(memory, PAGE));
    same("last error", GetLastError(), STATUS_GUARD_PAGE_VIOLATION);
    ok("the second does not", VirtualLock(memory, PAGE));
    same("locked", page(memory) & (VALID | LOCKED), VALID | LOCKED);
    ok("unlocked", VirtualUnlock(memory, PAGE));
    same("not locked", page(memory) & LOCKED, 0);
    ok("once is enough", !VirtualUnlock(memory, PAGE));
    same("last error", GetLastError(), ERROR_NOT_LOCKED);
    VirtualFree(memory, 0, MEM_RELEASE);
}

static void in009(void)
{
    volatile char local[2 * PAGE];
    char *at = (char *)(((ULONG_PTR)local + PAGE - 1) & ~(ULONG_PTR)(PAGE - 1));

    local[0] = local[2 * PAGE - 1] = 1;
    ok("a page of the stack", VirtualLock(at, PAGE));
    same("locked", page(at) & (VALID | LOCKED), VALID | LOCKED);
    local[PAGE] = 2;
    ok("unlocked", VirtualUnlock(at, PAGE));
}

static DWORD WINAPI on_another_stack(void *unused)
{
    MEMORY_BASIC_INFORMATION info;
    volatile char here = 0;
    char *at = (char *)&here;
    unsigned i;

    /* down to the guard page: it is met as an access meets it, so the stack grows */
    for (i = 0; i < 1000; i++, at -= PAGE) {
        VirtualQuery(at, &info, sizeof info);
        if (info.Protect & PAGE_GUARD)
            break;
    }
    ok("there is a guard page", i < 1000);
    SetLastError(0);
    ok("the stack grows under the lock", VirtualLock(at, 1));
    VirtualQuery(at, &info, sizeof info);
    same("committed", info.Protect, PAGE_READWRITE);
    ok("unlocked", VirtualUnlock(at, 1));
    (void)unused;
    return here;
}

static void in010(void)
{
    HANDLE thread = CreateThread(NULL, 1 << 20, on_another_stack, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static const struct statement statements[] = {
    {"IN-001", in001}, {"IN-002", in002}, {"IN-003", in003}, {"IN-004", in004}, {"IN-005", in005},
    {"IN-006", in006}, {"IN-007", in007}, {"IN-008", in008}, {"IN-009", in009}, {"IN-010", in010},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
