/* The console's screen: size, cursor, colours, title, as ANSI sequences. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "kernel32/face.h"
#include "kernel32/process/console.h"
#include "kernel32/process/utf.h"

#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS    25
#define LARGEST         0x7FFF /* a COORD holds 16 bits with a sign */

#define DEFAULT_ATTRIBUTES 7u /* light grey on black */

static uint32_t attributes = DEFAULT_ATTRIBUTES; /* atomic */

static void screen_size(const struct file *file, SHORT *ret_columns, SHORT *ret_rows)
{
    struct winsize size = {0};
    *ret_columns = DEFAULT_COLUMNS;
    *ret_rows = DEFAULT_ROWS;
    if (ioctl(file->fd, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row)
        return;
    *ret_columns = size.ws_col < LARGEST ? (SHORT)size.ws_col : LARGEST;
    *ret_rows = size.ws_row < LARGEST ? (SHORT)size.ws_row : LARGEST;
}

static NTSTATUS output(HANDLE handle, struct file **ret_file)
{
    NTSTATUS status = console_lookup(handle, ret_file);
    if (status == STATUS_SUCCESS && console_is_input(*ret_file)) {
        file_unref(*ret_file);
        status = STATUS_INVALID_HANDLE;
    }
    return status;
}

BOOL k32_GetConsoleScreenBufferInfo(HANDLE hConsoleOutput,
                                    PCONSOLE_SCREEN_BUFFER_INFO lpConsoleScreenBufferInfo)
{
    struct file *file;
    SHORT columns, rows;
    NTSTATUS status = output(hConsoleOutput, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    screen_size(file, &columns, &rows);
    file_unref(file);
    *lpConsoleScreenBufferInfo = (CONSOLE_SCREEN_BUFFER_INFO){
        .dwSize = {columns, rows},
        .wAttributes = (WORD)__atomic_load_n(&attributes, __ATOMIC_RELAXED),
        .srWindow = {0, 0, (SHORT)(columns - 1), (SHORT)(rows - 1)},
        .dwMaximumWindowSize = {columns, rows},
    };
    return TRUE;
}

/* The sixteen colours of a console, 0x00BBGGRR, by attribute. */
static const uint32_t colours[16] = {
    0x0C0C0C, 0xDA3700, 0x0EA113, 0xDD963A, 0x1F0FC5, 0x981788, 0x009CC1, 0xCCCCCC,
    0x767676, 0xFF783B, 0x0CC616, 0xD6D661, 0x5648E7, 0x9E00B4, 0xA5F1F9, 0xF2F2F2,
};

BOOL k32_GetConsoleScreenBufferInfoEx(HANDLE hConsoleOutput,
                                      PCONSOLE_SCREEN_BUFFER_INFOEX lpConsoleScreenBufferInfoEx)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (lpConsoleScreenBufferInfoEx->cbSize != sizeof *lpConsoleScreenBufferInfoEx)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!k32_GetConsoleScreenBufferInfo(hConsoleOutput, &info))
        return FALSE;
    *lpConsoleScreenBufferInfoEx = (CONSOLE_SCREEN_BUFFER_INFOEX){
        .cbSize = sizeof *lpConsoleScreenBufferInfoEx,
        .dwSize = info.dwSize,
        .wAttributes = info.wAttributes,
        .srWindow = info.srWindow,
        .dwMaximumWindowSize = info.dwMaximumWindowSize,
        .wPopupAttributes = 0xF5,
    };
    memcpy(lpConsoleScreenBufferInfoEx->ColorTable, colours, sizeof colours);
    return TRUE;
}

static BOOL write_sequence(HANDLE handle, const char *sequence)
{
    struct file *file;
    NTSTATUS status = output(handle, &file);
    if (status == STATUS_SUCCESS) {
        status = console_write(file, sequence, strlen(sequence));
        file_unref(file);
    }
    return face_bool(status);
}

/* A COORD by value comes in one register: X below, Y above. */
static COORD coord(DWORD value)
{
    return (COORD){(SHORT)value, (SHORT)(value >> 16)};
}

/* Blue is bit 0 in Windows and bit 2 in ANSI; bit 3 is bright in both. */
static unsigned ansi_colour(unsigned colour, unsigned dark, unsigned bright)
{
    unsigned number = (colour & 1) << 2 | (colour & 2) | (colour & 4) >> 2;
    return number + (colour & 8 ? bright : dark);
}

/* Light grey on black is what a console begins with: the terminal's own colours, whatever they are.
 */
BOOL k32_SetConsoleTextAttribute(HANDLE hConsoleOutput, WORD wAttributes)
{
    char sequence[32];
    unsigned text = wAttributes & 0xF, ground = wAttributes >> 4 & 0xF;
    snprintf(sequence, sizeof sequence, "\x1b[0;%u;%um",
             text == (DEFAULT_ATTRIBUTES & 0xF) ? 39 : ansi_colour(text, 30, 90),
             ground == DEFAULT_ATTRIBUTES >> 4 ? 49 : ansi_colour(ground, 40, 100));
    if (!write_sequence(hConsoleOutput, sequence))
        return FALSE;
    __atomic_store_n(&attributes, wAttributes, __ATOMIC_RELAXED);
    return TRUE;
}

BOOL k32_SetConsoleCursorPosition(HANDLE hConsoleOutput, DWORD dwCursorPosition)
{
    char sequence[32];
    COORD place = coord(dwCursorPosition);
    if (place.X < 0 || place.Y < 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    snprintf(sequence, sizeof sequence, "\x1b[%d;%dH", place.Y + 1, place.X + 1);
    return write_sequence(hConsoleOutput, sequence);
}

static uint32_t cursor_size = 25, cursor_visible = 1; /* atomic */

BOOL k32_GetConsoleCursorInfo(HANDLE hConsoleOutput, PCONSOLE_CURSOR_INFO lpConsoleCursorInfo)
{
    struct file *file;
    NTSTATUS status = output(hConsoleOutput, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    file_unref(file);
    lpConsoleCursorInfo->dwSize = __atomic_load_n(&cursor_size, __ATOMIC_RELAXED);
    lpConsoleCursorInfo->bVisible = (BOOL)__atomic_load_n(&cursor_visible, __ATOMIC_RELAXED);
    return TRUE;
}

BOOL k32_SetConsoleCursorInfo(HANDLE hConsoleOutput, PCONSOLE_CURSOR_INFO lpConsoleCursorInfo)
{
    DWORD size = lpConsoleCursorInfo->dwSize;
    bool visible = lpConsoleCursorInfo->bVisible != 0;
    if (size < 1 || size > 100)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!write_sequence(hConsoleOutput, visible ? "\x1b[?25h" : "\x1b[?25l"))
        return FALSE;
    __atomic_store_n(&cursor_size, size, __ATOMIC_RELAXED);
    __atomic_store_n(&cursor_visible, visible, __ATOMIC_RELAXED);
    return TRUE;
}

/* The cursor stays where it was (win32 console/fillconsoleoutputcharacter). */
BOOL k32_FillConsoleOutputCharacterW(HANDLE hConsoleOutput, WCHAR cCharacter, DWORD nLength,
                                     DWORD dwWriteCoord, LPDWORD lpNumberOfCharsWritten)
{
    uint16_t text[256];
    COORD place = coord(dwWriteCoord);
    struct file *file;
    char sequence[32];
    SHORT columns, rows;
    NTSTATUS status = output(hConsoleOutput, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    screen_size(file, &columns, &rows);
    /* what would fall off the end of the screen is not written, so nothing scrolls */
    int64_t left = (int64_t)columns * (rows - place.Y) - place.X;
    DWORD length = left < 0 ? 0 : nLength < (uint64_t)left ? nLength : (DWORD)left;
    for (unsigned i = 0; i < array_length(text); i++)
        text[i] = cCharacter;
    snprintf(sequence, sizeof sequence,
             "\x1b"
             "7\x1b[%d;%dH",
             place.Y + 1, place.X + 1);
    status = console_write(file, sequence, strlen(sequence));
    for (DWORD done = 0, count; done < length && status == STATUS_SUCCESS; done += count) {
        count = length - done < array_length(text) ? length - done : (DWORD)array_length(text);
        status = console_write_wide(file, text, count);
    }
    if (status == STATUS_SUCCESS)
        status = console_write(file,
                               "\x1b"
                               "8",
                               2);
    file_unref(file);
    if (status == STATUS_SUCCESS)
        *lpNumberOfCharsWritten = length;
    return face_bool(status);
}

BOOL k32_FillConsoleOutputCharacterA(HANDLE hConsoleOutput, CHAR cCharacter, DWORD nLength,
                                     DWORD dwWriteCoord, LPDWORD lpNumberOfCharsWritten)
{
    /* a byte above 127 is no character of UTF-8 */
    WCHAR character = cCharacter < 0 ? UTF_REPLACEMENT : (WCHAR)cCharacter;
    return k32_FillConsoleOutputCharacterW(hConsoleOutput, character, nLength, dwWriteCoord,
                                           lpNumberOfCharsWritten);
}

static struct {
    pthread_mutex_t lock;
    /* under lock */
    uint16_t *text; /* NULL: never set */
} title = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Tells the terminal, if standard output or error leads to one; OSC 0 ended by BEL. */
static void show_title(const uint16_t *text)
{
    char *bytes = utf8_from_wide(text);
    char *sequence = bytes ? malloc(strlen(bytes) + 8) : NULL;
    if (sequence) {
        sprintf(sequence, "\x1b]0;%s\a", bytes);
        for (DWORD number = (DWORD)-11; number >= (DWORD)-12; number--) {
            struct file *file;
            if (console_lookup(k32_GetStdHandle(number), &file) != STATUS_SUCCESS)
                continue;
            console_write(file, sequence, strlen(sequence));
            file_unref(file);
            break;
        }
    }
    free(sequence);
    free(bytes);
}

BOOL k32_SetConsoleTitleW(LPCWSTR lpConsoleTitle)
{
    size_t size = (wide_length(lpConsoleTitle) + 1) * sizeof *lpConsoleTitle;
    uint16_t *copy = malloc(size), *old;
    if (!copy)
        return face_bool(STATUS_NO_MEMORY);
    memcpy(copy, lpConsoleTitle, size);
    show_title(copy);
    pthread_mutex_lock(&title.lock);
    old = title.text;
    title.text = copy;
    pthread_mutex_unlock(&title.lock);
    free(old);
    return TRUE;
}

BOOL k32_SetConsoleTitleA(LPCSTR lpConsoleTitle)
{
    uint16_t *wide = wide_from_utf8(lpConsoleTitle);
    BOOL done = wide ? k32_SetConsoleTitleW(wide) : face_bool(STATUS_NO_MEMORY);
    free(wide);
    return done;
}

/* The length of the whole title; what fits is given, terminated. */
DWORD k32_GetConsoleTitleW(LPWSTR lpConsoleTitle, DWORD nSize)
{
    uint16_t copy[256];
    size_t length = 0;
    pthread_mutex_lock(&title.lock);
    if (title.text)
        length = wide_length(title.text);
    size_t given = length < array_length(copy) ? length : array_length(copy);
    if (title.text)
        memcpy(copy, title.text, given * sizeof *copy);
    pthread_mutex_unlock(&title.lock);
    if (nSize) {
        if (given > nSize - 1)
            given = nSize - 1;
        memcpy(lpConsoleTitle, copy, given * sizeof *copy);
        lpConsoleTitle[given] = 0;
    }
    if (!length)
        last_error_set(ERROR_SUCCESS);
    return (DWORD)length;
}
