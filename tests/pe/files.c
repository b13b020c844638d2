/*
 * Files, directories and pipes as Windows programs use them, statement by statement. Same lines as
 * conformance.exe (kit.h); everything happens in a directory of its own below the temporary one.
 */
#include "kit.h"

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static WCHAR folder[MAX_PATH];

/* Names of this program are short; four are kept. */
static const WCHAR *in_folder(const WCHAR *name)
{
    static WCHAR paths[4][MAX_PATH];
    static unsigned next;
    WCHAR *path = paths[next++ % 4], *at = path;
    for (const WCHAR *from = folder; *from;)
        *at++ = *from++;
    *at++ = L'\\';
    while ((*at++ = *name++))
        ;
    return path;
}

static HANDLE open_file(const WCHAR *name, DWORD access, DWORD share, DWORD how, DWORD flags)
{
    SetLastError(0xBAD);
    return CreateFileW(in_folder(name), access, share, NULL, how, flags, NULL);
}

static void put(const WCHAR *name, const char *text)
{
    DWORD done;
    HANDLE file = open_file(name, GENERIC_WRITE, SHARE_ALL, CREATE_ALWAYS, 0);
    ok("made", file != INVALID_HANDLE_VALUE);
    WriteFile(file, text, (DWORD)lstrlenA(text), &done, NULL);
    CloseHandle(file);
}

/* Which way of making a file says what about one that is there. */
static void fs001(void)
{
    DWORD done;
    put(L"old", "12345");
    same("CREATE_NEW", (ULONG64)open_file(L"OLD", GENERIC_WRITE, 0, CREATE_NEW, 0),
         (ULONG64)INVALID_HANDLE_VALUE);
    same("its error", GetLastError(), ERROR_FILE_EXISTS);
    HANDLE file = open_file(L"Old", GENERIC_READ | GENERIC_WRITE, 0, OPEN_ALWAYS, 0);
    same("OPEN_ALWAYS says", GetLastError(), ERROR_ALREADY_EXISTS);
    same("size", GetFileSize(file, NULL), 5);
    CloseHandle(file);
    file = open_file(L"old", GENERIC_WRITE, 0, CREATE_ALWAYS, 0);
    same("CREATE_ALWAYS says", GetLastError(), ERROR_ALREADY_EXISTS);
    same("size after it", GetFileSize(file, &done), 0);
    CloseHandle(file);
    file = open_file(L"fresh", GENERIC_WRITE, 0, OPEN_ALWAYS, 0);
    same("a new one says", GetLastError(), 0);
    CloseHandle(file);
}

/* Errors name what is missing: the file or the path to it. */
static void fs002(void)
{
    put(L"plain", "");
    open_file(L"none", GENERIC_READ, 0, OPEN_EXISTING, 0);
    same("no file", GetLastError(), ERROR_FILE_NOT_FOUND);
    open_file(L"none\\none", GENERIC_READ, 0, OPEN_EXISTING, 0);
    same("no directory", GetLastError(), ERROR_PATH_NOT_FOUND);
    open_file(L"plain\\none", GENERIC_READ, 0, OPEN_EXISTING, 0);
    same("a file as directory", GetLastError(), ERROR_PATH_NOT_FOUND);
    open_file(L"a?b", GENERIC_READ, 0, OPEN_EXISTING, 0);
    same("no name", GetLastError(), ERROR_INVALID_NAME);
    open_file(L"", GENERIC_READ, SHARE_ALL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    same("a directory may end in a backslash", GetLastError(), 0);
    open_file(L".", GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0);
    same("a directory without backup semantics", GetLastError(), ERROR_ACCESS_DENIED);
}

/* Share modes bind both who comes and who was there. */
static void fs003(void)
{
    put(L"shared", "x");
    HANDLE reader = open_file(L"shared", GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, 0);
    same("a writer", (ULONG64)open_file(L"shared", GENERIC_WRITE, SHARE_ALL, OPEN_EXISTING, 0),
         (ULONG64)INVALID_HANDLE_VALUE);
    same("its error", GetLastError(), ERROR_SHARING_VIOLATION);
    open_file(L"shared", GENERIC_READ, FILE_SHARE_WRITE, OPEN_EXISTING, 0);
    same("a reader that shares no reading", GetLastError(), ERROR_SHARING_VIOLATION);
    HANDLE looker = open_file(L"shared", 0, 0, OPEN_EXISTING, 0);
    ok("attributes only", looker != INVALID_HANDLE_VALUE);
    CloseHandle(looker);
    ok("not deleted", !DeleteFileW(in_folder(L"shared")));
    same("its error", GetLastError(), ERROR_SHARING_VIOLATION);
    CloseHandle(reader);
    ok("deleted", DeleteFileW(in_folder(L"shared")));
}

/* The end of a file: a read of nothing, or an error with an OVERLAPPED. */
static void fs004(void)
{
    char text[8];
    DWORD done = 9;
    OVERLAPPED at = {.Offset = 5};
    put(L"five", "12345");
    HANDLE file = open_file(L"five", GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0);
    ok("at an offset", ReadFile(file, text, 8, &done, &(OVERLAPPED){.Offset = 3}));
    same("bytes", done, 2);
    same("the position moved", SetFilePointer(file, 0, NULL, FILE_CURRENT), 5);
    ok("at the end", ReadFile(file, text, 8, &done, NULL));
    same("bytes", done, 0);
    ok("with OVERLAPPED", !ReadFile(file, text, 8, &done, &at));
    same("its error", GetLastError(), ERROR_HANDLE_EOF);
    CloseHandle(file);
}

/* A search goes by the names of NTFS: sorted, case ignored, "." and ".." first. */
static void fs005(void)
{
    static const WCHAR *const expected[] = {L".", L"..", L"a.txt", L"B.TXT", L"c"};
    WIN32_FIND_DATAW data;
    unsigned count = 0;
    CreateDirectoryW(in_folder(L"list"), NULL);
    put(L"list\\c", "");
    put(L"list\\B.TXT", "123");
    put(L"list\\a.txt", "");
    HANDLE find = FindFirstFileW(in_folder(L"list\\*"), &data);
    ok("found", find != INVALID_HANDLE_VALUE);
    do {
        ok("name", count < 5 && lstrcmpW(data.cFileName, expected[count]) == 0);
        count++;
    } while (FindNextFileW(find, &data));
    same("its end", GetLastError(), ERROR_NO_MORE_FILES);
    same("names", count, 5);
    FindClose(find);
    find = FindFirstFileW(in_folder(L"LIST\\b.*"), &data);
    ok("by a pattern", find != INVALID_HANDLE_VALUE && data.nFileSizeLow == 3);
    FindClose(find);
    ok("nothing", FindFirstFileW(in_folder(L"list\\z*"), &data) == INVALID_HANDLE_VALUE);
    same("its error", GetLastError(), ERROR_FILE_NOT_FOUND);
    ok("nowhere", FindFirstFileW(in_folder(L"none\\*"), &data) == INVALID_HANDLE_VALUE);
    same("its error", GetLastError(), ERROR_PATH_NOT_FOUND);
    ok("not empty", !RemoveDirectoryW(in_folder(L"list")));
    same("its error", GetLastError(), ERROR_DIR_NOT_EMPTY);
}

/* A file with a completion port tells it of every operation that did not fail at once. */
static void fs006(void)
{
    char text[4];
    DWORD done = 0;
    ULONG_PTR key = 0;
    OVERLAPPED at = {.Offset = 1}, *got = NULL;
    put(L"port", "12345");
    HANDLE file = open_file(L"port", GENERIC_READ, SHARE_ALL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
    HANDLE port = CreateIoCompletionPort(file, NULL, 7, 0);
    ok("port", port != NULL);
    BOOL now = ReadFile(file, text, 4, NULL, &at);
    ok("begun", now || GetLastError() == ERROR_IO_PENDING);
    ok("told", GetQueuedCompletionStatus(port, &done, &key, &got, 5000));
    same("bytes", done, 4);
    same("key", key, 7);
    ok("which", got == &at);
    ok("result", GetOverlappedResult(file, &at, &done, FALSE));
    CloseHandle(file);
    CloseHandle(port);
}

static DWORD WINAPI read_pipe(void *pipe)
{
    char byte = 0;
    DWORD done = 0;
    return ReadFile(pipe, &byte, 1, &done, NULL) && done == 1 ? (DWORD)byte : 1000;
}

/* A thread that waits for a pipe can be suspended, and goes on. */
static void fs007(void)
{
    HANDLE reader, writer;
    DWORD done, code = 0;
    char byte;
    ok("pipe", CreatePipe(&reader, &writer, NULL, 0));
    HANDLE thread = CreateThread(NULL, 0, read_pipe, reader, 0, NULL);
    Sleep(50);
    same("suspended", SuspendThread(thread), 0);
    CONTEXT context;
    context.ContextFlags = CONTEXT_CONTROL;
    ok("context", GetThreadContext(thread, &context));
    ok("written", WriteFile(writer, "A", 1, &done, NULL));
    same("still there", WaitForSingleObject(thread, 30), WAIT_TIMEOUT);
    same("resumed", ResumeThread(thread), 1);
    same("ended", WaitForSingleObject(thread, 5000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    same("read", code, 'A');
    CloseHandle(writer);
    ok("the other end is closed", !ReadFile(reader, &byte, 1, &done, NULL));
    same("its error", GetLastError(), ERROR_BROKEN_PIPE);
    CloseHandle(reader);
    CloseHandle(thread);
}

/* Deleting through a handle, and renaming over a file. */
static void fs008(void)
{
    put(L"gone", "");
    put(L"from", "new");
    put(L"to", "old");
    HANDLE file = open_file(L"gone", DELETE, SHARE_ALL, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE);
    ok("open", file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    same("gone", GetFileAttributesW(in_folder(L"gone")), INVALID_FILE_ATTRIBUTES);
    ok("not over a file", !MoveFileExW(in_folder(L"from"), in_folder(L"to"), 0));
    same("its error", GetLastError(), ERROR_ALREADY_EXISTS);
    ok("over a file", MoveFileExW(in_folder(L"from"), in_folder(L"to"), MOVEFILE_REPLACE_EXISTING));
    file = open_file(L"to", GENERIC_READ, SHARE_ALL, OPEN_EXISTING, 0);
    same("size", GetFileSize(file, NULL), 3);
    CloseHandle(file);
    ok("read-only", SetFileAttributesW(in_folder(L"to"), FILE_ATTRIBUTE_READONLY));
    ok("not deleted", !DeleteFileW(in_folder(L"to")));
    same("its error", GetLastError(), ERROR_ACCESS_DENIED);
    SetFileAttributesW(in_folder(L"to"), FILE_ATTRIBUTE_NORMAL);
    ok("deleted", DeleteFileW(in_folder(L"to")));
}

/* The absolute form of paths. */
static void fs009(void)
{
    WCHAR path[MAX_PATH], *part = NULL;
    ok("set", SetCurrentDirectoryW(folder));
    same("length", GetFullPathNameW(L".\\x\\..\\y. ", MAX_PATH, path, &part),
         (ULONG64)lstrlenW(in_folder(L"y")));
    ok("text", lstrcmpiW(path, in_folder(L"y")) == 0);
    ok("last name", part && lstrcmpW(part, L"y") == 0);
    same("room", GetFullPathNameW(L"y", 1, path, NULL), (ULONG64)lstrlenW(in_folder(L"y")) + 1);
    GetFullPathNameW(L"NUL", MAX_PATH, path, NULL);
    ok("device", lstrcmpW(path, L"\\\\.\\NUL") == 0);
    GetCurrentDirectoryW(MAX_PATH, path);
    ok("current", lstrcmpiW(path, folder) == 0);
}

static volatile LONG opened;

static DWORD WINAPI open_many(void *unused)
{
    static const WCHAR *const names[] = {L"m0", L"m1", L"m2", L"m3"};
    for (unsigned i = 0; i < 200; i++) {
        WCHAR path[MAX_PATH], *at = path;
        const WCHAR *name = names[i % 4];
        for (const WCHAR *from = folder; *from;)
            *at++ = *from++;
        *at++ = L'\\';
        while ((*at++ = *name++))
            ;
        HANDLE file =
            CreateFileW(path, GENERIC_READ | GENERIC_WRITE, SHARE_ALL, NULL, OPEN_ALWAYS, 0, NULL);
        if (file != INVALID_HANDLE_VALUE)
            InterlockedIncrement(&opened);
        CloseHandle(file);
    }
    return 0;
}

/* Many threads open the same files. */
static void fs010(void)
{
    HANDLE threads[4];
    for (unsigned i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, open_many, NULL, 0, NULL);
    same("ended", WaitForMultipleObjects(4, threads, TRUE, 30000), WAIT_OBJECT_0);
    same("opened", (ULONG64)opened, 800);
    for (unsigned i = 0; i < 4; i++)
        CloseHandle(threads[i]);
}

static const struct statement statements[] = {
    {"FS-001", fs001}, {"FS-002", fs002}, {"FS-003", fs003}, {"FS-004", fs004}, {"FS-005", fs005},
    {"FS-006", fs006}, {"FS-007", fs007}, {"FS-008", fs008}, {"FS-009", fs009}, {"FS-010", fs010},
};

/* Files one level down, then the directories. */
static void sweep(const WCHAR *pattern)
{
    WIN32_FIND_DATAW data;
    HANDLE find = FindFirstFileW(in_folder(pattern), &data);
    if (find == INVALID_HANDLE_VALUE)
        return;
    do {
        if (!(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            DeleteFileW(in_folder(data.cFileName));
    } while (FindNextFileW(find, &data));
    FindClose(find);
}

void start(void)
{
    WCHAR temporary[MAX_PATH];
    int code;

    GetTempPathW(MAX_PATH, temporary);
    GetTempFileNameW(temporary, L"fs", 0, folder);
    DeleteFileW(folder);
    if (!CreateDirectoryW(folder, NULL))
        ExitProcess(99);
    code = kit_run(statements, sizeof statements / sizeof statements[0], NULL);
    SetCurrentDirectoryW(temporary);
    sweep(L"*");
    DeleteFileW(in_folder(L"list\\a.txt"));
    DeleteFileW(in_folder(L"list\\B.TXT"));
    DeleteFileW(in_folder(L"list\\c"));
    RemoveDirectoryW(in_folder(L"list"));
    RemoveDirectoryW(folder);
    ExitProcess((UINT)code);
}
