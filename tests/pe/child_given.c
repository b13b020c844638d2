/* Children: what they are given, and what can be asked of them. */
#include "child.h"

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

const struct statement given_statements[] = {
    {"CH-017", ch017}, {"CH-018", ch018}, {"CH-019", ch019}, {"CH-020", ch020}, {"CH-021", ch021},
    {"CH-022", ch022}, {"CH-023", ch023}, {"CH-024", ch024}, {"CH-025", ch025}, {"CH-026", ch026},
    {"CH-027", ch027}, {"CH-028", ch028}, {"CH-029", ch029}, {NULL, NULL},
};
