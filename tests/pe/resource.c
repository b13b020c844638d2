/* Resources of the program itself, statement by statement (kit.h). */
#include "kit.h"

static int begins(const char *text, DWORD size, const char *wanted)
{
    DWORD i;
    for (i = 0; i < size && wanted[i]; i++)
        if (text[i] != wanted[i])
            return 0;
    return wanted[i] == 0;
}

static void rs001(void)
{
    HRSRC found = FindResourceW(NULL, MAKEINTRESOURCEW(1), (LPCWSTR)RT_RCDATA);
    HGLOBAL loaded = found ? LoadResource(NULL, found) : NULL;
    const char *text = loaded ? LockResource(loaded) : NULL;

    ok("found", found != NULL);
    ok("loaded", text != NULL);
    if (!text)
        return;
    same("size", SizeofResource(NULL, found), 14);
    ok("contents", begins(text, 14, "first resource"));
}

static void rs002(void)
{
    /* names compare without case */
    HRSRC found = FindResourceW(GetModuleHandleW(NULL), L"answer", L"facts");
    const WORD *numbers = found ? LockResource(LoadResource(NULL, found)) : NULL;

    ok("found", found != NULL);
    if (!numbers)
        return;
    same("size", SizeofResource(NULL, found), 4);
    same("first number", numbers[0], 42);
    same("second number", numbers[1], 43);
}

static void rs003(void)
{
    ok("found by an ANSI name", FindResourceA(NULL, "ANSWER", "FACTS") != NULL);
    ok("found by a number written as a name", FindResourceA(NULL, "#1", "#10") != NULL);
}

static void rs004(void)
{
    SetLastError(0);
    ok("no such name", FindResourceW(NULL, L"NOTHING", L"FACTS") == NULL);
    same("last error", GetLastError(), ERROR_RESOURCE_NAME_NOT_FOUND);
    SetLastError(0);
    ok("no such type", FindResourceW(NULL, MAKEINTRESOURCEW(1), L"NOTYPE") == NULL);
    same("last error", GetLastError(), ERROR_RESOURCE_TYPE_NOT_FOUND);
}

static void rs005(void)
{
    HRSRC found = FindResourceExW(NULL, (LPCWSTR)RT_RCDATA, MAKEINTRESOURCEW(7),
                                  MAKELANGID(LANG_GERMAN, SUBLANG_GERMAN));
    const char *text = found ? LockResource(LoadResource(NULL, found)) : NULL;

    ok("the German one", text && begins(text, SizeofResource(NULL, found), "Deutsch"));
    found = FindResourceExW(NULL, (LPCWSTR)RT_RCDATA, MAKEINTRESOURCEW(7),
                            MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US));
    text = found ? LockResource(LoadResource(NULL, found)) : NULL;
    ok("the English one", text && begins(text, SizeofResource(NULL, found), "English"));
    found = FindResourceExW(NULL, (LPCWSTR)RT_RCDATA, MAKEINTRESOURCEW(8),
                            MAKELANGID(LANG_FRENCH, SUBLANG_FRENCH));
    text = found ? LockResource(LoadResource(NULL, found)) : NULL;
    ok("of a language that is not there, the neutral one",
       text && begins(text, SizeofResource(NULL, found), "neutral"));
}

static const struct statement statements[] = {
    {"RS-001", rs001}, {"RS-002", rs002}, {"RS-003", rs003}, {"RS-004", rs004}, {"RS-005", rs005},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
