/* The last frame of every thread: the filter for exceptions that nobody handled. */
#pragma once

#include <stdbool.h>
#include <winmem/windef.h>

/* True: go on at `context`. Ends the process when the program's filter takes the exception. */
bool unhandled_filter(EXCEPTION_RECORD *record, CONTEXT *context);
