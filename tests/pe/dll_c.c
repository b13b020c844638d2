/*
 * dll_c: loaded and freed while the program runs. Has static thread-local storage, so threads that
 * live already need a block too.
 */
#include "dll_kit.h"

__attribute__((section(".tls"), used)) static ULONG64 tls_begin = 0;
__attribute__((section(".tls$M"), used)) static ULONG64 tls_value = 31;
__attribute__((section(".tls$ZZZ"), used)) static ULONG64 tls_end = 0;
ULONG _tls_index;
const IMAGE_TLS_DIRECTORY64 _tls_used = {
    (ULONG64)&tls_begin, (ULONG64)&tls_end, (ULONG64)&_tls_index, 0, 0, 0};

__declspec(dllexport) ULONG64 *WINAPI thread_value(void);
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);

ULONG64 *WINAPI thread_value(void)
{
    char **blocks;
    __asm__("movq %%gs:0x58, %0" : "=r"(blocks));
    return (ULONG64 *)(blocks[_tls_index] + ((char *)&tls_value - (char *)&tls_begin));
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    diary_note('C', reason);
    if (reason == DLL_PROCESS_ATTACH)
        DisableThreadLibraryCalls(module); /* refused for a library with static TLS */
    return TRUE;
}
