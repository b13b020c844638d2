/* Standard handles, console modes, code pages, the title. */
#include "kernel32/process/console.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/utf.h"

static HANDLE standard[STANDARD_COUNT]; /* without a PEB */
static pthread_once_t standard_once = PTHREAD_ONCE_INIT;

static bool given[STANDARD_COUNT]; /* constant after console_standard_init */

static HANDLE *standard_slot(unsigned index)
{
    if (process_peb && process_peb->parameters)
        return &process_peb->parameters->standard[index];
    return &standard[index];
}

static void make_standard(void)
{
    for (int fd = 0; fd < STANDARD_COUNT; fd++) {
        HANDLE *slot = standard_slot((unsigned)fd), handle;
        int flags = fcntl(fd, F_GETFL);
        if (given[fd] || *slot || flags < 0)
            continue;
        ACCESS_MASK access = (flags & O_ACCMODE) == O_RDONLY   ? GENERIC_READ
                             : (flags & O_ACCMODE) == O_WRONLY ? GENERIC_WRITE
                                                               : GENERIC_READ | GENERIC_WRITE;
        if (file_from_descriptor(fd, false, access, &handle) == STATUS_SUCCESS)
            *slot = handle;
    }
}

void console_standard_init(void)
{
    pthread_once(&standard_once, make_standard);
}

void console_standard_give(unsigned index, HANDLE handle)
{
    given[index] = true;
    *standard_slot(index) = handle;
}

#define STD_INPUT_HANDLE ((DWORD)-10)

/* STD_INPUT_HANDLE -10, STD_OUTPUT_HANDLE -11, STD_ERROR_HANDLE -12; NULL for other numbers. */
static HANDLE *slot_of(DWORD number)
{
    DWORD index = STD_INPUT_HANDLE - number;
    if (index >= STANDARD_COUNT) {
        last_error_set(ERROR_INVALID_HANDLE);
        return NULL;
    }
    console_standard_init();
    return standard_slot(index);
}

HANDLE k32_GetStdHandle(DWORD nStdHandle)
{
    HANDLE *slot = slot_of(nStdHandle);
    return slot ? __atomic_load_n(slot, __ATOMIC_RELAXED) : (HANDLE)-1;
}

BOOL k32_SetStdHandle(DWORD nStdHandle, HANDLE hHandle)
{
    HANDLE *slot = slot_of(nStdHandle);
    if (!slot)
        return FALSE;
    __atomic_store_n(slot, hHandle, __ATOMIC_RELAXED);
    return TRUE;
}

BOOL k32_SetStdHandleEx(DWORD nStdHandle, HANDLE hHandle, PHANDLE phPrevValue)
{
    HANDLE *slot = slot_of(nStdHandle);
    if (!slot)
        return FALSE;
    HANDLE old = __atomic_exchange_n(slot, hHandle, __ATOMIC_RELAXED);
    if (phPrevValue)
        *phPrevValue = old;
    return TRUE;
}

NTSTATUS console_lookup(HANDLE handle, struct file **ret_file)
{
    struct file *file;
    NTSTATUS status = file_lookup(handle, 0, &file);
    if (status != STATUS_SUCCESS)
        return STATUS_INVALID_HANDLE;
    if (file->kind != FILE_CONSOLE) {
        file_unref(file);
        return STATUS_INVALID_HANDLE;
    }
    *ret_file = file;
    return STATUS_SUCCESS;
}

bool console_is_input(const struct file *file)
{
    return file->fd == STDIN_FILENO || !(file->access & FILE_WRITE_DATA);
}

/* As a console of Windows begins (win32 console/setconsolemode). */
#define DEFAULT_INPUT  0x1F7u
#define DEFAULT_OUTPUT 0x003u
#define KNOWN_INPUT    0x3FFu
#define KNOWN_OUTPUT   0x01Fu

static uint32_t input_mode = DEFAULT_INPUT, output_mode = DEFAULT_OUTPUT; /* atomic */

uint32_t console_input_mode(void)
{
    return __atomic_load_n(&input_mode, __ATOMIC_RELAXED);
}

static struct termios original_termios;
static int changed_fd = -1;

static void set_termios(int fd, const struct termios *termios)
{
    /* a program in the background would be stopped for asking */
    sigset_t blocked, old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    tcsetattr(fd, TCSADRAIN, termios);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The shell wants its terminal back as it was. */
static void restore(void)
{
    if (changed_fd >= 0)
        set_termios(changed_fd, &original_termios);
}

static void set_flag(tcflag_t *flags, tcflag_t flag, bool on)
{
    *flags = on ? *flags | flag : *flags & ~flag;
}

/* The terminal's form of an input mode; untouched while the program only sets what is. */
static void apply_input_mode(int fd, uint32_t mode)
{
    struct termios now, then;
    bool lines = mode & CONSOLE_LINE_INPUT;
    if (tcgetattr(fd, &now) != 0)
        return;
    then = now;
    set_flag(&then.c_lflag, ISIG, mode & CONSOLE_PROCESSED_INPUT);
    set_flag(&then.c_lflag, ICANON, lines);
    set_flag(&then.c_lflag, ECHO, mode & CONSOLE_ECHO_INPUT);
    set_flag(&then.c_iflag, ICRNL, lines); /* Enter is a carriage return to a raw reader */
    if (!lines) {
        then.c_cc[VMIN] = 1;
        then.c_cc[VTIME] = 0;
    }
    if (memcmp(&now, &then, sizeof now) == 0)
        return;
    if (changed_fd < 0) {
        original_termios = now;
        changed_fd = fd;
        atexit(restore);
    }
    set_termios(fd, &then);
}

BOOL k32_GetConsoleMode(HANDLE hConsoleHandle, LPDWORD lpMode)
{
    struct file *file;
    NTSTATUS status = console_lookup(hConsoleHandle, &file);
    if (status == STATUS_SUCCESS) {
        uint32_t *mode = console_is_input(file) ? &input_mode : &output_mode;
        file_unref(file);
        *lpMode = __atomic_load_n(mode, __ATOMIC_RELAXED);
    }
    return face_bool(status);
}

static NTSTATUS set_input_mode(int fd, DWORD mode)
{
    if (mode & ~KNOWN_INPUT)
        return STATUS_INVALID_PARAMETER;
    /* echo is a part of reading lines (win32 console/setconsolemode) */
    if (mode & CONSOLE_ECHO_INPUT && !(mode & CONSOLE_LINE_INPUT))
        return STATUS_INVALID_PARAMETER;
    __atomic_store_n(&input_mode, mode, __ATOMIC_RELAXED);
    apply_input_mode(fd, mode);
    return STATUS_SUCCESS;
}

BOOL k32_SetConsoleMode(HANDLE hConsoleHandle, DWORD dwMode)
{
    struct file *file;
    NTSTATUS status = console_lookup(hConsoleHandle, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (console_is_input(file))
        status = set_input_mode(file->fd, dwMode);
    else if (dwMode & ~KNOWN_OUTPUT)
        status = STATUS_INVALID_PARAMETER;
    else
        __atomic_store_n(&output_mode, dwMode, __ATOMIC_RELAXED);
    file_unref(file);
    return face_bool(status);
}

static uint32_t input_page = 65001, output_page = 65001; /* atomic */

UINT k32_GetConsoleCP(void)
{
    return __atomic_load_n(&input_page, __ATOMIC_RELAXED);
}

UINT k32_GetConsoleOutputCP(void)
{
    return __atomic_load_n(&output_page, __ATOMIC_RELAXED);
}

static BOOL set_page(uint32_t *page, UINT number)
{
    if (!k32_IsValidCodePage(number))
        return face_bool(STATUS_INVALID_PARAMETER);
    __atomic_store_n(page, number, __ATOMIC_RELAXED);
    return TRUE;
}

BOOL k32_SetConsoleCP(UINT wCodePageID)
{
    return set_page(&input_page, wCodePageID);
}

BOOL k32_SetConsoleOutputCP(UINT wCodePageID)
{
    return set_page(&output_page, wCodePageID);
}

/* There is one console and nobody can leave it; a window it has not. */
BOOL k32_AllocConsole(void)
{
    return face_bool(STATUS_ACCESS_DENIED);
}

BOOL k32_AttachConsole(DWORD dwProcessId)
{
    return face_bool(STATUS_ACCESS_DENIED);
}

BOOL k32_FreeConsole(void)
{
    return TRUE;
}

HWND k32_GetConsoleWindow(void)
{
    return NULL;
}

DWORD k32_GetConsoleProcessList(LPDWORD lpdwProcessList, DWORD dwProcessCount)
{
    if (!lpdwProcessList || !dwProcessCount) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return 0;
    }
    lpdwProcessList[0] = (DWORD)getpid();
    return 1;
}
