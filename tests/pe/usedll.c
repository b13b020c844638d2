/*
 * Libraries: imports, forwarders, the order of DllMain calls, loading at run time. Statement by
 * statement (kit.h).
 */
#include "dll_kit.h"
#include "kit.h"

/* The program's own thread-local value: the libraries' must not be in its place. */
__attribute__((section(".tls"), used)) static ULONG64 tls_begin = 0;
__attribute__((section(".tls$M"), used)) static ULONG64 tls_value = 17;
__attribute__((section(".tls$ZZZ"), used)) static ULONG64 tls_end = 0;
ULONG _tls_index;
const IMAGE_TLS_DIRECTORY64 _tls_used = {
    (ULONG64)&tls_begin, (ULONG64)&tls_end, (ULONG64)&_tls_index, 0, 0, 0};

static ULONG64 *own_value(void)
{
    char **blocks;
    __asm__("movq %%gs:0x58, %0" : "=r"(blocks));
    return (ULONG64 *)(blocks[_tls_index] + ((char *)&tls_value - (char *)&tls_begin));
}

typedef int WINAPI number_function(int);
typedef int WINAPI plain_function(void);
typedef ULONG64 *WINAPI value_function(void);

__declspec(dllimport) int WINAPI add(int a, int b);
__declspec(dllimport) int WINAPI by_ordinal(int number);
__declspec(dllimport) int WINAPI twice_elsewhere(int number);

static char diary_at_start[64];

static void copy_diary(char *to, unsigned size)
{
    const char *from = diary_read();
    unsigned i;
    for (i = 0; i + 1 < size && from[i]; i++)
        to[i] = from[i];
    to[i] = 0;
}

static int text_is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* The part of the diary written since it was `length` long. */
static unsigned diary_length(void)
{
    unsigned length = 0;
    while (diary_read()[length])
        length++;
    return length;
}

static void diary_since(unsigned length, const char *wanted, int line)
{
    int right = text_is(diary_read() + length, wanted);
    kit_same(wanted, (ULONG64)right, 1, line);
}
#define noted(length, wanted) diary_since((length), (wanted), __LINE__)

static void ld001(void)
{
    same("by name", (ULONG64)add(40, 2), 42);
    same("by ordinal alone", (ULONG64)by_ordinal(7), 1007);
    same("by a forwarder", (ULONG64)twice_elsewhere(21), 42);
    same("data", (ULONG64)dll_b_number, 4711);
}

static void ld002(void)
{
    ok("a library starts after those it needs", text_is(diary_at_start, "B+A+"));
}

static void ld003(void)
{
    HMODULE a = GetModuleHandleW(L"dll_a.dll"), b = GetModuleHandleA("DLL_B");
    number_function *function;

    ok("dll_a is there", a != NULL);
    ok("dll_b too, in capitals and without an ending", b != NULL);
    function = (number_function *)(void *)GetProcAddress(a, "twice_elsewhere");
    ok("a forwarder gives the other library's function",
       function == (number_function *)(void *)GetProcAddress(b, "twice"));
    function = (number_function *)(void *)GetProcAddress(a, (LPCSTR)70);
    same("a function by its ordinal", function ? (ULONG64)function(1) : 0, 1001);
    function = (number_function *)(void *)GetProcAddress(a, "number_elsewhere");
    same("a forwarder to an ordinal",
         function ? (ULONG64)((plain_function *)(void *)function)() : 0, 20);
    ok("a forwarder to kernel32",
       GetProcAddress(a, "ticks") == GetProcAddress(GetModuleHandleA("kernel32"), "GetTickCount"));
}

static void ld004(void)
{
    HMODULE a = GetModuleHandleW(L"dll_a.dll");

    SetLastError(0);
    ok("no such name", GetProcAddress(a, "nothing") == NULL);
    same("last error", GetLastError(), ERROR_PROC_NOT_FOUND);
    ok("names compare with case", GetProcAddress(a, "ADD") == NULL);
    ok("no such ordinal", GetProcAddress(a, (LPCSTR)5) == NULL);
    SetLastError(0);
    ok("no such module", GetModuleHandleW(L"nosuch.dll") == NULL);
    same("last error", GetLastError(), ERROR_MOD_NOT_FOUND);
}

static void ld005(void)
{
    unsigned length = diary_length();
    HMODULE c = LoadLibraryW(L"dll_c.dll"), again;

    ok("loaded", c != NULL);
    noted(length, "C+");
    again = LoadLibraryA("DLL_C.DLL");
    ok("the same when loaded again", again == c);
    noted(length, "C+");
    ok("freed once", FreeLibrary(c));
    ok("and still there", GetModuleHandleW(L"dll_c.dll") == c);
    noted(length, "C+");
    ok("freed twice", FreeLibrary(c));
    ok("gone", GetModuleHandleW(L"dll_c.dll") == NULL);
    noted(length, "C+C-");
}

static void ld006(void)
{
    SetLastError(0);
    ok("no such file", LoadLibraryW(L"nosuch.dll") == NULL);
    same("last error", GetLastError(), ERROR_MOD_NOT_FOUND);
}

static void ld007(void)
{
    unsigned length = diary_length();

    SetLastError(0);
    ok("a library that refuses", LoadLibraryW(L"dll_d.dll") == NULL);
    same("last error", GetLastError(), ERROR_DLL_INIT_FAILED);
    noted(length, "D+D-");
    ok("is not there", GetModuleHandleW(L"dll_d.dll") == NULL);
}

static HANDLE loaded, finish;
static value_function *volatile value_of;

static DWORD WINAPI live_before(void *argument)
{
    ULONG64 *facts = argument;

    SetEvent(finish);
    WaitForSingleObject(loaded, 10000);
    facts[0] = *value_of();
    *value_of() = 99;
    return 0;
}

static void ld008(void)
{
    ULONG64 fact = 0;
    HMODULE c;
    HANDLE thread;

    loaded = CreateEventA(NULL, TRUE, FALSE, NULL);
    finish = CreateEventA(NULL, TRUE, FALSE, NULL);
    thread = CreateThread(NULL, 0, live_before, &fact, 0, NULL);
    WaitForSingleObject(finish, 10000);
    c = LoadLibraryW(L"dll_c.dll");
    value_of = (value_function *)(void *)GetProcAddress(c, "thread_value");
    same("the template's value in this thread", *value_of(), 31);
    same("the program's own", *own_value(), 17);
    SetEvent(loaded);
    WaitForSingleObject(thread, 10000);
    same("and in a thread that lived before the library came", fact, 31);
    same("each has its own", *value_of(), 31);
    CloseHandle(thread);
    CloseHandle(loaded);
    CloseHandle(finish);
    FreeLibrary(c);
}

static DWORD WINAPI nothing(void *argument)
{
    return 0;
}

static void ld009(void)
{
    unsigned length = diary_length();
    HANDLE thread = CreateThread(NULL, 0, nothing, NULL, 0, NULL);

    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    noted(length, "BtAtAxBx");
}

static void ld010(void)
{
    WCHAR path[MAX_PATH];
    HMODULE a = GetModuleHandleW(L"dll_a.dll"), found = NULL;
    DWORD length = GetModuleFileNameW(a, path, MAX_PATH);

    ok("a full path", length > 12 && path[1] == ':' && path[length - 9] == 'd');
    ok("loads the same module", LoadLibraryW(path) == a);
    FreeLibrary(a);
    ok("a module of the system by its path",
       GetModuleHandleW(L"C:\\Windows\\System32\\kernel32.dll") ==
           GetModuleHandleW(L"kernel32.dll"));
    ok("a module by an address in it",
       GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                              GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                          (LPCWSTR)(void *)GetProcAddress(a, "add"), &found) &&
           found == a);
}

static void ld011(void)
{
    unsigned length;
    HANDLE thread;

    ok("calls for threads can be left out", DisableThreadLibraryCalls(GetModuleHandleA("dll_a")));
    length = diary_length();
    thread = CreateThread(NULL, 0, nothing, NULL, 0, NULL);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    noted(length, "BtBx");
}

static void join(WCHAR *path, const WCHAR *name)
{
    while (*path)
        path++;
    while ((*path++ = *name++))
        ;
}

/* Whether the library is found now; it is let go again. */
static int is_found(void)
{
    HMODULE library = LoadLibraryW(L"dll_far.dll");
    return library && FreeLibrary(library);
}

static void ld012(void)
{
    static WCHAR folder[MAX_PATH], file[MAX_PATH], here[MAX_PATH], path[4096];
    WCHAR *name = here;

    GetModuleFileNameW(GetModuleHandleW(L"dll_a.dll"), here, MAX_PATH);
    for (WCHAR *at = here; *at; at++)
        if (*at == '\\')
            name = at + 1;
    *name = 0;
    join(here, L"dll_loop.dll");
    ok("a folder", GetTempPathW(MAX_PATH - 40, folder) &&
                       GetTempFileNameW(folder, L"far", 0, file) && DeleteFileW(file) &&
                       CreateDirectoryW(file, NULL));
    folder[0] = 0;
    join(folder, file);
    join(file, L"\\dll_far.dll");
    ok("with a library in it", CopyFileW(here, file, TRUE));
    ok("which is nowhere to be found", !is_found());
    ok("a folder for libraries", SetDllDirectoryW(folder));
    ok("there it is", is_found());
    ok("no such folder any more", SetDllDirectoryW(NULL) && !is_found());
    GetEnvironmentVariableW(L"PATH", path, 4000);
    ok("on the path", SetEnvironmentVariableW(L"PATH", folder));
    ok("there it is", is_found());
    SetEnvironmentVariableW(L"PATH", path);
    ok("by its full path",
       (GetModuleHandleW(L"dll_far.dll") == NULL) && FreeLibrary(LoadLibraryW(file)));
    ok("tidied up", DeleteFileW(file) && RemoveDirectoryW(folder));
}

static const struct statement statements[] = {
    {"LD-001", ld001}, {"LD-002", ld002}, {"LD-003", ld003}, {"LD-004", ld004},
    {"LD-005", ld005}, {"LD-006", ld006}, {"LD-007", ld007}, {"LD-008", ld008},
    {"LD-009", ld009}, {"LD-010", ld010}, {"LD-011", ld011}, {"LD-012", ld012},
};

/* Ends with the diary, which dll_b writes as the last one. */
void start(void)
{
    copy_diary(diary_at_start, sizeof diary_at_start);
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
