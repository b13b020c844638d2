/*
 * Between usedll.exe and its libraries. dll_b keeps the diary: each library's DllMain writes its
 * letter and what happened ('+' process attach, '-' process detach, 't' thread attach, 'x' thread
 * detach).
 */
#ifndef DLL_KIT_H
#define DLL_KIT_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#ifdef IN_DLL_B
#define DLL_B __declspec(dllexport)
#else
#define DLL_B __declspec(dllimport)
#endif

DLL_B void WINAPI diary_note(char library, DWORD reason);
DLL_B const char *WINAPI diary_read(void);
DLL_B int WINAPI twice(int number);
DLL_B extern int dll_b_number;

#endif
