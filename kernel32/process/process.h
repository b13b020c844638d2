/* The process as an object (object_current_process is set when the library starts). */
#pragma once

#include <winmem/windef.h>

/* The PEB, for NtQueryInformationProcess; set by whoever makes it, NULL in a host program. */
extern PVOID process_environment_block;
