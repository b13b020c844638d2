/*
 * The registry: the predefined keys are there and empty. What is looked for is not found, and
 * nothing can be made, so programs take their defaults.
 */
#include <string.h>
#include "kernel32/face.h"

#define FIRST_ROOT 0x80000000u /* HKEY_CLASSES_ROOT ... */
#define LAST_ROOT  0x80000007u

static bool is_root(HKEY key)
{
    /* the constants are sign-extended 32-bit numbers; programs pass both forms */
    uint32_t low = (uint32_t)(uintptr_t)key;
    uint32_t high = (uint32_t)((uintptr_t)key >> 32);
    return low >= FIRST_ROOT && low <= LAST_ROOT && (high == 0 || high == UINT32_MAX);
}

static LSTATUS on_root(HKEY key, LSTATUS answer)
{
    return is_root(key) ? answer : (LSTATUS)ERROR_INVALID_HANDLE;
}

/* Opening nothing below a root is opening the root. */
static LSTATUS open_key(HKEY key, bool named, HKEY *result)
{
    if (!is_root(key))
        return ERROR_INVALID_HANDLE;
    if (!result)
        return ERROR_INVALID_PARAMETER;
    if (named)
        return ERROR_FILE_NOT_FOUND;
    *result = key;
    return ERROR_SUCCESS;
}

LSTATUS adv_RegOpenKeyExW(HKEY hKey, LPCWSTR lpSubKey, DWORD ulOptions, DWORD samDesired,
                          PHKEY phkResult)
{
    return open_key(hKey, lpSubKey && *lpSubKey, phkResult);
}

LSTATUS adv_RegOpenKeyExA(HKEY hKey, LPCSTR lpSubKey, DWORD ulOptions, DWORD samDesired,
                          PHKEY phkResult)
{
    return open_key(hKey, lpSubKey && *lpSubKey, phkResult);
}

LSTATUS adv_RegOpenKeyW(HKEY hKey, LPCWSTR lpSubKey, PHKEY phkResult)
{
    return open_key(hKey, lpSubKey && *lpSubKey, phkResult);
}

LSTATUS adv_RegOpenKeyA(HKEY hKey, LPCSTR lpSubKey, PHKEY phkResult)
{
    return open_key(hKey, lpSubKey && *lpSubKey, phkResult);
}

LSTATUS adv_RegCloseKey(HKEY hKey)
{
    return on_root(hKey, ERROR_SUCCESS);
}

LSTATUS adv_RegFlushKey(HKEY hKey)
{
    return on_root(hKey, ERROR_SUCCESS);
}

LSTATUS adv_RegCreateKeyExW(HKEY hKey, LPCWSTR lpSubKey, DWORD Reserved, LPWSTR lpClass,
                            DWORD dwOptions, DWORD samDesired,
                            LPSECURITY_ATTRIBUTES lpSecurityAttributes, PHKEY phkResult,
                            LPDWORD lpdwDisposition)
{
    return on_root(hKey, ERROR_ACCESS_DENIED);
}

LSTATUS adv_RegCreateKeyExA(HKEY hKey, LPCSTR lpSubKey, DWORD Reserved, LPSTR lpClass,
                            DWORD dwOptions, DWORD samDesired,
                            LPSECURITY_ATTRIBUTES lpSecurityAttributes, PHKEY phkResult,
                            LPDWORD lpdwDisposition)
{
    return on_root(hKey, ERROR_ACCESS_DENIED);
}

LSTATUS adv_RegSetValueExW(HKEY hKey, LPCWSTR lpValueName, DWORD Reserved, DWORD dwType,
                           const BYTE *lpData, DWORD cbData)
{
    return on_root(hKey, ERROR_ACCESS_DENIED);
}

LSTATUS adv_RegSetValueExA(HKEY hKey, LPCSTR lpValueName, DWORD Reserved, DWORD dwType,
                           const BYTE *lpData, DWORD cbData)
{
    return on_root(hKey, ERROR_ACCESS_DENIED);
}

LSTATUS adv_RegQueryValueExW(HKEY hKey, LPCWSTR lpValueName, LPDWORD lpReserved, LPDWORD lpType,
                             LPBYTE lpData, LPDWORD lpcbData)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegQueryValueExA(HKEY hKey, LPCSTR lpValueName, LPDWORD lpReserved, LPDWORD lpType,
                             LPBYTE lpData, LPDWORD lpcbData)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegGetValueW(HKEY hkey, LPCWSTR lpSubKey, LPCWSTR lpValue, DWORD dwFlags,
                         LPDWORD pdwType, PVOID pvData, LPDWORD pcbData)
{
    return on_root(hkey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegGetValueA(HKEY hkey, LPCSTR lpSubKey, LPCSTR lpValue, DWORD dwFlags, LPDWORD pdwType,
                         PVOID pvData, LPDWORD pcbData)
{
    return on_root(hkey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegLoadMUIStringW(HKEY hKey, LPCWSTR pszValue, LPWSTR pszOutBuf, DWORD cbOutBuf,
                              LPDWORD pcbData, DWORD Flags, LPCWSTR pszDirectory)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegDeleteKeyW(HKEY hKey, LPCWSTR lpSubKey)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegDeleteKeyExW(HKEY hKey, LPCWSTR lpSubKey, DWORD samDesired, DWORD Reserved)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegDeleteTreeW(HKEY hKey, LPCWSTR lpSubKey)
{
    return on_root(hKey, lpSubKey ? ERROR_FILE_NOT_FOUND : ERROR_SUCCESS);
}

LSTATUS adv_RegDeleteValueW(HKEY hKey, LPCWSTR lpValueName)
{
    return on_root(hKey, ERROR_FILE_NOT_FOUND);
}

LSTATUS adv_RegEnumKeyExW(HKEY hKey, DWORD dwIndex, LPWSTR lpName, LPDWORD lpcchName,
                          LPDWORD lpReserved, LPWSTR lpClass, LPDWORD lpcchClass,
                          PFILETIME lpftLastWriteTime)
{
    return on_root(hKey, ERROR_NO_MORE_ITEMS);
}

LSTATUS adv_RegEnumValueW(HKEY hKey, DWORD dwIndex, LPWSTR lpValueName, LPDWORD lpcchValueName,
                          LPDWORD lpReserved, LPDWORD lpType, LPBYTE lpData, LPDWORD lpcbData)
{
    return on_root(hKey, ERROR_NO_MORE_ITEMS);
}

LSTATUS adv_RegQueryInfoKeyW(HKEY hKey, LPWSTR lpClass, LPDWORD lpcchClass, LPDWORD lpReserved,
                             LPDWORD lpcSubKeys, LPDWORD lpcbMaxSubKeyLen, LPDWORD lpcbMaxClassLen,
                             LPDWORD lpcValues, LPDWORD lpcbMaxValueNameLen,
                             LPDWORD lpcbMaxValueLen, LPDWORD lpcbSecurityDescriptor,
                             PFILETIME lpftLastWriteTime)
{
    LPDWORD const counts[] = {
        lpcchClass, lpcSubKeys,          lpcbMaxSubKeyLen, lpcbMaxClassLen,
        lpcValues,  lpcbMaxValueNameLen, lpcbMaxValueLen,  lpcbSecurityDescriptor};
    if (!is_root(hKey))
        return ERROR_INVALID_HANDLE;
    if (lpClass && lpcchClass && *lpcchClass)
        lpClass[0] = 0;
    for (unsigned i = 0; i < array_length(counts); i++)
        if (counts[i])
            *counts[i] = 0;
    if (lpftLastWriteTime)
        memset(lpftLastWriteTime, 0, sizeof *lpftLastWriteTime);
    return ERROR_SUCCESS;
}
