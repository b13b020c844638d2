/* Generated from spec/. Do not edit. */
#pragma once

#include <winmem/windef.h>

#ifdef __cplusplus
extern "C" {
#endif

WINAPI BOOL Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags);
WINAPI void Beta(PPAIR pair);
WINAPI void BetaToo(PPAIR pair);
WINAPI BOOL Planned_false(DWORD value);
WINAPI HRESULT Planned_hresult(DWORD value);
WINAPI HANDLE Planned_invalid(DWORD value);
WINAPI DWORD Planned_minus1(DWORD value);
WINAPI DWORD Planned_never(DWORD value);
WINAPI LPVOID Planned_null(DWORD value);
WINAPI NTSTATUS Planned_status(DWORD value);
WINAPI DWORD Planned_zero(DWORD value);
WINAPI NTSTATUS Seen(void);

#ifdef __cplusplus
}
#endif

#define AlphaOnce(size) Alpha(NULL, (size), NULL, 0)
