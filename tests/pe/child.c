/*
 * Programs that start programs: this one starts itself. Same lines as conformance.exe (kit.h).
 *
 *     child.exe [PREFIX]
 *     child.exe +VERB [ARGUMENT]     what the child is to do; it answers with its exit code, and in
 *                                    words on its standard output
 */
#include "kit.h"

#define PATIENCE 30000u /* ms: no child takes that long */
#define CODE     0x12345678u

static char program[MAX_PATH], folder[MAX_PATH];

/*
 * --- texts
 */

static DWORD length_of(const char *text)
{
    DWORD length = 0;
    while (text[length])
        length++;
    return length;
}

static BOOL begins(const char *text, const char *with)
{
    while (*with)
        if (*text++ != *with++)
            return FALSE;
    return TRUE;
}

static BOOL equal(const char *a, const char *b)
{
    return begins(a, b) && length_of(a) == length_of(b);
}

/* Appends to a buffer that has room. */
static void join(char *to, const char *text)
{
    memcpy(to + length_of(to), text, length_of(text) + 1);
}

static void join_hex(char *to, ULONG64 number)
{
    char digits[17];
    for (int i = 0; i < 16; i++)
        digits[i] = "0123456789ABCDEF"[number >> (60 - 4 * i) & 15];
    digits[16] = 0;
    join(to, digits);
}

static ULONG64 read_hex(const char *text)
{
    ULONG64 number = 0;
    for (; (*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'F'); text++)
        number = number * 16 + (ULONG64)(*text <= '9' ? *text - '0' : *text - 'A' + 10);
    return number;
}

/* What follows the program's name in a command line; a verb, when there is one: the name may have
 * spaces and no quotes. */
static const char *arguments(const char *text)
{
    int quoted = 0;
    const char *at;
    for (at = text; *at; at++)
        if (at[0] == ' ' && at[1] == '+')
            return at + 1;
    for (at = text; *at && (quoted || *at != ' '); at++)
        quoted ^= *at == '"';
    while (*at == ' ')
        at++;
    return at;
}

static BOOL on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

/*
 * --- the child
 */

static UINT copy_input(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    char bytes[256];
    DWORD got, written;
    while (ReadFile(input, bytes, sizeof bytes, &got, NULL) && got)
        WriteFile(output, bytes, got, &written, NULL);
    return GetLastError() == ERROR_BROKEN_PIPE ? CODE : 1;
}

static UINT write_to(HANDLE handle)
{
    DWORD written;
    return WriteFile(handle, "inherited", 9, &written, NULL) ? CODE : GetLastError();
}

static void print_environment(void)
{
    char *block = GetEnvironmentStringsA();
    for (char *at = block; *at; at += length_of(at) + 1) {
        kit_print(at);
        kit_print("|");
    }
    FreeEnvironmentStringsA(block);
}

static void print_startup(void)
{
    STARTUPINFOA info;
    GetStartupInfoA(&info);
    kit_print(info.lpTitle);
    kit_print("|");
    kit_number(info.dwX, 10);
    kit_print("|");
    kit_number(info.dwFlags & (STARTF_USEPOSITION | STARTF_USESTDHANDLES), 16);
    kit_print("|");
    kit_number(info.hStdOutput == GetStdHandle(STD_OUTPUT_HANDLE), 10);
    kit_print("|");
    kit_number(info.cbReserved2, 10);
    if (info.cbReserved2 >= 6)
        kit_print((const char *)info.lpReserved2 + 4);
}

/* The address is the same in every process, and the memory is each one's own. */
static UINT take_memory(ULONG64 address)
{
    volatile ULONG64 *memory =
        VirtualAlloc((void *)address, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if ((ULONG64)memory != address || memory[0] != 0)
        return 1;
    memory[0] = GetCurrentProcessId();
    return CODE;
}

/* In MiB. */
static UINT commit_limit(void)
{
    MEMORYSTATUSEX status;
    status.dwLength = sizeof status;
    return GlobalMemoryStatusEx(&status) ? (UINT)(status.ullTotalPageFile >> 20) : 0;
}

static UINT start_another(void);

static UINT act(const char *verb)
{
    char text[2 * MAX_PATH];
    if (begins(verb, "+exit "))
        return (UINT)read_hex(verb + 6);
    if (begins(verb, "+terminate "))
        TerminateProcess(GetCurrentProcess(), (UINT)read_hex(verb + 11));
    if (begins(verb, "+echo"))
        return copy_input();
    if (begins(verb, "+write "))
        return write_to((HANDLE)read_hex(verb + 7));
    if (begins(verb, "+memory "))
        return take_memory(read_hex(verb + 8));
    if (begins(verb, "+limit"))
        return commit_limit();
    if (begins(verb, "+raise "))
        RaiseException((DWORD)read_hex(verb + 7), 0, 0, NULL);
    if (begins(verb, "+sleep"))
        Sleep(PATIENCE);
    else if (begins(verb, "+line"))
        kit_print(GetCommandLineA());
    else if (begins(verb, "+environment"))
        print_environment();
    else if (begins(verb, "+startup"))
        print_startup();
    else if (begins(verb, "+directory"))
        kit_print(GetCurrentDirectoryA(sizeof text, text) ? text : "?");
    else if (begins(verb, "+another"))
        return start_another();
    else if (begins(verb, "+class"))
        return GetPriorityClass(GetCurrentProcess()) << 16 | GetErrorMode();
    else if (begins(verb, "+standard"))
        return (GetStdHandle(STD_INPUT_HANDLE) != NULL) | (GetStdHandle(STD_OUTPUT_HANDLE) != NULL)
                                                              << 1;
    return CODE;
}

/*
 * --- the parent's tools
 */

static char line[4 * MAX_PATH];

/* "program" verb number */
static char *command(const char *verb, ULONG64 number)
{
    line[0] = 0;
    join(line, "\"");
    join(line, program);
    join(line, "\" ");
    join(line, verb);
    if (verb[length_of(verb) - 1] == ' ')
        join_hex(line, number);
    return line;
}

static PROCESS_INFORMATION child;

static BOOL start_with(STARTUPINFOA *startup, char *text, BOOL inherit, DWORD flags,
                       void *environment, const char *directory)
{
    startup->cb = sizeof *startup;
    memset(&child, 0, sizeof child);
    return CreateProcessA(NULL, text, NULL, NULL, inherit, flags, environment, directory, startup,
                          &child);
}

static BOOL start_child(char *text, DWORD flags)
{
    STARTUPINFOA startup;
    memset(&startup, 0, sizeof startup);
    return start_with(&startup, text, FALSE, flags, NULL, NULL);
}

static DWORD finish_child(void)
{
    DWORD code = 0xBAD, waited = WaitForSingleObject(child.hProcess, PATIENCE);
    if (waited != WAIT_OBJECT_0 || !GetExitCodeProcess(child.hProcess, &code))
        code = 0xBAD;
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return code;
}

static DWORD code_of(char *text, DWORD flags)
{
    return start_child(text, flags) ? finish_child() : 0xF0000000u + GetLastError();
}

static UINT start_another(void)
{
    GetModuleFileNameA(NULL, program, sizeof program);
    return code_of(command("+exit ", CODE + 1), 0);
}

static HANDLE inheritable(HANDLE handle)
{
    SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return handle;
}

static void read_until_end(HANDLE from, char *to, DWORD room)
{
    DWORD got, total = 0;
    while (total + 1 < room && ReadFile(from, to + total, room - total - 1, &got, NULL) && got)
        total += got;
    to[total] = 0;
}

static char said[4096];

/* What a child writes to the pipe that is its standard output; `code` is its exit code. */
static const char *output_of(char *text, DWORD flags, void *environment, const char *directory,
                             DWORD *code)
{
    STARTUPINFOA startup;
    HANDLE reader, writer;
    memset(&startup, 0, sizeof startup);
    CreatePipe(&reader, &writer, NULL, 0);
    startup.dwFlags = STARTF_USESTDHANDLES | STARTF_USEPOSITION;
    startup.dwX = 17;
    startup.lpTitle = "a title";
    startup.lpReserved2 = (LPBYTE) "\0\0\0\0ab";
    startup.cbReserved2 = 7;
    startup.hStdOutput = inheritable(writer);
    said[0] = 0;
    *code = 0xF0000000u;
    BOOL started = start_with(&startup, text, TRUE, flags, environment, directory);
    CloseHandle(writer);
    if (started) {
        read_until_end(reader, said, sizeof said);
        *code = finish_child();
    } else {
        *code += GetLastError();
    }
    CloseHandle(reader);
    return said;
}

/*
 * --- exit codes and waiting
 */

static void ch001(void)
{
    DWORD code = 0;
    ok("started", start_child(command("+exit ", CODE), CREATE_SUSPENDED));
    ok("handles", child.hProcess && child.hThread && child.hProcess != child.hThread);
    ok("it runs", GetExitCodeProcess(child.hProcess, &code));
    same("its code while it runs", code, STILL_ACTIVE);
    ok("its thread runs", GetExitCodeThread(child.hThread, &code));
    same("the thread's code while it runs", code, STILL_ACTIVE);
    same("nothing to wait for yet", WaitForSingleObject(child.hProcess, 0), WAIT_TIMEOUT);
    same("the count before", ResumeThread(child.hThread), 1);
    same("process", WaitForSingleObject(child.hProcess, PATIENCE), WAIT_OBJECT_0);
    same("thread", WaitForSingleObject(child.hThread, PATIENCE), WAIT_OBJECT_0);
    ok("thread's code", GetExitCodeThread(child.hThread, &code));
    same("thread's code", code, CODE);
    same("all 32 bits", finish_child(), CODE);
    same("0", code_of(command("+exit ", 0), 0), 0);
    same("low bits 0", code_of(command("+exit ", 0x100), 0), 0x100);
    same("all ones", code_of(command("+exit ", 0xFFFFFFFF), 0), 0xFFFFFFFF);
    same("ended by itself", code_of(command("+terminate ", 0xC0000005), 0), 0xC0000005);
}

static void ch002(void)
{
    ok("started", start_child(command("+sleep", 0), 0));
    ok("ended", TerminateProcess(child.hProcess, 0xABCD1234));
    same("thread", WaitForSingleObject(child.hThread, PATIENCE), WAIT_OBJECT_0);
    same("code", finish_child(), 0xABCD1234);
    ok("suspended", start_child(command("+sleep", 0), CREATE_SUSPENDED));
    ok("ended before it began", TerminateProcess(child.hProcess, 7));
    same("code", finish_child(), 7);
}

static void ch003(void)
{
    DWORD code;
    if (on_wine()) {
        kit_skip("Wine ends what has ended");
        return;
    }
    ok("started", start_child(command("+exit ", 3), 0));
    same("waited", WaitForSingleObject(child.hProcess, PATIENCE), WAIT_OBJECT_0);
    SetLastError(0);
    ok("ended twice", !TerminateProcess(child.hProcess, 9));
    same("why not", GetLastError(), ERROR_ACCESS_DENIED);
    ok("code", GetExitCodeProcess(child.hProcess, &code));
    same("code stays", finish_child(), 3);
}

static void ch004(void)
{
    HANDLE any[3], marker, other;
    PROCESS_INFORMATION first;
    marker = CreateEventA(NULL, TRUE, FALSE, NULL);
    ok("first", start_child(command("+exit ", 1), CREATE_SUSPENDED));
    first = child;
    ok("second", start_child(command("+exit ", 2), CREATE_SUSPENDED));
    any[0] = first.hProcess, any[1] = marker, any[2] = child.hProcess;
    same("nothing yet", WaitForMultipleObjects(3, any, FALSE, 10), WAIT_TIMEOUT);
    ResumeThread(child.hThread);
    same("the second", WaitForMultipleObjects(3, any, FALSE, PATIENCE), WAIT_OBJECT_0 + 2);
    same("not all", WaitForMultipleObjects(3, any, TRUE, 10), WAIT_TIMEOUT);
    ResumeThread(first.hThread);
    SetEvent(marker);
    same("all", WaitForMultipleObjects(3, any, TRUE, PATIENCE), WAIT_OBJECT_0);
    other = first.hProcess;
    CloseHandle(first.hThread);
    CloseHandle(other);
    CloseHandle(marker);
    same("code", finish_child(), 2);
}

static void ch005(void)
{
    ok("started", start_child(command("+exit ", CODE), CREATE_SUSPENDED));
    same("once more", SuspendThread(child.hThread), 1);
    same("back", ResumeThread(child.hThread), 2);
    same("it does not run", WaitForSingleObject(child.hProcess, 100), WAIT_TIMEOUT);
    same("now", ResumeThread(child.hThread), 1);
    same("code", finish_child(), CODE);
}

static void ch006(void)
{
    HANDLE opened;
    ok("started", start_child(command("+sleep", 0), 0));
    ok("an id", child.dwProcessId && child.dwProcessId != GetCurrentProcessId());
    same("of the handle", GetProcessId(child.hProcess), child.dwProcessId);
    same("of the thread", GetProcessIdOfThread(child.hThread), child.dwProcessId);
    same("thread's", GetThreadId(child.hThread), child.dwThreadId);
    opened = OpenProcess(PROCESS_TERMINATE, FALSE, child.dwProcessId);
    ok("opened", opened != NULL);
    SetLastError(0);
    ok("without the right to wait", WaitForSingleObject(opened, 0) == WAIT_FAILED);
    same("why", GetLastError(), ERROR_ACCESS_DENIED);
    ok("ended", TerminateProcess(opened, 77));
    CloseHandle(opened);
    same("code", finish_child(), 77);
    ok("no such process", !OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0x7FFFFFF0));
    same("why", GetLastError(), ERROR_INVALID_PARAMETER);
}

static void ch007(void)
{
    HANDLE weak = NULL;
    DWORD code = 5;
    ok("started", start_child(command("+exit ", 6), CREATE_SUSPENDED));
    ok("duplicated", DuplicateHandle(GetCurrentProcess(), child.hProcess, GetCurrentProcess(),
                                     &weak, SYNCHRONIZE, FALSE, 0));
    ok("no right to end it", !TerminateProcess(weak, 1));
    same("why", GetLastError(), ERROR_ACCESS_DENIED);
    ok("no right to ask", !GetExitCodeProcess(weak, &code));
    same("nothing told", code, 5);
    ResumeThread(child.hThread);
    same("the right to wait", WaitForSingleObject(weak, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(weak);
    same("code", finish_child(), 6);
    ok("closed", !GetExitCodeProcess(child.hProcess, &code));
    same("why", GetLastError(), ERROR_INVALID_HANDLE);
}

static void ch008(void)
{
    enum { MANY = 12 };
    HANDLE all[MANY];
    DWORD before = 0, after = 0, code;
    GetProcessHandleCount(GetCurrentProcess(), &before);
    for (unsigned i = 0; i < MANY; i++) {
        ok("started", start_child(command("+exit ", 0x10000 + i), 0));
        CloseHandle(child.hThread);
        all[i] = child.hProcess;
    }
    same("all", WaitForMultipleObjects(MANY, all, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (unsigned i = 0; i < MANY; i++) {
        ok("asked", GetExitCodeProcess(all[i], &code));
        same("each its own", code, 0x10000 + i);
        CloseHandle(all[i]);
    }
    GetProcessHandleCount(GetCurrentProcess(), &after);
    same("handles that stay", after, before);
}

static void ch009(void)
{
    same("a child's child", code_of(command("+another", 0), 0), CODE + 1);
}

/* Where the parent has memory, the child has its own. */
static void ch010(void)
{
    const ULONG64 address = 0x200000000000; /* above the shadow of the address sanitizer */
    volatile ULONG64 *memory =
        VirtualAlloc((void *)address, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ok("taken here", (ULONG64)memory == address);
    if (!memory)
        return;
    memory[0] = 42;
    same("and there", code_of(command("+memory ", address), 0), CODE);
    same("unchanged", memory[0], 42);
    VirtualFree((void *)memory, 0, MEM_RELEASE);
}

/*
 * --- command lines
 */

static void ch011(void)
{
    static const char tail[] = "+line \"two words\" a\\\\\"b c  d\\ \"";
    DWORD code;
    char wanted[4 * MAX_PATH] = "";
    join(wanted, command(tail, 0));
    ok("the line arrives unchanged", equal(output_of(line, 0, NULL, NULL, &code), wanted));
    same("code", code, CODE);
    ok("and is not changed here", equal(line, wanted));
}

static void ch012(void)
{
    STARTUPINFOA startup;
    char other[] = "something else +exit 5";
    memset(&startup, 0, sizeof startup);
    startup.cb = sizeof startup;
    ok("started",
       CreateProcessA(program, other, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child));
    same("the first word is not the argument", finish_child(), 0xE15E);
}

static void ch013(void)
{
    char text[] = "child +exit 1234", whole[] = "child.exe +exit 1235",
         quoted[] = "\"child\" +exit 1236";
    same("found beside the program, .exe added", code_of(text, 0), 0x1234);
    same("with the extension", code_of(whole, 0), 0x1235);
    same("in quotes", code_of(quoted, 0), 0x1236);
}

static void ch014(void)
{
    char copy[MAX_PATH] = "", text[2 * MAX_PATH] = "";
    join(copy, folder);
    join(copy, "\\a child of.exe");
    ok("copied", CopyFileA(program, copy, FALSE));
    join(text, folder);
    join(text, "\\a child of +exit 4711");
    same("a name with spaces, not quoted", code_of(text, 0), 0x4711);
    ok("deleted", DeleteFileA(copy));
}

static BOOL refused(const char *application, const char *text, DWORD flags, const char *directory,
                    DWORD why)
{
    STARTUPINFOA startup;
    char copy[2 * MAX_PATH] = "";
    memset(&startup, 0, sizeof startup);
    startup.cb = sizeof startup;
    memset(&child, 0xAA, sizeof child);
    if (text)
        join(copy, text);
    SetLastError(0);
    BOOL done = CreateProcessA(application, text ? copy : NULL, NULL, NULL, FALSE, flags, NULL,
                               directory, &startup, &child);
    same("why", GetLastError(), why);
    if (!on_wine()) /* which clears it */
        same("nothing told", child.dwProcessId, 0xAAAAAAAA);
    return !done;
}

static void ch015(void)
{
    char path[MAX_PATH] = "";
    DWORD written;
    ok("missing", refused(NULL, "no-such-program-anywhere +exit 1", 0, NULL, ERROR_FILE_NOT_FOUND));
    ok("no application", refused("no-such.exe", NULL, 0, NULL, ERROR_FILE_NOT_FOUND));
    ok("an empty one", refused("", NULL, 0, NULL, ERROR_PATH_NOT_FOUND));
    join(path, folder);
    join(path, "\\nowhere\\a.exe");
    ok("no directory", refused(path, NULL, 0, NULL, ERROR_PATH_NOT_FOUND));
    /* an application name gets no extension and is not searched for */
    ok("no extension", refused("child", NULL, 0, NULL, ERROR_FILE_NOT_FOUND));
    path[length_of(folder)] = 0;
    join(path, "\\text.exe");
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, "this is not a program", 21, &written, NULL);
    CloseHandle(file);
    ok("no program", refused(path, NULL, 0, NULL, ERROR_BAD_EXE_FORMAT));
    ok("current directory", refused(program, NULL, 0, path, ERROR_DIRECTORY));
    DeleteFileA(path);
    ok("current directory", refused(program, NULL, 0, path, ERROR_DIRECTORY));
}

static void ch016(void)
{
    if (on_wine()) {
        kit_skip("Wine takes every flag and any length");
        return;
    }
    ok("two consoles", refused(program, NULL, DETACHED_PROCESS | CREATE_NEW_CONSOLE, NULL,
                               ERROR_INVALID_PARAMETER));
    ok("unknown flag", refused(program, NULL, 0x00800000, NULL, ERROR_INVALID_PARAMETER));
    ok("two kinds of 16 bits",
       refused(program, NULL, CREATE_SEPARATE_WOW_VDM | CREATE_SHARED_WOW_VDM, NULL,
               ERROR_INVALID_PARAMETER));
    ok("neither name nor line", refused(NULL, NULL, 0, NULL, ERROR_INVALID_PARAMETER));
    STARTUPINFOW startup;
    WCHAR *text = VirtualAlloc(NULL, 2 * 40000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    for (unsigned i = 0; i < 32768; i++)
        text[i] = 'a';
    memset(&startup, 0, sizeof startup);
    startup.cb = sizeof startup;
    ok("too long", !CreateProcessW(NULL, text, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child));
    same("why", GetLastError(), ERROR_FILENAME_EXCED_RANGE);
    VirtualFree(text, 0, MEM_RELEASE);
}

/*
 * --- what a child gets
 */

/* Wine adds variables of its own. */
static BOOL has_variable(const char *block, const char *variable)
{
    while (*block && !begins(block, variable))
        while (*block && *block++ != '|')
            ;
    return *block != 0;
}

static void ch017(void)
{
    static WCHAR wide[] = L"ALPHA=1\0Beta=two words\0";
    static char narrow[] = "GAMMA=3\0";
    DWORD code;
    const char *block;
    SetEnvironmentVariableA("WINDOWS_CHILD_TEST", "of the parent");
    block = output_of(command("+environment", 0), CREATE_UNICODE_ENVIRONMENT, wide, NULL, &code);
    ok("of UTF-16", has_variable(block, "ALPHA=1|") && has_variable(block, "Beta=two words|"));
    ok("nothing else", !has_variable(block, "WINDOWS_CHILD_TEST"));
    block = output_of(command("+environment", 0), 0, narrow, NULL, &code);
    ok("of bytes", has_variable(block, "GAMMA=3|"));
    ok("nothing else", !has_variable(block, "WINDOWS_CHILD_TEST"));
    SetEnvironmentVariableA("WINDOWS_CHILD_TEST", NULL);
}

static void ch018(void)
{
    DWORD code;
    SetEnvironmentVariableA("WINDOWS_CHILD_TEST", "of the parent");
    output_of(command("+environment", 0), 0, NULL, NULL, &code);
    ok("the parent's variables", has_variable(said, "WINDOWS_CHILD_TEST=of the parent|"));
    SetEnvironmentVariableA("WINDOWS_CHILD_TEST", NULL);
}

static void ch019(void)
{
    DWORD code;
    char here[MAX_PATH];
    ok("the one that was asked for",
       equal(output_of(command("+directory", 0), 0, NULL, folder, &code), folder));
    GetCurrentDirectoryA(sizeof here, here);
    ok("the parent's", equal(output_of(command("+directory", 0), 0, NULL, NULL, &code), here));
    SetCurrentDirectoryA(folder);
    ok("also when it was changed",
       equal(output_of(command("+directory", 0), 0, NULL, NULL, &code), folder));
    SetCurrentDirectoryA(here);
}

static void ch020(void)
{
    STARTUPINFOA startup;
    HANDLE in_reader, in_writer, out_reader, out_writer;
    DWORD written;
    memset(&startup, 0, sizeof startup);
    CreatePipe(&in_reader, &in_writer, NULL, 0);
    CreatePipe(&out_reader, &out_writer, NULL, 0);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = inheritable(in_reader);
    startup.hStdOutput = inheritable(out_writer);
    ok("started", start_with(&startup, command("+echo", 0), TRUE, CREATE_NO_WINDOW, NULL, NULL));
    CloseHandle(in_reader);
    CloseHandle(out_writer);
    ok("written", WriteFile(in_writer, "through two pipes", 17, &written, NULL));
    CloseHandle(in_writer);
    read_until_end(out_reader, said, sizeof said);
    ok("and back", equal(said, "through two pipes"));
    CloseHandle(out_reader);
    same("the end of input was seen", finish_child(), CODE);
}

static DWORD write_by_child(HANDLE handle, BOOL inherit)
{
    STARTUPINFOA startup;
    memset(&startup, 0, sizeof startup);
    if (!start_with(&startup, command("+write ", (ULONG64)handle), inherit, 0, NULL, NULL))
        return GetLastError();
    return finish_child();
}

static void ch021(void)
{
    HANDLE reader, writer;
    DWORD got, code;
    char bytes[16];
    CreatePipe(&reader, &writer, NULL, 0);
    code = write_by_child(writer, TRUE);
    same("not inheritable", code, ERROR_INVALID_HANDLE);
    inheritable(writer);
    same("inheritance not wanted", write_by_child(writer, FALSE), ERROR_INVALID_HANDLE);
    same("the same value", write_by_child(writer, TRUE), CODE);
    ok("read", ReadFile(reader, bytes, sizeof bytes, &got, NULL));
    same("bytes", got, 9);
    CloseHandle(writer);
    ok("nobody else writes", !ReadFile(reader, bytes, sizeof bytes, &got, NULL));
    same("why", GetLastError(), ERROR_BROKEN_PIPE);
    CloseHandle(reader);
}

static void ch022(void)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    char path[MAX_PATH] = "";
    DWORD written, got;
    HANDLE second = NULL;
    join(path, folder);
    join(path, "\\inherited");
    HANDLE file =
        CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, &attributes, CREATE_ALWAYS, 0, NULL);
    DuplicateHandle(GetCurrentProcess(), file, GetCurrentProcess(), &second, GENERIC_READ, TRUE, 0);
    ok("written", WriteFile(file, "I ", 2, &written, NULL));
    same("by the child", write_by_child(file, TRUE), CODE);
    same("a handle that may only read", write_by_child(second, TRUE), ERROR_ACCESS_DENIED);
    ok("written", WriteFile(file, " it", 3, &written, NULL));
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    memset(said, 0, sizeof said);
    ok("read", ReadFile(file, said, 100, &got, NULL));
    ok("one position", equal(said, "I inherited it"));
    CloseHandle(second);
    CloseHandle(file);
    DeleteFileA(path);
}

static void ch023(void)
{
    DWORD code;
    ok("startup information",
       equal(output_of(command("+startup", 0), 0, NULL, NULL, &code), "a title|17|0x104|1|7ab"));
}

static void ch024(void)
{
    if (on_wine()) {
        kit_skip("Wine's children have the default mode and class");
        return;
    }
    UINT before = SetErrorMode(SEM_NOGPFAULTERRORBOX);
    same("the error mode, and the usual class", code_of(command("+class", 0), 0),
         (ULONG64)NORMAL_PRIORITY_CLASS << 16 | SEM_NOGPFAULTERRORBOX);
    same("the default mode, a class",
         code_of(command("+class", 0), CREATE_DEFAULT_ERROR_MODE | IDLE_PRIORITY_CLASS) >> 16,
         IDLE_PRIORITY_CLASS);
    SetErrorMode(before);
}

static void ch025(void)
{
    same("without a window", code_of(command("+exit ", 1), CREATE_NO_WINDOW), 1);
    same("detached", code_of(command("+exit ", 2), DETACHED_PROCESS), 2);
    same("a new group", code_of(command("+exit ", 3), CREATE_NEW_PROCESS_GROUP), 3);
    same("the parent's console", code_of(command("+standard", 0), 0), 3);
    if (!on_wine())
        same("detached from it", code_of(command("+standard", 0), DETACHED_PROCESS), 0);
}

/* A list of handles: only these are inherited. */
static void ch026(void)
{
    STARTUPINFOEXA startup;
    ULONG64 memory[32];
    LPPROC_THREAD_ATTRIBUTE_LIST list = (LPPROC_THREAD_ATTRIBUTE_LIST)memory;
    SIZE_T size = 0;
    HANDLE reader, writer, other;
    memset(&startup, 0, sizeof startup);
    CreatePipe(&reader, &writer, NULL, 0);
    DuplicateHandle(GetCurrentProcess(), writer, GetCurrentProcess(), &other, 0, TRUE,
                    DUPLICATE_SAME_ACCESS);
    inheritable(writer);
    ok("how long is it", !InitializeProcThreadAttributeList(NULL, 1, 0, &size));
    same("told by failing", GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    ok("not long", size && size <= sizeof memory);
    ok("made", InitializeProcThreadAttributeList(list, 1, 0, &size));
    ok("filled", UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &writer,
                                           sizeof writer, NULL, NULL));
    startup.lpAttributeList = list;
    startup.StartupInfo.cb = sizeof startup;
    for (unsigned i = 0; i < 2; i++) {
        ok("started",
           CreateProcessA(NULL, command("+write ", (ULONG64)(i ? other : writer)), NULL, NULL, TRUE,
                          EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &startup.StartupInfo, &child));
        same("one is there, one is not", finish_child(), i ? ERROR_INVALID_HANDLE : CODE);
    }
    DeleteProcThreadAttributeList(list);
    CloseHandle(other);
    CloseHandle(writer);
    CloseHandle(reader);
}

/* What else can be asked of a child. */
static void ch027(void)
{
    FILETIME created = {0, 0}, exited = {0, 0}, kernel, user;
    char path[MAX_PATH];
    DWORD length = sizeof path;
    ok("started", start_child(command("+exit ", STILL_ACTIVE), CREATE_SUSPENDED));
    ok("its file", QueryFullProcessImageNameA(child.hProcess, 0, path, &length));
    ok("this one", length == length_of(program) && length_of(path) == length);
    ok("times", GetProcessTimes(child.hProcess, &created, &exited, &kernel, &user));
    ok("a beginning without an end", created.dwHighDateTime && !exited.dwHighDateTime);
    ResumeThread(child.hThread);
    same("waited", WaitForSingleObject(child.hProcess, PATIENCE), WAIT_OBJECT_0);
    ok("times", GetProcessTimes(child.hProcess, &created, &exited, &kernel, &user));
    ok("an end", CompareFileTime(&exited, &created) >= 0);
    same("a code that looks like running", finish_child(), STILL_ACTIVE);
}

/* The same limits hold (run with one: meson.build). */
static void ch028(void)
{
    UINT here = commit_limit();
    same("the commit limit", code_of(command("+limit", 0), 0), here);
}

static void ch029(void)
{
    if (on_wine()) {
        kit_skip("Wine starts its debugger");
        return;
    }
    same("an exception that nobody handles", code_of(command("+raise ", 0xE1234567), 0),
         0xE1234567);
}

static const struct statement statements[] = {
    {"CH-001", ch001}, {"CH-002", ch002}, {"CH-003", ch003}, {"CH-004", ch004}, {"CH-005", ch005},
    {"CH-006", ch006}, {"CH-007", ch007}, {"CH-008", ch008}, {"CH-009", ch009}, {"CH-010", ch010},
    {"CH-011", ch011}, {"CH-012", ch012}, {"CH-013", ch013}, {"CH-014", ch014}, {"CH-015", ch015},
    {"CH-016", ch016}, {"CH-017", ch017}, {"CH-018", ch018}, {"CH-019", ch019}, {"CH-020", ch020},
    {"CH-021", ch021}, {"CH-022", ch022}, {"CH-023", ch023}, {"CH-024", ch024}, {"CH-025", ch025},
    {"CH-026", ch026}, {"CH-027", ch027}, {"CH-028", ch028}, {"CH-029", ch029},
};

static void make_folder(void)
{
    char path[MAX_PATH];
    GetTempPathA(sizeof path, path);
    folder[0] = 0;
    join(folder, path);
    join(folder, "winmem-child-");
    join_hex(folder, GetCurrentProcessId());
    CreateDirectoryA(folder, NULL);
}

void start(void)
{
    const char *rest = arguments(GetCommandLineA());
    UINT code;
    if (begins(GetCommandLineA(), "something else"))
        ExitProcess(0xE15E);
    if (*rest == '+')
        ExitProcess(act(rest));
    GetModuleFileNameA(NULL, program, sizeof program);
    make_folder();
    code = (UINT)kit_run(statements, sizeof statements / sizeof statements[0], *rest ? rest : NULL);
    RemoveDirectoryA(folder);
    ExitProcess(code);
}
