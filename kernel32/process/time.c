/* Clocks: performance counter, ticks, system time, interrupt time; all from the host's clocks
 * without system calls. */
#include <time.h>
#include "kernel32/face.h"
#include "kernel32/process/filetime.h"
#include "kernel32/process/wait.h"

#define EPOCH_DIFFERENCE                                                                           \
    116444736000000000ull  /* 100 ns from 1601 to 1970 (sdk-api minwinbase/FILETIME) */
#define SECOND 10000000ull /* in 100 ns */

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now); /* cannot fail: the clocks we name are always there */
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec / 100;
}

uint64_t time_monotonic(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t time_system(void)
{
    return clock_read(CLOCK_REALTIME) + EPOCH_DIFFERENCE;
}

uint64_t time_deadline(DWORD milliseconds)
{
    if (milliseconds == 0)
        return 0;
    return milliseconds == INFINITE ? TIME_NEVER
                                    : time_monotonic() + (uint64_t)milliseconds * TIME_MILLISECOND;
}

uint64_t time_deadline_nt(const LARGE_INTEGER *timeout)
{
    if (!timeout)
        return TIME_NEVER;
    int64_t value = timeout->QuadPart;
    if (value == 0)
        return 0;
    uint64_t now = time_monotonic(), deadline;
    if (value < 0) {
        uint64_t ahead = -(uint64_t)value;
        return __builtin_add_overflow(now, ahead, &deadline) ? TIME_NEVER : deadline;
    }
    uint64_t system = time_system();
    return (uint64_t)value <= system ? 0 : now + ((uint64_t)value - system);
}

BOOL k32_QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount)
{
    lpPerformanceCount->QuadPart = (LONGLONG)time_monotonic();
    return TRUE;
}

BOOL k32_QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency)
{
    lpFrequency->QuadPart = SECOND;
    return TRUE;
}

NTSTATUS nt_NtQueryPerformanceCounter(PLARGE_INTEGER PerformanceCounter,
                                      PLARGE_INTEGER PerformanceFrequency)
{
    PerformanceCounter->QuadPart = (LONGLONG)time_monotonic();
    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = SECOND;
    return STATUS_SUCCESS;
}

void k32_GetSystemTimePreciseAsFileTime(LPFILETIME lpSystemTimeAsFileTime)
{
    *lpSystemTimeAsFileTime = filetime(time_system());
}

void k32_GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime)
{
    *lpSystemTimeAsFileTime = filetime(time_system());
}

NTSTATUS nt_NtQuerySystemTime(PLARGE_INTEGER SystemTime)
{
    SystemTime->QuadPart = (LONGLONG)time_system();
    return STATUS_SUCCESS;
}

ULONGLONG k32_GetTickCount64(void)
{
    return clock_read(CLOCK_BOOTTIME) / TIME_MILLISECOND;
}

DWORD k32_GetTickCount(void)
{
    return (DWORD)k32_GetTickCount64();
}

void k32_QueryInterruptTime(PULONGLONG lpInterruptTime)
{
    *lpInterruptTime = clock_read(CLOCK_BOOTTIME);
}

void k32_QueryInterruptTimePrecise(PULONGLONG lpInterruptTimePrecise)
{
    *lpInterruptTimePrecise = clock_read(CLOCK_BOOTTIME);
}

BOOL k32_QueryUnbiasedInterruptTime(PULONGLONG UnbiasedTime)
{
    *UnbiasedTime = time_monotonic();
    return TRUE;
}

void k32_QueryUnbiasedInterruptTimePrecise(PULONGLONG lpUnbiasedInterruptTimePrecise)
{
    *lpUnbiasedInterruptTimePrecise = time_monotonic();
}

BOOL k32_GetSystemTimeAdjustment(PDWORD lpTimeAdjustment, PDWORD lpTimeIncrement,
                                 PBOOL lpTimeAdjustmentDisabled)
{
    *lpTimeAdjustment = *lpTimeIncrement = 156250; /* 15.625 ms, the tick of Windows, in 100 ns */
    *lpTimeAdjustmentDisabled = TRUE;
    return TRUE;
}

/* Our waits end within microseconds of their time whatever the period is: any valid one is granted.
 */
#define TIMERR_NOERROR 0

UINT winmm_timeBeginPeriod(UINT uPeriod)
{
    return uPeriod == 0 ? TIMERR_NOCANDO : TIMERR_NOERROR;
}

UINT winmm_timeEndPeriod(UINT uPeriod)
{
    return uPeriod == 0 ? TIMERR_NOCANDO : TIMERR_NOERROR;
}

DWORD winmm_timeGetTime(void)
{
    return k32_GetTickCount();
}

#define FINEST_RESOLUTION   5000u /* 0.5 ms and 15.625 ms, as Windows has them, in 100 ns */
#define COARSEST_RESOLUTION 156250u

NTSTATUS nt_NtQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime)
{
    *MaximumTime = COARSEST_RESOLUTION;
    *MinimumTime = *CurrentTime = FINEST_RESOLUTION;
    return STATUS_SUCCESS;
}

NTSTATUS nt_NtSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution, PULONG ActualTime)
{
    *ActualTime = FINEST_RESOLUTION; /* whatever is desired: waits end at their time */
    return STATUS_SUCCESS;
}
