/*
 * What a program was started with: one line each of command line, the variable PE_TEST_VALUE,
 * the current directory, in UTF-8, and where it lies. The exit code is the number that the last argument spells.
 */
#include "kit.h"

static void print_wide(const char *label, const WCHAR *text)
{
    static char utf8[3 * 4096];
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, NULL, NULL);

    kit_print(label);
    kit_print(size > 0 ? utf8 : "(cannot be converted)");
    kit_print("\n");
}

static UINT last_number(const WCHAR *text)
{
    const WCHAR *at = text;
    UINT number = 0;

    while (*at)
        at++;
    while (at > text && at[-1] != ' ')
        at--;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (UINT)(*at - '0');
    return number;
}

void start(void)
{
    static WCHAR value[4096];
    const WCHAR *command = GetCommandLineW();
    DWORD length;

    print_wide("command line: ", command);
    SetLastError(0);
    length = GetEnvironmentVariableW(L"PE_TEST_VALUE", value, sizeof value / sizeof value[0]);
    if (length == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND)
        kit_print("value is not set\n");
    else
        print_wide("value: ", value);
    length = GetCurrentDirectoryW(sizeof value / sizeof value[0], value);
    value[length] = 0;
    print_wide("current directory: ", value);
    kit_print("module: ");
    kit_number((ULONG64)GetModuleHandleW(NULL), 16);
    kit_print("\n");
    ExitProcess(last_number(command));
}
