/* The command line: made from argv, and taken apart again. */
#include "kernel32/process/command_line.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/local_memory.h"
#include "kernel32/process/utf.h"

static UNICODE_STRING command_line;
static char *command_line_bytes;

static char *put_backslashes(char *to, size_t count)
{
    memset(to, '\\', count);
    return to + count;
}

/* The program's name: quotes end at the next quote, and nothing stands for a quote. */
static char *put_program(char *to, const char *name)
{
    bool quoted = !*name || name[strcspn(name, " \t")] != 0;
    if (quoted)
        *to++ = '"';
    for (; *name; name++)
        if (*name != '"')
            *to++ = *name;
    if (quoted)
        *to++ = '"';
    return to;
}

/* sdk-api shellapi/CommandLineToArgvW: 2n backslashes and a quote are n backslashes, 2n+1 and a
 * quote are n and a literal quote; elsewhere backslashes are themselves. */
static char *put_argument(char *to, const char *argument)
{
    bool quoted = !*argument || argument[strcspn(argument, " \t\n\v\"")] != 0;
    size_t backslashes = 0;
    if (quoted)
        *to++ = '"';
    for (; *argument; argument++) {
        if (*argument == '\\') {
            backslashes++;
        } else {
            if (*argument == '"')
                to = put_backslashes(to, backslashes + 1);
            backslashes = 0;
        }
        *to++ = *argument;
    }
    if (quoted) {
        to = put_backslashes(to, backslashes);
        *to++ = '"';
    }
    return to;
}

/* Takes both forms over. */
static NTSTATUS keep(char *bytes, uint16_t *wide)
{
    size_t length = wide ? wide_length(wide) : 0;
    if (!bytes || !wide || length > COMMAND_LINE_LONGEST) {
        NTSTATUS status = bytes && wide ? STATUS_NAME_TOO_LONG : STATUS_NO_MEMORY;
        free(bytes);
        free(wide);
        return status;
    }
    free(command_line_bytes);
    free(command_line.Buffer);
    command_line_bytes = bytes;
    command_line = (UNICODE_STRING){(USHORT)(length * 2), (USHORT)(length * 2 + 2), wide};
    return STATUS_SUCCESS;
}

NTSTATUS command_line_init(int argc, char **argv)
{
    size_t room = 1;
    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]) * 2 + 3;
    char *bytes = malloc(room), *to = bytes;
    if (!bytes)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < argc; i++) {
        if (i > 0)
            *to++ = ' ';
        to = i == 0 ? put_program(to, argv[i]) : put_argument(to, argv[i]);
    }
    *to = 0;
    return keep(bytes, wide_from_utf8(bytes));
}

NTSTATUS command_line_adopt(const uint16_t *text, size_t length)
{
    uint16_t *wide = malloc((length + 1) * sizeof *wide);
    if (!wide)
        return STATUS_NO_MEMORY;
    memcpy(wide, text, length * sizeof *wide);
    wide[length] = 0;
    return keep(utf8_from_wide(wide), wide);
}

const UNICODE_STRING *command_line_string(void)
{
    return &command_line;
}

static uint16_t no_command_line[1];

LPWSTR k32_GetCommandLineW(void)
{
    return command_line.Buffer ? command_line.Buffer : no_command_line;
}

LPSTR k32_GetCommandLineA(void)
{
    return command_line_bytes ? command_line_bytes : (char *)no_command_line;
}

struct arguments {
    uint16_t **list; /* NULL: only count */
    uint16_t *text;  /* where characters go; NULL: only count */
    size_t count, length;
};

static void put(struct arguments *arguments, uint16_t unit)
{
    if (arguments->text)
        arguments->text[arguments->length] = unit;
    arguments->length++;
}

static void begin(struct arguments *arguments)
{
    if (arguments->list)
        arguments->list[arguments->count] = arguments->text + arguments->length;
    arguments->count++;
}

static const uint16_t *take_program(struct arguments *arguments, const uint16_t *at)
{
    begin(arguments);
    if (*at == '"') {
        for (at++; *at && *at != '"'; at++)
            put(arguments, *at);
        at += *at == '"';
    } else {
        for (; *at > ' '; at++)
            put(arguments, *at);
    }
    put(arguments, 0);
    return at;
}

static const uint16_t *take_argument(struct arguments *arguments, const uint16_t *at)
{
    bool quoted = false;
    begin(arguments);
    while (*at && (quoted || (*at != ' ' && *at != '\t'))) {
        size_t backslashes = 0;
        for (; *at == '\\'; at++)
            backslashes++;
        bool quote = *at == '"';
        for (size_t i = quote ? backslashes / 2 : backslashes; i > 0; i--)
            put(arguments, '\\');
        if (quote && backslashes % 2 == 0) {
            /* in quotes a doubled quote is a quote, and ends the quoted part */
            if (quoted && at[1] == '"')
                put(arguments, *++at);
            quoted = !quoted;
            at++;
        } else if (*at && (quoted || (*at != ' ' && *at != '\t'))) {
            put(arguments, *at++);
        }
    }
    put(arguments, 0);
    return at;
}

/* Of an empty line only the program's name is told, and that is our own. */
static void take_all(struct arguments *arguments, const uint16_t *at)
{
    if (!*at) {
        take_program(arguments, k32_GetCommandLineW());
        return;
    }
    at = take_program(arguments, at);
    for (;;) {
        while (*at && *at <= ' ')
            at++;
        if (!*at)
            break;
        at = take_argument(arguments, at);
    }
}

LPWSTR *shell_CommandLineToArgvW(LPCWSTR lpCmdLine, PINT pNumArgs)
{
    struct arguments arguments = {0};
    if (!lpCmdLine || !pNumArgs)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    take_all(&arguments, lpCmdLine);
    size_t list_size = (arguments.count + 1) * sizeof *arguments.list;
    uint16_t **list = local_memory(list_size + arguments.length * sizeof *arguments.text);
    if (!list)
        return face_pointer(STATUS_NO_MEMORY, NULL);
    *pNumArgs = (INT)arguments.count;
    arguments = (struct arguments){list, (uint16_t *)((char *)list + list_size), 0, 0};
    take_all(&arguments, lpCmdLine);
    list[arguments.count] = NULL;
    return list;
}
