/* SetUnhandledExceptionFilter, and what happens at the end of every search. */
#include "kernel32/process/unhandled.h"

#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/process.h"

#define CONTINUE_EXECUTION (-1)
#define CONTINUE_SEARCH    0

static PTOP_LEVEL_EXCEPTION_FILTER filter; /* atomic */

LPTOP_LEVEL_EXCEPTION_FILTER
k32_SetUnhandledExceptionFilter(LPTOP_LEVEL_EXCEPTION_FILTER lpTopLevelExceptionFilter)
{
    return __atomic_exchange_n(&filter, lpTopLevelExceptionFilter, __ATOMIC_ACQ_REL);
}

static LONG ask(EXCEPTION_POINTERS *pointers)
{
    PTOP_LEVEL_EXCEPTION_FILTER function = __atomic_load_n(&filter, __ATOMIC_ACQUIRE);
    if (!function)
        return CONTINUE_SEARCH;
    uint32_t depth = gate_open();
    LONG answer = function(pointers);
    gate_close(depth);
    return answer;
}

bool unhandled_filter(EXCEPTION_RECORD *record, CONTEXT *context)
{
    EXCEPTION_POINTERS pointers = {record, context};
    LONG answer = ask(&pointers);
    if (answer == CONTINUE_EXECUTION)
        return true;
    if (answer != CONTINUE_SEARCH)
        process_end(record->ExceptionCode);
    return false;
}

/*
 * Called by a program's own outermost handler: asks the filter; nobody else is there to report to.
 */
LONG k32_UnhandledExceptionFilter(PEXCEPTION_POINTERS ExceptionInfo)
{
    LONG answer = ask(ExceptionInfo);
    if (answer == CONTINUE_SEARCH)
        exception_fatal(ExceptionInfo->ExceptionRecord);
    return answer;
}
