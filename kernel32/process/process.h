/* The process as an object (object_current_process is set when the library starts). */
#pragma once

#include <winmem/windef.h>

/*
 * The end, without telling anybody but the Windows program that started this one. A host's exit
 * status has eight bits: the low ones of `code`; 1 when those are 0 and the others are not, so that
 * no failure looks like success.
 */
_Noreturn void process_end(uint32_t code);
