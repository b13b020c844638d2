/* dll_d: refuses to be loaded. */
#include "dll_kit.h"

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    diary_note('D', reason);
    return FALSE;
}
