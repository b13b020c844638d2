/* Files: opened, read, written, found, renamed; and their names as text. */
#include "process.h"

static char folder[MAX_PATH];

/* A folder of this run's own below the temporary one: others may be at work there. */
void make_folder(void)
{
    char temporary[MAX_PATH];
    unsigned at = 0;
    GetTempPathA(sizeof temporary, temporary);
    GetTempFileNameA(temporary, "wm", 0, folder);
    DeleteFileA(folder);
    CreateDirectoryA(folder, NULL);
    while (folder[at])
        at++;
    folder[at] = '\\';
}

void remove_folder(void)
{
    RemoveDirectoryA(folder);
}

static char *in_folder(const char *name)
{
    static char path[2 * MAX_PATH];
    unsigned at = 0, i;
    for (i = 0; folder[i]; i++)
        path[at++] = folder[i];
    for (i = 0; name[i]; i++)
        path[at++] = name[i];
    path[at] = 0;
    return path;
}

static void fi001(void)
{
    HANDLE file;
    DWORD done = 0;
    char text[16] = {0};
    file = CreateFileA(in_folder("wm-one.txt"), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL,
                       CREATE_ALWAYS, 0, NULL);
    ok("created", file != INVALID_HANDLE_VALUE);
    ok("written", WriteFile(file, "hello file", 10, &done, NULL));
    same("bytes", done, 10);
    same("position", SetFilePointer(file, 6, NULL, FILE_BEGIN), 6);
    ok("read", ReadFile(file, text, sizeof text, &done, NULL));
    same("bytes", done, 4);
    same("text", text[0], 'f');
    ok("at the end", ReadFile(file, text, sizeof text, &done, NULL));
    same("nothing", done, 0);
    same("size", GetFileSize(file, NULL), 10);
    same("type", GetFileType(file), FILE_TYPE_DISK);
    CloseHandle(file);
}

static void fi002(void)
{
    SetLastError(0);
    ok("missing file", CreateFileA(in_folder("wm-none"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0,
                                   NULL) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
    SetLastError(0);
    ok("missing path", CreateFileA(in_folder("wm-none\\x"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0,
                                   NULL) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_PATH_NOT_FOUND);
    SetLastError(0);
    ok("exists", CreateFileA(in_folder("wm-one.txt"), GENERIC_READ, 0, NULL, CREATE_NEW, 0, NULL) ==
                     INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_EXISTS);
}

static void fi003(void)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    ok("attributes in another case",
       GetFileAttributesExA(in_folder("WM-One.TXT"), GetFileExInfoStandard, &data));
    same("size", data.nFileSizeLow, 10);
    ok("not a directory", !(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY));
    same("the folder is one", GetFileAttributesA(in_folder("")) & FILE_ATTRIBUTE_DIRECTORY,
         FILE_ATTRIBUTE_DIRECTORY);
}

static void fi004(void)
{
    WIN32_FIND_DATAA data;
    unsigned found = 0;
    HANDLE find;
    find = FindFirstFileA(in_folder("wm-*.t?t"), &data);
    ok("found", find != INVALID_HANDLE_VALUE);
    do {
        found++;
        same("size", data.nFileSizeLow, 10);
    } while (FindNextFileA(find, &data));
    same("one", found, 1);
    same("error", GetLastError(), ERROR_NO_MORE_FILES);
    ok("closed", FindClose(find));
    SetLastError(0);
    ok("none", FindFirstFileA(in_folder("wm-*.none"), &data) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
}

static void fi005(void)
{
    ok("folder", CreateDirectoryA(in_folder("wm-dir"), NULL));
    SetLastError(0);
    ok("again", !CreateDirectoryA(in_folder("wm-dir"), NULL));
    same("error", GetLastError(), ERROR_ALREADY_EXISTS);
    ok("removed", RemoveDirectoryA(in_folder("wm-dir")));
    ok("deleted", DeleteFileA(in_folder("wm-one.txt")));
    SetLastError(0);
    ok("gone", !DeleteFileA(in_folder("wm-one.txt")));
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
}

static void fi006(void)
{
    HANDLE file = CreateFileW(L"NUL", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    DWORD done = 0;
    ok("NUL", file != INVALID_HANDLE_VALUE);
    ok("takes all", WriteFile(file, "abc", 3, &done, NULL));
    same("bytes", done, 3);
    CloseHandle(file);
}

static void fi007(void)
{
    WCHAR wide[8];
    char narrow[8];
    same("to wide", (ULONG64)MultiByteToWideChar(CP_UTF8, 0, "\xC3\xA4\xE2\x82\xAC", -1, wide, 8),
         3);
    same("a umlaut", wide[0], 0xE4);
    same("euro", wide[1], 0x20AC);
    same("back", (ULONG64)WideCharToMultiByte(CP_UTF8, 0, wide, 2, narrow, 8, NULL, NULL), 5);
    same("bytes", (unsigned char)narrow[4], 0xAC);
    SetLastError(0);
    same("too small", (ULONG64)WideCharToMultiByte(CP_UTF8, 0, wide, 2, narrow, 3, NULL, NULL), 0);
    same("error", GetLastError(), ERROR_INSUFFICIENT_BUFFER);
}

const struct statement file_statements[] = {
    S("FI-001", fi001), S("FI-002", fi002), S("FI-003", fi003), S("FI-004", fi004),
    S("FI-005", fi005), S("FI-006", fi006), S("FI-007", fi007), END,
};
