/* Generated from spec/. Do not edit. */
#pragma once

#include <winmem/windef.h>

BOOL small_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags);
void small_Beta(PPAIR pair);
__attribute__((noreturn)) void other_End(DWORD code);
NTSTATUS seen_by_hand(void);
