/*
 * Code pages. The ANSI and the OEM code page are UTF-8 (65001), as Windows has it for a program
 * whose manifest says activeCodePage UTF-8: host names and terminals are UTF-8.
 */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

#define CP_ACP        0u
#define CP_OEMCP      1u
#define CP_THREAD_ACP 3u
#define CP_OEM_437    437u
#define CP_WINDOWS    1252u
#define CP_ASCII      20127u
#define CP_LATIN1     28591u
#define CP_UTF8       65001u

/* The real number of a code page, 0 for one that is not here. */
static UINT resolve(UINT page)
{
    switch (page) {
    case CP_ACP:
    case CP_OEMCP:
    case CP_THREAD_ACP:
        return CP_UTF8;
    case CP_OEM_437:
    case CP_WINDOWS:
    case CP_ASCII:
    case CP_LATIN1:
    case CP_UTF8:
        return page;
    default:
        return 0;
    }
}

static uint16_t wide_of(UINT page, unsigned char byte, bool *bad)
{
    if (byte < 0x80 || page == CP_LATIN1)
        return byte;
    if (page == CP_ASCII) {
        *bad = true;
        return UTF_REPLACEMENT;
    }
    return wide_code_page(page)[byte - 0x80];
}

/* False when the page has no such character. */
static bool byte_of(UINT page, uint16_t unit, char *ret_byte)
{
    *ret_byte = (char)unit;
    if (unit < 0x80 || (page == CP_LATIN1 && unit < 0x100))
        return true;
    if (page == CP_ASCII || page == CP_LATIN1)
        return false;
    const uint16_t *upper = wide_code_page(page);
    for (unsigned i = 0; i < 128; i++) {
        if (upper[i] == unit) {
            *ret_byte = (char)(i + 128);
            return true;
        }
    }
    return false;
}

static INT fail(DWORD error)
{
    last_error_set(error);
    return 0;
}

#define MB_PRECOMPOSED       1u
#define MB_COMPOSITE         2u
#define MB_USEGLYPHCHARS     4u
#define MB_ERR_INVALID_CHARS 8u

static bool wide_flags_are_valid(UINT page, DWORD flags)
{
    if (page == CP_UTF8)
        return !(flags & ~MB_ERR_INVALID_CHARS);
    return !(flags & ~0xFu) &&
           (flags & (MB_PRECOMPOSED | MB_COMPOSITE)) != (MB_PRECOMPOSED | MB_COMPOSITE);
}

INT k32_MultiByteToWideChar(UINT CodePage, DWORD dwFlags, LPCSTR lpMultiByteStr, INT cbMultiByte,
                            LPWSTR lpWideCharStr, INT cchWideChar)
{
    UINT page = resolve(CodePage);
    bool bad = false;
    size_t length = 0;
    if (!page || !lpMultiByteStr || !cbMultiByte || cchWideChar < 0 ||
        (!lpWideCharStr && cchWideChar) || (const void *)lpMultiByteStr == lpWideCharStr)
        return fail(ERROR_INVALID_PARAMETER);
    if (!wide_flags_are_valid(page, dwFlags))
        return fail(ERROR_INVALID_FLAGS);
    size_t size = cbMultiByte < 0 ? strlen(lpMultiByteStr) + 1 : (size_t)cbMultiByte;
    if (page == CP_UTF8) {
        length = utf8_to_utf16(lpMultiByteStr, size, lpWideCharStr, (size_t)cchWideChar, &bad);
    } else {
        for (; length < size; length++) {
            uint16_t unit = wide_of(page, (unsigned char)lpMultiByteStr[length], &bad);
            if (length < (size_t)cchWideChar)
                lpWideCharStr[length] = unit;
        }
    }
    if (bad && dwFlags & MB_ERR_INVALID_CHARS)
        return fail(ERROR_NO_UNICODE_TRANSLATION);
    if (length > INT32_MAX)
        return fail(ERROR_INVALID_PARAMETER);
    if (cchWideChar && length > (size_t)cchWideChar)
        return fail(ERROR_INSUFFICIENT_BUFFER);
    return (INT)length;
}

#define WC_ERR_INVALID_CHARS 0x80u
#define WC_KNOWN_FLAGS       0x670u /* composite check with its three ways, no best fit */

INT k32_WideCharToMultiByte(UINT CodePage, DWORD dwFlags, LPCWSTR lpWideCharStr, INT cchWideChar,
                            LPSTR lpMultiByteStr, INT cbMultiByte, LPCSTR lpDefaultChar,
                            LPBOOL lpUsedDefaultChar)
{
    UINT page = resolve(CodePage);
    bool bad = false;
    size_t size = 0;
    if (!page || !lpWideCharStr || !cchWideChar || cbMultiByte < 0 ||
        (!lpMultiByteStr && cbMultiByte) || (const void *)lpWideCharStr == lpMultiByteStr)
        return fail(ERROR_INVALID_PARAMETER);
    if (page == CP_UTF8 && (lpDefaultChar || lpUsedDefaultChar))
        return fail(ERROR_INVALID_PARAMETER);
    if (dwFlags & ~(page == CP_UTF8 ? WC_ERR_INVALID_CHARS : WC_KNOWN_FLAGS))
        return fail(ERROR_INVALID_FLAGS);
    size_t length = cchWideChar < 0 ? wide_length(lpWideCharStr) + 1 : (size_t)cchWideChar;
    if (page == CP_UTF8) {
        size = utf16_to_utf8(lpWideCharStr, length, lpMultiByteStr, (size_t)cbMultiByte, &bad);
        if (bad && dwFlags & WC_ERR_INVALID_CHARS)
            return fail(ERROR_NO_UNICODE_TRANSLATION);
    } else {
        for (; size < length; size++) {
            char byte;
            if (!byte_of(page, lpWideCharStr[size], &byte)) {
                byte = lpDefaultChar ? *lpDefaultChar : '?';
                bad = true;
            }
            if (size < (size_t)cbMultiByte)
                lpMultiByteStr[size] = byte;
        }
        if (lpUsedDefaultChar)
            *lpUsedDefaultChar = bad;
    }
    if (size > INT32_MAX)
        return fail(ERROR_INVALID_PARAMETER);
    if (cbMultiByte && size > (size_t)cbMultiByte)
        return fail(ERROR_INSUFFICIENT_BUFFER);
    return (INT)size;
}

UINT k32_GetACP(void)
{
    return CP_UTF8;
}

UINT k32_GetOEMCP(void)
{
    return CP_UTF8;
}

BOOL k32_IsValidCodePage(UINT CodePage)
{
    /* the four numbers that stand for another page are not pages (sdk-api IsValidCodePage) */
    return CodePage > CP_THREAD_ACP && resolve(CodePage) != 0;
}

BOOL k32_GetCPInfo(UINT CodePage, LPCPINFO lpCPInfo)
{
    UINT page = resolve(CodePage);
    if (!page || !lpCPInfo)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpCPInfo = (CPINFO){.MaxCharSize = page == CP_UTF8 ? 4 : 1, .DefaultChar = {'?'}};
    return TRUE;
}

static const char *page_name(UINT page)
{
    switch (page) {
    case CP_OEM_437:
        return "437   (OEM - United States)";
    case CP_WINDOWS:
        return "1252  (ANSI - Latin I)";
    case CP_ASCII:
        return "20127 (US-ASCII)";
    case CP_LATIN1:
        return "28591 (ISO 8859-1 Latin I)";
    default:
        return "65001 (UTF-8)";
    }
}

BOOL k32_GetCPInfoExW(UINT CodePage, DWORD dwFlags, LPCPINFOEXW lpCPInfoEx)
{
    UINT page = resolve(CodePage);
    if (!page || dwFlags || !lpCPInfoEx)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpCPInfoEx = (CPINFOEXW){
        .MaxCharSize = page == CP_UTF8 ? 4 : 1,
        .DefaultChar = {'?'},
        .UnicodeDefaultChar = page == CP_UTF8 ? UTF_REPLACEMENT : '?',
        .CodePage = page,
    };
    const char *name = page_name(page);
    for (unsigned i = 0; name[i]; i++)
        lpCPInfoEx->CodePageName[i] = (unsigned char)name[i];
    return TRUE;
}

/* No page here has lead bytes: UTF-8 counts as none (sdk-api IsDBCSLeadByte). */
BOOL k32_IsDBCSLeadByte(BYTE TestChar)
{
    return FALSE;
}

BOOL k32_IsDBCSLeadByteEx(UINT CodePage, BYTE TestChar)
{
    return resolve(CodePage) ? FALSE : face_bool(STATUS_INVALID_PARAMETER);
}
