/* Writing to the console and reading from it. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include "kernel32/face.h"
#include "kernel32/process/console.h"
#include "kernel32/process/utf.h"

NTSTATUS console_write(struct file *file, const char *bytes, size_t size)
{
    uint64_t done;
    return file_write(file, bytes, size, NULL, &done);
}

#define CHUNK 1024u /* units: three bytes each are on the stack */

NTSTATUS console_write_wide(struct file *file, const uint16_t *text, size_t length)
{
    NTSTATUS status = STATUS_SUCCESS;
    while (length && status == STATUS_SUCCESS) {
        char bytes[CHUNK * 3];
        size_t count = length < CHUNK ? length : CHUNK;
        /* a pair is not torn */
        if (count < length && (text[count - 1] & 0xFC00) == 0xD800)
            count--;
        size_t size = utf16_to_utf8(text, count, bytes, sizeof bytes, NULL);
        status = console_write(file, bytes, size);
        text += count;
        length -= count;
    }
    return status;
}

BOOL k32_WriteConsoleW(HANDLE hConsoleOutput, LPCVOID lpBuffer, DWORD nNumberOfCharsToWrite,
                       LPDWORD lpNumberOfCharsWritten, LPVOID lpReserved)
{
    struct file *file;
    NTSTATUS status = console_lookup(hConsoleOutput, &file);
    if (status == STATUS_SUCCESS) {
        status = console_write_wide(file, lpBuffer, nNumberOfCharsToWrite);
        file_unref(file);
    }
    if (lpNumberOfCharsWritten)
        *lpNumberOfCharsWritten = status == STATUS_SUCCESS ? nNumberOfCharsToWrite : 0;
    return face_bool(status);
}

/* Text of another code page than UTF-8 goes through UTF-16. */
static NTSTATUS write_page(struct file *file, UINT page, LPCSTR text, DWORD size)
{
    uint16_t *wide = malloc((size_t)size * sizeof *wide);
    if (!wide)
        return STATUS_NO_MEMORY;
    INT length = k32_MultiByteToWideChar(page, 0, text, (INT)size, wide, (INT)size);
    NTSTATUS status = console_write_wide(file, wide, (size_t)length);
    free(wide);
    return status;
}

BOOL k32_WriteConsoleA(HANDLE hConsoleOutput, LPCVOID lpBuffer, DWORD nNumberOfCharsToWrite,
                       LPDWORD lpNumberOfCharsWritten, LPVOID lpReserved)
{
    struct file *file;
    UINT page = k32_GetConsoleOutputCP();
    NTSTATUS status = console_lookup(hConsoleOutput, &file);
    if (status == STATUS_SUCCESS) {
        if (page == 65001 || !nNumberOfCharsToWrite)
            status = console_write(file, lpBuffer, nNumberOfCharsToWrite);
        else
            status = write_page(file, page, lpBuffer, nNumberOfCharsToWrite);
        file_unref(file);
    }
    if (lpNumberOfCharsWritten)
        *lpNumberOfCharsWritten = status == STATUS_SUCCESS ? nNumberOfCharsToWrite : 0;
    return face_bool(status);
}

#define READ_SIZE    512u
#define PENDING_SIZE (READ_SIZE * 2 + 8) /* every byte may be a line end, which becomes two */

/* Input that was read from the terminal and not yet asked for. */
static struct {
    pthread_mutex_t lock;
    /* under lock */
    uint16_t units[PENDING_SIZE];
    size_t first, count;
    char partial[4]; /* the beginning of a character */
    size_t partial_size;
} input = {.lock = PTHREAD_MUTEX_INITIALIZER};

void console_input_flush(void)
{
    pthread_mutex_lock(&input.lock);
    input.first = input.count = input.partial_size = 0;
    pthread_mutex_unlock(&input.lock);
}

/* How much of `bytes` is whole characters: what is left could go on with the next read. */
static size_t whole_size(const char *bytes, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char byte = (unsigned char)bytes[size - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return wanted > back ? size - back : size;
    }
    return size;
}

/* Takes in what was read: characters as UTF-16, ends of lines as Windows has them. */
static void accept_bytes(char *bytes, size_t size)
{
    uint16_t wide[READ_SIZE + 4];
    bool lines = console_input_mode() & CONSOLE_LINE_INPUT;
    pthread_mutex_lock(&input.lock);
    memmove(bytes + input.partial_size, bytes, size);
    memcpy(bytes, input.partial, input.partial_size);
    size += input.partial_size;
    size_t whole = whole_size(bytes, size);
    input.partial_size = size - whole;
    memcpy(input.partial, bytes + whole, input.partial_size);
    size_t length = utf8_to_utf16(bytes, whole, wide, array_length(wide), NULL);
    if (!input.count)
        input.first = 0;
    for (size_t i = 0; i < length && input.first + input.count + 2 <= PENDING_SIZE; i++) {
        if (lines && wide[i] == '\n')
            input.units[input.first + input.count++] = '\r';
        input.units[input.first + input.count++] = wide[i];
    }
    pthread_mutex_unlock(&input.lock);
}

static size_t pending(void)
{
    pthread_mutex_lock(&input.lock);
    size_t count = input.count;
    pthread_mutex_unlock(&input.lock);
    return count;
}

/* One read from the terminal; STATUS_END_OF_FILE at its end. */
static NTSTATUS read_more(struct file *file)
{
    char bytes[READ_SIZE + 4];
    uint64_t size = 0;
    NTSTATUS status = file_read(file, bytes, READ_SIZE, NULL, &size);
    if (status == STATUS_SUCCESS && !size)
        status = STATUS_END_OF_FILE;
    if (status == STATUS_SUCCESS)
        accept_bytes(bytes, (size_t)size);
    return status;
}

/* The same, when there is something to read. */
static void read_waiting(struct file *file)
{
    struct pollfd ready = {.fd = file->fd, .events = POLLIN};
    if (!pending() && poll(&ready, 1, 0) > 0 && ready.revents & POLLIN)
        read_more(file);
}

/* Copies at most `room` pending units; `take`: they are gone then. */
static size_t copy_pending(uint16_t *to, size_t room, bool take)
{
    pthread_mutex_lock(&input.lock);
    size_t count = input.count < room ? input.count : room;
    memcpy(to, input.units + input.first, count * sizeof *to);
    if (take) {
        input.first += count;
        input.count -= count;
    }
    pthread_mutex_unlock(&input.lock);
    return count;
}

/* At least one unit, but not past the end of a line; 0 at the end of the input. */
static NTSTATUS read_units(struct file *file, uint16_t *to, size_t room, size_t *ret_count)
{
    NTSTATUS status = STATUS_SUCCESS;
    uint16_t chunk[256];
    *ret_count = 0;
    while (!pending() && status == STATUS_SUCCESS)
        status = read_more(file);
    while (*ret_count < room) {
        size_t wanted = room - *ret_count;
        size_t count =
            copy_pending(chunk, wanted < array_length(chunk) ? wanted : array_length(chunk), true);
        if (!count)
            break;
        memcpy(to + *ret_count, chunk, count * sizeof *to);
        *ret_count += count;
    }
    return status == STATUS_END_OF_FILE ? STATUS_SUCCESS : status;
}

BOOL k32_ReadConsoleW(HANDLE hConsoleInput, LPVOID lpBuffer, DWORD nNumberOfCharsToRead,
                      LPDWORD lpNumberOfCharsRead, LPVOID pInputControl)
{
    struct file *file;
    size_t count = 0;
    NTSTATUS status = console_lookup(hConsoleInput, &file);
    if (status == STATUS_SUCCESS) {
        if (nNumberOfCharsToRead)
            status = read_units(file, lpBuffer, nNumberOfCharsToRead, &count);
        file_unref(file);
    }
    if (status == STATUS_SUCCESS)
        *lpNumberOfCharsRead = (DWORD)count;
    return face_bool(status);
}

BOOL k32_ReadConsoleA(HANDLE hConsoleInput, LPVOID lpBuffer, DWORD nNumberOfCharsToRead,
                      LPDWORD lpNumberOfCharsRead, LPVOID pInputControl)
{
    struct file *file;
    uint64_t done = 0;
    NTSTATUS status = console_lookup(hConsoleInput, &file);
    if (status == STATUS_SUCCESS) {
        status = file_read(file, lpBuffer, nNumberOfCharsToRead, NULL, &done);
        file_unref(file);
    }
    if (status == STATUS_END_OF_FILE)
        status = STATUS_SUCCESS;
    if (status == STATUS_SUCCESS)
        *lpNumberOfCharsRead = (DWORD)done;
    return face_bool(status);
}

/* ----- input records: each unit is a key that goes down and up ----- */

#define KEY_EVENT 1u

static WORD virtual_key(uint16_t unit)
{
    if ((unit >= '0' && unit <= '9') || (unit >= 'A' && unit <= 'Z'))
        return unit;
    if (unit >= 'a' && unit <= 'z')
        return (WORD)(unit - 'a' + 'A');
    switch (unit) {
    case '\t':
    case '\r':
    case ' ':
    case 0x1B: /* escape */
        return unit;
    case '\n':
        return '\r';
    case 0x7F: /* the backspace key of terminals */
    case '\b':
        return '\b';
    default:
        return 0;
    }
}

static void make_record(INPUT_RECORD *record, uint16_t unit, bool down)
{
    *record = (INPUT_RECORD){
        .EventType = KEY_EVENT,
        .bKeyDown = down,
        .wRepeatCount = 1,
        .wVirtualKeyCode = virtual_key(unit),
        .UnicodeChar = unit,
    };
}

static BOOL read_records(HANDLE handle, PINPUT_RECORD records, DWORD room, LPDWORD ret_count,
                         bool take)
{
    uint16_t units[128];
    struct file *file;
    NTSTATUS status = console_lookup(handle, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (take)
        while (!pending() && status == STATUS_SUCCESS)
            status = read_more(file);
    else
        read_waiting(file);
    file_unref(file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    /* with room for one record only, the key going up is left out */
    size_t keys = room < 2 ? room : room / 2;
    size_t count =
        copy_pending(units, keys < array_length(units) ? keys : array_length(units), take);
    DWORD at = 0;
    for (size_t i = 0; i < count; i++) {
        make_record(&records[at++], units[i], true);
        if (at < room)
            make_record(&records[at++], units[i], false);
    }
    *ret_count = at;
    return TRUE;
}

BOOL k32_ReadConsoleInputW(HANDLE hConsoleInput, PINPUT_RECORD lpBuffer, DWORD nLength,
                           LPDWORD lpNumberOfEventsRead)
{
    return read_records(hConsoleInput, lpBuffer, nLength, lpNumberOfEventsRead, true);
}

BOOL k32_PeekConsoleInputW(HANDLE hConsoleInput, PINPUT_RECORD lpBuffer, DWORD nLength,
                           LPDWORD lpNumberOfEventsRead)
{
    return read_records(hConsoleInput, lpBuffer, nLength, lpNumberOfEventsRead, false);
}

/* The A forms differ in the character: one byte, so only ASCII has one. */
static BOOL as_bytes(BOOL done, PINPUT_RECORD records, LPDWORD count)
{
    for (DWORD i = 0; done && i < *count; i++)
        if (records[i].UnicodeChar > 0x7F)
            records[i].UnicodeChar = 0;
    return done;
}

BOOL k32_ReadConsoleInputA(HANDLE hConsoleInput, PINPUT_RECORD lpBuffer, DWORD nLength,
                           LPDWORD lpNumberOfEventsRead)
{
    return as_bytes(read_records(hConsoleInput, lpBuffer, nLength, lpNumberOfEventsRead, true),
                    lpBuffer, lpNumberOfEventsRead);
}

BOOL k32_PeekConsoleInputA(HANDLE hConsoleInput, PINPUT_RECORD lpBuffer, DWORD nLength,
                           LPDWORD lpNumberOfEventsRead)
{
    return as_bytes(read_records(hConsoleInput, lpBuffer, nLength, lpNumberOfEventsRead, false),
                    lpBuffer, lpNumberOfEventsRead);
}

BOOL k32_GetNumberOfConsoleInputEvents(HANDLE hConsoleInput, LPDWORD lpcNumberOfEvents)
{
    struct file *file;
    NTSTATUS status = console_lookup(hConsoleInput, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    read_waiting(file);
    file_unref(file);
    *lpcNumberOfEvents = (DWORD)pending() * 2;
    return TRUE;
}

BOOL k32_FlushConsoleInputBuffer(HANDLE hConsoleInput)
{
    struct file *file;
    NTSTATUS status = console_lookup(hConsoleInput, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    tcflush(file->fd, TCIFLUSH);
    file_unref(file);
    console_input_flush();
    return TRUE;
}
