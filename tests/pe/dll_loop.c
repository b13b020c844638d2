/*
 * dll_loop: exports that are forwarded in a circle, to a library that is not there, and to a name
 * that is not there.
 */
#include "dll_kit.h"

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    return TRUE;
}
