/*
 * dll_a: exports by name and by ordinal alone, forwards some names to others, and needs dll_b.
 * dll_a.def has the list.
 */
#include "dll_kit.h"

int WINAPI add(int a, int b);
int WINAPI by_ordinal(int number);

int WINAPI add(int a, int b)
{
    return a + b;
}

int WINAPI by_ordinal(int number)
{
    return number + 1000;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    diary_note('A', reason);
    return TRUE;
}
