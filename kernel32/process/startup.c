/* How the program was started: GetStartupInfo. */
#include <pthread.h>
#include "kernel32/face.h"
#include "kernel32/process/started.h"
#include "kernel32/process/utf.h"

static uint16_t nothing_w[1];
static char nothing_a[1];

static uint16_t *text_or_nothing(const struct start_text *text)
{
    return text->size ? (uint16_t *)started_bytes(text) : nothing_w;
}

/*
 * What the parent said. Without a Windows parent nobody chose a window, a desktop or handles: a
 * host starts a program with plain argv.
 */
void k32_GetStartupInfoW(LPSTARTUPINFOW lpStartupInfo)
{
    const struct start_record *record = started_record();
    STARTUPINFOW info = {.lpDesktop = nothing_w, .lpTitle = nothing_w};
    if (record) {
        info = record->startup;
        info.lpDesktop = text_or_nothing(&record->desktop);
        info.lpTitle = text_or_nothing(&record->title);
        info.cbReserved2 = (WORD)record->reserved.size;
        info.lpReserved2 = record->reserved.size ? (LPBYTE)started_bytes(&record->reserved) : NULL;
    }
    info.cb = sizeof info;
    *lpStartupInfo = info;
}

static pthread_once_t narrow_once = PTHREAD_ONCE_INIT;
static char *desktop, *title;

static void narrow(void)
{
    STARTUPINFOW info;
    k32_GetStartupInfoW(&info);
    desktop = utf8_from_wide(info.lpDesktop);
    title = utf8_from_wide(info.lpTitle);
}

void k32_GetStartupInfoA(LPSTARTUPINFOA lpStartupInfo)
{
    STARTUPINFOW info;
    pthread_once(&narrow_once, narrow);
    k32_GetStartupInfoW(&info);
    _Static_assert(sizeof info == sizeof *lpStartupInfo, "they differ in the texts only");
    __builtin_memcpy(lpStartupInfo, &info, sizeof info);
    lpStartupInfo->lpDesktop = desktop ? desktop : nothing_a;
    lpStartupInfo->lpTitle = title ? title : nothing_a;
}
