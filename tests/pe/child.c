/*
 * Programs that start programs: this one starts itself. Same lines as conformance.exe (kit.h).
 *
 *     child.exe [PREFIX]
 *     child.exe +VERB [ARGUMENT]     what the child is to do; it answers with its exit code, and in
 *                                    words on its standard output
 */
#include "child.h"

char program[MAX_PATH], folder[MAX_PATH], line[4 * MAX_PATH], said[4096];
PROCESS_INFORMATION child;

DWORD length_of(const char *text)
{
    DWORD length = 0;
    while (text[length])
        length++;
    return length;
}

BOOL begins(const char *text, const char *with)
{
    while (*with)
        if (*text++ != *with++)
            return FALSE;
    return TRUE;
}

BOOL equal(const char *a, const char *b)
{
    return begins(a, b) && length_of(a) == length_of(b);
}

/* Appends to a buffer that has room. */
void join(char *to, const char *text)
{
    memcpy(to + length_of(to), text, length_of(text) + 1);
}

void join_hex(char *to, ULONG64 number)
{
    char digits[17];
    for (int i = 0; i < 16; i++)
        digits[i] = "0123456789ABCDEF"[number >> (60 - 4 * i) & 15];
    digits[16] = 0;
    join(to, digits);
}

ULONG64 read_hex(const char *text)
{
    ULONG64 number = 0;
    for (; (*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'F'); text++)
        number = number * 16 + (ULONG64)(*text <= '9' ? *text - '0' : *text - 'A' + 10);
    return number;
}

BOOL on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

/* "program" verb number */
char *command(const char *verb, ULONG64 number)
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

BOOL start_with(STARTUPINFOA *startup, char *text, BOOL inherit, DWORD flags, void *environment,
                const char *directory)
{
    startup->cb = sizeof *startup;
    memset(&child, 0, sizeof child);
    return CreateProcessA(NULL, text, NULL, NULL, inherit, flags, environment, directory, startup,
                          &child);
}

BOOL start_child(char *text, DWORD flags)
{
    STARTUPINFOA startup;
    memset(&startup, 0, sizeof startup);
    return start_with(&startup, text, FALSE, flags, NULL, NULL);
}

DWORD finish_child(void)
{
    DWORD code = 0xBAD, waited = WaitForSingleObject(child.hProcess, PATIENCE);
    if (waited != WAIT_OBJECT_0 || !GetExitCodeProcess(child.hProcess, &code))
        code = 0xBAD;
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return code;
}

DWORD code_of(char *text, DWORD flags)
{
    return start_child(text, flags) ? finish_child() : 0xF0000000u + GetLastError();
}

HANDLE inheritable(HANDLE handle)
{
    SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return handle;
}

void read_until_end(HANDLE from, char *to, DWORD room)
{
    DWORD got, total = 0;
    while (total + 1 < room && ReadFile(from, to + total, room - total - 1, &got, NULL) && got)
        total += got;
    to[total] = 0;
}

/* What a child writes to the pipe that is its standard output; `code` is its exit code. */
const char *output_of(char *text, DWORD flags, void *environment, const char *directory,
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

static const struct statement *const tables[] = {exit_statements, line_statements, given_statements,
                                                 NULL};

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
    code = (UINT)kit_run_tables(tables, *rest ? rest : NULL);
    RemoveDirectoryA(folder);
    ExitProcess(code);
}
