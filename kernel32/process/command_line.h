/*
 * The command line of the process. Windows has one string; the host's arguments are quoted so that
 * the documented rules (CommandLineToArgvW, the C runtime) give back exactly them.
 */
#pragma once

#include <winmem/windef.h>

/* In units: UNICODE_STRING.MaximumLength counts bytes in 16 bits. */
#define COMMAND_LINE_LONGEST 32766u

/*
 * Made once, before Windows code runs. STATUS_NO_MEMORY; STATUS_NAME_TOO_LONG when it takes more
 * than the 32766 units a UNICODE_STRING can hold.
 */
NTSTATUS command_line_init(int argc, char **argv);
/* The same from a line of Windows, of which nothing is changed. */
NTSTATUS command_line_adopt(const uint16_t *text, size_t length);
/* Empty before either. */
const UNICODE_STRING *command_line_string(void);
