/* What a program says to a debugger. No debugger listens; WINMEM_DEBUG_OUTPUT=1 shows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

void k32_OutputDebugStringA(LPCSTR lpOutputString)
{
    const char *wanted = getenv("WINMEM_DEBUG_OUTPUT");
    if (lpOutputString && wanted && strcmp(wanted, "1") == 0)
        fputs(lpOutputString, stderr);
}

void k32_OutputDebugStringW(LPCWSTR lpOutputString)
{
    char *text = utf8_from_wide(lpOutputString);
    k32_OutputDebugStringA(text);
    free(text);
}

BOOL k32_IsDebuggerPresent(void)
{
    return FALSE;
}

BOOL k32_CheckRemoteDebuggerPresent(HANDLE hProcess, PBOOL pbDebuggerPresent)
{
    if (!hProcess || !pbDebuggerPresent)
        return face_bool(STATUS_INVALID_PARAMETER);
    *pbDebuggerPresent = FALSE;
    return TRUE;
}
