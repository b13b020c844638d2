/* Children: command lines, and programs that cannot be started. */
#include "child.h"

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

const struct statement line_statements[] = {
    {"CH-011", ch011}, {"CH-012", ch012}, {"CH-013", ch013}, {"CH-014", ch014},
    {"CH-015", ch015}, {"CH-016", ch016}, {NULL, NULL},
};
