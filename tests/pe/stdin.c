/*
 * Copies standard input to standard output, through UTF-16 and back, so that text must be whole
 * UTF-8 to arrive unchanged.
 */
#include "kit.h"

#define LIMIT (1024u * 1024)

static char bytes[LIMIT];
static WCHAR wide[LIMIT];

static void fail(const char *what)
{
    kit_print(what);
    ExitProcess(1);
}

static DWORD read_all(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    DWORD total = 0, got;

    /*
     * a pipe whose writer has closed fails with ERROR_BROKEN_PIPE, a file answers TRUE with no
     * bytes
     */
    while (total < LIMIT) {
        if (!ReadFile(input, bytes + total, LIMIT - total, &got, NULL)) {
            if (GetLastError() == ERROR_BROKEN_PIPE)
                break;
            fail("ReadFile failed\n");
        }
        if (got == 0)
            break;
        total += got;
    }
    return total;
}

static void write_all(const char *from, DWORD size)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD written;

    for (; size; from += written, size -= written)
        if (!WriteFile(output, from, size, &written, NULL) || written == 0)
            ExitProcess(2);
}

void start(void)
{
    DWORD size = read_all();
    int units, back;

    if (size == 0)
        ExitProcess(0);
    units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, bytes, (int)size, wide, LIMIT);
    if (units <= 0)
        fail("this is not UTF-8\n");
    memset(bytes, 0, size);
    back = WideCharToMultiByte(CP_UTF8, 0, wide, units, bytes, LIMIT, NULL, NULL);
    if (back <= 0)
        fail("this cannot be converted back\n");
    write_all(bytes, (DWORD)back);
    ExitProcess(0);
}
