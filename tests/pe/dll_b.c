/*
 * dll_b: the diary of all the libraries, and what dll_a forwards to. Writes the diary out when the
 * process ends.
 */
#define IN_DLL_B
#include "dll_kit.h"

int dll_b_number = 4711;
static char diary[256];
static unsigned written;

int WINAPI twenty(void);
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);

void WINAPI diary_note(char library, DWORD reason)
{
    if (written + 3 > sizeof diary)
        return;
    diary[written++] = library;
    diary[written++] = reason == DLL_PROCESS_ATTACH   ? '+'
                       : reason == DLL_PROCESS_DETACH ? '-'
                       : reason == DLL_THREAD_ATTACH  ? 't'
                                                      : 'x';
    diary[written] = 0;
}

const char *WINAPI diary_read(void)
{
    return diary;
}

int WINAPI twice(int number)
{
    return 2 * number;
}

int WINAPI twenty(void)
{
    return 20;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    DWORD done;

    diary_note('B', reason);
    if (reason == DLL_PROCESS_DETACH) {
        if (reserved) /* the process ends, and nobody frees the library */
            diary[written++] = '.';
        diary[written++] = '\n';
        WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), diary, written, &done, NULL);
    }
    return TRUE;
}
