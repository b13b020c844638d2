/* How the program was started: GetStartupInfo. */
#include "kernel32/face.h"

static uint16_t nothing_w[1];
static char nothing_a[1];

/* Nobody chose a window, a desktop or handles for the program; a host starts it with plain argv. */
void k32_GetStartupInfoW(LPSTARTUPINFOW lpStartupInfo)
{
    *lpStartupInfo = (STARTUPINFOW){
        .cb = sizeof *lpStartupInfo,
        .lpDesktop = nothing_w,
        .lpTitle = nothing_w,
    };
}

void k32_GetStartupInfoA(LPSTARTUPINFOA lpStartupInfo)
{
    *lpStartupInfo = (STARTUPINFOA){
        .cb = sizeof *lpStartupInfo,
        .lpDesktop = nothing_a,
        .lpTitle = nothing_a,
    };
}
