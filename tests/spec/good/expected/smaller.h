/* Generated from spec/. Do not edit. */
#pragma once

#include <winmem/windef.h>

#ifdef __cplusplus
extern "C" {
#endif

WINAPI DWORD Planned_code(DWORD value);

#ifdef __cplusplus
}
#endif
