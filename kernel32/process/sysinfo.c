/* What a program asks about the system: memory layout, names, directories, load. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/processor.h"
#include "kernel32/process/wait.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/pressure.h"

#define ARCHITECTURE_AMD64 9u
#define PROCESSOR_AMD64    8664u

void k32_GetSystemInfo(LPSYSTEM_INFO lpSystemInfo)
{
    *lpSystemInfo = (SYSTEM_INFO){
        .wProcessorArchitecture = ARCHITECTURE_AMD64,
        .dwPageSize = PAGE_SIZE,
        .lpMinimumApplicationAddress = (LPVOID)MM_LOWEST_ADDRESS,
        .lpMaximumApplicationAddress = (LPVOID)MM_HIGHEST_ADDRESS,
        .dwActiveProcessorMask = processor_mask(),
        .dwNumberOfProcessors = processor_count(),
        .dwProcessorType = PROCESSOR_AMD64,
        .dwAllocationGranularity = ALLOCATION_GRANULARITY,
        .wProcessorLevel = 6,
        .wProcessorRevision = 0,
    };
}

void k32_GetNativeSystemInfo(LPSYSTEM_INFO lpSystemInfo)
{
    k32_GetSystemInfo(lpSystemInfo);
}

/* Copies an ASCII text; returns its length, or the size with the terminator when it does not fit
 * (GetSystemDirectory). */
static UINT give_directory_w(const char *text, LPWSTR buffer, UINT size)
{
    UINT length = (UINT)strlen(text);
    if (!buffer || size <= length)
        return length + 1;
    for (UINT i = 0; i <= length; i++)
        buffer[i] = (unsigned char)text[i];
    return length;
}

static UINT give_directory_a(const char *text, LPSTR buffer, UINT size)
{
    UINT length = (UINT)strlen(text);
    if (!buffer || size <= length)
        return length + 1;
    memcpy(buffer, text, length + 1);
    return length;
}

#define WINDOWS_DIRECTORY "C:\\Windows"
#define SYSTEM_DIRECTORY  "C:\\Windows\\System32"

UINT k32_GetSystemDirectoryW(LPWSTR lpBuffer, UINT uSize)
{
    return give_directory_w(SYSTEM_DIRECTORY, lpBuffer, uSize);
}

UINT k32_GetSystemDirectoryA(LPSTR lpBuffer, UINT uSize)
{
    return give_directory_a(SYSTEM_DIRECTORY, lpBuffer, uSize);
}

UINT k32_GetWindowsDirectoryW(LPWSTR lpBuffer, UINT uSize)
{
    return give_directory_w(WINDOWS_DIRECTORY, lpBuffer, uSize);
}

UINT k32_GetWindowsDirectoryA(LPSTR lpBuffer, UINT uSize)
{
    return give_directory_a(WINDOWS_DIRECTORY, lpBuffer, uSize);
}

UINT k32_GetSystemWindowsDirectoryW(LPWSTR lpBuffer, UINT uSize)
{
    return give_directory_w(WINDOWS_DIRECTORY, lpBuffer, uSize);
}

UINT k32_GetSystemWindowsDirectoryA(LPSTR lpBuffer, UINT uSize)
{
    return give_directory_a(WINDOWS_DIRECTORY, lpBuffer, uSize);
}

#define HOST_NAME_SIZE 65
#define NETBIOS_LENGTH 15 /* MAX_COMPUTERNAME_LENGTH */

static void host_name(char *ret_name)
{
    if (gethostname(ret_name, HOST_NAME_SIZE) != 0)
        ret_name[0] = 0;
    ret_name[HOST_NAME_SIZE - 1] = 0;
    if (!ret_name[0])
        memcpy(ret_name, "localhost", 10);
}

/* Cuts at the first dot, and for NetBIOS at 15 characters in capitals. */
static void shape_name(char *name, bool netbios)
{
    name[strcspn(name, ".")] = 0;
    if (!netbios)
        return;
    name[NETBIOS_LENGTH] = 0;
    for (char *at = name; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at -= 'a' - 'A';
}

/* On return *size is the length without the terminator, or what it needs with it. */
static BOOL give_name(const char *name, LPWSTR buffer, LPDWORD size, DWORD too_small)
{
    DWORD room = *size, length = (DWORD)strlen(name);
    if (!buffer || room <= length) {
        *size = length + 1;
        last_error_set(too_small);
        return FALSE;
    }
    give_directory_w(name, buffer, room);
    *size = length;
    return TRUE;
}

static BOOL give_name_a(const char *name, LPSTR buffer, LPDWORD size, DWORD too_small)
{
    DWORD room = *size, length = (DWORD)strlen(name);
    if (!buffer || room <= length) {
        *size = length + 1;
        last_error_set(too_small);
        return FALSE;
    }
    memcpy(buffer, name, length + 1);
    *size = length;
    return TRUE;
}

BOOL k32_GetComputerNameA(LPSTR lpBuffer, LPDWORD nSize)
{
    char name[HOST_NAME_SIZE];
    host_name(name);
    shape_name(name, true);
    return give_name_a(name, lpBuffer, nSize, ERROR_BUFFER_OVERFLOW);
}

BOOL k32_GetComputerNameW(LPWSTR lpBuffer, LPDWORD nSize)
{
    char name[HOST_NAME_SIZE];
    host_name(name);
    shape_name(name, true);
    return give_name(name, lpBuffer, nSize, ERROR_BUFFER_OVERFLOW);
}

enum name_format {
    NAME_NETBIOS,
    NAME_HOST,
    NAME_DOMAIN,
    NAME_FULL,
    NAME_PHYSICAL_NETBIOS,
    NAME_FORMATS = 8
};

BOOL k32_GetComputerNameExW(DWORD NameType, LPWSTR lpBuffer, LPDWORD nSize)
{
    char name[HOST_NAME_SIZE];
    if (NameType >= NAME_FORMATS)
        return face_bool(STATUS_INVALID_PARAMETER);
    host_name(name);
    const char *domain = strchr(name, '.');
    switch (NameType % NAME_PHYSICAL_NETBIOS) {
    case NAME_DOMAIN:
        return give_name(domain ? domain + 1 : "", lpBuffer, nSize, ERROR_MORE_DATA);
    case NAME_FULL:
        break;
    default:
        shape_name(name, NameType % NAME_PHYSICAL_NETBIOS == NAME_NETBIOS);
        break;
    }
    return give_name(name, lpBuffer, nSize, ERROR_MORE_DATA);
}

/* What getpwuid_r() may need (sysconf(_SC_GETPW_R_SIZE_MAX) is 1024; some directories want more).
 */
#define PASSWD_SIZE 16384u

/* The name in `buffer` (PASSWD_SIZE bytes), in the environment, or "user". */
static const char *user_name(char *buffer)
{
    struct passwd entry, *found = NULL;
    const char *name = getenv("USER");
    if (getpwuid_r(geteuid(), &entry, buffer, PASSWD_SIZE, &found) == 0 && found)
        name = found->pw_name;
    return name && *name ? name : "user";
}

BOOL adv_GetUserNameW(LPWSTR lpBuffer, LPDWORD pcbBuffer)
{
    char *buffer = malloc(PASSWD_SIZE);
    if (!buffer)
        return face_bool(STATUS_NO_MEMORY);
    BOOL fits = give_name(user_name(buffer), lpBuffer, pcbBuffer, ERROR_INSUFFICIENT_BUFFER);
    if (fits)
        *pcbBuffer += 1; /* sdk-api GetUserNameW counts the terminator */
    free(buffer);
    return fits;
}

BOOL adv_GetUserNameA(LPSTR lpBuffer, LPDWORD pcbBuffer)
{
    char *buffer = malloc(PASSWD_SIZE);
    if (!buffer)
        return face_bool(STATUS_NO_MEMORY);
    BOOL fits = give_name_a(user_name(buffer), lpBuffer, pcbBuffer, ERROR_INSUFFICIENT_BUFFER);
    if (fits)
        *pcbBuffer += 1;
    free(buffer);
    return fits;
}

/* The first line of /proc/stat in 100 ns: idle, user and kernel (idle included, as Windows counts).
 */
static bool read_cpu_times(uint64_t *ret_idle, uint64_t *ret_kernel, uint64_t *ret_user)
{
    unsigned long long user, nice, system, idle, iowait = 0, irq = 0, softirq = 0;
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return false;
    int fields = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                        &idle, &iowait, &irq, &softirq);
    fclose(file);
    long ticks = sysconf(_SC_CLK_TCK);
    if (fields < 4 || ticks <= 0)
        return false;
    uint64_t unit = 10000000 / (uint64_t)ticks;
    *ret_idle = (idle + iowait) * unit;
    *ret_kernel = (system + irq + softirq + idle + iowait) * unit;
    *ret_user = (user + nice) * unit;
    return true;
}

BOOL k32_GetSystemTimes(PFILETIME lpIdleTime, PFILETIME lpKernelTime, PFILETIME lpUserTime)
{
    uint64_t value[3];
    PFILETIME out[3] = {lpIdleTime, lpKernelTime, lpUserTime};
    if (!read_cpu_times(&value[0], &value[1], &value[2]))
        return face_bool(STATUS_UNSUCCESSFUL);
    for (unsigned i = 0; i < 3; i++)
        if (out[i])
            *out[i] = (FILETIME){(DWORD)value[i], (DWORD)(value[i] >> 32)};
    return TRUE;
}

BOOL k32_GetSystemPowerStatus(LPSYSTEM_POWER_STATUS lpSystemPowerStatus)
{
    /* sdk-api SYSTEM_POWER_STATUS: on mains, no battery, everything about one unknown */
    *lpSystemPowerStatus = (SYSTEM_POWER_STATUS){1, 128, 255, 0, (DWORD)-1, (DWORD)-1};
    return TRUE;
}

static NTSTATUS answer(const void *value, ULONG size, PVOID buffer, ULONG length, PULONG ret_length)
{
    if (ret_length && !guarded_write(ret_length, &size, sizeof size))
        return STATUS_ACCESS_VIOLATION;
    if (length < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    return guarded_copy(buffer, value, size) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

static NTSTATUS answer_basic(PVOID buffer, ULONG length, PULONG ret_length)
{
    struct mm_memory memory;
    ULONG pages = pressure_read(&memory) ? (ULONG)(memory.total / PAGE_SIZE) : 0;
    SYSTEM_BASIC_INFORMATION basic = {
        .TimerResolution = 156250,
        .PageSize = PAGE_SIZE,
        .NumberOfPhysicalPages = pages,
        .LowestPhysicalPageNumber = 1,
        .HighestPhysicalPageNumber = pages,
        .AllocationGranularity = ALLOCATION_GRANULARITY,
        .MinimumUserModeAddress = MM_LOWEST_ADDRESS,
        .MaximumUserModeAddress = MM_HIGHEST_ADDRESS,
        .ActiveProcessorsAffinityMask = processor_mask(),
        .NumberOfProcessors = (BYTE)processor_count(),
    };
    return answer(&basic, sizeof basic, buffer, length, ret_length);
}

static NTSTATUS answer_time_of_day(PVOID buffer, ULONG length, PULONG ret_length)
{
    uint64_t now = time_system();
    SYSTEM_TIMEOFDAY_INFORMATION times = {
        .BootTime.QuadPart = (LONGLONG)(now - (uint64_t)k32_GetTickCount64() * TIME_MILLISECOND),
        .CurrentTime.QuadPart = (LONGLONG)now,
    };
    return answer(&times, sizeof times, buffer, length, ret_length);
}

NTSTATUS nt_NtQuerySystemInformation(DWORD SystemInformationClass, PVOID SystemInformation,
                                     ULONG SystemInformationLength, PULONG ReturnLength)
{
    switch (SystemInformationClass) {
    case 0: /* SystemBasicInformation */
        return answer_basic(SystemInformation, SystemInformationLength, ReturnLength);
    case 3: /* SystemTimeOfDayInformation */
        return answer_time_of_day(SystemInformation, SystemInformationLength, ReturnLength);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
