/* The lists of vectored handlers: process-wide, asked before any frame. */
#pragma once

#include <stdbool.h>
#include <winmem/windef.h>

enum vectored_list { VECTORED_EXCEPTION, VECTORED_CONTINUE };

/*
 * Asks the handlers in order until one says to continue execution: true. Calls Windows code, with
 * no lock held.
 */
bool vectored_call(enum vectored_list list, EXCEPTION_RECORD *record, CONTEXT *context);
