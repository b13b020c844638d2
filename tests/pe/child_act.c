/* What a child does that child.exe started. */
#include "child.h"

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

UINT commit_limit(void)
{
    MEMORYSTATUSEX status;
    status.dwLength = sizeof status;
    return GlobalMemoryStatusEx(&status) ? (UINT)(status.ullTotalPageFile >> 20) : 0;
}

static UINT start_another(void)
{
    GetModuleFileNameA(NULL, program, sizeof program);
    return code_of(command("+exit ", CODE + 1), 0);
}

UINT act(const char *verb)
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
