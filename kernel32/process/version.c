/* Which Windows this is: one version, told alike everywhere. */
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

#define PLATFORM_NT        2u
#define WORKSTATION        1u
#define SUITE_SINGLEUSERTS 0x100u

static const OSVERSIONINFOEXW version = {
    .dwOSVersionInfoSize = sizeof version,
    .dwMajorVersion = WINDOWS_MAJOR_VERSION,
    .dwMinorVersion = WINDOWS_MINOR_VERSION,
    .dwBuildNumber = WINDOWS_BUILD_NUMBER,
    .dwPlatformId = PLATFORM_NT,
    .wSuiteMask = SUITE_SINGLEUSERTS,
    .wProductType = WORKSTATION,
};

DWORD k32_GetVersion(void)
{
    return WINDOWS_MAJOR_VERSION | WINDOWS_MINOR_VERSION << 8 | WINDOWS_BUILD_NUMBER << 16;
}

/* Both forms begin alike; the short one ends before wServicePackMajor. */
#define SHORT_SIZE_W offsetof(OSVERSIONINFOEXW, wServicePackMajor)
#define SHORT_SIZE_A offsetof(OSVERSIONINFOEXA, wServicePackMajor)

BOOL k32_GetVersionExW(LPVOID lpVersionInformation)
{
    DWORD size = *(DWORD *)lpVersionInformation;
    if (size != SHORT_SIZE_W && size != sizeof version) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    memcpy((char *)lpVersionInformation + 4, (const char *)&version + 4, size - 4);
    return TRUE;
}

BOOL k32_GetVersionExA(LPVOID lpVersionInformation)
{
    OSVERSIONINFOEXA *out = lpVersionInformation;
    DWORD size = out->dwOSVersionInfoSize;
    if (size != SHORT_SIZE_A && size != sizeof *out) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    memset((char *)out + 4, 0, size - 4);
    out->dwMajorVersion = version.dwMajorVersion;
    out->dwMinorVersion = version.dwMinorVersion;
    out->dwBuildNumber = version.dwBuildNumber;
    out->dwPlatformId = version.dwPlatformId;
    if (size == sizeof *out) {
        out->wSuiteMask = version.wSuiteMask;
        out->wProductType = version.wProductType;
    }
    return TRUE;
}

NTSTATUS nt_RtlGetVersion(PVOID lpVersionInformation)
{
    DWORD size;
    if (!guarded_read(lpVersionInformation, &size, sizeof size))
        return STATUS_ACCESS_VIOLATION;
    /* windows-driver-docs wdm/RtlGetVersion: always succeeds; whatever is not the long form is the
     * short one */
    size = size == sizeof version ? (DWORD)sizeof version : (DWORD)SHORT_SIZE_W;
    return guarded_copy((char *)lpVersionInformation + 4, (const char *)&version + 4, size - 4)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

void nt_RtlGetNtVersionNumbers(PDWORD MajorVersion, PDWORD MinorVersion, PDWORD BuildNumber)
{
    if (MajorVersion)
        *MajorVersion = WINDOWS_MAJOR_VERSION;
    if (MinorVersion)
        *MinorVersion = WINDOWS_MINOR_VERSION;
    if (BuildNumber)
        *BuildNumber = WINDOWS_BUILD_NUMBER | 0xF0000000u; /* the top bits say: a released build */
}

/* VER_* type bits in winnt.h order; a condition has three bits, at three times the number of its
 * type bit. */
enum { MINOR, MAJOR, BUILD, PLATFORM, SERVICE_MINOR, SERVICE_MAJOR, SUITE, PRODUCT, TYPE_COUNT };
enum { EQUAL = 1, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, AND, OR };

ULONGLONG k32_VerSetConditionMask(ULONGLONG ConditionMask, DWORD TypeMask, BYTE Condition)
{
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        if (TypeMask >> type & 1)
            ConditionMask |= (ULONGLONG)(Condition & 7) << (3 * type);
    return ConditionMask;
}

static bool compare(DWORD have, DWORD want, unsigned condition)
{
    switch (condition) {
    case EQUAL:
        return have == want;
    case GREATER:
        return have > want;
    case GREATER_EQUAL:
        return have >= want;
    case LESS:
        return have < want;
    default:
        return have <= want;
    }
}

/* Version parts count together, most significant first: the first difference decides (sdk-api
 * VerifyVersionInfoW). */
static bool compare_parts(const OSVERSIONINFOEXW *want, DWORD types, const unsigned *conditions)
{
    const struct {
        unsigned type;
        DWORD have, want;
    } parts[] = {
        {MAJOR, version.dwMajorVersion, want->dwMajorVersion},
        {MINOR, version.dwMinorVersion, want->dwMinorVersion},
        {SERVICE_MAJOR, version.wServicePackMajor, want->wServicePackMajor},
        {SERVICE_MINOR, version.wServicePackMinor, want->wServicePackMinor},
    };
    unsigned condition = 0;
    for (unsigned i = 0; i < array_length(parts); i++) {
        if (!(types >> parts[i].type & 1))
            continue;
        if (!condition)
            condition = conditions[parts[i].type];
        if (parts[i].have != parts[i].want)
            return compare(parts[i].have, parts[i].want, condition);
    }
    return !condition || compare(0, 0, condition);
}

static bool matches(const OSVERSIONINFOEXW *want, DWORD types, const unsigned *conditions)
{
    if (!compare_parts(want, types, conditions))
        return false;
    if (types >> BUILD & 1 &&
        !compare(version.dwBuildNumber, want->dwBuildNumber, conditions[BUILD]))
        return false;
    if (types >> PLATFORM & 1 &&
        !compare(version.dwPlatformId, want->dwPlatformId, conditions[PLATFORM]))
        return false;
    if (types >> PRODUCT & 1 &&
        !compare(version.wProductType, want->wProductType, conditions[PRODUCT]))
        return false;
    if (types >> SUITE & 1) {
        WORD common = version.wSuiteMask & want->wSuiteMask;
        return conditions[SUITE] == OR ? common != 0 : common == want->wSuiteMask;
    }
    return true;
}

BOOL k32_VerifyVersionInfoW(LPOSVERSIONINFOEXW lpVersionInformation, DWORD dwTypeMask,
                            DWORDLONG dwlConditionMask)
{
    unsigned conditions[TYPE_COUNT];
    if (!dwTypeMask)
        return face_bool(STATUS_INVALID_PARAMETER);
    for (unsigned type = 0; type < TYPE_COUNT; type++) {
        conditions[type] = dwlConditionMask >> (3 * type) & 7;
        bool logical = conditions[type] >= AND;
        if (dwTypeMask >> type & 1 && (!conditions[type] || logical != (type == SUITE)))
            return face_bool(STATUS_INVALID_PARAMETER);
    }
    return face_bool(matches(lpVersionInformation, dwTypeMask, conditions)
                         ? STATUS_SUCCESS
                         : STATUS_REVISION_MISMATCH);
}

#define PRODUCT_PROFESSIONAL 0x30u

BOOL k32_GetProductInfo(DWORD dwOSMajorVersion, DWORD dwOSMinorVersion, DWORD dwSpMajorVersion,
                        DWORD dwSpMinorVersion, PDWORD pdwReturnedProductType)
{
    if (!pdwReturnedProductType || dwOSMajorVersion < 6) {
        if (pdwReturnedProductType)
            *pdwReturnedProductType = 0; /* PRODUCT_UNDEFINED */
        return FALSE;
    }
    *pdwReturnedProductType = PRODUCT_PROFESSIONAL;
    return TRUE;
}
