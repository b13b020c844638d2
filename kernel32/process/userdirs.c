/* The directories and the environment of the user: userenv.dll, shell32.dll. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/utf.h"

/* The value of a variable (free() it); NULL without one. */
static uint16_t *variable(LPCWSTR name, size_t *ret_length)
{
    return environ_get(name, wide_length(name), ret_length);
}

static BOOL give(uint16_t *text, size_t length, LPWSTR buffer, LPDWORD size)
{
    if (!text) {
        last_error_set(ERROR_FILE_NOT_FOUND);
        return FALSE;
    }
    DWORD room = *size;
    bool fits = buffer && room > length;
    *size = (DWORD)length + 1;
    if (fits) {
        memcpy(buffer, text, length * sizeof *text);
        buffer[length] = 0;
    }
    free(text);
    return face_bool(fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL);
}

BOOL userenv_GetUserProfileDirectoryW(HANDLE hToken, LPWSTR lpProfileDir, LPDWORD lpcchSize)
{
    size_t length = 0;
    uint16_t *profile = variable(u"USERPROFILE", &length);
    return give(profile, length, lpProfileDir, lpcchSize);
}

/* Where the profiles of all users are: the directory of the user's. */
BOOL userenv_GetProfilesDirectoryW(LPWSTR lpProfileDir, LPDWORD lpcchSize)
{
    size_t length = 0;
    uint16_t *profile = variable(u"USERPROFILE", &length);
    while (profile && length > 0 && profile[length - 1] != '\\')
        length--;
    if (length > 3) /* more than "Z:\" */
        length--;
    return give(profile, length, lpProfileDir, lpcchSize);
}

BOOL userenv_CreateEnvironmentBlock(PVOID lpEnvironment, HANDLE hToken, BOOL bInherit)
{
    if (!lpEnvironment)
        return face_bool(STATUS_INVALID_PARAMETER);
    uint16_t *copy = environ_copy();
    if (copy)
        *(uint16_t **)lpEnvironment = copy;
    return face_bool(copy ? STATUS_SUCCESS : STATUS_NO_MEMORY);
}

BOOL userenv_DestroyEnvironmentBlock(LPVOID lpEnvironment)
{
    if (!lpEnvironment)
        return face_bool(STATUS_INVALID_PARAMETER);
    free(lpEnvironment);
    return TRUE;
}

/* CSIDL_* of shlobj.h that a console program asks for, as a variable and what follows it. */
static const struct {
    INT folder;
    LPCWSTR variable, rest;
} folders[] = {
    {0x05, u"USERPROFILE", u"\\Documents"},
    {0x10, u"USERPROFILE", u"\\Desktop"},
    {0x1A, u"APPDATA", u""},
    {0x1C, u"LOCALAPPDATA", u""},
    {0x24, u"SystemRoot", u""},
    {0x25, u"SystemRoot", u"\\System32"},
    {0x28, u"USERPROFILE", u""},
};

#define PATH_ROOM       260u /* MAX_PATH: what the caller's buffer holds */
#define FOLDER_MASK     0xFF /* above it are CSIDL_FLAG_* */
#define RESULT_OK       ((HRESULT)0)
#define RESULT_NOT_HERE ((HRESULT)0x80070002) /* ERROR_FILE_NOT_FOUND */
#define RESULT_INVALID  ((HRESULT)0x80070057) /* ERROR_INVALID_PARAMETER */

HRESULT shell_SHGetFolderPathW(HWND hwnd, INT csidl, HANDLE hToken, DWORD dwFlags, LPWSTR pszPath)
{
    if (!pszPath)
        return RESULT_INVALID;
    for (unsigned i = 0; i < array_length(folders); i++) {
        if (folders[i].folder != (csidl & FOLDER_MASK))
            continue;
        size_t length = 0, rest = wide_length(folders[i].rest);
        uint16_t *value = variable(folders[i].variable, &length);
        bool fits = value && length + rest < PATH_ROOM;
        if (fits) {
            memcpy(pszPath, value, length * sizeof *value);
            memcpy(pszPath + length, folders[i].rest, (rest + 1) * sizeof *value);
        }
        free(value);
        return fits ? RESULT_OK : RESULT_NOT_HERE;
    }
    return RESULT_INVALID;
}

void ole_CoTaskMemFree(LPVOID pv)
{
    free(pv);
}

LPVOID ole_CoTaskMemAlloc(SIZE_T cb)
{
    return malloc(cb ? cb : 1);
}

LPVOID ole_CoTaskMemRealloc(LPVOID pv, SIZE_T cb)
{
    if (!cb) {
        free(pv);
        return NULL;
    }
    return realloc(pv, cb);
}

/* COM was never initialized, so there is nothing to end. */
void ole_CoUninitialize(void)
{
}
